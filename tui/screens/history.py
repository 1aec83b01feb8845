"""Order History: every order, whatever its state."""

from __future__ import annotations

import msgspec

from engine.domain.states import OrderStatus
from engine.services.dashboard import StatusBar
from engine.services.filters import Filters
from tui.screens.orders import OrdersScreen

MOVING = (OrderStatus.PROCESSED, OrderStatus.PARTIALLY_SHIPPED)
DONE = (OrderStatus.SHIPPED, OrderStatus.COMPLETED, OrderStatus.CANCELED)


class HistoryScreen(OrdersScreen):
    """Tabs All, In progress and Done; the newest order first."""

    name = "history"
    heading = "Order History"
    tabs = ("All", "In progress", "Done")
    columns = ("number", "age", "channel", "customer", "quantity", "suppliers", "tracking", "total", "state")
    sort = "-placed"
    elsewhere = "in All (1)"

    def narrowed(self) -> Filters:
        """What the open tab shows."""
        wanted = {0: (), 1: MOVING, 2: DONE}[self.tab]
        if not wanted:
            return self.filters
        both = tuple(status for status in wanted if not self.filters.statuses or status in self.filters.statuses)
        if not both:  # none of the statuses asked for is in this tab, so nothing may fit
            return msgspec.structs.replace(self.filters, statuses=wanted, older_than=1, younger_than=0)
        return msgspec.structs.replace(self.filters, statuses=both)

    def go_on(self) -> str:
        """The tab with every order."""
        return "1 shows every order." if self.tab else ""

    def tab_counts(self, figures: StatusBar) -> dict[int, int]:
        """History has no counts of its own in the status bar."""
        return {}
