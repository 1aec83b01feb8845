"""855 and 865 to updates: what is acknowledged, backordered, refused or canceled, line by line, and nothing left unsaid."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal

import msgspec

from engine.connectors.suppliers.x12.items import Items
from engine.domain.x12 import codes
from engine.domain.x12.codes import Answer
from engine.domain.x12.documents import AnsweredLine, OrderAnswer, Status
from engine.errors import Unreadable
from engine.ports import SupplierUpdate, UpdateKind, UpdateLine

K = UpdateKind
_ORDER = (K.ACKNOWLEDGED, K.BACKORDERED, K.REJECTED, K.CANCELED, K.CANCEL_REFUSED)


class _Share(msgspec.Struct, frozen=True):
    """A quantity of a line, what becomes of it, and why in words."""

    kind: UpdateKind
    quantity: Decimal
    words: str
    expected: datetime | None = None


def answer_updates(
    answer: OrderAnswer, at: datetime, digest: str, items: Items, rejected_865: str = "ask"
) -> list[SupplierUpdate]:
    """The updates an 855 or 865 stands for. Raises Unreadable where it leaves open what becomes of a line."""
    meaning, words = codes.ORDER_STATUS[answer.status]
    notes = "; ".join(answer.notes)
    if answer.change:
        return _change(answer, meaning, words, at, digest, rejected_865)
    if answer.purpose in codes.WITHDRAWN:
        what = codes.PURPOSES[answer.purpose]
        raise Unreadable(
            f"{answer.place}, BAK01: an acknowledgement for {what}. Does the supplier cancel {answer.po_number}? Ask, then "
            "cancel it here",
            field="BAK01",
        )
    shares: list[tuple[AnsweredLine, _Share]] = []
    for line in answer.lines:
        shares += [(line, share) for share in _shares(line, meaning, words, answer.place)]
    updates = []
    listed_only = answer.status in ("AE", "RF")  # only the exceptions are listed
    if not answer.lines or (listed_only and meaning is Answer.ACCEPTED):
        kind = {Answer.ACCEPTED: K.ACKNOWLEDGED, Answer.HELD: K.BACKORDERED}.get(meaning, K.REJECTED)
        updates.append(_update(answer, kind, (), [words, notes], at, digest))
    elif answer.status == "RF":
        if any(share.kind is not K.REJECTED for _, share in shares):
            raise Unreadable(
                f"{answer.place}, BAK02: the order is rejected, only exceptions are listed, and a listed line is accepted: "
                "what becomes of the others cannot be told",
                field="BAK02",
            )
        return [_update(answer, K.REJECTED, (), [words, notes, *_words(shares)], at, digest)]
    for kind in _ORDER:
        mine = [(line, share) for line, share in shares if share.kind is kind and share.quantity]
        if updates and kind is K.ACKNOWLEDGED and mine:
            continue  # all of it was acknowledged above
        if mine:
            lines = _lines(mine, items)
            updates.append(_update(answer, kind, lines, [notes, *_words(mine)], at, digest))
    if not updates:
        raise Unreadable(f"{answer.place}: the acknowledgement says nothing of any quantity", field="ACK02")
    return updates


def _shares(line: AnsweredLine, meaning: Answer, words: str, place: str) -> list[_Share]:
    """What becomes of the line's quantity, all of it accounted for."""
    ordered = line.line.quantity
    if not line.answers:
        kind = {Answer.ACCEPTED: K.ACKNOWLEDGED, Answer.HELD: K.BACKORDERED}.get(meaning, K.REJECTED)
        return [_Share(kind, ordered, _because(words if kind is not K.ACKNOWLEDGED else "", line))]
    for status in line.answers:
        if status.code == "IS":
            named = ", ".join(f"{kind} {value}" for kind, value in status.ids.items()) or "another item"
            raise Unreadable(
                f"{status.place}, ACK01: the supplier would ship {named} instead of {_item(line)} (IS). Whether the customer "
                "takes it is for a person: ask, then have it shipped as ordered or canceled",
                field="ACK01",
            )
    stated = sum((status.quantity or Decimal(0) for status in line.answers), Decimal(0))
    open_ended = [status for status in line.answers if not status.quantity]
    rest = max(Decimal(0), ordered - stated)
    if len(open_ended) > 1:
        raise Unreadable(
            f"{open_ended[1].place}, ACK02: two answers to line {line.line.line} without a quantity", field="ACK02"
        )
    found = [_share(status, status.quantity or rest, line) for status in line.answers]
    if open_ended or rest == 0:
        return found
    return [*found, _remainder(line, rest, stated, place)]


def _share(status: Status, quantity: Decimal, line: AnsweredLine) -> _Share:
    meaning, words = codes.LINE_STATUS[status.code]
    kind = {
        Answer.BACKORDERED: K.BACKORDERED, Answer.HELD: K.BACKORDERED, Answer.REJECTED: K.REJECTED, Answer.DELETED: K.REJECTED,
    }.get(meaning, K.ACKNOWLEDGED)  # fmt: skip
    expected = datetime.combine(status.date, time(12), UTC) if status.date and kind is K.BACKORDERED else None
    said = "" if status.code == "IA" else words
    if status.code in ("IP", "IE", "IC") and line.line.price is not None:
        said = f"{words}: now {line.line.price}"
    if status.text and status.text.casefold() != words:
        said = f"{said}: {status.text}" if said else status.text
    return _Share(kind, quantity, _because(said, line), expected)


def _remainder(line: AnsweredLine, rest: Decimal, stated: Decimal, place: str) -> _Share:
    """What becomes of a quantity no answer names: backordered where that is said, refused where less was accepted."""
    kinds = {codes.LINE_STATUS[status.code][0] for status in line.answers}
    if Answer.PARTLY in kinds:
        return _Share(K.BACKORDERED, rest, _because("the balance is backordered", line))
    if kinds <= {Answer.ACCEPTED, Answer.CHANGED}:
        words = f"only {stated:f} of {line.line.quantity:f} accepted"
        return _Share(K.REJECTED, rest, _because(words, line))
    if kinds <= {Answer.REJECTED, Answer.DELETED}:
        return _Share(K.ACKNOWLEDGED, rest, "")
    raise Unreadable(
        f"{line.answers[0].place}, ACK02: {stated:f} of {line.line.quantity:f} of line {line.line.line} are answered, and "
        f"what becomes of the other {rest:f} is not said ({place})",
        field="ACK02",
    )


def _because(words: str, line: AnsweredLine) -> str:
    said = "; ".join(filter(None, (words, *line.notes)))
    return f"{_item(line)}: {said}" if said else ""


def _item(line: AnsweredLine) -> str:
    return next(iter(line.line.ids.values()), f"line {line.line.line}")


def _words(shares: list[tuple[AnsweredLine, _Share]]) -> list[str]:
    return list(dict.fromkeys(share.words for _, share in shares if share.words))


def _lines(shares: list[tuple[AnsweredLine, _Share]], items: Items) -> tuple[UpdateLine, ...]:
    found: dict[tuple[int, str], UpdateLine] = {}
    for line, share in shares:
        said = items.line(
            line.line.line, line.line.ids, share.quantity, line.line.unit, line.line.place, share.expected
        )
        known = found.get((said.line, said.supplier_sku))
        found[said.line, said.supplier_sku] = (
            msgspec.structs.replace(said, quantity=said.quantity + known.quantity) if known else said
        )
    return tuple(found.values())


def _update(
    answer: OrderAnswer, kind: UpdateKind, lines: tuple[UpdateLine, ...], words: list[str], at: datetime, digest: str
) -> SupplierUpdate:
    what = "865" if answer.change else "855"
    return SupplierUpdate(
        kind=kind, key=f"{what}:{digest[:40]}:{kind}", po_number=answer.po_number, occurred_at=at, lines=lines,
        reference=answer.reference, message="; ".join(word for word in words if word),
    )  # fmt: skip


# --- 865 --------------------------------------------------------------------------------------------------------------


def _change(
    answer: OrderAnswer, meaning: Answer, words: str, at: datetime, digest: str, rejected: str
) -> list[SupplierUpdate]:
    """The answer to our 860, by which we only ever ask to cancel; or a change the supplier makes by itself."""
    statuses = [status for line in answer.lines for status in line.answers]
    meanings = {codes.LINE_STATUS[status.code][0] for status in statuses}
    told = [words, *answer.notes]
    if answer.status == "RJ" and not answer.lines:
        return [_update(answer, K.CANCEL_REFUSED, (), told, at, digest)]
    if meaning is Answer.REJECTED or (meanings and meanings <= {Answer.REJECTED}):
        told += list(dict.fromkeys(note for line in answer.lines for note in line.notes))
        if rejected == "ask":
            # "Rejected" is said of the change by some, and of the items, which then will not ship, by others.
            raise Unreadable(
                f"{answer.place}: the answer to our change of {answer.po_number} rejects its lines, which may mean that they "
                f"will not be shipped or that they will ({'; '.join(told)}). Ask the supplier, and set rejected_865",
                field="BCA02",
            )
        return [_update(answer, K.CANCELED if rejected == "canceled" else K.CANCEL_REFUSED, (), told, at, digest)]
    deleted = [line for line in answer.lines if _deleted(line)]
    if answer.purpose in codes.WITHDRAWN or (answer.lines and len(deleted) == len(answer.lines)):
        return [_update(answer, K.CANCELED, (), told, at, digest)]
    if not answer.lines and meaning is Answer.ACCEPTED:
        return [_update(answer, K.CANCELED, (), told, at, digest)]
    if not deleted and meanings <= {Answer.ACCEPTED} and all(line.line.change in ("", "NC") for line in answer.lines):
        return [_update(answer, K.ACKNOWLEDGED, (), told, at, digest)]
    changed = next((line for line in answer.lines if not _deleted(line)), None)
    where = changed.line.place if changed else answer.place
    change = codes.CHANGES.get(changed.line.change, changed.line.change) if changed else "changed"
    raise Unreadable(
        f"{where}: the supplier changes {answer.po_number} ({change or 'changed'}) and nobody here asked for that. Compare "
        "with the order, then agree with the supplier",
        field="POC02",
    )


def _deleted(line: AnsweredLine) -> bool:
    if line.answers:
        return all(codes.LINE_STATUS[status.code][0] is Answer.DELETED for status in line.answers)
    return line.line.change == "DI"
