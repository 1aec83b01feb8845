"""The foot of every screen: a banner while the database is away, the status line, and the keys that hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.widgets import Static

from tui.actions import Action
from tui.keys import shown
from tui.words import countdown, plain, shortened

if TYPE_CHECKING:
    from engine.services.dashboard import StatusBar
    from tui.app import BluebookApp

SAID_SECONDS = 8.0
BARS = "·▁▂▃▄▅▆▇█"
MOST_HELD = 3
SHORT = 9


class Banner(Static):
    """A line across the screen that something is wrong with all of it; not there while nothing is."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.display = False

    def say(self, text: str) -> None:
        """It says this, or goes."""
        self.update(plain(text))
        self.display = bool(text)


def spark(values: Iterable[int], width: int) -> str:
    """The latest values as bars, the tallest full; nothing where nothing happened."""
    shown_values = list(values)[-width:]
    top = max(shown_values, default=0)
    if not top:
        return ""
    return "".join(BARS[-(-value * (len(BARS) - 1) // top)] for value in shown_values)


class StatusLine(Static):
    """What is held and for how long, what was sent, what failed, and whether workers are there."""

    app: BluebookApp

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.figures: StatusBar | None = None
        self._line = Text()

    def on_mount(self) -> None:
        """Countdowns go on between two readings."""
        self.set_interval(0.5, self._redraw)

    def show_figures(self, figures: StatusBar) -> None:
        """These are the figures from now on."""
        self.figures = figures
        self._redraw()

    def on_resize(self) -> None:
        """As much is shown as has room."""
        self._redraw()

    def _redraw(self) -> None:
        if self.figures is not None:
            line = self.text(self.figures, self.size.width or 80)
            if line != self._line:
                self._line = line
                self.update(line, layout=False)

    def text(self, figures: StatusBar, width: int) -> Text:
        """The line, its parts by importance as far as there is room."""
        parts: list[tuple[str, str]] = []
        held = [(h.number, countdown(h.release_at)) for h in figures.held]
        held = [(number, left) for number, left in held if left]
        if held:
            said = _held(held, 99)
            parts.append((said if len(said) < width else _held(held, SHORT), "bold"))
        alive = sum(worker.alive for worker in figures.workers)
        if not alive:
            parts.append(("NO WORKER RUNS: nothing is sent (`bluebook worker`)", "bold reverse"))
        parts.append((f"resolve {figures.resolve:,}", ""))
        parts.append((f"failed {figures.failed:,}", "bold" if figures.failed else ""))
        parts.append((f"sent today {figures.sent_today:,}", ""))
        minute = figures.per_minute[-2] if len(figures.per_minute) > 1 else 0
        bars = spark(figures.per_minute, 12)
        if bars:
            parts.append((f"{bars} {minute}/min", ""))
        if alive:
            parts.append((f"♥ {alive} worker{'s' if alive > 1 else ''}", ""))
        line = Text(no_wrap=True, overflow="ellipsis")
        for said, style in parts:
            if line.cell_len + len(said) + 3 > width and line.cell_len:
                continue
            line.append("   " if line.cell_len else " ")
            line.append(said, style)
        return line


def _held(held: Sequence[tuple[str, int]], most: int) -> str:
    """How many are held, the first few with their seconds; a number longer than ``most`` keeps its end."""
    named = "  ".join(f"{shortened(plain(number), most)} {left}s" for number, left in held[:MOST_HELD])
    return f"HOLD {len(held)}  {named}  u undoes"


class Foot(Static):
    """The keys that hold now; for some seconds after something was done, what came of it. A click on a key presses it."""

    app: BluebookApp

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._actions: list[Action] = []
        self._message = ""
        self._tone = ""
        self._until = 0.0
        self._spans: list[tuple[int, int, str]] = []

    def show_keys(self, scopes: Iterable[str]) -> None:
        """These scopes' keys are shown from now on, in place of what was said before."""
        self._until = 0.0
        self._actions = [action for action in self.app.keymap.holding(scopes) if action.label]
        self._redraw()

    def say(self, text: str, tone: str = "") -> None:
        """This stands here until the next, or for some seconds; everything said is in the log of the day too."""
        self._message, self._tone = plain(text), tone
        self._until = self.app.monotonic() + SAID_SECONDS
        self.set_timer(SAID_SECONDS + 0.05, self._redraw)
        self._redraw()

    @property
    def said(self) -> str:
        """What stands here, "" for the keys."""
        return self._message if self.app.monotonic() < self._until else ""

    def on_resize(self) -> None:
        """As many keys are shown as have room."""
        self._redraw()

    def _redraw(self) -> None:
        message = self.said
        if message:
            self.set_classes(f"said tone-{self._tone}" if self._tone else "said")
            self._spans = []
            self.update(Text(f" {message}", no_wrap=False))
            return
        self.set_classes("")
        line = Text(no_wrap=True, overflow="ellipsis")
        self._spans = []
        for action in self._actions:
            keys = self.app.keymap.keys(action.id)
            if not keys:
                continue
            if action.writes and self.app.readonly:
                continue
            key = shown(keys[0])
            if line.cell_len + len(key) + len(action.label) + 3 > (self.size.width or 80):
                continue
            line.append(" ")
            begin = line.cell_len
            line.append(key, "bold")
            line.append(f" {action.label} ")
            self._spans.append((begin, line.cell_len, action.id))
        self.update(line)

    def on_click(self, event: events.Click) -> None:
        """The key under the mouse is pressed."""
        for begin, end, action_id in self._spans:
            if begin <= event.x < end:
                self.app.do(action_id)
