"""A directory of this machine, or one mounted on it, as a way for files to travel: what other programs put and take there.

The same errors as over a network: a directory that is missing is ``NotFound``, one we may not use ``NotAuthorised``, a full
disk ``TryLater``. A rename either happened or did not, so nothing here is ever unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import posixpath
import stat as modes
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from engine.errors import BluebookError, Misconfigured, NotAuthorised, NotFound, Refused, TryLater
from engine.transports.files import Entry, crowded, targets

T = TypeVar("T")
_BUSY = (errno.ENOSPC, errno.EDQUOT, errno.EBUSY, errno.EAGAIN, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE)


class Folder:
    """The directory ``root``; every path is inside it."""

    def __init__(self, root: str) -> None:
        if not root or not Path(root).is_absolute():
            raise Misconfigured(f"folder must be the absolute path of a directory, not {root!r}")
        self._root = os.path.normpath(root)
        self.peer = self._root

    def _path(self, path: str) -> str:
        full = os.path.normpath(os.path.join(self._root, path.lstrip("/")))
        if full != self._root and not full.startswith(self._root.rstrip("/") + "/"):
            raise Misconfigured(f"{path} is outside of {self._root}")
        return full

    async def _run(self, what: str, path: str, step: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(step)
        except (OSError, ValueError) as error:
            raise _refusal(error, f"could not {what} {path} in {self._root}") from error

    async def write(self, path: str, body: bytes) -> None:
        """The file has exactly this name and these bytes, flushed to disk. Overwrites."""
        full = self._path(path)

        def step() -> None:
            with open(full, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())

        await self._run("write", path, step)

    async def rename(self, source: str, target: str) -> None:
        """The file has its new name, in one step, and keeps it when the power fails."""
        old, new = self._path(source), self._path(target)

        def step() -> None:
            os.replace(old, new)
            with contextlib.suppress(OSError):  # some file systems know no flushing of directories
                handle = os.open(os.path.dirname(new), os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

        await self._run("rename", f"{source} to {target}", step)

    async def stat(self, path: str) -> Entry | None:
        """The file or directory of this name, None when there is none."""
        full = self._path(path)

        def step() -> Entry | None:
            try:
                found = os.stat(full)
            except (FileNotFoundError, NotADirectoryError):
                return None
            return Entry(path, found.st_size, int(found.st_mtime))

        return await self._run("look at", path, step)

    async def exists(self, path: str) -> bool:
        """Is there a file or directory of this name?"""
        return await self.stat(path) is not None

    async def listing(self, directory: str) -> tuple[Entry, ...]:
        """The plain files of a directory, sorted by path. Raises NotFound when there is no such directory."""
        full = self._path(directory)

        def step() -> list[Entry]:
            found = []
            with os.scandir(full) as items:
                for item in items:
                    try:
                        about = item.stat()
                    except FileNotFoundError:
                        continue  # taken meanwhile
                    if modes.S_ISREG(about.st_mode):
                        path = posixpath.join(directory, item.name)
                        found.append(Entry(path, about.st_size, int(about.st_mtime)))
            return found

        return tuple(sorted(await self._run("list", directory, step), key=lambda entry: entry.path))

    async def read(self, path: str, limit: int) -> bytes:
        """The file's bytes; raises Refused when there are more than ``limit`` of them."""
        full = self._path(path)

        def step() -> bytes:
            with open(full, "rb") as file:
                return file.read(limit + 1)

        body = await self._run("read", path, step)
        if len(body) > limit:
            raise Refused(f"{path} in {self._root} is larger than the {limit} bytes we accept; nothing of it was used")
        return body

    async def make_directory(self, path: str) -> None:
        """The directory exists."""
        full = self._path(path)
        await self._run("make the directory", path, lambda: os.makedirs(full, exist_ok=True))

    async def move(self, path: str, directory: str) -> str | None:
        """The file lies in ``directory``, which is made if need be; returns its new path, None when it was gone.

        Never replaces anything: a name already taken gets ``-1``, ``-2`` … before its ending.
        """
        await self.make_directory(directory)
        full = self._path(path)
        for target in targets(path, directory):
            if await self._run("move", path, partial(_moved, full, self._path(target))):
                return target
            if not await self.exists(path):
                return None
        raise crowded(path, f"{directory} in {self._root}")

    async def remove(self, path: str) -> None:
        """There is no such file."""
        full = self._path(path)

        def step() -> None:
            with contextlib.suppress(FileNotFoundError):
                os.remove(full)

        await self._run("remove", path, step)

    async def check(self) -> str:
        """The directory is there and may be written; returns where, for people to read."""
        if not await self._run("look at", ".", lambda: os.path.isdir(self._root)):
            raise Misconfigured(f"there is no directory {self._root}")
        if not await self._run("look at", ".", lambda: os.access(self._root, os.R_OK | os.W_OK | os.X_OK)):
            raise NotAuthorised(f"Bluebook may not read and write {self._root}; allow it, or choose another folder")
        return f"the folder {self._root}"

    async def close(self) -> None:
        """Nothing is held open."""


def _moved(source: str, target: str) -> bool:
    """Renamed, unless the name is taken or the file is gone."""
    try:
        os.link(source, target)  # never replaces, where the file system knows links
    except (FileExistsError, FileNotFoundError):
        return False
    except OSError:
        if os.path.exists(target):
            return False
        os.rename(source, target)
        return True
    os.unlink(source)
    return True


def _refusal(error: OSError | ValueError, where: str) -> BluebookError:
    why = getattr(error, "strerror", None) or str(error)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return NotFound(f"{where}: no such file or directory")
    if isinstance(error, PermissionError) or getattr(error, "errno", None) == errno.EROFS:
        return NotAuthorised(f"{where}: {why}. Allow Bluebook to use it, or correct the connection's settings")
    if getattr(error, "errno", None) in _BUSY:
        return TryLater(f"{where}: {why}")
    return Refused(f"{where}: {why}")
