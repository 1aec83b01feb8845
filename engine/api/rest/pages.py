"""Pages by key: what an answer of many rows looks like, and the opaque cursor that leads to the next."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from engine.api.rest.table import Call
from engine.errors import Invalid

T = TypeVar("T")
Limit = Annotated[int, Meta(ge=1, le=500, description="How many rows at most.")]
CursorText = Annotated[
    str,
    Meta(
        max_length=1500,
        pattern="^[A-Za-z0-9_-]*$",
        description="Where to go on, from the `next` of the page before. It fits the same query only.",
    ),
]


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """Some rows in a stable order. ``next`` is the address of the following page, null at the end; the header Link has it
    too. Follow it even where a page has few rows, or none."""

    data: list[T]
    next: str | None


class PageQuery(msgspec.Struct, kw_only=True, frozen=True):
    """How much, and from where on."""

    limit: Limit = 50
    cursor: CursorText = ""


def begin(query: Any, kind: str, *types: type) -> list[Any] | None:
    """The values of the query's cursor, of these types (int, str or object); None without one. Raises Invalid."""
    if not query.cursor:
        return None
    wrong = Invalid("this is no cursor of this list: take it from the `next` of the page before, unchanged", "cursor")
    try:
        raw = base64.urlsafe_b64decode(query.cursor.encode("ascii") + b"=" * (-len(query.cursor) % 4))
        mark, *values = msgspec.json.decode(raw, type=list[str | int])
    except (ValueError, msgspec.MsgspecError) as error:
        raise wrong from error
    if mark != _mark(query, kind) or len(values) != len(types):
        raise wrong
    if not all(isinstance(value, type_) for value, type_ in zip(values, types, strict=True)):
        raise wrong
    if any(not -(2**63) <= v < 2**63 if isinstance(v, int) else "\0" in v for v in values):
        raise wrong
    return values


def page(call: Call, query: Any, kind: str, rows: Sequence[T], after: Sequence[Any] | None) -> Page[T]:
    """The page of these rows; ``after`` are the values of the cursor that goes on after them, None at the end."""
    link = follow(call, cursor(query, kind, after)) if after is not None else None
    return Page(data=list(rows), next=link)


def cursor(query: Any, kind: str, after: Sequence[Any]) -> str:
    """The cursor of these values, for ``begin`` of a query that asks for the same."""
    raw = msgspec.json.encode([_mark(query, kind), *after])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def follow(call: Call, cursor: str, instead_of: str = "") -> str:
    """The address that goes on by this cursor, which the answer's header Link has too; without the parameter ``instead_of``."""
    link = _with(call.url, cursor, ("cursor", instead_of))
    call.answered["Link"] = f'<{link}>; rel="next"'
    return link


def _mark(query: Any, kind: str) -> str:
    """The list a cursor is of: with other filters its place would mean something else."""
    asked = msgspec.to_builtins(query)
    same = {name: value for name, value in asked.items() if name not in ("cursor", "limit")}
    return hashlib.sha256(kind.encode() + msgspec.json.encode(same, order="sorted")).hexdigest()[:12]


def _with(url: str, cursor: str, dropped: Sequence[str]) -> str:
    path, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in dropped]
    return f"{path}?{'&'.join([*kept, f'cursor={cursor}'])}"
