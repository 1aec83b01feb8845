"""The AS2 partner a connection's settings describe."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

from engine.connectors.suppliers.x12.config import Config
from engine.errors import Misconfigured
from engine.transports.as2 import certificates
from engine.transports.as2.certificates import Credential, Succession, Trusted
from engine.transports.as2.message import Security
from engine.transports.as2.partner import Partner, Terms, host_list


def partner(config: Config) -> Partner:
    """The partner, its certificates read and checked. Raises Misconfigured naming the setting."""
    terms = Terms(
        url=_url(config.as2_url, "as2_url"), ours=_name(config.as2_from, "as2_from"), theirs=_name(config.as2_to, "as2_to"),
        security=Security(
            config.as2_sign, config.as2_encrypt, config.as2_compress, text=config.as2_transfer == "base64"
        ),
        signed_mdn=config.as2_signed_mdn,
        answer_url=_url(config.as2_answer_url, "as2_answer_url") if config.as2_mdn == "async" else "",
        receipt_hosts=host_list(config.as2_receipt_hosts), wait=config.as2_mdn_seconds, timeout=config.timeout,
        tls=_tls(config.as2_tls_certificate),
    )  # fmt: skip
    domain = re.sub(r"[^A-Za-z0-9.-]+", "-", config.as2_from).strip("-.") or "bluebook"
    return Partner(terms, _own(config), _their(config), domain=domain)


def _url(text: str, setting: str) -> str:
    try:
        parts = urlsplit(text)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        right = False
    if not right:
        raise Misconfigured(f"{setting} must be an address such as https://partner.example/as2, not {text!r}")
    return text


def _name(text: str, setting: str) -> str:
    if not 1 <= len(text) <= 128 or text != text.strip() or not text.isascii() or not text.isprintable():
        raise Misconfigured(f"{setting} must be 1 to 128 plain characters, as agreed with the partner, not {text!r}")
    return text


def _since(text: str, setting: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Misconfigured(
            f"{setting} must be a time such as 2027-03-01T06:00Z, or empty: when the first certificate ends"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _own(config: Config) -> Succession[Credential] | None:
    if not config.as2_certificate and not config.as2_private_key:
        return None
    present = certificates.credential(
        config.as2_certificate, config.as2_private_key, config.passphrase, "as2_certificate", "as2_private_key"
    )
    following = None
    if config.as2_next_certificate or config.as2_next_private_key:
        following = certificates.credential(
            config.as2_next_certificate, config.as2_next_private_key, config.passphrase, "as2_next_certificate",
            "as2_next_private_key",
        )  # fmt: skip
    return Succession(present, following, _since(config.as2_next_from, "as2_next_from"))


def _their(config: Config) -> Succession[Trusted] | None:
    if not config.as2_partner_certificate:
        return None
    present = certificates.trusted(config.as2_partner_certificate, "as2_partner_certificate")
    following = None
    if config.as2_partner_next_certificate:
        following = certificates.trusted(config.as2_partner_next_certificate, "as2_partner_next_certificate")
    return Succession(present, following, _since(config.as2_partner_next_from, "as2_partner_next_from"))


def _tls(pem: str) -> ssl.SSLContext | None:
    if not pem:
        return None
    try:
        return ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise Misconfigured(f"as2_tls_certificate must be certificates in PEM: {error}") from error
