"""Which way files travel to one supplier: what a person sets for it, once for every connector whose documents are files.

A connector's configuration is made from ``Files``, so that its settings come after those here and have the same names
everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from engine.errors import Misconfigured
from engine.transports import ftp, sftp
from engine.transports.exchange import Delivery, Pickup, Source
from engine.transports.files import FileTransport
from engine.transports.folder import Folder

SECRETS = frozenset({"password", "private_key", "passphrase"})
_FTP = ("ftp", "ftps")


class Files(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the files are and who may take them; directories start where the login does.

    ``transport`` sftp needs host, username, host_key and a password or private_key; ftps and ftp host, username and
    password; folder needs ``folder``. ``port`` 0 is the usual one.
    """

    transport: Literal["sftp", "ftps", "ftp", "folder"] = "sftp"
    host: str = ""
    port: int = 0
    username: str = ""
    password: str = ""
    private_key: str = ""
    passphrase: str = ""
    host_key: str = ""
    certificate: str = ""  # ftps: a SHA256:… fingerprint or a PEM to trust; empty: one the public authorities vouch for
    timeout: float = 60.0
    folder: str = ""  # an absolute path on this machine

    orders_name: str = "{po_number}"  # of a purchase order's file, before its ending
    staging_dir: str = ""  # same file system as orders_dir; empty: a dot name inside orders_dir
    settle_seconds: float = 2.0
    max_file_bytes: int = 32 * 1024 * 1024
    files_per_poll: int = 200

    def __post_init__(self) -> None:
        """What one way needs and another does not is missed when the supplier is added, not when it is first used."""
        if self.transport == "folder":
            if not self.folder:
                raise ValueError("folder is missing: the absolute path of a directory on this machine")
            return
        needed = ("host", "username", "password") if self.transport in _FTP else ("host", "username", "host_key")
        for name in needed:
            if not getattr(self, name):
                raise ValueError(f"{name} is missing: it is needed to connect by {self.transport.upper()}")
        if not self.password and not self.private_key:
            raise ValueError("password and private_key are both missing: one of them is needed to log in")


def transport(config: Files) -> FileTransport:
    """How files travel to this supplier. Opens nothing; raises Misconfigured for what cannot be used."""
    if config.transport == "folder":
        return Folder(config.folder)
    if config.transport in _FTP:
        return ftp.Ftp(
            ftp.Login(
                host=config.host, port=config.port or 21, username=config.username, password=config.password,
                tls=config.transport == "ftps", certificate=config.certificate,
            ),
            timeout=config.timeout,
        )  # fmt: skip
    return sftp.Sftp(
        sftp.Login(
            host=config.host, port=config.port or 22, username=config.username, password=config.password,
            private_key=config.private_key, passphrase=config.passphrase, host_key=config.host_key,
        ),
        timeout=config.timeout,
    )  # fmt: skip


def delivery(config: Files, files: FileTransport, *, orders_dir: str, extension: str) -> Delivery:
    """Purchase orders out, each delivered once."""
    if not orders_dir:
        raise Misconfigured("orders_dir is missing: the directory the supplier takes orders from")
    return Delivery(
        files, orders_dir=orders_dir, staging_dir=config.staging_dir, extension=extension, pattern=config.orders_name
    )


def pickup(config: Files, files: FileTransport, sources: Sequence[Source], typed: Callable[[str, int], str]) -> Pickup:
    """Answers in, each read whole. Times by FTP may be in anybody's zone, so there a file's size is watched by our clock."""
    return Pickup(
        files, sources, typed, settle_seconds=config.settle_seconds, max_file_bytes=config.max_file_bytes,
        files_per_poll=config.files_per_poll, twice=config.transport in _FTP and config.settle_seconds > 0,
    )  # fmt: skip
