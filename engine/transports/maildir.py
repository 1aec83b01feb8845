"""A mailbox in a Maildir on this machine, as mail servers and fetchers write it (https://cr.yp.to/proto/maildir.html).

A letter appears in ``new`` in one rename, so none is ever read in half. Nothing is moved or marked: where it goes on from are
the names that were seen.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.domain import letters
from engine.errors import Misconfigured, TryLater, Unreadable
from engine.transports.mailbox import Batch, Received


class Maildir:
    """The Maildir at ``path``, which has ``new`` and ``cur``."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self.peer = f"the Maildir {path}"

    async def fetch(self, cursor: str | None, wanted: Callable[[bytes], bool], *, most: int, limit: int) -> Batch:
        """See ``Mailbox``."""
        return await asyncio.to_thread(self._fetch, cursor, wanted, most, limit)

    async def check(self) -> str:
        """The directory is there and is a Maildir."""
        await asyncio.to_thread(self._files)
        return self.peer

    def _files(self) -> list[Path]:
        found: list[tuple[int, str, Path]] = []
        for part in ("new", "cur"):
            directory = self._path / part
            if not directory.is_dir():
                raise Misconfigured(
                    f"{self.peer} has no directory {part}; correct the path in the connection's settings"
                )
            for file in directory.iterdir():
                if not file.name.startswith("."):
                    try:
                        found.append((file.stat().st_mtime_ns, _name(file), file))
                    except FileNotFoundError:
                        continue
        return [file for _, _, file in sorted(found, key=lambda one: one[:2])]

    def _fetch(self, cursor: str | None, wanted: Callable[[bytes], bool], most: int, limit: int) -> Batch:
        try:
            seen = set(msgspec.json.decode(cursor, type=list[str])) if cursor else set()
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Unreadable(f"the cursor of {self.peer} is not one of ours: {error}") from error
        files = self._files()
        # What is gone from the directory need not be remembered.
        kept = seen & {_mark(file) for file in files}
        letters_: list[Received] = []
        for file in files:
            if len(letters_) >= most:
                break
            if _mark(file) not in kept:
                letter = self._one(file, wanted, limit)
                kept.add(_mark(file))
                if letter is not None:
                    letters_.append(letter)
        return Batch(tuple(letters_), msgspec.json.encode(sorted(kept)).decode())

    def _one(self, file: Path, wanted: Callable[[bytes], bool], limit: int) -> Received | None:
        try:
            about = file.stat()
            with file.open("rb") as opened:
                body = opened.read(limit + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TryLater(f"{self.peer}: {file.name} cannot be read: {error.strerror}") from error
        top = letters.head(body)
        if not wanted(top):
            return None
        at = datetime.fromtimestamp(about.st_mtime, UTC)
        return Received(body if about.st_size <= limit else b"", at, about.st_size, top)


def _name(file: Path) -> str:
    """The letter's name without its flags, which change."""
    return file.name.partition(":2,")[0]


def _mark(file: Path) -> str:
    return hashlib.sha256(_name(file).encode(errors="surrogateescape")).hexdigest()[:16]
