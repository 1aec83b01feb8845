"""What tests need of Node.js: packages installed from npm once, and a script that runs, is killed, and runs again."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

REPOSITORY = Path(__file__).parents[2]
MANIFESTS = ("package.json", "package-lock.json")
INSTALL_SECONDS = 600


class StoreUnavailableError(Exception):
    """The store cannot be installed or started on this machine; says why and what to do."""


def install(cache: Path, source: Path, *, flags: Sequence[str] = ()) -> Path:
    """The folder that holds the node_modules of ``source``; the second call is instant. Raises StoreUnavailableError."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise StoreUnavailableError(f"{tool} is not on the PATH: install Node.js 20 or later to run the real store")
    cache.mkdir(parents=True, exist_ok=True)
    marker = cache / ".installed"
    wanted = hashlib.sha256(b"".join((source / name).read_bytes() for name in MANIFESTS)).hexdigest()
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it at once
        if marker.exists() and marker.read_text() == wanted:
            return cache
        marker.unlink(missing_ok=True)
        for name in MANIFESTS:
            shutil.copyfile(source / name, cache / name)
        if (source / "unused").is_dir():  # a package of ours that stands for what is never loaded
            shutil.copytree(source / "unused", cache / "unused", dirs_exist_ok=True)
        _npm_ci(cache, flags)
        marker.write_text(wanted)
    return cache


def installed_or_skip(cache: Path, source: Path, *, flags: Sequence[str] = ()) -> Path:
    """As ``install``; where npm is missing or out of reach the test is skipped, but in CI it fails."""
    try:
        return install(cache, source, flags=flags)
    except StoreUnavailableError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def _npm_ci(cache: Path, flags: Sequence[str]) -> None:
    # Short waits between retries: someone without a network should learn it in seconds.
    patience = ["--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *flags, *patience]
    try:
        done = subprocess.run(command, cwd=cache, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise StoreUnavailableError(f"npm did not finish within {INSTALL_SECONDS} s") from error
    if done.returncode != 0:
        raise StoreUnavailableError(f"npm could not install what {cache.name} needs: {done.stderr.strip()[:800]}")


class Script:
    """A script that hears its settings on stdin as one line of JSON, answers on stdout with another once it is ready, and
    ends when stdin does. ``name`` opens the message when it does not get that far."""

    def __init__(self, name: str, path: Path, folder: Path, environment: Mapping[str, str], seconds: float) -> None:
        self._name, self._path, self._folder, self._seconds = name, path, folder, seconds
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[None] | None = None
        self._stderr: list[str] = []

    async def start(self, given: Any) -> dict[str, Any]:
        """It runs; what it said when it was ready. Raises StoreUnavailableError with the end of what it logged."""
        self._process = process = await asyncio.create_subprocess_exec(
            "node", str(self._path), cwd=self._folder, env=self._environment, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=1024 * 1024,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        self._drain = asyncio.create_task(self._keep_stderr(process))
        process.stdin.write(msgspec.json.encode(given) + b"\n")
        line = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                line = await process.stdout.readline()
        if not line:
            late = process.returncode is None
            await self.kill()
            what = f"was not ready within {self._seconds:.0f} s" if late else "ended before it was ready"
            raise StoreUnavailableError(f"{self._name} {what}: " + "".join(self._stderr[-20:]))
        return dict(msgspec.json.decode(line))

    async def stop(self) -> None:
        """It was told to end, and has."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60):
                    await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """It is gone, by SIGKILL if it still ran: whatever it was at, it did not finish."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None
        if self._drain is not None:
            await self._drain
            self._drain = None

    async def _keep_stderr(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with contextlib.suppress(ValueError):
            async for line in process.stderr:
                self._stderr.append(line.decode("utf-8", "replace"))
                del self._stderr[:-200]
