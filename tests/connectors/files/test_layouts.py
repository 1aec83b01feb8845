"""Saved templates: a supplier's layout by configuration, out and in, whatever comes."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.connectors import tables
from engine.connectors.suppliers.files.connector import Connector
from engine.errors import BluebookError, Invalid, Misconfigured, Unreadable
from engine.ports import Raw, UpdateKind
from tests.connectors.files.test_delivery import purchase
from tests.connectors.files.test_files import CSV_SHIPMENT, JSON_SHIPMENT, XML_SHIPMENT, make

WIDE = [
    {"header": "type", "value": "'D'", "width": 1},
    {"header": "po", "value": "purchase.po_number", "width": 10},
    {"header": "line", "value": "line.line", "width": 4, "align": "right", "fill": "0"},
    {"header": "sku", "value": "line.supplier_sku", "width": 8},
    {"header": "qty", "value": "line.quantity", "width": 5, "align": "right", "fill": "0"},
    {"header": "title", "value": "line.title", "width": 6, "start": 31, "cut": True},
]
RECORDS: dict[str, Any] = {
    "format": "fixed",
    "ignored": ["T"],
    "records": [
        {"begins": "H", "carries": True, "columns": [
            {"header": "po", "start": 2, "width": 10}, {"header": "carrier", "width": 5},
            {"header": "tracking", "width": 18}, {"header": "ship date", "width": 10},
        ]},
        {"begins": "D", "columns": [
            {"header": "line", "start": 2, "width": 4, "align": "right", "fill": "0"}, {"header": "sku", "width": 8},
            {"header": "qty", "width": 5, "align": "right", "fill": "0"},
        ]},
    ],
}  # fmt: skip
FIXED_SHIPMENT = (
    b"H1-1       UPS  1Z                2026-01-02\r\n"
    b"D0000A       00002\r\n"
    b"D0000B       00001\r\n"
    b"T0002\r\n"
)  # fmt: skip
INVOICES = (
    b"Invoice No;PO;SKU;Qty;Unit Price;Freight;Total;Currency\n"
    b"I-7;1-1;A;2;1.234,50;5,00;2.474,00;EUR\nI-7;1-1;B;0;1,00;;;EUR\nI-8;2-1;A;1;1,00;;1,00;EUR\n"
)


def layouts(**kinds: Any) -> dict[str, Any]:
    return {"layouts": kinds}


def read(kind: str, name: str, body: bytes, **changes: Any) -> Any:
    return make(**changes).read(Raw(f"{kind}/{name}", body, "text/plain; modified=1767225600"))


# --- out --------------------------------------------------------------------------------------------------------------


def test_a_fixed_width_order_has_its_columns_in_their_places() -> None:
    body = make(**layouts(orders={"format": "fixed", "columns": WIDE})).render(purchase("1001-1", "Blue\nmug"))
    assert body == (
        b"D1001-1    0001S-1     00002  Blue m\r\n"
        b"D1001-1    0002S-2     00001  Blue m\r\n"
    )  # fmt: skip
    rows = tables.read_fixed(body, "x.txt", msgspec.convert({"format": "fixed", "columns": WIDE}, tables.Layout))
    assert [(row.values["po"], row.values["line"], row.values["qty"]) for row in rows] == [
        ("1001-1", "1", "2"), ("1001-1", "2", "1"),
    ]  # fmt: skip


def test_a_template_writes_head_and_lines_of_fixed_width() -> None:
    template = (
        "H{{ purchase.po_number|fixed(10) }}{{ purchase.ship_to.name|fixed(20) }}\r\n"
        "{% for l in purchase.lines %}D{{ l.line|fixed(4, 'right', '0') }}{{ l.quantity|fixed(5, 'right', '0') }}\r\n{% endfor %}"
        "T{{ purchase.lines|length|fixed(4, 'right', '0') }}\r\n"
    )
    supplier = make(**layouts(orders={"format": "fixed", "template": template}))
    assert supplier.render(purchase("1001-1")).decode().split("\r\n") == [
        "H1001-1    Ann Lee             ", "D000100002", "D000200001", "T0002", "",
    ]  # fmt: skip
    with pytest.raises(Invalid, match=r"1001-100000000.*has 14 characters where 10 fit"):
        supplier.render(purchase("1001-100000000"))


def test_csv_without_header_by_another_delimiter_and_charset() -> None:
    columns = [{"header": "po", "value": "purchase.po_number"}, {"header": "title", "value": "line.title"}]
    layout = {"format": "csv", "columns": columns, "header": False, "delimiter": "|", "charset": "cp1252"}
    supplier = make(**layouts(orders=layout))
    assert supplier.render(purchase("1-1", "Größe", (1,))) == "1-1|Größe\r\n".encode("cp1252")
    with pytest.raises(Invalid, match=r"1-1 cannot be written in cp1252: it has no '日'"):
        supplier.render(purchase("1-1", "日本", (1,)))


async def test_a_files_name_is_the_suppliers_and_has_the_number_in_it(tmp_path: Any) -> None:
    (tmp_path / "orders").mkdir()
    supplier = make(transport="folder", folder=str(tmp_path), orders_name="PO_{po_number}_ACME")
    await supplier.stage("1001-1", b"x")
    assert [path.name for path in (tmp_path / "orders").iterdir()] == [".PO_1001-1_ACME.csv.part"]
    await supplier.submit("1001-1", b"x")
    assert [path.name for path in (tmp_path / "orders").iterdir()] == ["PO_1001-1_ACME.csv"]
    assert await supplier.find("1001-1") is not None
    for pattern in ("PO", "{po_number}{po_number}", "{po_number}-{date}", "../{po_number}"):
        with pytest.raises(Misconfigured, match="orders_name"):
            make(orders_name=pattern)


# --- in ---------------------------------------------------------------------------------------------------------------


def test_a_fixed_width_shipment_says_what_the_others_say() -> None:
    others = read("shipments", "a.csv", CSV_SHIPMENT)
    (update,) = read("shipments", "a.txt", FIXED_SHIPMENT, **layouts(shipments=RECORDS))
    assert [(line.supplier_sku, line.quantity) for line in update.lines] == [("A", 2), ("B", 1)]
    assert (update.po_number, update.carrier, update.tracking_number) == ("1-1", "UPS", "1Z")
    assert update.key == others[0].key  # the same parcel, whichever way it is told
    assert update.occurred_at == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (FIXED_SHIPMENT[:-12], "shipments/a.txt, line 3: 15 characters where the template has 18"),
        (
            FIXED_SHIPMENT.replace(b"D0000B", b"X0000B"),
            "line 3: it begins with 'X0000B    ', and the template knows 'H', 'D'",
        ),
        (FIXED_SHIPMENT.replace(b"00001", b"0000x"), "line 3: the quantity 'x' is not a whole number"),
        (FIXED_SHIPMENT.replace(b"1Z", b"  "), "line 2: no tracking_number"),
    ],
)
def test_a_fixed_width_line_that_is_odd_is_named(body: bytes, told: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read("shipments", "a.txt", body, **layouts(shipments=RECORDS))
    assert told in caught.value.message


def test_lines_that_lose_their_blanks_must_at_least_end() -> None:
    columns = [{"header": "sku", "width": 8}, {"header": "qty", "width": 5}, {"header": "comment", "width": 20}]
    trimmed = layouts(inventory={"format": "fixed", "columns": columns, "trimmed": True})
    (update,) = read("inventory", "a.txt", b"A       5\nB       12   none\n", **trimmed)
    assert [(line.supplier_sku, line.quantity) for line in update.lines] == [("A", 5), ("B", 12)]
    with pytest.raises(Unreadable, match="last line has no end"):
        read("inventory", "a.txt", b"A       5\nB       1", **trimmed)
    with pytest.raises(Unreadable, match="9 characters where the template has 33"):
        read("inventory", "a.txt", b"A       5\n", **layouts(inventory={"format": "fixed", "columns": columns}))


def test_each_kind_has_its_own_layout_and_the_rest_stays_the_connections() -> None:
    supplier = make(
        fields={"tracking_number": "Sendung"}, status_map={"ok": "acknowledged"}, date_format="%d.%m.%Y",
        layouts={"acks": {"header": False, "columns": [{"header": "po"}, {"header": "status"}, {"header": "date"}]},
                 "shipments": {"fields": {"po_number": "Auftrag"}}},
    )  # fmt: skip
    (ack,) = supplier.read(Raw("acks/a.csv", b"1-1,OK,31.01.2026\n", "text/csv"))
    assert (ack.kind, ack.occurred_at) == (UpdateKind.ACKNOWLEDGED, datetime(2026, 1, 31, tzinfo=UTC))
    (shipment,) = supplier.read(Raw("shipments/a.csv", b"Auftrag,Sendung,date\n1-1,1Z,31.01.2026\n", "text/csv"))
    assert (shipment.po_number, shipment.tracking_number) == ("1-1", "1Z")


def test_an_invoice_is_whole_or_not_at_all_and_keeps_no_other() -> None:
    supplier = make(**layouts(invoices={"decimal": ","}))
    parts = supplier.read_parts(Raw("invoices/a.csv", INVOICES, "text/csv; modified=1767225600"))
    assert parts.problems == ()
    first, second = (update.invoice for update in parts.updates)
    assert first is not None
    assert second is not None
    assert (first.number, first.currency, first.total, first.charges) == ("I-7", "EUR", 247_400, 500)
    assert [(line.supplier_sku, line.quantity, line.unit_cost) for line in first.lines] == [
        ("A", 2, 123_450),
        ("B", 0, 100),
    ]
    parts = supplier.read_parts(
        Raw("invoices/a.csv", INVOICES.replace(b"B;0", b"B;?"), "text/csv; modified=1767225600")
    )
    assert [update.po_number for update in parts.updates] == ["2-1"]
    assert ["invoices/a.csv, line 3" in problem for problem in parts.problems] == [True]
    twice = INVOICES.replace(b"B;0;1,00;;;", b"B;0;1,00;;9,99;")
    with pytest.raises(Unreadable, match="the total of one invoice is"):
        supplier.read(Raw("invoices/a.csv", twice, "text/csv; modified=1767225600"))


def test_a_bad_row_of_stock_keeps_no_other_and_one_of_a_parcel_keeps_all() -> None:
    stock = Raw("inventory/a.csv", b"sku,qty\nA,1\nB,many\nC,3\n", "text/csv; modified=1767225600")
    parts = make().read_parts(stock)
    assert [line.supplier_sku for line in parts.updates[0].lines] == ["A", "C"]
    assert ["line 3: the quantity 'many'" in problem for problem in parts.problems] == [True]
    parcel = CSV_SHIPMENT.replace(b"B,1", b"B,one")
    parts = make().read_parts(Raw("shipments/a.csv", parcel, "text/csv"))
    assert (parts.updates, len(parts.problems)) == ((), 1)


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ({"parcels": {}}, "layouts: there is no 'parcels'"),
        ({"acks": {"format": "fixed"}}, "fixed width needs columns"),
        ({"acks": {"format": "fixed", "columns": [{"header": "po"}]}}, "'po' needs a width"),
        ({"acks": {"format": "fixed", "columns": [{"header": "a", "width": 9}, {"header": "b", "width": 2, "start": 3}]}},
         "'b' needs a width, a place after the column before it"),
        ({"acks": {"header": False}}, "without a header its columns must be named"),
        ({"acks": {"template": "x"}}, "a template is for purchase orders"),
        ({"acks": {"delimiter": "||"}}, "the delimiter must be one character"),
        ({"acks": {"colour": "red"}}, "no setting called colour"),
        ({"acks": {"format": "fixed", "records": [{"begins": "H", "carries": True}]}}, "only carry"),
        ({"orders": {"format": "fixed"}}, "fixed width needs columns"),
        ({"orders": {"format": "csv", "columns": [{"header": "a", "value": "purchase.."}]}}, "not JMESPath"),
    ],
)  # fmt: skip
def test_a_layout_that_cannot_be_used_is_named_at_once(kinds: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        make(layouts=kinds)
    assert told in caught.value.message


def test_a_sample_shows_every_row_and_every_reason() -> None:
    body = b"po,status,date\n1-1,accepted,2026-01-02\n2-1,teleported,2026-01-02\n,accepted,2026-01-02\n"
    tried = make().try_file("acks", "a.csv", body)
    assert [place for place, _ in tried.rows] == [f"acks/a.csv, line {n}" for n in (2, 3, 4)]
    assert tried.rows[1][1] == {"po": "2-1", "status": "teleported", "date": "2026-01-02"}
    assert [problem.partition(": ")[0] for problem in tried.problems] == ["acks/a.csv, line 3", "acks/a.csv, line 4"]
    with pytest.raises(Invalid, match="no kind of file"):
        make().try_file("parcels", "a.csv", body)


def test_what_is_said_once_of_many_records_has_an_end() -> None:
    many = {f"k{n}": "v" for n in range(3000)}
    body = msgspec.json.encode({**many, "items": [{"sku": "A", "quantity": 1}] * 3000})
    with pytest.raises(Unreadable, match="more than 5,000,000 values"):
        tables.read_json(body, "a.json")


# --- fuzz -------------------------------------------------------------------------------------------------------------

SEEDS: list[tuple[str, bytes]] = [
    ("shipments/a.csv", CSV_SHIPMENT),
    ("shipments/a.json", JSON_SHIPMENT),
    ("shipments/a.xml", XML_SHIPMENT),
    ("shipments/a.txt", FIXED_SHIPMENT),
    ("acks/a.csv", "sep=;\r\nPO;Status;Grund;Date\r\n1-1;accepted;„später“;2026-01-02\r\n".encode("utf-16")),
    ("inventory/a.csv", b'\xef\xbb\xbfsku,qty,cost,date\n"A ""1""",5,1.20,2026-01-02\n="0012",0,,2026-01-02T10:00:00+02:00\n'),
    ("inventory/a.xml", b'<?xml version="1.0" encoding="latin-1"?><s><i sku="\xe4"><qty>5</qty></i><i sku="B" qty="2"/></s>'),
    ("invoices/a.csv", INVOICES),
]  # fmt: skip
MARKS = b",;\t|\"'<>/&{}[]:=\n\r0123456789ABHDT.-\\\x00\x85\xff\xfe"


def damaged(rng: random.Random) -> tuple[str, bytes]:
    """A file with a few bytes changed, cut, doubled or taken from another, at times under another's name."""
    name, seed = rng.choice(SEEDS)
    body = bytearray(seed)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(body) + 1)
        step = rng.randrange(6)
        if step == 0:
            body[at : at + rng.randint(1, 8)] = bytes(rng.randrange(256) for _ in range(rng.randint(0, 4)))
        elif step == 1:
            del body[at:]
        elif step == 2:
            body[at:at] = body[at : at + rng.randint(1, 200)]
        elif step == 3 and body:
            body[at % len(body)] = rng.choice(MARKS)
        elif step == 4:
            other = rng.choice(SEEDS)[1]
            start = rng.randrange(len(other))
            body[at:at] = other[start : start + rng.randint(1, 100)]
        else:
            del body[at : at + rng.randint(1, 30)]
    return (rng.choice(SEEDS)[0] if rng.random() < 0.1 else name), bytes(body)


def chew(supplier: Connector, name: str, body: bytes) -> int:
    """The file goes through all that reads it; how many updates it gave. Raises whatever is not an error of ours."""
    raw = Raw(name, body, "text/plain; modified=1767225600")
    parts = supplier.read_parts(raw)
    kind, _, file = name.partition("/")
    tried = supplier.try_file(kind, file, body)
    assert len(tried.updates) == len(parts.updates)
    if parts.problems:
        with pytest.raises(Unreadable, match=name.replace(".", r"\.")):
            supplier.read(raw)
    else:
        assert supplier.read(raw) == parts.updates
    for update in parts.updates:
        assert update.key
        assert len(msgspec.json.encode(update)) <= 20 * len(body) + 2000
    return len(parts.updates)


def test_damaged_files_end_in_our_errors() -> None:
    supplier = make(**layouts(shipments={**RECORDS, "format": ""}, invoices={"decimal": ","}), format="csv")
    fixed = make(**layouts(shipments=RECORDS))
    rng = random.Random(11)
    read_all = 0
    for _ in range(2000):
        name, body = damaged(rng)
        read_all += chew(fixed if name == "shipments/a.txt" else supplier, name, body)
    assert read_all > 150  # what damage leaves whole is still read


def test_damaged_layouts_are_used_or_named() -> None:
    rng = random.Random(12)
    seed = bytearray(msgspec.json.encode({"orders": {"format": "fixed", "columns": WIDE}, "shipments": RECORDS}))
    usable = 0
    for _ in range(300):
        body = bytearray(seed)
        for _ in range(rng.randint(1, 3)):
            body[rng.randrange(len(body))] = rng.choice(b'0123456789abcdef"{}[],:-')
        try:
            supplier = make(layouts=msgspec.json.decode(body))
            usable += 1
            supplier.render(purchase("1001-1"))
            supplier.try_file("shipments", "a.txt", FIXED_SHIPMENT)
        except (BluebookError, msgspec.DecodeError, UnicodeDecodeError):
            continue
    assert usable > 20
