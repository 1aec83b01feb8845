"""The gate before every request: who is there, whether the page that asks is ours, and the headers every answer carries.

Front-end files and the log-in page are open to all, for they hold nobody's data. Everything else needs a session; the
websocket needs one too, and a page of our own origin. Handlers check the person's role once more, each time.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from starlette.exceptions import HTTPException

from engine import db
from engine.domain import proxies
from engine.services import sessions, trouble
from engine.services.sessions import Person
from webui import config

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "bluebook_session"
OPEN = ("/login", "/logout", "/ping", "/favicon.ico")
OPEN_BELOW = ("/invitation/", "/static/", "/assets/")
"""What is there for people who are not logged in: these addresses, and all that begins so."""
MOST_BYTES, MOST_FORM_BYTES = 20 * 1024 * 1024, 16 * 1024
"""The largest request: of an upload, and of a form for people who are not logged in."""
SAFE = ("GET", "HEAD", "OPTIONS")
CORS = b"access-control-"
"""No other site reads anything here, whatever Reflex offers."""
_INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
log = structlog.get_logger("bluebook.web")


def token_of(cookie_header: str) -> str:
    """The session's token in a Cookie header, "" where there is none."""
    try:
        found = SimpleCookie(cookie_header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def inline_hashes(pages: Iterable[Path]) -> list[str]:
    """What a content security policy calls the scripts that are written into these pages."""
    found = {
        base64.b64encode(hashlib.sha256(script).digest()).decode()
        for page in pages
        for script in _INLINE.findall(page.read_bytes())
    }
    return [f"'sha256-{digest}'" for digest in sorted(found)]


def policy(hashes: Iterable[str]) -> str:
    """The content security policy: nothing from elsewhere, no script but our files and those known by their hash.

    Styles may stand in the page: the front end's library writes them as it goes.
    """
    scripts = " ".join(["'self'", *hashes])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    )


class Gate:
    """The ASGI app around Reflex. ``context`` is the open database; ``origins`` are what our pages are called, where not
    what the request's Host says; ``downloads`` matches the paths that no other site may send a browser to; ``proxy_hops``
    is how many proxies of our own stand in front."""

    def __init__(
        self,
        app: App,
        context: db.TortoiseContext,
        origins: Iterable[str] = (),
        *,
        downloads: Callable[[str], bool] = lambda _: False,
        proxy_hops: int = 0,
    ) -> None:
        self.app = app
        self.context = context
        self.origins = frozenset(origins)
        self.downloads = downloads
        self.proxy_hops = proxy_hops
        self.secure = bool(self.origins) and all(o.startswith("https://") for o in self.origins)
        client = config.DIST / "build" / "client"
        pages = sorted(client.rglob("*.html"))
        self._folders = frozenset(
            f"/{page.parent.relative_to(client).as_posix()}" for page in pages if page.name == "index.html"
        )
        self._headers = self._every_answers(policy(inline_hashes(pages)))

    def _every_answers(self, csp: str) -> list[tuple[bytes, bytes]]:
        headers = {
            "content-security-policy": csp,
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        }
        if self.secure:
            headers["strict-transport-security"] = "max-age=31536000"
        return [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request goes on, or is answered here."""
        db.enter(self.context)
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if self.proxy_hops:
            scope = scope | {"client": client_behind(scope, self.proxy_hops)}
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._request(scope, receive, self._with_headers(scope, send))

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        kept = scope["path"].startswith("/assets/")  # named by their content

        async def answer(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in self._headers} | {b"cache-control", b"server"}
                headers = [
                    (n, v)
                    for n, v in message.get("headers", [])
                    if n.lower() not in ours and not n.lower().startswith(CORS)
                ]
                told = dict(message.get("headers", [])).get(b"cache-control")
                cache = told or b"no-store"
                if kept and message["status"] in (200, 206, 304):
                    cache = b"public, max-age=31536000, immutable"
                message = message | {"headers": [*headers, *self._headers, (b"cache-control", cache)]}
            await send(message)

        return answer

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        path = scope["path"]
        if not self._may_be_sent(scope, headers):
            log.warning("refused a request from elsewhere", path=_loggable(path), origin=_text(headers, b"origin"))
            await _say(send, 403, "This came from another site, so nothing was done.")
            return
        is_open = path in OPEN or path.startswith(OPEN_BELOW)
        most = MOST_FORM_BYTES if is_open else MOST_BYTES
        length = _text(headers, b"content-length")
        if length and (not length.isdecimal() or int(length) > most):
            await _say(send, 413, _too_large(most))
            return
        receive = _limited(receive, most)
        scope["state"] = {**scope.get("state", {}), "secure": self.secure}
        if is_open:
            await self._served(scope, receive, send)
            return
        try:
            person = await sessions.person_of(token_of(_text(headers, b"cookie")))
        except Exception as error:
            if not trouble.is_lost(error):
                log.exception("asking who is there failed")
            await _say(send, 503, "The database does not answer. Try again in a moment; `bluebook doctor` looks.")
            return
        if person is None:
            await _to_login(scope, headers, send)
            return
        scope["state"]["person"] = person
        if path in self._folders:
            # The front end's files would send the browser on to the same address with a slash behind it.
            scope = scope | {"path": f"{path}/", "raw_path": f"{path}/".encode()}
        await self._served(scope, receive, send)

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's answer; where it breaks off, the log has why and the browser a sentence."""
        begun = False

        async def noted(message: dict[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception:
            log.exception("a request failed", path=_loggable(scope["path"]))
            if not begun:
                await _say(send, 500, "Something went wrong here; the log has the details.")

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        origin = _text(headers, b"origin")
        allowed = bool(origin) and self._is_ours(scope, headers)
        person: Person | None = None
        if allowed:
            try:
                person = await sessions.person_of(token_of(_text(headers, b"cookie")))
            except Exception:
                log.exception("asking who is there failed")
        if person is None:
            log.warning("refused a websocket", origin=origin, ours=allowed)
            await receive()
            await send({"type": "websocket.close", "code": 4401})
            return
        await self.app(scope, receive, send)

    def _may_be_sent(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """What changes something comes from our own pages only; what is downloaded, not from other sites' pages."""
        if scope["method"] not in SAFE:
            return self._is_ours(scope, headers)
        if not self.downloads(scope["path"]):
            return True
        told = _text(headers, b"sec-fetch-site") or _text(headers, b"origin")
        return not told or self._is_ours(scope, headers)

    def _is_ours(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Was it sent by a page of this very site? Browsers say so themselves, and pages cannot change what they say."""
        site = _text(headers, b"sec-fetch-site")
        if site and site not in ("same-origin", "none"):
            return False
        origin = _text(headers, b"origin")
        if not origin:
            return site in ("same-origin", "none")
        if self.origins:
            return origin in self.origins
        return urlsplit(origin).netloc == _text(headers, b"host")


class _TooLarge(HTTPException):
    """Starlette, which reads the body, answers by it."""

    def __init__(self, most: int) -> None:
        super().__init__(413, _too_large(most))


def _too_large(most: int) -> str:
    return f"This is too large: at most {most // 1024:,} KB are taken here."


def _limited(receive: Receive, most: int) -> Receive:
    """The same request, which breaks off where it goes on for longer."""
    taken = 0

    async def counted() -> dict[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise _TooLarge(most)
        return message

    return counted


def client_behind(scope: Scope, hops: int) -> Any:
    """Who asked, as the last of so many proxies of ours saw them; what stands before that in the header anybody can write."""
    told = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    seen = proxies.behind(told, hops)
    return (seen, 0) if seen else scope.get("client")


def _loggable(path: str) -> str:
    """The path without the secret that a one-time link is."""
    return "/invitation/***" if path.startswith("/invitation/") else path


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


async def _to_login(scope: Scope, headers: dict[bytes, bytes], send: Send) -> None:
    """Whoever opens a page is asked to log in and comes back to it; whatever else asks is told 401."""
    if scope["method"] != "GET" or b"text/html" not in headers.get(b"accept", b""):
        await _say(send, 401, "Log in first.")
        return
    wanted = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
    target = "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"
    location = [(b"location", target.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": location})
    await send({"type": "http.response.body", "body": b""})


async def _say(send: Send, status: int, sentence: str) -> None:
    body = sentence.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
