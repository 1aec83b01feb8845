"""Moving in a list that is all in memory, the same keys on every screen that has one."""

from __future__ import annotations

from typing import Any

from tui.screens.base import BookScreen
from tui.widgets.rows import RowList


class ListMoves(BookScreen):
    """A screen with one ``RowList``."""

    @property
    def rows(self) -> RowList[Any]:
        """The list."""
        found: RowList[Any] = self.query_one(RowList)
        return found

    def act_down(self) -> None:
        self.rows.move(1)

    def act_up(self) -> None:
        self.rows.move(-1)

    def act_page_down(self) -> None:
        self.rows.move(max(self.rows.height // 2, 1))

    def act_page_up(self) -> None:
        self.rows.move(-max(self.rows.height // 2, 1))

    def act_first(self) -> None:
        self.rows.go(0)

    def act_last(self) -> None:
        self.rows.go(len(self.rows.items) - 1)

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        """A second click opens."""
        if message.opened:
            self.app.do("open")
