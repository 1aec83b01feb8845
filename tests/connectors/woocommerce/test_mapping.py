"""What an order's payload says, and every way in which it can be wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.woocommerce import mapping, webhook
from engine.errors import Unreadable
from engine.ports import Address, ChannelLine, ChannelOrder, ChannelState, Payment, Raw

FIXTURES = Path(__file__).parent / "fixtures"


def load(name: str) -> dict[str, Any]:
    value = msgspec.json.decode((FIXTURES / name).read_bytes())
    assert isinstance(value, dict)
    return value


def read(envelope: Any) -> ChannelOrder:
    return mapping.read(Raw("7310", msgspec.json.encode(envelope)))


def test_a_paid_order_reads_to_the_cent() -> None:
    order = read(load("order_processing.json"))
    assert (order.external_id, order.number, order.currency) == ("7310", "BD-7310", "USD")
    assert (order.state, order.payment) == (ChannelState.OPEN, Payment.PAID)
    assert (order.total, order.tax_total, order.shipping_total, order.discount_total) == (8347, 362, 595, 490)
    assert order.placed_at == datetime(2026, 3, 2, 18, 14, 55, tzinfo=UTC)
    assert order.updated_at == datetime(2026, 3, 2, 18, 15, 20, tzinfo=UTC)
    assert order.shipping_rate == "Flat rate"
    assert order.email == "priya.raman@example.com"
    assert order.note == "Leave at the side door, please — thanks! 🙂"
    assert order.ship_to == Address(
        name="Priya Raman",
        company="Raman Interiors",
        line1="1845 NW Raleigh St",
        city="Portland",
        region="OR",
        postal_code="97209",
        country="US",
        phone="(503) 555-0142",
        email="priya.raman@example.com",
    )
    assert order.lines == (
        ChannelLine("15201", "BB-LAMP-01", "Desk lamp, brass", 1, 4900),
        ChannelLine("15202", "BB-TEA-01", "Earl Grey, 100 g tin", 3, 993),  # 29.80 / 3
    )


def test_refunded_pieces_count_as_canceled_and_refunded_money_does_not() -> None:
    order = read(load("order_partly_refunded.json"))
    assert order.payment is Payment.PARTIALLY_REFUNDED
    assert [(line.quantity, line.canceled, line.sku) for line in order.lines] == [(4, 1, "BB-MUG-01"), (2, 0, "")]
    assert order.ship_to.region == "BY"
    assert order.ship_to.phone == "+49 89 23125 199"


@pytest.mark.parametrize(
    ("status", "method", "paid", "state", "payment"),
    [
        ("pending", "stripe", None, ChannelState.PENDING, Payment.UNPAID),
        ("on-hold", "bacs", None, ChannelState.PENDING, Payment.UNPAID),
        ("on-hold", "stripe", "2026-03-02T18:15:18", ChannelState.PENDING, Payment.PAID),
        ("failed", "stripe", None, ChannelState.PENDING, Payment.UNPAID),
        ("checkout-draft", "", None, ChannelState.PENDING, Payment.UNPAID),
        ("processing", "stripe", None, ChannelState.OPEN, Payment.PAID),
        ("processing", "cod", None, ChannelState.OPEN, Payment.UNPAID),
        ("completed", "cod", "2026-03-02T18:15:18", ChannelState.SHIPPED, Payment.PAID),
        ("cancelled", "stripe", None, ChannelState.CANCELED, Payment.UNPAID),
        ("refunded", "stripe", "2026-03-02T18:15:18", ChannelState.CANCELED, Payment.REFUNDED),
        ("trash", "stripe", "2026-03-02T18:15:18", ChannelState.CANCELED, Payment.PAID),
    ],
)
def test_every_status_has_its_state_and_payment(
    status: str, method: str, paid: str | None, state: ChannelState, payment: Payment
) -> None:
    envelope = load("order_processing.json")
    envelope["order"] |= {"status": status, "payment_method": method, "date_paid_gmt": paid}
    order = read(envelope)
    assert (order.state, order.payment) == (state, payment)
    assert all((line.canceled == line.quantity) == (state is ChannelState.CANCELED) for line in order.lines)
    assert all((line.shipped == line.quantity) == (state is ChannelState.SHIPPED) for line in order.lines)


def _set(path: str, value: Any) -> Callable[[Any], None]:
    def change(envelope: Any) -> None:
        *way, last = [int(step) if step.isdecimal() else step for step in path.split("/")]
        for step in way:
            envelope = envelope[step]
        if value is ...:
            del envelope[last]
        else:
            envelope[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("order/id", "7310", "order.id"),
        ("order/number", 7310, "order.number"),
        ("order/status", "wc-awaiting-pickup", "order.status"),
        ("order/status", ..., "order.status"),
        ("order/currency", "XQQ", "order.currency"),
        ("order/currency", None, "order.currency"),
        ("order/total", 83.47, "order.total"),
        ("order/total", "seventy", "order.total"),
        ("order/total", "-1.00", "order.total"),
        ("order/shipping_total", "5.955", "order.shipping_total"),
        ("order/date_created_gmt", None, "order.date_created_gmt"),
        ("order/date_modified_gmt", "yesterday", "order.date_modified_gmt"),
        ("order/billing", [], "order.billing"),
        ("order/shipping/city", 7, "order.shipping.city"),
        ("order/line_items", {}, "order.line_items"),
        ("order/line_items/1/sku", ..., "order.line_items[1].sku"),
        ("order/line_items/1/sku", 4711, "order.line_items[1].sku"),
        ("order/line_items/0/quantity", 0, "order.line_items[0].quantity"),
        ("order/line_items/0/quantity", -2, "order.line_items[0].quantity"),
        ("order/line_items/0/quantity", 1.5, "order.line_items[0].quantity"),
        ("order/line_items/0/quantity", "1", "order.line_items[0].quantity"),
        ("order/line_items/0/subtotal", "-49.00", "order.line_items[0].subtotal"),
        ("order/line_items/0/subtotal", "", "order.line_items[0].subtotal"),
        ("order/shipping_lines/0/method_title", None, "order.shipping_lines[0].method_title"),
        ("order/refunds", [{"id": 1}], "refunds"),
        ("refunds", ..., "refunds"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(path: str, value: Any, field: str) -> None:
    envelope = load("order_processing.json")
    _set(path, value)(envelope)
    with pytest.raises(Unreadable) as caught:
        read(envelope)
    assert caught.value.field == field
    assert "7310" in caught.value.message


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("refunds/1/amount", None, "refunds[1].amount"),
        ("refunds/1/line_items/0/quantity", 1, "refunds[1].line_items[0].quantity"),
        ("refunds/1/line_items/0/meta_data", [], "refunds[1].line_items[0].meta_data"),
        ("refunds/1/line_items/0/quantity", -9, "order.line_items[0].quantity"),
    ],
)
def test_a_wrong_refund_is_named_by_its_path(path: str, value: Any, field: str) -> None:
    envelope = load("order_partly_refunded.json")
    _set(path, value)(envelope)
    with pytest.raises(Unreadable) as caught:
        read(envelope)
    assert caught.value.field == field


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"order": {"id": 1', b"\xff\xfe", b"[]", b'"\xff"'])
def test_a_body_that_is_no_envelope_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="WooCommerce order 9"):
        mapping.read(Raw("9", body))


def test_an_empty_sku_stays_empty() -> None:
    envelope = load("order_processing.json")
    envelope["order"]["line_items"][0]["sku"] = ""
    assert read(envelope).lines[0].sku == ""


def test_only_the_store_s_signature_verifies() -> None:
    body = b'{"id": 7310, "status": "processing"}'
    signature = base64.b64encode(hmac.new(b"hook secret", body, hashlib.sha256).digest()).decode()
    assert webhook.verify(body, signature, "hook secret")
    assert not webhook.verify(body + b" ", signature, "hook secret")
    assert not webhook.verify(body, signature, "another secret")
    assert not webhook.verify(body, None, "hook secret")
    assert not webhook.verify(body, "not base64 ü", "hook secret")
    assert not webhook.verify(body, signature, "")
    assert webhook.order_id(body) == "7310"


def test_the_first_ping_is_known_and_is_no_order() -> None:
    assert webhook.is_ping(b"webhook_id=12")
    assert not webhook.is_ping(b'{"webhook_id": 12}')
    assert webhook.order_id(b"webhook_id=12") is None
