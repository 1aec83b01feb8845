"""Payloads and what they say."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.shopify import mapping
from engine.errors import Unreadable
from engine.ports import Address, ChannelLine, ChannelOrder, ChannelState, Parcel, Payment, Raw


def _money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount}}


def _line(number: int, quantity: int, current: int | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/LineItem/{number}", "sku": f"SKU-{number}", "name": f"Thing {number} - Blue",
        "quantity": quantity, "currentQuantity": quantity if current is None else current, "requiresShipping": True,
        "originalUnitPriceSet": _money("14.5"), **changes,
    }  # fmt: skip


ADDRESS = {
    "name": "Ada Byron", "company": None, "address1": "1 Main Street", "address2": "Flat 2", "city": "Springfield",
    "province": "Illinois", "provinceCode": "IL", "zip": "62701", "countryCodeV2": "US", "phone": None,
}  # fmt: skip
ORDER: dict[str, Any] = {
    "id": "gid://shopify/Order/4501", "name": "#1001", "createdAt": "2026-11-02T10:00:00Z",
    "processedAt": "2026-11-02T09:59:58Z", "updatedAt": "2026-11-02T10:05:00Z", "cancelledAt": None, "cancelReason": None,
    "currencyCode": "USD", "email": "ada@example.com", "phone": "+12175550100", "note": "Leave it at the door",
    "taxesIncluded": False, "displayFinancialStatus": "PAID",
    "risk": {"recommendation": "ACCEPT", "assessments": [{"riskLevel": "LOW"}]}, "shippingAddress": ADDRESS,
    "billingAddress": {**ADDRESS, "name": "Charles Babbage"}, "shippingLines": {"nodes": [{"title": "Express"}]},
    "totalPriceSet": _money("47.35"), "totalShippingPriceSet": _money("5.95"), "totalTaxSet": _money("2.4"),
    "totalDiscountsSet": _money("4.5"), "fulfillmentsCount": {"count": 0},
    "lineItems": {"nodes": [_line(1, 3), _line(2, 1)], "pageInfo": {"hasNextPage": False, "endCursor": None}},
    "fulfillmentOrders": {
        "nodes": [
            {"id": "gid://shopify/FulfillmentOrder/7", "status": "OPEN", "fulfillAt": None, "fulfillmentHolds": [],
             "assignedLocation": {"name": "Main Street"}}
        ],
        "pageInfo": {"hasNextPage": False, "endCursor": None},
    },
}  # fmt: skip


def _raw(*sent: tuple[str, dict[int, int]], **changes: Any) -> Raw:
    """The order with changes; ``sent`` are fulfillments: (status, pieces by line)."""
    order = copy.deepcopy(ORDER) | changes
    fulfillments = [
        {
            "fulfillment": {"id": f"gid://shopify/Fulfillment/{at}", "status": status, "trackingInfo": []},
            "lines": [
                {"quantity": pieces, "lineItem": {"id": f"gid://shopify/LineItem/{line}"}}
                for line, pieces in lines.items()
            ],
        }
        for at, (status, lines) in enumerate(sent, 90)
    ]
    return Raw("4501", msgspec.json.encode({"order": order, "fulfillments": fulfillments}))


def _read(*sent: tuple[str, dict[int, int]], **changes: Any) -> ChannelOrder:
    return mapping.read(_raw(*sent, **changes))


def _part(status: str, **changes: Any) -> dict[str, Any]:
    part = {**ORDER["fulfillmentOrders"]["nodes"][0], "status": status, **changes}
    return {
        "nodes": [ORDER["fulfillmentOrders"]["nodes"][0], part],
        "pageInfo": {"hasNextPage": False, "endCursor": None},
    }


def _lines(*lines: dict[str, Any]) -> dict[str, Any]:
    return {"nodes": list(lines), "pageInfo": {"hasNextPage": False, "endCursor": None}}


def test_an_order_is_read_with_all_it_says() -> None:
    home = Address(
        name="Ada Byron", line1="1 Main Street", line2="Flat 2", city="Springfield", region="IL", postal_code="62701",
        country="US", phone="+12175550100", email="ada@example.com",
    )  # fmt: skip
    assert _read() == ChannelOrder(
        external_id="4501", number="1001", state=ChannelState.OPEN, payment=Payment.PAID,
        placed_at=datetime(2026, 11, 2, 9, 59, 58, tzinfo=UTC), updated_at=datetime(2026, 11, 2, 10, 5, tzinfo=UTC),
        currency="USD", total=4735,
        lines=(
            ChannelLine("1", "SKU-1", "Thing 1 - Blue", 3, 1450),
            ChannelLine("2", "SKU-2", "Thing 2 - Blue", 1, 1450),
        ),
        ship_to=home, bill_to=msgspec.structs.replace(home, name="Charles Babbage", phone=""), email="ada@example.com",
        shipping_rate="Express", shipping_total=595, tax_total=240, discount_total=450, note="Leave it at the door",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "payment"),
    [
        ("PAID", Payment.PAID), ("AUTHORIZED", Payment.UNPAID), ("PENDING", Payment.UNPAID), ("EXPIRED", Payment.UNPAID),
        ("PARTIALLY_PAID", Payment.UNPAID), ("VOIDED", Payment.UNPAID), ("REFUNDED", Payment.REFUNDED),
        ("PARTIALLY_REFUNDED", Payment.PARTIALLY_REFUNDED),
    ],
)  # fmt: skip
def test_each_financial_status_is_a_payment(status: str, payment: Payment) -> None:
    assert _read(displayFinancialStatus=status).payment is payment


def test_authorized_money_is_enough_where_the_owner_says_so() -> None:
    assert mapping.read(_raw(displayFinancialStatus="AUTHORIZED"), ship_authorized=True).payment is Payment.PAID
    assert mapping.read(_raw(displayFinancialStatus="PENDING"), ship_authorized=True).payment is Payment.UNPAID


def test_a_hold_on_any_part_stops_the_order_with_its_reasons() -> None:
    holds = [
        {"reason": "INCORRECT_ADDRESS", "displayReason": "Incorrect address", "reasonNotes": "Is it 62702?"},
        {"reason": "OTHER", "displayReason": "Other", "reasonNotes": None},
    ]
    order = _read(fulfillmentOrders=_part("ON_HOLD", fulfillmentHolds=holds))
    assert order.state is ChannelState.PENDING
    assert order.waits_for == "on hold at Main Street: Incorrect address (Is it 62702?); Other"
    assert order.fraud is None


def test_a_scheduled_part_waits_for_its_day() -> None:
    order = _read(fulfillmentOrders=_part("SCHEDULED", fulfillAt="2026-12-24T00:00:00Z"))
    assert (order.state, order.waits_for) == (ChannelState.PENDING, "scheduled for 2026-12-24 at Main Street")


def test_an_order_waits_until_its_risk_is_assessed() -> None:
    order = _read(risk={"recommendation": "NONE", "assessments": [{"riskLevel": "PENDING"}]})
    assert (order.state, order.fraud) == (ChannelState.PENDING, None)
    assert order.waits_for == "its risk of fraud is still being assessed"


@pytest.mark.parametrize(
    ("recommendation", "level", "said"),
    [
        ("ACCEPT", "LOW", None), ("NONE", "NONE", None), ("ACCEPT", "MEDIUM", None),
        ("INVESTIGATE", "MEDIUM", "Shopify advises to look into it before it ships"),
        ("CANCEL", "HIGH", "Shopify advises to cancel it; a high risk of fraud was found"),
        ("NONE", "HIGH", "a high risk of fraud was found"),
    ],
)  # fmt: skip
def test_a_risk_is_said(recommendation: str, level: str, said: str | None) -> None:
    order = _read(risk={"recommendation": recommendation, "assessments": [{"riskLevel": level}]})
    assert (order.fraud, order.state) == (said, ChannelState.OPEN)


def test_a_hold_for_fraud_is_a_risk_too() -> None:
    holds = [{"reason": "HIGH_RISK_OF_FRAUD", "displayReason": "Hohes Betrugsrisiko", "reasonNotes": None}]
    order = _read(fulfillmentOrders=_part("ON_HOLD", fulfillmentHolds=holds))
    assert order.fraud == "it is on hold for a high risk of fraud"


def test_what_was_refunded_before_it_left_is_canceled_and_after_it_is_a_return() -> None:
    order = _read(("SUCCESS", {1: 2}), lineItems=_lines(_line(1, 3, current=1), _line(2, 1)))
    assert [(line.shipped, line.canceled) for line in order.lines] == [(2, 1), (0, 0)]
    assert order.state is ChannelState.PARTIALLY_SHIPPED


def test_fulfillments_that_came_to_nothing_count_for_nothing() -> None:
    order = _read(("CANCELLED", {1: 3}), ("ERROR", {1: 3}), ("FAILURE", {2: 1}))
    assert [line.shipped for line in order.lines] == [0, 0]
    assert order.state is ChannelState.OPEN


def test_an_order_is_shipped_once_nothing_of_it_is_left() -> None:
    order = _read(("SUCCESS", {1: 2}), ("SUCCESS", {1: 1}), lineItems=_lines(_line(1, 3), _line(2, 1, current=0)))
    assert order.state is ChannelState.SHIPPED
    held = _read(("SUCCESS", {1: 3, 2: 1}), fulfillmentOrders=_part("ON_HOLD"))
    assert held.state is ChannelState.SHIPPED  # the hold stops nothing any more


def test_an_order_of_which_everything_was_taken_back_is_canceled() -> None:
    assert _read(lineItems=_lines(_line(1, 3, current=0))).state is ChannelState.CANCELED


def test_a_canceled_order_is_canceled_whatever_its_lines_say() -> None:
    order = _read(("SUCCESS", {1: 1}), cancelledAt="2026-11-02T11:00:00Z", fulfillmentOrders=_part("ON_HOLD"))
    assert (order.state, order.waits_for) == (ChannelState.CANCELED, "")
    assert [(line.shipped, line.canceled) for line in order.lines] == [(1, 2), (0, 1)]


def test_what_needs_no_shipping_is_left_out() -> None:
    order = _read(lineItems=_lines(_line(1, 1), _line(2, 1, requiresShipping=False, sku=None), _line(3, 0)))
    assert [line.sku for line in order.lines] == ["SKU-1"]


def test_what_may_be_null_may_be_null() -> None:
    order = _read(
        email=None, phone=None, note=None, shippingAddress=None, billingAddress=None, totalTaxSet=None, totalDiscountsSet=None,
        shippingLines={"nodes": []}, lineItems=_lines(_line(1, 1, sku=None)),
    )  # fmt: skip
    assert (order.ship_to, order.bill_to, order.lines[0].sku, order.shipping_rate) == (Address(), None, "", "")


def test_a_number_keeps_the_store_s_own_prefix() -> None:
    assert [_read(name=name).number for name in ("#1001", "EU-1001-A", "#B#7")] == ["1001", "EU-1001-A", "B#7"]


@pytest.mark.parametrize(("currency", "amount", "minor"), [("JPY", "1450.0", 1450), ("KWD", "14.505", 14505)])
def test_money_has_the_decimals_of_its_currency(currency: str, amount: str, minor: int) -> None:
    zero = dict.fromkeys(("totalShippingPriceSet", "totalTaxSet", "totalDiscountsSet"), _money("0.0"))
    lines = _lines(_line(1, 1, originalUnitPriceSet=_money(amount)))
    order = _read(currencyCode=currency, totalPriceSet=_money(amount), lineItems=lines, **zero)
    assert (order.total, order.lines[0].unit_price) == (minor, minor)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"displayFinancialStatus": "PLEDGED"}, "order.displayFinancialStatus"),
        ({"displayFinancialStatus": None}, "order.displayFinancialStatus"),
        ({"fulfillmentOrders": _part("PAUSED")}, "order.fulfillmentOrders.status"),
        ({"risk": {"recommendation": "PRAY", "assessments": []}}, "order.risk.recommendation"),
        ({"risk": {"recommendation": "NONE", "assessments": [{"riskLevel": "EXTREME"}]}}, "order.risk.assessments.riskLevel"),
        ({"totalPriceSet": _money("47.355")}, "order.totalPriceSet"),
        ({"lineItems": _lines(_line(1, 1, originalUnitPriceSet=_money("x")))}, "order.lineItems[0].originalUnitPriceSet"),
        ({"lineItems": _lines(_line(1, 1, current=2))}, "order.lineItems[0].currentQuantity"),
        ({"lineItems": _lines(_line(1, -1))}, "order.lineItems.nodes[0].quantity"),
        ({"updatedAt": "yesterday"}, "order.updatedAt"),
        ({"lineItems": None}, "order.lineItems"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_unreadable_and_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        _read(**changes)
    assert caught.value.field == field
    assert caught.value.message.startswith("Shopify order 4501: ")


def test_a_fulfillment_of_unknown_status_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="'TELEPORTED'"):
        _read(("TELEPORTED", {1: 1}))


def test_a_field_that_is_missing_is_named() -> None:
    order = {key: value for key, value in ORDER.items() if key != "risk"}
    with pytest.raises(Unreadable) as caught:
        mapping.read(Raw("4501", msgspec.json.encode({"order": order, "fulfillments": []})))
    assert caught.value.field == "order.risk"
    with pytest.raises(Unreadable, match="UTF-8"):
        mapping.read(Raw("4501", b'{"order": {"id": "\xff"}}'))


# --- parcels ----------------------------------------------------------------------------------------------------------


def _parcel(**changes: Any) -> Parcel:
    values: dict[str, Any] = {
        "key": "bb-1", "order_external_id": "4501", "carrier": "ups", "carrier_name": "UPS", "tracking_number": "1Z1",
        "tracking_url": "https://example.com/1Z1", "service": "", "shipped_at": datetime(2026, 11, 3, tzinfo=UTC),
        "lines": (("1", 1),), "last": True,
    }  # fmt: skip
    return Parcel(**(values | changes))


@pytest.mark.parametrize(
    ("carrier", "name", "company"),
    [
        ("ups", "UPS", "UPS"), ("lasership", "LaserShip", "Lasership"), ("bpost", "bpost", "BPost"),
        ("japan_post", "Japan Post", "Japan Post (EN)"), ("yodel", "Yodel", "Yodel"), ("", "Kiwi Express", "Kiwi Express"),
        ("kiwi", "", "kiwi"),
    ],
)  # fmt: skip
def test_a_carrier_is_spelled_as_shopify_does(carrier: str, name: str, company: str) -> None:
    assert mapping.company(_parcel(carrier=carrier, carrier_name=name)) == company


def test_a_parcel_with_others_numbers_has_them_all() -> None:
    assert mapping.tracking_input(_parcel()) == {"company": "UPS", "number": "1Z1", "url": "https://example.com/1Z1"}
    assert mapping.tracking_input(_parcel(also=("1Z2", "1Z3"))) == {
        "company": "UPS", "numbers": ["1Z1", "1Z2", "1Z3"], "urls": ["https://example.com/1Z1"],
    }  # fmt: skip
    assert "url" not in mapping.tracking_input(_parcel(tracking_url=""))
