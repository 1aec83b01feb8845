"""Canceling an order at Amazon: by an order acknowledgement feed that says it failed, since the Orders API only reads.

Amazon cancels whole orders, and only as long as nothing of them has shipped: after that it would pay all of it back.
Sources: https://developer-docs.amazon.com/sp-api/docs/order-feed-type-values, …/docs/feeds-api (version 2021-06-30)
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

from engine.connectors.channels.amazon import client as api
from engine.connectors.channels.amazon import mapping
from engine.connectors.payload import unreadable
from engine.errors import Misconfigured, Refused, TryLater, Unreadable
from engine.ports import ChannelState

_TYPE = "text/xml; charset=UTF-8"
_SHIPPED = ("PARTIALLY_SHIPPED", "SHIPPED")


class Cancelable(msgspec.Struct, rename="camel"):
    """What of an order matters for canceling it."""

    order_id: str
    sales_channel: mapping.SalesChannel
    order_items: list[mapping.Item]
    fulfillment: mapping.Fulfillment | None = None


class _Got(msgspec.Struct):
    order: Cancelable


class _Document(msgspec.Struct, rename="camel"):
    feed_document_id: str
    url: str


def cancelable(body: bytes) -> Cancelable:
    """The order in an answer of ``getOrder``; raises Unreadable."""
    try:
        return msgspec.json.decode(body, type=_Got).order
    except msgspec.DecodeError as error:
        raise unreadable(error, "Amazon's order") from error


async def cancel(client: api.Client, seller: str, order: Cancelable, lines: Sequence[tuple[str, int]]) -> None:
    """Amazon has taken the feed; the order shows as canceled some minutes later. Raises Refused, Misconfigured."""
    status = order.fulfillment.fulfillment_status if order.fulfillment else ""
    if mapping.STATES.get(status) is ChannelState.CANCELED:
        return
    subject = f"Amazon order {order.order_id}"
    if status in _SHIPPED:
        raise Refused(f"{subject} has shipped, at least in part: cancel the rest in Seller Central", status)
    wanted = dict(lines)
    for item in order.order_items:
        if lines and wanted.get(item.order_item_id, 0) < item.open:
            message = f"{subject}: Amazon cancels whole orders only; cancel parts of it in Seller Central"
            raise Refused(message, "PARTIAL")
    if not seller:
        raise Misconfigured(
            "Amazon: seller_id is not set, and Amazon cancels nothing without; it is the Merchant Token in Seller Central >"
            " Settings > Account Info"
        )
    if not order.sales_channel.marketplace_id:
        raise Unreadable(f"{subject} does not say its marketplace", field="salesChannel.marketplaceId")
    answer = await client.post(api.DOCUMENT, "/feeds/2021-06-30/documents", {"contentType": _TYPE}, effect=False)
    try:
        document = msgspec.json.decode(answer.body, type=_Document)
    except msgspec.DecodeError as error:
        raise TryLater(f"Amazon's place for a document cannot be read: {error}") from error
    await client.upload(document.url, feed(seller, order).encode(), _TYPE)
    # Canceling what is canceled does no harm either, so that a lost answer is only late.
    await client.post(
        api.FEED,
        "/feeds/2021-06-30/feeds",
        {
            "feedType": "POST_ORDER_ACKNOWLEDGEMENT_DATA",
            "marketplaceIds": [order.sales_channel.marketplace_id],
            "inputFeedDocumentId": document.feed_document_id,
        },
        effect=False,
    )


def feed(seller: str, order: Cancelable) -> str:
    """The feed: every item of the order, and why. A buyer who asked for it counts as the reason, else there is no stock."""
    items = "".join(
        f"<Item><AmazonOrderItemCode>{escape(item.order_item_id)}</AmazonOrderItemCode>"
        f"<CancelReason>{'BuyerCanceled' if item.asked else 'NoInventory'}</CancelReason></Item>"
        for item in order.order_items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:noNamespaceSchemaLocation="amzn-envelope.xsd">'
        "<Header><DocumentVersion>1.01</DocumentVersion>"
        f"<MerchantIdentifier>{escape(seller)}</MerchantIdentifier></Header>"
        "<MessageType>OrderAcknowledgement</MessageType><Message><MessageID>1</MessageID>"
        f"<OrderAcknowledgement><AmazonOrderID>{escape(order.order_id)}</AmazonOrderID>"
        f"<StatusCode>Failure</StatusCode>{items}</OrderAcknowledgement></Message></AmazonEnvelope>"
    )
