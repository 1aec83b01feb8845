"""Purchase orders as files over SFTP, each delivered once.

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
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import ClassVar
from urllib.parse import quote, unquote

import msgspec

from engine import clock
from engine.connectors.suppliers.sftp.codec import write_csv
from engine.connectors.suppliers.sftp.config import Config
from engine.connectors.suppliers.sftp.document import renderer
from engine.connectors.suppliers.sftp.mapping import KINDS, Reader, content_type
from engine.errors import Misconfigured, NotAuthorised, NotFound, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import Accepted, CancelAnswer, Page, Purchase, Raw, Rejected, SupplierUpdate
from engine.transports.sftp import Entry, Login, Sftp

MAX_PAGE_BYTES = 64 * 1024 * 1024
PROCESSED = "processed"


class _Seen(msgspec.Struct, frozen=True, array_like=True):
    """A file as it was when first seen at this size and time of change; ``at`` is our clock, in seconds."""

    size: int
    mtime: int
    at: float


class Connector:
    """See the module. ``check`` and every error name the host."""

    slug: ClassVar[str] = "sftp"
    name: ClassVar[str] = "Files over SFTP"
    docs_url: ClassVar[str] = "https://www.openssh.com/specs.html"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"password", "private_key", "passphrase"})
    can_find: ClassVar[bool] = True
    can_cancel: ClassVar[bool] = True
    stages: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        if not config.orders_dir:
            raise Misconfigured("orders_dir is missing: the directory the supplier takes orders from")
        if not config.password and not config.private_key:
            raise Misconfigured("password and private_key are both missing: one of them is needed to log in")
        self._config = config
        self._render = renderer(config)
        self._reader = Reader(config)
        self._sftp = Sftp(
            Login(
                host=config.host,
                port=config.port,
                username=config.username,
                password=config.password,
                private_key=config.private_key,
                passphrase=config.passphrase,
                host_key=config.host_key,
            ),
            timeout=config.timeout,
        )
        self._staging = config.staging_dir or config.orders_dir

    # --- out ----------------------------------------------------------------------------------------------------------

    def _file(self, po_number: str) -> str:
        name = quote(po_number, safe="")  # "#1001/2-1" stays one file name, and no two numbers share one
        if name.startswith("."):
            name = "%2E" + name[1:]
        if not name or len(name) > 200:
            raise Refused(f"the purchase order number {po_number!r} cannot be a file name")
        return f"{name}.{self._config.extension or self._config.format}"

    def _staged(self, po_number: str) -> str:
        hidden = "" if self._config.staging_dir else "."
        return posixpath.join(self._staging, f"{hidden}{self._file(po_number)}.part")

    def _final(self, po_number: str) -> str:
        return posixpath.join(self._config.orders_dir, self._file(po_number))

    def render(self, purchase: Purchase) -> bytes:
        """The document, from purchase order and configuration alone. Raises Misconfigured if they do not fit."""
        return self._render(purchase)

    async def stage(self, po_number: str, body: bytes) -> None:
        """The bytes lie at the supplier under a name it ignores. Nothing is staged over an order already delivered."""
        if await self._sftp.exists(self._final(po_number)):
            return
        staged = self._staged(po_number)
        try:
            if self._config.staging_dir:
                await self._sftp.make_directory(self._staging)
            await self._sftp.write(staged, body)
        except (NotFound, Refused) as error:  # the directory is missing or a file: a person must look
            raise NotAuthorised(f"purchase order {po_number} could not be uploaded. {error.message}") from error

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        """The staged file has the name the supplier acts on."""
        staged, final = self._staged(po_number), self._final(po_number)
        found = await self._sftp.stat(staged)
        if await self._sftp.exists(final):
            if found is not None:
                await self._sftp.remove(staged)  # delivered, so this leftover would only make ``find`` lie
            return Accepted(detail=f"{final} was there already")
        if found is None:
            raise OutcomeUnknown(
                f"{staged} is not on {self._sftp.peer}: an earlier attempt may have delivered {po_number}"
            )
        if found.size != len(body):
            raise TryLater(f"{staged} has {found.size} of {len(body)} bytes on {self._sftp.peer}: it is uploaded again")
        try:
            await self._sftp.rename(staged, final)
        except NotFound as error:
            if await self._sftp.exists(staged):
                raise Refused(f"purchase order {po_number} was not delivered. {error.message}") from error
            raise OutcomeUnknown(f"{staged} vanished while {po_number} was being delivered") from error
        return Accepted(detail=f"delivered as {final}")

    async def find(self, po_number: str) -> Accepted | None:
        """Was it delivered? Exact for attempts that were begun. OutcomeUnknown when the staging directory is gone."""
        final = self._final(po_number)
        if await self._sftp.exists(self._staged(po_number)):
            return Accepted(detail=f"found as {final}") if await self._sftp.exists(final) else None
        if not await self._sftp.exists(self._staging):
            raise OutcomeUnknown(
                f"{self._staging} is gone from {self._sftp.peer}, so whether {po_number} was delivered is not known. "
                "Ask the supplier, or correct staging_dir"
            )
        return Accepted(detail=f"delivered as {final}")

    async def request_cancel(self, po_number: str) -> CancelAnswer:
        """A cancel file lies in ``cancels_dir``, once while it is not taken; the answer comes in an acknowledgement file."""
        if not self._config.cancel_files:
            raise Refused(f"{self._sftp.peer} takes no cancel files; cancel {po_number} by telephone or e-mail")
        name = f"{quote(po_number, safe='')}.csv"
        directory = self._config.cancels_dir or self._config.orders_dir
        final = posixpath.join(directory, f"cancel-{name}")
        hidden = posixpath.join(directory, f".cancel-{name}.part")
        try:
            await self._sftp.make_directory(directory)
            if await self._sftp.exists(final):
                return CancelAnswer.PENDING
            await self._sftp.write(hidden, write_csv(["po_number", "action"], [[po_number, "cancel"]]))
            await self._sftp.rename(hidden, final)
        except NotFound as error:
            raise NotAuthorised(f"the cancel request for {po_number} was not delivered. {error.message}") from error
        return CancelAnswer.PENDING

    # --- in -----------------------------------------------------------------------------------------------------------

    def _sources(self) -> list[tuple[str, str, str]]:
        config = self._config
        directories = (config.acks_dir, config.shipments_dir, config.inventory_dir)
        patterns = (config.acks_pattern, config.shipments_pattern, config.inventory_pattern)
        return [item for item in zip(KINDS, directories, patterns, strict=True) if item[1]]

    async def poll(self, cursor: str | None) -> Page:
        """The files that have stopped growing. The cursor carries those that had not, as they were seen last."""
        before = _watched(cursor)
        watched: dict[str, _Seen] = {}
        settled: list[tuple[str, Entry]] = []
        for kind, directory, pattern in self._sources():
            for entry in await self._listing(directory):
                if entry.name.startswith(".") or entry.name.endswith(".part") or not fnmatchcase(entry.name, pattern):
                    continue
                key = quote(entry.path, errors="surrogateescape")
                seen = before.get(key)
                if self._is_settled(entry, seen):
                    settled.append((kind, entry))
                else:
                    same = seen is not None and (seen.size, seen.mtime) == (entry.size, entry.mtime)
                    watched[key] = (
                        seen if seen and same else _Seen(entry.size, entry.mtime, round(clock.now().timestamp(), 3))
                    )
        items, rejected, done = await self._take(settled, watched)
        return Page(tuple(items), _cursor(watched), tuple(rejected), tuple(done))

    async def _listing(self, directory: str) -> tuple[Entry, ...]:
        try:
            return await self._sftp.listing(directory)
        except NotFound as error:
            raise Misconfigured(f"{error.message}. Correct the directory in the connection's settings") from error

    def _is_settled(self, entry: Entry, seen: _Seen | None) -> bool:
        now, wait = clock.now().timestamp(), self._config.settle_seconds
        if seen is not None:
            if (seen.size, seen.mtime) != (entry.size, entry.mtime):
                return False
            if now - seen.at >= wait:  # unchanged by our own clock: theirs may be wrong
                return True
        return now - entry.mtime >= wait if wait > 0 else True

    async def _take(
        self, settled: list[tuple[str, Entry]], watched: dict[str, _Seen]
    ) -> tuple[list[Raw], list[Rejected], list[str]]:
        items: list[Raw] = []
        rejected: list[Rejected] = []
        done: list[str] = []
        size = 0
        for kind, entry in settled[: self._config.files_per_poll]:
            if size and size + entry.size > MAX_PAGE_BYTES:
                break
            name = entry.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            token = f"{quote(entry.path, errors='surrogateescape')}?{entry.size}.{entry.mtime}"
            kind_of = content_type(name, entry.mtime, self._config.format)
            if entry.size > self._config.max_file_bytes:
                why = f"{entry.path} has {entry.size} bytes, more than the {self._config.max_file_bytes} we accept"
                lost = Raw(f"{kind}/{name}", b"", kind_of, f"{kind}/{name}?{entry.size}.{entry.mtime}")
                rejected.append(Rejected(lost, f"{why}; it was moved to {PROCESSED}/ unread"))
                done.append(token)
                continue
            try:
                body = await self._sftp.read(entry.path, self._config.max_file_bytes)
            except NotFound:
                continue  # another poller has moved it
            if len(body) != entry.size:  # it has grown since the listing
                key = quote(entry.path, errors="surrogateescape")
                watched[key] = _Seen(entry.size, entry.mtime, round(clock.now().timestamp(), 3))
                continue
            size += len(body)
            digest = hashlib.sha256(body).hexdigest()
            # Stock may go back to what it was, under the same name and in the same bytes, and is news all the same.
            place = f"{kind}/{entry.mtime}/{name}" if kind == "inventory" else f"{kind}/{name}"
            items.append(Raw(place, body, kind_of, f"{place}#{digest}"))
            done.append(token)
        return items, rejected, done

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        """What the file says, whole or not at all. Raises Unreadable naming the file and the line."""
        return self._reader.read(raw)

    async def finish(self, done: Sequence[str]) -> None:
        """The files lie in ``processed/`` beside where they were. One replaced meanwhile stays for the next poll."""
        for token in done:
            path, _, state = token.rpartition("?")
            path = unquote(path, errors="surrogateescape")
            found = await self._sftp.stat(path)
            if found is not None and f"{found.size}.{found.mtime}" == state:
                await self._sftp.move(path, posixpath.join(posixpath.dirname(path), PROCESSED))

    # --- both ---------------------------------------------------------------------------------------------------------

    async def check(self) -> str:
        """Logged in, and every configured directory is there; returns who and where. Raises Misconfigured otherwise."""
        who = await self._sftp.check()
        for directory in (self._config.orders_dir, *(directory for _, directory, _ in self._sources())):
            await self._listing(directory)
        return f"{who}; orders go to {self._config.orders_dir}"

    async def close(self) -> None:
        """The connection is closed."""
        await self._sftp.close()


def _watched(cursor: str | None) -> dict[str, _Seen]:
    if not cursor:
        return {}
    try:
        return msgspec.json.decode(cursor, type=dict[str, _Seen])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Unreadable(f"the cursor of this connection is not one of ours: {error}") from error


def _cursor(watched: dict[str, _Seen]) -> str:
    return msgspec.json.encode(dict(sorted(watched.items()))).decode()
