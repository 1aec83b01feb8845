"""One order that is far larger than any other: 300 lines, 2,000 events. How long its screens make a person wait.

The app is a real process in a pseudo-terminal, as in ``tests.bench.terminal``; a key's time is from the write to the frame
in which what it moves has moved.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from engine import db, settings, vault
from engine.services import lifecycle, schema
from tests.bench.terminal import HEIGHT, WIDTH, App, here
from tests.support.scene import WORKER, Scene

LINES, EVENTS = 300, 2_000
KEYS = 60
GOALS = {
    "open_ms": 400.0, "scroll_p95_ms": 50.0, "book_ms": 400.0, "book_key_p95_ms": 50.0, "edit_ms": 400.0,
    "edit_key_p95_ms": 50.0,
}  # fmt: skip


async def _seed(folder: Path, url: str) -> None:
    async with db.database(url):
        await schema.upgrade()
        scene = Scene()
        await scene.open()
        order = await scene.order(*[("BB-MUG-01", 1)] * LINES)
        for start in range(0, EVENTS, 500):
            async with lifecycle.change([order], by=WORKER) as work:
                for n in range(start, start + 500):
                    work.put(work.cases[0], work.cases[0].order, note=f"looked at {n} times")
                    work.event(work.cases[0], "order:change", f"looked at {n} times")
        await scene.close()


def run(folder: Path) -> dict[str, float]:
    """Milliseconds to open the order, its blue book and Edit, and for a key in each."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder}/big.db"
    settings.force(settings.Settings(home=str(folder)))
    vault.make_key_file()
    asyncio.run(_seed(folder, url))
    environment = {**os.environ, "BLUEBOOK_HOME": str(folder), "BLUEBOOK_DATABASE_URL": url, "TERM": "xterm-256color"}
    app = App(environment | {"COLUMNS": str(WIDTH), "LINES": str(HEIGHT)})
    app.until(lambda display: bool(here(display)))
    app.rest(1.0)
    found = {"open_ms": app.press("\r", lambda display: "READY" in display[0] and "PO" in "".join(display))}
    # The lines look the same; at the end is the timeline, of which no two do.
    app.press("G", lambda display: f"looked at {EVENTS - 1} times" in "".join(display))
    found["scroll_p95_ms"] = _keys(app, "k", "j", _body)
    found["book_ms"] = app.press("b", lambda display: "Audit trail" in display[0] and bool(here(display)))
    app.rest(1.0)
    found["book_key_p95_ms"] = _keys(app, "k", "j", here)
    app.press("\x1b", lambda display: "Audit trail" not in display[0])
    app.rest(0.5)
    found["edit_ms"] = app.press("e", lambda display: any("q quantity" in line for line in display))
    app.rest(0.5)
    found["edit_key_p95_ms"] = _keys(app, "\x1b[B", "\x1b[A", _marked)
    app.press("\x1b", lambda display: not any("q quantity" in line for line in display))
    app.close()
    return found


def _body(display: list[str]) -> str:
    return display[1]


def _marked(display: list[str]) -> str:
    return next((line for line in display if line.startswith(" > ")), "")


def _keys(app: App, there: str, back: str, of: Any) -> float:
    times = []
    for n in range(KEYS):
        before = of(app.screen.display)
        times.append(app.press(there if n < KEYS * 0.8 else back, lambda d, b=before: of(d) not in ("", b)))
        app.rest(0.03)
    return sorted(times)[int(KEYS * 0.95)]


if __name__ == "__main__":
    print({name: round(value, 1) for name, value in run(Path(sys.argv[1])).items()}, "lines on screen", HEIGHT)
