"""From keys to actions: the keymap, strokes in sequence ("g g"), and the guards against keys nobody meant.

Pure: no widget and no clock of its own, so that the guards can be tested to the millisecond.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tui.actions import ACTIONS, Action

REPEAT_SECONDS = 0.07
"""The same acting key within so long of the last one is a held key or a paste, not a person: taps reach 8 a second."""
BURST = 4
"""So many keys within ``REPEAT_SECONDS`` are no typing either."""
FOCUS_SECONDS = 0.2
"""Keys right after the terminal got the focus back were typed for another window."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two actions would hold in the same scope by the same key."""

    key: str
    first: str
    second: str


class Keymap:
    """Which key does what in which scope. ``changed`` gives actions other keys: action id -> keys."""

    def __init__(self, changed: Mapping[str, Sequence[str]] | None = None) -> None:
        self._changed = dict(changed or {})
        self._by_scope: dict[str, dict[tuple[str, ...], Action]] = {}
        self.conflicts: list[Conflict] = []
        for action in ACTIONS.values():
            for scope in action.where:
                held = self._by_scope.setdefault(scope, {})
                for key in self.keys(action.id):
                    strokes = tuple(key.split())
                    if strokes in held:
                        self.conflicts.append(Conflict(key, held[strokes].id, action.id))
                    held[strokes] = action

    def keys(self, action_id: str) -> tuple[str, ...]:
        """The keys of an action, the one to show first."""
        return tuple(self._changed.get(action_id, ACTIONS[action_id].keys))

    def find(self, scopes: Iterable[str], strokes: Sequence[str]) -> Action | bool:
        """The action of these strokes in the innermost scope that has one; True where more strokes may follow, else False."""
        wanted = tuple(strokes)
        longer = False
        for scope in scopes:
            held = self._by_scope.get(scope, {})
            if wanted in held:
                return held[wanted]
            longer = longer or any(keys[: len(wanted)] == wanted for keys in held)
        return longer

    def holding(self, scopes: Iterable[str]) -> list[Action]:
        """The actions that hold in these scopes, in the table's order."""
        wanted = set(scopes)
        return [action for action in ACTIONS.values() if wanted & set(action.where)]


class Guard:
    """Tells a person's keys from a held key, a paste, and what was typed for another window. Times are seconds, monotonic."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._burst: deque[float] = deque(maxlen=BURST)
        self._focused_at = self._asked_at = float("-inf")

    def focus(self, now: float) -> None:
        """The terminal has the focus again."""
        self._focused_at = now

    def ask(self, now: float) -> None:
        """A question is on the screen, by a key that came then: what comes with that key cannot be the answer to it."""
        self._asked_at = now

    def why_ignored(self, key: str, now: float, *, writes: bool, answers: bool = False) -> str:
        """Every key passes here, ``now`` being when it came; why one that writes or answers is not to be taken, or ""."""
        last = self._last.get(key, float("-inf"))
        self._last[key] = now
        self._burst.append(now)
        if not (writes or answers):
            return ""
        if answers and now - self._asked_at < REPEAT_SECONDS:
            return f"{key} came with the key that asked: ignored (a paste?), press it again"
        if now - last < REPEAT_SECONDS:
            return f"{key} came twice within {REPEAT_SECONDS * 1000:.0f} ms: ignored (a held key, or a paste)"
        if len(self._burst) == BURST and now - self._burst[0] < REPEAT_SECONDS:
            return f"{key} came in a burst of keys: ignored (a paste?)"
        if now - self._focused_at < FOCUS_SECONDS:
            return f"{key} came as the window got the focus: ignored, press it again"
        return ""


def shown(key: str) -> str:
    """A key as people read it: ``Ctrl+d``, ``gg``, ``Enter``."""
    names = {
        "escape": "Esc", "enter": "Enter", "space": "Space", "down": "↓", "up": "↑", "tab": "Tab",
        "pagedown": "PgDn", "pageup": "PgUp", "home": "Home", "end": "End",
    }  # fmt: skip
    strokes = [
        names.get(stroke, stroke.replace("ctrl+", "Ctrl+").replace("shift+tab", "Shift+Tab")) for stroke in key.split()
    ]
    return "".join(strokes) if all(len(stroke) == 1 for stroke in strokes) else " ".join(strokes)
