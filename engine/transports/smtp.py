"""E-mail out, by the SMTP server of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import aiosmtplib

from engine.errors import Misconfigured, NotAuthorised, Refused, TryLater
from engine.settings import Settings


async def send(settings: Settings, to: Sequence[str], subject: str, text: str) -> None:
    """The server has taken the message for every address.

    Some addresses taken and others refused counts as sent: a second mail to those who have it helps nobody.

    Raises Misconfigured (no server set), TryLater (not reached, or a 4xx), NotAuthorised (login), Refused (a 5xx).
    """
    if not settings.smtp_host:
        raise Misconfigured("no mail server is set: give BLUEBOOK_SMTP_HOST")
    message = EmailMessage()
    message["From"] = settings.smtp_from
    message["To"] = ", ".join(to)
    # A header is one line; a name from a channel could carry a line break.
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain="bluebook.invalid")
    message.set_content(text)
    where = f"the mail server {settings.smtp_host}:{settings.smtp_port}"
    try:
        await aiosmtplib.send(
            message, hostname=settings.smtp_host, port=settings.smtp_port, username=settings.smtp_user or None,
            password=settings.smtp_password or None, start_tls=settings.smtp_starttls, timeout=30,
        )  # fmt: skip
    except aiosmtplib.SMTPAuthenticationError as error:
        raise NotAuthorised(f"{where} refused the login: {error.message}") from error
    except aiosmtplib.SMTPRecipientsRefused as error:
        said = "; ".join(f"{r.recipient}: {r.code} {r.message}" for r in error.recipients)
        if all(400 <= r.code < 500 for r in error.recipients):
            raise TryLater(f"{where} will not take it now: {said}") from error
        raise Refused(f"{where} refused {said}") from error
    except aiosmtplib.SMTPResponseException as error:
        if 400 <= error.code < 500:
            raise TryLater(f"{where} answered {error.code}: {error.message}") from error
        raise Refused(f"{where} answered {error.code}: {error.message}", code=str(error.code)) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TryLater(f"{where} cannot be used: {error}") from error
