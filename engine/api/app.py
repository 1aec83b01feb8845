"""The HTTP server for what comes in: suppliers' callbacks, channels' webhooks, and the question whether all is well.

``/answer/TOKEN`` is where suppliers' people answer purchase orders, by links in mails (``answer_routes``).
``POST /hooks/suppliers/{id}`` and ``POST /hooks/channels/{id}`` answer 200 once what came is committed, so that whoever
calls may forget it; jobs read it afterwards. ``GET /hooks/channels/{id}`` answers a channel that asks whether the address
is ours. ``POST /as2/{id}`` takes a supplier's AS2 messages and MDNs (``as2``).
``GET /health`` answers 200 or 503. Errors are ``{"error": "…"}``. ``/api`` is the REST API (``rest``), with errors of its own.
There is no TLS here: put a reverse proxy in front to be reached from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from aiohttp import web

from engine import db
from engine.api import answer_routes, as2
from engine.api.rest import serve as rest
from engine.errors import Misconfigured, NotFound, Refused, TryLater, Unreachable, Unreadable
from engine.services import health, hooks
from engine.services.hooks import Arrived, Keeper
from engine.services.inbox import Kind

MAX_BODY = 5 * 1024 * 1024  # bytes
BODY_SECONDS = 30.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")

_KEEPER = web.AppKey("keeper", Keeper)
_log = structlog.get_logger("bluebook.api")


def make_app(proxy_hops: int = 0) -> web.Application:
    """The application with its routes; it wants the database open where it is started."""
    # aiohttp refuses what reaches its limit, we what exceeds ours.
    app = web.Application(client_max_size=MAX_BODY + 1, middlewares=[_errors])
    app[_KEEPER] = Keeper()
    app.router.add_post("/hooks/channels/{id:[0-9]{1,9}}", _channel_hook)
    app.router.add_get("/hooks/channels/{id:[0-9]{1,9}}", _channel_proof, allow_head=False)
    app.router.add_post("/hooks/suppliers/{id:[0-9]{1,9}}", _supplier_hook)
    as2.add_routes(app)
    app.router.add_get("/health", _health)
    answer_routes.add(app, proxy_hops)
    rest.add(app)
    return app


async def start(host: str = "127.0.0.1", port: int = 8741, proxy_hops: int = 0) -> web.AppRunner:
    """The application listens; end it with the runner's ``cleanup``. Raises Misconfigured where it cannot listen."""
    # Signatures are made over the bytes as they were sent, so nothing is unpacked.
    runner = web.AppRunner(make_app(proxy_hops), access_log=None, auto_decompress=False, shutdown_timeout=10.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError as error:
        await runner.cleanup()
        why = error.strerror or str(error)
        raise Misconfigured(f"cannot listen on {host}, port {port}: {why}; choose others by --host, --port") from error
    return runner


def address(runner: web.AppRunner) -> str:
    """Where the runner's first socket listens."""
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    host: str = "127.0.0.1", port: int = 8741, ready: Callable[[str], None] | None = None, proxy_hops: int = 0
) -> None:
    """Calls have been taken until SIGTERM or SIGINT came; what was under way is finished. The database must be open.

    ``ready`` is told the address once it listens.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await db.spare_memory()
    runner = await start(host, port, proxy_hops)
    if host not in LOOPBACK:
        _log.warning("listening beyond this machine without TLS", host=host)
    url = address(runner)
    _log.info("listening", url=url)
    if ready is not None:
        ready(url)
    try:
        await stopped.wait()
    finally:
        await runner.cleanup()
        _log.info("stopped")


async def _channel_hook(request: web.Request) -> web.Response:
    return await _hook(request, "channel")


async def _channel_proof(request: web.Request) -> web.Response:
    return _json(200, await hooks.prove(int(request.match_info["id"]), request.query))


async def _supplier_hook(request: web.Request) -> web.Response:
    return await _hook(request, "supplier")


async def _hook(request: web.Request, kind: Kind) -> web.Response:
    source_id = int(request.match_info["id"])
    body = await _body(request)
    hook = await hooks.verify(kind, source_id, request.headers, body)
    if hook.raw is not None or hook.refresh:
        await request.app[_KEEPER].keep(Arrived(kind, source_id, hook, body))
    return _json(200, {"status": "ok"})


async def _body(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY, request.content_length or 0)
    if request.content.is_eof():  # it came together with the headers
        return await request.read()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error


async def _health(_: web.Request) -> web.Response:
    found = await health.look()
    return _json(200 if found.ok else 503, found)


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        return _error(413, f"the body is larger than {MAX_BODY} bytes")
    except web.HTTPException as error:
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _error(error.status, error.reason, allowed)
    except Exception as error:
        status, message = _told(error)
        if status >= 500:
            _log.error("a call could not be answered", path=answer_routes.loggable(request.path), exc_info=error)
        else:
            _log.warning(
                "a call was turned away", path=answer_routes.loggable(request.path), status=status, error=message
            )
        return _error(status, message)


def _told(error: Exception) -> tuple[int, str]:
    """The status and what the caller may know; the log has the rest."""
    match error:
        case Refused(message=message):
            return 401, message
        case NotFound(message=message):
            return 404, message
        case Unreadable(message=message):
            return 422, message
        case Misconfigured():
            return 503, "this connection is not set up for calls from outside; Bluebook's log says what is missing"
        case TryLater() | Unreachable():
            return 503, "not kept; call again later"
        case _:
            return 500, "something went wrong here; Bluebook's log has the details. Nothing was kept; call again later"


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return _json(status, {"error": message}, headers)


def _json(status: int, content: object, headers: dict[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(content)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
