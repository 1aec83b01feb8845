"""A supplier with a JSON API that misbehaves on request, as a whole and to every order: to rehearse one before trusting it."""

from __future__ import annotations

import asyncio
import threading
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine.demo.supplier_desk import Behaviour
from engine.demo.supplier_faults import Fault, FaultPlan, Route
from engine.demo.supplier_http import DemoHttpSupplier
from engine.errors import Misconfigured

PORT = 8726
KEY = "demo-supplier"
_START_SECONDS = 15.0


class RestFault(StrEnum):
    """What it does wrong, to every order."""

    LATE = "late"  # has the order, and answers later than anyone waits
    ERROR_AFTER = "error-after"  # has the order, and answers 500
    HANG_UP = "hang-up"  # has the order, and hangs up without a word
    HALF_ANSWER = "half-answer"  # has the order, and its answer is cut short
    ERROR_BEFORE = "error-before"  # answers 500 to every other order, and has nothing of it
    THROTTLE = "throttle"  # asks to be asked later, every other time
    UNKNOWN_SKU = "unknown-sku"  # says that it does not stock the first item
    REJECT_ORDER = "reject-order"  # takes the order, then will not ship it
    BACKORDER = "backorder"
    NO_ANSWER = "no-answer"  # takes the order and says nothing more
    SPLIT = "split"  # two parcels
    DUPLICATE = "duplicate"  # says everything twice
    OUT_OF_ORDER = "out-of-order"  # says the last first


_ON_SUBMIT = {
    RestFault.LATE: (Fault.LATE, 1.0), RestFault.ERROR_AFTER: (Fault.ERROR_AFTER, 1.0),
    RestFault.HANG_UP: (Fault.DROP_AFTER, 1.0), RestFault.HALF_ANSWER: (Fault.TRUNCATE, 1.0),
    RestFault.ERROR_BEFORE: (Fault.ERROR_BEFORE, 0.5), RestFault.THROTTLE: (Fault.THROTTLE, 0.5),
}  # fmt: skip
_ON_UPDATES = {RestFault.DUPLICATE: (Fault.DUPLICATE, 1.0), RestFault.OUT_OF_ORDER: (Fault.REORDER, 1.0)}


class RestSupplier:
    """It listens from here on, beside whoever made it, until ``stop``. ``ship_after`` in seconds; ``port`` 0 is any.

    ``root`` keeps what it has received, so that it goes on where it was. Raises Misconfigured where the port is taken.
    """

    noun = "purchase order"

    def __init__(
        self, root: Path, *, faults: frozenset[RestFault] = frozenset(), ship_after: float = 5.0, port: int = PORT
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        told: dict[RestFault, float] = dict.fromkeys(faults, 1.0)
        self._desk = DemoHttpSupplier(
            Behaviour(
                auto_ack=RestFault.NO_ANSWER not in told,
                ship_after=None if RestFault.NO_ANSWER in told else ship_after,
                split=told.get(RestFault.SPLIT, 0.0),
                backorder={"*": told.get(RestFault.BACKORDER, 0.0)},
                reject={"*": told.get(RestFault.REJECT_ORDER, 0.0)},
                unknown_skus=_Every() if RestFault.UNKNOWN_SKU in told else frozenset(),
            ),
            api_key=KEY,
            faults=FaultPlan(rates={Route.SUBMIT: _rates(_ON_SUBMIT, faults), Route.UPDATES: _rates(_ON_UPDATES, faults)}),
            ledger_path=root / "ledger.jsonl",
        )  # fmt: skip
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="demo supplier", daemon=True)
        self._thread.start()
        try:
            self._do(self._desk.start(port))
        except OSError as error:
            self.stop()
            why = error.strerror or str(error)
            raise Misconfigured(f"cannot listen on 127.0.0.1, port {port}: {why}") from error
        self._seen = self._count()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)

    def _count(self) -> int:
        return sum(len(receipts) for receipts in list(self._desk.ledger.values()))

    def config(self) -> dict[str, object]:
        """How to connect to it, but for the secret."""
        return {"base_url": self._desk.url}

    def secrets(self) -> dict[str, str]:
        """The secrets that a connection to it needs."""
        return {"api_key": KEY}

    def told(self) -> str:
        """Where it works, in a sentence."""
        return f"It answers at {self._desk.url}."

    def work(self) -> int:
        """How many purchase orders came since it was asked last; it works by itself."""
        before, self._seen = self._seen, self._count()
        return self._seen - before

    def stop(self) -> None:
        """Nothing listens any more."""
        self._do(self._desk.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)
        self._loop.close()


def _rates(table: dict[RestFault, tuple[Fault, float]], faults: frozenset[RestFault]) -> dict[Fault, float]:
    """The chance of each fault; several that cannot be had at once share."""
    wanted = [table[fault] for fault in sorted(faults) if fault in table]
    return {fault: chance / len(wanted) for fault, chance in wanted}


class _Every(frozenset[str]):
    """Every SKU there is."""

    def __contains__(self, sku: object) -> bool:
        return True
