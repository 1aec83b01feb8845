"""How much work something was, counted and not timed: it is the same on every machine, however busy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / package}/" for package in ("engine", "tui"))


class Work:
    """``steps``: lines of our own code that ran in this thread; ``drawn``: rows the widgets were asked for; ``laid``: rows of
    text that were laid out anew."""

    def __init__(self) -> None:
        self.steps = self.drawn = self.laid = 0

    def __repr__(self) -> str:
        return f"Work(steps={self.steps}, drawn={self.drawn}, laid={self.laid})"

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        self.steps += event == "line"
        return self._trace


@contextmanager
def counted() -> Iterator[Work]:
    """What is done within is counted."""
    work, render_lines, render_content = Work(), Widget.render_lines, Widget._render_content

    def drawn(widget: Widget, crop: Region) -> list[Strip]:
        work.drawn += crop.height
        return render_lines(widget, crop)

    def laid(widget: Widget) -> None:
        work.laid += widget.size.height
        render_content(widget)

    before = sys.gettrace()
    Widget.render_lines, Widget._render_content = drawn, laid  # type: ignore[method-assign]
    sys.settrace(work._trace)
    try:
        yield work
    finally:
        sys.settrace(before)
        Widget.render_lines, Widget._render_content = render_lines, render_content  # type: ignore[method-assign]
