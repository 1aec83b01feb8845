"""Purchase orders out and answers in, as files, over any ``FileTransport``: each delivered once, each read whole.

The supplier acts on ``<orders_dir>/<po_number>.<ext>`` and on nothing else. So delivery is a single rename:

- ``stage`` uploads the bytes under a ``.part`` name on the same file system. It runs before the attempt is recorded as
  begun, may be repeated, and the supplier does not see it.
- ``submit`` renames the staged file, and does nothing else that counts.
- Only that rename ever makes the staged file disappear. So ``find`` is exact for every attempt that was begun: the
  staged file is there, hence the rename never happened (None); it is not, hence it did (Accepted), also when the
  supplier has taken the file away since. Silence during the rename is therefore no lasting doubt: OutcomeUnknown, and
  the next ``find`` decides.

This rests on two things: the engine stages before it begins an attempt and asks ``find`` before it stages again; and
nobody else empties the staging directory. When that directory itself is gone, ``find`` says that it cannot tell.

What comes in is read when it has kept its size and time for a while, and moved to ``processed/`` once it is stored.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from urllib.parse import quote, unquote

import msgspec

from engine import clock
from engine.errors import Misconfigured, NotAuthorised, NotFound, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import Accepted, Page, Raw, Rejected
from engine.transports.files import Entry, FileTransport

MAX_PAGE_BYTES = 64 * 1024 * 1024
PROCESSED = "processed"
NUMBER = "{po_number}"


# --- out --------------------------------------------------------------------------------------------------------------


def file_name(po_number: str, extension: str, pattern: str = NUMBER) -> str:
    """The purchase order's file: ``#1001/2-1`` stays one name, and no two numbers share one. Raises Refused."""
    name = pattern.replace(NUMBER, quote(po_number, safe=""))
    if name.startswith("."):
        name = "%2E" + name[1:]
    if not po_number or len(name) > 200:
        raise Refused(f"the purchase order number {po_number!r} cannot be a file name")
    return f"{name}.{extension}"


class Delivery:
    """Purchase orders, each as one file that appears in ``orders_dir`` in one rename; see the module.

    ``staging_dir`` is on the same file system; empty: a dot name inside ``orders_dir``. ``pattern`` is the file's name before
    its ending and has ``{po_number}`` in it, and nothing else that varies: by its name alone an order is found again.
    """

    def __init__(
        self, files: FileTransport, *, orders_dir: str, staging_dir: str, extension: str, pattern: str = NUMBER
    ) -> None:
        if pattern.count(NUMBER) != 1 or re.search(r"[{}/\\\x00-\x1f]", pattern.replace(NUMBER, "")):
            raise Misconfigured(
                f"orders_name must have {NUMBER} in it once, and neither other braces nor slashes: {pattern!r}"
            )
        self._files = files
        self._orders_dir = orders_dir
        self._staging_dir = staging_dir
        self._staging = staging_dir or orders_dir
        self._extension = extension
        self._pattern = pattern

    def _name(self, po_number: str) -> str:
        return file_name(po_number, self._extension, self._pattern)

    def _staged(self, po_number: str) -> str:
        hidden = "" if self._staging_dir else "."
        return posixpath.join(self._staging, f"{hidden}{self._name(po_number)}.part")

    def _final(self, po_number: str) -> str:
        return posixpath.join(self._orders_dir, self._name(po_number))

    async def stage(self, po_number: str, body: bytes) -> None:
        """The bytes lie at the supplier under a name it ignores. Nothing is staged over an order already delivered."""
        if await self._files.exists(self._final(po_number)):
            return
        staged = self._staged(po_number)
        try:
            if self._staging_dir:
                await self._files.make_directory(self._staging)
            await self._files.write(staged, body)
        except (NotFound, Refused) as error:  # the directory is missing or a file: a person must look
            raise NotAuthorised(f"purchase order {po_number} could not be uploaded. {error.message}") from error

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        """The staged file has the name the supplier acts on."""
        staged, final = self._staged(po_number), self._final(po_number)
        found = await self._files.stat(staged)
        if await self._files.exists(final):
            if found is not None:
                await self._files.remove(staged)  # delivered, so this leftover would only make ``find`` lie
            return Accepted(detail=f"{final} was there already")
        if found is None:
            raise OutcomeUnknown(
                f"{staged} is not on {self._files.peer}: an earlier attempt may have delivered {po_number}"
            )
        if found.size != len(body):
            raise TryLater(
                f"{staged} has {found.size} of {len(body)} bytes on {self._files.peer}: it is uploaded again"
            )
        try:
            await self._files.rename(staged, final)
        except NotFound as error:
            if await self._files.exists(staged):
                raise Refused(f"purchase order {po_number} was not delivered. {error.message}") from error
            raise OutcomeUnknown(f"{staged} vanished while {po_number} was being delivered") from error
        return Accepted(detail=f"delivered as {final}")

    async def find(self, po_number: str) -> Accepted | None:
        """Was it delivered? Exact for attempts that were begun. OutcomeUnknown when the staging directory is gone."""
        final = self._final(po_number)
        if await self._files.exists(self._staged(po_number)):
            return Accepted(detail=f"found as {final}") if await self._files.exists(final) else None
        if not await self._files.exists(self._staging):
            raise OutcomeUnknown(
                f"{self._staging} is gone from {self._files.peer}, so whether {po_number} was delivered is not known. "
                "Ask the supplier, or correct staging_dir"
            )
        return Accepted(detail=f"delivered as {final}")


async def put(files: FileTransport, directory: str, name: str, body: bytes) -> bool:
    """The file lies in ``directory``, which is made if need be; false where it lay there already and is not taken yet.

    It appears in one rename. For what may be said twice: a cancel request, an acknowledgement of receipt.
    """
    final, hidden = posixpath.join(directory, name), posixpath.join(directory, f".{name}.part")
    await files.make_directory(directory)
    if await files.exists(final):
        return False
    await files.write(hidden, body)
    await files.rename(hidden, final)
    return True


# --- in ---------------------------------------------------------------------------------------------------------------


class Source(msgspec.Struct, frozen=True):
    """A directory to read. ``kind`` becomes the first part of what is read from it.

    The same bytes are the same document under whatever name; ``repeats``: they are news when the name or the file's time
    differs.
    """

    kind: str
    directory: str
    pattern: str = "*"
    repeats: bool = False


class _Seen(msgspec.Struct, frozen=True, array_like=True):
    """A file as it was when first seen at this size and time of change; ``at`` is our clock, in seconds."""

    size: int
    mtime: int
    at: float


class Pickup:
    """The files in some directories, each read whole and once. ``typed`` gives the content type of a file by name and time.

    ``twice``: the other side's times prove nothing, so a file counts as settled only once we saw it unchanged for a while.
    """

    def __init__(
        self, files: FileTransport, sources: Sequence[Source], typed: Callable[[str, int], str], *, settle_seconds: float,
        max_file_bytes: int, files_per_poll: int, twice: bool = False,
    ) -> None:  # fmt: skip
        self._files = files
        self.sources = tuple(sources)
        self._typed = typed
        self._settle = settle_seconds
        self._most_bytes = max_file_bytes
        self._most_files = files_per_poll
        self._twice = twice

    async def poll(self, cursor: str | None) -> Page:
        """The files that have stopped growing. The cursor carries those that had not, as they were seen last."""
        before = _watched(cursor)
        watched: dict[str, _Seen] = {}
        settled: list[tuple[Source, Entry]] = []
        for source in self.sources:
            for entry in await self.listing(source.directory):
                if entry.name.startswith(".") or entry.name.endswith((".part", ".tmp")):
                    continue
                if not fnmatchcase(entry.name, source.pattern):
                    continue
                key = quote(entry.path, errors="surrogateescape")
                seen = before.get(key)
                if self._is_settled(entry, seen):
                    settled.append((source, entry))
                else:
                    same = seen is not None and (seen.size, seen.mtime) == (entry.size, entry.mtime)
                    watched[key] = seen if seen and same else _seen(entry)
        settled.sort(key=lambda item: item[1].mtime)  # as they were said, as far as whole seconds tell
        items, rejected, done = await self._take(settled, watched)
        return Page(tuple(items), _cursor(watched), tuple(rejected), tuple(done))

    async def listing(self, directory: str) -> tuple[Entry, ...]:
        """The files of a configured directory; raises Misconfigured when there is none."""
        try:
            return await self._files.listing(directory)
        except NotFound as error:
            raise Misconfigured(f"{error.message}. Correct the directory in the connection's settings") from error

    def _is_settled(self, entry: Entry, seen: _Seen | None) -> bool:
        now, wait = clock.now().timestamp(), self._settle
        if seen is not None:
            if (seen.size, seen.mtime) != (entry.size, entry.mtime):
                return False
            if now - seen.at >= wait:  # unchanged by our own clock: theirs may be wrong
                return True
        return wait <= 0 or (not self._twice and now - entry.mtime >= wait)

    async def _take(
        self, settled: list[tuple[Source, Entry]], watched: dict[str, _Seen]
    ) -> tuple[list[Raw], list[Rejected], list[str]]:
        items: list[Raw] = []
        rejected: list[Rejected] = []
        done: list[str] = []
        size = 0
        for source, entry in settled[: self._most_files]:
            if size and size + entry.size > MAX_PAGE_BYTES:
                break
            name = entry.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            token = f"{quote(entry.path, errors='surrogateescape')}?{entry.size}.{entry.mtime}"
            kind_of = self._typed(name, entry.mtime)
            place = f"{source.kind}/{name}"
            if entry.size > self._most_bytes:
                why = f"{entry.path} has {entry.size} bytes, more than the {self._most_bytes} we accept"
                lost = Raw(place, b"", kind_of, f"{place}?{entry.size}.{entry.mtime}")
                rejected.append(Rejected(lost, f"{why}; it was moved to {PROCESSED}/ unread"))
                done.append(token)
                continue
            try:
                body = await self._files.read(entry.path, self._most_bytes)
            except NotFound:
                continue  # another poller has moved it
            if len(body) != entry.size:  # it has grown since the listing
                watched[quote(entry.path, errors="surrogateescape")] = _seen(entry)
                continue
            size += len(body)
            if source.repeats:
                place = document = f"{source.kind}/{entry.mtime}/{name}"
            else:
                document = source.kind  # under whatever name: the same bytes say the same
            items.append(Raw(place, body, kind_of, f"{document}#{hashlib.sha256(body).hexdigest()}", document))
            done.append(token)
        return items, rejected, done

    async def finish(self, done: Sequence[str]) -> None:
        """The files lie in ``processed/`` beside where they were. One replaced meanwhile stays for the next poll."""
        for token in done:
            path, _, state = token.rpartition("?")
            path = unquote(path, errors="surrogateescape")
            found = await self._files.stat(path)
            if found is not None and f"{found.size}.{found.mtime}" == state:
                await self._files.move(path, posixpath.join(posixpath.dirname(path), PROCESSED))


def _seen(entry: Entry) -> _Seen:
    return _Seen(entry.size, entry.mtime, round(clock.now().timestamp(), 3))


def _watched(cursor: str | None) -> dict[str, _Seen]:
    if not cursor:
        return {}
    try:
        return msgspec.json.decode(cursor, type=dict[str, _Seen])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Unreadable(f"the cursor of this connection is not one of ours: {error}") from error


def _cursor(watched: dict[str, _Seen]) -> str:
    return msgspec.json.encode(dict(sorted(watched.items()))).decode()
