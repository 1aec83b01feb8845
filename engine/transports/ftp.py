"""FTP and explicit FTPS, over one kept connection in a thread of its own, with errors that name the host and the file.

What a caller may see (https://www.rfc-editor.org/rfc/rfc959 has the replies, RFC 4217 the TLS, RFC 3659 sizes and times):

- refused, unknown host, timeout, lost connection, any 4xx: ``TryLater``; silence after a rename was asked for: ``OutcomeUnknown``
- a login, a certificate or a directory that is not allowed: ``NotAuthorised``
- no such file or directory: ``NotFound`` · any other no: ``Refused``

FTP has no word for "there is no such file": 550 says that and much else. As an order is taken to be delivered when its
staged file is gone, nothing is called missing on a 550 alone; the directory is listed and asked as well.

Every data connection takes up the TLS session of the control connection, which servers demand as proof that both ends
are the same (vsftpd: ``require_ssl_reuse``).
"""

from __future__ import annotations

import asyncio
import contextlib
import ftplib
import hashlib
import posixpath
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from engine.errors import BluebookError, Misconfigured, NotAuthorised, NotFound, OutcomeUnknown, Refused, TryLater
from engine.transports.files import Entry, crowded, targets
from engine.transports.ftp_session import Login as Login  # part of what this module offers
from engine.transports.ftp_session import Session, fact, goodbye, lines, moment, path_of, trust, wire, words

T = TypeVar("T")
MAX_LISTING = 64 * 1024 * 1024
_BLOCK = 64 * 1024
_LOST = (OSError, EOFError, ftplib.error_proto, ftplib.error_reply)
_DENIED = re.compile(r"permission|denied|not allowed|forbidden|access", re.IGNORECASE)


class _Unsure(Exception):
    """The request with the effect was sent, and no answer came."""


class Ftp:
    """One connection to one server, opened on first use and again when it was lost. Safe for many tasks of one loop.

    ``timeout`` is in seconds and covers each answer of the server.
    """

    def __init__(self, login: Login, *, timeout: float = 60.0) -> None:
        self._login = login
        self._timeout = timeout
        self._context: ssl.SSLContext | None = None
        self._fingerprint = ""
        if login.tls:
            self._context, self._fingerprint = trust(login)
        self._thread: ThreadPoolExecutor | None = None
        self._session: Session | None = None
        self._latest: Session | None = None  # the same, or one on its way to be it
        self._given_up = False
        self._home = "/"
        self._facts = False
        self.peer = f"{login.host}:{login.port}" if login.port != 21 else login.host

    # --- connecting ---------------------------------------------------------------------------------------------------

    def _open(self) -> Session:
        if self._session is not None:
            return self._session
        session = self._latest = Session(context=self._context, timeout=self._timeout, encoding="latin-1")
        try:
            session.connect(self._login.host, self._login.port, timeout=self._timeout)
            if self._login.tls:
                self._secure(session)
            self._log_in(session)
            session.voidcmd("TYPE I")
            self._home = path_of(session.pwd())
            self._facts = self._offers_facts(session)
        except BluebookError:
            session.close()
            raise
        except (*_LOST, ftplib.Error, ValueError) as error:
            session.close()
            why = "no answer in time" if isinstance(error, TimeoutError) else words(error) or "it hung up"
            raise TryLater(f"{self.peer} cannot be reached: {why}") from error
        self._session = session
        return session

    def _secure(self, session: Session) -> None:
        """Encrypted, and the other side is who it should be; nothing of ours was said before."""
        try:
            session.auth()
        except ftplib.error_perm as error:
            raise Misconfigured(
                f"{self.peer} offers no FTPS ({words(error)}). Nothing was sent. If the supplier cannot offer it, "
                "transport ftp sends password and orders in the clear"
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise NotAuthorised(
                f"the certificate of {self.peer} is not trusted: {error.verify_message}. Nothing was sent. Ask the supplier "
                "for its certificate or fingerprint, and put it into certificate"
            ) from error
        if self._fingerprint:
            assert isinstance(session.sock, ssl.SSLSocket)
            self._compare(session.sock)
            session.proven = self._compare

    def _compare(self, connection: ssl.SSLSocket) -> None:
        found = hashlib.sha256(connection.getpeercert(True) or b"").hexdigest()
        if found != self._fingerprint:
            raise NotAuthorised(
                f"the certificate of {self.peer} is not the pinned one: expected SHA256:{self._fingerprint}, presented "
                f"SHA256:{found}. Nothing was sent. Ask the supplier whether it was renewed; if it confirms the new "
                "fingerprint, put it into certificate. If not, someone may be posing as this server"
            )

    def _log_in(self, session: Session) -> None:
        try:
            # Not FTP_TLS.login: it would ask for TLS by itself, also where plain FTP was chosen.
            ftplib.FTP.login(session, wire(self._login.username), wire(self._login.password))
        except ftplib.error_perm as error:
            raise NotAuthorised(
                f"{self.peer} did not accept the login of {self._login.username!r}: {words(error)}. "
                "Check the user name and the password, then enable the connection again"
            ) from error
        if self._login.tls:
            session.prot_p()

    def _offers_facts(self, session: Session) -> bool:
        with contextlib.suppress(ftplib.error_perm):  # a server that knows no FEAT has none of them
            return any(line.strip().upper().startswith("MLST") for line in session.sendcmd("FEAT").splitlines())
        return False

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    async def _in_thread(self, step: Callable[[], T]) -> T:
        """One step after the other, as a connection says one thing at a time. Canceled, it is over before this returns: a
        file that appears later than it was given up would tell the wrong story."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, f"ftp-{self._login.host}")
        job = self._thread.submit(step)
        try:
            return await asyncio.shield(asyncio.wrap_future(job))
        except asyncio.CancelledError:
            if not job.cancel():  # it runs
                self._given_up = True
                self._hang_up()
                await asyncio.to_thread(wait, [job])
                self._given_up = False
            raise

    def _hang_up(self) -> None:
        """Whoever reads or writes there stops at once, with an error."""
        session = self._latest
        for end in (session.sock, session.data) if session is not None else ():
            if end is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(end, socket.SHUT_RDWR)  # not TLS's own, which would go on in the clear

    async def close(self) -> None:
        """The connection is closed; the next call opens a new one."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._leave)
            thread.shutdown(wait=False)

    def _leave(self) -> None:
        if self._session is not None:
            with contextlib.suppress(*_LOST, ftplib.Error):
                if self._session.sock is not None:
                    self._session.sock.settimeout(5)
                self._session.quit()
        self._drop()

    # --- one operation ------------------------------------------------------------------------------------------------

    async def _run(self, what: str, path: str, step: Callable[[Session], T], *, there: bool = True) -> T:
        """The step's answer. It is tried once more on a fresh connection when a kept one had died.

        ``there``: a no about a file that is there is a lack of permission.
        """
        return await self._in_thread(lambda: self._tried(what, path, step, there))

    def _tried(self, what: str, path: str, step: Callable[[Session], T], there: bool) -> T:
        for last in (self._session is None, True):
            session = self._open()
            try:
                return step(session)
            except _Unsure as error:
                self._drop()
                why = f"broke off ({words(error)})" if str(error) else "did not answer in time"
                raise OutcomeUnknown(f"{self.peer} {why} while asked to {what} {path}") from error
            except (ftplib.error_perm, ftplib.error_temp) as error:
                if not str(error).startswith("421"):
                    raise self._refusal(session, error, what, path, there) from error
                self._drop()
                if last:
                    raise TryLater(f"{self.peer} hung up while asked to {what} {path}: {words(error)}") from error
            except BluebookError:
                self._drop()
                raise
            except _LOST as error:
                self._drop()
                slow = isinstance(error, TimeoutError)
                why = "did not answer in time" if slow else f"broke off ({words(error) or type(error).__name__})"
                if last or slow or self._given_up:
                    raise TryLater(f"{self.peer} {why} while asked to {what} {path}") from error
            except ValueError as error:
                raise Refused(f"{self.peer} could not {what} {path!r}: {error}") from error
        raise AssertionError  # the second round returns or raises

    def _refusal(self, session: Session, error: ftplib.Error, what: str, path: str, there: bool) -> BluebookError:
        code, told = str(error)[:3], f"{self.peer} could not {what} {path}: {words(error)}"
        if code.startswith("4") or code == "552":
            return TryLater(f"{told}. A full disk or a file in use is the usual")
        if code in ("530", "532") or (code in ("550", "553") and _DENIED.search(str(error)[3:])):
            return NotAuthorised(
                f"{told}. {self._login.username!r} has no permission there: ask the supplier to allow it, or correct the "
                "directory in the connection's settings"
            )
        if code in ("550", "553"):
            with contextlib.suppress(ftplib.Error, *_LOST):
                if there and self._look(session, path) is not None:
                    return NotAuthorised(f"{told}. It is there, and {self._login.username!r} may not {what} it")
            return NotFound(f"{told}. There is no such file or directory, or {self._login.username!r} may not see it")
        return Refused(told, code=code)

    def _full(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self._home, path))

    # --- looking ------------------------------------------------------------------------------------------------------

    def _look(self, session: Session, path: str) -> Entry | None:
        """The file or directory, None only when the directory it would be in does not show it either."""
        full = self._full(path)
        for _ in range(2):  # it may have come between the question and the listing
            with contextlib.suppress(ftplib.error_perm):
                return self._described(session, path, full)
            with contextlib.suppress(ftplib.error_perm):
                session.cwd(wire(full))
                return Entry(path, 0, 0)
            if not any(line.endswith(" " + posixpath.basename(full)) for line in self._shown(session, full)):
                return None
        raise ftplib.error_temp(f"450 {wire(full)} is there and cannot be looked at")

    def _described(self, session: Session, path: str, full: str) -> Entry:
        if not self._facts:
            return self._measured(session, path)
        facts = session.sendcmd(f"MLST {wire(full)}").splitlines()[1:-1]
        if not facts:
            raise ftplib.error_perm("550 nothing was said of it")
        _, _, found = fact(facts[0].lstrip())
        return Entry(path, found.size, found.mtime)

    def _shown(self, session: Session, full: str) -> Iterator[str]:
        """The lines of the directory a path is in, hidden files too; none where there is no such directory."""
        try:
            session.cwd(wire(posixpath.dirname(full)))
        except ftplib.error_perm:
            return iter(())
        return lines(self._download(session, "LIST -a", MAX_LISTING))

    def _measured(self, session: Session, path: str) -> Entry:
        """A plain file by its size and time; raises error_perm for anything else."""
        size = session.size(wire(self._full(path)))
        if size is None:
            raise ftplib.error_reply(f"SIZE {path}")
        with contextlib.suppress(ftplib.error_perm):  # a server without MDTM
            return Entry(path, size, moment(session.sendcmd(f"MDTM {wire(self._full(path))}")[4:]))
        return Entry(path, size, 0)

    async def stat(self, path: str) -> Entry | None:
        """The file or directory of this name, None when there is none."""
        return await self._run("look at", path, lambda session: self._look(session, path), there=False)

    async def exists(self, path: str) -> bool:
        """Is there a file or directory of this name?"""
        return await self.stat(path) is not None

    async def listing(self, directory: str) -> tuple[Entry, ...]:
        """The plain files of a directory, sorted by name. Raises NotFound when there is no such directory."""

        def step(session: Session) -> list[Entry]:
            session.cwd(wire(self._full(directory)))  # some list an absent directory as an empty one
            if self._facts:
                listed = lines(self._download(session, "MLSD", MAX_LISTING))
                told = [fact(line) for line in listed if line.strip()]
                return [
                    Entry(posixpath.join(directory, name), e.size, e.mtime) for name, kind, e in told if kind == "file"
                ]
            return list(self._named(session, directory))

        found = await self._run("list", directory, step, there=False)
        return tuple(sorted(found, key=lambda entry: entry.path))

    def _named(self, session: Session, directory: str) -> Iterator[Entry]:
        """By name, size and time: what LIST shows is for people, its times to the minute and in any zone."""
        try:
            names = [posixpath.basename(line.rstrip()) for line in lines(self._download(session, "NLST", MAX_LISTING))]
        except ftplib.error_perm:
            return  # how some say that there is nothing
        for name in names:
            if name not in ("", ".", ".."):
                with contextlib.suppress(ftplib.error_perm):  # a directory, or taken meanwhile
                    yield self._measured(session, posixpath.join(directory, name))

    # --- files --------------------------------------------------------------------------------------------------------

    def _download(self, session: Session, command: str, limit: int) -> bytes:
        """What the command sends, at most one byte more than ``limit``."""
        parts, size = [], 0
        with contextlib.closing(session.transfercmd(command)) as connection:
            while size <= limit and (part := connection.recv(min(_BLOCK, limit + 1 - size))):
                parts.append(part)
                size += len(part)
            if size > limit:  # the rest is not wanted; a connection in the middle of a transfer is of no further use
                self._drop()
                return b"".join(parts)
            goodbye(connection)
        session.voidresp()  # without it the connection broke, however much arrived
        return b"".join(parts)

    async def write(self, path: str, body: bytes) -> None:
        """The file has exactly this name and these bytes. Overwrites."""

        def step(session: Session) -> None:
            with contextlib.closing(session.transfercmd(f"STOR {wire(self._full(path))}")) as connection:
                connection.sendall(body)
                goodbye(connection)
            session.voidresp()

        await self._run("write", path, step)

    async def read(self, path: str, limit: int) -> bytes:
        """The file's bytes; raises Refused when there are more than ``limit`` of them."""
        command = f"RETR {wire(self._full(path))}"
        body = await self._run("read", path, lambda session: self._download(session, command, limit))
        if len(body) > limit:
            raise Refused(f"{path} on {self.peer} is larger than the {limit} bytes we accept; nothing of it was used")
        return body

    async def rename(self, source: str, target: str) -> None:
        """The file has its new name, in one step; an older file of that name is replaced where the server allows it.

        Raises OutcomeUnknown when no answer came, and then only; every other error means that nothing was renamed.
        """
        await self._run(
            "rename", f"{source} to {target}", lambda session: self._renamed(session, source, target), there=False
        )

    def _renamed(self, session: Session, source: str, target: str) -> None:
        reply = session.sendcmd(f"RNFR {wire(self._full(source))}")
        if not reply.startswith("3"):
            raise ftplib.error_reply(reply)
        try:
            session.voidcmd(f"RNTO {wire(self._full(target))}")
        except ftplib.Error as error:
            if str(error).startswith("421") or isinstance(error, (ftplib.error_proto, ftplib.error_reply)):
                raise _Unsure(str(error)) from error
            raise
        except (OSError, EOFError) as error:
            raise _Unsure("" if isinstance(error, TimeoutError) else str(error) or "it hung up") from error

    async def make_directory(self, path: str) -> None:
        """The directory exists."""

        def step(session: Session) -> None:
            parts = self._full(path).split("/")
            for end in range(2, len(parts) + 1):
                part = wire("/".join(parts[:end]) or "/")
                try:
                    session.cwd(part)
                except ftplib.error_perm:
                    session.mkd(part)

        await self._run("make the directory", path, step)

    async def move(self, path: str, directory: str) -> str | None:
        """The file lies in ``directory``, which is made if need be; returns its new path, None when it was gone.

        A name already taken gets ``-1``, ``-2`` … before its ending. FTP has no rename that would not replace, so the name is
        looked for first.
        """
        await self.make_directory(directory)
        for target in targets(path, directory):
            if await self.exists(target):
                continue
            try:
                await self.rename(path, target)
            except (NotFound, TryLater, Refused):
                if await self.exists(path):
                    raise
                return None
            return target
        raise crowded(path, f"{directory} on {self.peer}")

    async def remove(self, path: str) -> None:
        """There is no such file."""
        with contextlib.suppress(NotFound):
            await self._run("remove", path, lambda session: session.delete(wire(self._full(path))))

    async def check(self) -> str:
        """Logged in; returns who and where, for people to read."""
        home = await self._run("resolve", ".", lambda session: path_of(session.pwd()))
        how = "by FTPS" if self._login.tls else "by FTP, in the clear"
        return f"{self._login.username} at {self.peer} {how}, in {home}"
