"""What updates say, polled or called back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import clock
from engine.errors import Misconfigured, Refused, Unreadable
from engine.ports import PurchaseLine, Raw, UpdateKind, UpdateLine
from tests.connectors.rest.conftest import connector, purchase

URL = "http://127.0.0.1:9"
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
SHIPPED = {
    "id": "U7",
    "status": "shipped",
    "po_number": "1001-1",
    "occurred_at": "2025-03-01T13:30:00+02:00",
    "reference": "DS-1",
    "carrier": "UPS",
    "service": "UPS_GROUND",
    "tracking_number": "1Z5R89390357567127",
    "lines": [{"line": 1, "sku": "A-1", "quantity": 2}, {"line": 2, "sku": "A-2", "quantity": 0}],
}


def read(payload: Any, /, **settings: Any) -> Any:
    return connector(URL, **settings).read(Raw("x", msgspec.json.encode(payload)))


def test_a_shipment_is_read_with_its_lines_and_tracking() -> None:
    (update,) = read(SHIPPED)
    assert (update.kind, update.key, update.po_number) == (UpdateKind.SHIPPED, "U7", "1001-1")
    assert update.occurred_at == datetime(2025, 3, 1, 11, 30, tzinfo=UTC)
    assert update.lines == (UpdateLine("A-1", 2, 1),)  # nothing of line 2 was shipped
    assert (update.carrier, update.tracking_number) == ("UPS", "1Z5R89390357567127")


def test_inventory_is_read_with_costs_in_minor_units_and_keeps_zeros() -> None:
    lines = [{"sku": "A-1", "quantity": 0, "unit_cost": "3.20"}, {"sku": "A-2", "quantity": "7", "unit_cost": 1.1}]
    stock = {"id": 9, "status": "inventory", "occurred_at": "2025-03-01T12:00:00Z", "lines": lines}
    (update,) = read(stock)
    assert update.po_number == ""
    assert [(x.supplier_sku, x.quantity, x.unit_cost) for x in update.lines] == [("A-1", 0, 320), ("A-2", 7, 110)]
    (yen,) = read({**stock, "lines": [{"sku": "A", "quantity": 1, "unit_cost": 5}]}, currency="JPY")
    assert yen.lines[0].unit_cost == 5


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "teleported"}, "kind"),
        ({"status": None}, "kind"),
        ({"status": "Shipped"}, "kind"),
        ({"status": True}, "kind"),
        ({"id": None}, "key"),
        ({"po_number": ""}, "po_number"),
        ({"po_number": {"a": 1}}, "po_number"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "2025-03-01T12:00:00"}, "occurred_at"),
        ({"occurred_at": 1740830400}, "occurred_at"),
        ({"lines": None}, "lines"),
        ({"lines": []}, "lines"),
        ({"lines": [{"sku": "A-1", "quantity": 0}]}, "lines"),
        ({"lines": [{"sku": "A-1", "quantity": -1}]}, "lines[0].quantity"),
        ({"lines": [{"sku": "A-1", "quantity": 1.5}]}, "lines[0].quantity"),
        ({"lines": [{"sku": "A-1"}]}, "lines[0].quantity"),
        ({"lines": [{"quantity": 1}]}, "lines[0]"),
        ({"lines": [{"sku": "A-1", "quantity": 1, "unit_cost": "1.234"}]}, "lines[0].unit_cost"),
        ({"lines": [{"sku": "A-1", "quantity": 1, "expected_at": "soon"}]}, "lines[0].expected_at"),
        ({"tracking_number": ["1Z"]}, "tracking_number"),
    ],
)
def test_what_does_not_fit_is_unreadable_and_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read({**SHIPPED, **change})
    assert caught.value.field == field


def test_a_body_that_is_no_update_is_unreadable() -> None:
    for body in (b'{"id": "U', b'"text"', b"7"):
        with pytest.raises(Unreadable):
            connector(URL).read(Raw("x", body))


def test_a_status_mapped_to_nothing_says_nothing_and_only_that_one() -> None:
    table = {"picking": None, "gone": "shipped"}
    assert read({**SHIPPED, "status": "picking"}, status_map=table) == ()
    assert read({**SHIPPED, "status": "gone"}, status_map=table)[0].kind is UpdateKind.SHIPPED
    with pytest.raises(Unreadable, match="'shipped' is not in the status table"):
        read(SHIPPED, status_map=table)


def test_a_shipment_without_lines_is_the_whole_order_only_where_the_config_says_so() -> None:
    whole = {**SHIPPED, "lines": None}
    assert read(whole, without_lines=["shipped"])[0].lines == ()


def test_functions_that_do_not_suit_the_values_are_unreadable() -> None:
    with pytest.raises(Unreadable) as caught:
        read({**SHIPPED, "reference": 7}, update={"reference": "join('-', reference)"})
    assert caught.value.field == "update.reference"


CUSTOM = {
    "request": "{Order: {Ref: po_number, Cur: currency, At: placed_at,"
    " Items: lines[].{No: to_string(line), Code: supplier_sku, Qty: to_string(quantity), Price: unit_cost}}}",
    "update": {
        "kind": "'sent'",
        "key": "Order.Ref",
        "po_number": "Order.Ref",
        "occurred_at": "Order.At",
        "currency": "Order.Cur",
        "lines": "Order.Items[].{line: No, supplier_sku: Code, quantity: Qty, unit_cost: Price}",
        "message": "",
    },
    "status_map": {"sent": "shipped"},
}
WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)


@given(
    po_number=WORDS,
    parts=st.lists(st.tuples(WORDS, st.integers(1, 10**6), st.integers(0, 10**9)), min_size=1, max_size=6),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_number_lines_quantities_and_costs_survive_the_way_out_and_in(
    po_number: str, parts: list[tuple[str, int, int]], currency: str
) -> None:
    lines = tuple(
        PurchaseLine(line=index, supplier_sku=sku, sku=sku, title="", quantity=quantity, unit_cost=cost)
        for index, (sku, quantity, cost) in enumerate(parts, 1)
    )
    sent = purchase(po_number, lines=lines, currency=currency)
    made = MADE
    body = made.render(sent)
    assert body == made.render(sent)
    (update,) = made.read(Raw("x", body))
    assert update.po_number == po_number
    assert [(x.line, x.supplier_sku, x.quantity, x.unit_cost) for x in update.lines] == [
        (x.line, x.supplier_sku, x.quantity, x.unit_cost) for x in lines
    ]


MADE = connector(URL, **CUSTOM)


@pytest.fixture
def frozen() -> Iterator[None]:
    clock.use(lambda: NOW)
    yield
    clock.use(lambda: datetime.now(UTC))


def signed(body: bytes, at: datetime = NOW, secret: bytes = b"s3") -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    return {
        "x-timestamp": stamp,
        "X-Signature": hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest(),
    }


BODY = msgspec.json.encode(SHIPPED)


@pytest.mark.usefixtures("frozen")
def test_a_genuine_callback_is_the_same_delivery_as_the_poll() -> None:
    made = connector(URL, callback_secret="s3")
    raw = made.verify_callback(signed(BODY), BODY)
    assert (raw.external_id, raw.delivery_id) == ("1001-1", "U7")
    assert made.read(raw)[0].tracking_number == "1Z5R89390357567127"
    prefixed = {name: value if name == "x-timestamp" else f"sha256={value}" for name, value in signed(BODY).items()}
    assert made.verify_callback(prefixed, BODY) == raw


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Signature": "é", "X-Timestamp": "1"},
        signed(BODY, secret=b"other"),
        signed(BODY + b" "),
        {**signed(BODY), "x-timestamp": str(int(NOW.timestamp()) + 1)},
        signed(BODY, NOW - timedelta(seconds=301)),
        signed(BODY, NOW + timedelta(seconds=301)),
    ],
)
def test_a_forged_or_replayed_callback_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Refused) as caught:
        connector(URL, callback_secret="s3").verify_callback(headers, BODY)
    assert caught.value.code == "401"


@pytest.mark.usefixtures("frozen")
def test_callbacks_need_a_secret_and_json() -> None:
    with pytest.raises(Misconfigured, match="callback_secret"):
        connector(URL).verify_callback(signed(BODY, secret=b""), BODY)
    with pytest.raises(Unreadable):
        connector(URL, callback_secret="s3").verify_callback(signed(b"{"), b"{")
