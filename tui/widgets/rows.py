"""A list of rows that are all in memory: events, channels, mappings, jobs. The cursor belongs to a row's id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui import words
from tui.widgets.order_list import cut

if TYPE_CHECKING:
    from tui.app import BluebookApp

T = TypeVar("T")
WHEEL = 3


@dataclass(frozen=True, slots=True)
class Column:
    """``least`` cells wide, with a share of what is left; columns at the end go first where there is no room."""

    title: str
    least: int
    share: int = 0
    right: bool = False


class RowList(Widget, Generic[T]):
    """``items`` are (id, what it is, its cells). The screen tells it what to do."""

    app: BluebookApp
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--head", "rows--cursor"}

    class Chosen(Message):
        """A row was clicked; twice: it is to be opened."""

        def __init__(self, *, opened: bool) -> None:
            super().__init__()
            self.opened = opened

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:  # noqa: A002  Textual's word
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.items: list[tuple[int | str, T, tuple[str, ...]]] = []
        self.place = 0
        self.top = 0
        self.empty = "Reading …"

    @property
    def height(self) -> int:
        """How many rows are in sight."""
        return max(self.size.height - 1, 1)

    @property
    def item(self) -> T | None:
        """What the cursor is on."""
        return self.items[self.place][1] if self.items else None

    @property
    def at_end(self) -> bool:
        """Is the cursor on the last row?"""
        return self.place >= len(self.items) - 1

    def show(self, items: list[tuple[int | str, T, tuple[str, ...]]]) -> None:
        """These rows, with the cursor on the row it was on where that is still there, else near it."""
        here = self.items[self.place][0] if self.items else None
        self.items = items
        places = {item[0]: n for n, item in enumerate(items)}
        self.go(places.get(here, self.place) if here is not None else self.place)

    def move(self, by: int) -> None:
        """The cursor is so many rows further down, or up."""
        self.go(self.place + by)

    def go(self, place: int) -> None:
        """The cursor is on this row, or the nearest there is, and in sight."""
        self.place = max(0, min(place, len(self.items) - 1))
        if self.place < self.top:
            self.top = self.place
        elif self.place > self.top + self.height - 1:
            self.top = self.place - self.height + 1
        self.top = max(0, min(self.top, len(self.items) - self.height))
        self.refresh()

    def on_resize(self) -> None:
        """The cursor stays in sight."""
        self.go(self.place)

    # --- drawing ------------------------------------------------------------------------------------------------------

    def _fitted(self, width: int) -> list[tuple[int, int]]:
        """The places of the columns that have room, with their widths."""
        room = width - 2
        kept = list(range(len(self.columns)))
        while len(kept) > 1 and sum(self.columns[n].least + 1 for n in kept) > room:
            kept.pop()
        left = max(room - sum(self.columns[n].least + 1 for n in kept), 0)
        shares = sum(self.columns[n].share for n in kept) or 1
        return [(n, self.columns[n].least + left * self.columns[n].share // shares) for n in kept]

    def render_line(self, y: int) -> Strip:
        """One line: the head, or a row."""
        width = self.size.width
        if y == 0:
            titles = [cut(self.columns[n].title, size, right=self.columns[n].right) for n, size in self._fitted(width)]
            return Strip([Segment(cut("  " + " ".join(titles), width), self.get_component_rich_style("rows--head"))])
        n = self.top + y - 1
        if n >= len(self.items):
            said = wrap(self.empty, max(width - 4, 1)) if not self.items else []
            text = f"  {said[y - 2]}" if 2 <= y < len(said) + 2 else ""
            return Strip([Segment(cut(text, width), self.rich_style)])
        here = n == self.place
        style = self.rich_style
        if here:
            style += self.get_component_rich_style("rows--cursor", partial=True)
        said = self.items[n][2]
        parts = [cut(words.plain(said[c]), size, right=self.columns[c].right) for c, size in self._fitted(width)]
        return Strip([Segment(cut(f"{'>' if here else ' '} {' '.join(parts)}", width), style)])

    # --- the mouse ----------------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there, a second one opens."""
        n = self.top + event.y - 1
        if event.y >= 1 and n < len(self.items):
            self.go(n)
            self.post_message(self.Chosen(opened=event.chain > 1))

    def on_mouse_scroll_down(self) -> None:
        """The wheel moves the cursor."""
        self.move(WHEEL)

    def on_mouse_scroll_up(self) -> None:
        """The wheel moves the cursor."""
        self.move(-WHEEL)
