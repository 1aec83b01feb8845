"""An address on this machine to which a browser is sent back with the answer to a question, once."""

from __future__ import annotations

import asyncio
import hmac
from types import TracebackType

from aiohttp import web

from engine.errors import Misconfigured, TryLater

PATH = "/authorised"
PORT = 8723
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Bluebook</title>"
    "<body style='font: 1.1rem system-ui; margin: 4rem auto; max-width: 32rem'><h1>Bluebook</h1><p>{}</p>"
)
_HEADERS = {
    "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}  # fmt: skip


class Redirect:
    """The address, ``uri``, which listens within ``async with``. Raises Misconfigured where the port is taken.

    Only what brings the right ``state`` is taken, and only once: everything else gets a page that says so.
    """

    def __init__(self, state: str, port: int = PORT) -> None:
        self._state, self._port = state, port
        self._answer: asyncio.Future[dict[str, str]] | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Redirect:
        app = web.Application(client_max_size=4096)
        app.router.add_get(PATH, self._came)
        self._answer = asyncio.get_running_loop().create_future()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise Misconfigured(
                f"the browser cannot be sent back to port {self._port} of this machine ({error.strerror or error}); say "
                "another by --port, and register that address"
            ) from error
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def uri(self) -> str:
        """Where the browser is to be sent."""
        return address(self._port)

    async def wait(self, seconds: float) -> dict[str, str]:
        """The query that came. Raises TryLater when nobody came within so many seconds."""
        assert self._answer is not None
        try:
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError as error:
            raise TryLater(
                f"nobody came back from the browser within {seconds:g} s; begin again, with --paste where the browser is on "
                "another machine"
            ) from error

    async def _came(self, request: web.Request) -> web.Response:
        assert self._answer is not None
        if not hmac.compare_digest(request.query.get("state", "").encode(), self._state.encode()):
            return _page(400, "This is not the answer that was waited for. Begin again from the terminal.")
        if self._answer.done():
            return _page(410, "This answer has come before.")
        self._answer.set_result(dict(request.query))
        return _page(200, "Thank you. Go back to the terminal: it says what came of it. This page can be closed.")


def address(port: int) -> str:
    """What is registered with the other side for this port."""
    return f"http://127.0.0.1:{port}{PATH}"


def _page(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=_PAGE.format(text), content_type="text/html", headers=_HEADERS)
