"""WooCommerce as a demo channel: the demo's own store, driven as every demo channel is."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from engine.demo import store_orders
from engine.demo.catalogue import BY_SKU, LISTINGS
from engine.demo.channels.base import ChannelSim, Handler, Sale, SimParcel
from engine.demo.store import DemoStore
from engine.domain import money
from engine.domain.addresses import Address

STATES = {
    "pending": "pending", "on-hold": "pending", "failed": "pending", "processing": "open", "completed": "shipped",
    "cancelled": "canceled", "refunded": "canceled", "trash": "canceled",
}  # fmt: skip


class _Store(DemoStore):
    """The store by the demo channel's clock. Its own zone is an hour east of UTC."""

    def __init__(self, sim: ChannelSim) -> None:
        super().__init__(zone=1)
        self._sim = sim

    def now(self) -> int:
        return int(self._sim.moment().timestamp())


class WooCommerceSim(ChannelSim):
    """Orders in a ``DemoStore``; the faults are the demo channel's."""

    slug = "woocommerce"
    partials = False  # a parcel has no pieces, and an order is processing or completed
    counts_pieces = False
    pays = True
    lists = True
    vanishes = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.store = _Store(self)

    async def start(self, port: int = 0) -> str:
        """See ``ChannelSim``."""
        self.store.url = await super().start(port)
        return self.store.url

    def place(self, sale: Sale) -> str:
        """See ``ChannelSim``."""
        order_id = self.store.book.next_id()
        placed = int((sale.placed_at or self.moment()).timestamp())
        order = store_orders.make(
            self.rng, order_id, placed, LISTINGS[:1], currency=sale.currency, zone=self.store.book.zone,
            status="processing" if sale.paid else "pending",
        )  # fmt: skip

        def amount(minor: int) -> str:
            return str(money.major(minor, sale.currency))

        items = []
        for place, line in enumerate(sale.lines):
            item = store_orders.line_item(order_id * 10 + place, BY_SKU.get(line.sku, LISTINGS[0]), line.quantity, 0, 0)
            total = amount(line.unit_price * line.quantity)
            item |= {"name": line.title, "sku": line.sku, "subtotal": total, "total": total, "price": line.unit_price}
            items.append(item)
        goods = sum(line.unit_price * line.quantity for line in sale.lines)
        rate = {
            "id": order_id * 10 + 9,
            "method_title": sale.rate,
            "method_id": "flat_rate",
            "total": amount(sale.shipping),
        }
        order |= {
            "line_items": items, "shipping_lines": [rate], "coupon_lines": [], "payment_method": "stripe",
            "total": amount(goods + sale.shipping), "shipping_total": amount(sale.shipping), "total_tax": amount(0),
            "discount_total": amount(0), "customer_note": sale.note, "shipping": _address(sale.ship_to),
            "billing": {**_address(sale.ship_to), "email": sale.email},
        }  # fmt: skip
        self.store.book.add(order, self.store.now())
        store_orders.stamp(order, "date_modified", self.store.now(), self.store.book.zone)
        return str(order_id)

    def cancel(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        self.store.cancel(int(external_id))

    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        """See ``ChannelSim``."""
        (line,) = (x for x in self.store.orders[int(external_id)]["line_items"] if x["sku"] == sku)
        self.store.refund(int(external_id), {line["id"]: quantity})

    def touch(self, external_id: str, *, note: str) -> None:
        """See ``ChannelSim``."""
        self.store.change(int(external_id), customer_note=note)

    def pay(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        self.store.set_status(int(external_id), "processing")

    def vanish(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        self.store.book.delete(int(external_id))

    def parcels(self, external_id: str) -> list[SimParcel]:
        """See ``ChannelSim``."""
        entries = self.store.tracking.get(external_id, [])
        return [
            SimParcel(one["tracking_number"], one["tracking_provider"] or one["custom_tracking_provider"])
            for one in entries
        ]

    def state(self, external_id: str) -> str:
        """See ``ChannelSim``."""
        return STATES[self.store.orders[int(external_id)]["status"]]

    def settings(self) -> dict[str, object]:
        """See ``ChannelSim``."""
        return {"url": self.url, "consumer_key": self.store.key}

    def secrets(self) -> dict[str, str]:
        """See ``ChannelSim``."""
        return {"consumer_secret": self.store.secret}

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """See ``ChannelSim``."""
        return [("*", "/{path:.*}", "api", self._serve)]

    async def _serve(self, request: web.Request) -> web.Response:
        answer = await self.store.serve(request)
        assert isinstance(answer, web.Response)
        return answer


def _address(address: Address) -> dict[str, str]:
    first, _, last = address.name.partition(" ")
    return {
        "first_name": first, "last_name": last, "company": address.company, "address_1": address.line1,
        "address_2": address.line2, "city": address.city, "state": address.region, "postcode": address.postal_code,
        "country": address.country, "phone": address.phone,
    }  # fmt: skip
