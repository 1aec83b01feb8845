"""A screen that only lists: the keys that hold, what was said. Narrowed as one types, left by Esc."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.actions import ACTIONS, GROUPS
from tui.keys import Keymap, shown
from tui.screens.moves import ListMoves
from tui.widgets.narrow import Narrow
from tui.widgets.rows import Column, RowList

Row = tuple[str, ...]


class ListingScreen(ListMoves):
    """``rows`` under ``columns``; ``heading`` says what they are."""

    name = "help"

    def __init__(self, heading: str, columns: tuple[Column, ...], rows: list[Row], *, to_end: bool = False) -> None:
        super().__init__()
        self.heading, self.columns, self.all, self.to_end = heading, columns, rows, to_end

    def compose(self) -> ComposeResult:
        """Head, rows, foot."""
        yield Static(Text(f" {self.heading}", "bold"), id="book-head", markup=False)
        yield RowList(self.columns)
        yield Vertical(id="below")
        yield from self.foot()

    async def load(self) -> None:
        """All of them."""
        self._narrow("")
        if self.to_end:
            self.act_last()

    def _narrow(self, text: str) -> None:
        wanted = text.casefold().split()
        fit = [row for row in self.all if all(word in " ".join(row).casefold() for word in wanted)]
        rows = self.query_one(RowList)
        rows.empty = "Nothing fits."
        rows.show([(n, row, row) for n, row in enumerate(fit)])

    async def act_filter(self) -> None:
        """Narrow as one types."""
        await self.open_pane(Narrow("", self._narrow))


def help_rows(keymap: Keymap, scopes: tuple[str, ...]) -> list[Row]:
    """(key, what it does, word behind ``:``) of every action that holds in these scopes, by group."""
    held = {action.id for action in keymap.holding(scopes)}
    rows: list[Row] = []
    for group in GROUPS:
        for action in ACTIONS.values():
            if action.group == group and action.id in held:
                keys = "  ".join(shown(key) for key in keymap.keys(action.id)) or "(no key)"
                rows.append((keys, action.help, f":{action.command}" if action.command else "", group))
    return rows
