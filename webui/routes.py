"""Plain routes beside Reflex's pages: logging in and out by whole-page forms, and the app's own files.

A cookie that no script can read has to be set by an ordinary answer, which is why logging in is no event.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from engine.errors import BluebookError, NotAuthorised, TryLater
from engine.services import sessions
from webui.gate import COOKIE, token_of

_PACKAGE = Path(__file__).parent
_pages = jinja2.Environment(loader=jinja2.FileSystemLoader(_PACKAGE / "templates"), autoescape=True)
COOKIE_SECONDS = int(sessions.ABSOLUTE.total_seconds())
"""As long as any session lasts at most; how long it really does, the database says."""


def page(template: str, status: int = 200, /, **values: Any) -> Response:
    """A page made of a template."""
    return HTMLResponse(_pages.get_template(f"{template}.html").render(**values), status)


def own_path(wanted: str) -> str:
    """The path if it is one of ours, else the start page: a log-in must not lead elsewhere."""
    fine = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/login", "/logout"))
    return wanted if fine and wanted.isprintable() and "\\" not in wanted else "/"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def with_session(request: Request, token: str, target: str) -> Response:
    """Off to the target with a new session in a cookie that scripts cannot read and other sites' forms do not send."""
    answer = RedirectResponse(target, 303)
    secure = request.scope.get("scheme") == "https" or bool(request.state.secure)
    answer.set_cookie(COOKIE, token, max_age=COOKIE_SECONDS, httponly=True, samesite="lax", secure=secure, path="/")
    return answer


async def login(request: Request) -> Response:
    """The log-in page; whoever is logged in already is sent on."""
    target = own_path(request.query_params.get("next", "/"))
    if await sessions.person_of(token_of(request.headers.get("cookie", ""))) is not None:
        return RedirectResponse(target, 303)
    said = "You have logged out." if "out" in request.query_params else ""
    return page("login", next=target, said=said)


async def do_login(request: Request) -> Response:
    """A session begins, with a token that was never seen before; or the page says why not."""
    form = await request.form(max_fields=10, max_part_size=4096)
    name, target = str(form.get("name", "")), own_path(str(form.get("next", "/")))
    agent = request.headers.get("user-agent", "")
    try:
        token, _ = await sessions.login(name, str(form.get("password", "")), _address(request), agent)
    except (NotAuthorised, TryLater) as error:
        status = 429 if isinstance(error, TryLater) else 401
        return page("login", status, next=target, name=name, error=_sentence(error))
    return with_session(request, token, target)


async def do_logout(request: Request) -> Response:
    """The session is over."""
    await sessions.logout(token_of(request.headers.get("cookie", "")))
    answer = RedirectResponse("/login?out=1", 303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


def _sentence(error: BluebookError) -> str:
    return f"{error.message[:1].upper()}{error.message[1:]}."


class _Files(StaticFiles):
    """The app's own style sheet and script; browsers ask whether they have changed."""

    async def get_response(self, path: str, scope: Any) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = "no-cache"
        return answer


def make_routes() -> Starlette:
    """The routes, around which Reflex's own app is mounted."""
    return Starlette(
        routes=[
            Route("/login", login, methods=["GET"]),
            Route("/login", do_login, methods=["POST"]),
            Route("/logout", do_logout, methods=["POST"]),
            Mount("/static", _Files(directory=_PACKAGE / "static")),
        ]
    )


def encoded(number: str) -> str:
    """An order's number as a part of a path."""
    return quote(number, safe="")
