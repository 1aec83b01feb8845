"""Single values out of segments: each is read, or refused by its place, name and what is wrong with it."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

import msgspec

from engine.domain.x12.dictionary import SEGMENTS
from engine.domain.x12.documents import Ids, Party
from engine.domain.x12.loops import Node, day, finding
from engine.domain.x12.scan import Segment, Set
from engine.errors import Unreadable

_MOST = Decimal(10) ** 15
_CLOCK = re.compile(r"\d{4}(?:\d{2}(?:\d{1,2})?)?", re.ASCII)


class At(msgspec.Struct, frozen=True):
    """A segment in its set, to be read from."""

    item: Set
    segment: Segment

    @property
    def place(self) -> str:
        """``interchange 1, group 1, 855 0001, segment 4 (PO1)``."""
        return f"{self.item.place}, segment {self.segment.number} ({self.segment.tag})"

    def refuse(self, element: int, what: str) -> Unreadable:
        """The error that says what is wrong with one of its elements."""
        found = finding(self.item, self.segment, what, element=element)
        return Unreadable(str(found), field=f"{self.segment.tag}{element:02d}")

    def text(self, element: int) -> str:
        """An element, "" where there is none."""
        return self.segment.get(element)

    def need(self, element: int) -> str:
        """An element that must be there."""
        elements = self.segment.elements
        value = elements[element].strip() if element < len(elements) else ""
        if not value:
            raise self.refuse(element, f"{self._name(element)} is missing")
        return value

    def _name(self, element: int) -> str:
        kind = SEGMENTS.get(self.segment.tag)
        about = kind.element(element) if kind else None
        return about.name if about else "the value"

    def day(self, element: int) -> date:
        """A date that must be there."""
        value = self.need(element)
        found = day(value)
        if found is None:
            raise self.refuse(element, f"{self._name(element)} {value[:60]!r} is not a date")
        return found

    def perhaps_day(self, element: int) -> date | None:
        """A date, None where there is none or it is no date: for dates that decide nothing."""
        return day(self.text(element))

    def moment(self, of_day: int, of_time: int) -> tuple[datetime, bool]:
        """A date with its time, where there is one; and whether there was."""
        at = clock_time(self.text(of_time))
        return datetime.combine(self.day(of_day), at or time()), at is not None

    def number(self, element: int) -> Decimal:
        """A number that must be there."""
        return self._decimal(self.need(element), element)

    def perhaps_number(self, element: int) -> Decimal | None:
        """A number, None where there is none. One that is no number is refused."""
        value = self.text(element)
        return self._decimal(value, element) if value else None

    def _decimal(self, value: str, element: int) -> Decimal:
        if len(value) < 10 and value.isascii() and value.isdigit():  # by far the commonest
            return Decimal(value)
        try:
            found = Decimal(value) if value.isascii() and "_" not in value else None
        except InvalidOperation:
            found = None
        if found is None or not found.is_finite() or abs(found) >= _MOST or found.as_tuple().exponent < -12:  # type: ignore[operator]
            raise self.refuse(element, f"{self._name(element)} {value[:60]!r} is not a number")
        return found

    def ids(self, start: int) -> Ids:
        """The pairs of qualifier and item number from this element on; the first of a qualifier counts."""
        found: Ids = {}
        elements = self.segment.elements
        for qualifier, value in zip(elements[start::2], elements[start + 1 :: 2], strict=False):
            if (kind := qualifier.strip()) and (number := value.strip()):
                found.setdefault(kind, number)
        return found


def clock_time(value: str) -> time | None:
    """HHMM, HHMMSS or HHMMSSDD; None for anything else."""
    if not _CLOCK.fullmatch(value):
        return None
    hour, minute, second = int(value[:2]), int(value[2:4]), int(value[4:6] or 0)
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


def parties(item: Set, node: Node) -> tuple[Party, ...]:
    """The N1 loops right inside this loop."""
    return tuple(_party(item, inner) for inner in node.loops("N1"))


def _party(item: Set, node: Node) -> Party:
    head, more = At(item, node.head), next(node.all("N2"), None)
    place = next(node.all("N4"), None)
    numbers = contacts(node)
    return Party(
        role=head.text(1), name=head.text(2), id_qualifier=head.text(3), id=head.text(4),
        name2=more.get(1) if more else "",
        street=tuple(value for n3 in node.all("N3") for value in (n3.get(1), n3.get(2)) if value),
        city=place.get(1) if place else "",
        region=(place.get(2) or (place.get(6) if place.get(5) == "SP" else "")) if place else "",
        postal_code=place.get(3) if place else "", country=place.get(4) if place else "",
        phone=numbers.get("TE", ""), email=numbers.get("EM", ""),
    )  # fmt: skip


def contacts(node: Node) -> dict[str, str]:
    """Numbers of the PER segments of a loop, by their qualifier: TE telephone, EM e-mail."""
    found: dict[str, str] = {}
    for per in node.all("PER"):
        for element in (3, 5, 7):
            if per.get(element) and per.get(element + 1):
                found.setdefault(per.get(element), per.get(element + 1))
    return found


def notes(node: Node) -> tuple[str, ...]:
    """What is written in words: MSG, NTE, and N9 with its messages."""
    found = [segment.get(1) for segment in node.all("MSG")] + [segment.get(2) for segment in node.all("NTE")]
    for inner in node.loops("N9"):
        said = [inner.head.get(3)] + [segment.get(1) for segment in inner.all("MSG")]
        found += said
    return tuple(text for text in found if text)


def description(node: Node) -> str:
    """The PID texts of a line, joined."""
    return " ".join(text for segment in node.all("PID") if (text := segment.get(5)))
