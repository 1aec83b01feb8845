"""A supplier that speaks EDI X12 in a folder, and misbehaves on request: to rehearse one before trusting it.

``python -m engine.demo.supplier_x12 --root DIR --fault reject-line`` reads ``DIR/in`` and writes ``DIR/out``. Connect it with
connector x12, transport folder, folder DIR, sender_id and receiver_id as it prints them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import msgspec

from engine import clock
from engine.demo.supplier_sftp import ups_number
from engine.domain.x12.documents import Line, Order
from engine.domain.x12.reading import read
from engine.domain.x12.receipt import receipts
from engine.domain.x12.scan import scan
from engine.domain.x12.writing import Control, Envelope, Segments, interchange, number
from engine.errors import Unreadable

US, THEM = "BLUEBOOK", "DEMOX12"


class X12Fault(StrEnum):
    """What it does wrong, to every order."""

    REJECT_LINE = "reject-line"  # the last line is discontinued
    REJECT_ORDER = "reject-order"
    BACKORDER = "backorder"  # the first line ships later; it is never told when
    SHORT_SHIP = "short-ship"  # one piece less of the first line is accepted, and shipped
    REJECT_997 = "reject-997"  # its system cannot read the order, and does nothing more
    NO_ANSWER = "no-answer"  # reads it and says nothing at all
    DUPLICATE = "duplicate"  # every document twice, in envelopes of their own
    OUT_OF_ORDER = "out-of-order"  # the ship notice before the acknowledgement
    WRONG_COUNT = "wrong-count"  # trailers that count one segment too many
    UNKNOWN_CODE = "unknown-code"  # an answer that is in no table


class _Due(msgspec.Struct):
    """A document to be written at ``at``, seconds since 1970."""

    at: float
    code: str
    segments: Segments


class X12Supplier:
    """The folder ``root`` with its ``in`` and ``out``. ``ship_after`` seconds pass between an order and its parcel."""

    noun = "file"

    def __init__(self, root: Path, *, faults: frozenset[X12Fault] = frozenset(), ship_after: float = 5.0) -> None:
        self.root, self.faults, self.ship_after = root, faults, ship_after
        for name in ("in/taken", "out"):
            (root / name).mkdir(parents=True, exist_ok=True)
        self._counter = root / ".control"
        self._due: list[_Due] = []
        self._envelope = Envelope(sender=THEM, receiver=US, usage="T", newline="\n")

    def config(self) -> dict[str, object]:
        """How to connect to it."""
        return {
            "transport": "folder", "folder": str(self.root.absolute()), "sender_id": US, "receiver_id": THEM, "test": True,
        }  # fmt: skip

    def told(self) -> str:
        """Where it works, in a sentence."""
        return f"It reads {self.root}/in and writes {self.root}/out."

    def work(self) -> int:
        """What lies in ``in`` is read, and what is due is in ``out``; how many files were read."""
        count = 0
        for path in sorted((self.root / "in").glob("[!.]*.edi")):
            self._take(path.read_bytes())
            path.replace(path.parent / "taken" / path.name)
            count += 1
        now = time.time()
        due, self._due = [d for d in self._due if d.at <= now], [d for d in self._due if d.at > now]
        for document in due:
            self._write(document.code, document.segments)
        return count

    def _take(self, body: bytes) -> None:
        for whole in scan(body).interchanges:
            if X12Fault.NO_ANSWER in self.faults:
                return
            for group, segments in receipts(whole):
                refused = X12Fault.REJECT_997 in self.faults and group.functional == "PO"
                self._write("997", _refusal(segments) if refused else segments)
                for item in group.sets:
                    if refused:
                        continue
                    with contextlib.suppress(Unreadable):  # the 997 has said so
                        order = read(item)
                        if isinstance(order, Order):
                            self._answer(order, change=item.code == "860")

    def _answer(self, order: Order, *, change: bool) -> None:
        now = time.time()
        if change:
            self._due = [d for d in self._due if not any(order.po_number in segment for segment in d.segments)]
            day = f"{clock.now():%Y%m%d}"
            deleted = [_poc(line) for line in order.lines]
            self._write(
                "865", [["BCA", "01", "AT", order.po_number, "", "", day], *deleted, ["CTT", str(len(deleted))]]
            )
            return
        shares = [(line, *self._share(order, at)) for at, line in enumerate(order.lines)]
        early = X12Fault.OUT_OF_ORDER in self.faults
        self._due.append(_Due(now + (self.ship_after + 1 if early else 0), "855", self._acknowledgement(order, shares)))
        shipped = [(line, quantity) for line, code, quantity in shares if code in ("IA", "IQ") and quantity]
        if shipped:
            self._due.append(_Due(now + self.ship_after, "856", self._notice(order, shipped)))
            self._due.append(_Due(now + self.ship_after, "810", self._invoice(order, shipped)))

    def _share(self, order: Order, at: int) -> tuple[str, Decimal]:
        """What becomes of a line: its status code, and how much of it is accepted."""
        quantity, last = order.lines[at].quantity, at == len(order.lines) - 1
        if X12Fault.REJECT_ORDER in self.faults or (X12Fault.REJECT_LINE in self.faults and last):
            return "IR", Decimal(0)
        if X12Fault.UNKNOWN_CODE in self.faults and last:
            return "QQ", quantity
        if X12Fault.BACKORDER in self.faults and at == 0:
            return "IB", quantity
        if X12Fault.SHORT_SHIP in self.faults and at == 0:
            return "IQ", quantity - 1
        return "IA", quantity

    def _acknowledgement(self, order: Order, shares: list[tuple[Line, str, Decimal]]) -> Segments:
        all_refused = all(code == "IR" for _, code, _ in shares)
        kind = "RD" if all_refused else "AD" if all(code == "IA" for _, code, _ in shares) else "AC"
        today = f"{clock.now():%Y%m%d}"
        out: Segments = [
            ["BAK", "00", kind, order.po_number, f"{order.date:%Y%m%d}", "", "", "", f"D{order.po_number}", today]
        ]
        for line, code, quantity in shares:
            out += [_item("PO1", line, line.quantity), ["ACK", code, number(quantity), line.unit]]
            if code == "IR":
                out.append(["REF", "ZZ", "", f"{next(iter(line.ids.values()), 'it')} is discontinued"])
        return [*out, ["CTT", str(len(shares))]]

    def _notice(self, order: Order, shipped: list[tuple[Line, Decimal]]) -> Segments:
        now, tracking = clock.now(), ups_number(order.po_number)
        out: Segments = [
            ["BSN", "00", f"S{order.po_number}", f"{now:%Y%m%d}", f"{now:%H%M}", "0001"], ["HL", "1", "", "S"],
            ["TD5", "O", "2", "UPSN", "M", "UPS GROUND"], ["DTM", "011", f"{now:%Y%m%d}", f"{now:%H%M}", "UT"],
            ["HL", "2", "1", "O"], ["PRF", order.po_number], ["HL", "3", "2", "P"], ["MAN", "CP", tracking],
        ]  # fmt: skip
        for at, (line, quantity) in enumerate(shipped, 4):
            ids = [part for pair in line.ids.items() for part in pair]
            out += [
                ["HL", str(at), "3", "I"],
                ["LIN", line.line, *ids],
                ["SN1", line.line, number(quantity), line.unit],
            ]
        return [*out, ["CTT", str(len(shipped) + 3)]]

    def _invoice(self, order: Order, shipped: list[tuple[Line, Decimal]]) -> Segments:
        total = sum(((line.price or Decimal(0)) * quantity for line, quantity in shipped), Decimal(0))
        lines = [_item("IT1", line, quantity) for line, quantity in shipped]
        return [
            ["BIG", f"{clock.now():%Y%m%d}", f"I{order.po_number}"[:22], f"{order.date:%Y%m%d}", order.po_number],
            ["CUR", "SE", order.currency or "USD"], *lines, ["TDS", str(int(total * 100))], ["CTT", str(len(lines))],
        ]  # fmt: skip

    def _write(self, code: str, segments: Segments) -> None:
        for _ in range(2 if X12Fault.DUPLICATE in self.faults else 1):
            control = int(self._counter.read_text() or 0) + 1 if self._counter.exists() else 1
            self._counter.write_text(str(control))
            text = interchange([(code, segments)], self._envelope, Control(control, clock.now()))
            if X12Fault.WRONG_COUNT in self.faults and code != "997":
                text = text.replace(f"SE*{len(segments) + 2}*", f"SE*{len(segments) + 3}*")
            hidden, final = (self.root / "out" / name for name in (f".{control}.part", f"{control:09d}-{code}.edi"))
            hidden.write_text(text)
            hidden.replace(final)


def _item(tag: str, line: Line, quantity: Decimal) -> list[str]:
    ids = [part for pair in line.ids.items() for part in pair]
    return [tag, line.line, number(quantity), line.unit, number(line.price or Decimal(0)), "", *ids]


def _poc(line: Line) -> list[str]:
    ids = [part for pair in line.ids.items() for part in pair]
    return ["POC", line.line, "DI", number(line.quantity), "", line.unit, number(line.price or Decimal(0)), "", *ids]


def _refusal(segments: Segments) -> Segments:
    """The 997 that says it could not be read."""
    change: dict[str, Callable[[list[str]], list[str]]] = {
        "AK5": lambda s: ["AK5", "R", "5"], "AK9": lambda s: ["AK9", "R", s[2], s[3], "0"],
    }  # fmt: skip
    return [change.get(segment[0], list)(segment) for segment in segments]


def main() -> None:
    """The demo supplier runs until it is stopped."""
    parser = argparse.ArgumentParser(description="A demo supplier that speaks EDI X12 in a folder")
    parser.add_argument("--root", type=Path, required=True, help="the folder, with in and out")
    parser.add_argument("--ship-after", type=float, default=5.0, help="seconds from order to parcel")
    parser.add_argument(
        "--fault", choices=[fault.value for fault in X12Fault], action="append", help="may be given again"
    )
    options = parser.parse_args()
    faults = frozenset(X12Fault(fault) for fault in options.fault or ())
    supplier = X12Supplier(options.root, faults=faults, ship_after=options.ship_after)
    print(json.dumps(supplier.config()), flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            supplier.work()
            time.sleep(0.5)


if __name__ == "__main__":
    main()
