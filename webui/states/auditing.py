"""The Order Audit Trail beside any page: open while the address has ``?audit=``, so that reload and Back reproduce it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import reflex as rx

from engine.domain.roles import Permission
from engine.errors import NotFound
from engine.services import audit, blue_book, payloads, readable
from engine.services.blue_book import Event
from engine.services.readable import Reading
from webui import links, words
from webui.states.base import BESIDE, Book, on

SOURCES = {
    "": "All", "person": "People", "worker": "Workers", "supplier": "Supplier", "channel": "Channel", "rule": "Rules",
}  # fmt: skip
"""Whose events can be looked at alone."""
FEW = 200
"""Events shown at first, the newest; the others when they are asked for."""
LONGEST = 2_000
NOTHING = "–"
PAYLOAD_SHOWN = 20_000


@dataclass
class ChangeView:
    """A value before and after."""

    path: str = ""
    before: str = ""
    after: str = ""


@dataclass
class EventView:
    """An event, every part of it ready to be read."""

    seq: int = 0
    at: str = ""
    iso: str = ""
    actor: str = ""
    source: str = ""
    what: str = ""
    about: str = ""
    message: str = ""
    cause: str = ""
    said: list[str] = field(default_factory=list)
    inbound: int = 0
    payload: str = ""
    changes: list[ChangeView] = field(default_factory=list)


@dataclass
class PayloadView:
    """What came in, its secrets masked; ``seq`` is the event below which it is shown, 0 for none."""

    seq: int = 0
    about: str = ""
    body: str = ""
    note: str = ""


def value(found: Any) -> str:
    """A value of an event, as text."""
    said = (
        NOTHING
        if found is None or found == ""
        else found
        if isinstance(found, str)
        else msgspec.json.encode(found).decode()
    )
    return words.plain(said if len(said) <= LONGEST else f"{said[:LONGEST]} …")


def raw_view(event: Event, zone: str) -> EventView:
    """The event as it is stored, its time in the person's zone."""
    paths = sorted({*event.before, *event.after})
    view = _view(event, zone)
    view.what, view.about = words.plain(f"{event.source}:{event.action}"), words.plain(event.subject)
    view.said = [value(event.data)] if event.data else []
    view.changes = [
        ChangeView(words.plain(path), value(event.before.get(path)), value(event.after.get(path))) for path in paths
    ]
    return view


def event_view(event: Event, reading: Reading, zone: str) -> EventView:
    """The event in words, its time in the person's zone."""
    view = _view(event, zone)
    view.about, view.said = words.plain(reading.about), [value(said) for said in reading.said]
    view.changes = [
        ChangeView(words.plain(change.what), value(change.before), value(change.after)) for change in reading.changes
    ]
    return view


def _view(event: Event, zone: str) -> EventView:
    return EventView(
        seq=event.seq, at=words.exactly(event.at, zone), iso=event.at.isoformat(timespec="milliseconds"),
        actor=words.plain(event.actor), source=event.source,
        what=words.plain(event.action.rpartition(":")[2].replace("_", " ").capitalize()),
        message=words.plain(event.message), cause=words.plain(event.cause), inbound=event.inbound_id or 0,
        payload=links.payload(event.inbound_id) if event.inbound_id else "",
    )  # fmt: skip


class Auditing(Book):
    """The drawer. Nothing in it can change or delete an event."""

    shown: bool = False
    number: str = ""
    title: str = ""
    raw: bool = False
    href: str = ""
    about: str = ""
    events: list[EventView] = []
    source: str = ""
    earlier: int = 0
    count: str = ""
    verdict: str = ""
    intact: bool = True
    problems: list[str] = []
    json_url: str = ""
    csv_url: str = ""
    error: str = ""
    payload: PayloadView = PayloadView()
    _wanted: str = ""
    _events: list[Event] = []
    _whole: bool = False
    _readings: dict[int, Reading] = {}

    @on(Permission.VIEW)
    async def look(self) -> None:
        """The drawer shows what the address asks for, or is gone."""
        wanted = self.params.get("audit", "")
        if not wanted:
            self._leave()
        elif wanted != self._wanted or not self.shown:
            await self._read(wanted)

    @on(Permission.VIEW)
    def open(self, wanted: str) -> Any:
        """The blue book of this is beside the page (``links.audit``); the address says so."""
        return rx.redirect(links.with_params(self.router.url.path, self.params | {"audit": wanted}))

    @on(Permission.VIEW)
    def close(self) -> Any:
        """The page stands alone, and its address says so."""
        self._leave()
        return rx.redirect(links.with_params(self.router.url.path, self.params | {"audit": ""}))

    @on(Permission.VIEW)
    def only(self, source: str) -> None:
        """Events of this source alone; "" for all."""
        self.source = source if source in SOURCES else ""
        self._show()

    @on(Permission.VIEW)
    def toggle_raw(self) -> None:
        """The events are shown as they are stored, or in words again."""
        self.raw = not self.raw
        self._show()

    @on(Permission.VIEW)
    def show_all(self) -> None:
        """The earlier events are there too."""
        self._whole = True
        self._show()

    @on(Permission.VIEW)
    async def show_payload(self, seq: int) -> None:
        """What the event came from is below it; a second time, it is gone."""
        event = next((e for e in self._events if e.seq == seq), None)
        if event is None or event.inbound_id is None or self.payload.seq == seq:
            self.payload = PayloadView()
            return
        found = await payloads.shown(event.inbound_id, at_most=PAYLOAD_SHOWN)
        notes = [
            f"{found.size:,} bytes",
            "secrets are masked" if found.masked else "",
            "only its beginning" if found.cut else "",
        ]
        about = f"{found.content_type or 'no type'}, received {found.received_at}"
        self.payload = PayloadView(seq, words.plain(about), words.plain(found.text), ", ".join(n for n in notes if n))

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """New events stand below the others."""
        if not self.shown or not self._beside or not (everything or self._beside in order_ids):
            return
        last = self._events[-1].seq if self._events else 0
        fresh = await self._events_after(last)
        if fresh:
            self._events += fresh
            await self._read_words()
            self._show()
        await self._verify()

    def _leave(self) -> None:
        if self.shown:
            self.shown, self._wanted, self._beside, self._events, self.events = False, "", 0, [], []
            self.payload = PayloadView()

    async def _read(self, wanted: str) -> None:
        number, about = links.audited(wanted)
        self._wanted, self.shown, self.error = wanted, True, ""
        self._events, self._whole, self.source, self.payload = [], False, "", PayloadView()
        self.number, self.href, self.about = words.plain(number), links.order(number), ""
        self.title, self._readings = self.number, {}
        try:
            self._beside = await audit.order_id(number)
            self._events = await self._events_after(0)
            await self._read_words()
            self.about = await self._named(about)
        except NotFound as error:
            self._beside, self.error, self.verdict = 0, words.sentence(error.message), ""
            self._show()
            return
        self.title = (
            f"{self.about} of order {self.number}" if about.isdecimal() else self.about if about else self.number
        )
        self.json_url, self.csv_url = (links.audit_file(number, kind, about) for kind in ("json", "csv"))
        self._show()
        await self._verify()

    async def _events_after(self, seq: int) -> list[Event]:
        _, about = links.audited(self._wanted)
        line, po = links.audit_parts(about)
        return await blue_book.blue_book(self._beside, line_id=line, po_number=po, after_seq=seq)

    async def _named(self, about: str) -> str:
        if about.startswith("po."):
            return words.plain(f"PO {about.removeprefix('po.')}")
        if not about:
            return "whole order"
        sku, position = await blue_book.line_name(int(about))
        return words.plain(f"{sku or 'no SKU'}, line {position}")

    async def _read_words(self) -> None:
        """What the events say is known, by their numbers."""
        reader = await readable.reader(self._beside, self._events, lambda at: words.exactly(at, self.zone))
        self._readings = {event.seq: reader.read(event) for event in self._events}

    def _show(self) -> None:
        fitting = [e for e in self._events if not self.source or e.source == self.source]
        some = fitting if self._whole else fitting[-FEW:]
        self.earlier = len(fitting) - len(some)
        self.events = [
            raw_view(event, self.zone) if self.raw else event_view(event, self._readings[event.seq], self.zone)
            for event in some
        ]
        of = f" of {len(self._events):,}" if self.source else ""
        self.count = f"{len(fitting):,}{of} event{'' if len(self._events) == 1 else 's'}, times in {self.zone}"

    async def _verify(self) -> None:
        found = await audit.verify(self._beside)
        problems = [words.plain(f"event {p.seq}: {p.what}" if p.seq else p.what) for p in found.problems]
        verdict = "Tampered with" if problems else "Chain intact"
        if (verdict, problems) != (self.verdict, self.problems):
            self.verdict, self.intact, self.problems = verdict, not problems, problems


BESIDE.append(Auditing.heard)
