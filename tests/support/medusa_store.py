"""A real Medusa store for tests: installed from npm once, on a PostgreSQL database of its own, used by customers and its
own admin, killed and started again.

What a store without pages, on loopback, never loads (its admin's pages; modules for Redis, payment providers and clouds) is
not installed: package.json puts an empty package in its place, which halves the time that takes.

Nothing here knows Bluebook's connector: what the store says through these helpers is independent evidence.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp

from engine.demo.catalogue import LISTINGS, SHIPPING_RATES
from tests.support import databases, node

SOURCE = Path(__file__).with_name("medusa")
CACHE = node.REPOSITORY / ".stores" / "medusa-2.21.2"
FLAGS = ("--omit=optional", "--legacy-peer-deps")
START_SECONDS = 240  # ten on a machine that does nothing else

HOME = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "address_1": "12 Example Street",
    "address_2": "Floor 3",
    "city": "Boston",
    "province": "MA",
    "postal_code": "02108",
    "country_code": "us",
    "phone": "+1 617 555 0123",
}


def installed_or_skip() -> Path:
    """The folder the store runs in. Without npm or PostgreSQL the test is skipped with that reason, but in CI it fails."""
    databases.needed()
    return node.installed_or_skip(CACHE, SOURCE, flags=FLAGS)


class MedusaStore:
    """Async context manager: the store and its database are there while it is open. It sells the demo's products in US
    dollars, and tea in yen."""

    url: str

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._admin = {"email": "admin@example.com", "password": secrets.token_urlsafe(18)}
        self._database = ""
        self._script: node.Script | None = None
        self._http: aiohttp.ClientSession | None = None
        self._token = ""
        self._publishable = ""
        self.secret_key = ""
        self.location_id = ""
        self._regions: dict[str, str] = {}
        self._variants: dict[str, str] = {}
        self._rates: dict[str, str] = {}

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
            if self._script is not None:
                await self._script.stop()
        finally:
            if self._database:
                await databases.drop(self._database)

    async def _open(self) -> None:
        shutil.copyfile(SOURCE / "medusa-config.js", self._folder / "medusa-config.js")
        self._database = await databases.create()
        environment = {
            "DATABASE_URL": self._database,
            "MEDUSA_DISABLE_TELEMETRY": "true",
            "MEDUSA_TEST_SECRET": secrets.token_urlsafe(18),
            "LOG_LEVEL": "warn",
            "NODE_ENV": "test",
        }
        script = node.Script("Medusa", SOURCE / "server.mjs", self._folder, environment, START_SECONDS)
        await script.start({"migrate": True})
        await script.stop()
        self._script = script
        self.url = (await script.start({"admin": self._admin}))["url"]
        # Node ends a kept connection after five seconds: on a slow machine just as the next question is on its way.
        alone = aiohttp.TCPConnector(force_close=True)
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120), connector=alone)
        login = await self._ask("POST", "/auth/user/emailpass", self._admin, {})
        self._token = login["token"]
        await self._furnish()

    async def kill(self) -> None:
        """The store is gone in the middle of whatever it did."""
        assert self._script is not None
        await self._script.kill()

    async def restart(self) -> None:
        """It is back, at the address it had, on the database it had."""
        assert self._script is not None
        await self._script.start({"port": int(self.url.rpartition(":")[2])})

    # --- what its people do

    async def admin(self, method: str, path: str, given: Any = None) -> dict[str, Any]:
        """The answer of the Admin API, as the store's admin."""
        return await self._ask(method, f"/admin/{path}", given, {"Authorization": f"Bearer {self._token}"})

    async def order(self, order_id: str) -> dict[str, Any]:
        """The order as the store's own admin page asks for it."""
        found = await self.admin("GET", f"orders/{order_id}?fields=%2A,+fulfillments.*,+fulfillments.labels.*")
        return dict(found["order"])

    async def orders(self) -> list[str]:
        """The ids of all orders the store has."""
        found = await self.admin("GET", "orders?limit=1000&fields=id")
        return [order["id"] for order in found["orders"]]

    async def cancel(self, order_id: str) -> None:
        """The whole order is canceled."""
        await self.admin("POST", f"orders/{order_id}/cancel")

    async def edit(self, order_id: str, lines: Mapping[str, int]) -> None:
        """The order has this many pieces of these SKUs from here on; 0 takes the line away."""
        items = {item["variant_sku"]: item["id"] for item in (await self.order(order_id))["items"]}
        await self.admin("POST", "order-edits", {"order_id": order_id})
        for sku, quantity in lines.items():
            await self.admin("POST", f"order-edits/{order_id}/items/item/{items[sku]}", {"quantity": quantity})
        await self.admin("POST", f"order-edits/{order_id}/request", {})
        await self.admin("POST", f"order-edits/{order_id}/confirm")

    async def capture(self, order_id: str) -> None:
        """The order's payment is captured."""
        await self.admin("POST", f"payments/{await self._payment(order_id)}/capture", {})

    async def refund(self, order_id: str, amount: float) -> None:
        """So much of the order's captured payment is paid back."""
        await self.admin("POST", f"payments/{await self._payment(order_id)}/refund", {"amount": amount})

    async def _payment(self, order_id: str) -> str:
        return str((await self.order(order_id))["payment_collections"][0]["payments"][0]["id"])

    # --- what customers do

    async def place(
        self,
        lines: Sequence[tuple[str, int]],
        address: Mapping[str, str] = HOME,
        email: str = "ada@example.com",
        rate: str = "Free Shipping",
        *,
        currency: str = "usd",
        captured: bool = True,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """A customer has bought ``lines`` (SKU, quantity); the order's id."""
        cart = await self.cart(lines, address, email, rate, currency=currency, metadata=metadata)
        order_id = await self.complete(cart)
        if captured:
            await self.capture(order_id)
        return order_id

    async def cart(
        self,
        lines: Sequence[tuple[str, int]],
        address: Mapping[str, str] = HOME,
        email: str = "ada@example.com",
        rate: str = "Free Shipping",
        *,
        currency: str = "usd",
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """A cart that only waits to be completed; its id."""
        given = {
            "region_id": self._regions[currency],
            "email": email,
            "items": [{"variant_id": self._variants[sku], "quantity": quantity} for sku, quantity in lines],
            "shipping_address": dict(address),
            "billing_address": dict(address),
            **({"metadata": dict(metadata)} if metadata else {}),
        }
        cart = (await self._shop("carts", given))["cart"]["id"]
        await self._shop(f"carts/{cart}/shipping-methods", {"option_id": self._rates[rate]})
        bill = (await self._shop("payment-collections", {"cart_id": cart}))["payment_collection"]["id"]
        await self._shop(f"payment-collections/{bill}/payment-sessions", {"provider_id": "pp_system_default"})
        return str(cart)

    async def by_phone(
        self, lines: Sequence[tuple[str, int]], address: Mapping[str, str] = HOME, email: str = "ada@example.com"
    ) -> str:
        """The store's people took down an order, which is not paid yet; its id. A quarter of the work of a customer's."""
        given = {
            "region_id": self._regions["usd"],
            "email": email,
            "items": [{"variant_id": self._variants[sku], "quantity": quantity} for sku, quantity in lines],
            "shipping_address": dict(address),
            "shipping_methods": [
                {"name": "Free Shipping", "shipping_option_id": self._rates["Free Shipping"], "amount": 0}
            ],
        }
        draft = (await self.admin("POST", "draft-orders", given))["draft_order"]["id"]
        return str((await self.admin("POST", f"draft-orders/{draft}/convert-to-order"))["order"]["id"])

    async def complete(self, cart: str) -> str:
        """The cart is an order, made once however often this is asked; its id."""
        return str((await self._shop(f"carts/{cart}/complete", {}))["order"]["id"])

    async def _shop(self, path: str, given: Any) -> dict[str, Any]:
        return await self._ask("POST", f"/store/{path}", given, {"x-publishable-api-key": self._publishable})

    # --- the wire, and what has to be there before the first sale

    async def _ask(self, method: str, path: str, given: Any, headers: Mapping[str, str]) -> dict[str, Any]:
        assert self._http is not None
        async with self._http.request(method, self.url + path, json=given, headers=headers) as answer:
            body = await answer.json(content_type=None)
        if answer.status >= 300:
            raise AssertionError(f"{method} {path}: the store answered {answer.status}: {body}")
        return dict(body)

    async def _furnish(self) -> None:
        seller = (await self.admin("POST", "sales-channels", {"name": "Web shop"}))["sales_channel"]["id"]
        keys = {}
        for kind in ("publishable", "secret"):
            keys[kind] = (await self.admin("POST", "api-keys", {"title": kind, "type": kind}))["api_key"]
        self._publishable, self.secret_key = keys["publishable"]["token"], keys["secret"]["token"]
        await self.admin("POST", f"api-keys/{keys['publishable']['id']}/sales-channels", {"add": [seller]})
        for currency, country in (("usd", "us"), ("jpy", "jp")):
            region = {"name": country, "currency_code": currency, "countries": [country],
                      "payment_providers": ["pp_system_default"]}  # fmt: skip
            self._regions[currency] = (await self.admin("POST", "regions", region))["region"]["id"]
        self.location_id = await self._location(seller)
        zone = await self._zone()
        made = await self.admin("POST", "shipping-profiles", {"name": "Parcels", "type": "default"})
        profile = made["shipping_profile"]["id"]
        for name, price in SHIPPING_RATES.items():
            option = {
                "name": name, "service_zone_id": zone, "shipping_profile_id": profile, "provider_id": "manual_manual",
                "price_type": "flat", "type": {"label": name, "description": name, "code": name.lower()},
                "prices": [{"currency_code": "usd", "amount": price / 100}, {"currency_code": "jpy", "amount": price}],
            }  # fmt: skip
            self._rates[name] = (await self.admin("POST", "shipping-options", option))["shipping_option"]["id"]
        await self._products(seller, profile)

    async def _location(self, seller: str) -> str:
        made = await self.admin("POST", "stock-locations", {"name": "Warehouse"})
        location = str(made["stock_location"]["id"])
        await self.admin("POST", f"stock-locations/{location}/sales-channels", {"add": [seller]})
        await self.admin("POST", f"stock-locations/{location}/fulfillment-providers", {"add": ["manual_manual"]})
        return location

    async def _zone(self) -> str:
        path = f"stock-locations/{self.location_id}/fulfillment-sets"
        await self.admin("POST", path, {"name": "Shipping", "type": "shipping"})
        found = await self.admin("GET", f"stock-locations/{self.location_id}?fields=*fulfillment_sets")
        sets = found["stock_location"]["fulfillment_sets"][0]["id"]
        countries = [{"type": "country", "country_code": country} for country in ("us", "jp")]
        zones = {"name": "Everywhere", "geo_zones": countries}
        made = await self.admin("POST", f"fulfillment-sets/{sets}/service-zones", zones)
        return str(made["fulfillment_set"]["service_zones"][0]["id"])

    async def _products(self, seller: str, profile: str) -> None:
        for listing in LISTINGS:
            variant = {
                "title": "One size", "sku": listing.sku, "options": {"Size": "One size"}, "manage_inventory": False,
                "prices": [
                    {"currency_code": "usd", "amount": listing.price / 100},
                    {"currency_code": "jpy", "amount": listing.price},
                ],
            }  # fmt: skip
            product = {
                "title": listing.title, "status": "published", "shipping_profile_id": profile, "variants": [variant],
                "options": [{"title": "Size", "values": ["One size"]}], "sales_channels": [{"id": seller}],
            }  # fmt: skip
            made = await self.admin("POST", "products", product)
            self._variants[listing.sku] = made["product"]["variants"][0]["id"]
