"""``/answer/TOKEN``: GET shows what the link asks and changes nothing, because scanners follow links; POST answers it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping

import structlog
from aiohttp import web

from engine.api import answer_page
from engine.api.limits import Limit
from engine.domain import proxies
from engine.errors import BluebookError, Invalid, NotFound, Refused
from engine.services import answers
from engine.services.answers import Answer

PATH = "/answer/{token:[A-Za-z0-9_-]{20,100}}"
MAX_FORM = 64 * 1024  # bytes
FORM_SECONDS = 15.0
HOPS = web.AppKey("proxy_hops", int)
_VISITS = web.AppKey("answer_visits", Limit)
_ANSWERS = web.AppKey("answer_answers", Limit)
_log = structlog.get_logger("bluebook.api")


def add(app: web.Application, proxy_hops: int = 0) -> None:
    """The application has the pages. ``proxy_hops`` of our own proxies tell in X-Forwarded-For who asks."""
    app[HOPS] = proxy_hops
    app[_VISITS] = Limit(120, 60.0)  # from an address: a warehouse of people behind one
    app[_ANSWERS] = Limit(10, 60.0)  # by a link
    app.router.add_get(PATH, _show)
    app.router.add_post(PATH, _answer)


def loggable(path: str) -> str:
    """The path without the secret that a link is."""
    return "/answer/***" if path.startswith("/answer/") else path


async def _show(request: web.Request) -> web.Response:
    token = request.match_info["token"]
    if (late := _too_often(request, token)) is not None:
        return late
    try:
        asked = await answers.asked(token)
    except BluebookError as error:
        return _wrong(error)
    return _page(200, answer_page.show(asked))


async def _answer(request: web.Request) -> web.Response:
    token = request.match_info["token"]
    if (late := _too_often(request, token)) is not None:
        return late
    try:
        given = await _form(request)
        asked = await answers.asked(token)
    except BluebookError as error:
        return _wrong(error)
    try:
        taken = await answers.say(token, _read(given, [line.line for line in asked.lines]))
    except Invalid as error:
        return _page(422, answer_page.show(asked, given, error.message, error.field or ""))
    except BluebookError as error:
        return _wrong(error)
    return _page(200, answer_page.thanks(taken, asked.po_number))


def _too_often(request: web.Request, token: str) -> web.Response | None:
    told = ",".join(request.headers.getall("X-Forwarded-For", ()))
    who = proxies.behind(told, request.app[HOPS]) or request.remote or ""
    wait = request.app[_VISITS].wait(proxies.network(who))
    if not wait and request.method == "POST":
        wait = request.app[_ANSWERS].wait(hashlib.sha256(token.encode()).hexdigest())
    if not wait:
        return None
    text = f"Too many visits from your address. Nothing was changed; try again in {wait} seconds."
    return _page(429, answer_page.sentence("A moment, please", text), {"Retry-After": str(wait)})


async def _form(request: web.Request) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        raise Invalid("This page takes its own form only.")
    if (request.content_length or 0) > MAX_FORM:
        raise web.HTTPRequestEntityTooLarge(MAX_FORM, request.content_length or 0)
    try:
        async with asyncio.timeout(FORM_SECONDS):
            found = await request.post()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except (LookupError, ValueError) as error:  # a charset there is none of, or bytes that are not of it
        raise Invalid("The form cannot be read: its characters are damaged.") from error
    texts = {name: value for name, value in found.items() if isinstance(value, str)}
    # Lone halves of characters can be sent, and neither a database nor a page can hold them.
    return {name: value[:2_000].encode("utf-8", "replace").decode() for name, value in texts.items()}


def _read(given: Mapping[str, str], lines: list[int]) -> Answer:
    quantities = {}
    for line in lines:
        text = given.get(f"line{line}", "").strip()
        if text and not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise Invalid("Give the pieces as a whole number.", f"line{line}")
        if f"line{line}" in given:
            quantities[line] = int(text or 0)
    return Answer(
        reference=given.get("reference", ""), message=given.get("message", ""), carrier=given.get("carrier", ""),
        tracking_number=given.get("tracking_number", ""), quantities=quantities,
    )  # fmt: skip


def _wrong(error: BluebookError) -> web.Response:
    if isinstance(error, NotFound):
        return _page(404, answer_page.sentence("This link does not work", error.message))
    if isinstance(error, Refused):
        return _page(409, answer_page.sentence("Nothing was changed", error.message))
    if isinstance(error, Invalid):
        return _page(422, answer_page.sentence("Nothing was changed", error.message))
    _log.error("an answer page could not be shown", error=error.message)
    text = "Something went wrong here, and nothing was changed. Please try again later, or reply to the mail."
    return _page(503, answer_page.sentence("Please try again later", text))


def _page(status: int, html: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        text=html,
        content_type="text/html",
        charset="utf-8",
        headers={**answer_page.HEADERS, **(headers or {})},
    )
