"""The terminal app in a browser tab: by textual-serve, on this machine only, with nothing fetched from outside.

Whoever opens the page acts as the person who started it. So the address has a secret in it, made anew each time, and a
page of somebody else's cannot open the socket: it does not know the secret and comes from another origin.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
import signal
import sys
from pathlib import Path

import aiohttp_jinja2
from aiohttp import web
from textual_serve.server import Server

from engine.errors import Misconfigured

HOST = "127.0.0.1"
COMMAND = "from tui.cli import main; main()"
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self'; "
    "font-src 'self'; connect-src 'self' ws://127.0.0.1:{port}; frame-ancestors 'none'"
)


class Serving(Server):
    """One process of the app for each tab, as long as the tab is open."""

    def __init__(self, command: str, port: int) -> None:
        super().__init__(command, host=HOST, port=port, title="Bluebook", templates_path=Path(__file__).parent)
        self.key = secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        """What to open."""
        return f"{self.public_url}/?key={self.key}"

    def allowed(self, request: web.Request) -> bool:
        """Does it know the secret, and come from our own page, if from any?"""
        key = request.match_info.get("key") or request.query.get("key", "")
        origin = request.headers.get("Origin")
        known = secrets.compare_digest(key.encode(), self.key.encode())
        return known and request.host == f"{HOST}:{self.port}" and origin in (None, self.public_url)

    async def _make_app(self) -> web.Application:
        # The page's script appends the size to the socket's address as a query, so the secret is in its path.
        app = await super()._make_app()
        app.router.add_get("/ws/{key}", self.handle_websocket)
        return app

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page, for who knows the secret."""
        if not self.allowed(request):
            raise web.HTTPForbidden(text="Open the whole address that `bluebook tui --serve` printed.")
        context = {
            "name": self.title, "static": f"{self.public_url}/static/", "font_size": 16,
            "socket": f"ws://{HOST}:{self.port}/ws/{self.key}",
        }  # fmt: skip
        answer = aiohttp_jinja2.render_template("app_index.html", request, context)
        answer.headers["Content-Security-Policy"] = POLICY.format(port=self.port)
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Cache-Control"] = "no-store"
        return answer

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """The socket, for our own page."""
        if not self.allowed(request):
            raise web.HTTPForbidden(text="This socket belongs to the page that `bluebook tui --serve` printed.")
        return await super().handle_websocket(request)

    async def on_startup(self, app: web.Application) -> None:
        """Nothing yet: where it is, is said once it can be reached."""


async def serve(port: int, *, readonly: bool, screen: str) -> int:
    """The app is served until it is interrupted or terminated, and no tab's process goes on afterwards.

    Raises Misconfigured where the port is taken.
    """
    options = ["tui", "--screen", screen, *(["--readonly"] if readonly else [])]
    serving = Serving(shlex.join([sys.executable, "-c", COMMAND, *options]), port)
    runner = web.AppRunner(await serving._make_app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    try:
        await web.TCPSite(runner, HOST, port).start()
        print(f"Bluebook is at {serving.address}\nWhoever opens it acts as you. Ctrl+C ends it.", flush=True)
        await over.wait()
    except OSError as error:
        raise Misconfigured(f"port {port} cannot be used ({error.strerror}); give another --port") from error
    finally:
        await runner.cleanup()
    return 0
