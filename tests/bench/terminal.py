"""How quick the terminal app is on a database that is there: a real process in a pseudo-terminal, while orders arrive.

``first paint`` is from the start of the process to the first order on the screen; its floor is a process that only
imports what any such app must (Textual, Tortoise). A key's time is from the write to the terminal to the frame in which
the cursor has moved, as a terminal emulator (pyte) reads it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte

WIDTH, HEIGHT = 100, 30
KEYS = 200
RATE = 50
GOALS: dict[str, float | None] = {
    "floor_ms": None, "first_paint_ms": None, "own_ms": 800, "key_p50_ms": None, "key_p95_ms": 50, "last_ms": None,
    "first_ms": None, "filter_ms": 200, "memory_mb": 150,
}  # fmt: skip
"""What is measured, and what it should stay below; ``own_ms`` is the first paint less its floor."""
FLOOR = "import tortoise, textual.app, textual.widgets, aiosqlite"
START = "from tui.cli import main; main()"


class App:
    """``bluebook tui`` in a pseudo-terminal, with what is on its screen."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.begun = time.perf_counter()
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execve(sys.executable, [sys.executable, "-c", START, "tui"], environment)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self.screen)

    def until(self, fits: Callable[[list[str]], bool], seconds: float = 60.0) -> float:
        """When the screen first fits, by the clock of ``perf_counter``; raises TimeoutError with the screen."""
        deadline = time.perf_counter() + seconds
        while not fits(self.screen.display):
            if time.perf_counter() > deadline:
                raise TimeoutError("\n".join(self.screen.display))
            ready, _, _ = select.select([self.descriptor], [], [], 0.05)
            if ready:
                self._stream.feed(os.read(self.descriptor, 1 << 16))
        return time.perf_counter()

    def rest(self, seconds: float) -> None:
        """What comes in this time is read."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            ready, _, _ = select.select([self.descriptor], [], [], left)
            if ready:
                self._stream.feed(os.read(self.descriptor, 1 << 16))

    def press(self, keys: str, fits: Callable[[list[str]], bool]) -> float:
        """Milliseconds from the key to the frame that fits."""
        begun = time.perf_counter()
        os.write(self.descriptor, keys.encode())
        return (self.until(fits) - begun) * 1000

    def memory(self) -> float:
        """The most memory it had, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def close(self) -> None:
        """It is gone."""
        os.write(self.descriptor, b"\x11")
        with contextlib.suppress(OSError):  # the other side is closed
            self.rest(5.0)
        os.close(self.descriptor)
        os.waitpid(self.pid, 0)


def here(display: list[str]) -> str:
    """The line the cursor is on, "" where there is none yet."""
    return next((line for line in display if line.startswith(">")), "")


def run(url: str, home: Path) -> dict[str, Any]:
    """Milliseconds and MB over the database, with orders written to it all the while."""
    environment = {**os.environ, "BLUEBOOK_HOME": str(home), "BLUEBOOK_DATABASE_URL": url, "TERM": "xterm-256color"}
    environment |= {"COLUMNS": str(WIDTH), "LINES": str(HEIGHT)}
    writing = subprocess.Popen([sys.executable, "-m", "tests.bench.writing", url, str(RATE)], env=environment)
    try:
        floors, paints = [], []
        for _ in range(5):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", FLOOR], check=True, env=environment)
            floors.append((time.perf_counter() - begun) * 1000)
            app = App(environment)
            paints.append((app.until(lambda display: bool(here(display))) - app.begun) * 1000)
            app.close()
        floor, paint = sorted(floors)[2], sorted(paints)[2]
        app = App(environment)
        app.until(lambda display: bool(here(display)))
        app.rest(1.0)
        found = {"first_paint_ms": paint, "floor_ms": floor, "own_ms": paint - floor}
        found |= _keys(app)
        found |= {"filter_ms": _filter(app), "memory_mb": app.memory(), "writing": writing.poll() is None}
        app.close()
        return found
    finally:
        writing.terminate()
        writing.wait()


def _keys(app: App) -> dict[str, float]:
    """Down and up through the list, over page ends, at a pace no person reaches."""
    times = []
    for n in range(KEYS):
        before = here(app.screen.display)
        times.append(app.press("j" if n % 50 < 45 else "k", lambda display, b=before: here(display) not in ("", b)))
        app.rest(0.03)
    times.sort()
    before = here(app.screen.display)
    last = app.press("G", lambda display: here(display) not in ("", before))
    before = here(app.screen.display)
    first = app.press("gg", lambda display: here(display) not in ("", before))
    return {"key_p50_ms": times[KEYS // 2], "key_p95_ms": times[int(KEYS * 0.95)], "last_ms": last, "first_ms": first}


def _filter(app: App) -> float:
    """From Enter to the first page of what a filter finds, typed so fast that the list has not followed yet."""
    os.write(app.descriptor, b"/")
    app.rest(0.5)
    os.write(app.descriptor, b"ch:vendure")
    app.rest(0.1)
    return app.press("\r", lambda display: "Vendure" in here(display))


if __name__ == "__main__":
    print(run(sys.argv[1], Path(sys.argv[2])))
