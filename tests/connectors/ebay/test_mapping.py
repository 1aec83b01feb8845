"""What eBay's orders say, and what they may not say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from engine import clock
from engine.connectors.channels.ebay import mapping
from engine.demo.channels.ebay import DemoEbay
from engine.errors import Refused, Unreadable
from engine.ports import Address, CancelWish, ChannelOrder, ChannelState, Payment, Raw
from tests.connectors.ebay.conftest import parcel, sale

Json = dict[str, Any]
Change = Callable[[Json], None]


def made(change: Change | None = None, fulfillments: Any = (), **more: Any) -> Raw:
    """An order of two mugs and a tea, as getOrder tells it, with a change."""
    sim = DemoEbay(seed=1)
    order = sim.orders[sim.place(sale(("BB-MUG-01", 2), ("BB-TEA-01", 1), **more))]
    if change is not None:
        change(order)
    return Raw(order["orderId"], json.dumps({"order": order, "fulfillments": list(fulfillments)}).encode())


def read(change: Change | None = None, fulfillments: Any = (), **more: Any) -> ChannelOrder:
    return mapping.read(made(change, fulfillments, **more))


def at(path: str, value: Any) -> Change:
    """Sets what stands at a path (``cancelStatus.cancelState``, ``lineItems.0.sku``), or takes it away where it is None."""

    def change(order: Json) -> None:
        target: Any = order
        *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
        for step in steps:
            target = target[step]
        if value is None:
            del target[last]
        else:
            target[last] = value

    return change


def both(*changes: Change) -> Change:
    def change(order: Json) -> None:
        for one in changes:
            one(order)

    return change


def test_an_order_says_who_gets_what() -> None:
    order = read(note="Ring twice", shipping=595, rate="USPSPriority")
    assert order.external_id == order.number
    assert (order.state, order.payment) == (ChannelState.OPEN, Payment.PAID)
    assert (order.currency, order.total, order.shipping_total) == ("USD", 3 * 1450 + 595, 595)
    assert [(line.sku, line.quantity, line.unit_price) for line in order.lines] == [
        ("BB-MUG-01", 2, 1450), ("BB-TEA-01", 1, 1450),
    ]  # fmt: skip
    assert order.ship_to == Address(
        name="Ada Byron", line1="1 Main Street", city="Springfield", region="IL", postal_code="62701", country="US",
        phone="+12175550100", email="ada@example.com",
    )  # fmt: skip
    assert (order.shipping_rate, order.note, order.email) == ("USPSPriority", "Ring twice", "ada@example.com")
    assert order.placed_at.tzinfo is UTC
    assert order.bill_to == order.ship_to


def test_the_buyers_mail_is_known_longer_by_the_account() -> None:
    gone = at("fulfillmentStartInstructions.0.shippingStep.shipTo.email", None)
    assert read(gone).email == "ada@example.com"
    unknown = read(both(gone, at("buyer.buyerRegistrationAddress", None)))
    assert (unknown.email, unknown.bill_to) == ("", None)


def test_discounts_are_told_apart() -> None:
    order = read(
        both(
            at("pricingSummary.priceDiscount", {"value": "-5.0", "currency": "USD"}),
            at("pricingSummary.deliveryDiscount", {"value": "-2.95", "currency": "USD"}),
            at("pricingSummary.tax", {"value": "1.2", "currency": "USD"}),
        ),
        shipping=595,
    )
    assert (order.discount_total, order.shipping_total, order.tax_total) == (500, 300, 120)


def test_a_parcel_for_abroad_goes_to_the_warehouse_under_its_reference() -> None:
    step = "fulfillmentStartInstructions.0.shippingStep"
    order = read(
        both(
            at(f"{step}.shipToReferenceId", "V8-REF-123"),
            at(f"{step}.shipTo.contactAddress.addressLine2", "Building 4"),
            at(f"{step}.shipTo.companyName", "Global Shipping"),
        )
    )
    assert (order.ship_to.line2, order.ship_to.company) == ("Building 4, Reference #V8-REF-123", "Global Shipping")


@pytest.mark.parametrize(
    ("status", "payments", "refunds", "payment", "state"),
    [
        ("PAID", ["PAID"], [], Payment.PAID, ChannelState.OPEN),
        ("PENDING", ["PENDING"], [], Payment.UNPAID, ChannelState.PENDING),
        ("FAILED", ["FAILED"], [], Payment.UNPAID, ChannelState.PENDING),
        ("PENDING", ["PAID"], [("PENDING", "10.00")], Payment.PARTIALLY_REFUNDED, ChannelState.OPEN),
        ("PENDING", ["PAID"], [("PENDING", "43.50")], Payment.PARTIALLY_REFUNDED, ChannelState.PENDING),
        ("FAILED", ["PAID"], [("FAILED", "43.50")], Payment.PAID, ChannelState.OPEN),
        ("PARTIALLY_REFUNDED", ["PAID"], [("REFUNDED", "10.00")], Payment.PARTIALLY_REFUNDED, ChannelState.OPEN),
        ("FULLY_REFUNDED", ["PAID"], [("REFUNDED", "43.50")], Payment.REFUNDED, ChannelState.CANCELED),
    ],
)
def test_what_is_paid_and_what_goes_back(
    status: str, payments: list[str], refunds: list[tuple[str, str]], payment: Payment, state: ChannelState
) -> None:
    order = read(
        both(
            at("orderPaymentStatus", status),
            at("paymentSummary.payments", [{"paymentStatus": one} for one in payments]),
            at(
                "paymentSummary.refunds",
                [{"refundStatus": how, "amount": {"value": value, "currency": "USD"}} for how, value in refunds],
            ),
        )
    )
    assert (order.payment, order.state) == (payment, state)
    assert [line.canceled for line in order.lines] == ([2, 1] if state is ChannelState.CANCELED else [0, 0])


@pytest.mark.parametrize("hold", sorted(mapping.HOLDS))
def test_a_hold_on_the_money_keeps_nothing_from_being_shipped(hold: str) -> None:
    order = read(at("paymentSummary.payments.0.paymentHolds", [{"holdState": hold, "holdReason": "NEW_SELLER"}]))
    assert (order.payment, order.state) == (Payment.PAID, ChannelState.OPEN)


def asked(state: str, *requests: str, by: str = "Buyer") -> Change:
    said = [{"cancelRequestState": r, "cancelInitiator": by, "cancelReason": "WONT_ARRIVE_IN_TIME"} for r in requests]
    return at("cancelStatus", {"cancelState": state, "cancelRequests": said})


@pytest.mark.parametrize(
    ("change", "state", "wished"),
    [
        (asked("NONE_REQUESTED"), ChannelState.OPEN, False),
        (asked("IN_PROGRESS", "REQUESTED"), ChannelState.OPEN, True),
        (asked("IN_PROGRESS", "REJECTED", "REQUESTED"), ChannelState.OPEN, True),
        (asked("IN_PROGRESS", "REJECTED"), ChannelState.OPEN, False),
        (asked("IN_PROGRESS", "COMPLETED"), ChannelState.PENDING, False),
        (asked("CANCELED", "COMPLETED"), ChannelState.CANCELED, False),
        (asked("CANCELED", "REQUESTED"), ChannelState.CANCELED, False),
        # A seller who cancels has decided already; and of whom nothing is known nobody can be asked.
        (asked("IN_PROGRESS", "REQUESTED", by="Seller"), ChannelState.PENDING, False),
        (asked("IN_PROGRESS"), ChannelState.PENDING, False),
    ],
)
def test_a_buyer_who_asks_to_cancel_is_heard_and_nothing_is_decided(
    change: Change, state: ChannelState, wished: bool
) -> None:
    order = read(change)
    assert order.state is state
    assert order.cancel_wish == (CancelWish("wont arrive in time") if wished else None)
    assert order.waits_for == ("it is being canceled there" if state is ChannelState.PENDING else "")
    assert [line.canceled for line in order.lines] == ([2, 1] if state is ChannelState.CANCELED else [0, 0])


def test_pieces_shipped_are_those_in_the_parcels() -> None:
    def change(order: Json) -> None:
        order["orderFulfillmentStatus"] = "IN_PROGRESS"
        order["lineItems"][0]["lineItemFulfillmentStatus"] = "IN_PROGRESS"
        order["lineItems"][1]["lineItemFulfillmentStatus"] = "FULFILLED"

    sim = DemoEbay(seed=1)
    first = sim.orders[sim.place(sale(("A", 2)))]["lineItems"][0]["lineItemId"]
    parcels = [{"fulfillmentId": "1Z1", "lineItems": [{"lineItemId": first, "quantity": 1}]}]
    order = read(change, parcels)
    assert order.state is ChannelState.PARTIALLY_SHIPPED
    assert [line.shipped for line in order.lines] == [1, 1]
    with pytest.raises(Unreadable, match="no fulfillment has it"):
        read(change)


def test_only_all_that_a_line_cost_paid_back_cancels_it() -> None:
    def back(*values: str) -> Change:
        return at("lineItems.0.refunds", [{"amount": {"value": value, "currency": "USD"}} for value in values])

    assert [line.canceled for line in read(back("28.99")).lines] == [0, 0]
    assert [line.canceled for line in read(back("29.00")).lines] == [2, 0]
    assert [line.canceled for line in read(back("14.50", "14.50")).lines] == [2, 0]
    discounted = at("lineItems.0.discountedLineItemCost", {"value": "20.00", "currency": "USD"})
    assert [line.canceled for line in read(both(discounted, back("20.0"))).lines] == [2, 0]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (at("orderPaymentStatus", "MAYBE"), "order.orderPaymentStatus"),
        (at("orderFulfillmentStatus", "SOMEWHAT"), "order.orderFulfillmentStatus"),
        (at("lineItems.1.lineItemFulfillmentStatus", "LOST"), "order.lineItems[1].lineItemFulfillmentStatus"),
        (at("cancelStatus.cancelState", "PERHAPS"), "order.cancelStatus.cancelState"),
        (asked("IN_PROGRESS", "WHISPERED"), "order.cancelStatus.cancelRequests[0].cancelRequestState"),
        (at("paymentSummary.payments.0.paymentStatus", "OWED"), "order.paymentSummary.payments[0].paymentStatus"),
        (
            at("paymentSummary.payments.0.paymentHolds", [{"holdState": "STUCK"}]),
            "order.paymentSummary.payments[0].paymentHolds[0].holdState",
        ),
        (at("paymentSummary.refunds", [{"refundStatus": "SOON"}]), "order.paymentSummary.refunds[0].refundStatus"),
        (at("lineItems.0.quantity", 0), "order.lineItems[0].quantity"),
        (at("lineItems.0.lineItemCost.value", "1,234.50"), "order.lineItems[0].lineItemCost"),
        (at("lineItems.0.lineItemCost.currency", "EUR"), "order.lineItems[0].lineItemCost"),
        (at("pricingSummary.total.currency", "XYZ"), "order.pricingSummary.total"),
        (at("lastModifiedDate", "yesterday"), "order.lastModifiedDate"),
        (at("lineItems.0.lineItemCost", None), "order.lineItems[0].lineItemCost"),
        (at("cancelStatus", None), "order.cancelStatus"),
        (at("lineItems.0.quantity", "two"), "order.lineItems[0].quantity"),
    ],
)
def test_what_is_unknown_is_unreadable_and_says_where(change: Change, field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(change)
    assert caught.value.field == field
    assert caught.value.message.startswith("eBay order ")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"order": 5}', b'{"order": {"orderId": "\xff"}}'])
def test_what_is_no_order_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        mapping.read(Raw("1-1", body))


# --- parcels ----------------------------------------------------------------------------------------------------------


def shipped(**changes: Any) -> Json:
    sim = DemoEbay(seed=1)
    order_id = sim.place(sale(("A", 3)))
    return mapping.shipment(parcel(sim, order_id, **changes))


@pytest.mark.parametrize(
    ("carrier", "code"),
    [("ups", "UPS"), ("ontrac", "ONTRACK"), ("dhl_express", "DHLEXPRESS"), ("purolator", "Other"), ("", "Other")],
)
def test_carriers_are_spelled_as_eBay_does(carrier: str, code: str) -> None:
    assert shipped(carrier=carrier)["shippingCarrierCode"] == code


def test_a_number_keeps_letters_and_digits_only() -> None:
    assert shipped(number="1Z 999-AA1.01/23")["trackingNumber"] == "1Z999AA10123"
    with pytest.raises(Refused, match="Seller Hub"):
        shipped(number="--")


def test_a_parcel_without_a_whole_piece_is_not_told() -> None:
    with pytest.raises(Refused) as caught:
        shipped(lines=())
    assert caught.value.code == "NO_WHOLE_PIECE"


def test_a_line_is_named_once_and_no_date_is_ahead() -> None:
    now = datetime(2026, 3, 4, 15, 0, 0, 123_999, tzinfo=UTC)
    clock.use(lambda: now)
    body = shipped(lines=(("7", 1), ("8", 1), ("7", 1)), shipped_at=datetime(2026, 3, 5, tzinfo=UTC))
    assert body["lineItems"] == [{"lineItemId": "7", "quantity": 2}, {"lineItemId": "8", "quantity": 1}]
    assert body["shippedDate"] == "2026-03-04T15:00:00.123Z"
