"""Are two cases of one order the same in every column and in how their parts hang together?"""

from __future__ import annotations

from typing import Any

from engine.services.casefile import Case, Record


def _columns(record: Record) -> list[Any]:
    # Booleans are numbers on SQLite, and enumerations are their text.
    values = (int(v) if isinstance(v, bool) else str(v) if isinstance(v, str) else v for v in record.row(record))
    return [type(record).__name__, *values, record.is_new, sorted(record.dirty)]


def flat(case: Case) -> list[list[Any]]:
    """Everything about the order that is stored, and which part belongs to which; parcels' contents as far as loaded."""
    found = [_columns(case.order), *map(_columns, case.lines)]
    for po in case.purchases:
        found.append(_columns(po))
        found += [[*_columns(part), part.po_number, part.line and part.line.position] for part in po.lines]
    for parcel in case.shipments:
        assert any(po is parcel.purchase for po in case.purchases)
        found.append([*_columns(parcel), parcel.po_number, *((part.id, n) for part, n in parcel.contents)])
    for issue in case.issues:
        found.append([*_columns(issue), issue.path])
    pending = [case.events, case.jobs, case.terms, case.removed, case.was_status]
    assert not any(pending)
    return found
