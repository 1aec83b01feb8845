"""A real Vendure store for tests: installed from npm once, started on loopback, used by a customer and its own admin.

Nothing here knows Bluebook's connector: what the store says through these helpers is independent evidence.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec
import pytest

from engine.demo.catalogue import LISTINGS, SHIPPING_RATES

SOURCE = Path(__file__).with_name("vendure")
REPOSITORY = Path(__file__).parents[2]
DEFAULT_CACHE = REPOSITORY / ".stores" / "vendure-3.7.3"
MANIFESTS = ("package.json", "package-lock.json")
INSTALL_SECONDS = 600
START_SECONDS = 90

HOME = {
    "fullName": "Ada Lovelace",
    "streetLine1": "12 Example Street",
    "streetLine2": "Floor 3",
    "city": "Boston",
    "province": "MA",
    "postalCode": "02108",
    "countryCode": "US",
    "phoneNumber": "+1 617 555 0123",
}


class StoreUnavailableError(Exception):
    """The store cannot be installed or started on this machine; says why and what to do."""


class Product(msgspec.Struct, frozen=True):
    """Something the store sells; ``price`` in minor units."""

    sku: str
    name: str
    price: int


def install(cache: Path = DEFAULT_CACHE, source: Path = SOURCE) -> Path:
    """The folder that holds the node_modules of ``source``; the second call is instant. Raises StoreUnavailableError."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise StoreUnavailableError(f"{tool} is not on the PATH: install Node.js 20 or later to run the real store")
    cache.mkdir(parents=True, exist_ok=True)
    marker = cache / ".installed"
    wanted = hashlib.sha256(b"".join((source / name).read_bytes() for name in MANIFESTS)).hexdigest()
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it at once
        if marker.exists() and marker.read_text() == wanted:
            return cache
        marker.unlink(missing_ok=True)
        for name in MANIFESTS:
            shutil.copyfile(source / name, cache / name)
        _npm_ci(cache)
        marker.write_text(wanted)
    return cache


def installed_or_skip(cache: Path = DEFAULT_CACHE, source: Path = SOURCE) -> Path:
    """As ``install``; where npm is missing or out of reach the test is skipped, but in CI it fails."""
    try:
        return install(cache, source)
    except StoreUnavailableError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def _npm_ci(cache: Path) -> None:
    # Short waits between retries: someone without a network should learn it in seconds.
    patience = ["--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *patience]
    try:
        done = subprocess.run(command, cwd=cache, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise StoreUnavailableError(f"npm did not finish within {INSTALL_SECONDS} s") from error
    if done.returncode != 0:
        raise StoreUnavailableError(f"npm could not install what {cache.name} needs: {done.stderr.strip()[:800]}")


class VendureStore:
    """Async context manager: the store runs while it is open. Products and rates are the demo's unless given."""

    admin_api: str
    shop_api: str

    def __init__(
        self,
        folder: Path,
        *,
        products: Sequence[Product] | None = None,
        shipping: Mapping[str, int] = SHIPPING_RATES,
        tax_percent: int = 0,
    ) -> None:
        self._folder = folder
        self._products = [Product(x.sku, x.title, x.price) for x in LISTINGS] if products is None else list(products)
        self._shipping = shipping
        self._tax_percent = tax_percent
        self.superadmin = {"username": "superadmin", "password": secrets.token_urlsafe(18)}
        self._process: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[None] | None = None
        self._stderr: list[str] = []
        self._http: aiohttp.ClientSession | None = None
        self._admin_token = ""
        self._variants: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        try:
            await asyncio.wait_for(self._start(), START_SECONDS)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()  # which is how the store is told to end
            try:
                await asyncio.wait_for(self._process.wait(), 10)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._drain is not None:
            await self._drain

    async def _start(self) -> None:
        environment = {**os.environ, "VENDURE_DISABLE_TELEMETRY": "true", "NODE_ENV": "test"}
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(SOURCE / "server.mjs"),
            cwd=self._folder,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._drain = asyncio.create_task(self._keep_stderr())
        given = {
            **self.superadmin,
            "taxPercent": self._tax_percent,
            "shipping": [{"name": name, "price": price} for name, price in self._shipping.items()],
            "products": self._products,
        }
        self._process.stdin.write(msgspec.json.encode(given) + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            await self._process.wait()
            raise StoreUnavailableError("Vendure ended before it was ready: " + "".join(self._stderr[-20:]))
        ready = msgspec.json.decode(line)
        self.admin_api, self.shop_api = ready["adminApi"], ready["shopApi"]
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        answer, _ = await self._ask(self.shop_api, "{ products { items { variants { id sku } } } }")
        self._variants = {v["sku"]: v["id"] for p in answer["products"]["items"] for v in p["variants"]}
        _, self._admin_token = await self._ask(self.admin_api, LOG_IN, self.superadmin)

    async def _keep_stderr(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        with contextlib.suppress(ValueError):
            async for line in self._process.stderr:
                self._stderr.append(line.decode("utf-8", "replace"))
                del self._stderr[:-200]

    async def _ask(
        self, url: str, query: str, variables: Mapping[str, Any] | None = None, token: str = ""
    ) -> tuple[dict[str, Any], str]:
        assert self._http is not None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        payload = {"query": query, "variables": variables or {}}
        async with self._http.post(url, json=payload, headers=headers) as response:
            body = await response.json()
            token = response.headers.get("vendure-auth-token") or token
        if body.get("errors"):
            raise AssertionError(f"the store said: {body['errors']}")
        for result in body["data"].values():
            if isinstance(result, dict) and result.get("errorCode"):
                raise AssertionError(f"the store said: {result}")
        return body["data"], token

    async def admin(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The ``data`` of an Admin API answer, as the superadmin."""
        answer, _ = await self._ask(self.admin_api, query, variables, self._admin_token)
        return answer

    async def place(
        self,
        lines: Sequence[tuple[str, int]],
        address: Mapping[str, str] = HOME,
        email: str = "ada@example.com",
        method: str = "Free Shipping",
        payment: str = "card",
    ) -> str:
        """A customer has bought ``lines`` (SKU, quantity); returns the order's code.

        ``payment`` is "card" (captured at once), "invoice" (authorised only) or "" (a cart left in ArrangingPayment).
        """
        token = ""
        code = ""

        async def do(query: str, **variables: Any) -> dict[str, Any]:
            nonlocal token
            answer, token = await self._ask(self.shop_api, query, variables, token)
            return answer

        for sku, quantity in lines:
            code = (await do(ADD_ITEM, id=self._variants[sku], quantity=quantity))["addItemToOrder"]["code"]
        first, _, last = address.get("fullName", "").partition(" ")
        await do(SET_CUSTOMER, input={"firstName": first, "lastName": last, "emailAddress": email})
        await do(SET_ADDRESS, input=dict(address))
        offered = (await do("{ eligibleShippingMethods { id name } }"))["eligibleShippingMethods"]
        await do(SET_METHOD, ids=[next(x["id"] for x in offered if x["name"] == method)])
        await do(TO_PAYMENT)
        if payment:
            await do(PAY, input={"method": payment, "metadata": {}})
        return code

    async def order(self, code: str) -> dict[str, Any]:
        """The order as the Admin API tells it: state, lines, fulfillments, payments, shipping, history."""
        found = (await self.admin(ORDER, {"code": code}))["orders"]["items"]
        assert len(found) == 1, f"the store has {len(found)} orders {code}"
        return dict(found[0])

    async def cancel(self, code: str, lines: Sequence[tuple[str, int]] | None = None) -> None:
        """The order, or these (SKU, quantity) of it, is canceled in the store's admin."""
        order = await self.order(code)
        given: dict[str, Any] = {"orderId": order["id"], "reason": "changed my mind"}
        if lines is not None:
            ids = {line["productVariant"]["sku"]: line["id"] for line in order["lines"]}
            given["lines"] = [{"orderLineId": ids[sku], "quantity": quantity} for sku, quantity in lines]
        await self.admin(CANCEL, {"input": given})

    async def refund(self, code: str, amount: int) -> None:
        """``amount`` (minor units) of the order's first payment is refunded."""
        payment = (await self.order(code))["payments"][0]["id"]
        given = {"paymentId": payment, "amount": amount, "reason": "goodwill"}
        # Deprecated beside ``amount``, yet 3.7.3 stores the refund only when they are there.
        await self.admin(REFUND, {"input": {**given, "lines": [], "shipping": 0, "adjustment": 0}})

    async def settle(self, code: str) -> None:
        """The order's first payment is captured."""
        payment = (await self.order(code))["payments"][0]["id"]
        await self.admin(SETTLE, {"id": payment})


LOG_IN = """mutation ($username: String!, $password: String!) {
  login(username: $username, password: $password) { __typename ... on ErrorResult { errorCode message } }
}"""
ADD_ITEM = """mutation ($id: ID!, $quantity: Int!) {
  addItemToOrder(productVariantId: $id, quantity: $quantity) {
    ... on Order { code } ... on ErrorResult { errorCode message }
  }
}"""
SET_CUSTOMER = """mutation ($input: CreateCustomerInput!) {
  setCustomerForOrder(input: $input) { ... on Order { code } ... on ErrorResult { errorCode message } }
}"""
SET_ADDRESS = """mutation ($input: CreateAddressInput!) {
  setOrderShippingAddress(input: $input) { ... on Order { code } ... on ErrorResult { errorCode message } }
}"""
SET_METHOD = """mutation ($ids: [ID!]!) {
  setOrderShippingMethod(shippingMethodId: $ids) { ... on Order { code } ... on ErrorResult { errorCode message } }
}"""
TO_PAYMENT = """mutation {
  transitionOrderToState(state: "ArrangingPayment") {
    ... on Order { code } ... on ErrorResult { errorCode message }
  }
}"""
PAY = """mutation ($input: PaymentInput!) {
  addPaymentToOrder(input: $input) { ... on Order { code state } ... on ErrorResult { errorCode message } }
}"""
CANCEL = """mutation ($input: CancelOrderInput!) {
  cancelOrder(input: $input) { ... on Order { state } ... on ErrorResult { errorCode message } }
}"""
REFUND = """mutation ($input: RefundOrderInput!) {
  refundOrder(input: $input) { ... on Refund { id } ... on ErrorResult { errorCode message } }
}"""
SETTLE = """mutation ($id: ID!) {
  settlePayment(id: $id) { ... on Payment { state } ... on ErrorResult { errorCode message } }
}"""
ORDER = """query ($code: String!) {
  orders(options: { filter: { code: { eq: $code } } }) {
    items {
      id code state orderPlacedAt updatedAt totalWithTax
      lines { id quantity orderPlacedQuantity productVariant { sku } }
      fulfillments { id state method trackingCode lines { orderLineId quantity } }
      payments { id state amount }
      shippingLines { shippingMethod { name } }
      customer { emailAddress }
    }
  }
}"""
