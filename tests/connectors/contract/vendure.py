"""A Vendure store with orders that change and fulfillments that are kept, answering as the recorded one did."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime
from itertools import count
from typing import Any

from aiohttp import web

from engine.demo.catalogue import LISTINGS
from engine.demo.channels.base import ChannelSim, Handler, Sale, SimParcel
from tests.connectors.vendure.fake import ANSWERS, ORDERS, _at

USER, PASSWORD = "superadmin", "open-sesame-5"
STATES = {
    "ArrangingPayment": "pending", "PaymentAuthorized": "pending", "PaymentSettled": "open",
    "PartiallyShipped": "partially_shipped", "Shipped": "shipped", "Cancelled": "canceled",
}  # fmt: skip
Answer = dict[str, Any]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class VendureSim(ChannelSim):
    """Its orders are listed by when they were placed and by id alone, as Vendure has no reliable time of change."""

    slug = "vendure"
    renews = True
    tells_changes = False
    pays = True
    lists = True
    vanishes = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.orders: dict[str, Answer] = {}
        self._tokens: set[str] = set()
        self._ids = count(1)

    # --- what happens there

    def place(self, sale: Sale) -> str:
        """See ``ChannelSim``."""
        order_id, now = str(next(self._ids)), _iso(self.moment())
        scale = {"JPY": 100, "KWD": 0.1}.get(sale.currency, 1)  # a store keeps all its money with two decimals
        order = copy.deepcopy(ORDERS["paid"])
        lines = []
        for line in sale.lines:
            price = int(line.unit_price * scale)
            lines.append(
                {
                    "id": str(next(self._ids)), "quantity": line.quantity, "orderPlacedQuantity": line.quantity,
                    "unitPriceWithTax": price, "productVariant": {"sku": line.sku, "name": line.title},
                }
            )  # fmt: skip
        shipping = int(sale.shipping * scale)
        total = sum(line["quantity"] * line["unitPriceWithTax"] for line in lines) + shipping
        to = sale.ship_to
        address = {
            "fullName": to.name, "company": to.company or None, "streetLine1": to.line1, "streetLine2": to.line2,
            "city": to.city, "province": to.region, "postalCode": to.postal_code, "countryCode": to.country,
            "phoneNumber": to.phone,
        }  # fmt: skip
        order |= {
            "id": order_id, "code": f"CODE{order_id}", "createdAt": now, "updatedAt": now,
            "orderPlacedAt": _iso(sale.placed_at or self.moment()), "currencyCode": sale.currency, "total": total,
            "totalWithTax": total, "customer": {"emailAddress": sale.email}, "shippingAddress": address, "lines": lines,
            "shippingLines": [{"priceWithTax": shipping, "shippingMethod": {"code": "x", "name": sale.rate}}],
            "state": "PaymentSettled" if sale.paid else "PaymentAuthorized", "fulfillments": [],
            "payments": [{"state": "Settled" if sale.paid else "Authorized", "amount": total, "refunds": []}],
        }  # fmt: skip
        self.orders[order_id] = order
        return order_id

    def cancel(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        order = self.orders[external_id]
        order["state"] = "Cancelled"
        for line in order["lines"]:
            line["quantity"] = 0
        for payment in order["payments"]:
            payment["refunds"].append({"state": "Settled", "total": payment["amount"]})

    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        """See ``ChannelSim``."""
        order = self.orders[external_id]
        (line,) = (x for x in order["lines"] if x["productVariant"]["sku"] == sku)
        line["quantity"] -= quantity
        money = quantity * line["unitPriceWithTax"]
        order["payments"][0]["refunds"].append({"state": "Settled", "total": money})
        order["total"] -= money
        order["totalWithTax"] -= money

    def touch(self, external_id: str, *, note: str) -> None:
        """See ``ChannelSim``."""
        self.orders[external_id]["updatedAt"] = _iso(self.moment())

    def pay(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        order = self.orders[external_id]
        order["state"] = "PaymentSettled"
        order["payments"][0]["state"] = "Settled"

    def vanish(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        del self.orders[external_id]

    def parcels(self, external_id: str) -> list[SimParcel]:
        """See ``ChannelSim``."""
        order = self.orders[external_id]
        skus = {line["id"]: line["productVariant"]["sku"] for line in order["lines"]}
        return [
            SimParcel(one["trackingCode"], one["method"], {skus[x["orderLineId"]]: x["quantity"] for x in one["lines"]})
            for one in order["fulfillments"]
            if one["state"] == "Shipped"
        ]

    def state(self, external_id: str) -> str:
        """See ``ChannelSim``."""
        return STATES[self.orders[external_id]["state"]]

    # --- how it is connected

    def settings(self) -> dict[str, object]:
        """See ``ChannelSim``."""
        return {"url": f"{self.url}/admin-api", "username": USER}

    def secrets(self) -> dict[str, str]:
        """See ``ChannelSim``."""
        return {"password": PASSWORD}

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """See ``ChannelSim``."""
        return [("POST", "/admin-api", "graphql", self._answer)]

    def denied(self) -> web.Response:
        """Errors come with 200."""
        return web.json_response(ANSWERS["forbidden"])

    # --- the API

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        match = re.match(r"\s*(?:query|mutation) (\w+)", body["query"])
        assert match is not None
        operation, variables = match.group(1), body["variables"]
        if operation == "Login":
            return self._login(variables)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
            return self.denied()
        return web.json_response({"data": getattr(self, f"_{operation.lower()}")(variables)})

    def _login(self, variables: Answer) -> web.Response:
        if (variables["username"], variables["password"]) != (USER, PASSWORD):
            return web.json_response(ANSWERS["bad_login"])
        token = f"token-{next(self._ids)}"
        self._tokens.add(token)
        return web.json_response(ANSWERS["login"], headers={"vendure-auth-token": token})

    def _check(self, variables: Answer) -> Answer:
        return dict(ANSWERS["check"]["data"])

    def _listed(self, variables: Answer) -> Answer:
        options = variables["options"]
        assert options["sort"] == {"id": "ASC"}
        found = [
            {"id": str(n), "sku": one.sku, "name": one.title, "enabled": True, "product": {"enabled": True}}
            for n, one in enumerate(LISTINGS, 1)
        ]
        page = found[options["skip"] : options["skip"] + options["take"]]
        return {"productVariants": {"items": page, "totalItems": len(found)}}

    def _orders(self, variables: Answer) -> Answer:
        options = variables["options"]
        wanted = options["filter"]
        [(key, direction)] = options["sort"].items()
        assert direction == "ASC"
        found = list(self.orders.values())
        if "id" in wanted:
            found = [order for order in found if order["id"] in wanted["id"]["in"]]
        if window := wanted.get("orderPlacedAt"):
            after, before = _at(window["after"]), _at(window.get("before", "9999-12-31T00:00:00Z"))
            found = [order for order in found if after < _at(order["orderPlacedAt"]) < before]
        found.sort(key=lambda order: int(order["id"]) if key == "id" else order["orderPlacedAt"])
        start = options.get("skip", 0)
        return {"orders": {"items": found[start : start + options["take"]]}}

    _parcels = _orders

    def _addfulfillment(self, variables: Answer) -> Answer:
        given = variables["input"]
        wanted = {line["orderLineId"]: line["quantity"] for line in given["lines"]}
        (order,) = (o for o in self.orders.values() if wanted.keys() <= {line["id"] for line in o["lines"]})
        open_ = {line["id"]: line["quantity"] for line in order["lines"]}
        for one in order["fulfillments"]:
            for line in one["lines"]:
                open_[line["orderLineId"]] -= line["quantity"]
        if any(quantity > open_[line] for line, quantity in wanted.items()):
            return dict(ANSWERS["already_fulfilled"]["data"])
        arguments = {one["name"]: one["value"] for one in given["handler"]["arguments"]}
        made = {
            "id": str(next(self._ids)), "state": "Pending", "method": arguments["method"],
            "trackingCode": arguments["trackingCode"], "lines": given["lines"],
        }  # fmt: skip
        order["fulfillments"].append(made)
        return {"addFulfillmentToOrder": {"__typename": "Fulfillment", "id": made["id"], "state": "Pending"}}

    def _shipfulfillment(self, variables: Answer) -> Answer:
        (order,) = (o for o in self.orders.values() if any(f["id"] == variables["id"] for f in o["fulfillments"]))
        (made,) = (one for one in order["fulfillments"] if one["id"] == variables["id"])
        if made["state"] == "Shipped":
            return dict(ANSWERS["shipped_again"]["data"])
        made["state"] = "Shipped"
        sent = sum(x["quantity"] for one in order["fulfillments"] if one["state"] == "Shipped" for x in one["lines"])
        whole = sent == sum(line["quantity"] for line in order["lines"])
        order["state"] = "Shipped" if whole else "PartiallyShipped"
        moved = {"__typename": "Fulfillment", "id": made["id"], "state": "Shipped"}
        return {"transitionFulfillmentToState": moved}
