"""Raw payloads as they may be shown: whatever is secret in them is masked, and what is too long is cut."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from engine import clock, db, vault
from engine.errors import NotFound

MASK = "***"
SHOWN = 200_000
"""Characters of a payload that are shown unless more are asked for."""
_SECRET_NAME = re.compile(
    r"secret|passw|token|api_?key|order_?key|access_?key|authorization|signature|cookie|session|cvv|cvc|card_?number|iban",
    re.IGNORECASE,
)
# Nothing unbounded goes before the word, or a long text without blanks would be tried from each of its characters on.
_SECRET_PAIR = re.compile(
    r"""((?:secret|passw|token|api_?key|order_?key|access_?key|authorization|signature|cookie|cvv|cvc|card_?number|iban)"""
    r"""[\w-]{0,40}["']?\s{0,9}[:=>]\s{0,9}["']?(?:(?:bearer|basic|digest|token)\s{1,9})?)[^"'\s,;&<]+""",
    re.IGNORECASE,
)
# A link by which a supplier answers, also parted by the soft line breaks of a mail: whoever reads it could use it.
_LINK = re.compile(r"(/answer/)(?:[A-Za-z0-9_-]|=\r?\n){20,200}")
# Amounts stay as they were written: 10.50 is not 10.5.
_READ = msgspec.json.Decoder(float_hook=Decimal)
_WRITE = msgspec.json.Encoder(decimal_format="number")


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A payload of the inbox, without its secrets; ``received_at`` is ISO 8601."""

    id: int
    source: str
    source_id: int
    external_id: str
    content_type: str
    received_at: str
    body: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A payload to look at. ``kind``: json (indented), text or binary (``text`` is hexadecimal then).

    ``size`` is the bytes that were received; where ``cut``, ``text`` is only its beginning. ``masked``: is anything?
    """

    id: int
    source: str
    source_id: int
    external_id: str
    content_type: str
    received_at: str
    size: int
    kind: str
    text: str
    cut: bool
    masked: bool


_COLUMNS = "id, source, source_id, external_id, content_type, received_at, body"


async def shown(inbound_id: int, *, at_most: int = SHOWN) -> Shown:
    """The payload as people look at it, no longer than ``at_most`` characters; raises NotFound.

    Secrets are masked in the whole of it before it is cut; that is done beside the loop, which 5 MB would stop.
    """
    row = await _row(inbound_id)
    kind, text, hidden = await asyncio.to_thread(_for_people, bytes(row[6]), await own_secrets(), at_most)
    return Shown(
        id=row[0], source=row[1], source_id=row[2], external_id=row[3], content_type=row[4],
        received_at=clock.moment(row[5]).isoformat(), size=len(row[6]), kind=kind, text=text[:at_most],
        cut=len(text) > at_most, masked=hidden,
    )  # fmt: skip


async def payload(inbound_id: int) -> str:
    """The payload an event came from, whole, as text with every secret masked; raises NotFound."""
    return (await read(inbound_id, await own_secrets())).body


async def read(inbound_id: int, known: Sequence[str]) -> Payload:
    """The payload as it may be handed to others, ``known`` secrets masked too; raises NotFound."""
    row = await _row(inbound_id)
    return Payload(
        id=row[0], source=row[1], source_id=row[2], external_id=row[3], content_type=row[4],
        received_at=clock.moment(row[5]).isoformat(), body=await asyncio.to_thread(masked, bytes(row[6]), known),
    )  # fmt: skip


async def _row(inbound_id: int) -> list[Any]:
    found = await db.row(f"SELECT {_COLUMNS} FROM inbound_messages WHERE id = ?", inbound_id)
    if found is None:
        raise NotFound(f"there is no payload {inbound_id} in the inbox")
    return list(found)


async def own_secrets() -> list[str]:
    """The credentials of every connection, the longest first: wherever they turn up, they are not to leave the house."""
    found = []
    for table in ("channels", "suppliers"):
        for row_id, sealed in [tuple(r) for r in await db.rows(f"SELECT id, secrets FROM {table}")]:
            for name, text in msgspec.json.decode(sealed, type=dict[str, str]).items():
                found.append(vault.open_sealed(text, table=table, row=str(row_id), field=name))
    return sorted((secret for secret in found if len(secret) >= 4), key=len, reverse=True)


def masked(body: bytes, known: Iterable[str] = ()) -> str:
    """The payload as text without what is secret: fields whose names say so, and the ``known`` secrets anywhere."""
    return _masked(body, known)[1]


def _for_people(body: bytes, known: Sequence[str], at_most: int) -> tuple[str, str, bool]:
    """Of what kind it is, the text (at most little longer than is shown), and whether something was masked."""
    try:
        body.decode()
    except UnicodeDecodeError:
        if b"\0" in body or _mostly_unreadable(body):
            hidden = any(secret.encode() in body for secret in known)
            for secret in known:
                body = body.replace(secret.encode(), MASK.encode())
            return "binary", body[: at_most // 3 + 2].hex(" "), hidden
    kind, text, hidden = _masked(body, known)
    return kind, msgspec.json.format(text, indent=2) if kind == "json" else text, hidden


def _mostly_unreadable(body: bytes) -> bool:
    text = body[:4096].decode("utf-8", "replace")
    return text.count("\ufffd") > len(text) / 10


def _masked(body: bytes, known: Iterable[str]) -> tuple[str, str, bool]:
    secrets = tuple(known)
    try:
        value = _READ.decode(body)
        hidden = _hidden(value, secrets)
        return "json", _WRITE.encode(hidden).decode(), hidden != value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Not JSON, or nested so deeply that nobody meant it.
        was = body.decode("utf-8", "replace")
        return (
            "text",
            (text := _without(_LINK.sub(rf"\1{MASK}", _SECRET_PAIR.sub(rf"\1{MASK}", was)), secrets)),
            text != was,
        )


def _without(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _hidden(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        # WooCommerce's meta data say {"key": name, "value": …}: the name is a value there.
        named = isinstance(value.get("key"), str) and "value" in value and _SECRET_NAME.search(value["key"])
        return {
            _without(str(k), secrets): MASK
            if v and (_SECRET_NAME.search(str(k)) or (named and k == "value"))
            else _hidden(v, secrets)
            for k, v in value.items()
        }
    if isinstance(value, str):
        # JSON or a form within a string, as some send it: its names are read as those of a text.
        return _without(_SECRET_PAIR.sub(rf"\1{MASK}", value) if "{" in value or "&" in value else value, secrets)
    return [_hidden(item, secrets) for item in value] if isinstance(value, list) else value
