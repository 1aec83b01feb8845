"""Who we say we are: a key, a name and password, or a token that is asked for first."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from aiohttp import web

from engine import clock
from engine.connectors import fields
from engine.connectors.registry import configure
from engine.connectors.suppliers.rest.connector import Connector
from engine.errors import Misconfigured, NotAuthorised, OutcomeUnknown, Refused, TryLater
from engine.services import submissions
from tests.connectors.rest.conftest import purchase

BASE = {"base_url": "http://127.0.0.1:9", "name": "Acme", "timeout": 60}
YES = {"po_number": "1001-1", "reference": "R9"}


class Guarded:
    """A supplier that takes only the tokens its endpoint gave out and has not revoked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[dict[str, str], dict[str, list[str]]]] = []
        self.orders: list[str] = []
        self.good: set[str] = set()
        self.token_answers: list[tuple[int, Any]] = []
        self.life: object = 3600
        self.deaf = False
        self.slow = 0.0
        self.down = False

    async def token(self, request: web.Request) -> web.Response:
        self.asked.append((dict(request.headers), parse_qs((await request.read()).decode())))
        await asyncio.sleep(self.slow)
        if self.token_answers:
            status, body = self.token_answers.pop(0)
            return web.Response(status=status, body=body if isinstance(body, bytes) else msgspec.json.encode(body))
        made = f"t-{len(self.asked)}"
        self.good.add(made)
        return web.json_response({"access_token": made, "token_type": "bearer", "expires_in": self.life})

    async def order(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        self.orders.append(given)
        if self.down:
            return web.Response(status=503)
        if self.deaf or given.removeprefix("Bearer ") not in self.good:
            return web.json_response({"message": "who are you?"}, status=401)
        return web.json_response(YES)


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    server = Guarded()
    app = web.Application()
    app.router.add_post("/oauth/token", server.token)
    app.router.add_route("*", "/{rest:.*}", server.order)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
def later() -> Iterator[Callable[[float], None]]:
    at = [datetime(2026, 1, 1, tzinfo=UTC)]
    clock.use(lambda: at[0])
    yield lambda seconds: at.__setitem__(0, at[0] + timedelta(seconds=seconds))
    clock.use(lambda: datetime.now(UTC))


def oauth(server: Guarded, **changed: Any) -> dict[str, Any]:
    return {
        "key": "", "auth": "oauth2", "token_url": f"{server.url}/oauth/token", "client_id": "blue book",
        "client_secret": "s:e+c%", **changed,
    }  # fmt: skip


async def send(acme: Connector) -> str:
    return (await acme.submit("1001-1", acme.render(purchase()))).reference


async def test_basic_sends_name_and_password_in_utf8(scripted, connected) -> None:
    scripted.answers = [(201, YES)]
    async with connected(scripted.url, "", auth="basic", username="blue", password="pässword:1") as acme:
        assert await send(acme) == "R9"
    sent = scripted.asked[0].headers["authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")).decode() == "blue:pässword:1"


async def test_the_client_names_itself_by_a_header_or_in_the_body(guarded, connected) -> None:
    async with connected(guarded.url, **oauth(guarded, scope="orders stock")) as acme:
        assert await send(acme) == "R9"
    headers, form = guarded.asked.pop()
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"blue+book:s%3Ae%2Bc%25"
    assert form == {"grant_type": ["client_credentials"], "scope": ["orders stock"]}
    async with connected(guarded.url, **oauth(guarded, client_auth="body")) as acme:
        assert await send(acme) == "R9"
    headers, form = guarded.asked.pop()
    assert "Authorization" not in headers
    assert form == {
        "grant_type": ["client_credentials"], "client_id": ["blue book"], "client_secret": ["s:e+c%"]
    }  # fmt: skip


async def test_calls_at_one_moment_share_a_token_until_shortly_before_it_ends(guarded, connected, later) -> None:
    guarded.slow = 0.05
    async with connected(guarded.url, **oauth(guarded)) as acme:
        assert await asyncio.gather(*(send(acme) for _ in range(20))) == ["R9"] * 20
        assert len(guarded.asked) == 1
        later(3539)
        await send(acme)
        assert len(guarded.asked) == 1
        later(2)
        await send(acme)
    assert guarded.orders[-2:] == ["Bearer t-1", "Bearer t-2"]


async def test_a_token_without_an_end_is_kept(guarded, connected, later) -> None:
    guarded.life = None
    async with connected(guarded.url, **oauth(guarded)) as acme:
        await send(acme)
        later(10**6)
        await send(acme)
    assert len(guarded.asked) == 1


async def test_one_caller_that_gives_up_leaves_the_token_to_the_others(guarded, connected) -> None:
    guarded.slow = 0.05
    async with connected(guarded.url, **oauth(guarded)) as acme:
        first, second = asyncio.create_task(send(acme)), asyncio.create_task(send(acme))
        while not guarded.asked:
            await asyncio.sleep(0)
        first.cancel()
        assert await second == "R9"
    assert len(guarded.asked) == 1


async def test_a_token_that_was_good_and_is_refused_is_replaced_once(guarded, connected) -> None:
    async with connected(guarded.url, **oauth(guarded)) as acme:
        await send(acme)
        guarded.good.clear()
        assert await asyncio.gather(*(send(acme) for _ in range(5))) == ["R9"] * 5
        assert len(guarded.asked) == 2
        guarded.deaf = True
        guarded.orders.clear()
        with pytest.raises(NotAuthorised, match=r"Acme answered 401.*who are you"):
            await send(acme)
    assert guarded.orders == ["Bearer t-2", "Bearer t-3"]


async def test_a_new_token_that_is_refused_is_not_tried_again(guarded, connected) -> None:
    guarded.deaf = True
    async with connected(guarded.url, **oauth(guarded)) as acme:
        with pytest.raises(NotAuthorised, match="401"):
            await send(acme)
    assert (len(guarded.asked), len(guarded.orders)) == (1, 1)


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (400, {"error": "invalid_scope"}, NotAuthorised),
        (401, {"error": "invalid_client"}, NotAuthorised),
        (403, b"", NotAuthorised),
        (302, b"", NotAuthorised),
        (200, {"error": "invalid_client"}, NotAuthorised),
        (200, {"access_token": "a\nb"}, NotAuthorised),
        (200, b"<html>", TryLater),
        (408, b"", TryLater),
        (429, b"", TryLater),
        (500, b"", TryLater),
        (503, b"", TryLater),
    ],
)
async def test_without_a_token_nothing_leaves(guarded, connected, status, body, raised) -> None:
    guarded.token_answers = [(status, body)]
    async with connected(guarded.url, **oauth(guarded)) as acme:
        with pytest.raises(raised, match="token endpoint"):
            await send(acme)
        assert guarded.orders == []
        assert await send(acme) == "R9"  # the next attempt asks again


async def test_a_token_endpoint_that_is_down_or_slow_is_try_later(guarded, connected) -> None:
    async with connected(guarded.url, **oauth(guarded, token_url="http://127.0.0.1:9/token")) as acme:
        with pytest.raises(TryLater, match="token endpoint cannot be reached"):
            await send(acme)
    guarded.slow = 30
    async with connected(guarded.url, **oauth(guarded, timeout=0.2)) as acme:
        with pytest.raises(TryLater, match="token endpoint"):
            await send(acme)
    assert guarded.orders == []


async def test_a_token_that_came_late_is_kept_for_the_next_attempt(guarded, connected) -> None:
    guarded.slow = 3.1
    async with connected(guarded.url, **oauth(guarded, timeout=6)) as acme:
        with pytest.raises(TryLater, match="nothing was sent"):
            await send(acme)
        assert guarded.orders == []
        assert await send(acme) == "R9"
    assert len(guarded.asked) == 1


async def test_after_the_token_an_order_without_answer_is_unknown_as_ever(guarded, connected) -> None:
    guarded.down = True
    async with connected(guarded.url, **oauth(guarded)) as acme:
        with pytest.raises(OutcomeUnknown, match="503"):
            await send(acme)
    assert len(guarded.orders) == 1


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "api_key"),
        ({"auth": "basic"}, "username"),
        ({"auth": "basic", "username": "a:b"}, "username"),
        ({"auth": "oauth2", "client_id": "a", "client_secret": "b"}, "token_url"),
        ({"auth": "oauth2", "token_url": "https://a.example/t", "client_secret": "b"}, "client_id"),
        ({"auth": "oauth2", "token_url": "https://a.example/t", "client_id": "b"}, "client_secret"),
        ({"auth": "oauth2", "token_url": "ftp://a/t", "client_id": "a", "client_secret": "b"}, "token_url"),
        ({"auth": "digest", "api_key": "k"}, "auth"),
        ({"api_key": "k", "auth_header": "Idempotency-Key"}, "auth_header"),
        ({"api_key": "k", "auth_header": "X Key"}, "auth_header"),
        ({"api_key": "k", "auth_scheme": "a\nb"}, "auth_scheme"),
    ],
)
def test_what_cannot_work_is_refused_by_its_field(settings, field) -> None:
    with pytest.raises(Misconfigured, match=field):
        configure(Connector, BASE | settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": "k"},
        {"auth": "basic", "username": "blue"},
        {"auth": "oauth2", "token_url": "http://127.0.0.1:9/t", "client_id": "a", "client_secret": "b"},
    ],
    ids=["header", "basic", "oauth2"],
)
def test_callbacks_are_verified_by_their_own_secret_whatever_we_are_known_by(settings) -> None:
    acme = Connector(configure(Connector, BASE | settings | {"callback_secret": "cs"}))
    body, stamp = b'{"id":"u1","po_number":"1001-1"}', str(int(clock.now().timestamp()))
    signature = hmac.new(b"cs", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    hook = acme.verify_hook({"X-Timestamp": stamp, "X-Signature": signature}, body)
    assert hook.raw is not None
    assert (hook.raw.external_id, hook.delivery_id) == ("1001-1", "u1")
    with pytest.raises(Refused, match="signature"):
        acme.verify_hook({"X-Timestamp": stamp, "X-Signature": signature}, body + b" ")


def test_forms_offer_the_kinds_and_hide_the_secrets() -> None:
    offered = {field.name: field for field in fields.fields(Connector)}
    assert offered["auth"].choices == ("basic", "header", "oauth2")
    assert offered["client_auth"].choices == ("basic", "body")
    hidden = {name for name, field in offered.items() if field.secret}
    assert hidden == {"api_key", "password", "client_secret", "callback_secret"}


def test_an_attempt_ends_by_the_kind_of_its_error_and_not_by_its_exact_type() -> None:
    class Mine(Refused):
        pass

    class Paused(NotAuthorised):
        pass

    def outcome(answer: Exception) -> str:
        attempt: Any = SimpleNamespace(po_id=1, attempt=1, answer=answer)
        return str(submissions.row(attempt, 0)[0])

    said = [outcome(error) for error in (Mine("no"), Paused("who?"), TryLater("later"), OutcomeUnknown("lost"))]
    assert said == ["refused", "deferred", "deferred", "unknown"]
