"""The dashboard: what waits, how fast it goes and why it does not; of a period and a channel, which the address names."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import reflex as rx

from engine import clock
from engine.domain.roles import Permission
from engine.errors import Invalid
from engine.services import listings, reports, trouble
from engine.services.reports import AgeBar, Count, Day, Hour, Late, Processing, Reason, Scope, Waiting
from webui import chart_views, links, shared, words
from webui.chart_views import Chart, SupplierFigure, address, number
from webui.shared import Shared
from webui.states.base import Book, on, unexpected
from webui.states.figures import DAYS, SUPPLIERS
from webui.states.orders import Choice
from webui.states.suppliers import supplier_href

PERIODS = {"today": "Today", "7d": "Last 7 days", "30d": "Last 30 days"}
MONTH = 30


class Asked(NamedTuple):
    """Which figures: of this period, where days begin, and of these channels."""

    period: str
    zone: str
    channel_ids: tuple[int, ...]

    def scope(self, period: str = "") -> Scope:
        """The same for the services."""
        return reports.scope(period or self.period, zone=words.zone(self.zone), channel_ids=self.channel_ids)

    @property
    def days(self) -> int:
        """How many days the charts over days are of: a week at least."""
        return MONTH if self.period == "30d" else chart_views.WEEK


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The figures, but for suppliers'."""

    asked: Asked
    waiting: Waiting
    processing: Processing
    late: Late
    where: list[AgeBar]
    reasons: list[Reason]
    days: list[Day]
    hours: list[Hour]


async def _read(asked: Asked) -> Found:
    scope, week = asked.scope(), asked.scope("30d" if asked.days == MONTH else "7d")
    return Found(
        asked=asked,
        waiting=await reports.waiting(scope),
        processing=await reports.processing(scope),
        late=await reports.late(scope),
        where=await reports.where_orders_wait(scope),
        reasons=await reports.reasons(week),
        days=await reports.errors_by_day(scope, asked.days),
        hours=await reports.by_hour(scope),
    )


FIGURES: Shared[Asked, Found] = Shared(_read)


@dataclass
class TileLine:
    """Something a tile says below its number, with the address of its orders where it has some."""

    id: str = ""
    text: str = ""
    href: str = ""
    count: int = 0
    tone: str = ""


@dataclass
class Tile:
    """A number that matters now, what it is of, and where its orders are listed."""

    id: str = ""
    title: str = ""
    number: str = ""
    said: str = ""
    count: int = 0
    href: str = ""
    tone: str = ""
    lines: list[TileLine] = field(default_factory=list)


@dataclass
class Step:
    """What is to be done before orders come."""

    id: str = ""
    title: str = ""
    text: str = ""
    href: str = ""
    label: str = ""
    done: bool = False


def _changed(change: int, since: str, exact: bool) -> TileLine:
    about = "" if exact else "about "
    text = f"{'▲' if change > 0 else '▼'} {about}{abs(change):,} {'more' if change > 0 else 'fewer'} since {since}"
    return TileLine("change", text if change else f"as many as at {since}")


def tiles(found: Found, zone: str) -> list[Tile]:
    """The four tiles."""
    waits, took, late = found.waiting, found.processing, found.late
    morning = waits.morning.astimezone(words.zone(zone))
    today = morning.date() == clock.now().astimezone(words.zone(zone)).date()
    since = f"{morning:%H:%M}" + ("" if today else " yesterday")
    oldest = [TileLine("oldest", f"oldest {words.ago(waits.oldest)}")] if waits.oldest else []
    suppliers = [
        TileLine(str(s.supplier_id), f"{words.plain(s.supplier)} {s.count:,}", address(Count(s.count, s.filters)), s.count)
        for s in late.suppliers
    ]  # fmt: skip
    return [
        _tile("waiting", "Waiting", waits.waiting, [*oldest, _changed(waits.change, since, waits.exact)]),
        _tile(
            "person",
            "Need a person",
            waits.person,
            [_changed(waits.person_change, since, waits.exact), *_unsent(found)],
            "warn",
        ),
        _processing(took, found.asked),
        _tile("late", "Late at supplier", late.total, suppliers, "bad"),
    ]


def _unsent(found: Found) -> list[TileLine]:
    """Orders in progress that are not sent yet, which may need somebody as well: their supplier does not answer, say."""
    waits = next((bar.total for bar in found.where if bar.part == "unsent" and bar.total.count), None)
    if waits is None:
        return []
    return [TileLine("unsent", f"{number(waits)} more not sent yet", address(waits), waits.count, "bad")]


def _tile(key: str, title: str, count: Count, lines: list[TileLine], tone: str = "") -> Tile:
    return Tile(
        key, title, number(count), "orders", count.count, links.orders(count.filters.to_params()),
        tone if count.count else "", lines,
    )  # fmt: skip


def _processing(took: Processing, asked: Asked) -> Tile:
    if took.p50 is None or took.p90 is None or took.in_time is None:
        said, lines = "–", [TileLine("none", "nothing was sent")]
    else:
        good = took.p90 <= took.goal_minutes * 60
        said = f"p50 {words.span(took.p50)} · p90 {words.span(took.p90)}"
        goal = f"{took.in_time:.0f} % within {took.goal_minutes} min {'✓' if good else '✗'}"
        lines = [TileLine("goal", goal, tone="good" if good else "bad")]
        lines.append(TileLine("sent", f"{number(took.sent)} orders sent, {PERIODS[asked.period].lower()}"))
        if took.sampled == reports.SAMPLE:
            lines.append(TileLine("sample", f"times of the latest {reports.SAMPLE:,}"))
    href = links.orders(took.sent.filters.to_params())
    return Tile("processing", "Time to process", said, "", took.sent.count, href, "", lines)


async def steps() -> list[Step]:
    """What to do before orders come."""
    known = await listings.suppliers()
    offers = supplier_href(known[0].code, "products") if known else "/suppliers"
    return [
        Step("channel", "Connect a channel", "The store or marketplace that orders come from.", "/channels", "Channels"),
        Step("supplier", "Add your suppliers", "Who ships them, and how they are told.", "/suppliers", "Suppliers", bool(known)),
        Step("offers", "Say what they offer", "Which products each has, and at which cost.", offers, "Products",
             any(view.offers for view in known)),
        Step("mappings", "Map shipping and SKUs", "Which method and which product each order means.", "/mappings",
             "Mappings"),
    ]  # fmt: skip


class Dashboard(Book):
    """The figures. They follow what happens within two seconds, read for all tabs together."""

    period: str = "today"
    channel: str = ""
    channels: list[Choice] = []
    tiles: list[Tile] = []
    where: Chart = Chart()
    reasons: Chart = Chart()
    days: Chart = Chart()
    hours: Chart = Chart()
    suppliers: list[SupplierFigure] = []
    steps: list[Step] = []
    error: str = ""
    ready: bool = False
    _asked: Asked = Asked("today", "UTC", ())

    @on(Permission.VIEW)
    async def load(self) -> Any:
        """The page shows the figures that its address asks for, and follows them."""
        await self._load()
        return Dashboard.follow_figures

    async def _load(self) -> None:
        try:
            self.channels = [Choice(str(c.id), words.plain(c.name)) for c in await listings.channels()]
            self.steps = [] if self.channels else await steps()
            self._read_address()
            if not self.steps:
                self._show(await FIGURES.latest(self._asked))
                self._show_suppliers(await SUPPLIERS.latest(self.zone))
        except Exception as error:
            sentence, _ = trouble.explain(error, "reading the figures", unexpected)
            self.error = words.sentence(sentence)
        else:
            self.error = ""
        self.ready = True

    def _read_address(self) -> None:
        period, channel = self.params.get("period", "today"), self.params.get("channel", "")
        if channel and channel not in {choice.value for choice in self.channels}:
            raise Invalid(f"there is no channel {channel!r}", "channel")
        self.period, self.channel = period, channel
        asked = Asked(period, self.zone, (int(channel),) if channel else ())
        asked.scope()  # says what is wrong with the period
        self._asked = asked

    @on(Permission.VIEW, background=True)
    async def follow_figures(self) -> Any:
        """They are shown anew as often as something changes, as long as the page is open."""
        async with self:
            tab = self.router.session.client_token
        async for _ in shared.due("dashboard", tab):
            async with self:
                asked, here, waits = self._asked, self.section == "dashboard", bool(self.steps or self.error)
            if not here:
                return
            # Read before, so that nobody waits for it; what goes wrong is told by refresh, which reads again.
            with contextlib.suppress(Exception):
                if not waits:
                    await asyncio.gather(FIGURES.fresh(asked), SUPPLIERS.fresh(asked.zone))
            yield Dashboard.refresh

    @on(Permission.VIEW)
    async def refresh(self) -> None:
        """The page shows the figures that were read last."""
        if self.steps or self.error:
            await self._load()
            return
        self._show(await FIGURES.latest(self._asked))
        self._show_suppliers(await SUPPLIERS.latest(self.zone))

    def _show(self, found: Found) -> None:
        fresh = {
            "tiles": tiles(found, self.zone),
            "where": chart_views.where(found.where),
            "reasons": chart_views.reasons(found.reasons, found.asked.days),
            "days": chart_views.errors(found.days),
            "hours": chart_views.by_hour(found.hours),
        }
        self._set(fresh)

    def _show_suppliers(self, rows: Any) -> None:
        self._set({"suppliers": [chart_views.supplier(row, DAYS) for row in rows]})

    def _set(self, fresh: dict[str, Any]) -> None:
        # Only what is different is sent to the page.
        for name, value in fresh.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    @on(Permission.VIEW)
    def choose_period(self, period: str) -> Any:
        """The figures are of this period."""
        return rx.redirect(self._address(period, self.channel))

    @on(Permission.VIEW)
    def choose_channel(self, channel: str) -> Any:
        """The figures are of this channel; "" for all."""
        return rx.redirect(self._address(self.period, channel))

    @staticmethod
    def _address(period: str, channel: str) -> str:
        return links.with_params("/", {"period": "" if period == "today" else period, "channel": channel})
