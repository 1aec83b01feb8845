"""MIME as AS2 needs it: to the byte, because signatures and MICs are made over bytes. Pure, and linear in what it reads."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from email.message import Message
from typing import Any

import msgspec

from engine.errors import Unreadable

MAX_HEADER = 64 * 1024
MAX_PARTS = 20
_END = re.compile(rb"\r?\n\r?\n")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]+")


class Entity(msgspec.Struct, frozen=True):
    """Headers by lower-case name, the first of a name, and the body as it was. ``raw`` is both, as it was read."""

    headers: dict[str, str]
    body: bytes
    raw: bytes = b""

    @property
    def content_type(self) -> str:
        """Its type, lower case and without parameters; text/plain where it says none."""
        return self.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()

    def parameter(self, name: str, header: str = "content-type") -> str:
        """A parameter of a header, "" where it has none."""
        return parameters(self.headers.get(header, "")).get(name, "")

    def decoded(self) -> bytes:
        """The body without its transfer encoding. Raises Unreadable."""
        encoding = self.headers.get("content-transfer-encoding", "binary").strip().lower()
        if encoding in ("binary", "8bit", "7bit", ""):
            return self.body
        try:
            if encoding == "base64":
                return binascii.a2b_base64(self.body)
            if encoding == "quoted-printable":
                return binascii.a2b_qp(self.body)
        except binascii.Error as error:
            raise Unreadable(f"the {encoding} of a part cannot be decoded: {error}") from error
        raise Unreadable(f"a part is encoded as {encoding!r}, which MIME does not know")

    @property
    def filename(self) -> str:
        """The name it gives itself, without any folder; "" where it has none."""
        name = self.parameter("filename", "content-disposition") or self.parameter("name")
        return clean(re.split(r"[/\\]", name)[-1])[:120]


def clean(text: str) -> str:
    """The text as it may stand in a header: one line, printable."""
    return _UNSAFE.sub(" ", text).strip()


def parameters(header: str) -> dict[str, str]:
    """The parameters of a header such as Content-Type, by lower-case name, unquoted."""
    holder = Message()
    try:
        holder["x"] = " ".join(header.splitlines())
        found: Any = holder.get_params([], header="x")
    except (ValueError, LookupError, TypeError):  # what the standard library raises for odd RFC 2231 encodings
        return {}
    return {str(name).lower(): value for name, value in found[1:] if isinstance(value, str)}


def of_http(headers: Mapping[str, str], body: bytes) -> Entity:
    """What came by HTTP. Its transfer encoding is HTTP's own business unless it says base64, as some peers send it."""
    return Entity({name.lower(): value for name, value in reversed(list(headers.items()))}, body)


def parse(raw: bytes) -> Entity:
    """A part with its headers. Raises Unreadable."""
    if raw.startswith((b"\r\n", b"\n")):
        return Entity({}, raw.removeprefix(b"\r").removeprefix(b"\n"), raw)
    end = _END.search(raw, 0, MAX_HEADER)
    if end is None:
        if len(raw) > MAX_HEADER:
            raise Unreadable("a part has no end of its headers")
        return Entity(fields(raw), b"", raw)
    return Entity(fields(raw[: end.start()]), raw[end.end() :], raw)


def fields(block: bytes) -> dict[str, str]:
    """Header fields by lower-case name, unfolded; the first of a name counts, and lines that are none are passed over."""
    found: dict[str, str] = {}
    name = ""
    for line in block.decode("utf-8", "replace").split("\n"):
        line = line.rstrip("\r")
        if line[:1] in (" ", "\t"):
            if name:
                found[name] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        name = key.strip().lower() if colon and key.strip().lower() not in found else ""
        if name:
            found[name] = value.strip()
    return found


def parts(body: bytes, boundary: str) -> list[tuple[bytes, bytes]]:
    """The parts of a multipart body, each with the line end before the next boundary, which is not the part's own.

    Raises Unreadable where there are none, or too many.
    """
    if not 1 <= len(boundary) <= 200:
        raise Unreadable("a multipart message does not say its boundary")
    mark = re.escape(b"--" + boundary.encode("utf-8", "replace"))
    found: list[tuple[bytes, bytes]] = []
    begin = -1  # where the present part begins
    for line in re.finditer(rb"^" + mark + rb"(--)?[ \t]{0,80}\r?(?:\n|\Z)", body, re.MULTILINE):
        if begin >= 0:
            part = body[begin : line.start()]
            newline = b"\r\n" if part.endswith(b"\r\n") else b"\n" if part.endswith(b"\n") else b""
            found.append((part[: len(part) - len(newline)], newline))
        if line[1] or len(found) > MAX_PARTS:
            break
        begin = line.end()
    if not found or len(found) > MAX_PARTS:
        raise Unreadable(f"a multipart message has {len(found)} parts between its boundaries")
    return found


def variants(part: bytes, newline: bytes) -> list[bytes]:
    """A signed part as its signer may have seen it, likeliest first.

    Peers differ about the line end before the boundary, and some signed CRLF where they sent LF.
    """
    canonical = re.sub(rb"\r?\n", b"\r\n", part)
    found = [part, part + b"\r\n", canonical, canonical + b"\r\n"]
    if newline == b"\n":
        found.append(part + b"\n")
    if part.endswith(b"\r\n"):
        found.append(part[:-2])
    return list(dict.fromkeys(found))


def multipart(kind: str, boundary: str, *bodies: bytes) -> bytes:
    """The body of a multipart, its parts as they are. ``kind`` is the line before the first boundary, for people."""
    opening = b"--" + boundary.encode()
    preamble = kind.encode() + b"\r\n\r\n" if kind else b""
    return preamble + b"".join(opening + b"\r\n" + body + b"\r\n" for body in bodies) + opening + b"--\r\n"
