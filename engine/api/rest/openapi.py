"""The API in OpenAPI 3.1, made from the table of routes and the annotations of their handlers."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec.inspect import DateTimeType, Metadata, StructType, UnionType

from engine.api.rest import problems
from engine.api.rest.problems import KINDS, Problem
from engine.api.rest.table import JSON, PREFIX, Route
from engine.domain import scopes
from engine.domain.scopes import Scope

_REF = "#/components/schemas/{name}"
_ABOUT = """Orders, Issues, products, mappings, channels and suppliers of a Bluebook.

Amounts are minor units (cents) of the currency beside them, times are UTC. Lists come in pages: follow `next`. Errors are
`application/problem+json` (RFC 9457). A `POST` with an `Idempotency-Key` is done once: the same key within 24 hours is
answered as before. Each answer says in `RateLimit` how often more the token may call. A token may what its scopes and its
user's role both allow; `bluebook tokens add` makes one."""
_LIMITED = {
    "RateLimit": {"description": "How often more the token may call: r calls in t seconds.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "How often it may: q calls in w seconds.", "schema": {"type": "string"}},
}  # fmt: skip
_KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "description": "A key of your own for this very call: made again under it, the call is answered as before.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}  # fmt: skip
_TEXTS = {
    "text/csv": {"type": "string"}, JSON: {}, "application/x-ndjson": {"type": "string"},
}  # fmt: skip


def description(routes: Sequence[Route]) -> dict[str, Any]:
    """The document; what it says of a route is what runs."""
    schemas, components = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route, schemas, components)
    queries = {route.query.__name__ for route in routes if route.query is not None}
    bodies = {name for name in queries if any(route.body is not None and name in str(route.body) for route in routes)}
    told = {name: schema for name, schema in components.items() if name not in queries - bodies}
    nouns = dict.fromkeys(route.noun for route in routes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Bluebook", "version": version("bluebook"), "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": noun} for noun in nouns],
        "paths": paths,
        "components": {
            "schemas": told,
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "Scopes: " + "; ".join(f"{s.value}: {scopes.WHAT[s]}" for s in Scope) + ".",
                }
            },
        },
    }  # fmt: skip


def _schemas(routes: Sequence[Route]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of every type the routes name, and the structs in them by name."""
    types: list[Any] = [Problem]
    for route in routes:
        wanted = [route.query, route.body, route.answer, *(route.hints[name] for name in route.params)]
        types += [kind for kind in wanted if kind not in (None, bytes) and kind not in types]
    found, components = msgspec.json.schema_components(types, ref_template=_REF)
    text = msgspec.json.encode((found, components)).decode()
    for name in components:
        # Page[OrderRow] is called Page_OrderRow_ by itself.
        text = text.replace(f'"{name}"', f'"{_named(name)}"').replace(f'/{name}"', f'/{_named(name)}"')
    renamed, components = msgspec.json.decode(text)
    for schema in components.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"]).replace("``", "`")
    by_title = {schema.get("title"): schema for schema in components.values()}
    structs: dict[str, StructType] = {}
    for info in msgspec.inspect.multi_type_info(types):
        _gather(info, structs)
    for title, struct in structs.items():
        if title in by_title:
            _finish(by_title[title], struct)
    return dict(zip(map(repr, types), renamed, strict=True)), components


def _gather(info: Any, found: dict[str, StructType]) -> None:
    """Every struct in the type is found, by name."""
    if isinstance(info, StructType):
        # Page[OrderRow] is no class, and is known by how it is written.
        name = info.cls.__name__ if isinstance(info.cls, type) else repr(info.cls)
        if name in found:
            return
        found[name] = info
        for part in info.fields:
            _gather(part.type, found)
        return
    inner = [getattr(info, name, None) for name in ("type", "item_type", "key_type", "value_type")]
    for part in (*inner, *getattr(info, "types", ()), *getattr(info, "item_types", ())):
        if isinstance(part, msgspec.inspect.Type):
            _gather(part, found)


def _finish(schema: dict[str, Any], struct: StructType) -> None:
    """What msgspec leaves out of a struct's schema: which texts are moments."""
    for part in struct.fields:
        told = schema["properties"][part.encode_name]
        ways = told.get("anyOf", [told])
        plain = part.type.type if isinstance(part.type, Metadata) else part.type
        kinds = plain.types if isinstance(plain, UnionType) else (plain,)
        for way, kind in zip(ways, kinds, strict=False):
            if isinstance(kind, DateTimeType):
                way["format"] = "date-time"


def _named(name: str) -> str:
    return "".join(reversed(name.strip("_").split("_"))) if name.endswith("_") else name


def _operation(route: Route, schemas: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    first, rest = route.about
    needs = [route.scope.value] if route.scope is not None else []
    may = f"Needs {f'the scope `{route.scope}` and ' if route.scope else ''}a user who may `{route.permission}`."
    found: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.noun],
        "summary": first.rstrip("."),
        "description": "\n\n".join(part for part in (rest, may) if part),
        "security": [{"token": needs}],
        "parameters": _parameters(route, schemas, components),
        "responses": _responses(route, schemas),
    }
    if route.body is bytes:
        content = {kind: {"schema": _TEXTS.get(kind, {"type": "string", "format": "binary"})} for kind in route.takes}
        found["requestBody"] = {"required": True, "content": content}
    elif route.body is not None:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[repr(route.body)]}}}
    return found


def _parameters(route: Route, schemas: dict[Any, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": schemas[repr(route.hints[name])]}
        for name in route.params
    ]
    if route.query is not None:
        known = components[route.query.__name__]
        needed = known.get("required", ())
        for name, schema in known["properties"].items():
            plain = _without_null(schema)
            about = plain.pop("description", "")
            found.append(
                {"name": name, "in": "query", "required": name in needed, **({"description": about} if about else {}),
                 "schema": plain}
            )  # fmt: skip
    if route.method == "POST":
        found.append(_KEY)
    if route.guard:
        about = "The ETag of what was read: changed since, nothing is done." + (
            " `*`: whatever it is." if route.guard == "needed" else ""
        )
        needed = route.guard == "needed"
        text = {"type": "string", "pattern": "^[!-~]{1,60}$"}
        found.append({"name": "If-Match", "in": "header", "required": needed, "description": about, "schema": text})
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """What a query can say: a text, or a list of them; nothing is said by leaving it out."""
    found = {name: value for name, value in schema.items() if name != "default" or value is not None}
    ways = [way for way in found.get("anyOf", ()) if way != {"type": "null"}]
    if ways:
        del found["anyOf"]
        found |= ways[0] if len(ways) == 1 else {"anyOf": ways}
    return found


def _responses(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    headers: dict[str, Any] = dict(_LIMITED)
    headers |= {name: {"description": about, "schema": {"type": "string"}} for name, about in route.tags.items()}
    if route.paged:
        headers["Link"] = {"description": "The next page, rel=next; not on the last.", "schema": {"type": "string"}}
    if route.method == "POST":
        headers["Idempotent-Replayed"] = {"description": "true: answered as before.", "schema": {"type": "string"}}
    words = {200: "Done.", 201: "It is made.", 202: "It will be done.", 204: "Done."}
    found: dict[str, Any] = {}
    for status in route.statuses:
        answer: dict[str, Any] = {"description": words[status], "headers": headers}
        if route.answer is not None:
            answer["content"] = {JSON: {"schema": schemas[repr(route.answer)]}}
        found[str(status)] = answer
    by_status: dict[int, list[str]] = {}
    for kind in route.kinds():
        by_status.setdefault(KINDS[kind].status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        found[str(status)] = _problem(kinds, status, schemas)
    return found


def _problem(kinds: Sequence[str], status: int, schemas: dict[Any, Any]) -> dict[str, Any]:
    about = " Or: ".join(f"{KINDS[kind].title} (`{kind}`)." for kind in kinds)
    answer: dict[str, Any] = {
        "description": about, "content": {problems.CONTENT_TYPE: {"schema": schemas[repr(Problem)]}},
    }  # fmt: skip
    if {"too-many", "in-flight", "try-later"} & set(kinds):
        wait = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
        answer["headers"] = _LIMITED | wait if status == 429 else wait
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"description": "Bearer.", "schema": {"type": "string"}}}
    return answer
