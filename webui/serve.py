"""Serving the web app: one process, one port, pages and events and downloads; no Node, no bun."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import structlog

from engine import db
from engine.errors import Misconfigured
from webui import build, config

STOP_SECONDS = 8.0
"""From being told to stop until the process has ended, whoever is still connected."""
log = structlog.get_logger("bluebook.web")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _configure() -> None:
    """Reflex is told where things are. Whose pages may connect is the gate's business, which knows what it is called."""
    os.environ |= {
        "REFLEX_CORS_ALLOWED_ORIGINS": "*",
        "__REFLEX_SKIP_COMPILE": "true",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
        "REFLEX_ENV_MODE": "prod",
        "REFLEX_WEB_WORKDIR": str(config.DIST),
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
    }
    from reflex_base.registry import RegistrationContext

    # Reflex reads rxconfig.py from the working folder only; from a wheel there is none.
    RegistrationContext.ensure_context()._set_config(config.make_config())


def not_built() -> str:
    """Why there is nothing to serve; "" where the front end is that of these sources."""
    if (config.DIST / "build" / "client" / "index.html").is_file() and not _is_checkout_and_stale():
        return ""
    return "the web app's front end is not built, or not from these sources: `make web` builds it"


def make_app(public_url: str = "", proxy_hops: int = 0) -> Any:
    """The whole app, behind its gate; the database must be open here. Raises Misconfigured where no front end was built."""
    if why_not := not_built():
        raise Misconfigured(why_not)
    _configure()
    from webui.app import app
    from webui.gate import Gate
    from webui.routes import is_download

    return Gate(app(), db.context(), (public_url,) if public_url else (), downloads=is_download, proxy_hops=proxy_hops)


def _origin(public_url: str) -> str:
    """The address as browsers name it: scheme, host and port, and no more; raises Misconfigured where it is none."""
    if not public_url:
        return ""
    told = urlsplit(public_url.strip())
    if told.scheme not in ("http", "https") or not told.hostname or told.path.strip("/") or told.query or told.fragment:
        raise Misconfigured(
            f"{public_url!r} is no address of a site; write it like https://orders.example.com, without a path"
        )
    usual = {"http": ":80", "https": ":443"}[told.scheme]
    return f"{told.scheme}://{told.netloc.rpartition('@')[2].lower().removesuffix(usual)}"


def _is_checkout_and_stale() -> bool:
    return (build.ROOT / "rxconfig.py").is_file() and build.is_stale()


async def serve(
    host: str, port: int, *, public_url: str = "", proxy_hops: int = 0, ready: Callable[[str], None] | None = None
) -> None:
    """The web app has been served until SIGTERM or SIGINT came. The database must be open; ``ready`` is told the address."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    app = make_app(_origin(public_url), proxy_hops)
    _see_that_it_is_free(host, port)
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_enabled=False)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    serving = asyncio.create_task(server.serve(), name="web")
    waiting = asyncio.create_task(stopped.wait())
    await _answering(host, port, serving)
    if ready is not None and not serving.done():
        ready(public_url or f"http://{'127.0.0.1' if host in LOOPBACK else host}:{port}")
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    _cut_off_after(STOP_SECONDS)
    server.stop()
    await serving


def _cut_off_after(seconds: float) -> None:
    """Whatever still hangs on then ends with the process: all that counts is in the database."""

    def cut() -> None:
        log.warning("the web app was slow to stop and was cut off")
        os._exit(0)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()


async def _answering(host: str, port: int, serving: asyncio.Task[None]) -> None:
    """It listens, or has given up."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


def _see_that_it_is_free(host: str, port: int) -> None:
    import socket

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            why = error.strerror or str(error)
            raise Misconfigured(
                f"cannot listen on {host}, port {port}: {why}; choose others by --host, --port"
            ) from error
