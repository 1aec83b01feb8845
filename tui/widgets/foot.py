"""The foot of every screen: a banner while the database is away, the status line, and the keys that hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.widgets import Static

from engine import clock
from tui.actions import Action
from tui.keys import shown
from tui.words import age, countdown, plain, shortened

if TYPE_CHECKING:
    from engine.services.dashboard import StatusBar
    from tui.app import BluebookApp

SAID_SECONDS = 8.0
BARS = "·▁▂▃▄▅▆▇█"
MOST_HELD = 3
SHORT = 9
GAP = 3
PATIENCE = 3.0
"""Seconds of failing before the foot speaks of it: a supplier that is busy for a moment is no news."""


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

    def on_click(self) -> None:
        """What is held is listed."""
        if self.figures is not None and self.figures.held:
            self.app.do("held")

    def text(self, figures: StatusBar, width: int) -> Text:
        """The line, its parts by importance as far as there is room; what is urgent is shortened and never left out."""
        urgent = [part for part in (_workers(figures), _unsent(figures), _held(figures)) if part[0]]
        line = Text(no_wrap=True, overflow="ellipsis")
        for n, (variants, style) in enumerate(urgent):
            least = sum(len(later[-1]) + GAP for later, _ in urgent[n + 1 :])
            left = width - line.cell_len - GAP - least
            _add(line, next((said for said in variants if len(said) <= left), variants[-1]), style)
        for said, style in _calm(figures):
            if line.cell_len + len(said) + GAP <= width or not line.cell_len:
                _add(line, said, style)
        return line


Part = tuple[tuple[str, ...], str]
"""What is said, the longest way first, and its style; nothing where there is nothing to say."""


def _add(line: Text, said: str, style: str) -> None:
    line.append(" " * GAP if line.cell_len else " ").append(said, style)


def _workers(figures: StatusBar) -> Part:
    """That nobody sends anything."""
    if any(worker.alive for worker in figures.workers):
        return (), ""
    short = "NO WORKER RUNS"
    return (f"{short}: nothing is sent (`bluebook worker`)", f"{short}: nothing is sent", short), "bold reverse"


def _unsent(figures: StatusBar) -> Part:
    """Which suppliers cannot be reached, for how long, and how many purchase orders wait for that."""
    late = [one for one in figures.unsent if (clock.now() - one.since).total_seconds() >= PATIENCE]
    if not late:
        return (), ""
    each = [
        f"{plain(one.supplier)} failing {age(one.since)}, {one.count:,}{'+' if one.more else ''} "
        f"{'waits' if one.count == 1 and not one.more else 'wait'}"
        for one in late
    ]
    more = f" +{len(late) - 1}" if len(late) > 1 else ""
    return ("  ".join(each), f"{each[0]}{more}", f"{plain(late[0].supplier)} failing{more}"), "bold"


def _held(figures: StatusBar) -> Part:
    """How many are held, the first few with their seconds; where there is little room a number keeps its end."""
    held = [(plain(h.number), countdown(h.release_at)) for h in figures.held]
    held = [(number, left) for number, left in held if left]
    if not held:
        return (), ""
    said = [
        "  ".join(f"{shortened(number, most)} {left}s" for number, left in held[:count])
        for count, most in ((MOST_HELD, 99), (MOST_HELD, SHORT), (1, SHORT))
    ]
    full = f"HOLD {len(held)}  {said[0]}  u undoes  H lists"
    return (
        full,
        *(f"HOLD {len(held)}  {named}  u undoes" for named in said),
        f"HOLD {len(held)}  {held[0][1]}s",
    ), "bold"


def _calm(figures: StatusBar) -> list[tuple[str, str]]:
    """The figures of every day, the more important first."""
    parts = [
        (f"resolve {figures.resolve:,}", ""),
        (f"failed {figures.failed:,}", "bold" if figures.failed else ""),
        (f"sent today {figures.sent_today:,}", ""),
    ]
    minute = figures.per_minute[-2] if len(figures.per_minute) > 1 else 0
    bars = spark(figures.per_minute, 12)
    if bars:
        parts.append((f"{bars} {minute}/min", ""))
    alive = sum(worker.alive for worker in figures.workers)
    if alive:
        parts.append((f"♥ {alive} worker{'s' if alive > 1 else ''}", ""))
    return parts


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
