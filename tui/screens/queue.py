"""The queue: the orders that wait for someone here."""

from __future__ import annotations

from typing import cast

from engine.services import history
from engine.services.dashboard import StatusBar
from engine.services.filters import Filters
from tui.screens.orders import OrdersScreen

TABS: tuple[history.Tab, ...] = ("ready", "resolve", "all")


class QueueScreen(OrdersScreen):
    """Tabs Ready, Resolve and All; the oldest order first."""

    name = "queue"
    heading = "Queue"
    tabs = ("Ready", "Resolve", "All")
    columns = ("number", "age", "channel", "customer", "quantity", "suppliers", "shipping", "total", "state")
    sort = "placed"
    elsewhere = "in Order History (g h)"

    def narrowed(self) -> Filters:
        """What the open tab shows."""
        return history.in_queue(cast(history.Tab, TABS[self.tab]), self.filters)

    def go_on(self) -> str:
        """The other tab, as long as something is in it; else Order History."""
        figures = self.app.figures
        if figures is not None and self.tab == 0 and figures.resolve:
            return f"{figures.resolve:,} in Resolve: 2 shows {'it' if figures.resolve == 1 else 'them'}."
        if figures is not None and self.tab == 1 and figures.ready:
            return f"{figures.ready:,} in Ready: 1 shows {'it' if figures.ready == 1 else 'them'}."
        return "" if figures is not None and figures.resolve else "g h shows every order there was."

    def tab_counts(self, figures: StatusBar) -> dict[int, int]:
        """Ready, those that need a person, and both."""
        return {0: figures.ready, 1: figures.resolve, 2: figures.ready + figures.resolve}
