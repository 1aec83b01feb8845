"""A real Vendure store for tests: installed from npm once, started on loopback, used by a customer and its own admin. It
keeps its data in memory, or in a PostgreSQL database, where it can be killed and started again.

Nothing here knows Bluebook's connector: what the store says through these helpers is independent evidence.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec

from engine.demo.catalogue import LISTINGS, SHIPPING_RATES
from tests.support import databases, node

SOURCE = Path(__file__).with_name("vendure")
CACHE = node.REPOSITORY / ".stores" / "vendure-3.7.3"
START_SECONDS = 240  # five on a machine that does nothing else

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


def installed_or_skip() -> Path:
    """The folder the store runs in. Where npm is missing or out of reach the test is skipped, but in CI it fails."""
    return node.installed_or_skip(CACHE, SOURCE)


class Product(msgspec.Struct, frozen=True):
    """Something the store sells; ``price`` in minor units."""

    sku: str
    name: str
    price: int


class VendureStore:
    """Async context manager: the store runs while it is open. Products and rates are the demo's unless given.

    ``postgres``: its data are in a database of its own, which is gone with it, and ``kill`` and ``restart`` make sense.
    """

    admin_api: str
    shop_api: str

    def __init__(
        self,
        folder: Path,
        *,
        products: Sequence[Product] | None = None,
        shipping: Mapping[str, int] = SHIPPING_RATES,
        tax_percent: int = 0,
        postgres: bool = False,
    ) -> None:
        self._products = [Product(x.sku, x.title, x.price) for x in LISTINGS] if products is None else list(products)
        self._shipping = shipping
        self._tax_percent = tax_percent
        self._postgres, self._database = postgres, ""
        self.superadmin = {"username": "superadmin", "password": secrets.token_urlsafe(18)}
        environment = {"VENDURE_DISABLE_TELEMETRY": "true", "NODE_ENV": "test"}
        self._script = node.Script("Vendure", SOURCE / "server.mjs", folder, environment, START_SECONDS)
        self._http: aiohttp.ClientSession | None = None
        self._admin_token = ""
        self._variants: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._http is not None:
                await self._http.close()
            await self._script.stop()
        finally:
            if self._database:
                await databases.drop(self._database)

    async def _open(self) -> None:
        if self._postgres:
            self._database = await databases.create()
        given = {
            **self._known(),
            "taxPercent": self._tax_percent,
            "shipping": [{"name": name, "price": price} for name, price in self._shipping.items()],
            "products": self._products,
        }
        ready = await self._script.start(given)
        self.admin_api, self.shop_api = ready["adminApi"], ready["shopApi"]
        # Node ends a kept connection after five seconds: on a slow machine just as the next question is on its way.
        alone = aiohttp.TCPConnector(force_close=True)
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120), connector=alone)
        answer, _ = await self._ask(self.shop_api, "{ products { items { variants { id sku } } } }")
        self._variants = {v["sku"]: v["id"] for p in answer["products"]["items"] for v in p["variants"]}
        await self._log_in()

    def _known(self) -> dict[str, Any]:
        return {**self.superadmin, **({"database": self._database} if self._database else {})}

    async def _log_in(self) -> None:
        _, self._admin_token = await self._ask(self.admin_api, LOG_IN, self.superadmin)

    async def kill(self) -> None:
        """The store is gone in the middle of whatever it did."""
        await self._script.kill()

    async def restart(self) -> None:
        """It is back, at the address it had, on the database it had."""
        port = int(self.admin_api.split(":")[2].partition("/")[0])
        await self._script.start({**self._known(), "port": port})
        await self._log_in()

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

    async def orders(self) -> list[str]:
        """The codes of all orders that were placed."""
        placed = "{ orders(options: { filter: { orderPlacedAt: { isNull: false } }, take: 1000 }) { items { code } } }"
        return [order["code"] for order in (await self.admin(placed))["orders"]["items"]]

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
