"""``bluebook demo`` as people meet it: in a pipe, in a terminal, stopped half way, and in a folder it must not touch."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMAND = [str(Path(sys.executable).with_name("bluebook")), "demo"]
ROOT = Path(__file__).parents[2]


def environment(home: Path) -> dict[str, str]:
    inner = {name: value for name, value in os.environ.items() if not name.startswith("BLUEBOOK_")}
    # Real data that the demo must leave alone: it would fail at once if it tried to use this.
    return inner | {
        "BLUEBOOK_HOME": str(home), "BLUEBOOK_DATABASE_URL": "postgres://nobody@127.0.0.1:1/real", "TERM": "xterm-256color",
        "COLUMNS": "100", "LINES": "30",
    }  # fmt: skip


def children_of(home: Path) -> list[int]:
    """Processes that were started for the demo in this home and are still there."""
    mark = f"BLUEBOOK_HOME={home}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def none_left(home: Path, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while left := children_of(home):
        if time.monotonic() > deadline:
            raise AssertionError(f"still running: {left}")
        time.sleep(0.05)
    return True


def test_without_a_terminal_it_runs_through_and_prints_a_summary(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--orders", "12", "--fast"], env=environment(tmp_path / "home"), cwd=ROOT, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "12 of 12 completed" in done.stdout
    assert re.search(r"audit +\d+ events, verified", done.stdout)
    assert "saved for next time" in done.stdout
    assert f"export BLUEBOOK_HOME={tmp_path / 'home' / 'demo'}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert none_left(tmp_path / "home" / "demo")


def test_json_tells_of_two_suppliers_two_parcels_and_each_push_read_back(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--orders", "16", "--fast", "--json", "--home", str(tmp_path / "d")], env=environment(tmp_path), cwd=ROOT,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["good"] is True
    assert told["orders"] == told["completed"] == 16
    assert set(told["purchase_orders"]) == {"ACME", "NOVA"}
    sent = sum(told["purchase_orders"].values())
    assert told["parcels"] == told["confirmed"] > sent > 16
    assert [fix["cleared"] for fix in told["fixes"]] == [2, 1, 1]
    assert told["audit"]["problems"] == []
    assert len({event["subject"] for event in told["example"] if re.fullmatch(r"po\.\d+-\d", event["subject"])}) == 2


class Terminal:
    """The demo in a pseudo-terminal."""

    def __init__(self, home: Path) -> None:
        self.home = home / "demo"
        self.text = ""
        pid, self.descriptor = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.execve(COMMAND[0], [*COMMAND, "--orders", "8", "--fast"], environment(home))
        self.pid = pid
        self.code: int | None = None

    def until(self, wanted: str, seconds: float = 150.0) -> None:
        deadline = time.monotonic() + seconds
        while wanted not in self.text:
            assert time.monotonic() < deadline, self.text[-2000:]
            assert self._read(0.2), f"it ended before it said {wanted!r}: {self.text[-2000:]}"

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], seconds)
        if not ready:
            return True
        try:
            found = os.read(self.descriptor, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # the other side is closed
                return False
            raise
        self.text += found.decode("utf-8", "replace")
        return bool(found)

    def type(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    def ends(self, seconds: float = 150.0) -> int:
        deadline = time.monotonic() + seconds
        while self._read(0.1):
            assert time.monotonic() < deadline, self.text[-2000:]
        _, status = os.waitpid(self.pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def close(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.descriptor)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name fits on a line of 80 columns, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="bb-") as folder:
        yield Path(folder)


@pytest.fixture
def terminal(short_path: Path) -> Iterator[Terminal]:
    made = Terminal(short_path / "home")
    yield made
    made.close()
    # Even when it was killed: its children notice.
    assert none_left(made.home)


def test_in_a_terminal_it_stays_open_alone_in_its_home_takes_more_orders_and_ends_on_q(
    terminal: Terminal, short_path: Path
) -> None:
    terminal.until("q  stop")
    terminal.type("x")  # any key: it stays as it is
    assert f"export BLUEBOOK_HOME={terminal.home}" in terminal.text
    terminal.until("In the browser")
    assert len(children_of(terminal.home)) in (2, 3)  # the third is the web app, where its front end is built
    second = subprocess.run(
        COMMAND, env=environment(short_path / "home"), cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=150,
    )  # fmt: skip
    assert second.returncode == 4
    assert "a demo is running" in second.stderr
    terminal.type("n")
    terminal.until("orders process")
    terminal.type("q")
    assert terminal.ends() == 0, terminal.text[-4000:]
    assert "Traceback" not in terminal.text
    assert "8 of 8 completed" in terminal.text


def test_enter_opens_the_terminal_app_on_orders_that_wait_and_leaving_it_comes_back(terminal: Terminal) -> None:
    terminal.until("q  stop")
    terminal.type("\r")
    terminal.until("Resolve")
    terminal.until("READY")
    terminal.type("p")
    terminal.until("u takes it back")
    terminal.text = ""
    terminal.type("\x11")  # Ctrl+q
    terminal.until("n  five more orders")
    terminal.type("q")
    assert terminal.ends() == 0, terminal.text[-4000:]
    assert "Traceback" not in terminal.text


def test_ctrl_c_ends_it_when_all_is_done(terminal: Terminal) -> None:
    terminal.until("q  stop")
    terminal.type("\x03")
    assert terminal.ends() == 0, terminal.text[-4000:]
    assert "Traceback" not in terminal.text


def test_ctrl_c_half_way_leaves_no_traceback_and_no_process(terminal: Terminal) -> None:
    terminal.until("Pulled and checked")
    terminal.type("\x03")
    assert terminal.ends() == 130
    assert "Traceback" not in terminal.text
    assert "The demo was stopped." in terminal.text


def test_a_hang_up_ends_it_with_the_terminal_app_in_front(terminal: Terminal) -> None:
    terminal.until("q  stop")
    terminal.type("\r")
    terminal.until("READY")
    os.kill(terminal.pid, signal.SIGHUP)
    assert terminal.ends() == 130
    assert "Traceback" not in terminal.text
    assert none_left(terminal.home)


def test_its_children_end_when_it_is_killed(terminal: Terminal) -> None:
    terminal.until("Pulled and checked")
    os.kill(terminal.pid, signal.SIGKILL)
    assert terminal.ends() == -signal.SIGKILL
    assert none_left(terminal.home)


@pytest.mark.parametrize("case", ["foreign", "file"])
def test_a_folder_that_is_not_the_demos_is_left_alone(tmp_path: Path, case: str) -> None:
    folder = tmp_path / "precious"
    if case == "foreign":
        folder.mkdir()
        (folder / "letters.txt").write_text("dear")
    else:
        folder.write_text("dear")
    done = subprocess.run(
        [*COMMAND, "--home", str(folder)], env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=150,
    )  # fmt: skip
    assert done.returncode == 4
    assert "--home" in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "letters.txt" if case == "foreign" else folder).read_text() == "dear"
