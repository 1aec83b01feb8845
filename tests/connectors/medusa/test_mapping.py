"""What a real Medusa 2.21.2 said, and what we make of it; the payloads were recorded from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.medusa import mapping
from engine.connectors.channels.medusa.connector import Config, Connector
from engine.domain.addresses import Address
from engine.errors import Unreadable
from engine.ports import ChannelOrder, ChannelState, Payment, Raw
from tests.connectors.medusa.conftest import MUG, TEA, pieces

FIXTURES = Path(__file__).with_name("fixtures")
CONFIG = Config(url="http://shop.example", secret_key="sk")


def read(name: str, change: Callable[[dict[str, Any]], None] = lambda _: None, **settings: Any) -> ChannelOrder:
    envelope = msgspec.json.decode((FIXTURES / f"{name}.json").read_bytes())
    change(envelope)
    raw = Raw(envelope["order"]["id"], msgspec.json.encode(envelope))
    return Connector(msgspec.structs.replace(CONFIG, **settings)).read(raw)


def test_an_order_says_what_was_bought() -> None:
    order = read("paid")
    assert (order.number, order.state, order.payment, order.currency) == (
        "55", ChannelState.OPEN, Payment.PAID, "USD",
    )  # fmt: skip
    assert order.placed_at == order.updated_at
    assert order.placed_at.tzinfo is UTC
    assert order.ship_to == Address(
        name="Ada Lovelace", line1="12 Example Street", line2="Floor 3", city="Boston", region="MA",
        postal_code="02108", country="US", phone="+1 617 555 0123", email="ada@example.com",
    )  # fmt: skip
    assert order.bill_to is not None
    assert (order.email, order.shipping_rate, order.note) == ("ada@example.com", "Flat rate", "Ring twice")
    assert {(x.sku, x.title, x.quantity, x.unit_price) for x in order.lines} == {
        (MUG, "Stoneware mug, blue (One size)", 3, 1450),
        (TEA, "Earl Grey, 100 g tin (One size)", 1, 990),
    }


def test_taxes_of_a_fraction_of_a_cent_are_rounded_and_nothing_is_lost_on_the_way() -> None:
    order = read("paid")  # 53.40 of goods and 5.95 of shipping, taxed by 8.875 %: 64.6173125
    assert (order.total, order.tax_total, order.shipping_total) == (6462, 527, 648)
    assert sum(x.unit_price * x.quantity for x in order.lines) + 595 + order.tax_total == order.total


def test_a_discount_is_told_apart() -> None:
    order = read("authorized_discounted")
    assert (order.total, order.discount_total) == (5880, 581)  # ten per cent of the goods, and the tax on those


def test_a_currency_without_minor_units() -> None:
    order = read("yen")
    assert order.currency == "JPY"
    assert ([x.unit_price for x in order.lines], order.total) == ([1450], 5384)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("14.5", "usd", 1450), ("0.005", "USD", 1), ("1450", "jpy", 1450), ("1.2345", "kwd", 1235), ("1e2", "usd", 10000),
     ("0.1", "usd", 10), ("-5", "usd", -500)],
)  # fmt: skip
def test_major_units_become_minor_ones_without_a_float_between(amount: str, currency: str, minor: int) -> None:
    assert mapping.money(msgspec.json.decode(amount.encode(), type=Decimal), currency) == minor


@pytest.mark.parametrize(
    ("name", "state", "payment"),
    [
        ("paid", ChannelState.OPEN, Payment.PAID),
        ("authorized_discounted", ChannelState.PENDING, Payment.UNPAID),
        ("canceled_unpaid", ChannelState.CANCELED, Payment.UNPAID),
        ("canceled", ChannelState.CANCELED, Payment.REFUNDED),
        ("edited", ChannelState.OPEN, Payment.PARTIALLY_REFUNDED),
        ("partly_shipped", ChannelState.PARTIALLY_SHIPPED, Payment.PARTIALLY_REFUNDED),
        ("shipped", ChannelState.SHIPPED, Payment.PARTIALLY_REFUNDED),
        ("delivered", ChannelState.SHIPPED, Payment.PARTIALLY_REFUNDED),
        ("returning", ChannelState.SHIPPED, Payment.PARTIALLY_REFUNDED),
        ("refunded", ChannelState.OPEN, Payment.REFUNDED),
        ("completed", ChannelState.SHIPPED, Payment.REFUNDED),
        ("archived", ChannelState.SHIPPED, Payment.REFUNDED),
    ],
)
def test_where_an_order_stands(name: str, state: ChannelState, payment: Payment) -> None:
    order = read(name)
    assert (order.state, order.payment) == (state, payment)
    assert all(x.shipped + x.canceled <= x.quantity for x in order.lines)


def test_a_store_that_captures_when_it_ships_ships_what_is_authorized() -> None:
    order = read("authorized_discounted", paid_when="authorized")
    assert (order.state, order.payment) == (ChannelState.OPEN, Payment.PAID)


def test_pieces_taken_off_are_canceled_and_a_line_taken_away_is_still_told() -> None:
    assert pieces(read("edited")) == {MUG: (3, 1, 0), TEA: (1, 1, 0)}
    assert pieces(read("partly_shipped")) == {MUG: (3, 1, 1), TEA: (1, 1, 0)}
    assert pieces(read("shipped")) == {MUG: (3, 1, 2), TEA: (1, 1, 0)}


def test_what_comes_back_after_it_left_stays_shipped() -> None:
    assert pieces(read("returning")) == {MUG: (3, 1, 2), TEA: (1, 1, 0)}


def test_what_is_to_come_back_before_it_left_is_canceled() -> None:
    def packed(envelope: dict[str, Any]) -> None:
        for item in envelope["order"]["items"]:
            item["detail"] |= {"fulfilled_quantity": 1, "return_requested_quantity": 1}

    assert pieces(read("paid", packed)) == {MUG: (3, 1, 0), TEA: (1, 1, 0)}


def test_a_canceled_order_ships_nothing_and_its_total_is_what_was_bought() -> None:
    order = read("canceled")  # Medusa says 0, as everything was paid back
    assert pieces(order) == {MUG: (3, 3, 0)}
    assert order.total == 5384


def test_lines_have_one_sequence_whatever_the_store_says() -> None:
    def turned(envelope: dict[str, Any]) -> None:
        envelope["order"]["items"].reverse()

    assert read("paid", turned) == read("paid")


def test_what_needs_no_shipping_is_done_when_it_is_fulfilled_and_what_was_picked_up_when_it_is_delivered() -> None:
    def digital(envelope: dict[str, Any]) -> None:
        first, second = envelope["order"]["items"]
        first["requires_shipping"] = False
        first["detail"]["fulfilled_quantity"] = first["quantity"]
        second["detail"]["delivered_quantity"] = second["quantity"]

    assert read("paid", digital).state is ChannelState.SHIPPED


def test_a_number_of_the_stores_own_and_the_note_where_it_keeps_it() -> None:
    def own(envelope: dict[str, Any]) -> None:
        envelope["order"] |= {"custom_display_id": "WEB-7", "metadata": {"remark": "by hand", "note": 5}}

    order = read("paid", own, note_key="remark")
    assert (order.number, order.note) == ("WEB-7", "by hand")
    assert read("paid", own).note == ""


@pytest.mark.parametrize(("province", "region"), [("us-ma", "MA"), ("MA", "MA"), (None, ""), ("US-ma", "MA")])
def test_provinces_are_told_without_their_country(province: str | None, region: str) -> None:
    def moved(envelope: dict[str, Any]) -> None:
        envelope["order"]["shipping_address"]["province"] = province

    assert read("paid", moved).ship_to.region.upper() == region


def test_an_order_without_addresses_has_none() -> None:
    def nowhere(envelope: dict[str, Any]) -> None:
        envelope["order"] |= {"shipping_address": None, "billing_address": None, "email": None}

    order = read("paid", nowhere)
    assert (order.ship_to, order.bill_to, order.email) == (Address(), None, "")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("status",), "on_fire", "order.status"),
        (("payment_collections", 0, "status"), "borrowed", "order.payment_collections[0].status"),
        (("currency_code",), "zzz", "currency"),
        (("items", 0, "quantity"), 1.5, "order.items[0].quantity"),
        (("items", 0, "quantity"), -1, "order.items[0].quantity"),
        (("items", 1, "detail"), {"quantity": 1}, "order.items[1].detail.fulfilled_quantity"),
        (("created_at",), "yesterday", "order.created_at"),
        (("item_total",), "a lot", "order.item_total"),
    ],
)
def test_what_is_not_known_is_never_guessed(path: tuple[Any, ...], value: Any, field: str) -> None:
    def spoilt(envelope: dict[str, Any]) -> None:
        at = envelope["order"]
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    with pytest.raises(Unreadable, match=r"Medusa order order_") as caught:
        read("paid", spoilt)
    assert caught.value.field == field


@pytest.mark.parametrize("body", [b"", b"[]", b'{"order": {"id": "order_1"', b'{"order": {"id": "\xff"}}', b"{}"])
def test_what_is_no_order_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        Connector(CONFIG).read(Raw("order_1", body))


@pytest.mark.parametrize(("name", "edited"), [("paid", False), ("edited", True), ("delivered", True)])
def test_the_version_tells_whether_more_happened_than_parcels(name: str, edited: bool) -> None:
    order = msgspec.json.decode((FIXTURES / f"{name}.json").read_bytes(), type=dict[str, msgspec.Raw])["order"]
    assert msgspec.json.decode(order, type=mapping.Head).edited is edited


def test_parcels_alone_are_no_edit() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    packed = mapping.Fulfillment("ful_1")
    sent, dropped = mapping.Fulfillment("ful_2", shipped_at=at), mapping.Fulfillment("ful_3", canceled_at=at)
    assert not mapping.Head("order_1", at, 6, (packed, sent, dropped)).edited
    assert mapping.Head("order_1", at, 7, (packed, sent, dropped)).edited
