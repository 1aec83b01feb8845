"""Charts as the page draws them: every number ready as text, every bar with its size and the address of its orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from engine.domain.states import OrderStatus
from engine.services.dashboard import AGES
from engine.services.lead_times import BINS, SupplierRow
from engine.services.reports import MOST, AgeBar, Count, Day, Hour, Reason
from webui import links, words

AGE_NAMES = ("< 1 h", "1–4 h", "4–24 h", "> 24 h")
FILLS = ("url(#fill-light)", "url(#fill-dots)", "url(#fill-hatch)", "url(#fill-solid)")
"""How ages are told apart without colour: light, dotted, hatched, solid; the oldest the heaviest."""
STATUS_NAMES = {OrderStatus.SHIPPED: "Shipped, not told"}
PART_NAMES = {"held": "Held, can be undone", "unsent": "Not sent yet", "sent": "Sent"}
WEEK = 7
MOST_ROOM = 8
"""The style sheet has a width of columns for so many characters and each fewer."""
assert len(AGES) + 1 == len(AGE_NAMES) == len(FILLS)


@dataclass
class Part:
    """A bar or a part of one. ``start`` and ``size`` are percent of the chart; no address where there is nothing to list."""

    id: str = ""
    title: str = ""
    number: str = ""
    count: int = 0
    href: str = ""
    said: str = ""
    start: str = "0%"
    size: str = "0%"
    fill: str = "url(#fill-solid)"


@dataclass
class BarRow:
    """A bar of a list of bars: its parts beside each other, and addresses of some of its orders."""

    id: str = ""
    whole: Part = field(default_factory=Part)
    parts: list[Part] = field(default_factory=list)
    some: list[Part] = field(default_factory=list)


@dataclass
class Column:
    """A column of a chart over time or hours, with one below it where there are two."""

    id: str = ""
    title: str = ""
    up: Part = field(default_factory=Part)
    down: Part = field(default_factory=Part)


@dataclass
class TableRow:
    """A row of the table that says what the chart shows."""

    head: str = ""
    cells: list[str] = field(default_factory=list)


@dataclass
class Line:
    """A line across a histogram, how far from its left, and what it marks."""

    id: str = ""
    title: str = ""
    at: str = ""


@dataclass
class Chart:
    """A chart and its table. ``none``: what is said where there is nothing to draw. ``note``: what it is of, where not all.

    ``wide``: it has many columns. ``room``: the characters of the longest text at a column, 3 to ``MOST_ROOM``.
    """

    title: str = ""
    note: str = ""
    none: str = ""
    bars: list[BarRow] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    wide: bool = False
    room: int = 3
    marks: list[Line] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    rows: list[TableRow] = field(default_factory=list)


@dataclass
class SupplierFigure:
    """A supplier's row, and its histogram."""

    id: str = ""
    name: str = ""
    href: str = ""
    orders: Part = field(default_factory=Part)
    failed: Part = field(default_factory=Part)
    failed_percent: str = ""
    accepted: str = ""
    shipped: str = ""
    in_time: str = ""
    promised: str = ""
    lead: Chart = field(default_factory=Chart)


def number(count: Count) -> str:
    """``1,204``, with a + where counting stopped there."""
    return f"{count.count:,}{'+' if count.more else ''}"


def address(count: Count) -> str:
    """Where its orders are listed; "" where there are none."""
    return links.orders(count.filters.to_params()) if count.count else ""


def percent(value: float | None, places: int = 0) -> str:
    """``91 %``; a dash for None."""
    return "–" if value is None else f"{value:.{places}f} %"


def hours(value: float | None) -> str:
    """``4 min``, ``27 h``; a dash for None."""
    if value is None:
        return "–"
    return words.span(value * 3600) if value < 1 else f"{value:.0f} h"


def _size(value: float, largest: float) -> str:
    """Percent of the largest; whatever is not nothing can be seen."""
    return f"{max(100 * value / largest, 1.5):.2f}%" if value and largest else "0%"


def _part(key: str, title: str, count: Count, largest: float, said: str = "", fill: str = FILLS[3]) -> Part:
    return Part(
        key, title, number(count), count.count, address(count), said, size=_size(count.count, largest), fill=fill
    )


def _standing(part: Part) -> Part:
    """The bar stands on the ground: it begins as far from the top as it is short of the whole."""
    part.start = f"{100 - float(part.size.removesuffix('%')):.2f}%"
    return part


def _room(columns: Sequence[Column]) -> int:
    longest = max((len(text) for c in columns for text in (c.title, c.up.number, c.down.number)), default=0)
    return min(max(longest, 3), MOST_ROOM)


def where(bars: Sequence[AgeBar]) -> Chart:
    """State by age: a bar for each status, in parts by age, with the address of each part."""
    largest = max((bar.total.count for bar in bars), default=0)
    rows = [_age_bar(bar, largest) for bar in bars]
    return Chart(
        title="Where orders wait",
        none="" if largest else "No order waits anywhere.",
        bars=rows,
        heads=["Status", *AGE_NAMES, "All"],
        rows=[
            TableRow(row.whole.title, [*(number(a) for a in bar.ages), number(bar.total)])
            for row, bar in zip(rows, bars, strict=True)
        ],
    )


def _age_bar(bar: AgeBar, largest: int) -> BarRow:
    name = PART_NAMES.get(bar.part) or STATUS_NAMES.get(bar.status) or words.name_of(bar.status)
    key = f"{bar.status}-{bar.part}" if bar.part else bar.status.value
    parts, start = [], 0.0
    for age, title, fill in zip(bar.ages, AGE_NAMES, FILLS, strict=True):
        part = _part(title, title, age, largest, f"{name} ", fill)
        # Exact, so that the parts make up the whole; a line parts them in the style sheet.
        width = 100 * age.count / largest if largest else 0
        part.start, part.size = f"{start:.2f}%", f"{width:.2f}%"
        start += width
        parts.append(part)
    whole = _part(key, name, bar.total, largest, " orders")
    return BarRow(key, whole, parts, [part for part in parts if part.count])


def reasons(found: Sequence[Reason], days: int) -> Chart:
    """Pareto: why orders needed a person, the commonest first, and how many still do."""
    largest = max((reason.had.count for reason in found), default=0)
    rows = []
    for reason in found:
        whole = _part(reason.code, reason.title, reason.had, largest, " orders")
        still = _part(f"{reason.code}-open", "still", reason.open, largest, f"{reason.title}: ")
        rows.append(BarRow(reason.code, whole, [whole], [still] if reason.open.count else []))
    return Chart(
        title=f"Why orders need a person, last {days} days",
        none="" if rows else "No order needed a person.",
        bars=rows,
        heads=["Reason", "Orders", "Still open"],
        rows=[TableRow(reason.title, [number(reason.had), number(reason.open)]) for reason in found],
    )


def errors(found: Sequence[Day]) -> Chart:
    """Errors per 100 orders, by day."""
    largest = max((day.per_100 or 0 for day in found), default=0)
    columns = []
    for day in found:
        rate = "–" if day.per_100 is None else f"{day.per_100:.1f}"
        said = f"per 100 on {day.day:%A %-d %B}: {number(day.errors)} of {number(day.orders)} orders"
        up = Part(
            f"{day.day}-errors", "", rate, day.errors.count, address(day.errors), said,
            size=_size(day.per_100 or 0, largest),
        )  # fmt: skip
        columns.append(Column(str(day.day), f"{day.day:%a}" if len(found) <= WEEK else f"{day.day:%-d}", _standing(up)))
    return Chart(
        title=f"Errors per 100 orders, last {len(found)} days",
        none="" if any(day.errors.count or day.orders.count for day in found) else "No order came.",
        columns=columns,
        room=_room(columns),
        wide=len(found) > WEEK,
        heads=["Day", "Orders placed", "Orders with errors", "Errors per 100"],
        rows=[
            TableRow(f"{day.day:%a %-d %b}", [number(day.orders), number(day.errors), column.up.number])
            for day, column in zip(found, columns, strict=True)
        ],
    )


def by_hour(found: Sequence[Hour]) -> Chart:
    """Orders sent automatically, upwards, and by people, downwards, by hour."""
    largest = max((max(hour.automatic.count, hour.manual.count) for hour in found), default=0)
    columns = []
    for hour in found:
        at = f"{hour.begin:%H}"
        up = _part(f"{hour.begin}-auto", "", hour.automatic, largest, f"sent automatically from {at}:00")
        down = _part(f"{hour.begin}-hand", "", hour.manual, largest, f"sent by people from {at}:00", FILLS[2])
        columns.append(Column(str(hour.begin), at, _standing(up), down))
    capped = any(hour.automatic.more for hour in found)
    return Chart(
        title=f"Sent automatically and by people, last {len(found)} hours",
        note=f"Of the latest {MOST:,} purchase orders; hours with a + had more." if capped else "",
        none="" if largest else "Nothing was sent.",
        columns=columns,
        room=_room(columns),
        wide=True,
        heads=["Hour", "Orders placed", "Automatic", "By people"],
        rows=[
            TableRow(f"{hour.begin:%a %H:%M}", [number(hour.placed), number(hour.automatic), number(hour.manual)])
            for hour in found
        ],
    )


def supplier(row: SupplierRow, days: int) -> SupplierFigure:
    """A supplier's figures, each with the address of its orders."""
    name = words.plain(row.supplier)
    rest = f"Of the latest {row.sampled:,} shipped."
    bins = []
    largest = max((b.count for b in row.bins), default=0)
    for found in row.bins:
        count = Count(found.count, found.filters)
        span = _between(found.from_hours, found.to_hours)
        said = f"purchase orders of {name} shipped after {span}"
        up = _standing(_part(span, span, count, largest, said, FILLS[0]))
        bins.append(Column(str(found.from_hours), f"{found.from_hours}{'+' if found.to_hours is None else ''}", up))
    marks = [
        Line("p50", f"p50 {hours(row.shipped_p50)}", _at(row.shipped_p50)),
        Line("p90", f"p90 {hours(row.shipped_p90)}", _at(row.shipped_p90)),
        Line("sla", f"promised {hours(row.promised_hours)}", _at(row.promised_hours)),
    ]
    return SupplierFigure(
        id=str(row.supplier_id),
        name=name,
        href=links.supplier(row.code),
        orders=_part(f"{row.code}-orders", "", row.orders, row.orders.count, f"orders at {name}"),
        failed=_part(f"{row.code}-failed", "", row.failed, row.orders.count, f"failed at {name}"),
        failed_percent=percent(row.failed_percent, 1),
        accepted=hours(row.accepted_p90),
        shipped=f"{hours(row.shipped_p50)} / {hours(row.shipped_p90)}",
        in_time=percent(row.in_time),
        promised=hours(row.promised_hours),
        lead=Chart(
            title=f"{name}: hours from sent to shipped, last {days} days",
            note=rest if row.sampled < row.orders.count else "",
            none="" if row.sampled else "Nothing has shipped.",
            columns=bins,
            room=_room(bins),
            marks=[mark for mark in marks if mark.at],
            heads=["Hours", "Shipped"],
            rows=[TableRow(column.up.title, [column.up.number]) for column in bins],
        ),
    )


def _between(low: int, high: int | None) -> str:
    return f"{low} h or more" if high is None else f"{low} to {high} h"


def _at(value: float | None) -> str:
    """How far from the left the hours are, among bars of equal width; "" for None."""
    if value is None:
        return ""
    width = 100 / len(BINS)
    for n, (low, high) in enumerate(pairwise(BINS)):
        if value < high:
            return f"{width * (n + (value - low) / (high - low)):.2f}%"
    return f"{100 - width / 2:.2f}%"
