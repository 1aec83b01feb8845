"""A real terminal to type into: tmux, with what is on its screen as text. Debian's, installed where it is missing."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support import debian

TAP = 0.125
"""Seconds between two keys of a practised person."""


def install() -> str:
    """Where tmux is; it was installed with apt-get if it was not there and we may, else the test is skipped with the reason."""
    debian.install("tmux", "tmux")
    found = shutil.which("tmux")
    assert found is not None
    return found


class Tmux:
    """One command in a terminal of its own."""

    def __init__(self, program: str, socket: Path) -> None:
        self._program, self._socket = program, socket

    def _run(self, *arguments: str) -> str:
        command = [self._program, "-S", str(self._socket), "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def start(self, command: list[str], environment: Mapping[str, str], size: tuple[int, int], folder: Path) -> None:
        """The command runs; its screen stays when it has ended."""
        variables = [f"{name}={value}" for name, value in environment.items()]
        line = shlex.join(["env", "-i", *variables, *command])
        self._run("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", str(folder), line)
        self._run("set-option", "-g", "remain-on-exit", "on")

    def type(self, *keys: str, tap: float = TAP) -> None:
        """The keys are pressed one by one, by tmux's names (Enter, Escape, Space, C-d)."""
        for key in keys:
            self._run("send-keys", *(["-l"] if len(key) == 1 else []), key)
            time.sleep(tap)

    def paste(self, text: str) -> None:
        """The text arrives at once, as a paste into a terminal without bracketed paste does."""
        self._run("send-keys", "-l", text)

    def resize(self, width: int, height: int) -> None:
        """The terminal has this size from now on."""
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        """What is on the screen."""
        return self._run("capture-pane", "-p")

    def until(self, wanted: str | Callable[[str], bool], seconds: float = 90.0) -> str:
        """The screen as soon as it shows the text, or fits; fails with the screen where it does not."""
        fits = wanted if callable(wanted) else lambda screen: wanted in screen
        deadline = time.monotonic() + seconds
        while not fits(screen := self.screen()):
            assert time.monotonic() < deadline, f"{wanted!r} did not appear:\n{screen}"
            time.sleep(0.05)
        return screen

    @property
    def pid(self) -> int:
        """The process in the terminal."""
        return int(self._run("display-message", "-p", "#{pane_pid}"))

    @property
    def ended(self) -> bool:
        """Has the command ended?"""
        return self._run("display-message", "-p", "#{pane_dead}").strip() == "1"


@contextmanager
def tmux() -> Iterator[Tmux]:
    """A terminal, closed afterwards with whatever runs in it."""
    program = install()
    with tempfile.TemporaryDirectory(prefix="bb-tmux-") as folder:
        socket = Path(folder) / "s"
        try:
            yield Tmux(program, socket)
        finally:
            subprocess.run([program, "-S", str(socket), "kill-server"], check=False, capture_output=True)
