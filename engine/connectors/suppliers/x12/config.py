"""What a person sets to connect a supplier by EDI X12."""

from __future__ import annotations

from typing import Literal

from engine.domain.x12.scan import Delimiters
from engine.domain.x12.writing import Envelope
from engine.errors import Misconfigured
from engine.transports.ways import Files


class Config(Files, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How files or messages travel, who we are to each other, and what the supplier's guide asks for.

    ``engine.transports.ways`` says what each way for files needs; as2 needs ``as2_url``, ``as2_from``, ``as2_to`` and the
    certificates that what it asks for takes.
    """

    transport: Literal["sftp", "ftps", "ftp", "folder", "as2"] = "sftp"  # type: ignore[assignment]

    orders_dir: str = "in"  # where the supplier reads
    answers_dir: str = "out"  # where it writes
    answers_pattern: str = "*"
    extension: str = "edi"

    as2_url: str = ""  # where the partner takes messages
    as2_from: str = ""  # our AS2 name
    as2_to: str = ""  # the partner's
    as2_certificate: str = ""  # ours, in PEM
    as2_private_key: str = ""  # `passphrase` opens it, where it is encrypted
    as2_next_certificate: str = ""  # what follows it
    as2_next_private_key: str = ""
    as2_next_from: str = ""  # from when it is used for what we send; empty: when the first ends
    as2_partner_certificate: str = ""
    as2_partner_next_certificate: str = ""
    as2_partner_next_from: str = ""
    as2_sign: Literal["sha256", "sha384", "sha512", "sha1", "none"] = "sha256"
    as2_encrypt: Literal["aes256", "aes128", "3des", "none"] = "aes256"
    as2_compress: bool = False
    as2_transfer: Literal["binary", "base64"] = "binary"  # base64 for partners that take what is encrypted for text
    as2_mdn: Literal["sync", "async"] = "sync"
    as2_signed_mdn: bool = True
    as2_answer_url: str = ""  # for async: where we are reached from outside, https://we.example/as2/3
    as2_mdn_seconds: float = 30.0  # for async: how long an MDN is awaited before the outcome is called unknown
    as2_receipt_hosts: str = ""  # hosts, besides that of as2_url, that may ask for our MDNs to be posted to them
    as2_tls_certificate: str = ""  # whom to trust for https, in PEM; empty: the system's authorities

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

    def __post_init__(self) -> None:
        """What one transport needs and another does not is missed when the supplier is added, not when it is first used."""
        if self.transport == "as2":
            self._needs_as2()
        else:
            Files.__post_init__(self)

    def _needs_as2(self) -> None:
        secured = self.as2_sign != "none" or self.as2_encrypt != "none"
        needed = ["as2_url", "as2_from", "as2_to"]
        needed += ["as2_certificate", "as2_private_key"] if secured else []
        needed += ["as2_partner_certificate"] if secured or self.as2_signed_mdn else []
        needed += ["as2_answer_url"] if self.as2_mdn == "async" else []
        for name in needed:
            if not getattr(self, name):
                raise ValueError(
                    f"{name} is missing: it is needed to exchange messages by AS2 as the other settings say"
                )


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
        newline=_newline(config), charset=config.charset,
    )  # fmt: skip


def _marks(config: Config) -> tuple[str, str, str]:
    return config.element_separator, config.component_separator, config.segment_terminator


def _newline(config: Config) -> str:
    if not config.newline or config.segment_terminator in "\r\n":
        return ""
    # Much that handles AS2 takes what is signed for text, and text has CRLF.
    return "\r\n" if config.transport == "as2" else "\n"
