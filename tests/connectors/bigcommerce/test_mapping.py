"""What a BigCommerce order is taken to say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.bigcommerce.mapping import read
from engine.errors import Unreadable
from engine.ports import Address, ChannelState, Payment, Raw


def line(number: int, pieces: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "name": "Stoneware mug", "sku": f"SKU-{number}", "type": "physical", "quantity": pieces,
        "price_ex_tax": "13.1818", "order_address_id": 127, "quantity_shipped": 0, "quantity_refunded": 0, **more,
    }  # fmt: skip


def consignment(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": 127, "first_name": "Ada", "last_name": "Byron", "company": "", "street_1": "1 Main Street", "street_2": None,
        "city": "Springfield", "state": "Illinois", "zip": "62701", "country": "United States", "country_iso2": "US",
        "phone": "5550100", "email": "", "shipping_method": "Free Shipping", "line_items": list(lines), **more,
    }  # fmt: skip


def order(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    billing = {"first_name": "Ada", "last_name": "Byron", "country_iso2": "US", "email": "ada@example.com"}
    return {
        "id": 225, "status_id": 11, "date_created": "Mon, 11 Mar 2019 17:22:08 +0000",
        "date_modified": "Mon, 11 Mar 2019 19:00:00 +0200", "default_currency_code": "USD", "currency_code": "EUR",
        "total_inc_tax": "34.9500", "total_tax": "2.6363", "shipping_cost_ex_tax": "5.9500", "discount_amount": "1.0000",
        "coupon_discount": "0.5000", "payment_status": "captured", "customer_message": "Ring twice", "is_deleted": False,
        "billing_address": billing, "consignments": {"shipping": [consignment(*lines)], "pickups": []}, **more,
    }  # fmt: skip


def said(*lines: dict[str, Any], **more: Any) -> Any:
    return read(Raw("225", msgspec.json.encode(order(*lines, **more))))


def test_an_order_reads_with_everything() -> None:
    found = said(line(1, 2), line(2, 1, sku=""))
    assert (found.external_id, found.number) == ("225", "225")
    assert (found.state, found.payment, found.currency) == (ChannelState.OPEN, Payment.PAID, "USD")
    assert (found.total, found.tax_total, found.shipping_total, found.discount_total) == (3495, 264, 595, 150)
    assert [(x.external_id, x.sku, x.quantity, x.unit_price) for x in found.lines] == [
        ("1", "SKU-1", 2, 1318), ("2", "", 1, 1318)
    ]  # fmt: skip
    assert found.placed_at == datetime(2019, 3, 11, 17, 22, 8, tzinfo=UTC)
    assert found.updated_at == datetime(2019, 3, 11, 17, 0, tzinfo=UTC)
    assert (found.email, found.note, found.shipping_rate, found.fraud) == (
        "ada@example.com", "Ring twice", "Free Shipping", None
    )  # fmt: skip
    assert found.ship_to == Address(
        name="Ada Byron", line1="1 Main Street", city="Springfield", region="Illinois", postal_code="62701", country="US",
        phone="5550100", email="ada@example.com",
    )  # fmt: skip


def pieces(shipped: int, refunded: int = 0) -> dict[str, Any]:
    return line(1, 3, quantity_shipped=shipped, quantity_refunded=refunded)


@pytest.mark.parametrize(
    ("status", "line", "state", "canceled", "shipped"),
    [
        (0, pieces(0), ChannelState.PENDING, 0, 0),
        (1, pieces(0), ChannelState.PENDING, 0, 0),
        (7, pieces(0), ChannelState.PENDING, 0, 0),
        (8, pieces(0), ChannelState.PENDING, 0, 0),
        (12, pieces(0), ChannelState.PENDING, 0, 0),
        (11, pieces(0), ChannelState.OPEN, 0, 0),
        (9, pieces(0), ChannelState.OPEN, 0, 0),
        (11, pieces(2), ChannelState.PARTIALLY_SHIPPED, 0, 2),
        (11, pieces(3), ChannelState.SHIPPED, 0, 3),
        (3, pieces(2), ChannelState.PARTIALLY_SHIPPED, 0, 2),
        (3, pieces(0), ChannelState.PARTIALLY_SHIPPED, 0, 0),
        (2, pieces(3), ChannelState.SHIPPED, 0, 3),
        (2, pieces(0, 1), ChannelState.SHIPPED, 1, 2),
        (10, pieces(0), ChannelState.SHIPPED, 0, 3),
        (5, pieces(0), ChannelState.CANCELED, 3, 0),
        (5, pieces(1), ChannelState.CANCELED, 2, 1),
        (5, pieces(3), ChannelState.SHIPPED, 0, 3),
        (6, pieces(0), ChannelState.CANCELED, 3, 0),
        (4, pieces(0, 3), ChannelState.CANCELED, 3, 0),
        (4, pieces(3, 3), ChannelState.SHIPPED, 0, 3),
        (14, pieces(0, 1), ChannelState.OPEN, 1, 0),
        (14, pieces(2, 1), ChannelState.SHIPPED, 1, 2),
        (14, pieces(1, 1), ChannelState.PARTIALLY_SHIPPED, 1, 1),
        (13, pieces(0), ChannelState.PENDING, 0, 0),
        (13, pieces(3), ChannelState.SHIPPED, 0, 3),
    ],
)
def test_states_are_told_by_status_and_pieces(
    status: int, line: dict[str, Any], state: ChannelState, canceled: int, shipped: int
) -> None:
    found = said(line, status_id=status)
    assert (found.state, found.lines[0].canceled, found.lines[0].shipped) == (state, canceled, shipped)


@pytest.mark.parametrize(
    ("status", "told", "payment"),
    [
        (11, "captured", Payment.PAID),
        (11, "authorized", Payment.PAID),
        (11, "", Payment.PAID),
        (11, None, Payment.PAID),
        (7, "", Payment.UNPAID),
        (7, "pending", Payment.UNPAID),
        (11, "void", Payment.UNPAID),
        (12, "held for review", Payment.UNPAID),
        (14, "partially refunded", Payment.PARTIALLY_REFUNDED),
        (14, "captured", Payment.PARTIALLY_REFUNDED),
        (4, "", Payment.REFUNDED),
        (4, "refunded", Payment.REFUNDED),
    ],
)
def test_payment_is_told_by_its_status_or_the_order_s(status: int, told: str | None, payment: Payment) -> None:
    assert said(line(1, 1), status_id=status, payment_status=told).payment is payment


def test_what_a_person_must_look_at_is_said() -> None:
    assert said(line(1, 1), status_id=12).fraud == "held for manual verification"
    assert said(line(1, 1), status_id=13).fraud == "the payment is disputed"
    assert said(line(1, 1), is_deleted=True).state is ChannelState.CANCELED


def test_an_address_nothing_goes_to_does_not_count() -> None:
    both = {"shipping": [consignment(line(1, 1)), consignment(id=128, first_name="Nobody")]}
    assert said(consignments=both).ship_to.name == "Ada Byron"


def _two(value: dict[str, Any]) -> None:
    value["consignments"]["shipping"].append(consignment(line(2, 1), id=128))


@pytest.mark.parametrize(
    ("spoil", "field", "words"),
    [
        (lambda o: o.update(status_id=15), "status_id", "15"),
        (lambda o: o.update(payment_status="on the moon"), "payment_status", "'on the moon'"),
        (lambda o: o.update(total_inc_tax="34.9511"), "total_inc_tax", "more decimals"),
        (lambda o: o.update(total_tax="much"), "total_tax", "'much'"),
        (lambda o: o.update(date_modified="yesterday"), "date_modified", "'yesterday'"),
        (lambda o: o.update(default_currency_code="XYZ"), "total_inc_tax", "ISO 4217"),
        (_two, "consignments.shipping", "2 addresses"),
        (lambda o: o["consignments"].update(shipping=[]), "consignments.shipping", "nothing of it is shipped"),
        (lambda o: o["consignments"].update(url="a link"), None, None),
        (lambda o: o.update(consignments={"url": "u", "resource": "r"}), "consignments.shipping", "shipping"),
        (lambda o: o["consignments"]["shipping"][0].update(line_items=[{"url": "u"}]),
         "consignments.shipping[0].line_items[0].id", "id"),
        (lambda o: o["consignments"]["shipping"][0]["line_items"][0].update(quantity="1"),
         "consignments.shipping[0].line_items[0].quantity", "int"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_never_guessed(
    spoil: Callable[[dict[str, Any]], None], field: str | None, words: str | None
) -> None:
    told = order(line(1, 1))
    spoil(told)
    raw = Raw("225", msgspec.json.encode(told))
    if words is None:
        assert read(raw).external_id == "225"
        return
    with pytest.raises(Unreadable) as caught:
        read(raw)
    assert caught.value.field == field
    assert words in caught.value.message
    assert "BigCommerce order 225" in caught.value.message
