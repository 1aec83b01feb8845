"""What a person sets to connect a supplier by EDI X12."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.domain.x12.scan import Delimiters
from engine.domain.x12.writing import Envelope
from engine.errors import Misconfigured
from engine.transports.files import FileTransport
from engine.transports.folder import Folder
from engine.transports.sftp import Login, Sftp


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How files travel, who we are to each other, and what the supplier's guide asks for.

    ``transport`` sftp needs host, username, host_key and a password or private_key; folder needs ``folder``.
    """

    transport: Literal["sftp", "folder"] = "sftp"
    host: str = ""
    port: int = 22
    username: str = ""
    password: str = ""
    private_key: str = ""
    passphrase: str = ""
    host_key: str = ""
    timeout: float = 60.0
    folder: str = ""  # an absolute path on this machine

    orders_dir: str = "in"  # where the supplier reads
    staging_dir: str = ""  # same file system as orders_dir; empty: a dot name inside orders_dir
    answers_dir: str = "out"  # where it writes
    answers_pattern: str = "*"
    extension: str = "edi"

    sender_id: str
    sender_qualifier: str = "ZZ"
    receiver_id: str
    receiver_qualifier: str = "ZZ"
    group_sender: str = ""  # GS02; empty: as sender_id
    group_receiver: str = ""
    version: Literal["004010", "005010"] = "004010"
    test: bool = False  # ISA15 T; answers must say the same
    element_separator: str = "*"
    component_separator: str = ">"
    segment_terminator: str = "~"
    newline: bool = True  # after every segment, for people
    charset: Literal["ascii", "latin-1", "utf-8"] = "ascii"
    first_control_number: int = 1

    order_type: str = "DS"  # BEG02: DS drop shipment, SA stand-alone
    item_qualifier: str = "VP"  # of the supplier's own SKU
    own_item_qualifier: str = "SK"  # of ours beside it; empty: left out
    unit: str = "EA"
    shipping_in: Literal["td5", "ref", "none"] = "td5"
    shipping_qualifier: str = "2"  # TD502 (2: the code is a SCAC) or REF01
    notes: bool = True
    cancel_by_860: bool = True
    rejected_865: Literal["ask", "refused", "canceled"] = "ask"  # what "rejected" line by line says of our 860
    send_receipts: bool = True  # a 997 for what comes in
    receipt_hours: float = 24.0  # how long a 997 may take before a person is told; 0: none is expected
    timezone: str = "UTC"  # of its dates and times
    currency: str = "USD"  # of costs in an 846 that names none

    settle_seconds: float = 2.0
    max_file_bytes: int = 32 * 1024 * 1024
    files_per_poll: int = 200

    def __post_init__(self) -> None:
        """What one transport needs and another does not is missed when the supplier is added, not when it is first used."""
        if self.transport == "folder":
            if not self.folder:
                raise ValueError("folder is missing: the absolute path of a directory on this machine")
            return
        for name in ("host", "username", "host_key"):
            if not getattr(self, name):
                raise ValueError(f"{name} is missing: it is needed to connect by SFTP")
        if not self.password and not self.private_key:
            raise ValueError("password and private_key are both missing: one of them is needed to log in")


def transport(config: Config) -> FileTransport:
    """How files travel to this supplier."""
    if config.transport == "folder":
        return Folder(config.folder)
    login = Login(
        host=config.host, port=config.port, username=config.username, password=config.password,
        private_key=config.private_key, passphrase=config.passphrase, host_key=config.host_key,
    )  # fmt: skip
    return Sftp(login, timeout=config.timeout)


def envelope(config: Config) -> Envelope:
    """Who sends to whom, and by which characters. Raises Misconfigured for what an ISA cannot carry."""
    for name in ("sender_id", "receiver_id"):
        value = getattr(config, name)
        if not 1 <= len(value) <= 15 or value != value.strip() or not value.isascii() or not value.isprintable():
            raise Misconfigured(f"{name} must be 1 to 15 plain characters, as agreed with the supplier, not {value!r}")
    for name in ("sender_qualifier", "receiver_qualifier", "item_qualifier", "unit", "order_type"):
        if len(getattr(config, name)) != 2 or not getattr(config, name).isalnum():
            raise Misconfigured(f"{name} must be a code of two characters, not {getattr(config, name)!r}")
    marks = Delimiters(
        config.element_separator, config.component_separator, config.segment_terminator,
        "" if config.version == "004010" else next(c for c in "^!{" if c not in _marks(config)),
    )  # fmt: skip
    if any(len(mark) != 1 or mark.isalnum() or mark == " " for mark in _marks(config)) or len(set(_marks(config))) < 3:
        raise Misconfigured(
            "element_separator, component_separator and segment_terminator must be three different single characters that "
            "are neither letters, digits nor blanks"
        )
    if not 1 <= config.first_control_number <= 900_000_000:
        raise Misconfigured("first_control_number must be between 1 and 900,000,000")
    return Envelope(
        sender_qualifier=config.sender_qualifier, sender=config.sender_id, receiver_qualifier=config.receiver_qualifier,
        receiver=config.receiver_id, group_sender=config.group_sender, group_receiver=config.group_receiver,
        version=config.version, usage="T" if config.test else "P", delimiters=marks,
        newline="\n" if config.newline and config.segment_terminator not in "\r\n" else "", charset=config.charset,
    )  # fmt: skip


def _marks(config: Config) -> tuple[str, str, str]:
    return config.element_separator, config.component_separator, config.segment_terminator
