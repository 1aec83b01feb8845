"""What a way for files to travel offers, whatever protocol carries them: ``sftp.Sftp``, ``ftp.Ftp`` and ``folder.Folder``.

Errors are those of ``engine.errors``: ``TryLater`` while nothing happened, ``OutcomeUnknown`` for a rename without an answer
and for that alone, ``NotAuthorised``, ``NotFound`` and ``Refused`` where the other side answered no.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Protocol

import msgspec

from engine.errors import Refused

MOST_ALIKE = 1000
"""So many files of one name are told apart in a directory."""


def targets(path: str, directory: str) -> Iterator[str]:
    """What the file may be called in the directory: as it is, then with ``-1``, ``-2`` … before its ending."""
    stem, ending = posixpath.splitext(posixpath.basename(path))
    for number in range(MOST_ALIKE):
        yield posixpath.join(directory, f"{stem}-{number}{ending}" if number else f"{stem}{ending}")


def crowded(path: str, directory: str) -> Refused:
    """The error where all of those are taken."""
    return Refused(f"{directory} has {MOST_ALIKE} files called like {path} already; tidy it up")


class Entry(msgspec.Struct, frozen=True):
    """A file over there: its path, its size in bytes and when it was last changed, in whole seconds since 1970."""

    path: str
    size: int
    mtime: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return posixpath.basename(self.path)


class FileTransport(Protocol):
    """Files on the other side. ``peer`` names it for people. Paths are POSIX, relative ones start where the login does."""

    peer: str

    async def write(self, path: str, body: bytes) -> None:
        """The file has exactly this name and these bytes. Overwrites."""

    async def rename(self, source: str, target: str) -> None:
        """The file has its new name, in one step. OutcomeUnknown when no answer came, and then only."""

    async def stat(self, path: str) -> Entry | None:
        """The file or directory of this name, None when there is none."""

    async def exists(self, path: str) -> bool:
        """Is there a file or directory of this name?"""

    async def listing(self, directory: str) -> tuple[Entry, ...]:
        """The plain files of a directory, sorted by path. Raises NotFound when there is no such directory."""

    async def read(self, path: str, limit: int) -> bytes:
        """The file's bytes; raises Refused when there are more than ``limit`` of them."""

    async def make_directory(self, path: str) -> None:
        """The directory exists."""

    async def move(self, path: str, directory: str) -> str | None:
        """The file lies in ``directory``; its new path, None when it was gone. Never replaces anything."""

    async def remove(self, path: str) -> None:
        """There is no such file."""

    async def check(self) -> str:
        """The other side is there and lets us in; who and where, for people to read."""

    async def close(self) -> None:
        """Nothing is held open."""
