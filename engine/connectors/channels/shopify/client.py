"""Shopify's Admin GraphQL over HTTP: tokens, the cost of queries, and errors that come with HTTP 200.

A query takes points from a bucket that belongs to this app in this store, and fills again with so many a second; every
answer tells both. https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from engine import clock
from engine.connectors.channels.shopify.documents import VERSION, Document
from engine.errors import BluebookError, Misconfigured, NotAuthorised, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.transports.grants import Grant, Grants
from engine.transports.http import Answer, HttpClient
from engine.transports.throttle import Bucket, LocalThrottle, Throttle

T = TypeVar("T")
TOO_DEAR = "MAX_COST_EXCEEDED"
_DENIED = frozenset({"ACCESS_DENIED", "SHOP_INACTIVE", "UNAUTHORIZED", "FORBIDDEN"})
_TRIES = 5  # so often a request that was throttled is sent again before its job waits
_STANDARD = Bucket("shopify", 100.0, 2000.0)
SCOPES = (
    "read_orders",
    "write_orders",
    "read_products",
    "read_locations",
    "read_merchant_managed_fulfillment_orders",
    "write_merchant_managed_fulfillment_orders",
)
_ADVICE = (
    f". Look at the app in Shopify's Dev Dashboard: it has to be installed in this store with the scopes {', '.join(SCOPES)}, "
    "and the credentials given here have to be that app's; its owner can let Bluebook in anew"
)


class Shape(msgspec.Struct, rename="camel", frozen=True):
    """What parts of Shopify's answers are made of."""


class _ThrottleStatus(Shape, frozen=True):
    maximum_available: float
    currently_available: float
    restore_rate: float


class _Cost(Shape, frozen=True):
    requested_query_cost: float
    actual_query_cost: float | None = None
    throttle_status: _ThrottleStatus | None = None


class _Extensions(Shape, frozen=True):
    cost: _Cost | None = None


class _Detail(Shape, frozen=True):
    code: str = ""
    required_access: str = ""


class _Error(Shape, frozen=True):
    message: str = ""
    extensions: _Detail = _Detail()


class _Envelope(Shape, frozen=True):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: tuple[_Error, ...] | str | None = None
    extensions: _Extensions = _Extensions()


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int | None = None
    refresh_token: str = ""
    refresh_token_expires_in: int | None = None


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """One of: a token that does not end; an app's id and secret; the same with the refresh token an owner's yes gave."""

    access_token: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""

    @property
    def renewable(self) -> bool:
        """Are tokens asked for, rather than given?"""
        return bool(self.client_id and self.client_secret and (self.refresh_token or not self.access_token))


def home(shop: str) -> str:
    """The address of a store given by its name, its myshopify.com domain or its address. Raises Misconfigured."""
    text = shop.strip()
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", text):
        text = f"https://{text}" if "." in text else f"https://{text}.myshopify.com"
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Misconfigured(f"Shopify: shop must be the store's name, as in example.myshopify.com, not {shop!r}")
    return f"{parts.scheme}://{parts.netloc}"


class Client:
    """One store. ``costs`` has what Shopify said each document costs at most, by its name."""

    def __init__(self, shop: str, credentials: Credentials, timeout: float) -> None:
        self.home = home(shop)
        self.throttle: Throttle = LocalThrottle()
        self.grants: tuple[Grants, ...] = (Grants(self._renew),) if credentials.renewable else ()
        self.costs: dict[str, float] = {}
        self._credentials = credentials
        self._http = HttpClient(f"Shopify ({urlsplit(self.home).netloc})", timeout=timeout)
        self._bucket = _STANDARD
        self._taken: dict[str, float] = {}

    async def ask(self, document: Document, variables: Mapping[str, Any], shape: type[T]) -> T:
        """The answer's ``data`` as ``shape``.

        Raises NotAuthorised naming the scope, TryLater, Refused with Shopify's code, Unreadable, and OutcomeUnknown for
        documents with an effect. What was throttled is sent again once its cost is there.
        """
        wait = 1.0
        for _ in range(_TRIES):
            await self.throttle.take(self._bucket, self._taken.get(document.name, document.cost))
            envelope = await self._post(document, variables)
            cost = envelope.extensions.cost
            if not _throttled(envelope):
                await self._learn(document, cost)
                return self._data(document, envelope, shape)
            wait = await self._wait(document, cost)
        raise TryLater(
            f"{self._http.peer} has throttled {document.name} {_TRIES} times: too much asks it at once", wait
        )

    async def close(self) -> None:
        """The connections are closed; the next call opens new ones."""
        await self._http.close()

    # --- points

    async def _learn(self, document: Document, cost: _Cost | None) -> None:
        if cost is None:
            return
        self.costs[document.name] = cost.requested_query_cost
        if cost.actual_query_cost is not None:
            self._taken[document.name] = cost.actual_query_cost
        status = cost.throttle_status
        if status is not None and status.restore_rate > 0:
            self._bucket = Bucket(_STANDARD.name, status.restore_rate, status.maximum_available)
            await self.throttle.told(self._bucket, status.currently_available)

    async def _wait(self, document: Document, cost: _Cost | None) -> float:
        """Nobody asks before the points this document needs are there again; the seconds that takes."""
        await self._learn(document, cost)
        lacking = document.cost
        if cost is not None and cost.throttle_status is not None:
            lacking = max(1.0, cost.requested_query_cost - cost.throttle_status.currently_available)
        await self.throttle.told(self._bucket, -lacking)
        await self.throttle.take(self._bucket, 0.0)
        return lacking / self._bucket.rate

    # --- the wire

    async def _post(self, document: Document, variables: Mapping[str, Any]) -> _Envelope:
        body = msgspec.json.encode({"query": document.text, "operationName": document.name, "variables": variables})
        for again in (True, False):
            token = await self.grants[0].token() if self.grants else self._credentials.access_token
            answer = await self._http.answer_to(
                "POST", f"{self.home}/admin/api/{VERSION}/graphql.json", effect=document.effect, body=body,
                headers={"Content-Type": "application/json", "X-Shopify-Access-Token": token},
            )  # fmt: skip
            if answer.status == 401 and self.grants and again:
                self.grants[0].refused(token)  # nothing was done; a token that was just asked for may help
                continue
            break
        if answer.status == 429:
            raise _plain(self._http.refusal(answer, effect=False))
        if not 200 <= answer.status < 300:
            raise _plain(self._http.refusal(answer, document.effect))
        return self._envelope(answer, document.effect)

    def _envelope(self, answer: Answer, effect: bool) -> _Envelope:
        try:
            return msgspec.json.decode(answer.body, type=_Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            begin = answer.body[:80].decode("utf-8", "replace")
            raise _drift(f"{self._http.peer}: this is no answer of GraphQL ({error}): {begin!r}", effect) from error

    def _data(self, document: Document, envelope: _Envelope, shape: type[T]) -> T:
        if envelope.errors:
            raise self._failure(document, envelope.errors)
        try:
            return msgspec.json.decode(envelope.data, type=shape)
        except msgspec.DecodeError as error:
            said = f"{self._http.peer}: the answer to {document.name} is not what its description says: {error}"
            raise _drift(said, document.effect) from error

    def _failure(self, document: Document, errors: tuple[_Error, ...] | str) -> BluebookError:
        if isinstance(errors, str):
            return Refused(f"{self._http.peer} refused {document.name}: {errors}")
        first = next((error for error in errors if error.extensions.code in _DENIED), errors[0])
        code, said = first.extensions.code, "; ".join(error.message for error in errors)
        if code in _DENIED:
            needed = first.extensions.required_access
            scope = f" It needs {needed}." if needed and needed not in said else ""
            return NotAuthorised(f"{self._http.peer} did not allow {document.name}: {said}{scope}{_ADVICE}")
        if code in ("", "INTERNAL_SERVER_ERROR", "TIMEOUT"):
            message = f"{self._http.peer} failed at {document.name}: {said}"
            return OutcomeUnknown(message) if document.effect else TryLater(message)
        return Refused(f"{self._http.peer} refused {document.name}: {said} ({code})", code)

    # --- tokens

    async def _renew(self, kept: Grant | None) -> Grant:
        refresh = (kept.refresh_token if kept else "") or self._credentials.refresh_token
        form = {"grant_type": "refresh_token", "refresh_token": refresh} if refresh else None
        return await token(self._http, self.home, self._credentials, form or {"grant_type": "client_credentials"})


async def token(http: HttpClient, home: str, credentials: Credentials, form: Mapping[str, str]) -> Grant:
    """What the store's token endpoint gives for this form. Raises NotAuthorised where it refuses, TryLater, Unreadable.

    https://shopify.dev/docs/apps/build/authentication-authorization/client-credentials-grant
    """
    app = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
    try:
        answer = await http.call(
            "POST", f"{home}/admin/oauth/access_token", effect=False, body=urlencode({**app, **form}).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        )  # fmt: skip
    except (Refused, NotAuthorised) as error:
        said = _plain(error).message
        raise NotAuthorised(
            f"{said}. The store gives no token: check client_id, client_secret and installation"
        ) from error
    try:
        given = msgspec.json.decode(answer.body, type=_Token)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"{http.peer}: what the token endpoint says cannot be read: {error}") from error
    now = clock.now()
    until = None if given.expires_in is None else now + timedelta(seconds=given.expires_in)
    over = given.refresh_token_expires_in
    return Grant(
        access_token=given.access_token,
        until=until,
        refresh_token=given.refresh_token,
        refresh_until=None if over is None else now + timedelta(seconds=over),
    )


def callback_signed(answer: Mapping[str, str], secret: str) -> bool:
    """Whether the query a shop owner came back with was signed with the app's secret; compared in constant time.

    https://shopify.dev/docs/apps/build/authentication-authorization/authenticate-standalone-apps
    """
    given = answer.get("hmac", "")
    text = "&".join(f"{key}={value}" for key, value in sorted(answer.items()) if key != "hmac")
    wanted = hmac.new(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _throttled(envelope: _Envelope) -> bool:
    errors = envelope.errors
    return isinstance(errors, tuple) and any(error.extensions.code == "THROTTLED" for error in errors)


def _plain(error: BluebookError) -> BluebookError:
    """The same error, its message without the JSON around Shopify's sentence."""
    head, brace, rest = error.message.partition(": {")
    if brace:
        try:
            said = msgspec.json.decode("{" + rest, type=dict[str, Any])
        except msgspec.DecodeError:
            return error
        words = said.get("error_description") or said.get("errors") or said.get("error")
        if isinstance(words, str):
            error.message = f"{head}: {words}"
            error.args = (error.message,)
    if isinstance(error, NotAuthorised):
        error.message += _ADVICE
        error.args = (error.message,)
    return error


def _drift(message: str, effect: bool) -> BluebookError:
    return OutcomeUnknown(message) if effect else Unreadable(message)
