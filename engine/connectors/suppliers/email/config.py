"""What a person sets to connect a supplier by e-mail."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from engine.domain.letters import addresses
from engine.errors import Misconfigured
from engine.settings import settings
from engine.transports.imap import Imap
from engine.transports.mailbox import Mailbox
from engine.transports.maildir import Maildir
from engine.transports.smtp import Security, Server, own


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom orders are mailed and through which server, where replies are read, and how their tables look.

    Without ``smtp_host`` the mail server of Bluebook's own settings is used.
    """

    to: str  # addresses, separated by commas: all of them get each order
    sender: str = ""  # From; replies and bounces must reach the inbox. Empty: smtp_from of the settings
    our_name: str = ""  # who orders, as the supplier knows you
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: Security = "starttls"
    smtp_user: str = ""
    smtp_password: str = ""

    inbox: Literal["none", "imap", "maildir"] = "none"
    imap_host: str = ""
    imap_port: int = 993
    imap_security: Literal["tls", "starttls", "none"] = "tls"
    imap_user: str = ""
    imap_password: str = ""
    imap_folder: str = "INBOX"
    maildir: str = ""  # an absolute path on this machine
    senders: str = ""  # further addresses, or @domains, whose mail is this supplier's

    ca_certificate: str = ""  # PEM: trusted instead of the system's
    links: bool = True  # to answer by, where BLUEBOOK_PUBLIC_URL is set
    link_days: int = 30
    timeout: float = 60.0

    fields: dict[str, str] = {}  # ours -> theirs, e.g. {"tracking_number": "Sendungsnummer"}
    status_map: dict[str, str] = {}  # theirs -> ours, e.g. {"in stock": "acknowledged"}
    date_format: str = ""  # strptime; empty: ISO 8601
    timezone: str = "UTC"  # of times without an offset
    currency: str = "USD"
    max_mail_bytes: int = 25 * 1024 * 1024
    mails_per_poll: int = 100

    def __post_init__(self) -> None:
        """What one inbox needs and another does not is missed when the supplier is added, not when it is first used."""
        for name in ("to", "sender", "senders"):  # first: not every Python finds an address in what is none
            if not getattr(self, name).isascii() or "\n" in getattr(self, name) or "\r" in getattr(self, name):
                raise ValueError(f"{name}: addresses are plain ASCII on one line (a domain like münchen.de as xn--…)")
        if not addresses(self.to):
            raise ValueError("to is missing: the e-mail address that takes the orders")
        needed = {"imap": ("imap_host", "imap_user", "imap_password"), "maildir": ("maildir",)}.get(self.inbox, ())
        for name in needed:
            if not getattr(self, name):
                raise ValueError(f"{name} is missing: it is needed to read replies")
        if not 1 <= self.link_days <= 365:
            raise ValueError("link_days must be between 1 and 365")

    @property
    def format(self) -> str:
        """How a table is read whose name does not tell."""
        return "csv"

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who gets each order."""
        return addresses(self.to)

    @property
    def tag(self) -> str:
        """What tells this supplier's orders from others' in the ids of mails."""
        return hashlib.sha256(",".join(sorted(self.recipients)).encode()).hexdigest()[:8]

    def is_theirs(self, address: str) -> bool:
        """Is mail from this address this supplier's?"""
        known = [part.strip().lower() for part in self.senders.replace(";", ",").split(",") if part.strip()]
        return address in self.recipients or any(
            address.endswith(one) if one.startswith("@") else address == one for one in known
        )

    @property
    def from_address(self) -> str:
        """The bare address mail is from. Raises Misconfigured."""
        found = addresses(self.sender or settings().smtp_from)
        if not found:
            raise Misconfigured("sender is missing: the address orders are mailed from, which replies come back to")
        return found[0]


def server(config: Config) -> Server:
    """The mail server orders go out through. Raises Misconfigured where neither this nor Bluebook's settings name one."""
    if not config.smtp_host:
        return own(settings())
    return Server(
        host=config.smtp_host, port=config.smtp_port, user=config.smtp_user, password=config.smtp_password,
        security=config.smtp_security, ca=config.ca_certificate, timeout=config.timeout,
    )  # fmt: skip


def mailbox(config: Config) -> Mailbox | None:
    """Where replies are read, None where they are not."""
    if config.inbox == "imap":
        return Imap(
            config.imap_host, config.imap_port, config.imap_user, config.imap_password, security=config.imap_security,
            folder=config.imap_folder, ca=config.ca_certificate, timeout=config.timeout,
        )  # fmt: skip
    return Maildir(config.maildir) if config.inbox == "maildir" else None
