"""The list of orders, drawn line by line from what is in memory: it holds a million orders without loading them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui import words
from tui.widgets.order_window import OrderWindow

if TYPE_CHECKING:
    from engine.services.history import OrderRow
    from tui.app import BluebookApp

WHEEL = 3


@dataclass(frozen=True, slots=True)
class Column:
    """``least`` cells wide, with a share of what is left; ``rank`` says which go first where there is no room."""

    title: str
    least: int
    share: int
    rank: int
    right: bool = False


COLUMNS = {
    "number": Column("ORDER", 9, 0, 0),
    "age": Column("AGE", 4, 0, 1, right=True),
    "channel": Column("CHANNEL", 10, 1, 5),
    "customer": Column("CUSTOMER", 12, 3, 2),
    "quantity": Column("QTY", 3, 0, 6, right=True),
    "suppliers": Column("SUPPLIERS", 12, 3, 4),
    "shipping": Column("SHIP", 14, 4, 7),
    "tracking": Column("TRACKING", 14, 2, 8),
    "total": Column("TOTAL", 9, 0, 3, right=True),
    "state": Column("STATE", 10, 0, 0),
}
MARKS = 3
MOST_DRAWN = 500  # lines kept


def fitted(names: tuple[str, ...], width: int) -> list[tuple[str, int]]:
    """The columns that have room, with their widths; together as wide as there is room, less the marks."""
    room = width - MARKS
    kept = sorted(names, key=lambda name: COLUMNS[name].rank)
    while len(kept) > 1 and sum(COLUMNS[name].least + 1 for name in kept) > room:
        kept.pop()
    left = max(room - sum(COLUMNS[name].least + 1 for name in kept), 0)
    shares = sum(COLUMNS[name].share for name in kept) or 1
    return [(name, COLUMNS[name].least + left * COLUMNS[name].share // shares) for name in names if name in kept]


def cells(row: OrderRow) -> dict[str, str]:
    """What each column says of an order; shipping depends on the room there is."""
    return {
        "number": words.plain(row.number),
        "age": words.age(row.placed_at),
        "channel": words.plain(row.channel),
        "customer": words.plain(row.customer),
        "quantity": str(row.quantity),
        "suppliers": words.suppliers(row),
        "tracking": words.plain(" ".join(row.tracking)) + (f" +{row.trackings - 2}" if row.trackings > 2 else ""),
        "total": words.amount(row.total, row.currency, code=False),
        "state": words.state(row)[0],
    }


def cut(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly so many cells; what does not fit ends in an ellipsis."""
    have = cell_len(text)
    if have > width:
        text = set_cell_size(text, max(width - 1, 0)).rstrip() + "…"
        have = cell_len(text)
    return " " * (width - have) + text if right else text + " " * (width - have)


class OrderList(Widget, can_focus=False):
    """Shows a window of orders; the screen tells it what to do. ``marked`` are order ids, in the order they were marked."""

    app: BluebookApp
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "orders--head", "orders--cursor", "orders--marked", "orders--gone", "orders--good", "orders--warn",
        "orders--bad", "orders--busy", "orders--dim", "orders--bar",
    }  # fmt: skip

    class Chosen(Message):
        """A row was clicked; twice: it is to be opened."""

        def __init__(self, *, opened: bool) -> None:
            super().__init__()
            self.opened = opened

    class NearEnd(Message):
        """More rows should be read."""

    class Moved(Message):
        """The cursor is on another order."""

    def __init__(self, window: OrderWindow, columns: tuple[str, ...]) -> None:
        super().__init__()
        self.window, self.columns = window, columns
        self.marked: dict[int, bool] = {}
        self.top = 0
        self.empty = "Reading …"
        self._seen: int | None = None
        # Scrolling draws every line, and most of them are what they were: by order id, what a line depends on, and it.
        self._drawn: dict[int, tuple[OrderRow, tuple[object, ...], Strip]] = {}
        self._base: Style | None = None

    @property
    def height(self) -> int:
        """How many orders are in sight."""
        return max(self.size.height - 1, 1)

    # --- moving -------------------------------------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """The cursor is so many rows further down, or up."""
        top, line, rows = self.top, self.cursor_line, len(self.window)
        self.window.go(self.window.position + by)
        self._keep_in_sight()
        if (self.top, len(self.window)) == (top, rows):
            # Two lines differ; drawing no more is half of what a key costs.
            width = self.size.width
            self.refresh(Region(0, line + 1, width, 1), Region(0, self.cursor_line + 1, width, 1))
        else:
            self.refresh()

    def follow(self) -> None:
        """The cursor is in sight, what is shown is what is in memory, and more is asked for where it runs out."""
        self._keep_in_sight()
        self.refresh()

    def _keep_in_sight(self) -> None:
        here, height = self.window.position, self.height
        # Three rows in sight beyond the cursor, as editors have it, tell what comes next.
        margin = min(3, (height - 1) // 2)
        if here < self.top + margin:
            self.top = here - margin
        elif here > self.top + height - 1 - margin:
            self.top = here - height + 1 + margin
        self.top = max(0, min(self.top, len(self.window) - height))
        if self.window.lacks():
            self.post_message(self.NearEnd())
        if self.window.cursor_id != self._seen:
            self._seen = self.window.cursor_id
            self.post_message(self.Moved())

    def keep_line(self, line: int) -> None:
        """The cursor's row is on this line of the screen again, as far as there are rows: rows came or went above it."""
        self.top = self.window.position - line
        self.follow()

    @property
    def cursor_line(self) -> int:
        """On which line below the head the cursor is."""
        return self.window.position - self.top

    # --- drawing ------------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line: the head, or an order."""
        width = self.size.width
        if y == 0:
            return self._head(width)
        rows = self.window.rows
        n = self.top + y - 1
        if not rows and y == 2:
            return Strip([Segment(cut(f"   {self.empty}", width), self.rich_style)])
        if n >= len(rows):
            more = n == len(rows) and rows and not self.window.at_end
            text = "   … more: G goes to the end, / narrows" if more else ""
            return Strip([Segment(cut(text, width), self.rich_style)])
        return self._line(rows[n], width, bar=self._bar(y))

    def _head(self, width: int) -> Strip:
        style = self.get_component_rich_style("orders--head")
        titles = [
            cut(COLUMNS[name].title, size, right=COLUMNS[name].right) for name, size in fitted(self.columns, width)
        ]
        return Strip([Segment(cut(" " * MARKS + " ".join(titles), width), style)])

    def notify_style_update(self) -> None:
        """Colours changed: every line is drawn anew."""
        super().notify_style_update()
        self._drawn.clear()
        self._base = None

    def _line(self, row: OrderRow, width: int, *, bar: bool) -> Strip:
        here, marked, gone = row.id == self.window.cursor_id, row.id in self.marked, row.id in self.window.gone
        moving = (words.age(row.placed_at), words.state(row))  # with the clock
        depends = (width, self.columns, here, marked, gone, bar, *moving)
        known = self._drawn.get(row.id)
        if known is not None and known[0] is row and known[1] == depends:
            return known[2]
        if len(self._drawn) > MOST_DRAWN:
            self._drawn.clear()
        self._base = self._base or self.rich_style
        base = self._base
        if marked:
            base += self.get_component_rich_style("orders--marked", partial=True)
        if gone:
            base += self.get_component_rich_style("orders--gone", partial=True)
        if here:
            base += self.get_component_rich_style("orders--cursor", partial=True)
        strip = self._strip(row, width, base, bar=bar, here=here, marked=marked)
        self._drawn[row.id] = (row, depends, strip)
        return strip

    def _strip(self, row: OrderRow, width: int, base: Style, *, bar: bool, here: bool, marked: bool) -> Strip:
        said = cells(row)
        tone = words.state(row)[1]
        segments = [Segment(f"{'>' if here else ' '}{'*' if marked else ' '} ", base)]
        for name, size in fitted(self.columns, width):
            whole = words.plain(words.shipping(row, size)) if name == "shipping" else said[name]
            if name == "number":
                whole = words.shortened(whole, size)
            text = cut(whole, size, right=COLUMNS[name].right)
            style = base
            if name == "state" and not here:
                style = base + self.get_component_rich_style(f"orders--{tone}", partial=True)
            segments += [Segment(text, style), Segment(" ", base)]
        strip = Strip(segments).adjust_cell_length(width, base)
        if bar:
            thumb = self.get_component_rich_style("orders--bar", partial=True)
            strip = Strip.join([strip.crop(0, width - 1), Strip([Segment("▐", base + thumb)])])
        return strip

    def _bar(self, y: int) -> bool:
        """Is this line part of the scroll bar's thumb? Of what is in memory: how long the whole is costs a count."""
        total, height = len(self.window), self.height
        if total <= height:
            return False
        size = max(height * height // total, 1)
        start = round(self.top / max(total - height, 1) * (height - size))
        return start <= y - 1 < start + size

    # --- the mouse ----------------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there, a second one opens."""
        n = self.top + event.y - 1
        if event.y < 1 or n >= len(self.window):
            return
        self.window.go(n)
        self.follow()
        self.post_message(self.Chosen(opened=event.chain > 1))

    def on_mouse_scroll_down(self) -> None:
        """The wheel moves the cursor, which stays in sight."""
        self.move(WHEEL)

    def on_mouse_scroll_up(self) -> None:
        """The wheel moves the cursor, which stays in sight."""
        self.move(-WHEEL)

    def on_resize(self) -> None:
        """The cursor stays in sight."""
        self.follow()
