"""The demo's child processes. Each ends when it is told to, and by itself when we are gone."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.errors import Unreachable

T = TypeVar("T")
START_SECONDS = 30.0
STOP_SECONDS = 8.0
_TAIL = 600


class Child:
    """A process that runs a module, with a session of its own so that Ctrl-C reaches us alone; what it says is logged."""

    def __init__(self, name: str, log: Path) -> None:
        self.name, self.log = name, log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, module: str, *arguments: str, environment: Mapping[str, str], talks: bool = False) -> None:
        """It has been started; with ``talks`` its input and output are ours."""
        pipe = asyncio.subprocess.PIPE if talks else None
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *arguments,
                stdin=pipe or asyncio.subprocess.DEVNULL, stdout=pipe or log, stderr=log,
                env=environment, start_new_session=True, limit=1 << 22,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process id; 0 where it was never started."""
        return self._process.pid if self._process else 0

    @property
    def runs(self) -> bool:
        """Was it started, and has it not ended?"""
        return self._process is not None and self._process.returncode is None

    def check(self) -> None:
        """It runs; raises Unreachable with the last it said otherwise."""
        if self._process is not None and self._process.returncode is not None:
            raise self._gone()

    def _gone(self) -> Unreachable:
        said = self.log.read_text("utf-8", "replace").strip()[-_TAIL:] if self.log.exists() else ""
        last = said.splitlines()[-1] if said else "it said nothing"
        return Unreachable(f"the demo's {self.name} has ended: {last} (its log is {self.log})")

    async def ask(self, request: object | None, answer: type[T]) -> T:
        """Its answer to a request, or with None the first thing it says; raises Unreachable when it gives none."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            if request is not None:
                self._process.stdin.write(msgspec.json.encode(request) + b"\n")
                await self._process.stdin.drain()
            async with asyncio.timeout(START_SECONDS):
                line = await self._process.stdout.readline()
        except (TimeoutError, ConnectionError) as error:
            raise Unreachable(f"the demo's {self.name} does not answer; its log is {self.log}") from error
        if not line:
            await self._process.wait()
            raise self._gone()
        return msgspec.json.decode(line, type=answer)

    def kill(self) -> None:
        """It is gone at once, whatever it was doing."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def stop(self) -> None:
        """It has ended, in good order where that takes less than some seconds."""
        if self._process is None or self._process.returncode is not None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        else:
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()


def parts(folder: Path) -> Child:
    """The store and the suppliers, not started yet."""
    return Child("store and suppliers", folder / "parts.log")


def worker(folder: Path) -> Child:
    """A worker, not started yet."""
    return Child("worker", folder / "worker.log")


async def start_parts(child: Child, root: Path, ship_after: float, environment: Mapping[str, str]) -> None:
    """The parts are being started; the first thing they say is how they are reached."""
    arguments: Sequence[str] = ("--root", str(root), "--ship-after", str(ship_after))
    await child.start("engine.demo.parts", *arguments, environment=environment, talks=True)


async def start_worker(child: Child, environment: Mapping[str, str]) -> None:
    """A worker is being started; it ends when this process is gone."""
    await child.start("workers.run", str(os.getpid()), environment=environment)
