"""The documents: what goes out comes out again whatever is in it, and what comes in is read exactly or not at all."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.connectors import tables
from engine.connectors.registry import configure, supplier_type
from engine.connectors.suppliers.files.connector import Connector
from engine.connectors.suppliers.files.document import money
from engine.errors import Invalid, Misconfigured, Unreadable
from engine.ports import Purchase, Raw, SupplierUpdate, UpdateKind
from tests.connectors.files.test_delivery import purchase

LOGIN = {"host": "127.0.0.1", "username": "u", "password": "p"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB+OrVsvwF6ZQ8wmHf8XCpZdX3kR1lm7eF2YtG4nBvJw"
NASTY = st.one_of(
    st.sampled_from(
        ["=1+1", "'=1", "''@x", "+1 555", "-2", "@SUM(A1)", "\tx", "\rx", '="0012"', "a\r\nb", 'say "hi"', "a,b;c\td"]
    ),
    st.sampled_from(
        ["שלום \u202eabc", "日本語 🚚", "<a>&amp;</a>", "]]>", "{{ 7*7 }}", "'; DROP TABLE", "\x00\x0b", "´"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=30),
)


def make(**changes: Any) -> Connector:
    return Connector(configure(Connector, {**LOGIN, "host_key": KEY, **changes}))


def read(name: str, body: bytes, content_type: str = "text/csv; modified=1767225600", **changes: Any):
    return make(**changes).read(Raw(name, body, content_type))


def nasty(title: str, note: str, name: str) -> Purchase:
    plain = purchase("7-1", title)
    ship_to = msgspec.structs.replace(plain.ship_to, name=name)
    return msgspec.structs.replace(plain, note=note, ship_to=ship_to)


@settings(max_examples=150, deadline=None)
@given(NASTY, NASTY, NASTY)
def test_csv_carries_any_text(title: str, note: str, name: str) -> None:
    body = make().render(nasty(title, note, name))
    rows = tables.read_csv(body, "x.csv")
    assert [(r.values["title"], r.values["note"], r.values["ship_to_name"]) for r in rows] == [(title, note, name)] * 2
    assert [r.values["unit_cost"] for r in rows] == ["12.34", "12.34"]
    for fields in csv.reader(io.StringIO(body.decode(), newline="")):
        assert not any(field.startswith(("=", "+", "-", "@", "\t", "\r")) for field in fields)


@settings(max_examples=100, deadline=None)
@given(NASTY, NASTY, NASTY)
def test_json_carries_any_text(title: str, note: str, name: str) -> None:
    body = make(format="json").render(nasty(title, note, name))
    rows = tables.read_json(body, "x.json")
    assert [(r.values["title"], r.values["note"], r.values["ship_to_name"]) for r in rows] == [(title, note, name)] * 2


@settings(max_examples=150, deadline=None)
@given(NASTY, NASTY, NASTY)
def test_xml_carries_any_text_it_can(title: str, note: str, name: str) -> None:
    """XML joins line ends to LF and has no control characters or U+FFFE; those become U+FFFD."""

    def carried(text: str) -> str:
        text = "".join(c if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") else "\ufffd" for c in text)
        return text.replace("\r\n", "\n").replace("\r", "\n")

    body = make(format="xml").render(nasty(title, note, name))
    rows = tables.read_xml(body, "x.xml")
    told = [(r.values["title"], r.values["note"], r.values["ship_to_name"]) for r in rows]
    assert told == [(carried(title), carried(note), carried(name))] * 2


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["acks/a.csv", "shipments/a.json", "inventory/a.xml"]))
def test_any_bytes_are_read_or_unreadable(body: bytes, name: str) -> None:
    told = name
    try:
        read(name, body)
    except Unreadable as error:
        told = error.message
    assert name in told


@pytest.mark.parametrize("form", ["csv", "json", "xml"])
def test_a_document_is_the_same_bytes_every_time_and_names_its_number(form: str) -> None:
    first = make(format=form).render(purchase("1001-1"))
    assert make(format=form).render(purchase("1001-1")) == first
    assert b"1001-1" in first


def test_columns_and_templates_are_the_suppliers_own() -> None:
    columns = [{"header": "Bestellung", "value": "purchase.po_number"}, {"header": "Menge", "value": "line.quantity"}]
    assert make(columns=columns).render(purchase("1-1")) == b"Bestellung,Menge\r\n1-1,2\r\n1-1,1\r\n"
    template = "{% for l in purchase.lines %}<i q='{{ l.quantity }}'>{{ l.title }}</i>{% endfor %}"
    assert make(format="xml", template=template).render(purchase("1-1", "<b>", (3,))) == b"<i q='3'>&lt;b&gt;</i>"
    line = "{{ purchase.note|csv }},{{ purchase.po_number }}"
    assert make(template=line).render(nasty("t", '=a"b', "n")) == b'"\'=a""b",7-1'


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"template": "{% if %}"}, "template, line 1"),
        ({"template": "x" * 70_000}, "longer than"),
        ({"columns": [{"header": "A", "value": "purchase.."}]}, "not JMESPath"),
        ({"status_map": {"ok": "fine"}}, "none of"),
        ({"fields": {"colour": "Farbe"}}, "there is no 'colour'"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"password": ""}, "both missing"),
        ({"host_key": "nonsense"}, "host_key must be"),
    ],
)
def test_a_bad_setting_is_named_at_once(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        make(**changes)


@pytest.mark.parametrize(
    "template",
    [
        "{{ purchase.colour }}",
        "{{ purchase.__class__.__mro__ }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ 'x' * 999 }}{% endfor %}{% endfor %}",
        "{{ 1 / 0 }}",
    ],
)
def test_a_template_that_goes_wrong_is_a_setting_to_correct(template: str) -> None:
    with pytest.raises(Invalid, match="1001-1"):
        make(template=template).render(purchase("1001-1"))


def test_money_has_the_places_of_its_currency() -> None:
    assert [money(1234, 2), money(5, 2), money(-5, 2), money(7, 0), money(1, 3)] == [
        "12.34",
        "0.05",
        "-0.05",
        "7",
        "0.001",
    ]


# --- reading ----------------------------------------------------------------------------------------------------------

GERMAN = "PO Number;Status;Grund;Ack Date\r\n1-1;Zurückgestellt;„später“;2026-01-02\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_whatever_the_encoding_the_text_is_the_same(encoding: str) -> None:
    body = GERMAN.encode(encoding)
    (update,) = read("acks/a.csv", body, status_map={"zurückgestellt": "backordered"}, fields={"message": "Grund"})
    assert (update.kind, update.po_number, update.message) == (UpdateKind.BACKORDERED, "1-1", "„später“")
    assert update.occurred_at == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_seen(delimiter: str) -> None:
    text = "sep=;\n" if delimiter == ";" else ""
    text += delimiter.join(["PO", "Tracking", "Carrier", "SKU", "Qty"]) + "\n"
    text += delimiter.join(["1-1", '="0012345"', '"UPS, Inc;"', "A", "2"]) + "\n"
    (update,) = read("shipments/a.csv", text.encode())
    assert (update.tracking_number, update.carrier) == ("0012345", "UPS, Inc;")
    assert [(line.supplier_sku, line.quantity) for line in update.lines] == [("A", 2)]


@pytest.mark.parametrize(
    ("name", "body", "place", "told"),
    [
        ("acks/a.csv", "po,status\n1-1,accepted\n2-1,teleported\n", "acks/a.csv, line 3", "'teleported' is not in the"),
        ("acks/a.csv", 'po,status\n"1\n-1",accepted\n2-1\n', "acks/a.csv, line 4", "1 fields where the header has 2"),
        ("acks/a.csv", "po,status\n1-1,accepted,extra\n", "acks/a.csv, line 2", "3 fields"),
        ("acks/a.csv", 'po,status\n1-1,accepted\n"2-1,acc', "acks/a.csv, line 3", "not CSV"),
        ("acks/a.csv", "po,status\n,accepted\n", "acks/a.csv, line 2", "no po_number"),
        ("acks/a.csv", "po,status,status\n1,accepted,accepted\n", "acks/a.csv", "'status' twice"),
        ("acks/a.csv", "po,status,sku,qty\n1,accepted,A,two\n", "acks/a.csv, line 2", "not a whole number"),
        ("acks/a.csv", "po,status,sku,qty\n1,accepted,A,-2\n", "acks/a.csv, line 2", "not a whole number"),
        ("acks/a.csv", "po,status,date\n1,accepted,02/03/26\n", "acks/a.csv, line 2", "date_format"),
        ("shipments/a.csv", "po,carrier\n1,UPS\n", "shipments/a.csv, line 2", "no tracking_number"),
        ("shipments/a.csv", "po,tracking\n1,7.9E+11\n", "shipments/a.csv, line 2", "digits are lost"),
        ("inventory/a.csv", "sku,qty,cost\nA,1,1.234\n", "inventory/a.csv, line 2", "not an amount in USD"),
        ("acks/a.json", '[{"po": "1", "status": "accepted"}, {"po": "2", "status": "?"}]', "a.json, record 2", "'?'"),
        ("acks/a.json", "[1]", "acks/a.json, record 1", "an object is wanted"),
        ("acks/a.json", '{"po": ', "acks/a.json", "not JSON"),
        ("shipments/a.json", '{"po": "1", "tracking": ["A", "B"]}', "record 1", "several values"),
        ("acks/a.xml", "<acks>\n<ack><po>1</po>\n<status>?</status></ack>\n</acks>", "acks/a.xml, line 2", "'?'"),
        ("acks/a.xml", "<acks><ack>", "acks/a.xml, line 1", "not XML"),
        ("acks/a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "acks/a.xml, line 1", "DOCTYPE"),
        ("acks/a.xml", "<a>" * 50 + "</a>" * 50, "acks/a.xml, line 1", "deep"),
        ("other/a.csv", "po,status\n1,accepted\n", "other/a.csv", "what kind of file"),
    ],
)
def test_what_is_not_certain_is_unreadable_with_its_place(name: str, body: str, place: str, told: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(name, body.encode())
    assert place in caught.value.message
    assert told in caught.value.message


JSON_SHIPMENT = b"""{"shipments": [{"poNumber": "1-1", "shippedAt": "2026-01-02T03:04:05+01:00",
"parcel": {"carrier": "UPS", "trackingNumber": "1Z"},
"items": [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}]}]}"""
XML_SHIPMENT = b"""<?xml version="1.0"?><s:Shipments xmlns:s="urn:x"><Shipment PONumber="1-1">
<ShippedAt>2026-01-02T03:04:05+01:00</ShippedAt><Carrier>UPS</Carrier><TrackingNumber>1Z</TrackingNumber>
<Items><Item><SKU>A</SKU><Quantity>2</Quantity></Item><Item><SKU>B</SKU><Quantity>1</Quantity></Item></Items>
</Shipment></s:Shipments>"""
CSV_SHIPMENT = b"""PO,Shipped At,Carrier,Tracking,SKU,Qty
1-1,2026-01-02T03:04:05+01:00,UPS,1Z,A,2
1-1,2026-01-02T03:04:05+01:00,UPS,1Z,B,1
"""


def test_a_shipment_is_the_same_in_every_format_and_under_every_file_name() -> None:
    told = [
        read("shipments/a.csv", CSV_SHIPMENT),
        read("shipments/b.json", JSON_SHIPMENT),
        read("shipments/c.xml", XML_SHIPMENT),
    ]
    assert told[0] == told[1] == told[2]
    (update,) = told[0]
    assert (update.kind, update.po_number, update.carrier) == (UpdateKind.SHIPPED, "1-1", "UPS")
    assert update.occurred_at == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert [(line.supplier_sku, line.quantity) for line in update.lines] == [("A", 2), ("B", 1)]


def test_one_item_reads_like_several() -> None:
    body = XML_SHIPMENT.replace(b"<Item><SKU>B</SKU><Quantity>1</Quantity></Item>", b"")
    (update,) = read("shipments/c.xml", body)
    assert [(line.supplier_sku, line.quantity) for line in update.lines] == [("A", 2)]


def test_keys_stay_and_tell_a_name_used_again_apart() -> None:
    def keys(body: str) -> list[str]:
        return [update.key for update in read("acks/today.csv", body.encode())]

    first = keys("po,status\n1-1,accepted\n2-1,rejected\n")
    assert first == keys("po,status\n1-1,accepted\n2-1,rejected\n3-1,accepted\n")[:2]
    assert len({*first, *keys("po,status\n1-1,backorder\n2-1,accepted\n")}) == 4
    (named,) = [update.key for update in read("acks/a.csv", b"po,status,ack_id\n1-1,accepted,A7\n")]
    assert named == read("acks/b.csv", b"ack_id,po,status\nA7,1-1,accepted\n")[0].key


def test_stock_is_one_update_with_costs_in_minor_units() -> None:
    body = b"SKU,Qty Available,Cost\nA,5,1.20\nB,0,\n"
    (update,) = read("inventory/stock.csv", body)
    assert (update.kind, update.po_number) == (UpdateKind.INVENTORY, "")
    assert [(x.supplier_sku, x.quantity, x.unit_cost) for x in update.lines] == [("A", 5, 120), ("B", 0, None)]
    assert update.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)  # no date inside: when the file was changed


def test_without_any_time_nothing_is_made_up() -> None:
    with pytest.raises(Unreadable, match="no occurred_at"):
        read("acks/a.csv", b"po,status\n1-1,accepted\n", content_type="text/csv")


def test_times_follow_the_settings() -> None:
    update: SupplierUpdate
    body = b"po,status,date\n1-1,accepted,31.07.2026 14:00\n"
    (update,) = read("acks/a.csv", body, date_format="%d.%m.%Y %H:%M", timezone="Europe/Berlin")
    assert update.occurred_at == datetime(2026, 7, 31, 12, 0, tzinfo=UTC)


def test_the_registry_finds_and_configures_it() -> None:
    kind = supplier_type("files")
    assert kind is supplier_type("sftp") is Connector  # as connections of before are called
    with pytest.raises(Misconfigured, match="host_key"):
        configure(kind, LOGIN)
