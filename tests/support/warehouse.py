"""A warehouse that knows nothing of us: the standard library, a directory, and the files in it.

    python -m tests.support.warehouse --root DIR --ledger FILE [--split-every N] [--ship-after S] [--once]

It takes ``orders/*.csv`` (columns po_number, line, supplier_sku, quantity), moves them to ``orders/taken/`` under a
name of their own, and writes ``acks/*.csv`` and ``shipments/*.csv``, each under a hidden name that it then renames.

The ledger is append-only JSON lines: ``{"event": "received", "po_number", "taken", "sha256"}`` once for every file
consumed, and ``{"event": "shipped", "po_number", "tracking_numbers"}``. A killed warehouse picks up where it was:
the move comes before the ledger line, and a file in ``taken`` that the ledger does not know is entered on the start.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import time
from datetime import datetime, timezone
from pathlib import Path

SHIPMENT_COLUMNS = ["PO Number", "Line", "Item Number", "Qty Shipped", "Carrier", "Service", "Tracking", "Ship Date"]
ACK_COLUMNS = ["PO Number", "Status", "Reference", "Date"]


def stamp() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")  # noqa: UP017


def tracking_number(seed: str) -> str:
    """A UPS number with a right check digit."""
    text = "W0REH5" + "01" + f"{int(hashlib.md5(seed.encode()).hexdigest(), 16) % 10_000_000:07d}"
    total = 0
    for place, character in enumerate(text):
        value = int(character) if character.isdigit() else (ord(character) - 63) % 10
        total += value * 2 if place % 2 else value
    return "1Z" + text + str((10 - total % 10) % 10)


class Warehouse:
    def __init__(self, root: Path, ledger: Path, split_every: int, ship_after: float) -> None:
        self.root, self.ledger, self.split_every, self.ship_after = root, ledger, split_every, ship_after
        self.taken = root / "orders" / "taken"
        for directory in (self.taken, root / "acks", root / "shipments"):
            directory.mkdir(parents=True, exist_ok=True)
        self.waiting: dict[str, tuple[float, list[dict[str, str]]]] = {}
        self.received = 0
        self.numbers: set[str] = set()
        self.recover()

    def recover(self) -> None:
        known, shipped = set(), set()
        if self.ledger.exists():
            for line in self.ledger.read_text().splitlines():
                event = json.loads(line)
                self.received += event["event"] == "received"
                (known if event["event"] == "received" else shipped).add(event.get("taken") or event["po_number"])
        for path in sorted(self.taken.iterdir()):
            if path.name not in known:
                self.note(path)
            number, lines = self.parse(path)
            self.numbers.add(number)
            if number not in shipped:
                self.waiting[number] = (time.time(), lines)

    def enter(self, event: dict[str, object]) -> None:
        with self.ledger.open("a") as out:
            out.write(json.dumps(event) + "\n")
            out.flush()
            os.fsync(out.fileno())

    def parse(self, path: Path) -> tuple[str, list[dict[str, str]]]:
        with path.open(encoding="utf-8-sig", newline="") as source:
            lines = list(csv.DictReader(source))
        return lines[0]["po_number"], lines

    def note(self, path: Path) -> None:
        number, _ = self.parse(path)
        self.received += 1
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.enter({"event": "received", "po_number": number, "taken": path.name, "sha256": digest, "at": stamp()})

    def publish(self, directory: str, columns: list[str], rows: list[list[object]]) -> None:
        name = f"{time.time_ns()}.csv"
        hidden = self.root / directory / f".{name}.tmp"
        with hidden.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows([columns, *rows])
        os.rename(hidden, self.root / directory / name)

    def step(self) -> int:
        acks: list[list[object]] = []
        for path in sorted((self.root / "orders").glob("[!.]*.csv")):
            place = self.taken / f"{time.time_ns()}-{path.name}"
            os.rename(path, place)
            self.note(place)
            number, lines = self.parse(place)
            acks.append([number, "Accepted", f"WH-{self.received}", stamp()])
            if number not in self.numbers:
                self.numbers.add(number)
                self.waiting[number] = (time.time(), lines)
        if acks:
            self.publish("acks", ACK_COLUMNS, acks)
        due = [number for number, (at, _) in self.waiting.items() if time.time() >= at + self.ship_after]
        rows: list[list[object]] = []
        events = []
        for number in due:
            parcels = self.pack(number, self.waiting.pop(number)[1])
            rows += parcels
            tracking = sorted({str(row[6]) for row in parcels})
            events.append({"event": "shipped", "po_number": number, "tracking_numbers": tracking, "at": stamp()})
        if rows:
            self.publish("shipments", SHIPMENT_COLUMNS, rows)
        for event in events:
            self.enter(event)
        return len(acks) + len(due)

    def pack(self, number: str, lines: list[dict[str, str]]) -> list[list[object]]:
        """All in one parcel; of every so manieth order, the last piece travels on its own."""
        pieces = sum(int(line["quantity"]) for line in lines)
        digest = int(hashlib.md5(number.encode()).hexdigest(), 16)
        alone = 1 if self.split_every and pieces > 1 and digest % self.split_every == 0 else 0
        rows: list[list[object]] = []
        for index, line in enumerate(lines):
            apart = alone if index == len(lines) - 1 else 0
            for parcel, quantity in ((1, int(line["quantity"]) - apart), (2, apart)):
                if quantity:
                    tracking = tracking_number(f"{number}#{parcel}")
                    rows.append(
                        [number, line["line"], line["supplier_sku"], quantity, "UPS", "Ground", tracking, stamp()]
                    )
        return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--split-every", type=int, default=0)
    parser.add_argument("--ship-after", type=float, default=0.0)
    parser.add_argument("--tick", type=float, default=0.1)
    parser.add_argument("--once", action="store_true")
    given = parser.parse_args()
    warehouse = Warehouse(given.root, given.ledger, given.split_every, given.ship_after)
    print(json.dumps({"ready": True}), flush=True)
    while True:
        warehouse.step()
        if given.once:
            return
        time.sleep(given.tick)


if __name__ == "__main__":
    main()
