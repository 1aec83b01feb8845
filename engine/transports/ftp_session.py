"""What ftplib leaves open: TLS sessions taken up again, how a server is known, paths of any bytes, and what listings say."""

from __future__ import annotations

import contextlib
import ftplib
import posixpath
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.errors import Misconfigured
from engine.transports.files import Entry


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect and as whom. ``certificate`` is a ``SHA256:…`` fingerprint, a PEM to trust, or "" for the public ones."""

    host: str
    username: str
    password: str
    port: int = 21
    tls: bool = True
    certificate: str = ""


def wire(path: str) -> str:
    """A path for ftplib, whose encoding here is Latin-1, so that any bytes can be named."""
    return path.encode("utf-8", "surrogateescape").decode("latin-1")


def path_of(text: str) -> str:
    """A path as ftplib gave it, back as it is."""
    return text.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def words(error: Exception) -> str:
    """What the server said, for people."""
    return path_of(str(error)).encode("utf-8", "replace").decode().rstrip(". ")


class Session(ftplib.FTP_TLS):
    """ftplib's client, whose data connections go on with the TLS session of the control connection."""

    data: socket.socket | None = None  # the data connection opened last
    proven: Callable[[ssl.SSLSocket], None] | None = None

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """The data connection, encrypted and proven where the session is."""
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        self.data = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # TLS says goodbye in a packet of its own
        if self._prot_p:  # type: ignore[attr-defined]
            kept = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
            try:
                connection = self.context.wrap_socket(connection, server_hostname=self.host, session=kept)
                if self.proven is not None:
                    self.proven(connection)
            except BaseException:
                connection.close()
                raise
            self.data = connection
        return connection, size


def trust(login: Login) -> tuple[ssl.SSLContext, str]:
    """How the server is known: by the fingerprint (in hexadecimal), or "" where the context's authorities decide."""
    context, told = ssl.create_default_context(), login.certificate.strip()
    if not told:
        return context, ""
    if told.startswith("-----BEGIN"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # this one alone, and not the public authorities too
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(cadata=told)
        except (ssl.SSLError, ValueError) as error:
            raise Misconfigured(f"certificate for {login.host} cannot be read as PEM: {error}") from error
        return context, ""
    digest = re.sub(r"^sha256:|[: ]", "", told.lower())
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise Misconfigured(
            "certificate must be the server's certificate as PEM or its SHA-256 fingerprint in hexadecimal (openssl x509 "
            "-fingerprint -sha256); empty for one that public authorities vouch for"
        )
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the fingerprint alone decides
    return context, digest


def goodbye(connection: socket.socket) -> None:
    """TLS ends in good order: some servers take a file without it for cut off; others never answer it."""
    if isinstance(connection, ssl.SSLSocket):
        with contextlib.suppress(OSError, ValueError):
            connection.unwrap()


def lines(body: bytes) -> Iterator[str]:
    """A listing line by line."""
    return (line.rstrip(b"\r").decode("utf-8", "surrogateescape") for line in body.split(b"\n"))


def moment(text: str) -> int:
    """RFC 3659's time in seconds since 1970; 0 for what is none."""
    try:
        return int(datetime.strptime(text.strip()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0


def fact(line: str) -> tuple[str, str, Entry]:
    """Name, type and the rest of a line of MLSD or MLST."""
    told, _, name = line.partition(" ")
    facts: dict[str, Any] = dict(part.lower().partition("=")[::2] for part in told.split(";") if part)
    size = facts.get("size", "")
    entry = Entry(name, int(size) if size.isdigit() else 0, moment(facts.get("modify", "")))
    return posixpath.basename(name), facts.get("type", ""), entry
