"""A screen with a list that is all in memory, with tabs: settings, mappings, jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.screens.moves import ListMoves
from tui.widgets.head import Head
from tui.widgets.narrow import Narrow
from tui.widgets.rows import Column, RowList

Item = tuple[int | str, Any, tuple[str, ...]]


class TableScreen(ListMoves):
    """Subclasses say which ``tabs`` there are, the ``columns`` of each, and ``read`` their rows."""

    heading = ""
    tabs: tuple[str, ...] = ()
    columns: tuple[tuple[Column, ...], ...] = ()
    empty = "There is nothing here."

    def __init__(self) -> None:
        super().__init__()
        self.tab = 0
        self.wanted = ""
        self.all: list[Item] = []

    def compose(self) -> ComposeResult:
        """Head, rows, what opens below, foot."""
        yield Head(self.heading, self.tabs)
        yield RowList(self.columns[0])
        yield Vertical(id="below")
        yield from self.foot()

    async def read(self) -> list[Item]:
        """The rows of the open tab: (id, what it is, its cells)."""
        raise NotImplementedError

    async def load(self) -> None:
        """The tab is read again, the cursor where it was."""
        self.all = await self.read()
        self._show()

    def _show(self) -> None:
        words = self.wanted.casefold().split()
        self.rows.columns = self.columns[self.tab]
        self.rows.empty = "Nothing fits." if self.all else self.empty
        self.rows.show([item for item in self.all if all(word in " ".join(item[2]).casefold() for word in words)])
        self.query_one(Head).show(open_tab=self.tab, right=f"/ {self.wanted}" if self.wanted else "")

    async def changed(self, order_ids: Sequence[int], *, settings: bool) -> None:
        """Read again when something other than orders changed; what is typed in a pane stays."""
        if settings:
            await self.load()

    # --- moving -------------------------------------------------------------------------------------------------------

    async def act_tab(self, number: int) -> None:
        """The tab with this number is open."""
        if number > len(self.tabs):
            self.app.say(f"there is no tab {number} here")
            return
        self.tab = number - 1
        self.rows.place = 0
        await self.load()

    async def act_filter(self) -> None:
        """Narrow as one types."""
        await self.open_pane(Narrow(self.wanted, self._narrow))

    def _narrow(self, text: str) -> None:
        self.wanted = text
        self._show()
