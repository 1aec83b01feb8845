"""A screen with a list of orders: Queue and Order History differ in their tabs and columns only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer

from engine.services import history, listings, preview, scroll
from engine.services.dashboard import StatusBar
from engine.services.filters import Filters
from engine.services.order_page import order_page
from engine.services.unsent import Unsent
from tui import exports
from tui.bulk import BulkRun
from tui.plain import many
from tui.screens.order import OrderScreen
from tui.screens.order_acts import OrderActs
from tui.undo import Held
from tui.views import View
from tui.widgets.bulk import BulkPane
from tui.widgets.filter import FilterPane
from tui.widgets.head import Head, Narrowed
from tui.widgets.order_list import OrderList
from tui.widgets.order_window import OrderWindow
from tui.widgets.preview import Preview

REST_SECONDS = 0.06
SORTS = ("placed", "-placed", "-total", "total", "number", "state")
SORT_WORDS = {
    "placed": "age↓",
    "-placed": "age↑",
    "-total": "total↓",
    "total": "total↑",
    "number": "number",
    "state": "state",
}
MOST_MARKED = 10_000
MOST_COUNTED = 1_000


class OrdersScreen(OrderActs):
    """Subclasses say which tabs there are and how each narrows the list."""

    heading = ""
    elsewhere = ""  # in which words other lists are named that have what is not here
    tabs: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    sort = "placed"

    def __init__(self) -> None:
        super().__init__()
        self.tab = 0
        self.filters = Filters()
        self.filter_text = ""
        self.view = ""
        self.window = OrderWindow(self.narrowed, self.sort)
        self._left: dict[int, int | None] = {}
        self._rested: int | None = None
        self._rest: Timer | None = None
        self._unsent: tuple[Unsent, ...] = ()
        self._was_read = False
        self._all, self._channels, self._elsewhere = 1, True, ""

    def narrowed(self) -> Filters:
        """The filters of the open tab with what the person typed."""
        raise NotImplementedError

    def tab_counts(self, figures: StatusBar) -> dict[int, int]:
        """How many orders each tab has, by its place."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Head, list, what is below it, and the foot."""
        yield Head(self.heading, self.tabs)
        yield Narrowed()
        yield OrderList(self.window, self.columns)
        with Vertical(id="below"):
            yield Preview()
        yield from self.foot()

    @property
    def list(self) -> OrderList:
        """The list."""
        return self.query_one(OrderList)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """The list is read, with the cursor on the order it was on."""
        await self._load(self.window.cursor_id)

    async def _load(self, *around: int | None) -> None:
        before = self.window.cursor_id
        await self.window.load(*around)
        self.window.forget_fresh()
        if self.window.cursor_id != before:
            self._rested = self.window.cursor_id
        if not self.window.rows:
            await self._look_elsewhere()
        self._was_read = True
        self.list.empty = self.why_empty()
        self.drawn()

    async def _look_elsewhere(self) -> None:
        """What a person is told who finds nothing here: is there anything at all, and anything like it elsewhere?"""
        self._all = sum((await history.counts()).values())
        self._channels = self._all > 0 or bool(await listings.channels())
        found, whole = await history.count_matching(self.filters, MOST_COUNTED) if self.filter_text else (0, True)
        self._elsewhere = f"{found:,}{'' if whole else '+'}" if found else ""

    def why_empty(self) -> str:
        """What stands where no order does, now or once the last one has left, and where to go from there."""
        if self.filter_text and not self.window.at_end:
            return f"None of the newest matches {self.filter_text}: looking further back …"
        if self.filter_text:
            none = f"No order matches {self.filter_text} here"
            if self._elsewhere:
                return f"{none}; {self._elsewhere} {self.elsewhere}. Esc clears the filter."
            return f"{none}. / changes the filter, Esc clears it."
        if not self._all:
            return (
                f"There are no orders yet. {'S pulls them now.' if self._channels else 'g c, then A adds a channel.'}"
            )
        return f"Nothing waits here. {self.go_on()}".rstrip()

    def go_on(self) -> str:
        """Where the orders are that are not here, and the keys that go there; "" for nowhere."""
        return ""

    def drawn(self) -> None:
        """What is in memory is on the screen."""
        self.list.follow()
        self.show_narrowed()
        self.query_one(Head).show(open_tab=self.tab)

    def show_narrowed(self) -> None:
        """The line above the list tells the truth again."""
        self.query_one(Narrowed).show(
            text=self.filter_text, view=self.view, sort=SORT_WORDS[self.window.sort], marked=len(self.list.marked),
            fresh=len(self.window.fresh),
        )  # fmt: skip

    def show_figures(self, figures: StatusBar) -> None:
        """The status line and the tabs show these."""
        super().show_figures(figures)
        self.query_one(Head).show(counts=self.tab_counts(figures))
        if self._was_read:
            self.list.empty = self.why_empty()
        self.list.refresh()  # ages and countdowns go on
        before, self._unsent = self._unsent, figures.unsent
        if before != figures.unsent:
            self.preview_soon()  # that an order cannot be sent changes nothing about the order itself

    async def changed(self, order_ids: Sequence[int], *, settings: bool) -> None:
        """Rows that changed are read again where they stand."""
        line = self.list.cursor_line
        await self.window.changed(order_ids)
        if self.window.at_end and self.window.at_start and not self.window.rows and self.window.fresh:
            # Nobody's place can be lost in an empty list.
            await self.load()
        self.list.keep_line(line)
        self.show_narrowed()
        if self.window.cursor_id in order_ids:
            self.preview_soon()

    async def on_order_list_near_end(self) -> None:
        """The next page is read; the cursor stays on its order and its line."""
        self.app.later(self._read_on)

    async def _read_on(self) -> None:
        line = self.list.cursor_line
        try:
            if await self.window.read_on():
                self.list.empty = self.why_empty()
                self.list.keep_line(line)
        except Exception as error:
            self.app.fail(error, "reading on")

    # --- the preview --------------------------------------------------------------------------------------------------

    def on_order_list_moved(self) -> None:
        """The cursor is on another order."""
        self.preview_soon()

    def on_order_list_chosen(self, message: OrderList.Chosen) -> None:
        """A click moved the cursor, or asks for the order."""
        if message.opened:
            self.app.do("open")

    def preview_soon(self) -> None:
        """The preview is read when the cursor rests."""
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST_SECONDS, self._preview)

    async def _preview(self) -> None:
        row = self.window.row
        preview = self.query_one(Preview)
        if row is None:
            preview.show(None)
            return
        try:
            found = await order_page(row.id)
        except Exception as error:
            self.app.fail(error, "reading the order")
            return
        if self.window.cursor_id == found.id:
            preview.show(found)

    # --- whose turn it is ---------------------------------------------------------------------------------------------

    def target(self) -> tuple[int, str] | None:
        """The order under the cursor."""
        row = self.window.row
        return (row.id, row.number) if row is not None else None

    @property
    def went(self) -> bool:
        """Is the cursor where the person put it, and not where the last act left it?"""
        return self.window.cursor_id != self._rested

    async def acted(self, order_id: int, *, leaves: bool) -> None:
        """An order was acted on; where it leaves the list, the cursor goes to the next."""
        if leaves and self.window.cursor_id == order_id:
            self.list.marked.pop(order_id, None)
            line = self.list.cursor_line
            self.window.step_off()
            self.list.keep_line(line)
        else:
            await self.window.changed([order_id])
            self.list.follow()
        self._rested = self.window.cursor_id
        self.show_narrowed()
        self.preview_soon()

    async def brought_back(self, order_ids: Sequence[int]) -> None:
        """The orders are in the list again, the first under the cursor."""
        await self.window.bring_back(order_ids)
        self._rested = self.window.cursor_id
        self.drawn()
        self.preview_soon()

    # --- moving -------------------------------------------------------------------------------------------------------

    def act_down(self) -> None:
        self.list.move(1)

    def act_up(self) -> None:
        self.list.move(-1)

    def act_page_down(self) -> None:
        self.list.move(max(self.list.height // 2, 1))

    def act_page_up(self) -> None:
        self.list.move(-max(self.list.height // 2, 1))

    async def act_first(self) -> None:
        if not self.window.at_start:
            self.window.cursor_id = None
            await self.window.load()
        self.window.go(0)
        self.list.follow()

    async def act_last(self) -> None:
        await self.window.load_last()
        self.list.follow()

    async def act_tab(self, number: int) -> None:
        """The tab with this number is open, with the cursor on the order it was on, else on the one it was on in that tab."""
        if number > len(self.tabs):
            self.app.say(f"there is no tab {number} here")
            return
        here = self._left[self.tab] = self.window.cursor_id
        self.tab = number - 1
        await self._load(here, self._left.get(self.tab))

    async def act_next_problem(self) -> None:
        await self._problem(1)

    async def act_previous_problem(self) -> None:
        await self._problem(-1)

    async def _problem(self, way: int) -> None:
        """To the next order of the list with an open Issue, however far it is."""
        here = self.window.cursor_id
        if here is None or await self.problem_beside(here, way) is None:
            more = self.go_on() if not await self._any_problem() else ""
            said = "no further order needs you" if way > 0 else "no order before this needs you"
            self.app.say(f"{said} here. {more}" if more else said)

    async def _any_problem(self) -> bool:
        """Does any order of this list need a person?"""
        narrowed = self.narrowed()
        return (await history.count_matching(msgspec.structs.replace(narrowed, has_issue=True), 1))[0] > 0

    async def problem_beside(self, order_id: int, way: int) -> int | None:
        """The next order of the list that needs a person, under the cursor now; None where there is none."""
        found = await scroll.next_problem(order_id, self.narrowed(), sort=self.window.sort, back=way < 0)
        if found is not None:
            await self.window.bring(found)
            self.drawn()
        return found

    # --- marking ------------------------------------------------------------------------------------------------------

    def act_mark(self) -> None:
        row = self.window.row
        if row is None:
            return
        if self.list.marked.pop(row.id, None) is None:
            self.list.marked[row.id] = True
        self._last_mark = row.id
        self.list.move(1)
        self.show_narrowed()

    def act_range(self) -> None:
        place = self.window.place(getattr(self, "_last_mark", 0))
        if place is None:
            self.app.say("mark the first order with Space, then go to the last and press v")
            return
        here = self.window.position
        low, high = min(place, here), max(place, here)
        self.list.marked |= {row.id: True for row in self.window.rows[low : high + 1]}
        self.list.refresh()
        self.show_narrowed()

    async def act_mark_all(self) -> None:
        ids = await history.ids_matching(self.narrowed(), MOST_MARKED, sort=self.window.sort)
        self.list.marked = dict.fromkeys(ids, True)
        self.list.refresh()
        self.show_narrowed()
        more = f", the first {MOST_MARKED:,}" if len(ids) == MOST_MARKED else ""
        self.app.say(f"{len(ids):,} marked{more}: P processes them, M clears the marks")

    def act_clear_marks(self) -> None:
        self.list.marked.clear()
        self.list.refresh()
        self.show_narrowed()

    # --- processing what is marked ------------------------------------------------------------------------------------

    async def act_process_marked(self) -> None:
        """What would happen to the marked orders is shown; y does it. What still runs is shown instead."""
        running = self.app.bulk
        if running is not None and (not running.over or running.now.held) and not self.list.marked:
            await self.open_pane(BulkPane(preview.Preview(), "", self._begin, self._undo_run, running))
            return
        if not self.list.marked:
            self.app.say("nothing is marked: Space marks an order, * all that match")
            return
        if running is not None and not running.over:
            self.app.say("orders are still being processed: wait, or pause them with P when nothing is marked", "warn")
            return
        ids = list(self.list.marked)
        found = await self.app.attempt(preview.preview(ids, preview.Limits.in_force()), "looking at the marked orders")
        here = await self.app.attempt(history.fitting(self.narrowed(), ids), "looking at the marked orders")
        if found is None or here is None:
            return
        # Marks outlive the filter they were made under, so it is named only where it has all of them.
        narrowed = f"filter: {self.filter_text}" if self.filter_text else ""
        if len(here) < len(ids):
            narrowed = ", ".join(filter(None, (f"{len(ids) - len(here):,} not in this list", narrowed)))
        asked = f"Process {many(len(ids), 'marked order')}{f'   ({narrowed})' if narrowed else ''}"
        await self.open_pane(BulkPane(found, asked, self._begin, self._undo_run))

    def _begin(self, order_ids: list[int]) -> BulkRun:
        for order_id in order_ids:
            self.list.marked.pop(order_id, None)
        self.show_narrowed()
        return self.app.begin_bulk(order_ids)

    async def _undo_run(self, run: BulkRun) -> None:
        await self.take_back(Held(tuple(run.order_ids), self.app.monotonic(), run))

    def bulk_moved(self) -> None:
        """The pane that shows it tells the truth again."""
        if isinstance(self.pane, BulkPane):
            self.pane.draw()

    # --- looking ------------------------------------------------------------------------------------------------------

    async def act_open(self) -> None:
        """The order under the cursor with everything."""
        target = self.target()
        if target is None:
            self.app.say("there is no order here")
        else:
            await self.app.push_screen(OrderScreen(*target, beside=self.problem_beside))

    async def act_take_in(self) -> None:
        count = len(self.window.fresh)
        await self.load()
        self.app.say(f"{count} new" if count else "nothing new")

    async def act_sort(self) -> None:
        if self.filter_text and self.filters.text:
            self.app.say("words are searched from the newest on; clear them to sort")
            return
        self.window.sort = SORTS[(SORTS.index(self.window.sort) + 1) % len(SORTS)]
        await self.load()
        self.app.say(f"sorted by {SORT_WORDS[self.window.sort]}")

    async def narrow(self, text: str, *, view: str = "", around: int | None = None) -> None:
        """The list is narrowed to what a person typed, the cursor on ``around`` or the order it was on, where these fit.

        Raises Invalid naming the word at fault, and changes nothing.
        """
        found = await history.from_text(text)
        self.filters, self.filter_text, self.view = found, text.strip(), view
        await self._load(self.window.cursor_id if around is None else around)

    async def act_filter(self) -> None:
        """What is typed narrows the list as one types; the cursor stays on its order, or is on the first that fits."""
        here = self.window.cursor_id
        await self.open_pane(FilterPane(self.filter_text, lambda text: self.narrow(text, around=here)))

    async def act_export_list(self) -> None:
        """The list goes into a file, with all that it would show further down."""
        called = f"{self.heading} > {self.tabs[self.tab]}" + (f", {self.filter_text}" if self.filter_text else "")
        await self.open_pane(exports.pane(self.narrowed(), self.window.sort, called))

    async def show_view(self, view: View) -> None:
        """The list is as the view was saved."""
        self.tab = view.tab if view.tab < len(self.tabs) else 0
        self.window.sort = view.sort if view.sort in SORTS else self.sort
        await self.narrow(view.filter, view=view.name)

    def as_view(self, name: str) -> View:
        """What is shown now, to be saved under this name."""
        return View(name, str(self.name), self.tab, self.filter_text, self.window.sort)

    async def act_back(self) -> None:
        if self.filter_text:
            await self.narrow("")
            self.app.say("filter cleared")
            return
        result: Any = self.app.act_back()
        await result
