"""The servers once a session, and the shop on top of them for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.connectors.email.post import Post, post
from tests.support import certificates
from tests.support.dovecot import Dovecot, dovecot
from tests.support.mail_server import MailServer, mail_server


@pytest.fixture(scope="session")
def box() -> Iterator[Dovecot]:
    """Debian's Dovecot."""
    with dovecot() as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The mail server's certificate and key."""
    return certificates.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[MailServer]:
    """An SMTP server in a process of its own, with STARTTLS and a log-in."""
    with mail_server(tmp_path / "smtp", certificate) as running:
        yield running


def _emptied(box: Dovecot) -> Dovecot:
    for part in ("new", "cur"):
        for letter in (box.box / part).iterdir():
            letter.unlink()
    return box


@pytest.fixture
async def by_mail(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, server: MailServer, box: Dovecot
) -> AsyncIterator[Post]:
    """The shop and its supplier, with an empty mailbox."""
    async with post(monkeypatch, server, _emptied(box)) as found:
        yield found


@pytest.fixture
async def on_each(
    database: str, monkeypatch: pytest.MonkeyPatch, server: MailServer, box: Dovecot
) -> AsyncIterator[Post]:
    """The same on each database."""
    async with post(monkeypatch, server, _emptied(box)) as found:
        yield found
