"""From a request to what its handler takes: names in the path, the query as a struct, the body as its type."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import NoneType
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import unquote

import msgspec
from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from engine.api.rest import at_fault
from engine.api.rest.problems import Trouble
from engine.api.rest.table import Route

MAX_BODY = 5 * 1024 * 1024  # bytes
BODY_SECONDS = 30.0
Id = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


async def body(request: web.Request) -> bytes:
    """The whole body as it was sent; raises Trouble where it is too large, packed, or does not come."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise Trouble("unsupported-type", "a body that is packed is not taken: send it without Content-Encoding")
    found = bytearray()
    if (request.content_length or 0) > MAX_BODY:
        raise Trouble("too-large", f"the most that is taken is {MAX_BODY} bytes")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                found += part
                if len(found) > MAX_BODY:
                    raise Trouble("too-large", f"the most that is taken is {MAX_BODY} bytes")
    except TimeoutError as error:
        raise Trouble("timeout", f"the body did not come within {BODY_SECONDS:g} seconds") from error
    except web.PayloadAccessError as error:
        raise Trouble("malformed", "the body breaks off, or is not sent as its headers say") from error
    return bytes(found)


def arguments(
    route: Route, path: Mapping[str, str], query: MultiMapping[str], content_type: str, raw: bytes
) -> dict[str, Any]:
    """What the handler takes beside the call. Raises Trouble naming what is wrong."""
    found: dict[str, Any] = {}
    for name in route.params:
        found[name] = _convert({"value": _clean(path[name], name)}, name, route.hints[name])
    if route.query is not None:
        found["query"] = _query(route.query, query)
    elif len(query):
        raise Trouble("invalid", "this address takes no query", field=next(iter(query)))
    if route.body is not None:
        found["body"] = _body(route, content_type, raw)
    return found


def _convert(value: dict[str, str], name: str, kind: Any) -> Any:
    try:
        return msgspec.convert(value["value"], kind, strict=False)
    except msgspec.ValidationError as error:
        raise Trouble("invalid", f"{name}: {error}", field=name) from error


def _clean(text: str, name: str) -> str:
    """The text, which a database can hold."""
    if "\0" in text:
        raise Trouble("invalid", f"{name} has a NUL character, which cannot be stored", field=name)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Trouble("invalid", f"{name} is not UTF-8", field=name) from error
    return text


def _query(kind: Any, given: MultiMapping[str]) -> Any:
    fields = {f.encode_name: f for f in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    for name in dict.fromkeys(given):
        if name not in fields:
            raise Trouble(
                "invalid", f"there is no {_clean(name, 'the query')} here; there are {', '.join(fields)}", field=name
            )
        texts = [_clean(text, name) for text in given.getall(name)]
        if get_origin(fields[name].type) is tuple:
            # The same as in the web app's addresses: parted by commas, one inside of a value is %2C once more.
            values[name] = [unquote(part) for text in texts for part in text.split(",") if part]
        elif len(texts) > 1:
            raise Trouble("invalid", f"{name} is there {len(texts)} times, and can be there once", field=name)
        else:
            values[name] = _said(name, texts[0], fields[name].type)
    try:
        found = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise at_fault.trouble(error, values, lambda some: msgspec.convert(some, kind, strict=False)) from error
    naive = {
        name: value.replace(tzinfo=UTC)
        for name in values
        if isinstance(value := getattr(found, name), datetime) and value.tzinfo is None
    }
    return msgspec.structs.replace(found, **naive) if naive else found


def _said(name: str, text: str, kind: Any) -> str:
    """The text, unless reading it leniently would take it for what nobody meant: null, or a number for a moment."""
    kinds = get_args(get_args(kind)[0] if get_origin(kind) is Annotated else kind)
    if text.lower() == "null" and NoneType in kinds:
        raise Trouble("invalid", f"{name}: null is no value here, leave it out", field=name)
    if datetime in kinds and not re.match(r"\d{4}-\d\d-\d\d", text):
        raise Trouble("invalid", f"{name}: write a moment as 2026-11-28T09:00:00Z", field=name)
    return text


def _body(route: Route, content_type: str, raw: bytes) -> Any:
    if content_type not in route.takes:
        given = f"not {content_type[:80]}" if content_type else "and the request has no Content-Type that says so"
        raise Trouble("unsupported-type", f"the body is to be {' or '.join(route.takes)}, {given}")
    if route.body is bytes:
        return raw
    try:
        found = msgspec.json.decode(raw, type=route.body)
    except msgspec.ValidationError as error:
        said = msgspec.json.decode(raw)
        raise at_fault.trouble(error, said, lambda some: msgspec.convert(some, route.body, str_keys=True)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Trouble("malformed", f"the body is not JSON: {error}") from error
    if b"\\u0000" in raw and (where := at_fault.with_nul(msgspec.json.decode(raw))) is not None:
        raise Trouble("invalid", f"{where or 'the body'} has a NUL character, which cannot be stored", field=where)
    return found
