"""``bluebook up``: workers, the web app and the API together, each a process of its own that is started again when it falls."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
import sys
import time
from typing import Annotated

import typer

from tui.cli import system
from tui.cli.command import Noun
from tui.plain import clean

FINAL = (2, 4)
"""Exit codes that trying again does not change: wrong usage, a setting that is wrong."""
LONGEST_WAIT = 30.0
SETTLED = 60.0
STOP_SECONDS = 40.0
"""A worker takes up to 30 to finish what it does."""


def register(root: Noun) -> None:
    """``bluebook up`` is a command."""

    @root.command(
        "up", "bluebook up", "bluebook up --port 8080 --no-api",
        "bluebook up --public-url https://orders.example.com --proxy-hops 1", database=False,
    )  # fmt: skip
    async def up(
        host: Annotated[str, typer.Option("--host", help="Where to listen. Default: this machine only.")] = "127.0.0.1",
        port: Annotated[int, typer.Option("--port", help="The web app's port.", min=1, max=65535)] = 8740,
        api_port: Annotated[int, typer.Option("--api-port", help="The API's port.", min=1, max=65535)] = 8741,
        processes: Annotated[int, typer.Option(min=1, max=64, help="How many worker processes.")] = 1,
        public_url: Annotated[
            str, typer.Option("--public-url", help="The address people use, where a proxy with TLS stands in front.")
        ] = "",
        proxy_hops: Annotated[
            int, typer.Option("--proxy-hops", min=0, max=10, help="How many proxies of yours stand in front.")
        ] = 0,
        web: Annotated[bool, typer.Option("--web/--no-web", help="The web app too.")] = True,
        api: Annotated[bool, typer.Option("--api/--no-api", help="The API too.")] = True,
    ) -> int:
        """Everything at once: workers, the web app and the API, until told to stop.

        What is missing is made first: the folder, the key, the database. A part that falls is started again; one that a
        wrong setting keeps from starting ends it all. `bluebook users add` makes the first account for the web app.
        """
        done, applied = await system.prepare()
        for line in done:
            if line.startswith("made"):
                _say("up", line)
        if applied:
            _say("up", "brought the database up to this version")
        hops = ["--proxy-hops", str(proxy_hops)] if proxy_hops else []
        parts = [Part("worker", ["worker", "--processes", str(processes)])]
        why_not = importlib.import_module("webui.serve").not_built() if web else ""
        if why_not:
            _say("web", f"left out: {why_not}")
        elif web:
            called = ["--public-url", public_url] if public_url else []
            parts.append(Part("web", ["web", "--host", host, "--port", str(port), *called, *hops]))
        if api:
            parts.append(Part("api", ["api", "--host", host, "--port", str(api_port), *hops]))
        return await run(parts)


def _say(name: str, text: str) -> None:
    print(f"{name:<6} | {clean(text)}", file=sys.stderr, flush=True)


class Part:
    """A command of ``bluebook`` in a process of its own."""

    def __init__(self, name: str, arguments: list[str]) -> None:
        self.name, self.arguments = name, arguments
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        """It has run once and ended; its exit code, less than 0 for a signal."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from tui.cli import main; main()", *self.arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True, limit=1 << 20,
        )  # fmt: skip
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # a line longer than anyone reads
            async for line in self._process.stdout:
                _say(self.name, line.decode("utf-8", "replace").rstrip())
        return await self._process.wait()

    def signal(self, number: int) -> None:
        """It has the signal, if it runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


async def run(parts: list[Part]) -> int:
    """The parts have run until SIGINT or SIGTERM came, or one of them could not go on; the exit code."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stopped.set)
    kept = {asyncio.create_task(_keep(part, stopped), name=part.name) for part in parts}
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait({waiting, *kept}, return_when=asyncio.FIRST_COMPLETED)
    stopped.set()
    for part in parts:
        part.signal(signal.SIGTERM)
    _, late = await asyncio.wait(kept, timeout=STOP_SECONDS)
    if late:
        for part in parts:
            part.signal(signal.SIGKILL)
        await asyncio.wait(late)
    return max(task.result() for task in kept)


async def _keep(part: Part, stopped: asyncio.Event) -> int:
    """The part runs, again and again; the code it ended with for good, 0 where it was stopped."""
    wait = 1.0
    while True:
        began = time.monotonic()
        code = await part.run()
        if stopped.is_set():
            return 0
        if code in FINAL:
            _say(part.name, f"cannot run (exit code {code}); everything stops")
            return code
        wait = 1.0 if time.monotonic() - began > SETTLED else wait
        _say(part.name, f"has ended (exit code {code}); it is started again in {wait:.0f} s")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await stopped.wait()
            return 0
        wait = min(wait * 2, LONGEST_WAIT)
