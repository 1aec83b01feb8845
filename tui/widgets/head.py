"""The head of a screen: its name, its tabs, and the line that says what the list is narrowed to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.widgets import Static

from tui.words import plain

if TYPE_CHECKING:
    from tui.app import BluebookApp


class Head(Static):
    """``1 Ready 214   [2 Resolve 31]``: the tab that is open is in brackets, so that no colour is needed."""

    app: BluebookApp

    def __init__(self, heading: str, tabs: Sequence[str] = ()) -> None:
        super().__init__("", markup=False)
        self.heading, self.tabs = heading, tuple(tabs)
        self.counts: dict[int, int] = {}
        self.open_tab = 0
        self.right = ""
        self._spans: list[tuple[int, int, int]] = []

    def show(
        self, *, open_tab: int | None = None, counts: dict[int, int] | None = None, right: str | None = None
    ) -> None:
        """What is given is shown from now on."""
        self.open_tab = self.open_tab if open_tab is None else open_tab
        self.counts = self.counts if counts is None else counts
        self.right = self.right if right is None else right
        self._redraw()

    def on_resize(self) -> None:
        """As much is shown as has room."""
        self._redraw()

    def _redraw(self) -> None:
        width = self.size.width or 80
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f" {self.heading} ", "bold")
        self._spans = []
        for n, name in enumerate(self.tabs):
            count = f" {self.counts[n]:,}" if n in self.counts else ""
            text = f"{n + 1} {name}{count}"
            line.append("  ")
            begin = line.cell_len
            line.append(
                f"[{text}]" if n == self.open_tab else f" {text} ", "bold reverse" if n == self.open_tab else ""
            )
            self._spans.append((begin, line.cell_len, n))
        right = plain(self.right)
        if right and line.cell_len + len(right) + 2 <= width:
            line.append(" " * (width - line.cell_len - len(right) - 1))
            line.append(right, "dim")
        self.update(line, layout=False)

    def on_click(self, event: events.Click) -> None:
        """A click on a tab opens it."""
        for begin, end, n in self._spans:
            if begin <= event.x < end:
                self.app.do(f"tab_{n + 1}")


class Narrowed(Static):
    """What the list is narrowed to, how it is sorted, how many are marked and how many new ones wait."""

    def __init__(self) -> None:
        super().__init__("", markup=False)

    def show(self, *, text: str, view: str, sort: str, marked: int, fresh: int) -> None:
        """All of it, in one line; on the right, and never cut, what asks for a key."""
        said = Text(no_wrap=True, overflow="ellipsis")
        said.append(" / ", "bold")
        said.append(plain(text) or "no filter", "" if text else "dim")
        said.append(f"   sort {sort}", "dim")
        if view:
            said.append(f"   view {plain(view)}")
        asks = "   ".join(
            part for part in (f"{marked:,} marked" if marked else "", f"+{fresh} new (R)" if fresh else "") if part
        )
        if asks:
            said.truncate(max((self.size.width or 80) - len(asks) - 3, 10), overflow="ellipsis", pad=True)
            said.append(f"  {asks}", "bold reverse")
        self.update(said, layout=False)
