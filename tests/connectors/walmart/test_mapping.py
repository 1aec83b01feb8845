"""What a Walmart order is taken to say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.walmart.mapping import read
from engine.errors import Unreadable
from engine.ports import Address, CancelWish, ChannelState, Payment, Raw


def status(name: str, pieces: int, **more: Any) -> dict[str, Any]:
    return {"status": name, "statusQuantity": {"unitOfMeasurement": "EACH", "amount": str(pieces)}, **more}


def charge(amount: float, kind: str = "PRODUCT", name: str = "ItemPrice", tax: float | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "chargeType": kind, "chargeName": name, "chargeAmount": {"currency": "USD", "amount": amount}
    }  # fmt: skip
    return told | ({"tax": {"taxName": "Tax1", "taxAmount": {"currency": "USD", "amount": tax}}} if tax else {})


def line(number: str, pieces: int, *statuses: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "lineNumber": number,
        "item": {"productName": "Stoneware mug", "sku": f"SKU-{number}"},
        "charges": {"charge": [charge(14.5 * pieces)]},
        "orderLineQuantity": {"unitOfMeasurement": "EACH", "amount": str(pieces)},
        "statusDate": 1_793_000_000_000,
        "orderLineStatuses": {"orderLineStatus": list(statuses) or [status("Created", pieces)]},
        **more,
    }


def order(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    address = {
        "name": "Ada Byron", "address1": "1 Main Street", "address2": None, "city": "Springfield", "state": "IL",
        "postalCode": "62701", "country": "USA", "addressType": "RESIDENTIAL",
    }  # fmt: skip
    return {
        "purchaseOrderId": "1796277083022",
        "customerOrderId": "5281956426648",
        "customerEmailId": "3A31@relay.walmart.com",
        "orderDate": 1_792_990_000_000,
        "shippingInfo": {
            "phone": "3155598681", "estimatedDeliveryDate": 1, "estimatedShipDate": 1, "methodCode": "Value",
            "postalAddress": address,
        },
        "orderLines": {"orderLine": list(lines)},
        **more,
    }  # fmt: skip


def said(*lines: dict[str, Any], **more: Any) -> Any:
    return read(Raw("1796277083022", msgspec.json.encode(order(*lines, **more))))


def test_an_order_reads_with_everything() -> None:
    first = line("1", 2, charges={"charge": [
        charge(29, tax=2.32), charge(-3, name="SubscriptionDiscount"), charge(5.95, "SHIPPING", "Shipping", tax=0.48),
    ]})  # fmt: skip
    second = line("4", 1, fulfillment={"fulfillmentOption": "S2H", "shippingProgramType": "TWO_DAY"})
    found = said(first, second)
    assert (found.external_id, found.number) == ("1796277083022", "5281956426648")
    assert (found.state, found.payment, found.currency) == (ChannelState.OPEN, Payment.PAID, "USD")
    assert (found.total, found.tax_total, found.shipping_total, found.discount_total) == (4925, 280, 595, 300)
    assert [(x.external_id, x.sku, x.quantity, x.unit_price) for x in found.lines] == [
        ("1", "SKU-1", 2, 1450), ("4", "SKU-4", 1, 1450)
    ]  # fmt: skip
    assert found.shipping_rate == "Value TWO_DAY"
    assert found.placed_at == datetime.fromtimestamp(1_792_990_000, UTC)
    assert found.updated_at == datetime.fromtimestamp(1_793_000_000, UTC)
    assert found.ship_to == Address(
        name="Ada Byron", line1="1 Main Street", city="Springfield", region="IL", postal_code="62701", country="US",
        phone="3155598681", email="3A31@relay.walmart.com",
    )  # fmt: skip


def test_the_order_s_own_total_says_whether_charges_are_for_a_piece_or_for_the_line() -> None:
    each = line("1", 3, charges={"charge": [charge(14.5, tax=1.5)]})
    total = {"totalAmount": {"currencyAmount": 48.0, "currencyUnit": "USD"}}
    found = said(each, orderSummary=total)
    assert (found.lines[0].unit_price, found.total, found.tax_total) == (1450, 4800, 450)
    whole = said(line("1", 3, charges={"charge": [charge(43.5, tax=4.5)]}), orderSummary=total)
    assert (whole.lines[0].unit_price, whole.total, whole.tax_total) == (1450, 4800, 450)
    assert said(each).lines[0].unit_price == 483


@pytest.mark.parametrize(
    ("statuses", "state", "canceled", "shipped"),
    [
        ([status("Created", 3)], ChannelState.OPEN, 0, 0),
        ([status("Acknowledged", 2), status("Cancelled", 1)], ChannelState.OPEN, 1, 0),
        ([status("Acknowledged", 1), status("Shipped", 2)], ChannelState.PARTIALLY_SHIPPED, 0, 2),
        ([status("Shipped", 1), status("Delivered", 1), status("Cancelled", 1)], ChannelState.SHIPPED, 1, 2),
        ([status("Shipped", 2), status("Refund", 1)], ChannelState.SHIPPED, 0, 3),
        ([status("Shipped", 3), status("Refund", 1)], ChannelState.SHIPPED, 0, 3),
        ([status("Cancelled", 3)], ChannelState.CANCELED, 3, 0),
    ],
)
def test_pieces_are_counted_by_their_statuses(
    statuses: list[dict[str, Any]], state: ChannelState, canceled: int, shipped: int
) -> None:
    found = said(line("1", 3, *statuses))
    assert (found.state, found.lines[0].canceled, found.lines[0].shipped) == (state, canceled, shipped)


@pytest.mark.parametrize(
    ("amounts", "payment"),
    [([], Payment.PAID), ([-5.0], Payment.PARTIALLY_REFUNDED), ([-5.0, 38.5], Payment.REFUNDED)],
)
def test_money_that_went_back_is_seen(amounts: list[float], payment: Payment) -> None:
    charges = [{"refundReason": "DamagedItem", "charge": charge(amount)} for amount in amounts]
    refund = {"refund": {"refundCharges": {"refundCharge": charges}}} if amounts else {}
    assert said(line("1", 3, status("Shipped", 3), **refund)).payment is payment


def test_a_customer_who_asks_to_cancel_is_noted() -> None:
    found = said(line("1", 1, intentToCancel="true"), line("2", 1, intentToCancel="false"), line("3", 1))
    assert (found.cancel_wish, found.note, found.state) == (CancelWish(lines=("1",)), "", ChannelState.OPEN)


def _other_country(value: dict[str, Any]) -> None:
    value["shippingInfo"]["postalAddress"]["country"] = "ATL"


@pytest.mark.parametrize(
    ("spoil", "field", "words"),
    [
        (lambda o: o["orderLines"]["orderLine"][0].update(line("1", 1, status("OnItsWay", 1))),
         "orderLines.orderLine[0].orderLineStatuses", "'OnItsWay'"),
        (lambda o: o["orderLines"]["orderLine"][0].update(line("1", 3, status("Shipped", 1))),
         "orderLines.orderLine[0].orderLineStatuses", "3 pieces, and its statuses are of 1"),
        (lambda o: o["orderLines"]["orderLine"][0]["orderLineQuantity"].update(amount="1.5"), "orderLines.amount", "'1.5'"),
        (_other_country, "shippingInfo.postalAddress.country", "'ATL'"),
        (lambda o: o["orderLines"]["orderLine"][0]["item"].pop("sku"), "orderLines.orderLine[0].item.sku", "sku"),
        (lambda o: o["orderLines"].update(orderLine=[]), "orderLines.charges", "one currency"),
        (lambda o: o.update(orderDate=10**18), "orderDate", "milliseconds"),
        (lambda o: o["orderLines"]["orderLine"][0]["charges"]["charge"][0]["chargeAmount"].update(amount=1.005),
         "charge ItemPrice", "more decimals"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_never_guessed(
    spoil: Callable[[dict[str, Any]], None], field: str, words: str
) -> None:
    told = order(line("1", 1))
    spoil(told)
    with pytest.raises(Unreadable) as caught:
        read(Raw("1796277083022", msgspec.json.encode(told)))
    assert caught.value.field == field
    assert words in caught.value.message
    assert "Walmart order 1796277083022" in caught.value.message
