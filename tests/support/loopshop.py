"""A shop of the tests' own that its owner lets us into by OAuth 2, on loopback, and the connector that speaks to it.

Its rules are those of the strictest vendors: one use for a code, PKCE by S256, and a new refresh token with each renewal;
one that was used before ends all access.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from engine import clock
from engine.errors import NotAuthorised, Refused
from engine.ports import ChannelOrder, ChannelParcel, Page, Parcel, Raw
from engine.transports.grants import Grant, Grants
from engine.transports.http import HttpClient

LASTS = 3600


class LoopShop:
    """The shop, from ``start`` to ``stop``. ``count`` is how many tokens it gave, ``reused`` how often one came again."""

    def __init__(self) -> None:
        self.url = ""
        self.client_id, self.client_secret = "app-1", "app-secret"
        self.refresh_token = "first-refresh"
        self.refresh_days = 90
        self.access: set[str] = set()
        self.used: set[str] = set()
        self.count = self.reused = 0
        self.says_no = False
        self.codes: dict[str, tuple[str, str]] = {}
        self.asked: dict[str, str] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """It listens; its address."""
        app = web.Application()
        app.router.add_get("/authorise", self._authorise)
        app.router.add_post("/token", self._token)
        app.router.add_get("/shop", self._shop)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Nothing listens any more."""
        if self._runner is not None:
            await self._runner.cleanup()

    def settings(self) -> dict[str, str]:
        """What its owner types in."""
        return {"url": self.url, "client_id": self.client_id, "client_secret": self.client_secret}

    async def _authorise(self, request: web.Request) -> web.Response:
        query = self.asked = dict(request.query)
        assert query["client_id"] == self.client_id
        back = {"state": query["state"]}
        if self.says_no:
            back["error"] = "access_denied"
        else:
            code = back["code"] = secrets.token_hex(8)
            self.codes[code] = (query["redirect_uri"], query["code_challenge"])
        raise web.HTTPFound(f"{query['redirect_uri']}?{urlencode(back)}")

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        known = (form.get("client_id"), form.get("client_secret")) == (self.client_id, self.client_secret)
        if not known:
            return web.json_response({"error": "invalid_client"}, status=401)
        if form["grant_type"] == "authorization_code":
            redirect_uri, challenge = self.codes.pop(str(form["code"]), ("", ""))
            digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
            made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if (redirect_uri, challenge) != (form["redirect_uri"], made):
                return web.json_response({"error": "invalid_grant"}, status=400)
        elif form["refresh_token"] != self.refresh_token:
            self.reused += str(form["refresh_token"]) in self.used
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.used.add(self.refresh_token)
        self.refresh_token = f"refresh-{secrets.token_hex(8)}"
        access = f"access-{secrets.token_hex(8)}"
        self.access.add(access)
        self.count += 1
        return web.json_response(
            {
                "access_token": access, "expires_in": LASTS, "refresh_token": self.refresh_token,
                "refresh_token_expires_in": self.refresh_days * 86_400,
            }
        )  # fmt: skip

    async def _shop(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.access:
            return web.json_response({"error": "unauthorized"}, status=401)
        return web.json_response({"name": "Loop & Sons"})


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """How to come to the shop."""

    url: str
    client_id: str
    client_secret: str
    refresh_token: str
    page_size: int = 100


class _Tokens(msgspec.Struct):
    access_token: str
    expires_in: int
    refresh_token: str
    refresh_token_expires_in: int


class Connector:
    """The shop as a channel. It has no orders."""

    slug: ClassVar[str] = "loopshop"
    name: ClassVar[str] = "Loop shop"
    docs_url: ClassVar[str] = "https://loop.example/docs"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"client_secret", "refresh_token"})
    scopes: ClassVar[tuple[str, ...]] = ("orders.read", "parcels.write")
    authorise_needs: ClassVar[tuple[str, ...]] = ("url", "client_id", "client_secret")
    authorise_gives: ClassVar[tuple[str, ...]] = ("refresh_token",)

    def __init__(self, config: Any) -> None:
        self._config: Config = config
        self._http = HttpClient("Loop shop", timeout=60)
        self.grants = (Grants(self._renew),)

    @staticmethod
    def authorise_url(settings: Mapping[str, Any], redirect_uri: str, state: str, challenge: str) -> str:
        query = {
            "client_id": settings["client_id"], "redirect_uri": redirect_uri, "state": state, "response_type": "code",
            "code_challenge": challenge, "code_challenge_method": "S256", "scope": " ".join(Connector.scopes),
        }  # fmt: skip
        return f"{settings['url']}/authorise?{urlencode(query)}"

    @staticmethod
    async def redeem(
        settings: Mapping[str, Any], answer: Mapping[str, str], redirect_uri: str, verifier: str
    ) -> dict[str, str]:
        if "error" in answer:
            raise NotAuthorised(f"Loop shop: the owner said no ({answer['error']})")
        http = HttpClient("Loop shop", timeout=60)
        try:
            form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": redirect_uri,
                    "code_verifier": verifier}  # fmt: skip
            return {"refresh_token": (await _ask(http, settings, form)).refresh_token}
        finally:
            await http.close()

    async def _renew(self, kept: Grant | None) -> Grant:
        values = msgspec.structs.asdict(self._config)
        refresh = kept.refresh_token if kept is not None else self._config.refresh_token
        got = await _ask(self._http, values, {"grant_type": "refresh_token", "refresh_token": refresh})
        return Grant(
            access_token=got.access_token, until=_after(got.expires_in), refresh_token=got.refresh_token,
            refresh_until=_after(got.refresh_token_expires_in),
        )  # fmt: skip

    async def check(self) -> str:
        for _ in range(2):
            token = await self.grants[0].token()
            try:
                answer = await self._http.call(
                    "GET", f"{self._config.url}/shop", effect=False, headers={"Authorization": f"Bearer {token}"}
                )
            except NotAuthorised:
                self.grants[0].refused(token)
                continue
            return f"connected to {answer.json()['name']}"
        raise NotAuthorised("Loop shop does not accept its own tokens")

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        await self.check()
        return Page(())

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        return Page(())

    def read(self, raw: Raw) -> ChannelOrder:
        raise NotImplementedError

    async def push_tracking(self, parcel: Parcel) -> str:
        raise NotImplementedError

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        return {}

    async def finish(self, done: Sequence[str]) -> None:
        return None

    async def close(self) -> None:
        await self._http.close()


def _after(seconds: int) -> datetime:
    return clock.now() + timedelta(seconds=seconds)


async def _ask(http: HttpClient, settings: Mapping[str, Any], form: dict[str, str]) -> _Tokens:
    body = urlencode({**form, "client_id": settings["client_id"], "client_secret": settings["client_secret"]}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        answer = await http.call("POST", f"{settings['url']}/token", effect=False, headers=headers, body=body)
    except Refused as error:
        raise NotAuthorised(f"Loop shop does not take the grant: {error.message}") from error
    return msgspec.convert(answer.json(), _Tokens)
