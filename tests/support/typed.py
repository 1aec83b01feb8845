"""A command of ``bluebook`` in a pseudo-terminal of its own, with somebody who types."""

from __future__ import annotations

import errno
import os
import pty
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
CTRL_C, CTRL_D = "\x03", "\x04"


class Typed:
    """``text`` is all that was on the screen so far."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str], code: str) -> None:
        self.text, self._at = "", 0
        pid, self._descriptor = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.execve(sys.executable, [sys.executable, "-c", code, *arguments], dict(environment))
        self._pid, self._ended = pid, False

    def until(self, wanted: str, seconds: float = 150.0) -> None:
        """It says this, after what was waited for before."""
        deadline = time.monotonic() + seconds
        while (at := self.text.find(wanted, self._at)) < 0:
            assert time.monotonic() < deadline, f"{wanted!r} did not come: {self.text}"
            assert self._read(), f"it ended before it said {wanted!r}: {self.text}"
        self._at = at + len(wanted)

    def type(self, keys: str) -> None:
        """The keys are pressed."""
        os.write(self._descriptor, keys.encode())

    def answer(self, question: str, text: str) -> None:
        """What is asked is answered."""
        self.until(question)
        self.type(f"{text}\n")

    def ends(self, seconds: float = 150.0) -> int:
        """Its exit code."""
        deadline = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < deadline, f"it does not end: {self.text}"
        _, status = os.waitpid(self._pid, 0)
        self._ended = True
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """Nothing runs any more."""
        if not self._ended:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._descriptor)

    def _read(self) -> bool:
        if not select.select([self._descriptor], [], [], 0.1)[0]:
            return True
        try:
            found = os.read(self._descriptor, 65_536)
        except OSError as error:
            if error.errno == errno.EIO:  # the other side is closed
                return False
            raise
        self.text += found.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(found)


@contextmanager
def typed(*arguments: str, home: Path, code: str = "from tui.cli import main; main()", **more: str) -> Iterator[Typed]:
    """``bluebook`` with these arguments runs in the home folder; ``code`` starts it, ``more`` are environment variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BLUEBOOK_")}
    screen = Typed(arguments, kept | {"BLUEBOOK_HOME": str(home), "NO_COLOR": "1"} | more, code)
    try:
        yield screen
    finally:
        screen.close()
