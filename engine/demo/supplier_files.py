"""A supplier who takes and sends CSV files in a folder, and misbehaves on request: to rehearse one before trusting it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from engine.demo.supplier_sftp import Warehouse, acknowledgement, append, file_of


class FilesFault(StrEnum):
    """What it does wrong, to every order."""

    REJECT_ORDER = "reject-order"
    SHORT_SHIP = "short-ship"  # one piece less is in the parcel than was ordered
    NO_ANSWER = "no-answer"  # takes the file and says nothing at all
    DUPLICATE = "duplicate"  # every file twice, under two names
    HALF_FILE = "half-file"  # every file is there by half before it is whole
    BAD_ROW = "bad-row"  # one row of each shipment file has a quantity in words
    UNKNOWN_STATUS = "unknown-status"  # a word that is in no table


class FilesSupplier(Warehouse):
    """The folder ``root``: orders and cancels come in, acks and shipments go out. ``ship_after`` in seconds."""

    noun = "file"

    def __init__(self, root: Path, *, faults: frozenset[FilesFault] = frozenset(), ship_after: float = 5.0) -> None:
        super().__init__(root, ship_after=ship_after, split_every=0, ledger=root / ".ledger.jsonl")
        self.faults = faults
        self._halves: list[tuple[Path, bytes]] = []

    def config(self) -> dict[str, object]:
        """How to connect to it."""
        return {
            "transport": "folder", "folder": str(self.root.absolute()), "acks_dir": "acks", "shipments_dir": "shipments",
            "inventory_dir": "inventory",
        }  # fmt: skip

    def told(self) -> str:
        """Where it works, in a sentence."""
        return f"It reads {self.root}/orders and writes {self.root}/acks and {self.root}/shipments."

    def work(self) -> int:
        """One round is done; how many files of orders were taken."""
        for path, rest in self._halves:
            with path.open("ab") as out:
                out.write(rest)
        self._halves = []
        count = len(list((self.root / "orders").glob("[!.]*.csv")))
        super().work()
        return count

    def _take_orders(self) -> list[Sequence[str]]:
        before = set(self._open)
        acks = super()._take_orders()
        new = [po_number for po_number in self._open if po_number not in before]
        if not self.faults & {FilesFault.NO_ANSWER, FilesFault.REJECT_ORDER, FilesFault.UNKNOWN_STATUS}:
            return acks
        for po_number in new:
            del self._open[po_number]
        append(self._shipped, [msgspec.json.encode(po_number) for po_number in new])
        if FilesFault.NO_ANSWER in self.faults:
            return []
        status = "rejected" if FilesFault.REJECT_ORDER in self.faults else "in the post"
        return [acknowledgement(po_number, status, "discontinued") for po_number in new]

    def _parcels(self, order: Any) -> list[Sequence[str]]:
        rows = super()._parcels(order)
        if FilesFault.SHORT_SHIP in self.faults:
            po_number, line, sku, quantity, *rest = rows[0]
            rows[:1] = [(po_number, line, sku, str(int(quantity) - 1), *rest)] if int(quantity) > 1 else []
        if FilesFault.BAD_ROW in self.faults and rows:
            po_number, line, sku, _, *rest = rows[0]
            rows.append((po_number, line, sku, "two", *rest))
        return rows

    def _write(self, directory: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        told = list(rows)
        for _ in range(2 if FilesFault.DUPLICATE in self.faults else 1):
            if FilesFault.HALF_FILE not in self.faults:
                super()._write(directory, header, told)
                continue
            path, body = file_of(self.root / directory, directory, header, told)
            path.write_bytes(body[: len(body) // 2])
            self._halves.append((path, body[len(body) // 2 :]))
