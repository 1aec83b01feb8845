"""Every route of the table is served: the caller is known and may, the request is read, its handler called, the answer sent."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import msgspec
import structlog
from aiohttp import web

from engine.api.rest import docs_page, guard, openapi, problems, reading
from engine.api.rest.nouns import ROUTES
from engine.api.rest.problems import Trouble
from engine.api.rest.table import JSON, PREFIX, Call, Route
from engine.errors import BluebookError
from engine.services import once
from engine.services.once import Answer
from engine.services.tokens import Caller

KEY = "Idempotency-Key"
SAFE: Mapping[str, str] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_KEPT_HEADERS = ("Content-Type", "ETag", "Link", "Location")
_log = structlog.get_logger("bluebook.api")


def add(app: web.Application) -> None:
    """The application has the API under ``/api``."""
    api = web.Application(middlewares=[_problems])
    guard.set_up(api)
    for route in ROUTES:
        api.router.add_route(route.method, PREFIX.removeprefix("/api") + route.pattern, _handler(route))
    described, page = _described()
    api.router.add_route("GET", "/openapi.json", _fixed(described, JSON, SAFE))
    api.router.add_route("GET", "/docs", _fixed(page, "text/html", docs_page.HEADERS))
    app.add_subapp("/api", api)


@cache
def _described() -> tuple[bytes, bytes]:
    told = openapi.description(ROUTES)
    return msgspec.json.encode(told), docs_page.show(told).encode()


def _fixed(body: bytes, kind: str, headers: Mapping[str, str]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    return answer


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """What no route answers is a problem too."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        wrong = Trouble("method-not-allowed", f"{request.method} is not taken here, but {allowed}")
        return _refused(wrong, {"Allow": allowed})
    except web.HTTPNotFound:
        return _refused(Trouble("not-found", f"there is no such address; {problems.DOCS} lists them"), {})


def _handler(route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        began, headers, caller = time.monotonic(), dict[str, str](), None
        try:
            caller = await guard.who(request)
            headers |= await guard.count(request, caller)
            guard.allow(route, caller)
            answer = await _answer(route, request, caller)
            response = web.Response(
                status=answer.status, body=answer.body, headers={**SAFE, **headers, **answer.headers}
            )
        except Exception as error:
            response = _failed(route, error, headers)
        _log.info(
            "called", route=f"{route.method} {route.path}", status=response.status,
            token=caller.token_id if caller is not None else None, ms=round(1000 * (time.monotonic() - began)),
        )  # fmt: skip
        return response

    return serve


async def _answer(route: Route, request: web.Request, caller: Caller) -> Answer:
    """The answer, by the handler or, for a call made before under the same key, as it was."""
    raw = await reading.body(request) if route.body is not None or route.method == "POST" else b""
    key = request.headers.get(KEY)
    if route.method != "POST" or key is None:
        return await _call(route, request, caller, raw)
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise Trouble("malformed", f"{KEY} has 1 to 255 printable ASCII characters", field=KEY)
    asked = hashlib.sha256(f"{route.method} {request.raw_path}\n{request.content_type}\n".encode() + raw).hexdigest()
    kept = await once.begin(caller.token_id, key, asked)
    if kept is not None:
        return Answer(kept.status, {**kept.headers, "Idempotent-Replayed": "true"}, kept.body)
    try:
        answer = await _call(route, request, caller, raw)
    except Exception as error:
        found = problems.trouble(error, guarded=bool(route.guard))
        if found.status >= 500:
            await once.forget(caller.token_id, key)
            raise
        refused = _refused(found, {})
        answer = _kept(refused.status, refused.headers, bytes(refused.body or b""))  # type: ignore[arg-type]
    await once.finish(caller.token_id, key, _kept(answer.status, answer.headers, answer.body))
    return answer


def _kept(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    return Answer(status, {name: headers[name] for name in _KEPT_HEADERS if name in headers}, body)


async def _call(route: Route, request: web.Request, caller: Caller, raw: bytes) -> Answer:
    call = Call(caller, request.headers, str(request.rel_url), request.content_type, route.statuses[0])
    kind = request.content_type if "Content-Type" in request.headers else ""
    arguments = reading.arguments(route, request.match_info, request.query, kind, raw)
    found = await route.handler(call, **arguments)
    if found is None:
        return Answer(call.http_status, call.answered, b"")
    return Answer(call.http_status, {**call.answered, "Content-Type": JSON}, msgspec.json.encode(found))


def _failed(route: Route, error: Exception, headers: Mapping[str, str]) -> web.Response:
    found = problems.trouble(error, guarded=bool(route.guard))
    if found.status < 500:
        return _refused(found, headers)
    instance = _instance()
    if isinstance(error, BluebookError):
        _log.warning(
            "a call was not done", route=f"{route.method} {route.path}", instance=instance, error=error.message
        )
        return _refused(found, headers, instance)
    _log.error("a call could not be answered", route=f"{route.method} {route.path}", instance=instance, exc_info=error)
    return _refused(found, headers, instance)


def _instance() -> str:
    return uuid.uuid4().urn


def _refused(found: Trouble, headers: Mapping[str, str], instance: str = "") -> web.Response:
    told: dict[str, Any] = {**SAFE, **headers, **found.headers, "Content-Type": problems.CONTENT_TYPE}
    if found.retry_after is not None:
        told["Retry-After"] = str(found.retry_after)
    body = msgspec.json.encode(found.told(instance or _instance()))
    return web.Response(status=found.status, body=body, headers=told)
