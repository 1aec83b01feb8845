"""Asking for orders and their parts: as many in one query as its cost allows, and long connections to their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from engine.connectors import payload
from engine.connectors.channels.shopify.client import TOO_DEAR, Client, Shape
from engine.connectors.channels.shopify.documents import (
    ALL_FULFILLMENTS,
    FULFILLED_LINES,
    FULFILLMENTS,
    MORE_FULFILLMENT_ORDERS,
    MORE_LINES,
    ORDERS,
    Document,
)
from engine.connectors.channels.shopify.mapping import (
    Counted,
    FulfilledLine,
    Fulfillment,
    PageInfo,
    Shipped,
    gid,
    number,
)
from engine.errors import Refused

T = TypeVar("T")
MOST_POINTS = 800.0  # of the thousand that one query may cost
MOST_AT_ONCE = 50


class _Nodes(Shape, frozen=True):
    nodes: tuple[msgspec.Raw, ...]


class _Page(Shape, Generic[T], frozen=True):
    nodes: tuple[T, ...]
    page_info: PageInfo


class _Holder(Shape, Generic[T], frozen=True):
    page: _Page[T]


class _Held(Shape, Generic[T], frozen=True):
    node: _Holder[T] | None


class _Connection(msgspec.Struct, rename="camel"):
    nodes: list[Any]
    page_info: PageInfo


class _Sent(Shape, frozen=True):
    id: str
    fulfillments: tuple[Fulfillment, ...]
    fulfillments_count: Counted | None


class _Head(Shape, frozen=True):
    """Of an order: what has to be known to fetch the rest of it."""

    id: str
    line_items: _Connection
    fulfillment_orders: _Connection
    fulfillments_count: Counted | None


class Reader:
    """Reads from one store."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._at_once = {ORDERS.name: 4, FULFILLMENTS.name: 8, ALL_FULFILLMENTS.name: 1}

    async def orders(self, ids: Sequence[str]) -> list[bytes]:
        """The payloads of these orders that are there, with their lines and fulfillments complete.

        One that has not the shape of an order is handed on as it came: reading it says what is wrong.
        """
        bodies: list[bytes] = []
        heads: list[_Head | None] = []
        for body in await self._nodes(ORDERS, [gid("Order", one) for one in ids]):
            try:
                heads.append(msgspec.json.decode(body, type=_Head))
            except msgspec.DecodeError:
                heads.append(None)
            bodies.append(body)
        shipped = [
            head.id for head in heads if head and (head.fulfillments_count is None or head.fulfillments_count.count)
        ]
        sent = await self.fulfillments([number(one) for one in shipped])
        return [await self._payload(body, head, sent) for body, head in zip(bodies, heads, strict=True)]

    async def fulfillments(self, ids: Sequence[str]) -> dict[str, tuple[Fulfillment, ...]]:
        """The fulfillments of these orders, by the orders' numbers."""
        found: dict[str, tuple[Fulfillment, ...]] = {}
        asked = [gid("Order", one) for one in ids]
        for document in (FULFILLMENTS, ALL_FULFILLMENTS):
            more = []
            for body in await self._nodes(document, asked):
                order = payload.decode(body, _Sent, "Shopify's list of an order's fulfillments")
                found[number(order.id)] = order.fulfillments
                if order.fulfillments_count is None or order.fulfillments_count.count > len(order.fulfillments):
                    more.append(order.id)
            asked = more
        return found

    async def lines(self, fulfillment: Fulfillment) -> Shipped:
        """The fulfillment with all its lines."""
        return Shipped(fulfillment, tuple(await self.rest(FULFILLED_LINES, fulfillment.id, FulfilledLine, None)))

    async def rest(self, document: Document, owner: str, shape: type[T], after: str | None) -> list[T]:
        """What a connection of ``owner`` has after this cursor, to its end."""
        found: list[T] = []
        while True:
            answer: _Held[T] = await self._client.ask(document, {"id": owner, "after": after}, _Held[shape])  # type: ignore[valid-type]
            if answer.node is None:
                return found  # deleted meanwhile
            page = answer.node.page
            found += page.nodes
            if not page.page_info.has_next_page or page.page_info.end_cursor in (None, after):
                return found
            after = page.page_info.end_cursor

    async def _payload(self, body: bytes, head: _Head | None, sent: dict[str, tuple[Fulfillment, ...]]) -> bytes:
        if head is None:
            return msgspec.json.encode({"order": msgspec.Raw(body), "fulfillments": []})
        order: Any = msgspec.Raw(body)
        lines, parts = head.line_items.page_info, head.fulfillment_orders.page_info
        if lines.has_next_page or parts.has_next_page:
            order = msgspec.json.decode(body)
            if lines.has_next_page:
                order["lineItems"]["nodes"] += await self.rest(MORE_LINES, head.id, Any, lines.end_cursor)
            if parts.has_next_page:
                more = await self.rest(MORE_FULFILLMENT_ORDERS, head.id, Any, parts.end_cursor)
                order["fulfillmentOrders"]["nodes"] += more
        shipped = [await self.lines(one) for one in sent.get(number(head.id), ())]
        return msgspec.json.encode({"order": order, "fulfillments": shipped})

    async def _nodes(self, document: Document, ids: Sequence[str]) -> list[bytes]:
        found: list[bytes] = []
        at = 0
        while at < len(ids):
            chunk = ids[at : at + self._at_once[document.name]]
            try:
                answer = await self._client.ask(document, {"ids": chunk}, _Nodes)
            except Refused as error:
                if error.code != TOO_DEAR or len(chunk) == 1:
                    raise
                self._at_once[document.name] = max(1, len(chunk) // 2)
                continue
            found += [bytes(node) for node in answer.nodes if bytes(node) != b"null"]
            at += len(chunk)
            if cost := self._client.costs.get(document.name):
                fit = int(MOST_POINTS * len(chunk) / cost)
                self._at_once[document.name] = max(1, min(fit, MOST_AT_ONCE))
        return found
