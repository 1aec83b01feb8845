"""SFTP out, over one kept connection, with a pinned host key and errors that name the host and the file.

What a caller may see (https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02 has the status codes):

- refused, unknown host, timeout, lost connection: ``TryLater``; the same while renaming: ``OutcomeUnknown``
- a host key other than the pinned one, a login or a directory that is not allowed: ``NotAuthorised``
- no such file or directory: ``NotFound`` · a full disk or quota: ``TryLater`` · any other status: ``Refused``

A status code is an answer, so after one nothing has happened; only silence leaves a rename unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import stat as modes
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncssh
import msgspec

from engine.errors import BluebookError, Misconfigured, NotAuthorised, NotFound, OutcomeUnknown, Refused, TryLater
from engine.transports.files import Entry as Entry  # part of what this module offers
from engine.transports.files import crowded, targets

T = TypeVar("T")
_FAMILIES: tuple[tuple[str, ...], ...] = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-256", "rsa-sha2-512"),
)
_ALL = tuple(name for family in _FAMILIES for name in family)
_LOST = (
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPNoConnection,
    asyncssh.SFTPEOFError,
    asyncssh.DisconnectError,
    asyncssh.ChannelOpenError,
    OSError,
)
_FORBIDDEN = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect, asyncssh.SFTPCannotDelete)
_FULL = (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)
_MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect and as whom. ``host_key`` is an OpenSSH public key line or a ``SHA256:…`` fingerprint."""

    host: str
    username: str
    host_key: str
    port: int = 22
    password: str = ""
    private_key: str = ""
    passphrase: str = ""


class _Pinned(asyncssh.SSHClient):  # type: ignore[misc, unused-ignore]
    """Accepts the pinned host key alone, and remembers what was presented instead."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self.presented = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: Any) -> bool:
        found = key.get_fingerprint("sha256")
        if found == self._fingerprint:
            return True
        self.presented = f"{key.get_algorithm()} {found}"
        return False


def _family(algorithm: str) -> tuple[str, ...]:
    """The signature algorithms a key of this kind can be asked for by."""
    if algorithm == "ssh-rsa":
        return _FAMILIES[2]
    return next((family for family in _FAMILIES if algorithm in family), _ALL)


def _pin(host_key: str) -> tuple[str, list[tuple[str, ...]]]:
    """The pinned fingerprint, and the host key algorithms to ask for, in turn.

    A server with several keys presents one of the kind asked for first, so a fingerprint alone may take several tries.
    """
    text = host_key.strip()
    if text.startswith("SHA256:"):
        return text.rstrip("="), [_ALL, *_FAMILIES]
    try:
        key = asyncssh.import_public_key(text)
    except (asyncssh.KeyImportError, ValueError) as error:
        raise Misconfigured(
            "host_key must be the server's public key as OpenSSH writes it (ssh-ed25519 AAAA…) or its SHA256:… "
            "fingerprint; ask the supplier for it and compare it with ssh-keyscan"
        ) from error
    return key.get_fingerprint("sha256"), [_family(key.get_algorithm()), _ALL]


class Sftp:
    """One connection to one server, opened on first use and again when it was lost. Safe for many tasks of one loop.

    ``timeout`` is in seconds and covers one operation, or one attempt to connect.
    """

    def __init__(self, login: Login, *, timeout: float = 60.0) -> None:
        self._login = login
        self._fingerprint, self._attempts = _pin(login.host_key)
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._keys = self._import_key()
        self._connection: Any = None
        self._client: Any = None
        self.peer = f"{login.host}:{login.port}" if login.port != 22 else login.host

    def _import_key(self) -> list[Any] | None:
        if not self._login.private_key:
            return None
        try:
            return [asyncssh.import_private_key(self._login.private_key, self._login.passphrase or None)]
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
            raise Misconfigured(f"private_key for {self._login.host} cannot be read: {error}") from error

    # --- connecting ---------------------------------------------------------------------------------------------------

    async def _open(self) -> Any:
        async with self._lock:
            if self._client is not None and not self._connection.is_closed():
                return self._client
            connection = await self._connect()
            try:
                async with asyncio.timeout(self._timeout):
                    self._client = await connection.start_sftp_client(path_errors="surrogateescape")
            except (*_LOST, asyncssh.SFTPError) as error:
                connection.abort()
                raise TryLater(f"{self.peer} lets us in but offers no SFTP: {error}") from error
            self._connection = connection
            return self._client

    async def _connect(self) -> Any:
        presented: list[str] = []
        failure: Exception | None = None
        for algorithms in self._attempts:
            if presented and algorithms in (_ALL, *(_family(shown.split()[0]) for shown in presented)):
                continue  # the server has one key of a kind, and has shown it
            watch = _Pinned(self._fingerprint)
            try:
                return await self._dial(watch, algorithms)
            except asyncssh.PermissionDenied as error:
                raise NotAuthorised(
                    f"{self.peer} did not accept the login of {self._login.username!r}: {error.reason}. "
                    "Check the user name and the password or key, then enable the connection again"
                ) from error
            except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError) as error:
                # A server without a key of the kind asked for may just hang up, and so may asyncssh on a wrong key.
                failure = error
            except (asyncssh.Error, OSError) as error:
                if not watch.presented:
                    why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
                    raise TryLater(f"{self.peer} cannot be reached: {why}") from error
            if watch.presented:
                presented.append(watch.presented)
        if not presented and isinstance(failure, asyncssh.KeyExchangeFailed):
            raise Misconfigured(f"{self.peer} speaks no version of SSH that we accept: {failure.reason}") from failure
        if not presented:
            raise TryLater(f"{self.peer} hung up before it said who it is: {failure}") from failure
        raise NotAuthorised(
            f"the host key of {self.peer} is not the pinned one: expected {self._fingerprint}, presented "
            f"{', '.join(presented)}. Nothing was sent. Ask the supplier whether the key was changed; if it confirms "
            "the new fingerprint, put it into host_key. If not, someone may be posing as this server"
        )

    async def _dial(self, watch: _Pinned, algorithms: tuple[str, ...]) -> Any:
        login = self._login
        async with asyncio.timeout(self._timeout):
            return await asyncssh.connect(
                login.host,
                login.port,
                client_factory=lambda: watch,
                username=login.username,
                password=login.password or None,
                client_keys=self._keys,
                known_hosts=([], [], []),  # trust nothing by itself: the pin alone decides
                server_host_key_algs=list(algorithms),
                preferred_auth="publickey,password,keyboard-interactive",
                config=None,
                agent_path=None,
                gss_host=None,
                keepalive_interval=15,
            )

    def _drop(self, client: Any) -> None:
        if self._client is client and self._connection is not None:
            self._connection.abort()
            self._client = self._connection = None

    async def close(self) -> None:
        """The connection is closed; the next call opens a new one."""
        async with self._lock:
            connection, self._client, self._connection = self._connection, None, None
            if connection is not None:
                connection.close()
                try:
                    async with asyncio.timeout(5):
                        await connection.wait_closed()
                except TimeoutError:
                    connection.abort()

    # --- one operation ------------------------------------------------------------------------------------------------

    async def _run(self, what: str, path: str, step: Callable[[Any], Awaitable[T]], *, effect: bool = False) -> T:
        """The step's answer. What may be repeated is tried once more on a fresh connection when a kept one had died."""
        for last in (False, True):
            client = await self._open()
            try:
                async with asyncio.timeout(self._timeout):
                    return await step(client)
            except (TimeoutError, *_LOST) as error:
                self._drop(client)
                why = "did not answer in time" if isinstance(error, TimeoutError) else f"broke off ({error})"
                unsent = isinstance(error, asyncssh.SFTPNoConnection)
                if effect and not unsent:
                    raise OutcomeUnknown(f"{self.peer} {why} while asked to {what} {path}") from error
                if last or isinstance(error, TimeoutError):
                    raise TryLater(f"{self.peer} {why} while asked to {what} {path}") from error
            except asyncssh.SFTPError as error:
                raise self._refusal(error, what, path) from error
        raise AssertionError  # the second round returns or raises

    def _refusal(self, error: asyncssh.SFTPError, what: str, path: str) -> BluebookError:
        where = f"{self.peer} could not {what} {path}"
        if isinstance(error, _MISSING):
            return NotFound(f"{where}: no such file or directory, or {self._login.username!r} may not see it")
        if isinstance(error, _FORBIDDEN):
            return NotAuthorised(
                f"{where}: {self._login.username!r} has no permission there. Ask the supplier to allow it, "
                "or correct the directory in the connection's settings"
            )
        if isinstance(error, _FULL):
            return TryLater(f"{where}: its disk or quota is full ({error.reason}). The supplier must make room")
        if isinstance(error, asyncssh.SFTPFailure):
            # Version 3 of the protocol has no code of its own for a full disk; servers say "failure".
            return TryLater(f"{where}: it says only {error.reason!r}; a full disk or a name already taken is the usual")
        return Refused(f"{where}: {error.reason}", code=str(error.code))

    # --- files --------------------------------------------------------------------------------------------------------

    async def write(self, path: str, body: bytes) -> None:
        """The file has exactly this name and these bytes, flushed to disk where the server offers that. Overwrites."""

        async def step(client: Any) -> None:
            async with client.open(path, "wb") as file:
                await file.write(body)
                with contextlib.suppress(asyncssh.SFTPOpUnsupported):  # OpenSSH's extension; others flush on closing
                    await file.fsync()

        await self._run("write", path, step)

    async def rename(self, source: str, target: str) -> None:
        """The file has its new name, in one step; an older file of that name is replaced where the server allows it.

        Raises OutcomeUnknown when no answer came, and then only; every other error means that nothing was renamed.
        """

        async def step(client: Any) -> None:
            try:
                await client.posix_rename(source, target)
            except asyncssh.SFTPOpUnsupported:
                await client.rename(source, target)

        await self._run("rename", f"{source} to {target}", step, effect=True)

    async def stat(self, path: str) -> Entry | None:
        """The file or directory of this name, None when there is none."""

        async def step(client: Any) -> Entry | None:
            try:
                found = await client.stat(path)
            except _MISSING:
                return None
            return Entry(path, found.size or 0, int(found.mtime or 0))

        return await self._run("look at", path, step)

    async def exists(self, path: str) -> bool:
        """Is there a file or directory of this name?"""
        return await self.stat(path) is not None

    async def listing(self, directory: str) -> tuple[Entry, ...]:
        """The plain files of a directory, sorted by name. Raises NotFound when there is no such directory."""

        async def step(client: Any) -> list[Entry]:
            found = []
            for item in await client.readdir(directory):
                kind = item.attrs.permissions
                if kind is None or modes.S_IFMT(kind) in (0, modes.S_IFREG):
                    size, mtime = item.attrs.size or 0, int(item.attrs.mtime or 0)
                    found.append(Entry(posixpath.join(directory, item.filename), size, mtime))
            return found

        found = await self._run("list", directory, step)
        return tuple(sorted((item for item in found if item.name not in (".", "..")), key=lambda item: item.path))

    async def read(self, path: str, limit: int) -> bytes:
        """The file's bytes; raises Refused when there are more than ``limit`` of them."""

        async def step(client: Any) -> bytes:
            async with client.open(path, "rb") as file:
                return bytes(await file.read(limit + 1))

        body = await self._run("read", path, step)
        if len(body) > limit:
            raise Refused(f"{path} on {self.peer} is larger than the {limit} bytes we accept; nothing of it was used")
        return body

    async def make_directory(self, path: str) -> None:
        """The directory exists."""

        async def step(client: Any) -> None:
            await client.makedirs(path, exist_ok=True)

        if not await self.exists(path):
            await self._run("make the directory", path, step)

    async def move(self, path: str, directory: str) -> str | None:
        """The file lies in ``directory``, which is made if need be; returns its new path, None when it was gone.

        Never replaces anything: a name already taken gets ``-1``, ``-2`` … before its ending.
        """
        await self.make_directory(directory)
        for target in targets(path, directory):
            if await self.exists(target):
                continue
            try:
                await self._run("move", path, lambda client, target=target: client.rename(path, target))  # type: ignore[misc]
            except (NotFound, TryLater, Refused):
                if not await self.exists(path):
                    return None
                if not await self.exists(target):
                    raise
                continue  # someone took the name in between
            return target
        raise crowded(path, f"{directory} on {self.peer}")

    async def remove(self, path: str) -> None:
        """There is no such file."""

        async def step(client: Any) -> None:
            with contextlib.suppress(*_MISSING):
                await client.remove(path)

        await self._run("remove", path, step)

    async def check(self) -> str:
        """Logged in; returns who and where, for people to read."""
        home = await self._run("resolve", ".", lambda client: client.realpath("."))
        return f"{self._login.username} at {self.peer}, in {home}"
