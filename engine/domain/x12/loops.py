"""A transaction set as a tree of loops, and what is wrong with its segments. Lenient: an unknown segment is noted and kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import msgspec

from engine.domain.x12.dictionary import SEGMENTS, Element
from engine.domain.x12.scan import Finding, Segment, Set


class Loop(msgspec.Struct, frozen=True):
    """A loop's schema: the segment that begins it, the others it may have, and the loops inside it."""

    trigger: str
    members: frozenset[str]
    loops: dict[str, Loop]
    required: frozenset[str] = frozenset()


class Node(msgspec.Struct):
    """A loop as it was found: its segments in order, its trigger first, and the loops inside it."""

    schema: Loop
    segments: list[Segment]
    inner: list[Node]

    def first(self, tag: str) -> Segment | None:
        """Its first segment of this name."""
        for segment in self.segments:
            if segment.elements[0] == tag:
                return segment
        return None

    def all(self, tag: str) -> Iterator[Segment]:
        """Its segments of this name."""
        return (segment for segment in self.segments if segment.elements[0] == tag)

    def loops(self, trigger: str) -> Iterator[Node]:
        """The loops right inside it that this segment begins."""
        return (node for node in self.inner if node.schema.trigger == trigger)

    @property
    def head(self) -> Segment:
        """The segment that begins it."""
        return self.segments[0]


def _loop(members: str, *inner: Loop, required: str = "") -> Loop:
    trigger, *rest = members.split()
    return Loop(
        "" if trigger == "-" else trigger, frozenset(rest), {loop.trigger: loop for loop in inner},
        frozenset(required.split()),
    )  # fmt: skip


_PARTY = _loop("N1 N2 N3 N4 NX2 REF PER SI FOB TD1 TD3 TD4 TD5 PKG")
_NOTE = _loop("N9 DTM MSG PWK EFI")
_TERMS = "CUR REF PER TAX FOB CTP PAM CSH SAC ITD DIS INC DTM LDT LIN SI PID MEA PWK PKG TD1 TD3 TD4 TD5 MAN PCT CTB TXI G53 NTE"
_LINE = (
    "CUR PO3 CTP PAM PID MEA PWK PO4 REF PER SAC IT8 ITD DIS INC TAX FOB SDQ DTM SI TD1 TD3 TD4 TD5 PCT MAN MSG SPI TXI CTB "
    "LDT QTY SCH PKG LS LE ADV"
)
_INSIDE = (_loop("SLN MSG SI PID PO3 TC2 ADV DTM CTP PAM PO4 TAX SAC N1 N2 N3 N4 REF PER"), _PARTY, _NOTE)
_TOTALS = _loop("CTT AMT")
_EXTRAS = (_loop("SPI REF DTM MSG"), _loop("AMT REF DTM PCT"))
SCHEMAS: dict[str, Loop] = {
    "850": _loop(f"- BEG {_TERMS}", _PARTY, _NOTE, *_EXTRAS, _loop(f"PO1 {_LINE}", *_INSIDE), _TOTALS, required="BEG PO1"),
    "860": _loop(f"- BCH {_TERMS}", _PARTY, _NOTE, _loop(f"POC {_LINE}", *_INSIDE), _TOTALS, required="BCH"),
    "855": _loop(f"- BAK {_TERMS}", _PARTY, _NOTE, _loop(f"PO1 ACK {_LINE}", *_INSIDE), _TOTALS, required="BAK"),
    "865": _loop(f"- BCA {_TERMS}", _PARTY, _NOTE, _loop(f"POC ACK {_LINE}", *_INSIDE), _TOTALS, required="BCA"),
    "856": _loop(
        "- BSN DTM",
        _loop(
            "HL LIN SN1 SLN PRF PO4 PID MEA PWK PKG TD1 TD3 TD4 TD5 TSD REF PER CLD MAN DTM FOB PAL SAC CUR SDQ ITD SI NTE "
            "YNQ LFH LM LQ V1 R4 E1 E4",
            _PARTY,
        ),
        _loop("CTT"),
        required="BSN HL",
    ),
    "810": _loop(
        "- BIG NTE CUR REF YNQ PER ITD DTM FOB PID MEA PWK PKG L7 BAL INC PAM SAC TDS TXI CAD AMT ISS",
        _PARTY,
        _NOTE,
        _loop(f"IT1 CRC QTY AMT {_LINE}", *_INSIDE),
        _TOTALS,
        required="BIG TDS",
    ),
    "846": _loop(
        "- BIA CUR DTM REF PER MEA",
        _PARTY,
        _loop("LIN PID MEA PKG DTM CTP CUR SAC REF PER PO4 SDQ MAN UIT CS DD G55 PWK SCH", _loop("QTY UIT MEA LDT DTM LS LE"),
              _PARTY, _loop("LDT QTY MSG REF")),
        _loop("CTT"),
        required="BIA LIN",
    ),
    "997": _loop("- AK1 AK9", _loop("AK2 AK5", _loop("AK3 AK4")), required="AK1 AK9"),
}  # fmt: skip


def tree(item: Set, *, check: bool = True) -> Node | None:
    """The set as a tree, with what is wrong added to its findings; None for a set there is no schema of. Linear."""
    schema = SCHEMAS.get(item.code)
    if schema is None:
        return None
    root = Node(schema, [], [])
    stack = [root]
    body = item.segments[1:-1] if item.closed else item.segments[1:]
    seen: set[str] = set()
    for segment in body:
        tag = segment.elements[0]
        seen.add(tag)
        last = stack[-1]
        if tag in last.schema.members and tag not in last.schema.loops:  # by far the commonest
            last.segments.append(segment)
            if check:
                item.findings += faults(item, segment)
            continue
        for depth in range(len(stack) - 1, -1, -1):
            here = stack[depth].schema
            if tag in here.loops:
                node = Node(here.loops[tag], [segment], [])
                stack[depth].inner.append(node)
                del stack[depth + 1 :]
                stack.append(node)
                break
            if tag in here.members:
                stack[depth].segments.append(segment)
                del stack[depth + 1 :]
                break
        else:
            stack[-1].segments.append(segment)
            said = "this segment is not used here"
            item.findings.append(finding(item, segment, said, code="2" if tag in SEGMENTS else "1"))
        if check:
            item.findings += faults(item, segment)
    for tag in sorted(schema.required - seen):
        where = item.segments[-1]
        said = f"there is no {tag} ({SEGMENTS[tag].name.lower()}) in this {item.code}"
        item.findings.append(
            Finding("error", "segment", said, "3", item.place, tag, where.number, 0, where.at)
        )  # fmt: skip
    return root


def finding(
    item: Set, segment: Segment, text: str, *, element: int = 0, code: str = "", level: str = "note"
) -> Finding:
    """Something wrong with a segment, or with one of its elements."""
    scope = "element" if element else "segment"
    return Finding(level, scope, text, code, item.place, segment.tag, segment.number, element, segment.at)  # type: ignore[arg-type]


def faults(item: Set, segment: Segment) -> list[Finding]:
    """What is wrong with the elements of a segment we know, as notes: each is still what it is."""
    kind = SEGMENTS.get(segment.tag)
    if kind is None:
        return []
    found = []
    for number, element in enumerate(kind.elements, 1):
        value = segment.get(number)
        if element.required and not value:
            found.append(finding(item, segment, f"{element.name} is missing", element=number, code="1"))
    for number in range(1, len(segment.elements)):
        about = kind.element(number)
        if about is not None and (value := segment.get(number)):
            said, code = fault(about, value)
            if said:
                found.append(finding(item, segment, f"{about.name} {value[:60]!r} {said}", element=number, code=code))
    return found


_DIGITS = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[Ee][+-]?\d+)?")
_TIME = re.compile(r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\d{1,2})?)?")


def fault(about: Element, value: str) -> tuple[str, str]:
    """What is wrong with a value, and the 997's code for it; two empty texts where it is right."""
    kind = about.kind
    if kind[0] == "N" and not _DIGITS.fullmatch(value):
        return "is not a whole number", "6"
    if kind == "R" and not _DECIMAL.fullmatch(value):
        return "is not a number", "6"
    if kind == "DT" and day(value) is None:
        return "is not a date", "8"
    if kind == "TM" and not _TIME.fullmatch(value):
        return "is not a time", "9"
    length = len(value.replace("-", "").replace(".", "")) if kind[0] in "NR" else len(value)
    if length > about.most:
        return f"is longer than {about.most}", "5"
    if length < about.least:
        return f"is shorter than {about.least}", "4"
    return "", ""


def day(value: str) -> date | None:
    """A date as YYYYMMDD or YYMMDD; None where it is none."""
    if not (value.isascii() and value.isdigit()) or len(value) not in (6, 8):
        return None
    if len(value) == 6:
        value = ("20" if value < "70" else "19") + value
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return None
