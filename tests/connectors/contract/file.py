"""A folder in which a shop leaves its orders as JSON files, and from which it takes the tracking."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from datetime import UTC
from itertools import count
from pathlib import Path
from typing import Any

from engine.demo.channels.base import ChannelSim, Handler, Sale, SimParcel
from engine.domain import money


class FileSim(ChannelSim):
    """Every change is another file with the whole order; there is no wire on which something could go wrong."""

    slug = "file"
    breaks = False
    rereads = False
    partials = False  # the shop tells nothing back of what it was told
    counts_pieces = False
    pays = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.folder = Path()
        self.orders: dict[str, dict[str, Any]] = {}
        self._numbers = count(1)

    async def start(self, port: int = 0) -> str:
        """The folder is there."""
        self.folder = Path(tempfile.mkdtemp(prefix="bluebook-orders-"))
        return ""

    async def stop(self) -> None:
        """It is gone."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def place(self, sale: Sale) -> str:
        """See ``ChannelSim``."""

        def amount(minor: int) -> str:
            return str(money.major(minor, sale.currency))

        number, to = f"F-{next(self._numbers)}", sale.ship_to
        address = {name: getattr(to, name) for name in to.__struct_fields__ if getattr(to, name)}
        self.orders[number] = {
            "number": number, "placed_at": (sale.placed_at or self.moment()).astimezone(UTC).isoformat(),
            "currency": sale.currency, "email": sale.email, "shipping_rate": sale.rate, "note": sale.note,
            "shipping_total": amount(sale.shipping), "payment": "paid" if sale.paid else "unpaid", "ship_to": address,
            "order_state": "open",
            "lines": [
                {"id": str(place), "sku": line.sku, "title": line.title, "quantity": line.quantity,
                 "unit_price": amount(line.unit_price), "canceled": 0}
                for place, line in enumerate(sale.lines, 1)
            ],
        }  # fmt: skip
        self._drop(number)
        return number

    def _drop(self, number: str) -> None:
        self.orders[number]["updated_at"] = self.moment().isoformat()
        name = f"{next(self._numbers):06d}.json"
        (self.folder / name).write_text(json.dumps([self.orders[number]], ensure_ascii=False), "utf-8")

    def cancel(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        self.orders[external_id]["order_state"] = "canceled"
        self._drop(external_id)

    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        """See ``ChannelSim``."""
        (line,) = (x for x in self.orders[external_id]["lines"] if x["sku"] == sku)
        line["canceled"] += quantity
        self._drop(external_id)

    def touch(self, external_id: str, *, note: str) -> None:
        """See ``ChannelSim``."""
        self.orders[external_id]["note"] = note
        self._drop(external_id)

    def pay(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        self.orders[external_id]["payment"] = "paid"
        self._drop(external_id)

    def _rows(self, external_id: str) -> list[dict[str, str]]:
        found = []
        for path in sorted((self.folder / "tracking").glob("*.csv")):
            with path.open(encoding="utf-8-sig", newline="") as file:
                found += [row for row in csv.DictReader(file) if row["order_number"] == external_id]
        return found

    def parcels(self, external_id: str) -> list[SimParcel]:
        """See ``ChannelSim``."""
        skus = {line["id"]: line["sku"] for line in self.orders[external_id]["lines"]}
        found: dict[str, SimParcel] = {}
        for row in self._rows(external_id):
            lines = dict(found[row["parcel_key"]].lines) if row["parcel_key"] in found else {}
            lines[skus[row["line_id"]]] = int(row["quantity"])
            found[row["parcel_key"]] = SimParcel(row["tracking_number"], row["carrier"] or row["carrier_name"], lines)
        return list(found.values())

    def state(self, external_id: str) -> str:
        """See ``ChannelSim``."""
        if self.orders[external_id]["order_state"] == "canceled":
            return "canceled"
        rows = self._rows(external_id)
        if any(row["last_parcel"] in ("yes", "true", "1") for row in rows):
            return "shipped"
        return "partially_shipped" if rows else "open"

    def settings(self) -> dict[str, object]:
        """See ``ChannelSim``."""
        return {"folder": str(self.folder), "settle_seconds": 0}

    def secrets(self) -> dict[str, str]:
        """There are none."""
        return {}

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """There is no wire."""
        return []
