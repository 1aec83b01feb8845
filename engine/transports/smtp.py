"""E-mail out. What became of it is said as exactly as SMTP allows: until the letter itself is sent, nothing has happened."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

import aiosmtplib
import msgspec

from engine.errors import Misconfigured, NotAuthorised, OutcomeUnknown, Refused, TryLater
from engine.settings import Settings

Security = Literal["starttls", "tls", "none"]


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A mail server. ``ca`` are certificates (PEM) to trust instead of the system's; ``timeout`` is in seconds."""

    host: str
    port: int = 587
    user: str = ""
    password: str = ""
    security: Security = "starttls"
    ca: str = ""
    timeout: float = 30.0

    @property
    def where(self) -> str:
        """The server as people are told of it."""
        return f"the mail server {self.host}:{self.port}"


def own(settings: Settings) -> Server:
    """The mail server of the settings; raises Misconfigured where there is none."""
    if not settings.smtp_host:
        raise Misconfigured("no mail server is set: give BLUEBOOK_SMTP_HOST")
    return Server(
        host=settings.smtp_host, port=settings.smtp_port, user=settings.smtp_user, password=settings.smtp_password,
        security="starttls" if settings.smtp_starttls else "none",
    )  # fmt: skip


def trusting(ca: str) -> ssl.SSLContext:
    """TLS that trusts these certificates, or the system's where there are none. Raises Misconfigured."""
    try:
        return ssl.create_default_context(cadata=ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise Misconfigured(f"the certificates to trust are no PEM: {error}") from error


async def send(settings: Settings, to: Sequence[str], subject: str, text: str) -> None:
    """The server of the settings has taken the message for every address.

    Some addresses taken and others refused counts as sent: a second mail to those who have it helps nobody.

    Raises Misconfigured (no server set), TryLater (not reached, or a 4xx), NotAuthorised (login), Refused (a 5xx).
    """
    server = own(settings)
    message = EmailMessage()
    message["From"] = settings.smtp_from
    message["To"] = ", ".join(to)
    # A header is one line; a name from a channel could carry a line break.
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain="bluebook.invalid")
    message.set_content(text)
    try:
        async with _session(server) as client:
            await client.send_message(message)
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _refused(server, error.recipients) from error
    except aiosmtplib.SMTPResponseException as error:
        raise _answered(server, error) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TryLater(f"{server.where} cannot be used: {error}") from error


async def deliver(server: Server, sender: str, to: Sequence[str], message: bytes) -> str:
    """The server has taken these bytes for every address at once; its answer.

    TryLater, NotAuthorised (also for a certificate that is not trusted) and Refused mean that nobody got anything: one
    refused address keeps it from all of them.
    OutcomeUnknown: the letter was on its way when the line went dead, and the server may have taken it or not.
    """
    try:
        async with _session(server) as client:
            await client.mail(sender)
            refused = []
            for address in to:
                try:
                    await client.rcpt(address)
                except aiosmtplib.SMTPRecipientRefused as error:
                    refused.append(error)
            if refused:
                raise _refused(server, refused)
            return await _data(server, client, message)
    except aiosmtplib.SMTPResponseException as error:
        raise _answered(server, error) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TryLater(f"{server.where} cannot be used: {error}") from error


async def _data(server: Server, client: aiosmtplib.SMTP, message: bytes) -> str:
    try:
        answer = await client.data(message)
    except aiosmtplib.SMTPResponseException:
        raise  # a definite answer
    except (aiosmtplib.SMTPException, OSError) as error:
        raise OutcomeUnknown(f"{server.where} went silent while it was given the mail: {error}") from error
    return f"{answer.code} {' '.join(answer.message.split())}"[:300]


async def check(server: Server) -> str:
    """The server answers and lets us in; who and where, for people to read. Raises as ``deliver`` does."""
    try:
        async with _session(server):
            return f"{server.where}{f' as {server.user}' if server.user else ''}"
    except aiosmtplib.SMTPResponseException as error:
        raise _answered(server, error) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TryLater(f"{server.where} cannot be used: {error}") from error


@asynccontextmanager
async def _session(server: Server) -> AsyncIterator[aiosmtplib.SMTP]:
    """Connected and logged in. Whether we were bidden farewell does not matter afterwards."""
    client = aiosmtplib.SMTP(
        hostname=server.host, port=server.port, timeout=server.timeout, use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        tls_context=trusting(server.ca) if server.security != "none" else None,
        username=server.user or None, password=server.password or None,
    )  # fmt: skip
    try:
        await client.connect()
    except aiosmtplib.SMTPAuthenticationError as error:
        client.close()
        raise NotAuthorised(f"{server.where} refused the login: {error.message}") from error
    except (ssl.SSLCertVerificationError, aiosmtplib.SMTPConnectError) as error:
        client.close()
        bad = error if isinstance(error, ssl.SSLCertVerificationError) else error.__cause__
        if isinstance(bad, ssl.SSLCertVerificationError):
            said = f"{server.where} shows a certificate that is not trusted: {bad.verify_message}"
            raise NotAuthorised(said) from error
        raise
    try:
        yield client
        # The letter is taken already: a line that dies now must not make it look as if it was not.
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=5)
    finally:
        client.close()


def _answered(server: Server, error: aiosmtplib.SMTPResponseException) -> TryLater | Refused:
    if 400 <= error.code < 500:
        return TryLater(f"{server.where} answered {error.code}: {error.message}")
    return Refused(f"{server.where} answered {error.code}: {error.message}", code=str(error.code))


def _refused(server: Server, refused: Sequence[aiosmtplib.SMTPRecipientRefused]) -> TryLater | Refused:
    said = "; ".join(f"{r.recipient}: {r.code} {r.message}" for r in refused)
    if all(400 <= r.code < 500 for r in refused):
        return TryLater(f"{server.where} will not take it now: {said}")
    return Refused(f"{server.where} refused {said}")
