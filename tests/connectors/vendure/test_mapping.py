"""What recorded orders of Vendure 3.7.3 say, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.vendure.connector import Config, Connector
from engine.errors import Unreadable
from engine.ports import ChannelOrder, ChannelState, Payment, Raw
from tests.connectors.vendure.fake import order


def read(given: dict[str, Any], **config: Any) -> ChannelOrder:
    connector = Connector(Config(url="http://127.0.0.1:1/admin-api", username="u", password="p", **config))
    return connector.read(Raw(external_id=given["id"], body=msgspec.json.encode(given)))


def test_a_paid_order_is_open_with_its_lines_address_and_totals() -> None:
    told = read(order("paid"))
    assert (told.state, told.payment) == (ChannelState.OPEN, Payment.PAID)
    assert told.number == order("paid")["code"]
    assert [(x.external_id, x.sku, x.quantity, x.unit_price, x.canceled, x.shipped) for x in told.lines] == [
        ("1", "BB-LAMP-01", 3, 5390, 0, 0),
        ("2", "BB-TEA-01", 1, 1089, 0, 0),
    ]
    assert (told.total, told.tax_total, told.shipping_total, told.discount_total) == (17259, 1569, 0, 0)
    assert sum(x.unit_price * x.quantity for x in told.lines) + told.shipping_total == told.total
    assert told.placed_at == datetime.fromisoformat(order("paid")["orderPlacedAt"])
    assert (told.ship_to.name, told.ship_to.region, told.ship_to.country) == ("Ada Lovelace", "MA", "US")
    assert (told.bill_to, told.email, told.shipping_rate) == (None, "ada@example.com", "Free Shipping")


def test_an_authorised_payment_waits() -> None:
    told = read(order("authorised"))
    assert (told.state, told.payment) == (ChannelState.PENDING, Payment.UNPAID)
    assert (told.shipping_rate, told.shipping_total) == ("Express", 1495)


def test_a_partial_cancel_keeps_the_ordered_quantity_and_counts_the_refund() -> None:
    told = read(order("partly_canceled"))
    assert (told.state, told.payment) == (ChannelState.OPEN, Payment.PARTIALLY_REFUNDED)
    assert [(x.quantity, x.canceled) for x in told.lines] == [(2, 1), (1, 0)]


def test_a_failed_refund_is_no_refund() -> None:
    given = order("partly_canceled")
    given["payments"][0]["refunds"][0]["state"] = "Failed"
    assert read(given).payment is Payment.PAID


def test_a_full_refund_is_refunded() -> None:
    given = order("paid")
    given["payments"][0]["refunds"] = [{"state": "Settled", "total": 17259}]
    assert read(given).payment is Payment.REFUNDED


def test_a_canceled_order_has_every_piece_canceled() -> None:
    told = read(order("canceled"))
    assert told.state is ChannelState.CANCELED
    assert [(x.quantity, x.canceled, x.shipped) for x in told.lines] == [(2, 2, 0)]


def test_a_cart_is_pending_and_dated_by_its_beginning() -> None:
    told = read(order("cart"))
    assert (told.state, told.payment) == (ChannelState.PENDING, Payment.UNPAID)
    assert told.placed_at == datetime.fromisoformat(order("cart")["createdAt"])
    assert [(x.quantity, x.canceled) for x in told.lines] == [(1, 0)]


def test_only_fulfillments_on_their_way_count_as_shipped() -> None:
    told = read(order("partly_shipped"))
    assert told.state is ChannelState.PARTIALLY_SHIPPED
    assert [(x.quantity, x.shipped) for x in told.lines] == [(3, 2)]
    pending = order("partly_shipped")
    pending["fulfillments"][0]["state"] = "Pending"
    assert read(pending).lines[0].shipped == 0


def test_canceling_shipped_pieces_leaves_them_shipped() -> None:
    told = read(order("returned"))
    assert told.state is ChannelState.CANCELED
    assert [(x.quantity, x.canceled, x.shipped) for x in told.lines] == [(1, 0, 1)]


def test_partially_shipped_with_nothing_open_is_shipped() -> None:
    given = order("partly_shipped")
    given["lines"][0]["quantity"] = 2
    assert read(given).state is ChannelState.SHIPPED


def test_a_quantity_raised_by_the_store_is_ordered() -> None:
    given = order("paid", state="Modifying")
    given["lines"][0]["quantity"] = 5
    told = read(given)
    assert (told.state, told.lines[0].quantity, told.lines[0].canceled) == (ChannelState.PENDING, 5, 0)


def test_discounts_are_positive_and_close_the_sum() -> None:
    given = order("authorised", totalWithTax=4366, total=4105, discounts=[{"amountWithTax": -319}])
    told = read(given)
    assert told.discount_total == 319
    goods = sum(x.unit_price * x.quantity for x in told.lines)
    assert goods + told.shipping_total - told.discount_total == told.total


@pytest.mark.parametrize(("currency", "precision", "total"), [("JPY", 2, 173), ("KWD", 2, 172590), ("USD", 4, 173)])
def test_money_becomes_minor_units_of_its_currency(currency: str, precision: int, total: int) -> None:
    assert read(order("paid", currencyCode=currency), money_precision=precision).total == total


def test_an_address_that_is_null_is_empty() -> None:
    told = read(order("paid", shippingAddress=None))
    assert (told.ship_to.line1, told.ship_to.email) == ("", "ada@example.com")


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    given = order("partly_shipped")
    target: Any = given
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return given


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("state",), "Packing", "state"),
        (("payments", 0, "state"), "Maybe", "payments[0].state"),
        (("payments", 0, "refunds"), [{"state": "Lost", "total": 1}], "payments[0].refunds[0].state"),
        (("fulfillments", 0, "state"), "Beamed", "fulfillments[0].state"),
        (("lines", 0, "quantity"), "3", "lines[0].quantity"),
        (("lines", 0, "quantity"), -1, "lines[0].quantity"),
        (("lines", 0, "productVariant"), {"name": "x"}, "lines[0].productVariant.sku"),
        (("orderPlacedAt",), "yesterday", "orderPlacedAt"),
        (("orderPlacedAt",), None, "orderPlacedAt"),
        (("totalWithTax",), 12.5, "totalWithTax"),
    ],
)
def test_what_breaks_the_contract_is_unreadable_with_its_path(
    path: tuple[str | int, ...], value: Any, field: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        read(changed(path, value))
    assert caught.value.field == field


def test_a_body_that_is_not_json_is_unreadable() -> None:
    connector = Connector(Config(url="http://127.0.0.1:1/admin-api", username="u", password="p"))
    with pytest.raises(Unreadable):
        connector.read(Raw(external_id="1", body=b'{"id": "1", "co'))


def test_every_time_is_aware_utc() -> None:
    told = read(order("paid"))
    assert told.placed_at.tzinfo is not None
    assert told.updated_at.astimezone(UTC) == told.updated_at
