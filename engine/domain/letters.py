"""A mail as it was received, taken apart: who it answers, what is attached, and what a bounce says.

Whatever bytes come, the result is a ``Letter`` or Unreadable: mail is written by every program there is, and by people
who mean no good.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

import msgspec

from engine.errors import Unreadable

MOST_PARTS = 200
"""A letter with more parts is no letter."""
_LONGEST = 8_000  # of a header; the standard library decodes longer ones in quadratic time
_ID = re.compile(r"<[^<>\s]{1,400}>")
# All of these take time in proportion to the text, whatever the text.
_TAG = re.compile(r"<[^<>]{0,2000}>")
_UNSEEN = re.compile(r"</?(?:style|script)\b[^<>]{0,2000}>", re.IGNORECASE)
_QUOTED = re.compile(r"^>.*$\n?", re.MULTILINE)
_HEADER_END = re.compile(rb"\r?\n\r?\n")


class Attached(msgspec.Struct, frozen=True):
    """A file that came with a letter, by the name its sender gave it."""

    name: str
    content_type: str
    body: bytes


class Fate(msgspec.Struct, frozen=True):
    """What a mail server says became of a letter of ours for one recipient (RFC 3464).

    ``action``: failed, delayed, delivered, relayed, expanded; ``status`` and ``said`` are its own words.
    """

    recipient: str
    action: str
    status: str = ""
    said: str = ""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter. ``answers`` are the message ids it replies to or reports on, the closest first; ``sender`` is in lower case.

    ``automatic``: the answer of a machine to a letter, such as that someone is away. ``fates`` are there in a report on
    the delivery of a letter of ours, and only there.
    """

    message_id: str = ""
    sender: str = ""
    subject: str = ""
    date: datetime | None = None
    answers: tuple[str, ...] = ()
    automatic: bool = False
    text: str = ""
    attached: tuple[Attached, ...] = ()
    fates: tuple[Fate, ...] = ()


def read(body: bytes) -> Letter:
    """The letter these bytes are. Raises Unreadable where they are none."""
    try:
        whole = email.message_from_bytes(body)
        parts = list(_parts(whole))
        texts, attached = _contents(parts)
        return Letter(
            message_id=_first_id(_header(whole, "Message-ID")),
            sender=_address(whole),
            subject=_header(whole, "Subject"),
            date=_date(whole),
            answers=tuple(dict.fromkeys(_answers(whole, parts))),
            automatic=_is_automatic(whole),
            text=_plain(texts),
            attached=attached,
            fates=tuple(_fates(whole, parts)),
        )
    except Unreadable:
        raise
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        AssertionError,
        HeaderParseError,
    ) as error:
        # The parser is lenient and its getters are not: each of these has been seen to come out of a damaged mail.
        raise Unreadable(f"it is no mail that can be read ({type(error).__name__})") from error


def head(body: bytes) -> bytes:
    """The header of a mail, for whoever wants to know first whether it is theirs."""
    return _HEADER_END.split(body, maxsplit=1)[0]


def addresses(text: str) -> tuple[str, ...]:
    """The addresses in a header or a setting, in lower case, each once."""
    found = (address.strip().lower() for _, address in getaddresses([text.replace(";", ",")]))
    return tuple(dict.fromkeys(address for address in found if "@" in address))


# --- headers ----------------------------------------------------------------------------------------------------------


def _header(part: Message, name: str) -> str:
    """The header as people read it, on one line."""
    value = part.get(name)
    if value is None:
        return ""
    found = []
    for piece, charset in decode_header(str(value)[:_LONGEST]):
        if isinstance(piece, str):
            found.append(piece)
        else:
            found.append(_decoded(piece, charset or "ascii"))
    return " ".join(_clean("".join(found)).split())[:2000]


def _clean(text: str) -> str:
    """The text without what no database and no page can hold: NUL and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, "replace")
    except (LookupError, ValueError, TypeError):
        return body.decode("utf-8", "replace")


def _address(whole: Message) -> str:
    return next(iter(addresses(_header(whole, "From"))), "")


def _first_id(text: str) -> str:
    found = _ID.search(text)
    return found[0] if found else ""


def _date(whole: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(_header(whole, "Date"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _answers(whole: Message, parts: list[Message]) -> Iterator[str]:
    yield from _ID.findall(_header(whole, "In-Reply-To"))
    yield from reversed(_ID.findall(str(whole.get("References", ""))[-_LONGEST:]))
    # A report brings the header of what it reports on, and a forwarded letter the letter.
    for part in parts:
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], Message):
                yield from _ID.findall(_header(inner[0], "Message-ID"))
        elif kind == "text/rfc822-headers":
            yield from _ID.findall(_header(email.message_from_bytes(_bytes(part)), "Message-ID"))


def _is_automatic(whole: Message) -> bool:
    if _header(whole, "Auto-Submitted").lower().startswith("auto-replied"):
        return True
    return bool(whole.get("X-Autoreply") or whole.get("X-Autorespond")) or _header(whole, "Precedence") == "auto_reply"


# --- parts ------------------------------------------------------------------------------------------------------------


def _parts(whole: Message) -> Iterator[Message]:
    """Every part, outer ones first; what is inside an attached letter is its own affair."""
    waiting, count = [whole], 0
    while waiting:
        part = waiting.pop(0)
        count += 1
        if count > MOST_PARTS:
            raise Unreadable(f"it has more than {MOST_PARTS} parts")
        yield part
        inner = part.get_payload()
        if isinstance(inner, list) and part.get_content_maintype() == "multipart":
            waiting += [one for one in inner if isinstance(one, Message)]


def _bytes(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _contents(parts: list[Message]) -> tuple[list[tuple[str, str]], tuple[Attached, ...]]:
    texts: list[tuple[str, str]] = []
    attached: list[Attached] = []
    for part in parts:
        kind = part.get_content_type()
        if part.get_content_maintype() in ("multipart", "message"):
            continue
        name = _name(part)
        if name or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            attached.append(Attached(name, kind, _bytes(part)))
        elif kind in ("text/plain", "text/html"):
            texts.append((kind, _decoded(_bytes(part), str(part.get_content_charset() or "utf-8"))))
        elif kind == "text/csv":
            attached.append(Attached("", kind, _bytes(part)))
    return texts, tuple(attached)


def _name(part: Message) -> str:
    found = part.get_filename("")
    pieces = [p if isinstance(p, str) else _decoded(p, c or "utf-8") for p, c in decode_header(str(found or ""))]
    name = " ".join(_clean("".join(pieces)).split())
    return re.split(r"[/\\]", name)[-1][:200]


def _plain(texts: list[tuple[str, str]]) -> str:
    """What a person wrote, without what they quoted; from HTML only where there is no plain text."""
    plain = [text for kind, text in texts if kind == "text/plain"]
    if not plain:
        plain = [
            _TAG.sub(" ", " ".join(_UNSEEN.split(text[:200_000])[::2])) for kind, text in texts if kind == "text/html"
        ]
    joined = _clean("\n".join(plain)).replace("\r\n", "\n").replace("\r", "\n")
    return _QUOTED.sub("", joined).strip()[:20_000]


# --- reports ----------------------------------------------------------------------------------------------------------


def _fates(whole: Message, parts: list[Message]) -> Iterator[Fate]:
    """What a report says of each recipient. Nothing where this is none."""
    if whole.get_content_type() != "multipart/report" and not any(
        part.get_content_type() == "message/delivery-status" for part in parts
    ):
        return
    for part in parts:
        if part.get_content_type() != "message/delivery-status":
            continue
        inner = part.get_payload()
        blocks = [one for one in inner if isinstance(one, Message)] if isinstance(inner, list) else []
        for block in blocks:
            recipient = _recipient(block, "Final-Recipient") or _recipient(block, "Original-Recipient")
            action = _header(block, "Action").lower()
            if recipient and action:
                said = _header(block, "Diagnostic-Code").partition(";")[2].strip() or _header(block, "Status")
                yield Fate(recipient, action, _header(block, "Status"), said[:500])


def _recipient(block: Message, name: str) -> str:
    text = _header(block, name)
    return next(iter(addresses(text.partition(";")[2] or text)), "")
