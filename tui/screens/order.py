"""One order with everything, and everything that can be done to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from engine.services import history, scroll
from engine.services.blue_book import blue_book
from engine.services.dashboard import StatusBar
from engine.services.filters import Filters
from engine.services.order_page import OrderPage, order_page
from engine.services.unsent import Unsent
from tui.screens.order_acts import OrderActs
from tui.widgets import order_text

WIDE = 140
TICK_SECONDS = 0.5
Beside = Callable[[int, int], Awaitable[int | None]]


async def _in_queue(order_id: int, way: int) -> int | None:
    """The next order of the queue that needs a person, for an order that was opened by its number."""
    return await scroll.next_problem(order_id, history.in_queue("all", Filters()), sort="placed", back=way < 0)


class OrderScreen(OrderActs):
    """Opened by Enter on a list. ``beside`` finds the next order that needs a person (1), or the one before (-1).

    Its parts are beside one another where there is room, else one below the other.
    """

    name = "order"

    def __init__(self, order_id: int, number: str, *, beside: Beside | None = None) -> None:
        super().__init__()
        self.order_id, self.number, self.beside = order_id, number, beside or _in_queue
        self.order: OrderPage | None = None
        self._said: tuple[Text, Text] | None = None
        self._unsent: tuple[Unsent, ...] = ()

    def compose(self) -> ComposeResult:
        """A head, what scrolls, the panes, and the foot."""
        yield Static("", id="order-head", markup=False)
        with VerticalScroll(id="order-body", can_focus=False):
            with Vertical(id="order-parts"):
                yield Static("", id="order-main", markup=False)
                yield Static("", id="order-aside", markup=False)
            yield Static("", id="order-timeline", markup=False)
        yield Vertical(id="below")
        yield from self.foot()

    async def load(self) -> None:
        """The order is read again, and stays where it was scrolled to."""
        self.order = await order_page(self.order_id)
        events = await blue_book(self.order_id)
        self._tick()
        self.query_one("#order-aside", Static).update(order_text.aside(self.order))
        self.query_one("#order-timeline", Static).update(order_text.timeline(events))

    def on_mount(self) -> None:
        """Ages and countdowns go on by themselves."""
        super().on_mount()
        self.set_interval(TICK_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if self.is_current:
            self._tick()

    def _tick(self) -> None:
        """What is said of times is true now."""
        if self.order is None:
            return
        said = (order_text.head(self.order), order_text.main(self.order))
        if said != self._said:
            self._said = said
            self.query_one("#order-head", Static).update(said[0])
            self.query_one("#order-main", Static).update(said[1])

    def show_figures(self, figures: StatusBar) -> None:
        """That an order cannot be sent changes nothing about it, so it is read again when its supplier fails or works again."""
        super().show_figures(figures)
        before, self._unsent = self._unsent, figures.unsent
        if before != figures.unsent and self.order is not None and any(po.state == "queued" for po in self.order.live):
            self.app.later(self.loaded)

    def on_resize(self) -> None:
        """Two columns where there is room."""
        self.set_class(self.size.width >= WIDE, "wide")

    async def changed(self, order_ids: Sequence[int], *, settings: bool) -> None:
        """Read again when it changed."""
        if self.order_id in order_ids:
            await self.load()

    # --- whose turn it is ---------------------------------------------------------------------------------------------

    def target(self) -> tuple[int, str] | None:
        """The order that is shown."""
        return self.order_id, self.number

    async def acted(self, order_id: int, *, leaves: bool) -> None:
        """The order is read again; the lists behind hear of it from the feed."""
        await self.load()

    async def brought_back(self, order_ids: Sequence[int]) -> None:
        """The same."""
        await self.load()

    # --- the next that needs a person ---------------------------------------------------------------------------------

    async def act_next_problem(self) -> None:
        await self._problem(1)

    async def act_previous_problem(self) -> None:
        await self._problem(-1)

    async def _problem(self, way: int) -> None:
        found = await self.app.attempt(self.beside(self.order_id, way), "looking for the next")
        if found is None:
            self.app.say("no further order needs you" if way > 0 else "no order before this needs you")
            return
        order = await order_page(found)
        self.order_id, self.number = order.id, order.number
        await self.load()
        self.act_first()

    # --- moving -------------------------------------------------------------------------------------------------------

    @property
    def body(self) -> VerticalScroll:
        """What scrolls."""
        return self.query_one("#order-body", VerticalScroll)

    def act_down(self) -> None:
        self.body.scroll_relative(y=1, animate=False)

    def act_up(self) -> None:
        self.body.scroll_relative(y=-1, animate=False)

    def act_page_down(self) -> None:
        self.body.scroll_relative(y=self.body.size.height // 2, animate=False)

    def act_page_up(self) -> None:
        self.body.scroll_relative(y=-(self.body.size.height // 2), animate=False)

    def act_first(self) -> None:
        self.body.scroll_home(animate=False)

    def act_last(self) -> None:
        self.body.scroll_end(animate=False)
