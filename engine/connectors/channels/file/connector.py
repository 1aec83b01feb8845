"""The ``file`` channel: orders are read from files in a folder, tracking is written back as CSV."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import ClassVar

import msgspec

from engine import clock
from engine.connectors import workbook
from engine.connectors.channels.file import columns, form, mapping, reading, text, tracking
from engine.connectors.channels.file.mapping import FileConfig
from engine.errors import Misconfigured, NotAuthorised, Unreadable
from engine.ports import ChannelOrder, ChannelParcel, Page, Parcel, Raw, Rejected

PROCESSED = "processed"
_HEAD = 65536  # bytes kept of a file that is no orders at all; the file itself is in processed/


class _Waiting(msgspec.Struct, frozen=True):
    """A file to be read. ``stamp`` (size and time of change) is other when the file is."""

    name: str
    stamp: str

    @property
    def token(self) -> str:
        return f"{self.name}|{self.stamp}"


class Connector:
    """A folder as a channel."""

    slug: ClassVar[str] = "file"
    name: ClassVar[str] = "Files in a folder"
    docs_url: ClassVar[str] = "https://www.rfc-editor.org/rfc/rfc4180"
    config_type: ClassVar[type[msgspec.Struct]] = FileConfig
    secret_fields: ClassVar[frozenset[str]] = frozenset()

    @staticmethod
    def same_account(one: FileConfig, other: FileConfig) -> bool:
        """Are they the same files of the same folder?"""
        folders = {os.path.realpath(Path(config.folder).expanduser()) for config in (one, other)}
        return len(folders) == 1 and one.pattern == other.pattern

    def __init__(self, config: FileConfig) -> None:
        self.config = config
        self._folder = Path(config.folder).expanduser()
        self._tracking = (
            Path(config.tracking_folder).expanduser() if config.tracking_folder else self._folder / "tracking"
        )
        # The file a walk is in, so that its pages need not parse it again. Only a cache: losing it costs time.
        self._open: tuple[_Waiting, list[reading.Entry]] | None = None

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """Up to ``page_size`` orders of one file; ``since`` means nothing here, since every file waiting is new.

        Files come in the order of their names. Rows no order can be made of are in ``rejected``, and so is a file
        that cannot be read. Raises TryLater and NotAuthorised for the folder itself.
        """
        return await asyncio.to_thread(self._page, cursor)

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """Always an empty page: a file that was read is not changed by anyone, so there is nothing newer to see."""
        return Page(())

    def read(self, raw: Raw) -> ChannelOrder:
        """The order in a payload; raises Unreadable naming the file, the line and the column."""
        return mapping.read(raw, self.config)

    def orders_in(self, name: str, body: bytes) -> Page:
        """All orders of a file that was sent to us, read as those in the folder are. Pure.

        Raises Unreadable, also where it is not what its name says: who sends it can send it again.
        """
        config = self.config
        form.demand(name, body, config.encoding)
        found = reading.entries(body, name, config.columns, config.encoding, config.delimiter)
        return self._read_all(found, name, "")

    async def push_tracking(self, parcel: Parcel) -> str:
        """The parcel is a CSV file in the tracking folder; returns the file's name. One key, one file."""
        return await asyncio.to_thread(self._push, parcel)

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The parcels written for these orders, also after an importer has taken their files away."""
        return await asyncio.to_thread(tracking.pushed, self._tracking, external_ids)

    async def finish(self, done: Sequence[str]) -> None:
        """The files are in ``processed/``. One that has changed since it was read stays, to be read again."""
        await asyncio.to_thread(self._finish, done)

    async def check(self) -> str:
        """The folders can be used; says how many files wait. Raises Misconfigured or NotAuthorised."""
        return await asyncio.to_thread(self._check)

    async def close(self) -> None:
        """Nothing stays in memory."""
        self._open = None

    # --- Reading ------------------------------------------------------------------------------------------------------

    def _waiting(self) -> list[_Waiting]:
        patterns = [pattern.strip().lower() for pattern in self.config.pattern.split(",") if pattern.strip()]
        found: list[_Waiting] = []
        try:
            with os.scandir(self._folder) as listing:
                for item in listing:
                    wanted = any(fnmatch(item.name.lower(), pattern) for pattern in patterns)
                    if not wanted or item.name.startswith((".", "~")):
                        continue
                    with contextlib.suppress(FileNotFoundError):  # taken away while we look
                        status = item.stat(follow_symlinks=False)
                        if item.is_file(follow_symlinks=False) and self._settled(status):
                            found.append(_Waiting(item.name, _stamp(status)))
        except OSError as error:
            raise tracking.trouble(error, self._folder, "looking for orders") from error
        return sorted(found, key=lambda file: file.name)

    def _settled(self, status: os.stat_result) -> bool:
        """Nobody has written to the file of late. A time far in the future is a wrong clock and counts as old."""
        return abs(clock.now().timestamp() - status.st_mtime) >= self.config.settle_seconds

    def _page(self, cursor: str | None) -> Page:
        name, offset, stamp = _cursor(cursor)
        files = [file for file in self._waiting() if file.name >= name]
        for place, file in enumerate(files):
            following = f"{files[place + 1].name}|0|" if place + 1 < len(files) else None
            try:
                entries = self._entries(file)
            except Unreadable as error:
                rejected = self._whole(file, f"{file.name} was not read: {error.message}.")
                return Page((), following, (rejected,), (file.token,))
            except OSError as error:
                if isinstance(error, FileNotFoundError):
                    continue
                reason = f"{file.name} cannot be opened ({error.strerror}): give the user Bluebook runs as read access."
                return Page((), following, (self._whole(file, reason, keep=False),))
            if entries is None:
                continue
            begin = offset if (file.name, file.stamp) == (name, stamp) else 0
            return self._slice(file, entries, begin, following)
        self._open = None
        return Page(())

    def _slice(self, file: _Waiting, entries: list[reading.Entry], begin: int, following: str | None) -> Page:
        end = begin + self.config.page_size
        page = self._read_all(entries[begin:end], file.name, file.stamp)
        if end < len(entries):
            return msgspec.structs.replace(page, next=f"{file.name}|{end}|{file.stamp}")
        self._open = None
        return msgspec.structs.replace(page, next=following, done=(file.token,))

    def _read_all(self, entries: Sequence[reading.Entry], name: str, stamp: str) -> Page:
        items: list[Raw] = []
        rejected: list[Rejected] = []
        for entry in entries:
            raw = entry.raw(name, stamp)
            try:
                self.read(raw)
                items.append(raw)
            except Unreadable as error:
                rejected.append(Rejected(raw, error.message, error.field, tuple(entry.lines)))
        return Page(tuple(items), None, tuple(rejected))

    def _entries(self, file: _Waiting) -> list[reading.Entry] | None:
        """The file's orders; None when it is being written to after all. Raises Unreadable and OSError."""
        if self._open is not None and self._open[0] == file:
            return self._open[1]
        self._open = None
        path = self._folder / file.name
        size = path.stat().st_size
        if size > reading.LARGEST:
            raise Unreadable(
                f"it has {size:,} bytes and the most that is read is {reading.LARGEST:,}: split it and drop the parts"
            )
        body = path.read_bytes()
        if _stamp(path.stat()) != file.stamp:
            return None
        config = self.config
        entries = reading.entries(body, file.name, config.columns, config.encoding, config.delimiter)
        self._open = (file, entries)
        return entries

    def _whole(self, file: _Waiting, reason: str, keep: bool = True) -> Rejected:
        head = b""
        if keep:
            with contextlib.suppress(OSError), (self._folder / file.name).open("rb") as opened:
                head = opened.read(_HEAD)
        return Rejected(Raw(file.name, head, "application/octet-stream", file.token), reason)

    # --- Putting away -------------------------------------------------------------------------------------------------

    def _finish(self, done: Sequence[str]) -> None:
        target = self._folder / PROCESSED
        for token in done:
            name, _, stamp = token.rpartition("|")
            path = self._folder / Path(name).name
            try:
                if _stamp(path.stat()) != stamp:
                    continue
                target.mkdir(exist_ok=True)
                _move(path, target)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise tracking.trouble(error, target, f"moving {name} here") from error

    def _push(self, parcel: Parcel) -> str:
        try:
            self._tracking.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise tracking.trouble(error, self._tracking, "making the tracking folder") from error
        return tracking.push(self._tracking, parcel)

    def _check(self) -> str:
        if not self._folder.is_dir():
            raise Misconfigured(
                f"{self._folder}: there is no such folder: make it, or correct the connection's `folder`"
            )
        for folder, use in ((self._folder, "orders are read and moved"), (self._tracking, "tracking is written")):
            place = next(path for path in (folder, *folder.parents) if path.exists())
            if not place.is_dir() or not os.access(place, os.R_OK | os.W_OK | os.X_OK):
                raise NotAuthorised(f"{folder}: {use} here, but the user Bluebook runs as may not write to {place}")
        return f"{len(self._waiting())} files wait in {self._folder}; tracking goes to {self._tracking}"


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _cursor(cursor: str | None) -> tuple[str, int, str]:
    """(file name, orders of it already taken, its stamp then). What is no cursor of ours is the beginning."""
    if not cursor:
        return "", 0, ""
    name, offset, stamp = [*cursor.rsplit("|", 2), "", ""][:3]
    if not offset.isascii() or not offset.isdigit():
        return "", 0, ""  # taking everything once more loses nothing
    return name, int(offset), stamp


def _move(path: Path, target: Path) -> None:
    """The file is in the target folder under a name no other file has. Only what is empty and ours is ever removed."""
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    attempt = 0
    while True:
        suffix = "" if not attempt else f"-{changed:%Y%m%dT%H%M%S}" + (f"-{attempt}" if attempt > 1 else "")
        place = target / f"{path.stem}{suffix}{path.suffix}"
        attempt += 1
        try:  # claims the name, so that two workers never choose the same one
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            continue
        try:
            os.replace(path, place)
        except OSError:
            place.unlink()
            raise
        return


def describe_columns(sample: bytes) -> tuple[columns.Suggestion, ...]:
    """For each column of a sample file, the field it probably is, how sure that is, and up to three of its values.

    For a person to confirm, never to be used unseen. Raises Unreadable when the sample is no CSV, JSON or workbook.
    """
    if workbook.is_workbook(sample):
        return _describe_workbook(sample)
    content, _, _ = text.decode(sample)
    if content.lstrip()[:1] in ("[", "{"):
        rows = [msgspec.json.decode(row) for entry in reading.entries(sample, "sample", {})[:20] for row in entry.rows]
        flat = [line for row in rows for line in reading.spread(row)]
        keys = list(dict.fromkeys(key for row in flat for key in row if key != "(text)"))
        return columns.suggest(keys, [[str(row.get(key, "")) for key in keys] for row in flat])
    lines = list(io.StringIO(content, newline=""))
    header = reading.find_header(lines, {}) or reading.widest(lines)
    if header is None:
        raise Unreadable("the sample has no row that could be a header: a CSV file with column names is expected")
    rest = [cells for _, cells, problem in reading.records(lines[:200], header) if problem is None]
    return columns.suggest(header.names, [[text.unwrap(cell) for cell in cells] for cells in rest[:20]])


def _describe_workbook(sample: bytes) -> tuple[columns.Suggestion, ...]:
    found = [(sheet, head) for sheet in workbook.sheets(sample) if (head := reading.sheet_header(sheet, {}))]
    if not found:
        raise Unreadable("the sample has no row that could be a header: a sheet with column names is expected")
    sheet, header = max(found, key=lambda pair: len(pair[1].mapping))
    rows = [[str(cell) for cell in cells] for number, cells, _ in sheet.rows if number >= header.after]
    return columns.suggest(header.names, rows[:20])
