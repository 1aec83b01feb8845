"""What Etsy's receipts say, and what they may not say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.etsy import mapping
from engine.demo.channels.etsy import DemoEtsy
from engine.domain.carriers import CARRIERS
from engine.errors import Refused, Unreadable
from engine.ports import Address, ChannelOrder, ChannelState, Payment, Raw
from tests.connectors.etsy.conftest import parcel, sale

Json = dict[str, Any]
Change = Callable[[Json], None]


def read(change: Change | None = None, **more: Any) -> ChannelOrder:
    """A receipt of two mugs and a tea, with a change."""
    sim = DemoEtsy(seed=1)
    order_id = sim.place(sale(("BB-MUG-01", 2), ("BB-TEA-01", 1), **more))
    if change is not None:
        change(sim.receipts[order_id])
    return mapping.read(Raw(order_id, json.dumps(sim.receipts[order_id]).encode()))


def having(**changes: Any) -> Change:
    return lambda receipt: receipt.update(changes)


def first(**changes: Any) -> Change:
    return lambda receipt: receipt["transactions"][0].update(changes)


def test_a_receipt_says_who_gets_what() -> None:
    placed = datetime(2026, 3, 4, 15, 0, 7, tzinfo=UTC)
    order = read(note="Ring twice", shipping=595, rate="Express", placed_at=placed)
    assert order.external_id == order.number == "3000000001"
    assert (order.state, order.payment) == (ChannelState.OPEN, Payment.PAID)
    assert (order.currency, order.total, order.shipping_total) == ("USD", 3 * 1450 + 595, 595)
    assert [(line.external_id, line.sku, line.quantity, line.unit_price) for line in order.lines] == [
        ("4100000001", "BB-MUG-01", 2, 1450), ("4100000002", "BB-TEA-01", 1, 1450),
    ]  # fmt: skip
    assert order.ship_to == Address(
        name="Ada Byron", line1="1 Main Street", city="Springfield", region="IL", postal_code="62701", country="US",
        email="ada@example.com",
    )  # fmt: skip
    assert (order.shipping_rate, order.note, order.placed_at) == ("Express", "Ring twice", placed)


@pytest.mark.parametrize(
    ("changes", "state", "payment"),
    [
        ({}, ChannelState.OPEN, Payment.PAID),
        ({"status": "Paid"}, ChannelState.OPEN, Payment.PAID),
        ({"status": "open", "is_paid": False}, ChannelState.PENDING, Payment.UNPAID),
        ({"status": "open"}, ChannelState.OPEN, Payment.PAID),
        ({"status": "payment processing", "is_paid": False}, ChannelState.PENDING, Payment.UNPAID),
        ({"status": "payment processing"}, ChannelState.PENDING, Payment.PAID),
        ({"status": "Completed", "is_shipped": True}, ChannelState.SHIPPED, Payment.PAID),
        ({"status": "completed"}, ChannelState.SHIPPED, Payment.PAID),
        ({"status": "canceled"}, ChannelState.CANCELED, Payment.PAID),
        ({"status": "canceled", "is_shipped": True}, ChannelState.CANCELED, Payment.PAID),
        ({"status": "fully refunded"}, ChannelState.CANCELED, Payment.REFUNDED),
        ({"status": "fully refunded", "is_shipped": True}, ChannelState.SHIPPED, Payment.REFUNDED),
        ({"status": "partially refunded"}, ChannelState.OPEN, Payment.PARTIALLY_REFUNDED),
        ({"refunds": [{"amount": None}]}, ChannelState.OPEN, Payment.PARTIALLY_REFUNDED),
    ],
)
def test_where_it_stands(changes: Json, state: ChannelState, payment: Payment) -> None:
    order = read(having(**changes))
    assert (order.state, order.payment) == (state, payment)
    assert [line.shipped for line in order.lines] == ([2, 1] if state is ChannelState.SHIPPED else [0, 0])
    assert [line.canceled for line in order.lines] == ([2, 1] if state is ChannelState.CANCELED else [0, 0])


def test_what_the_buyer_chose_is_in_the_title_and_the_gift_in_the_note() -> None:
    order = read(
        first(
            variations=[
                {"formatted_name": "Colour", "formatted_value": "Blue"},
                {"formatted_name": "Personalization", "formatted_value": "For Ada"},
            ],
            sku=None,
        )
    )
    assert order.lines[0].title == "Stoneware mug (Colour: Blue, Personalization: For Ada)"
    assert order.lines[0].sku == ""
    gift = read(having(is_gift=True, gift_message="Happy birthday"), note="Ring twice")
    assert gift.note == "Ring twice\nGift message: Happy birthday"


def test_files_are_no_lines_and_rates_are_joined() -> None:
    order = read(first(is_digital=True))
    assert [line.sku for line in order.lines] == ["BB-TEA-01"]
    two = read(first(shipping_upgrade=None, shipping_method="Standard"), rate="Express")
    assert two.shipping_rate == "Standard + Express"
    assert read(first(shipping_upgrade=None, shipping_method=None), rate="Express").shipping_rate == "Express"


@pytest.mark.parametrize(
    ("currency", "amount", "divisor", "minor"),
    [("USD", 1999, 100, 1999), ("JPY", 1500, 1, 1500), ("JPY", 150000, 100, 1500)],
)
def test_amounts_are_divided(currency: str, amount: int, divisor: int, minor: int) -> None:
    money = mapping.Money(amount, divisor, currency)
    assert mapping._amount(money, currency, "grandtotal") == minor


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (having(status="lost"), "status"),
        (having(grandtotal={"amount": 1, "divisor": 0, "currency_code": "USD"}), "grandtotal"),
        (having(grandtotal={"amount": 1, "divisor": 1000, "currency_code": "USD"}), "grandtotal"),
        (having(total_tax_cost={"amount": 1, "divisor": 100, "currency_code": "EUR"}), "total_tax_cost"),
        (having(created_timestamp=10**18), "created_timestamp"),
        (having(updated_timestamp="today"), "updated_timestamp"),
        (having(transactions=None), "transactions"),
        (first(quantity=0), "transactions[0].quantity"),
        (first(price={"amount": 1450, "divisor": 100, "currency_code": "CAD"}), "transactions[0].price"),
        (first(quantity="two"), "transactions[0].quantity"),
    ],
)
def test_what_is_unknown_is_unreadable_and_says_where(change: Change, field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(change)
    assert caught.value.field == field
    assert caught.value.message.startswith("Etsy order 3000000001: ")


# --- parcels and listings ---------------------------------------------------------------------------------------------


def test_carriers_are_spelled_as_Etsy_does() -> None:
    assert set(mapping.CARRIERS) <= set(CARRIERS)
    assert mapping.tracking(parcel("1", carrier="royal_mail")) == {
        "tracking_code": "1Z999AA10123456784", "carrier_name": "royal-mail", "send_bcc": False,
    }  # fmt: skip


def test_another_carrier_is_named_to_the_buyer_with_its_page() -> None:
    body = mapping.tracking(
        parcel("1", "KW-7", carrier="", carrier_name="Kiwi Express", tracking_url="https://k.nz/KW-7")
    )
    assert (body["carrier_name"], body["note_to_buyer"]) == ("other", "Kiwi Express KW-7: https://k.nz/KW-7")
    assert "note_to_buyer" not in mapping.tracking(parcel("1", carrier="", carrier_name=""))
    with pytest.raises(Refused, match="has no tracking number"):
        mapping.tracking(parcel("1", ""))


def test_a_parcel_is_known_by_the_letters_of_its_number() -> None:
    there = (mapping.Shipment(7, "1z 999-aa"), mapping.Shipment(None, "KW7"), mapping.Shipment(9, None))
    assert mapping.reference_of(there, parcel("1", "1Z999AA")) == "7"
    assert mapping.reference_of(there, parcel("1", "KW-7")) == "KW7"
    assert mapping.reference_of(there, parcel("1", "1Z999A")) is None


def test_a_listing_offers_each_of_its_products() -> None:
    shop = DemoEtsy().listings
    items = mapping.listed(msgspec.Raw(json.dumps(shop[0]).encode()))
    sku = shop[0]["skus"][0]
    assert [(item.sku, item.active) for item in items] == [(sku, True), (f"{sku}-GIFT", True)]
    assert items[1].title == f"{shop[0]['title']} (Gift box)"
    assert len({item.external_id for item in items}) == 2
    off = {**shop[0], "state": "sold_out"}
    assert not any(item.active for item in mapping.listed(msgspec.Raw(json.dumps(off).encode())))
    bare = {"listing_id": 7, "title": "Mug", "state": "active", "skus": ["A", "A", "B"]}
    assert [item.sku for item in mapping.listed(msgspec.Raw(json.dumps(bare).encode()))] == ["A", "B"]
    with pytest.raises(Unreadable, match="listing"):
        mapping.listed(msgspec.Raw(b'{"listing_id": "seven"}'))
