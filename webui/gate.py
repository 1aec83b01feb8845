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

from engine import db
from engine.services import sessions, trouble
from engine.services.sessions import Person
from webui import config

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "bluebook_session"
OPEN = ("/login", "/logout", "/invite/", "/static/", "/assets/", "/ping", "/favicon.ico")
SAFE = ("GET", "HEAD", "OPTIONS")
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
    """The ASGI app around Reflex. ``context`` is the open database; ``origins`` are what pages of ours may be called
    besides what the request's Host says."""

    def __init__(self, app: App, context: db.TortoiseContext, origins: Iterable[str] = ()) -> None:
        self.app = app
        self.context = context
        self.origins = frozenset(origins)
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
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._request(scope, receive, self._with_headers(scope, send))

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        kept = scope["path"].startswith("/assets/")  # named by their content

        async def answer(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in self._headers} | {b"cache-control", b"server"}
                headers = [(n, v) for n, v in message.get("headers", []) if n.lower() not in ours]
                told = dict(message.get("headers", [])).get(b"cache-control")
                cache = b"public, max-age=31536000, immutable" if kept else told or b"no-store"
                message = message | {"headers": [*headers, *self._headers, (b"cache-control", cache)]}
            await send(message)

        return answer

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if scope["method"] not in SAFE and not self._is_ours(scope, headers):
            log.warning("refused a request from elsewhere", path=scope["path"], origin=_text(headers, b"origin"))
            await _say(send, 403, "This came from another site, so nothing was done.")
            return
        scope["state"] = {**scope.get("state", {}), "secure": self.secure}
        path = scope["path"]
        if path.startswith(OPEN):
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
            log.exception("a request failed", path=scope["path"])
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

    def _is_ours(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Was it sent by a page of this very site? Browsers say so themselves, and pages cannot change what they say."""
        site = _text(headers, b"sec-fetch-site")
        if site and site not in ("same-origin", "none"):
            return False
        origin = _text(headers, b"origin")
        if not origin:
            return site in ("same-origin", "none")
        return origin in self.origins or urlsplit(origin).netloc == _text(headers, b"host")


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
