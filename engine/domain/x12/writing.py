"""The sets we send, as segments, and the envelope around them. What an element cannot carry is refused, never cut silently
where it counts: a purchase order number too long is an error, a description is parted.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from engine.domain.x12.dictionary import GROUPS
from engine.domain.x12.documents import Line, Order, Party
from engine.domain.x12.scan import ISA_WIDTHS, Delimiters, scan
from engine.errors import Invalid

Version = Literal["004010", "005010"]
Charset = Literal["ascii", "latin-1", "utf-8"]
Segments = list[list[str]]
MOST_CONTROL = 999_999_999
_PLAIN = str.maketrans({
    "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "æ": "ae", "Æ": "AE", "œ": "oe",
    "Œ": "OE", "þ": "th", "Þ": "Th", "ı": "i", "‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-",
    "\u00a0": " ", "€": "EUR", "×": "x", "№": "No",
})  # fmt: skip


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends to whom, and how. ``usage``: P production, T test."""

    sender_qualifier: str = "ZZ"
    sender: str
    receiver_qualifier: str = "ZZ"
    receiver: str
    group_sender: str = ""  # empty: as the interchange's
    group_receiver: str = ""
    version: Version = "004010"
    usage: Literal["P", "T"] = "P"
    delimiters: Delimiters = Delimiters()
    newline: str = ""
    charset: Charset = "ascii"


class Control(msgspec.Struct, frozen=True):
    """The number of an interchange, which is also its group's and its set's, and when that was given out."""

    number: int
    at: datetime


def plain(text: str) -> str:
    """The text in ASCII, as far as letters have such a form: Łódź is Lodz."""
    text = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(c for c in text if not unicodedata.combining(c))


class Writer:
    """Makes values fit for an envelope's delimiters and characters. Raises Invalid for what they cannot carry."""

    def __init__(self, envelope: Envelope) -> None:
        marks = envelope.delimiters.all()
        self._charset = envelope.charset
        self._table = {ord(c): " " for c in marks} | dict.fromkeys((*range(32), *range(127, 160)), " ")

    def text(self, value: str, what: str) -> str:
        """The value without delimiters and control characters, in the characters the supplier takes."""
        if self._charset == "ascii" and not value.isascii():
            value = plain(value)
        try:
            value.encode(self._charset)
        except UnicodeEncodeError as error:
            raise Invalid(
                f"the {what} {value!r} has {value[error.start]!r}, which {self._charset} cannot carry. Write it in Latin "
                "letters, or set charset to utf-8 where the supplier takes that"
            ) from error
        return " ".join(value.translate(self._table).split())

    def exact(self, value: str, most: int, what: str) -> str:
        """A value that must arrive as it is: a number, a code. Raises Invalid where it cannot."""
        written = self.text(value, what)
        if written != value or len(written) > most:
            why = f"is longer than {most} characters" if len(value) > most else "has characters X12 cannot carry"
            raise Invalid(f"the {what} {value!r} {why}, so the supplier could not name it back to us")
        return written

    def parted(self, value: str, most: int, what: str) -> list[str]:
        """The value in pieces of at most so many characters, parted at blanks."""
        return textwrap.wrap(self.text(value, what), most, break_on_hyphens=False)


def number(value: Decimal) -> str:
    """A decimal as X12 writes it: no exponent, no needless zeros."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _trim(segment: Iterable[str]) -> list[str]:
    out = list(segment)
    while len(out) > 1 and not out[-1]:
        out.pop()
    return out


def _date(value: date) -> str:
    return value.strftime("%Y%m%d")


# --- sets -------------------------------------------------------------------------------------------------------------


def purchase_order(order: Order, writer: Writer) -> Segments:
    """An 850 from BEG to CTT."""
    po_number = writer.exact(order.po_number, 22, "purchase order number")
    return [
        ["BEG", order.purpose, order.kind, po_number, "", _date(order.date)],
        *_terms(order, writer),
        *(segment for line in order.lines for segment in _line("PO1", line, writer)),
        ["CTT", str(len(order.lines))],
    ]


def order_change(order: Order, writer: Writer) -> Segments:
    """An 860 from BCH to CTT; ``purpose`` 01 cancels the order, 04 changes lines."""
    po_number = writer.exact(order.po_number, 22, "purchase order number")
    changed = _date(order.changed or order.date)
    return [
        ["BCH", order.purpose, order.kind, po_number, "", "", _date(order.date), "", "", "", "", changed],
        *_terms(order, writer),
        *(segment for line in order.lines for segment in _line("POC", line, writer)),
        ["CTT", str(len(order.lines))],
    ]


def _terms(order: Order, writer: Writer) -> Segments:
    out: Segments = []
    if order.currency:
        out.append(["CUR", "BY", writer.exact(order.currency, 3, "currency")])
    for qualifier, value in order.references:
        out.append(["REF", qualifier, writer.text(value, "reference")[:30]])
    if order.carrier[1] or order.routing:
        routing = writer.text(order.routing, "shipping method")[:35].strip()
        code = writer.exact(order.carrier[1], 80, "shipping method's code")
        out.append(_trim(["TD5", "", order.carrier[0] if code else "", code, "", routing]))
    for note in order.notes:
        out.append(["N9", "ZZ", "NOTE"])
        out += [["MSG", part] for part in writer.parted(note, 264, "note")]
    for party in order.parties:
        out += _party(party, writer)
    return out


def _party(party: Party, writer: Writer) -> Segments:
    name, more = writer.parted(party.name, 60, "name"), writer.parted(party.name2, 60, "name")
    more = name[1:] + more
    out = [_trim(["N1", party.role, name[0] if name else "", party.id_qualifier, party.id])]
    if more:
        out.append(["N2", *more[:2]])
    street = [part for line in party.street for part in writer.parted(line, 55, "street")]
    out += [["N3", *street[at : at + 2]] for at in range(0, len(street), 2)]
    region = writer.text(party.region, "region")
    short = region if len(region) == 2 else ""
    city, postal = writer.text(party.city, "city")[:30].strip(), writer.text(party.postal_code, "postal code")[:15]
    place = ["N4", city, short, postal, writer.text(party.country, "country")[:3]]
    if region and not short:
        place += ["SP", region[:30]]
    if any(place[1:]):
        out.append(_trim(place))
    contact = []
    if party.phone:
        contact += ["TE", writer.text(party.phone, "telephone")[:80]]
    if party.email:
        contact += ["EM", writer.text(party.email, "e-mail address")[:80]]
    if contact:
        out.append(["PER", "IC", "", *contact])
    return out


def _line(tag: str, line: Line, writer: Writer) -> Segments:
    ids = [part for pair in line.ids.items() for part in (pair[0], writer.exact(pair[1], 48, "item number"))]
    amount = [number(line.quantity), *([""] if tag == "POC" else []), line.unit]
    price = ["", ""] if line.price is None else [number(line.price), ""]
    change = [line.change] if tag == "POC" else []
    out = [_trim([tag, writer.exact(line.line, 20, "line number"), *change, *amount, *price, *ids])]
    out += [["PID", "F", "", "", "", part] for part in writer.parted(line.description, 80, "description")]
    return out


# --- the envelope -----------------------------------------------------------------------------------------------------


def interchange(sets: Sequence[tuple[str, Segments]], envelope: Envelope, control: Control) -> str:
    """An interchange of one group with these sets (code, segments between ST and SE), all of one code."""
    marks, code = envelope.delimiters, sets[0][0]
    end, join = marks.segment + envelope.newline, marks.element.join
    own = f"{_checked(control.number):09d}"
    out = [_isa(envelope, control)]
    group = [GROUPS[code], envelope.group_sender or envelope.sender, envelope.group_receiver or envelope.receiver]
    out.append(
        join(["GS", *group, f"{control.at:%Y%m%d}", f"{control.at:%H%M}", str(control.number), "X", envelope.version])
    )
    for at, (kind, segments) in enumerate(sets):
        set_control = own if len(sets) == 1 else f"{at + 1:04d}"
        out.append(join(["ST", kind, set_control]))
        out += [join(segment) for segment in segments]
        out.append(join(["SE", str(len(segments) + 2), set_control]))
    out.append(join(["GE", str(len(sets)), str(control.number)]))
    out.append(join(["IEA", "1", own]))
    return end.join(out) + end


def _isa(envelope: Envelope, control: Control) -> str:
    marks = envelope.delimiters
    newer = envelope.version != "004010"
    fields = [
        "00", "", "00", "", envelope.sender_qualifier, envelope.sender, envelope.receiver_qualifier, envelope.receiver,
        f"{control.at:%y%m%d}", f"{control.at:%H%M}", marks.repetition or "^" if newer else "U",
        "00501" if newer else "00401", f"{control.number:09d}", "0", envelope.usage, marks.component,
    ]  # fmt: skip
    return marks.element.join(["ISA", *(value.ljust(width) for value, width in zip(fields, ISA_WIDTHS, strict=True))])


def _checked(value: int) -> int:
    if not 0 <= value <= MOST_CONTROL:
        raise Invalid(
            f"the control number {value} has more than nine digits; the numbers with this partner are used up"
        )
    return value


def stamp(text: str, control: Control) -> str:
    """The same interchange of ours with this control number and time in all their places."""
    file = scan(text)
    whole = file.interchanges[0]
    own, at = f"{_checked(control.number):09d}", control.at
    short = str(control.number)
    alone = len(whole.groups[0].sets) == 1
    change: dict[str, Callable[[list[str]], None]] = {
        "ISA": _put({9: f"{at:%y%m%d}", 10: f"{at:%H%M}", 13: own}),
        "GS": _put({4: f"{at:%Y%m%d}", 5: f"{at:%H%M}", 6: short}),
        "GE": _put({2: short}),
        "IEA": _put({2: own}),
        "ST": _put({2: own} if alone else {}),
        "SE": _put({2: own} if alone else {}),
    }
    marks = whole.delimiters
    end = marks.segment if marks.segment in "\r\n" else marks.segment + text[len(text.rstrip("\r\n")) :]
    out = []
    for raw in text.split(end)[:-1]:
        elements = raw.split(marks.element)
        if elements[0] in change:
            change[elements[0]](elements)
        out.append(marks.element.join(elements))
    return end.join(out) + end


def _put(values: dict[int, str]) -> Callable[[list[str]], None]:
    def put(elements: list[str]) -> None:
        for at, value in values.items():
            elements[at] = value

    return put
