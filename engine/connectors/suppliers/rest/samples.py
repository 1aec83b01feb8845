"""Samples of a supplier's JSON, read by a mapping before it is saved: what they would say, and what cannot be used and why."""

from __future__ import annotations

from typing import Any

import msgspec

from engine import clock
from engine.connectors.suppliers.rest.mapping import Asked, SupplierMapping, text
from engine.errors import Invalid, Unreadable
from engine.ports import SupplierUpdate, Tried

_UPDATE = ("update", "status_map", "without_lines", "currency")
KINDS = {
    "orders": ("request",),
    "answers": ("answer_reference", "answer_po_number", "error_message"),
    "updates": ("updates_items", "updates_next", *_UPDATE),
    "callbacks": _UPDATE,
    "statuses": ("status_items", *_UPDATE),
}
"""The kinds of document and the settings that say how each looks. A callback is one update, and is read like those polled."""


def tried(mapping: SupplierMapping, kind: str, name: str, body: bytes) -> Tried:
    """What a sample of this kind says, place by place, and every reason why a part could not be used.

    Raises Invalid for a kind that is not read.
    """
    if kind not in KINDS or kind == "orders":
        kinds = ", ".join(kind for kind in KINDS if kind != "orders")
        raise Invalid(f"there is no kind of answer {kind!r} to read; there are: {kinds}", "kind")
    try:
        sample = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        return Tried((), (), (f"{name}: it is not JSON: {error}",))
    if kind == "answers":
        return _answer(mapping, name, sample)
    if kind == "callbacks":
        return _updates(mapping, [(name, sample)])
    if kind == "statuses":
        return _status(mapping, name, sample)
    try:
        items = mapping.updates_items.of(sample)
        following = text(mapping.updates_next.of(sample), "updates_next")
    except Unreadable as error:
        return Tried((), (), (f"{name}: {error.message}",))
    if not isinstance(items, list):
        return Tried((), (), (f"{name}: updates_items finds no list in it, but {items!r:.100}",))
    missing = (f"{name}: updates_next finds no cursor in it, and a page with updates needs one",)
    return _updates(
        mapping, [(f"{name}, update {number}", item) for number, item in enumerate(items, 1)],
        problems=() if following or not items else missing,
    )  # fmt: skip


def _answer(mapping: SupplierMapping, name: str, sample: Any) -> Tried:
    row, problems = {}, []
    for expression in (mapping.answer_po_number, mapping.answer_reference, mapping.error_message):
        try:
            found = expression.of(sample)
            if expression is mapping.error_message:
                row[expression.setting] = found.strip() if isinstance(found, str) else ""
            else:
                row[expression.setting] = text(found, expression.setting)
        except Unreadable as error:
            problems.append(f"{name}: {error.message}")
    if not problems and not row["answer_po_number"] and not row["error_message"]:
        problems.append(
            f"{name}: neither answer_po_number nor error_message finds anything: as the answer to a look-up it would count "
            "as no answer"
        )
    return Tried(((name, {key: value for key, value in row.items() if value}),), (), tuple(problems))


def _status(mapping: SupplierMapping, name: str, sample: Any) -> Tried:
    try:
        found = mapping.status_items.of(sample)
    except Unreadable as error:
        return Tried((), (), (f"{name}: {error.message}",))
    items = found if isinstance(found, list) else [] if found is None else [found]
    return _updates(mapping, [(f"{name}, status {n}", item) for n, item in enumerate(items, 1)], asked=True)


def _updates(
    mapping: SupplierMapping, items: list[tuple[str, Any]], problems: tuple[str, ...] = (), asked: bool = False,
) -> Tried:  # fmt: skip
    rows: list[tuple[str, dict[str, str]]] = []
    updates: list[SupplierUpdate] = []
    wrong = list(problems)
    for place, item in items:
        try:
            for single in mapping.apart(item):
                rows.append((place, {field: _shown(value) for field, value in mapping.picked(single).items()}))
                update = mapping.one(single, Asked("", clock.now()) if asked else None)
                updates += [update] if update else []
        except Unreadable as error:
            field = f" ({error.field})" if error.field and error.field not in error.message else ""
            wrong.append(f"{place}: {error.message}{field}")
    return Tried(tuple(rows), tuple(updates), tuple(wrong))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
