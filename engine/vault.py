"""Credentials at rest: AES-256-GCM, bound to the table, row and field they belong to, with a key id for rotation.

A sealed value is ``v1:<key id>:<base64 nonce+ciphertext>``. ``BLUEBOOK_SECRET_KEY`` holds one or more keys,
``<id>:<base64 of 32 bytes>`` separated by commas; the first seals, all of them open. Without it a key file is made
under ``home``, readable by its owner only.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.errors import Misconfigured
from engine.settings import settings

_PREFIX = "v1"


def _parse(text: str, where: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for part in text.replace("\n", ",").split(","):
        if not part.strip():
            continue
        name, _, encoded = part.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not name or len(key) != 32:
            raise Misconfigured(f"{where} must hold <id>:<base64 of 32 bytes>; `bluebook init` makes one")
        keys[name] = key
    if not keys:
        raise Misconfigured(f"{where} holds no key; `bluebook init` makes one")
    return keys


def _key_file() -> Path:
    return settings().home_path / "secret.key"


def make_key_file() -> Path:
    """A key file exists; an existing one is left alone."""
    path = _key_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return path


def _keys() -> dict[str, bytes]:
    if settings().secret_key:
        return _parse(settings().secret_key, "BLUEBOOK_SECRET_KEY")
    path = make_key_file()
    return _parse(path.read_text("ascii"), str(path))


def seal(value: str, *, table: str, row: str, field: str) -> str:
    """The value, sealed for exactly this place."""
    keys = _keys()
    name = next(iter(keys))
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(keys[name]).encrypt(nonce, value.encode(), f"{table}:{row}:{field}".encode())
    return f"{_PREFIX}:{name}:{base64.b64encode(nonce + sealed).decode()}"


def tag(message: bytes, *, purpose: str) -> bytes:
    """Sixteen bytes that only whoever has our first key can make of this message, for this purpose."""
    return _tag(next(iter(_keys().values())), message, purpose)


def is_tag(found: bytes, message: bytes, *, purpose: str) -> bool:
    """Was this tag made of this message, by any of our keys? In constant time."""
    return any(hmac.compare_digest(found, _tag(key, message, purpose)) for key in _keys().values())


def _tag(key: bytes, message: bytes, purpose: str) -> bytes:
    # A key of its own for each purpose, so that what is signed for one says nothing to another, nor to AES.
    own = hmac.digest(key, f"bluebook tag {purpose}".encode(), "sha256")
    return hmac.digest(own, message, "sha256")[:16]


def open_sealed(sealed: str, *, table: str, row: str, field: str) -> str:
    """The value that was sealed for this place; raises Misconfigured when the key is missing or the text was moved."""
    try:
        version, name, encoded = sealed.split(":", 2)
        raw = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise Misconfigured(f"the stored {field} of {table} {row} is damaged; set it again") from error
    key = _keys().get(name)
    if version != _PREFIX or key is None:
        raise Misconfigured(
            f"the {field} of {table} {row} was sealed with key {name!r}, which is not in BLUEBOOK_SECRET_KEY"
        )
    try:
        return AESGCM(key).decrypt(raw[:12], raw[12:], f"{table}:{row}:{field}".encode()).decode()
    except InvalidTag as error:
        raise Misconfigured(f"the stored {field} of {table} {row} does not belong there; set it again") from error
