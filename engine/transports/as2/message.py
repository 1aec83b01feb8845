"""AS2 messages: built from a document, and taken apart again. Pure.

Out: the document as a MIME part, compressed, signed and encrypted in this order, as far as the settings ask for it. In: the
same in any order and depth peers may use. The MIC is over what was signed; unsigned, over the part with its headers where
it was encrypted or compressed, and over the bare document where it was neither (RFC 4130 section 7.3.1, RFC 5402 section 4).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from engine.errors import Refused, Unreadable
from engine.transports.as2 import cms, mdn, mime
from engine.transports.as2.certificates import Credential, Trusted
from engine.transports.as2.mime import Entity

MAX_LAYERS = 6
_PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_WANTED = re.compile(r"signed-receipt-micalg\s*=\s*\"?(?:optional|required)\"?\s*,\s*([^;]*)", re.IGNORECASE)


class Security(msgspec.Struct, frozen=True):
    """What is done to a message before it leaves. ``text``: as base64, for partners that take whatever comes for text."""

    sign: cms.Digest | Literal["none"] = "sha256"
    encrypt: cms.CipherName | Literal["none"] = "aes256"
    compress: bool = False
    text: bool = False


class Outgoing(msgspec.Struct, frozen=True):
    """The part of an HTTP request that the message itself decides, and the MICs a right MDN may have."""

    content_type: str
    body: bytes
    mics: tuple[str, ...]


class Envelope(msgspec.Struct, frozen=True):
    """What the HTTP headers of a message say, before anything is opened. ``mic_names`` are the digests they like, in order."""

    sender: str
    receiver: str
    message_id: str
    wants_receipt: bool
    wants_signed: bool
    mic_names: tuple[str, ...]
    receipt_url: str


class Opened(msgspec.Struct, frozen=True):
    """A message taken apart. ``content`` is what the MIC is over; ``digest`` is that of its signature, "" where unsigned."""

    leaf: Entity
    content: bytes
    signed: bool
    encrypted: bool
    digest: str


def build(
    document: bytes, *, filename: str, content_type: str, security: Security, signer: Credential | None,
    to: Trusted | None,
) -> Outgoing:  # fmt: skip
    """The message. Without encryption the same document is the same bytes; a MIC is the same in any case."""
    # Bare line ends are changed by software that takes mail for text: such a document travels as base64.
    plain = not re.search(rb"(?<!\r)\n|\r(?!\n)", document)
    body = document if plain else _base64(document)
    name = mime.clean(filename).replace('"', "")
    head = (
        f'Content-Type: {content_type}; name="{name}"\r\n'
        f"Content-Transfer-Encoding: {'binary' if plain else 'base64'}\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    )
    raw = head.encode("utf-8") + body
    if security.sign == "none" and security.encrypt == "none" and not security.compress:
        return Outgoing(content_type, document, mdn.mics(document))
    mics = mdn.mics(raw)
    now = mime.parse(raw)
    if security.compress:
        now = _pkcs7("compressed-data", "smime.p7z", cms.compress(raw), text=security.text or security.sign != "none")
    if security.sign != "none":
        assert signer is not None
        mics = mdn.mics(now.raw)
        now = mdn.signed(now.raw, signer, security.sign)
    if security.encrypt != "none":
        assert to is not None
        inner = now.raw or b"Content-Type: " + now.headers["content-type"].encode() + b"\r\n\r\n" + now.body
        now = _pkcs7("enveloped-data", "smime.p7m", cms.encrypt(inner, to, security.encrypt), text=security.text)
    return Outgoing(now.headers["content-type"], now.body, mics)


def _base64(document: bytes) -> bytes:
    return base64.encodebytes(document).replace(b"\n", b"\r\n")


def _pkcs7(kind: str, name: str, der: bytes, *, text: bool = False) -> Entity:
    """``text``: as base64, because what is signed goes through software that mends line ends."""
    content_type = f'application/pkcs7-mime; smime-type={kind}; name="{name}"'
    head = (
        f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {'base64' if text else 'binary'}\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    )
    body = _base64(der) if text else der
    return Entity({"content-type": content_type}, body, head.encode() + body)


# --- read -------------------------------------------------------------------------------------------------------------


def envelope(headers: Mapping[str, str]) -> Envelope:
    """What the headers say. Raises Unreadable where it is no AS2 message at all."""
    found = mime.of_http(headers, b"").headers
    sender, receiver = name(found.get("as2-from", "")), name(found.get("as2-to", ""))
    message_id = mime.clean(found.get("message-id", ""))
    if not sender or not receiver or not message_id:
        raise Unreadable("this is no AS2 message: AS2-From, AS2-To and Message-ID are needed")
    if len(message_id) > 998 or len(sender) > 128 or len(receiver) > 128:
        raise Unreadable("this is no AS2 message: a name or the Message-ID is longer than AS2 allows")
    options = found.get("disposition-notification-options", "")
    wanted = _WANTED.search(options)
    url = mime.clean(found.get("receipt-delivery-option", ""))
    return Envelope(
        sender=sender, receiver=receiver, message_id=message_id,
        wants_receipt="disposition-notification-to" in found or bool(url),
        wants_signed="pkcs7-signature" in options.lower(),
        mic_names=tuple(each.strip().strip('"') for each in wanted[1].split(",")) if wanted else (), receipt_url=url,
    )  # fmt: skip


def name(header: str) -> str:
    """An AS2 name from its header, unquoted."""
    text = mime.clean(header)
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def quoted(text: str) -> str:
    """An AS2 name as its header wants it: in quotes where it has a blank, a quote or a backslash."""
    if re.fullmatch(r'[^\s"\\]+', text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def unpack(entity: Entity, keys: Sequence[Credential], trusted: Sequence[Trusted]) -> Opened:
    """What is inside every signature, encryption and compression.

    Raises Unreadable, and Refused with the modifier an MDN has for it as its code.
    """
    content: bytes | None = None
    digest = ""
    encrypted = compressed = False
    for _ in range(MAX_LAYERS):
        kind = entity.content_type
        if kind == "multipart/signed":
            signed, digest = _signed(entity, trusted)
            content = signed if content is None else content
            entity = mime.parse(signed)
        elif kind in _PKCS7:
            der = _der(entity)
            what = cms.kind(der)
            if what == "enveloped_data":
                entity, encrypted = mime.parse(cms.decrypt(der, keys)), True
            elif what == "compressed_data":
                entity, compressed = mime.parse(cms.decompress(der)), True
            elif what == "signed_data":
                signed, digest = cms.verify(der, (), trusted)
                content = signed if content is None else content
                entity = mime.parse(signed)
            else:
                raise Unreadable(f"a part is {what}, which is none of signed, enveloped and compressed data")
        else:
            if content is None:
                content = entity.raw if encrypted or compressed else entity.body
            return Opened(entity, content, bool(digest), encrypted, digest)
    raise Unreadable(f"the message is wrapped more than {MAX_LAYERS} times")


def _der(entity: Entity) -> bytes:
    body = entity.decoded()
    if body[:1] == b"\x30":
        return body
    # Some send base64 without saying so.
    return Entity({"content-transfer-encoding": "base64"}, body).decoded()


def _signed(entity: Entity, trusted: Sequence[Trusted]) -> tuple[bytes, str]:
    parts = mime.parts(entity.body, entity.parameter("boundary"))
    if len(parts) != 2:
        raise Unreadable(f"a signed message has {len(parts)} parts instead of the content and its signature")
    signature = _der(mime.parse(parts[1][0]))
    return cms.verify(signature, mime.variants(*parts[0]), trusted)


def document(opened: Opened) -> bytes:
    """The document inside. Raises Unreadable for one of several parts."""
    if opened.leaf.content_type.startswith("multipart/"):
        raise Unreadable("the message has several documents in it; one at a time can be read", "Content-Type")
    return opened.leaf.decoded()


def demand(opened: Opened, security: Security) -> None:
    """It is as protected as what we send. Raises Refused with code ``insufficient-message-security``."""
    lacking = [
        word for word, missing in (
            ("signed", security.sign != "none" and not opened.signed),
            ("encrypted", security.encrypt != "none" and not opened.encrypted),
        ) if missing
    ]  # fmt: skip
    if lacking:
        raise Refused(f"it is not {' and not '.join(lacking)}, as we agreed", "insufficient-message-security")
