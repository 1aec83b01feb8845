"""What the blue book says of a new part: its tracked values that are not null, by path."""

from __future__ import annotations

from typing import Any

import pytest

from engine.services.casefile import (
    IssueRecord,
    LineRecord,
    OrderRecord,
    PurchaseLineRecord,
    PurchaseRecord,
    Record,
    ShipmentRecord,
)

RECORDS = (OrderRecord, LineRecord, PurchaseRecord, PurchaseLineRecord, ShipmentRecord, IssueRecord)


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
    found: dict[str, Any] = {"other": 1}
    record.track(found)
    told = {prefix + name: getattr(record, name) for name in kind.TRACKED if getattr(record, name) is not None}
    assert found == {"other": 1, **told}
    assert len(told) == len(kind.TRACKED) - (
        sum("None" in kind.__annotations__[n] for n in kind.TRACKED) if nulls else 0
    )


def test_what_was_said_of_a_part_before_stays_where_it_is_null_now() -> None:
    line = a_record(LineRecord, nulls=True)
    gone = f"{line.path}.supplier_id"
    found: dict[str, Any] = {gone: None, f"{line.path}.sku": None}
    line.track(found)
    assert gone in found
    assert found[gone] is None
    assert found[f"{line.path}.sku"] == "sku"
