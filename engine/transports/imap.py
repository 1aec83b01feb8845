"""A mailbox over IMAP, read without leaving a trace: nothing is deleted, moved or marked as seen.

Where it goes on from is the number the server gave the last letter (UID), with the validity of those numbers. When the
server gives new ones the last weeks are read again; what was heard before is known by its bytes.
"""

from __future__ import annotations

import asyncio
import imaplib
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec
from imap_tools import MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxLoginError

from engine import clock
from engine.errors import Misconfigured, NotAuthorised, TryLater, Unreadable
from engine.transports.mailbox import Batch, Received
from engine.transports.smtp import trusting

SINCE = timedelta(days=30)
"""How far back the first look goes: a mailbox may hold years."""
_LOOKED_AT = 2_000
"""Headers read in one visit, so that a crowded mailbox does not hold up everything."""
_UID = re.compile(rb"UID (\d+)")
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_WHEN = re.compile(rb'INTERNALDATE "([^"]+)"')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class _Cursor(msgspec.Struct, frozen=True):
    validity: int
    uid: int


class Imap:
    """See the module. ``ca`` are certificates (PEM) to trust instead of the system's; ``timeout`` is in seconds."""

    def __init__(
        self, host: str, port: int, user: str, password: str, *, security: Literal["tls", "starttls", "none"] = "tls",
        folder: str = "INBOX", ca: str = "", timeout: float = 60.0,
    ) -> None:  # fmt: skip
        self._host, self._port, self._user, self._password = host, port, user, password
        self._security, self._folder, self._ca, self._timeout = security, folder, ca, timeout
        self.peer = f"the mailbox {user} at {host}:{port}"

    async def fetch(self, cursor: str | None, wanted: Callable[[bytes], bool], *, most: int, limit: int) -> Batch:
        """See ``Mailbox``. Broken off in the middle, it raises TryLater and nothing was read."""
        before = _read(cursor)

        def work() -> Batch:
            with self._session() as (box, validity):
                at = before.uid if before and before.validity == validity else 0
                return _fetch(box, _Cursor(validity, at), wanted, most, limit)

        return await asyncio.to_thread(work)

    async def check(self) -> str:
        """Logged in, and the folder is there."""

        def work() -> str:
            with self._session():
                return f"{self.peer}, folder {self._folder}"

        return await asyncio.to_thread(work)

    @contextmanager
    def _session(self) -> Iterator[tuple[Any, int]]:
        """Logged in, with the folder opened for reading only, and the validity of its numbers."""
        try:
            with self._connected() as box:
                try:
                    box.login(self._user, self._password, initial_folder=None)
                except (MailboxLoginError, UnicodeEncodeError) as error:
                    if "[UNAVAILABLE]" in str(error) or "[INUSE]" in str(error):
                        raise TryLater(f"{self.peer} has no time now: {_short(error)}") from error
                    raise NotAuthorised(f"{self.peer} refused the login: {_short(error)}") from error
                try:
                    box.folder.set(self._folder, readonly=True)
                except MailboxFolderSelectError as error:
                    raise Misconfigured(f"{self.peer} has no folder {self._folder}: {_short(error)}") from error
                answer = box.client.response("UIDVALIDITY")[1]
                yield box, int(answer[0]) if answer and answer[0] else 0
        except (ImapToolsError, imaplib.IMAP4.error, OSError, EOFError, ValueError) as error:
            if isinstance(error, ssl.SSLCertVerificationError):
                said = f"{self.peer} shows a certificate that is not trusted: {error.verify_message}"
                raise Misconfigured(said) from error
            raise TryLater(f"{self.peer} cannot be read now: {_short(error)}") from error

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        where = {"host": self._host, "port": self._port, "timeout": self._timeout}
        if self._security == "none":
            box: Any = MailBoxUnencrypted(**where)
        elif self._security == "starttls":
            box = MailBoxStartTls(**where, ssl_context=trusting(self._ca))
        else:
            box = MailBox(**where, ssl_context=trusting(self._ca))
        try:
            yield box
        finally:
            try:
                box.client.logout()
            except (imaplib.IMAP4.error, OSError):
                box.client.shutdown()


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _read(cursor: str | None) -> _Cursor | None:
    if not cursor:
        return None
    try:
        return msgspec.json.decode(cursor, type=_Cursor)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Unreadable(f"the cursor of this mailbox is not one of ours: {error}") from error


def _fetch(box: Any, at: _Cursor, wanted: Callable[[bytes], bool], most: int, limit: int) -> Batch:
    first = clock.now() - SINCE
    criteria = f"UID {at.uid + 1}:*" if at.uid else f"SINCE {first.day}-{_MONTHS[first.month - 1]}-{first.year}"
    # "7:*" has the last letter in it even where its number is lower.
    uids = sorted(int(uid) for uid in box.uids(criteria, charset=None) if int(uid) > at.uid)
    found: list[Received] = []
    last = at.uid
    for uid in uids[:_LOOKED_AT]:
        letter = _one(box, uid, wanted, limit)
        if letter is not None:
            found.append(letter)
        last = uid
        if len(found) >= most:
            break
    return Batch(tuple(found), msgspec.json.encode(_Cursor(at.validity, last)).decode())


def _one(box: Any, uid: int, wanted: Callable[[bytes], bool], limit: int) -> Received | None:
    """The letter, None where it is not wanted or was deleted meanwhile."""
    about = _answer(box, uid, "(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER])")
    if about is None or not wanted(about[1]):
        return None
    told = _SIZE.search(about[0])
    size = int(told[1]) if told else 0
    at = _when(about[0])
    if size > limit:
        return Received(b"", at, size, about[1])
    whole = _answer(box, uid, "(UID BODY.PEEK[])")
    return None if whole is None else Received(whole[1], at, len(whole[1]), about[1])


def _answer(box: Any, uid: int, what: str) -> tuple[bytes, bytes] | None:
    """What the server says of a letter beside its bytes, and the bytes."""
    status, found = box.client.uid("fetch", str(uid), what)
    if status != "OK":
        raise TryLater(f"the mailbox did not give letter {uid}: {found!r}"[:300])
    told, body = b"", None
    for part in found:
        if isinstance(part, tuple):
            told += part[0] + b" "
            body = part[1] if body is None else body
        elif isinstance(part, bytes):
            told += part + b" "
    named = _UID.search(told)
    # A server may slip in news of another letter.
    return (told, body) if body is not None and (named is None or int(named[1]) == uid) else None


def _when(told: bytes) -> datetime:
    found = _WHEN.search(told)
    try:
        return (
            parsedate_to_datetime(found[1].decode("ascii").strip().replace("-", " ", 2)).astimezone(UTC)
            if found
            else clock.now()
        )
    except (ValueError, TypeError, UnicodeDecodeError):
        return clock.now()
