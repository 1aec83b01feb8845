"""What suppliers' documents mean: answers, parcels, stock, invoices and receipts, and what is refused by its place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.connectors import registry
from engine.connectors.suppliers.x12.connector import Connector
from engine.domain.addresses import Address
from engine.domain.x12.reading import read
from engine.domain.x12.scan import scan
from engine.errors import Invalid, Misconfigured, Refused
from engine.ports import Parts, Purchase, PurchaseLine, Raw, SupplierUpdate

BASE = {"transport": "folder", "folder": "/srv/edi", "sender_id": "US", "receiver_id": "THEM"}


def connector(**changes: Any) -> Connector:
    return Connector(registry.configure(Connector, {**BASE, **changes}))


def wrapped(code: str, *segments: str, group: str = "PR", usage: str = "P", version: str = "004010") -> bytes:
    """One set from them to us."""
    body = [
        f"ISA*00*          *00*          *ZZ*THEM           *ZZ*US             *261128*1610*U*00401*000000003*0*{usage}*>",
        f"GS*{group}*THEM*US*20261128*1610*3*X*{version}", f"ST*{code}*0003", *segments, f"SE*{len(segments) + 2}*0003",
        "GE*1*3", "IEA*1*000000003",
    ]  # fmt: skip
    return ("~\n".join(body) + "~\n").encode()


def parts(code: str, *segments: str, **changes: Any) -> Parts:
    return connector(**changes).read_parts(Raw("x12/a.edi", wrapped(code, *segments)))


def told(updates: tuple[SupplierUpdate, ...]) -> list[tuple[str, list[tuple[int, str, int]]]]:
    return [(u.kind.value, [(x.line, x.supplier_sku, x.quantity) for x in u.lines]) for u in updates]


def answered(*acks: str, status: str = "AC", ordered: int = 10) -> list[str]:
    return [f"BAK*00*{status}*1001-1*20261101****S77*20261128", f"PO1*1*{ordered}*EA*12.5**VP*W-1", *acks, "CTT*1"]


W = (1, "W-1")


@pytest.mark.parametrize(
    ("acks", "expected"),
    [
        (["ACK*IA*10*EA"], [("acknowledged", [(*W, 10)])]),
        (["ACK*IA"], [("acknowledged", [(*W, 10)])]),
        (["ACK*AR*10*EA"], [("acknowledged", [(*W, 10)])]),
        (["ACK*DR*10*EA*068*20261201"], [("acknowledged", [(*W, 10)])]),
        (["ACK*IC*10*EA"], [("acknowledged", [(*W, 10)])]),
        (["ACK*IP*10*EA"], [("acknowledged", [(*W, 10)])]),
        (["ACK*IE*10*EA"], [("acknowledged", [(*W, 10)])]),
        (["ACK*IB*10*EA"], [("backordered", [(*W, 10)])]),
        (["ACK*IH*10*EA"], [("backordered", [(*W, 10)])]),
        (["ACK*IF*10*EA"], [("backordered", [(*W, 10)])]),
        (["ACK*IR*10*EA"], [("rejected", [(*W, 10)])]),
        (["ACK*IR*0*EA"], [("rejected", [(*W, 10)])]),
        (["ACK*ID*10*EA"], [("rejected", [(*W, 10)])]),
        (["ACK*R2"], [("rejected", [(*W, 10)])]),
        (["ACK*IQ*8*EA"], [("acknowledged", [(*W, 8)]), ("rejected", [(*W, 2)])]),
        (["ACK*BP*8*EA"], [("acknowledged", [(*W, 8)]), ("backordered", [(*W, 2)])]),
        (["ACK*IA*6*EA", "ACK*IB*4*EA"], [("acknowledged", [(*W, 6)]), ("backordered", [(*W, 4)])]),
        (["ACK*IA*6*EA", "ACK*IR"], [("acknowledged", [(*W, 6)]), ("rejected", [(*W, 4)])]),
        (["ACK*IA*4*EA", "ACK*IB*3*EA", "ACK*IR*3*EA"],
         [("acknowledged", [(*W, 4)]), ("backordered", [(*W, 3)]), ("rejected", [(*W, 3)])]),
    ],
)  # fmt: skip
def test_every_answer_to_a_line_accounts_for_all_of_it(acks: list[str], expected: list[Any]) -> None:
    found = parts("855", *answered(*acks))
    assert found.problems == ()
    assert told(found.updates) == expected
    assert {u.reference for u in found.updates} == {"S77"}
    assert {u.po_number for u in found.updates} == {"1001-1"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("AD", "acknowledged"), ("AK", "acknowledged"), ("AT", "acknowledged"), ("AH", "backordered"), ("RJ", "rejected"),
        ("RD", "rejected"),
    ],
)  # fmt: skip
def test_an_answer_without_lines_is_about_all_of_the_order(status: str, expected: str) -> None:
    found = parts("855", f"BAK*00*{status}*1001-1*20261101", "CTT*0")
    assert told(found.updates) == [(expected, [])]


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        (answered("ACK*QQ*10*EA"), "segment 4 (ACK), element 1 (ACK01), character 230: line status 'QQ' is not in the table"),
        (answered("ACK*IA", status="XX"), "element 2 (BAK02), character 161: acknowledgement type 'XX' is not in the table"),
        (answered("ACK*IS*10*EA****VP*W-2"), "segment 4 (ACK), ACK01: the supplier would ship VP W-2 instead of W-1 (IS)"),
        (answered("ACK*IB*4*EA"), "4 of 10 of line 1 are answered, and what becomes of the other 6 is not said"),
        (answered("ACK*IA*ten*EA"), "segment 4 (ACK), element 2 (ACK02), character 230: quantity 'ten' is not a number"),
        (answered("ACK*IA*1.5*EA", "ACK*IR*8.5*EA"), "1.5 is not a whole number of pieces"),
        (["BAK*00*AC*1001-1*20261101", "PO1*1*10*CA*1**VP*W-1", "ACK*IA*10*CA"], "the quantity is in CA, and we order in EA"),
        (["BAK*00*AC*1001-1*2026", "CTT*0"], "segment 2 (BAK), element 4 (BAK04), character 161: date '2026' is not a date"),
        (["BAK*00*AC**20261101"], "element 3 (BAK03), character 161: purchase order number is missing"),
        (["BAK*01*AC*1001-1*20261101"], "BAK01: an acknowledgement for cancellation"),
        (["PO1*1*10*EA*12.5**VP*W-1"], "there is no BAK (beginning of the order acknowledgement) in this 855"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_refused_by_segment_and_element(segments: list[str], said: str) -> None:
    found = parts("855", *segments)
    assert found.updates == ()
    (problem,) = found.problems
    assert said in problem
    assert problem.startswith("x12/a.edi: interchange 000000003, group 3, 855 0003")


def test_a_bad_set_does_not_keep_the_others() -> None:
    good, bad = wrapped("855", *answered("ACK*IA")), wrapped("855", *answered("ACK*QQ"))
    found = connector().read_parts(Raw("x12/a.edi", good + bad + b"rest" + good.replace(b"1001-1", b"1002-1")))
    assert [u.po_number for u in found.updates] == ["1001-1", "1002-1"]
    assert len(found.problems) == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"*ZZ*US  ", b"*ZZ*OT  ", "it is for ZZ:OT, and we are ZZ:US"),
        (b"*ZZ*THEM", b"*ZZ*THEY", "it is from ZZ:THEY, and this supplier is ZZ:THEM"),
        (b"*0*P*>", b"*0*T*>", "it is a test (ISA15 T), and the connection is set to production"),
        (b"ST*855", b"ST*850", "an 850 came in"),
        (b"ST*855", b"ST*832", "a 832 is not read here"),
    ],
)
def test_what_is_not_meant_for_us_is_not_taken(old: bytes, new: bytes, said: str) -> None:
    body = (
        wrapped("855", *answered("ACK*IA"))
        .replace(old, new, 1)
        .replace(b"BAK*00*AC*1001-1*20261101", b"BEG*00*DS*1**20261101")
        if new == b"ST*850"
        else wrapped("855", *answered("ACK*IA")).replace(old, new, 1)
    )
    found = connector().read_parts(Raw("x12/a.edi", body))
    assert found.updates == ()
    assert said in found.problems[0], found.problems


# --- parcels ----------------------------------------------------------------------------------------------------------

_HEAD = ("BSN*00*S9*20261128*1200*0001", "HL*1**S", "TD5*O*2*UPSN*M*UPS GROUND", "DTM*011*20261127*1530*ET")


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        # shipment, order, pack, item: a number on each pack
        (["HL*2*1*O", "PRF*1001-1", "HL*3*2*P", "MAN*CP*1Z1", "HL*4*3*I", "LIN*1*VP*W-1", "SN1*1*6*EA", "HL*5*2*P", "MAN*CP*1Z2",
          "HL*6*5*I", "LIN*1*VP*W-1", "SN1*1*4*EA"], [("1Z1", [(1, "W-1", 6)]), ("1Z2", [(1, "W-1", 4)])]),
        # a tare around packs, whose number counts where they have none
        (["HL*2*1*O", "PRF*1001-1", "HL*3*2*T", "MAN*GM*000123", "HL*4*3*P", "HL*5*4*I", "LIN*1*VP*W-1", "SN1*1*6*EA"],
         [("000123", [(1, "W-1", 6)])]),
        # the carrier's number outranks the label of the same carton
        (["HL*2*1*O", "PRF*1001-1", "HL*3*2*P", "MAN*GM*000123*00*CP*1Z7", "HL*4*3*I", "LIN*1*VP*W-1", "SN1*1*6*EA"],
         [("1Z7", [(1, "W-1", 6)])]),
        # one number for the whole shipment
        (["REF*CN*1Z9", "HL*2*1*O", "PRF*1001-1", "HL*3*2*I", "LIN*1*VP*W-1", "SN1*1*6*EA", "HL*4*2*I", "LIN*2*VP*W-2",
          "SN1*2*1*EA"],
         [("1Z9", [(1, "W-1", 6), (2, "W-2", 1)])]),
        # packs inside the item, each with its part of it
        (["HL*2*1*O", "PRF*1001-1", "HL*3*2*I", "LIN*1*VP*W-1", "SN1*1*10*EA", "HL*4*3*P", "SN1*1*7*EA", "MAN*CP*1Z1", "HL*5*3*P",
          "SN1*1*3*EA", "MAN*CP*1Z2"], [("1Z1", [(1, "W-1", 7)]), ("1Z2", [(1, "W-1", 3)])]),
        # levels that name no parent belong to the last higher one
        (["HL*2**O", "PRF*1001-1", "REF*2I*1Z3", "HL*3**I", "LIN*1*VP*W-1", "SN1*1*6*EA"], [("1Z3", [(1, "W-1", 6)])]),
    ],
)  # fmt: skip
def test_levels_become_parcels(levels: list[str], expected: list[Any]) -> None:
    found = parts("856", *_HEAD, *levels, "CTT*1")
    assert found.problems == ()
    assert [
        (u.tracking_number, [(x.line, x.supplier_sku, x.quantity) for x in u.lines]) for u in found.updates
    ] == expected
    for update in found.updates:
        assert (update.po_number, update.kind, update.carrier) == ("1001-1", "shipped", "UPS")
        assert update.occurred_at == datetime(2026, 11, 27, 20, 30, tzinfo=UTC)


def test_two_orders_in_one_shipment_are_told_apart() -> None:
    levels = ["REF*CN*1Z9", "HL*2*1*O", "PRF*1-1", "HL*3*2*I", "LIN*1*VP*W-1", "SN1*1*6*EA", "HL*4*1*O", "PRF*2-1", "HL*5*4*I",
              "LIN*1*VP*W-1", "SN1*1*2*EA"]  # fmt: skip
    found = parts("856", *_HEAD, *levels)
    assert [(u.po_number, u.lines[0].quantity) for u in found.updates] == [("1-1", 6), ("2-1", 2)]


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        (["HL*2*9*O", "PRF*1-1"], "segment 6 (HL), element 2 (HL02), character 253: the level is in level '9'"),
        (["HL*2*1*X"], "element 3 (HL03), character 253: level 'X' is not in the table"),
        (["HL*2*1*I", "LIN*1*VP*W", "SN1*1*1*EA", "REF*CN*1Z"], "says which purchase order it is of (PRF)"),
        (["HL*2*1*O", "PRF*1-1", "HL*3*2*I", "LIN*1*VP*W", "SN1*1*1*EA"], "has a number the parcel is known by"),
        (["HL*2*1*O", "PRF*1-1", "HL*3*2*I", "LIN*1*VP*W"], "the item has no SN1 with its quantity"),
        (["HL*2*1*O", "PRF*1-1"], "the ship notice has no item in it"),
    ],
)
def test_a_notice_that_leaves_something_open_is_refused_by_its_place(levels: list[str], said: str) -> None:
    found = parts("856", *_HEAD, *levels)
    assert found.updates == ()
    assert said in found.problems[0], found.problems


def test_a_notice_that_takes_another_back_is_for_a_person() -> None:
    found = parts("856", "BSN*01*S9*20261128*1200", "HL*1**S")
    assert "a ship notice for cancellation (01)" in found.problems[0]


def test_the_same_parcel_under_another_envelope_is_the_same_and_other_contents_are_not() -> None:
    levels = ["REF*CN*1Z9", "HL*2*1*O", "PRF*1-1", "HL*3*2*I", "LIN*1*VP*W-1", "SN1*1*6*EA"]
    one, again = parts("856", *_HEAD, *levels), parts("856", _HEAD[0].replace("S9", "S10"), *_HEAD[1:], *levels)
    other = parts("856", *_HEAD, *levels[:-1], "SN1*1*5*EA")
    assert one.updates[0].key == again.updates[0].key != other.updates[0].key


# --- stock, invoices, receipts ----------------------------------------------------------------------------------------


def test_stock_and_cost_are_read_and_a_day_without_a_time_is_as_late_as_its_interchange() -> None:
    found = parts(
        "846",
        "BIA*00*DD*1*20261128",
        "LIN*1*VP*W-1",
        "CTP**CON*1.25",
        "QTY*17*9",
        "QTY*33*7*EA",
        "LIN**VP*W-2",
        "QTY*33*-3",
    )
    (update,) = found.updates
    assert [(x.supplier_sku, x.quantity, x.unit_cost) for x in update.lines] == [("W-1", 7, 125), ("W-2", 0, None)]
    assert update.occurred_at == datetime(2026, 11, 28, 16, 10, tzinfo=UTC)


def test_an_invoice_is_told_and_one_without_an_order_is_refused() -> None:
    (update,) = parts("810", "BIG*20261128*I7**1001-1", "IT1*1*10*EA*1.5**VP*W-1", "TDS*1500").updates
    assert update.message == "invoice I7 of 2026-11-28: 15.00 (10 × W-1)"
    assert "names no purchase order" in parts("810", "BIG*20261128*I7", "TDS*1500").problems[0]


@pytest.mark.parametrize(
    ("segments", "kind", "words"),
    [
        (["AK1*PO*17", "AK2*850*000000017", "AK5*A", "AK9*A*1*1*1"], "received", "their system has read it (997: accepted)"),
        (["AK1*PO*17", "AK9*A*1*1*1"], "received", "accepted"),
        (["AK1*PO*17", "AK2*850*000000017", "AK3*N4*8**8", "AK4*2*156*7*XX", "AK5*E*5", "AK9*E*1*1*1"], "received",
         "accepted, errors were noted: N4 (segment 8), element 2: invalid code 'XX'"),
        (["AK1*PO*17", "AK2*850*000000017", "AK3*PO1*9**8", "AK4*4*212*1", "AK5*R*5", "AK9*R*1*1*0"], "rejected",
         "could not take it (997: rejected: PO1 (segment 9), element 4: mandatory element missing)"),
        (["AK1*PO*17", "AK9*R*1*1*0*2"], "rejected", "rejected: version not supported"),
    ],
)  # fmt: skip
def test_a_997_is_receipt_and_a_rejecting_one_is_a_refusal(segments: list[str], kind: str, words: str) -> None:
    (update,) = connector().read_parts(Raw("x12/a", wrapped("997", *segments, group="FA"))).updates
    assert (update.kind, update.control, update.po_number) == (kind, 17, "")
    assert words in update.message


def test_every_group_has_its_997_and_a_group_of_997s_has_none() -> None:
    ours = connector()
    body = wrapped("855", *answered("ACK*IA")) + wrapped("856", *_HEAD, group="SH", version="005010")
    body += wrapped("997", "AK1*PO*1", "AK9*A*1*1*1", group="FA")
    texts = [found.decode() for found in ours.receipts(Raw("x12/a", body))]
    assert len(texts) == 2
    assert "AK1*PR*3~\nAK2*855*0003~\nAK5*A~\nAK9*A*1*1*1~" in texts[0]
    assert "AK1*SH*3*005010~" in texts[1]
    for text in texts:
        assert text.startswith("ISA*00*          *00*          *ZZ*US             *ZZ*THEM ")
        assert scan(text).all_findings() == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"SE*6*", b"SE*7*", "AK5*E*4~\nAK9*E*1*1*1~"),
        (b"BAK*00*AC*1001-1*20261101", b"BAK*00*AC*1001-1*soon", "AK3*BAK*2**8~\nAK4*4**8~\nAK5*R*5~\nAK9*R*1*1*0~"),
        (b"BAK*00*AC*1001-1*20261101", b"BAX*00", "AK3*BAK*6**3~\nAK5*R*5~\nAK9*R*1*1*0~"),
        (b"ST*855", b"ST*999", "AK2*999*0003~\nAK5*R*1~\nAK9*R*1*1*0~"),
        (
            b"ACK*IA",
            b"ACK*QQ",
            "AK5*A~\nAK9*A*1*1*1~",
        ),  # a code we do not know is our matter, and nothing of it is lost
    ],
)
def test_a_997_says_what_was_wrong(old: bytes, new: bytes, expected: str) -> None:
    body = wrapped("855", *answered("ACK*IA")).replace(old, new)
    (text,) = connector().receipts(Raw("x12/a", body))
    assert expected in text.decode()


# --- out --------------------------------------------------------------------------------------------------------------


def purchase(**changes: Any) -> Purchase:
    values: dict[str, Any] = {
        "po_number": "1001-1", "order_number": "1001", "currency": "USD",
        "ship_to": Address(name="José Łukasz", company="Zażółć * Co~", line1="1 Main St", line2="Apt 2", city="Boston",
                           region="MA", postal_code="02108", country="US", phone="+1 617 555 0100", email="j@example.com"),
        "method_code": "UPSN", "method_name": "UPS Ground", "placed_at": datetime(2026, 11, 27, 3, tzinfo=UTC),
        "note": "Ring twice",
        "lines": (PurchaseLine(line=1, supplier_sku="W-1", sku="OUR-1", title="A blue widget", quantity=10, unit_cost=1250),),
    }  # fmt: skip
    return Purchase(**{**values, **changes})


def test_an_850_says_all_of_it_and_is_the_same_every_time() -> None:
    ours = connector(timezone="America/New_York")
    body = ours.number(ours.render(purchase()), 17, datetime(2026, 11, 28, 2, 5, tzinfo=UTC))
    assert body == ours.number(ours.render(purchase()), 17, datetime(2026, 11, 28, 2, 5, tzinfo=UTC))
    assert body.decode().splitlines() == [
        "ISA*00*          *00*          *ZZ*US             *ZZ*THEM           *261127*2105*U*00401*000000017*0*P*>~",
        "GS*PO*US*THEM*20261127*2105*17*X*004010~", "ST*850*000000017~", "BEG*00*DS*1001-1**20261126~", "CUR*BY*USD~",
        "REF*CO*1001~", "TD5**2*UPSN**UPS Ground~", "N9*ZZ*NOTE~", "MSG*Ring twice~", "N1*ST*Jose Lukasz~", "N2*Zazolc Co~",
        "N3*1 Main St*Apt 2~", "N4*Boston*MA*02108*US~", "PER*IC**TE*+1 617 555 0100*EM*j@example.com~",
        "PO1*1*10*EA*12.5**VP*W-1*SK*OUR-1~", "PID*F****A blue widget~", "CTT*1~", "SE*16*000000017~", "GE*1*17~",
        "IEA*1*000000017~",
    ]  # fmt: skip


def test_version_5010_has_its_own_isa() -> None:
    text = connector(version="005010").render(purchase()).decode()
    assert "*^*00501*000000000*" in text
    assert "*X*005010~" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"po_number": "x" * 23}, "the purchase order number 'xxxxxxxxxxxxxxxxxxxxxxx' is longer than 22 characters"),
        ({"po_number": "10*01-1"}, "has characters X12 cannot carry"),
        (
            {"ship_to": Address(name="Иван", line1="1", city="Boston")},
            "the name 'Иван' has 'И', which ascii cannot carry",
        ),
    ],
)
def test_what_x12_cannot_carry_is_refused_in_words(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said.split("'")[0]) as raised:
        connector().render(purchase(**changes))
    assert said in raised.value.message


def test_utf_8_carries_any_name_where_the_supplier_takes_it() -> None:
    text = connector(charset="utf-8").render(purchase(ship_to=Address(name="Иван", city="Łódź"))).decode()
    assert "N1*ST*Иван~" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sender_id": "x" * 16}, "sender_id"), ({"element_separator": "**"}, "single characters"),
        ({"folder": "in"}, "absolute"),
        ({"transport": "sftp"}, "host is missing"), ({"segment_terminator": "*"}, "different"),
        ({"timezone": "Mars"}, "timezone"),
        ({"unit": "EACH"}, "unit"), ({"first_control_number": 0}, "first_control_number"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        connector(**changes)


def test_a_supplier_that_takes_no_860_is_not_asked_by_one() -> None:
    with pytest.raises(Refused, match="by telephone"):
        connector(cancel_by_860=False).render_cancel(purchase())


_WORD = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@given(
    st.lists(
        st.tuples(st.integers(1, 99999), st.integers(0, 9_999_999), _WORD, _WORD.filter(str.strip)),
        min_size=1,
        max_size=5,
    ),
    _WORD,
    _WORD,
    st.sampled_from(["004010", "005010"]),
    st.sampled_from([("*", ">", "~"), ("|", ":", "\n"), ("^", "<", "'")]),
)
@settings(max_examples=100, deadline=None)
def test_an_850_read_again_is_the_order_that_was_written(
    lines: list[tuple[int, int, str, str]], name: str, note: str, version: str, marks: tuple[str, str, str]
) -> None:
    element, component, end = marks
    ours = connector(version=version, element_separator=element, component_separator=component, segment_terminator=end)
    made = purchase(
        ship_to=Address(name=name, city="Boston", region="Massachusetts", country="US"), note=note,
        lines=tuple(
            PurchaseLine(line=n, supplier_sku=f"W-{n}", sku=f"S-{n}", title=title, quantity=quantity, unit_cost=cost)
            for n, (quantity, cost, title, _) in enumerate(lines, 1)
        ),
    )  # fmt: skip
    file = scan(ours.number(ours.render(made), 5, datetime(2026, 1, 1, tzinfo=UTC)))
    assert file.all_findings() == []
    order: Any = read(file.interchanges[0].groups[0].sets[0])
    assert (order.po_number, order.currency, order.carrier, order.routing) == (
        "1001-1",
        "USD",
        ("2", "UPSN"),
        "UPS Ground",
    )
    told = [(int(x.line), x.ids["VP"], x.ids["SK"], int(x.quantity), x.price * 100) for x in order.lines]
    assert told == [(x.line, x.supplier_sku, x.sku, x.quantity, x.unit_cost) for x in made.lines]
    assert order.parties[0].region == "Massachusetts"

    def kept(text: str) -> str:
        return "".join(c for c in text if c not in element + component + end + "^!{ ")

    assert kept(order.parties[0].name + order.parties[0].name2) == kept(name)
    assert kept("".join(order.notes)) == kept(note)
    assert [kept(x.description) for x in order.lines] == [kept(x.title) for x in made.lines]
