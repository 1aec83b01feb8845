"""``bluebook up``: one command from nothing to workers, web app and API, which stay up and end together."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import httpx

from tests.support import web

START = "from tui.cli import main; main()"


class Up:
    """The command, and what it said."""

    def __init__(self, home: Path, *options: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BLUEBOOK_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, "up", *options], env=environment | {"BLUEBOOK_HOME": str(home)},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said: list[str] = []
        self._lines: Queue[str] = Queue()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line.rstrip("\n"))

    def until(self, pattern: str, seconds: float = 150.0) -> re.Match[str]:
        """The first new line that has this in it."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.said.append(self._lines.get(timeout=max(0.01, end - time.monotonic())))
            except Empty:
                raise AssertionError(f"{pattern!r} was not said, but:\n" + "\n".join(self.said)) from None
            if found := re.search(pattern, self.said[-1]):
                return found

    def close(self) -> None:
        """It is gone."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(150)
        self._reader.join(60)
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def up(home: Path, *options: str) -> Iterator[Up]:
    """The command runs."""
    made = Up(home, *options)
    try:
        yield made
    finally:
        made.close()


def children(pid: int) -> list[int]:
    """The processes it started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_from_nothing_all_parts_run_are_started_again_and_end_together(tmp_path: Path) -> None:
    web.built()
    port, api_port = web.free_port(), web.free_port()
    with up(tmp_path / "home", "--port", str(port), "--api-port", str(api_port)) as it:
        it.until("made the key")
        urls = {it.until(r"(Bluebook is at|listening on) (http\S+)")[2] for _ in range(2)}
        assert urls == {f"http://127.0.0.1:{port}", f"http://127.0.0.1:{api_port}"}
        assert httpx.get(f"http://127.0.0.1:{port}/login", timeout=60).status_code == httpx.codes.OK
        started = children(it.process.pid)
        assert len(started) == 3
        end = time.monotonic() + 150
        while httpx.get(f"http://127.0.0.1:{api_port}/health", timeout=60).status_code != httpx.codes.OK:
            assert time.monotonic() < end, "no worker beats"
            time.sleep(0.2)
        [worker] = [pid for pid in started if b"\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(worker, signal.SIGKILL)
        it.until(r"worker \| has ended \(exit code -9\); it is started again in 1 s")
        it.until("worker started")
        started = children(it.process.pid)
        assert len(started) == 3
        it.process.send_signal(signal.SIGINT)
        assert it.process.wait(150) == 0
        assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    with up(tmp_path / "home", "--no-web", "--no-api") as it:  # what is there is left as it is
        it.until("worker started")
        assert not [line for line in it.said if "made" in line]


def test_a_part_that_cannot_run_ends_it_all(tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with up(tmp_path / "home", "--no-web", "--api-port", str(taken.getsockname()[1])) as it:
            it.until("choose others by --host, --port")
            it.until(r"api    \| cannot run \(exit code 4\); everything stops")
            assert it.process.wait(150) == 4
