"""Plain routes beside Reflex's pages: logging in and out by whole-page forms, and the app's own files.

A cookie that no script can read has to be set by an ordinary answer, which is why logging in is no event.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from engine.errors import Invalid, NotAuthorised, NotFound, TryLater
from engine.services import invitations, passwords, sessions
from engine.services.invitations import Invitation
from webui import downloads, letting_in, mapping_files, words
from webui.gate import COOKIE, OPEN, OPEN_BELOW, token_of
from webui.plain_pages import page, refused

_PACKAGE = Path(__file__).parent
COOKIE_SECONDS = int(sessions.ABSOLUTE.total_seconds())
"""As long as any session lasts at most; how long it really does, the database says."""


def own_path(wanted: str) -> str:
    """The path if it is one of ours, else the start page: a log-in must not lead elsewhere."""
    fine = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/login", "/logout"))
    return wanted if fine and wanted.isprintable() and "\\" not in wanted else "/"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def with_session(request: Request, token: str, target: str) -> Response:
    """Off to the target with a new session in a cookie that scripts cannot read and other sites' forms do not send."""
    answer = RedirectResponse(target, 303)
    answer.set_cookie(COOKIE, token, max_age=COOKIE_SECONDS, **_how(request))
    return answer


def _how(request: Request) -> dict[str, Any]:
    secure = request.scope.get("scheme") == "https" or bool(request.state.secure)
    return {"httponly": True, "samesite": "lax", "secure": secure, "path": "/"}


async def login(request: Request) -> Response:
    """The log-in page; whoever is logged in already is sent on."""
    target = own_path(request.query_params.get("next", "/"))
    if await sessions.person_of(token_of(request.headers.get("cookie", ""))) is not None:
        return RedirectResponse(target, 303)
    said = "You have logged out." if "out" in request.query_params else ""
    return page("login", next=target, said=said)


async def do_login(request: Request) -> Response:
    """A session begins, with a token that was never seen before; or the page says why not."""
    form = await _form(request)
    name, target = form.get("name", ""), own_path(form.get("next", "/"))
    try:
        token = await _begin(request, name, form.get("password", ""))
    except (NotAuthorised, TryLater) as error:
        return refused("login", error, 401, next=target, name=name)
    return with_session(request, token, target)


async def _form(request: Request) -> dict[str, str]:
    """The fields that were typed, by name. What is too large or no form is refused with 400."""
    form = await request.form(max_files=0, max_fields=10, max_part_size=8192)
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def _begin(request: Request, name: str, password: str) -> str:
    """The token of a new session; the one that the browser had before has ended."""
    token, _ = await sessions.login(name, password, _address(request), request.headers.get("user-agent", ""))
    await sessions.logout(token_of(request.headers.get("cookie", "")))
    return token


async def do_logout(request: Request) -> Response:
    """The session is over."""
    await sessions.logout(token_of(request.headers.get("cookie", "")))
    answer = RedirectResponse("/login?out=1", 303)
    answer.delete_cookie(COOKIE, **_how(request))
    return answer


async def invitation(request: Request) -> Response:
    """The page of a one-time link: to choose a name and a password, or only a password."""
    try:
        found = await invitations.invitation(request.path_params["token"])
    except NotFound as error:
        return page("invitation", 404, gone=words.sentence(error.message))
    return page("invitation", name=found.name, **_about(found))


async def accept_invitation(request: Request) -> Response:
    """The link is used up and its user is logged in; or the page says what is wrong, and the link is still good."""
    token = request.path_params["token"]
    try:
        found = await invitations.invitation(token)
        form = await _form(request)
        name, password = form.get("name", found.name), form.get("password", "")
        passwords.same(password, form.get("again", ""))
        made = await invitations.accept(token, name, password)
    except NotFound as error:
        return page("invitation", 404, gone=words.sentence(error.message))
    except (Invalid, TryLater) as error:
        field = isinstance(error, Invalid) and error.field
        return refused("invitation", error, 422, name=name, field=field, **_about(found))
    try:
        return with_session(request, await _begin(request, made.name, password), "/")
    except (NotAuthorised, TryLater):  # locked out from this address, say; the password holds all the same
        return page("login", next="/", name=made.name, said="Your password is set. Log in with it.")


def _about(found: Invitation) -> dict[str, Any]:
    return {
        "role": found.role.value, "known": found.name, "invited_by": words.plain(found.invited_by),
        "until": words.exactly(found.expires_at, "UTC")[:16], "shortest": passwords.SHORTEST,
    }  # fmt: skip


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
            Route("/invitation/{token}", invitation, methods=["GET"]),
            Route("/invitation/{token}", accept_invitation, methods=["POST"]),
            *downloads.ROUTES,
            *mapping_files.ROUTES,
            *letting_in.ROUTES,
            Mount("/static", _Files(directory=_PACKAGE / "static")),
        ]
    )


def is_download(path: str) -> bool:
    """Is it a route of ours with somebody's data, beside the pages?"""
    return any(found.match(path) for found in _downloads())


@lru_cache(maxsize=1)
def _downloads() -> list[re.Pattern[str]]:
    routes = [route for route in make_routes().routes if isinstance(route, Route)]
    # Whom a channel has asked comes back from its site: the answer proves itself by the question it belongs to.
    others = (*OPEN, letting_in.PATH)
    return [r.path_regex for r in routes if r.path not in others and not r.path.startswith(OPEN_BELOW)]
