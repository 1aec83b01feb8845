"""Certificates and keys: whose counts when, and until when. Trust is by pinning: who is named in the settings, and nobody else.

A certificate can have its successor beside it, so that both sides need not change at the same minute: what comes in may use
either while it is valid, what goes out uses the successor from the moment that was agreed, or when the first ends.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from engine.errors import Misconfigured, NotAuthorised


class Trusted(msgspec.Struct, frozen=True):
    """A certificate and its public key."""

    certificate: x509.Certificate
    public: RSAPublicKey

    @property
    def name(self) -> str:
        """For people: whom it names, its serial number and when it ends."""
        return f"{_subject(self.certificate)}, serial {self.certificate.serial_number:x}, until {self.ends:%Y-%m-%d}"

    @property
    def ends(self) -> datetime:
        """When it is valid no longer."""
        return self.certificate.not_valid_after_utc

    def valid(self, at: datetime) -> bool:
        """Is it, at this time?"""
        return self.certificate.not_valid_before_utc <= at <= self.ends


class Credential(Trusted, frozen=True):
    """A certificate with its private key."""

    private: RSAPrivateKey


T = TypeVar("T", bound=Trusted)


class Succession(msgspec.Struct, Generic[T], frozen=True):
    """A certificate, the one that follows it, and from when: None means when the first ends."""

    present: T
    following: T | None = None
    since: datetime | None = None

    def all(self) -> tuple[T, ...]:
        """Both, the present first."""
        return (self.present,) if self.following is None else (self.present, self.following)

    def at(self, now: datetime) -> T:
        """The one to use for what goes out. Raises NotAuthorised where none is valid."""
        chosen = self.present
        if self.following is not None and now > (self.since or self.present.ends):
            chosen = self.following
        if not chosen.valid(now):
            raise NotAuthorised(
                f"the certificate {chosen.name} is not valid now, so nothing is sent with it. Agree on a new one with the "
                "partner and put it into the connection's settings"
            )
        return chosen

    def valid(self, now: datetime) -> tuple[T, ...]:
        """Those valid now, for what comes in."""
        return tuple(one for one in self.all() if one.valid(now))

    @property
    def ends(self) -> datetime:
        """When the last of them ends."""
        return max(one.ends for one in self.all())


def _subject(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def describe(der: bytes) -> str:
    """Whom a certificate names, for people, as far as it can be read."""
    try:
        found = x509.load_der_x509_certificate(der)
        return f"{_subject(found)}, serial {found.serial_number:x}"
    except ValueError:
        return "a certificate that cannot be read"


def trusted(pem: str, setting: str) -> Trusted:
    """The first certificate of a PEM text. Raises Misconfigured naming the setting."""
    try:
        found = x509.load_pem_x509_certificate(pem.strip().encode())
        public = found.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Misconfigured(
            f"{setting} must be a certificate in PEM (-----BEGIN CERTIFICATE----- …): {error}. One in DER is turned into "
            "it by `openssl x509 -inform DER -in FILE`"
        ) from error
    if not isinstance(public, RSAPublicKey):
        raise Misconfigured(f"{setting} has a key that is not RSA; AS2 partners exchange RSA keys")
    return Trusted(found, public)


def credential(pem: str, key_pem: str, passphrase: str, setting: str, key_setting: str) -> Credential:
    """A certificate with its key. Raises Misconfigured where they are not a pair."""
    mine = trusted(pem, setting)
    try:
        key = load_pem_private_key(key_pem.strip().encode(), passphrase.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Misconfigured(f"{key_setting} must be a private key in PEM, and its passphrase right: {error}") from error
    if not isinstance(key, RSAPrivateKey) or key.public_key() != mine.public:
        raise Misconfigured(f"{key_setting} is not the key of {setting}")
    return Credential(mine.certificate, mine.public, key)
