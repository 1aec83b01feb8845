"""A real SMTP server in a process of its own, with STARTTLS and a log-in, that can be killed at the worst moment.

    python -m tests.support.mail_server FOLDER PORT [CERTIFICATE KEY]

Every mail it took is a file in FOLDER/mails, in the order they came. What FOLDER/mode says decides how it behaves:
``ok``; ``refuse ADDRESS``; ``later`` (451 to every recipient); ``full`` (552 after the mail); ``die-after`` (ends when it has
all of the mail, before it answers); ``die-within`` (ends in the middle of the mail).
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "bluebook", "correct horse"


class Smtp(SMTP):
    """aiosmtpd's server, which may die while it is given a mail."""

    async def smtp_DATA(self, arg: str) -> None:
        if mode(Path(self.event_handler.folder)) == "die-within":
            await self.push("354 go on")
            await self._reader.readexactly(400)
            os._exit(9)
        await super().smtp_DATA(arg)


class Taking:
    """What becomes of recipients and mails."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        now = mode(Path(self.folder))
        if now == f"refuse {address}":
            return f"550 5.1.1 no such user {address}"
        if now == "later":
            return "451 4.7.1 greylisted, try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mails = Path(self.folder) / "mails"
        now = mode(Path(self.folder))
        if now == "full":
            return "552 5.2.2 mailbox full"
        whole = mails / f"{len(list(mails.iterdir())):04d}.eml"
        whole.with_suffix(".part").write_bytes(envelope.content)
        whole.with_suffix(".part").rename(whole)
        if now == "die-after":
            os._exit(9)
        return f"250 2.0.0 queued as {whole.stem}"


def mode(folder: Path) -> str:
    """How the server in this folder behaves."""
    return (folder / "mode").read_text().strip()


def main() -> None:
    folder, port, *tls = sys.argv[1:]
    options: dict[str, Any] = {}
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        options = {"tls_context": context, "require_starttls": True}

    def known(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    class Ours(Controller):
        def factory(self) -> SMTP:
            return Smtp(self.handler, authenticator=known, auth_required=bool(tls), decode_data=False, **options)

    Ours(Taking(folder), hostname="127.0.0.1", port=int(port)).start()
    print("ready", flush=True)
    while True:
        time.sleep(3600)


class MailServer:
    """The server, from outside."""

    def __init__(self, folder: Path, tls: tuple[Path, Path] | None) -> None:
        self.folder, self.tls = folder, tls
        (folder / "mails").mkdir(parents=True, exist_ok=True)
        self.behave("ok")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """It answers."""
        command = [sys.executable, "-m", "tests.support.mail_server", str(self.folder), str(self.port)]
        self.process = subprocess.Popen(
            [*command, *map(str, self.tls or ())], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def stop(self) -> None:
        """It is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None

    def behave(self, how: str) -> None:
        """From here on it behaves so."""
        (self.folder / "mode").write_text(how)

    def bodies(self) -> list[bytes]:
        """Every mail it took, as it came."""
        return [path.read_bytes() for path in sorted((self.folder / "mails").glob("*.eml"))]

    def mails(self) -> list[Message]:
        """The same, read."""
        return [message_from_bytes(body) for body in self.bodies()]


@contextmanager
def mail_server(folder: Path, tls: tuple[Path, Path] | None = None) -> Iterator[MailServer]:
    """A running server; with ``tls`` (certificate, key) it wants STARTTLS and a log-in."""
    server = MailServer(folder, tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()


if __name__ == "__main__":
    main()
