"""Bytes to interchanges, groups, sets and segments, in one pass by index, and back to text.

Real files have byte order marks, CRLF or NEL after segments, several interchanges with different delimiters, an ISA whose
elements are not padded, lines wrapped at 80 characters, and counts that are wrong. None of that loses content: it is noted
in ``Finding``s. An ``error`` means that content is missing or cannot be told apart; a ``note`` that somebody miscounted.
"""

from __future__ import annotations

import codecs
import re
from itertools import pairwise
from typing import Literal

import msgspec

ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
_ISA_REACH = 700  # an ISA is 106 characters; one with elements too wide is still within this
_ISA_WIDEST = 35
_BLANK = " \t\r\n\x00\x1a\x85\ufeff\u2028"
_TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_KNOWN: set[str] = set()  # tags seen and found to be in order, so that each is looked at once
_MOST_KNOWN = 2000
_START = re.compile(r"(?<![A-Za-z0-9])ISA(?=[^A-Za-z0-9 ])|ISA(?=([^A-Za-z0-9 ])\d\d\1)")
Scope = Literal["file", "interchange", "group", "set", "segment", "element"]


class Delimiters(msgspec.Struct, frozen=True):
    """The characters that part an interchange. ``repetition`` is "" before version 4020."""

    element: str = "*"
    component: str = ">"
    segment: str = "~"
    repetition: str = ""

    def all(self) -> str:
        """All of them in one text."""
        return self.element + self.component + self.segment + self.repetition


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it should be, and exactly where. ``code`` is the 997's for its scope, "" where it has none.

    ``segment`` counts from the set's ST, which is 1; ``element`` from the first after the tag; ``at`` is the character in
    the file, from 1.
    """

    level: Literal["note", "error"]
    scope: Scope
    text: str
    code: str = ""
    place: str = ""
    tag: str = ""
    segment: int = 0
    element: int = 0
    at: int = 0

    def __str__(self) -> str:
        where = [self.place] if self.place else []
        if self.tag:
            where.append(f"segment {self.segment} ({self.tag})" if self.segment else self.tag)
        if self.element:
            where.append(f"element {self.element} ({self.tag}{self.element:02d})")
        if self.at:
            where.append(f"character {self.at}")
        return f"{', '.join(where)}: {self.text}" if where else self.text


class Segment(msgspec.Struct, frozen=True, gc=False):
    """A segment: its tag and elements, its number within the set, and the character of the file it begins at, from 1."""

    elements: tuple[str, ...]
    number: int = 0
    at: int = 0

    @property
    def tag(self) -> str:
        """Its name: ``PO1``."""
        return self.elements[0]

    def get(self, number: int) -> str:
        """An element by its number, without blanks around it; "" where there is none."""
        try:
            return self.elements[number].strip()
        except IndexError:
            return ""


class Set(msgspec.Struct):
    """A transaction set: its code (``855``), its control number and its segments, from ST to SE where that is there."""

    code: str
    control: str
    segments: list[Segment]
    place: str = ""
    findings: list[Finding] = []
    closed: bool = False

    @property
    def sound(self) -> bool:
        """Is it there from its beginning to its end?"""
        return not any(finding.level == "error" for finding in self.findings)


class Group(msgspec.Struct):
    """A functional group. ``implicit``: its sets came without a GS."""

    header: Segment
    sets: list[Set]
    trailer: Segment | None = None
    findings: list[Finding] = []
    implicit: bool = False

    @property
    def functional(self) -> str:
        """What its sets are about: ``PR``."""
        return self.header.get(1)

    @property
    def control(self) -> str:
        """Its control number."""
        return self.header.get(6)

    @property
    def version(self) -> str:
        """``004010``, perhaps with an industry's letters after it."""
        return self.header.get(8)


class Interchange(msgspec.Struct):
    """From an ISA to its IEA."""

    delimiters: Delimiters
    header: Segment
    groups: list[Group]
    receipts: list[Segment] = []  # TA1
    trailer: Segment | None = None
    findings: list[Finding] = []

    @property
    def sender(self) -> str:
        """Qualifier and id of who sent it: ``ZZ:ACME``."""
        return f"{self.header.get(5)}:{self.header.get(6)}"

    @property
    def receiver(self) -> str:
        """Qualifier and id of who it is for."""
        return f"{self.header.get(7)}:{self.header.get(8)}"

    @property
    def control(self) -> str:
        """Its control number."""
        return self.header.get(13)


class File(msgspec.Struct):
    """All that was found in some bytes."""

    interchanges: list[Interchange]
    findings: list[Finding] = []

    def all_findings(self) -> list[Finding]:
        """Everything that was found wrong, in the file's order of things."""
        found = list(self.findings)
        for interchange in self.interchanges:
            found += interchange.findings
            for group in interchange.groups:
                found += group.findings
                for item in group.sets:
                    found += item.findings
        return found


def decode(body: bytes) -> str:
    """The text of a file: UTF-8 or UTF-16 with a mark, UTF-8, or what Windows and old hosts write. Never fails."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    # In cp1252 the byte 0x85, which old hosts end segments with, is an ellipsis, and five bytes are nothing at all.
    return body.decode("latin-1") if b"\x85" in body else body.decode("cp1252", "replace")


def scan(body: bytes | str) -> File:
    """Everything in the file that can be told apart, with all that is wrong with it. Linear in its length."""
    text = decode(body) if isinstance(body, bytes) else body
    file = File([])
    position = 0
    while True:
        found = _START.search(text, position)
        between = text[position : found.start() if found else len(text)].strip(_BLANK)
        if file.interchanges:  # its last segment may be ended twice
            between = between.strip(_BLANK + file.interchanges[-1].delimiters.segment)
        if between:
            what = "what is left of the file" if file.interchanges else "this"
            said = f"{what} is in no interchange, which would begin with ISA: {_excerpt(between)}"
            file.findings.append(Finding("error", "file", said, at=_at(text, position)))
        if found is None:
            break
        position = _Walk(text, found.start(), file).run()
    if not file.interchanges and not file.findings:
        file.findings.append(Finding("error", "file", "the file is empty"))
    return file


def _at(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position + 1


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


class _Walk:
    """One interchange on its way through the text, from its ISA at ``start``."""

    def __init__(self, text: str, start: int, file: File) -> None:
        self._text = text
        self._start = start
        self._file = file
        self._group: Group | None = None
        self._set: Set | None = None

    def run(self) -> int:
        """The interchange is in the file; where its text ends."""
        text, head = self._text, _header(self._text, self._start)
        if isinstance(head, Finding):
            self._file.findings.append(head)
            return self._start + 3
        delimiters, header, position = head
        self._interchange = interchange = Interchange(delimiters, header, [])
        self._file.interchanges.append(interchange)
        self._place = f"interchange {interchange.control or len(self._file.interchanges)}"
        end, element = delimiters.segment, delimiters.element
        blank = "".join(c for c in _BLANK if c not in delimiters.all())
        size = len(text)
        find, known = text.find, _KNOWN
        while position < size:
            stop = find(end, position)
            if stop < 0:
                stop = size
            raw = text[position:stop].lstrip(blank)
            position = stop + 1
            if not raw:
                continue
            at = stop - len(raw)
            if raw[-1] in blank:
                raw = raw.rstrip(blank)
            if "\n" in raw or "\r" in raw:  # wrapped at some column
                raw = raw.replace("\r", "").replace("\n", "").rstrip(blank)
            if raw.startswith("IEA") and (next_one := raw.find("ISA")) > 0:  # files put together, the first not ended
                position = at + next_one
                raw = raw[:next_one]
            elements = tuple(raw.split(element))
            tag = elements[0]
            current = self._set
            if current is not None and tag in known:  # by far the commonest
                segments = current.segments
                segments.append(Segment(elements, len(segments) + 1, at + 1))
                continue
            if tag == "ISA":
                position = at
                break
            self._take(tag, elements, at + 1)
            if tag == "IEA":
                break
        self._close()
        return min(position, size)

    def _note(self, scope: Scope, text: str, code: str, segment: Segment, *, level: str = "note") -> Finding:
        return Finding(
            level, scope, text, code, self._where(), segment.tag, segment.number, 0, segment.at,  # type: ignore[arg-type]
        )  # fmt: skip

    def _where(self) -> str:
        parts = [self._place]
        if self._group is not None and not self._group.implicit:
            parts.append(f"group {self._group.control}")
        if self._set is not None:
            parts.append(f"{self._set.code} {self._set.control}")
        return ", ".join(parts)

    def _take(self, tag: str, elements: tuple[str, ...], at: int) -> None:
        current = self._set
        if current is not None and tag not in _ENVELOPE:
            segment = Segment(elements, len(current.segments) + 1, at)
            current.segments.append(segment)
            if _TAG.fullmatch(tag):
                if len(_KNOWN) < _MOST_KNOWN:
                    _KNOWN.add(tag)
            else:
                said = f"{_excerpt(tag)} is no segment"
                current.findings.append(self._note("segment", said, "1", segment, level="error"))
        elif tag in _ENVELOPE:
            _ENVELOPE[tag](self, Segment(elements, 0, at))
        else:
            segment = Segment((tag[:3],), 0, at)
            said = f"{_excerpt(tag)} stands outside of any transaction set"
            self._interchange.findings.append(self._note("interchange", said, "", segment, level="error"))

    # --- the envelope, segment by segment ---

    def _gs(self, segment: Segment) -> None:
        self._end_group()
        self._group = Group(segment, [])
        self._interchange.groups.append(self._group)

    def _st(self, segment: Segment) -> None:
        self._end_set()
        if self._group is None:
            self._group = Group(Segment(("GS",)), [], implicit=True)
            self._interchange.groups.append(self._group)
            said = "the set is in no functional group: there is no GS before it"
            self._group.findings.append(self._note("group", said, "", segment))
        elements = segment.elements
        self._set = Set(segment.get(1), segment.get(2), [Segment(elements, 1, segment.at)])
        self._set.place = self._where()
        self._group.sets.append(self._set)

    def _se(self, segment: Segment) -> None:
        current = self._set
        if current is None:
            said = "an SE without an ST before it"
            self._interchange.findings.append(self._note("interchange", said, "", segment, level="error"))
            return
        segment = Segment(segment.elements, len(current.segments) + 1, segment.at)
        current.segments.append(segment)
        current.closed = True
        count = len(current.segments)
        if _number(segment.get(1)) != count:
            said = f"it says {segment.get(1) or 'nothing'} segments, and there are {count}"
            current.findings.append(self._note("set", said, "4", segment))
        if segment.get(2) != current.control:
            said = f"its control number is {segment.get(2) or 'missing'}, and ST02 is {current.control}"
            current.findings.append(self._note("set", said, "3", segment))
        self._set = None

    def _ge(self, segment: Segment) -> None:
        self._end_set()
        group = self._group
        if group is None or group.implicit:
            said = "a GE without a GS before it"
            self._interchange.findings.append(self._note("interchange", said, "", segment))
            self._group = None
            return
        group.trailer = segment
        if _number(segment.get(1)) != len(group.sets):
            said = f"it says {segment.get(1) or 'nothing'} transaction sets, and there are {len(group.sets)}"
            group.findings.append(self._note("group", said, "5", segment))
        if _control(segment.get(2)) != _control(group.control):
            said = f"its control number is {segment.get(2) or 'missing'}, and GS06 is {group.control}"
            group.findings.append(self._note("group", said, "4", segment))
        self._group = None

    def _iea(self, segment: Segment) -> None:
        self._end_group()
        interchange = self._interchange
        interchange.trailer = segment
        count = sum(not group.implicit for group in interchange.groups)
        if _number(segment.get(1)) != count:
            said = f"it says {segment.get(1) or 'nothing'} groups, and there are {count}"
            interchange.findings.append(self._note("interchange", said, "021", segment))
        if _control(segment.get(2)) != _control(interchange.control):
            said = f"its control number is {segment.get(2) or 'missing'}, and ISA13 is {interchange.control}"
            interchange.findings.append(self._note("interchange", said, "001", segment))

    def _ta1(self, segment: Segment) -> None:
        self._interchange.receipts.append(segment)

    # --- what ends without its trailer ---

    def _end_set(self) -> None:
        if self._set is None:
            return
        last = self._set.segments[-1]
        said = "the set ends here without its SE: what follows is missing, so none of it can be relied upon"
        self._set.findings.append(self._note("set", said, "2", last, level="error"))
        self._set = None

    def _end_group(self) -> None:
        self._end_set()
        group = self._group
        if group is None:
            return
        if not group.implicit:
            said = "the group ends without its GE: sets that followed may be missing"
            group.findings.append(self._note("group", said, "3", group.header, level="error"))
        self._group = None

    def _close(self) -> None:
        self._end_group()
        if self._interchange.trailer is None:
            said = "the interchange ends without its IEA: it may have been cut off"
            header = self._interchange.header
            self._interchange.findings.append(self._note("interchange", said, "023", header, level="error"))


_ENVELOPE = {
    "GS": _Walk._gs, "ST": _Walk._st, "SE": _Walk._se, "GE": _Walk._ge, "IEA": _Walk._iea, "TA1": _Walk._ta1,
}  # fmt: skip


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1


def _control(text: str) -> str:
    return text.lstrip("0") or "0"


def _header(text: str, start: int) -> tuple[Delimiters, Segment, int] | Finding:
    """The delimiters an ISA declares, the ISA, and where the text goes on; or what is wrong with it."""
    element = text[start + 3]
    marks, position = [start + 3], start + 3
    limit = min(len(text), start + _ISA_REACH)
    while len(marks) < 16:
        position = text.find(element, position + 1, limit)
        if position < 0:
            said = f"the ISA has only {len(marks)} of its 16 elements, so nothing after it can be told apart"
            return Finding("error", "interchange", said, place="", tag="ISA", at=start + 1)
        marks.append(position)
    fields = [text[a + 1 : b].replace("\r", "").replace("\n", "") for a, b in pairwise(marks)]  # it may be wrapped
    for number, field in enumerate(fields, 1):
        if len(field) > _ISA_WIDEST or not field.isprintable():
            said = f"what should be at most {ISA_WIDTHS[number - 1]} characters is {_excerpt(field)}"
            return Finding("error", "interchange", said, tag="ISA", element=number, at=start + 1)
    component, end = text[position + 1 : position + 2], text[position + 2 : position + 3]
    after = position + 3
    if text.startswith(("GS" + element, "TA1" + element, "IEA" + element), position + 2):  # ISA16 is left out
        component, end, after = "", component, position + 2
    elif component == element:
        component = ""
    if end in (" ", "\t"):  # lines that end in blanks
        rest = after
        while text[rest : rest + 1] in (" ", "\t"):
            rest += 1
        if text[rest : rest + 1] in ("\r", "\n"):
            end, after = text[rest], rest + 1
    if not end or end.isalnum() or end in (element, component):
        said = f"it does not say how segments end: after ISA15 comes {text[position + 1 : position + 4]!r}"
        return Finding("error", "interchange", said, tag="ISA", element=16, at=position + 2)
    repetition = fields[10].strip()
    if len(repetition) != 1 or repetition.isalnum() or repetition in (element, component, end):
        repetition = ""
    header = Segment(("ISA", *fields, component), 0, start + 1)
    return Delimiters(element, component, end, repetition), header, after


# --- and back ---------------------------------------------------------------------------------------------------------


def dump(file: File, *, newline: str = "") -> str:
    """The interchanges as text, with a padded ISA and without what stood between them. Read again, it is written the same."""
    return "".join(_interchange(interchange, newline) for interchange in file.interchanges)


def _interchange(interchange: Interchange, newline: str) -> str:
    marks = interchange.delimiters
    component = marks.component or next(c for c in ">:|" if c not in (marks.element, marks.segment))
    fields = [value.ljust(width) for value, width in zip(interchange.header.elements[1:16], ISA_WIDTHS, strict=False)]
    out = [marks.element.join(["ISA", *fields, component])]
    join = marks.element.join
    out += [join(segment.elements) for segment in interchange.receipts]
    for group in interchange.groups:
        if not group.implicit:
            out.append(join(group.header.elements))
        for item in group.sets:
            out += [join(segment.elements) for segment in item.segments]
        if group.trailer is not None:
            out.append(join(group.trailer.elements))
    if interchange.trailer is not None:
        out.append(join(interchange.trailer.elements))
    end = marks.segment + newline
    return end.join(out) + end
