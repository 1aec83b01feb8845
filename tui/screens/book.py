"""The blue book: every step of an order, the oldest first, following live; nothing here can be changed."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from engine.errors import Invalid
from engine.services import audit, blue_book, readable
from engine.services.blue_book import Event
from engine.services.readable import Reading
from tui import clipboard, sheets, words
from tui.plain import local, many
from tui.screens.moves import ListMoves
from tui.widgets.form import Field, FormPane
from tui.widgets.narrow import Narrow
from tui.widgets.order_text import told, whose
from tui.widgets.rows import Column, RowList
from tui.widgets.text import TextPane

SOURCES = ("", "person", "worker", "supplier", "channel", "rule")
COLUMNS = (
    Column("TIME", 23, 0), Column("WHO", 18, 0), Column("WHAT", 24, 3), Column("ABOUT", 12, 1), Column("CAUSE", 10, 1),
)  # fmt: skip
NARROW = (Column("TIME", 15, 0), Column("WHO", 8, 0), Column("WHAT", 24, 1))
ROOM = 96
"""Cells from which on there is room for all columns; below, what an event is about stands before what happened."""


class AuditScreen(ListMoves):
    """Of one order, of one of its purchase orders (``subject``), or of the settings (order 0)."""

    name = "book"

    def __init__(self, order_id: int, number: str, subject: str | None = None) -> None:
        super().__init__()
        self.order_id, self.number, self.subject = order_id, number, subject
        self.events: list[Event] = []
        self.readings: dict[int, Reading] = {}
        self.source = ""
        self.wanted = ""
        self.verdict = ""
        self.unseen = 0
        self._reading_in = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """Head, events, panes, foot."""
        yield Static("", id="book-head", markup=False)
        yield RowList(COLUMNS)
        yield Vertical(id="below")
        yield from self.foot()

    # --- reading ------------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Every event is read, and the chain verified; the cursor is on the newest the first time."""
        async with self._reading_in:
            first = not self.events
            await self._read(await blue_book.blue_book(self.order_id, subject=self.subject))
            self._show(to_end=first)
        await self._verify()

    async def _read(self, events: list[Event]) -> None:
        """These are the events, with what they say in words."""
        reader = await readable.reader(self.order_id, events, lambda at: local(at, seconds=True))
        self.readings = {event.seq: reader.read(event) for event in events}
        self.events = events

    async def _verify(self) -> None:
        """The head says whether the chain is whole."""
        found = await audit.verify(self.order_id)
        self.verdict = f"NOT INTACT: {found.problems[0].what}" if found.problems else "chain intact"
        self._head()

    async def changed(self, order_ids: Sequence[int], *, settings: bool) -> None:
        """New events appear; whoever reads further up is not moved."""
        if self.order_id not in order_ids and not (settings and self.order_id == 0):
            return
        async with self._reading_in:  # told twice at once, it would add the same events twice
            last = self.events[-1].seq if self.events else 0
            fresh = await blue_book.blue_book(self.order_id, subject=self.subject, after_seq=last)
            await self._read([*self.events, *fresh])
            following = self.rows.at_end  # asked last: who read at the end may have gone up meanwhile
            self.unseen = 0 if following else self.unseen + len(self._fitting(fresh))
            self._show(to_end=following)
        await self._verify()

    def _fitting(self, events: Sequence[Event]) -> list[Event]:
        wanted = self.wanted.casefold().split()
        return [
            event
            for event in events
            if (not self.source or event.source == self.source) and all(word in _words(event) for word in wanted)
        ]

    def _show(self, *, to_end: bool) -> None:
        shown = self._fitting(self.events)
        narrow = self.app.size.width < ROOM
        self.rows.columns, cells = (NARROW, _brief) if narrow else (COLUMNS, _cells)
        self.rows.empty = "No event fits." if self.events else "Nothing has happened yet."
        self.rows.show([(event.id, event, cells(event, self.readings[event.seq])) for event in shown])
        if to_end:
            self.rows.go(len(shown) - 1)
        self._head()

    def on_resize(self) -> None:
        """The columns are those that have room."""
        self._show(to_end=False)

    def _head(self) -> None:
        zone = self.events[-1].at.astimezone().tzname() if self.events else ""
        narrowed = "  ".join(part for part in (self.source, f"/ {self.wanted}" if self.wanted else "") if part)
        what = "settings" if self.order_id == 0 else self.number
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f" Audit trail  {words.plain(what)}  ", "bold")
        parts = (self.subject or "", many(len(self.events), "event"), f"times in {zone}", self.verdict, narrowed)
        text.append(words.plain(" · ".join(part for part in parts if part)))
        if self.unseen:
            text.append(f"   +{self.unseen} new (G)", "bold reverse")
        self.query_one("#book-head", Static).update(text)

    # --- moving and narrowing -----------------------------------------------------------------------------------------

    def act_down(self) -> None:
        super().act_down()
        self._seen()

    def act_page_down(self) -> None:
        super().act_page_down()
        self._seen()

    def act_last(self) -> None:
        super().act_last()
        self._seen()

    def _seen(self) -> None:
        """Whoever is at the newest event has seen them all."""
        if self.unseen and self.rows.at_end:
            self.unseen = 0
            self._head()

    def act_source(self) -> None:
        """Events of people only, then of workers, suppliers, channels, rules, then all."""
        self.source = SOURCES[(SOURCES.index(self.source) + 1) % len(SOURCES)]
        self._show(to_end=False)
        self.app.say(f"events of {self.source}s only" if self.source else "all events")

    async def act_filter(self) -> None:
        """Narrow as one types."""
        await self.open_pane(Narrow(self.wanted, self._narrow))

    def _narrow(self, text: str) -> None:
        self.wanted = text
        self._show(to_end=False)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def act_open(self) -> None:
        """The event in full, with the payload it came from."""
        event = self.rows.item
        if event is None:
            return
        body = ""
        if event.inbound_id is not None:
            body = await self.app.attempt(audit.payload(event.inbound_id), "reading the payload") or ""
        await self.open_pane(EventPane(event, self.readings[event.seq], body))

    def act_copy_event(self) -> None:
        event = self.rows.item
        if event is not None:
            clipboard.copy(self.app, f"{local(event.at, seconds=True)} {event.actor} {told(event)}", "event")

    async def act_export(self) -> None:
        """Where to is asked for: a folder gets it as JSON and as CSV, a file what its name ends in."""

        async def save(changed: Mapping[str, str]) -> str:
            which = changed.get("which", "shown").strip().lower()
            if which not in ("shown", "all"):
                raise Invalid("write shown, or all", "which")
            written = await self._export(changed.get("to", here), all_of_it=which == "all" or not narrowed)
            return f"written: {' and '.join(written)}"

        here = str(Path.cwd())
        fields = [Field("to", "to", here, about="a folder, or a file that ends in .json or .csv")]
        narrowed = bool(self.source or self.wanted or self.subject)
        if narrowed:
            shown = many(len(self._fitting(self.events)), "event")
            fields.append(Field("which", "which", "shown", about=f"shown: the {shown} in the list; all: every one"))
        what = "the settings" if self.order_id == 0 else self.number
        await self.open_pane(
            FormPane(
                f"Export the blue book of {words.plain(what)}", fields, save, verb="Export", as_is=True, kept=False
            )
        )

    async def _export(self, to: str, *, all_of_it: bool) -> list[str]:
        """The files it is in now; raises Invalid where it cannot be there."""
        written = []
        only = None if all_of_it else {event.seq for event in self._fitting(self.events)}
        for kind, file in _files(to, self.number or "settings"):
            whole = io.StringIO()
            await audit.export(self.order_id, kind, whole, payloads=True, only=only)
            try:
                with sheets.target(file) as out:
                    out.write(whole.getvalue())
            except OSError as error:
                raise Invalid(f"{file} cannot be written: {error.strerror or error}", "to") from error
            written.append(file)
        return written


def _files(to: str, number: str) -> list[tuple[audit.Format, str]]:
    """What is written as what: both kinds into a folder, else the kind the file's name ends in. Raises Invalid."""
    place = Path(to.strip()).expanduser().absolute()
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in number)
    if place.is_dir():
        return [("json", str(place / f"audit-{name}.json")), ("csv", str(place / f"audit-{name}.csv"))]
    kind = place.suffix.lower().removeprefix(".")
    if kind not in ("json", "csv"):
        raise Invalid(f"{place} is no folder, and ends neither in .json nor in .csv", "to")
    return [("json" if kind == "json" else "csv", str(place))]


def _cells(event: Event, reading: Reading) -> tuple[str, ...]:
    at = event.at.astimezone()
    return (
        at.strftime("%d %b %H:%M:%S.%f")[:-3],
        event.actor,
        f"{told(event)}{_change(reading)}",
        reading.about,
        event.cause,
    )


def _brief(event: Event, reading: Reading) -> tuple[str, ...]:
    """The same where there is little room; Enter shows the rest."""
    at = event.at.astimezone()
    return at.strftime("%d %b %H:%M:%S"), event.actor, f"{whose(event)}{told(event)}{_change(reading)}"


def _words(event: Event) -> str:
    """What a search looks at."""
    return f"{event.actor} {event.source} {told(event)} {event.subject} {event.cause}".casefold()


def _change(reading: Reading) -> str:
    """What it was and what it is, where that is one short value."""
    if len(reading.changes) != 1:
        return ""
    [change] = reading.changes
    return f"   {change.text}"


class EventPane(TextPane):
    """One event in full, with the payload it came from."""

    def __init__(self, event: Event, reading: Reading, body: str) -> None:
        title = f"{event.at.astimezone().isoformat()}   {event.actor} ({event.source})"
        super().__init__(title, _full(event, reading, body))


def _full(event: Event, reading: Reading, body: str) -> str:
    lines = [f"{event.source}:{event.action}  {event.subject}", event.message, f"number {event.seq}, hash {event.hash}"]
    if event.cause:
        lines.append(f"because of {event.cause}")
    lines += [change.text for change in reading.changes] + reading.said
    if body:
        lines += [f"payload {event.inbound_id}, secrets masked:", body]
    if event.before or event.after or event.data:
        lines.append("as it is stored:")
    for path in dict.fromkeys([*event.before, *event.after]):
        lines.append(f"{path}: {event.before.get(path, '-')} → {event.after.get(path, '-')}")
    lines += [f"{name}: {value}" for name, value in event.data.items()]
    return "\n".join(lines)
