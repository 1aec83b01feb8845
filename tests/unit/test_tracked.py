"""What the blue book says of a new part: its tracked values that are not null, by path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.services import chain
from engine.services.casefile import (
    HERE,
    Case,
    LineRecord,
    OrderRecord,
    PurchaseLineRecord,
    PurchaseRecord,
    Record,
    ShipmentRecord,
)
from engine.services.lifecycle import Actor, Work

RECORDS = (OrderRecord, LineRecord, PurchaseRecord, PurchaseLineRecord, ShipmentRecord)


def a_record(kind: type[Record], *, nulls: bool) -> Record:
    values: dict[str, Any] = {}
    for place, name in enumerate(kind.COLUMNS):
        said = str(kind.__annotations__[name])
        values[name] = (
            None if nulls and "None" in said else place if "int" in said else place > 3 if "bool" in said else name
        )
    return kind(**values)


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_tells_its_tracked_values_by_path_and_no_nulls(kind: type[Record], nulls: bool) -> None:
    record = a_record(kind, nulls=nulls)
    prefix = f"{record.path}." if record.path else ""
    told = {prefix + name: getattr(record, name) for name in kind.TRACKED if getattr(record, name) is not None}
    assert record.made().by_path() == told == _read(record.made().text())
    assert len(told) == len(kind.TRACKED) - (
        sum("None" in kind.__annotations__[n] for n in kind.TRACKED) if nulls else 0
    )


def _read(text: bytes) -> dict[str, Any]:
    assert text.startswith(b",")
    return dict(json.loads(b"{" + text[1:] + b"}"))


HOSTILE = st.text(st.one_of(st.sampled_from(list('",~.\\{}:\0')), st.characters(codec="utf-8")))


@given(po_number=HOSTILE, sku=HOSTILE, title=HOSTILE, quantity=st.integers(-(2**63), 2**63 - 1))
@example(po_number=',"~.', sku='",' + HERE, title='\\",' + HERE + 'sku":', quantity=1)
def test_whatever_is_in_them_values_and_paths_come_back_as_they_were(
    po_number: str, sku: str, title: str, quantity: int
) -> None:
    record = a_record(PurchaseLineRecord, nulls=False)
    assert isinstance(record, PurchaseLineRecord)
    record.po_number, record.sku, record.title, record.quantity = po_number, sku, title, quantity
    assert _read(record.made().text()) == record.made().by_path()


def a_draft() -> tuple[Work, Case, PurchaseRecord]:
    """A purchase order that has come with the event that is open, for which no method is chosen."""
    order, purchase = a_record(OrderRecord, nulls=True), a_record(PurchaseRecord, nulls=True)
    assert isinstance(order, OrderRecord)
    assert isinstance(purchase, PurchaseRecord)
    work, case = Work(Actor("test", "worker")), Case(order=order)
    work.event(case, "order:check", "")
    work.new_purchase(case, purchase)
    return work, case, purchase


def test_what_a_new_part_did_not_have_was_null_before() -> None:
    work, case, purchase = a_draft()
    was = purchase.made().by_path()
    work.put(case, purchase, method_id=7)
    work.put(case, purchase, method_id=8)
    chain.tell(case.events)
    path = f"{purchase.path}.method_id"
    before, after, _ = map(json.loads, case.events[0].told)
    assert (before, after) == ({path: None}, was | {path: 8})


def test_what_is_changed_of_a_new_part_at_once_it_had_from_the_beginning() -> None:
    work, case, purchase = a_draft()
    was = purchase.made().by_path()
    work.put(case, purchase, reference="R-1")
    chain.tell(case.events)
    before, after, _ = map(json.loads, case.events[0].told)
    assert (before, after) == ({}, was | {f"{purchase.path}.reference": "R-1"})


def test_a_part_that_is_changed_later_is_told_as_it_was_first() -> None:
    work, case, purchase = a_draft()
    was = purchase.made().by_path()
    work.event(case, "order:edit", "")
    work.put(case, purchase, reference="R-1")
    chain.tell(case.events)
    told = [[json.loads(text) for text in event.told[:2]] for event in case.events]
    path = f"{purchase.path}.reference"
    assert told == [[{}, was], [{path: "reference"}, {path: "R-1"}]]


def test_a_line_that_is_dropped_as_it_came_is_not_there() -> None:
    work, case, purchase = a_draft()
    line = a_record(PurchaseLineRecord, nulls=False)
    assert isinstance(line, PurchaseLineRecord)
    work.new_purchase_line(case, purchase, line)
    work.drop_purchase_line(case, purchase, line)
    chain.tell(case.events)
    before, after, _ = map(json.loads, case.events[0].told)
    assert before == {}
    assert {path: value for path, value in after.items() if value is not None} == purchase.made().by_path()


def test_a_line_that_takes_the_place_of_a_dropped_one_is_told_with_its_values() -> None:
    work, case, purchase = a_draft()
    first, second = (a_record(PurchaseLineRecord, nulls=False) for _ in range(2))
    assert isinstance(first, PurchaseLineRecord)
    assert isinstance(second, PurchaseLineRecord)
    work.new_purchase_line(case, purchase, first)
    work.drop_purchase_line(case, purchase, first)
    work.new_purchase_line(case, purchase, second)
    work.put(case, second, quantity=7)
    chain.tell(case.events)
    before, after, _ = map(json.loads, case.events[0].told)
    assert (before, after) == ({}, purchase.made().by_path() | second.made().by_path())
