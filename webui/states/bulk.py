"""Many orders at once: chosen on the page or all that match, looked at first, then done step by step, with what failed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from engine.domain.roles import Permission
from engine.services import cancel, history, preview, process, trouble
from engine.services.filters import Filters
from engine.services.preview import Limits, Preview
from webui import links, words
from webui.states.base import Book, on, unexpected
from webui.states.orders import Orders

STEP = 20
"""Orders a transaction: few enough that Stop takes hold at once."""
MOST = 10_000
SHOWN = 200
"""Failures that are listed; how many there are in all is said."""


@dataclass
class Share:
    """What one supplier would get."""

    supplier: str = ""
    purchase_orders: int = 0
    cost: str = ""


@dataclass
class Left:
    """An order that is left out, or that failed, and why."""

    number: str = ""
    href: str = ""
    reason: str = ""


class Bulk(Book):
    """What is chosen, the dialog that says what would happen, and how far it is."""

    chosen: list[int] = []
    everything: bool = False
    action: str = ""
    total: int = 0
    ready: int = 0
    beyond: int = 0
    amount: str = ""
    largest: str = ""
    shares: list[Share] = []
    left_out: list[Left] = []
    running: bool = False
    over: bool = False
    done: int = 0
    failures: list[Left] = []
    failed: int = 0
    can_undo: bool = False
    undone: str = ""
    _ids: list[int] = []
    _held: list[int] = []
    _stop: bool = False
    _at: dict[str, str] = {}

    # --- choosing -----------------------------------------------------------------------------------------------------

    @on(Permission.VIEW)
    def settle(self) -> None:
        """On another page of the list, or in another list, nothing stays chosen."""
        before, self._at = self._at, {k: v for k, v in self.params.items() if k not in ("audit", "columns")}
        if before != self._at and (self.chosen or self.everything):
            self.chosen, self.everything = [], False

    @on(Permission.VIEW)
    def toggle(self, order_id: int, checked: bool) -> None:
        """The order is chosen, or no longer."""
        self.everything = False
        self.chosen = [i for i in self.chosen if i != order_id] + ([order_id] if checked else [])

    @on(Permission.VIEW)
    async def toggle_page(self, checked: bool) -> None:
        """Every order on the page is chosen, or none."""
        self.everything = False
        self.chosen = [row.id for row in (await self.get_state(Orders)).rows] if checked else []

    @on(Permission.VIEW)
    def choose_all(self) -> None:
        """All that match the filters are chosen, on this page and the others."""
        self.everything = True

    @on(Permission.VIEW)
    def clear(self) -> None:
        """Nothing is chosen."""
        self.chosen, self.everything = [], False

    async def _wanted(self) -> list[int]:
        if not self.everything:
            return list(self.chosen)
        orders = await self.get_state(Orders)
        filters: Filters = orders._filters
        return await history.ids_matching(filters, MOST, sort=orders.sort)

    # --- looking first ------------------------------------------------------------------------------------------------

    @on(Permission.PROCESS)
    async def ask_process(self) -> None:
        """The dialog says what would be sent to whom, and what is left out and why."""
        self._begin("process", await self._wanted())
        self._summarise(await preview.preview(self._ids, Limits.in_force()))

    @on(Permission.CANCEL)
    async def ask_cancel(self) -> None:
        """The dialog says how many orders would be canceled."""
        self._begin("cancel", await self._wanted())
        self.ready = len(self._ids)

    def _begin(self, action: str, ids: list[int]) -> None:
        self.action, self._ids, self.total = action, ids, len(ids)
        self.running = self.over = self.can_undo = self._stop = False
        self.done = self.failed = self.ready = self.beyond = 0
        self.failures, self.left_out, self.shares, self._held = [], [], [], []
        self.amount = self.largest = self.undone = ""

    def _summarise(self, found: Preview) -> None:
        self._ids, self.ready, self.beyond = found.ready, len(found.ready), len(found.beyond)
        self.amount = ", ".join(words.amount(total, currency) for currency, total in found.totals.items())
        if found.largest is not None:
            number, total, currency = found.largest
            self.largest = f"{words.plain(number)}, {words.amount(total, currency)}"
        self.shares = [Share(s.supplier, s.purchase_orders, words.amount(s.cost, s.currency)) for s in found.suppliers]
        self.left_out = [
            Left(words.plain(o.number), links.order(o.number), words.plain(o.reason)) for o in found.left_out
        ]
        self.failed = len(self.left_out)
        self.left_out = self.left_out[:SHOWN]

    @on(Permission.VIEW)
    def close(self) -> None:
        """The dialog is closed; what runs goes on, and what is held is sent."""
        self.action = ""
        if self.over:
            self.chosen, self.everything = [], False

    # --- doing --------------------------------------------------------------------------------------------------------

    @on(Permission.PROCESS, background=True)
    async def run_process(self) -> Any:
        """Every order of the summary is held and then sent; what could not be is listed."""
        await self._run("process")
        yield

    @on(Permission.CANCEL, background=True)
    async def run_cancel(self) -> Any:
        """Every order is canceled, or its suppliers are asked to."""
        await self._run("cancel")
        yield

    async def _run(self, action: str) -> None:
        async with self:
            if self.running or self.over or self.action != action:
                return  # a second click
            self.running, self.failed, self.failures = True, 0, []
            ids, by = list(self._ids), self.by
        for start in range(0, len(ids), STEP):
            step = ids[start : start + STEP]
            try:
                held, failures = await (_process(step, by) if action == "process" else _cancel(step, by))
            except Exception as error:
                held, failures = [], [Left("", "", trouble.explain(error, action, unexpected)[0])]
                ids = ids[:start]
            async with self:
                self._held += held
                self.done = min(start + STEP, len(self._ids))
                self.failed += len(failures)
                self.failures = [*self.failures, *failures][:SHOWN]
                stopped = self._stop
            if stopped or not ids:
                break
            await asyncio.sleep(0)
        async with self:
            self.running, self.over = False, True
            self.can_undo = bool(self._held)
            done = max(self.done - self.failed, 0)
            if action == "process":
                kind = f"{'is' if done == 1 else 'are'} held, and will be sent unless taken back in time"
            else:
                kind = f"{'is' if done == 1 else 'are'} canceled, or {'its' if done == 1 else 'their'} suppliers are asked to"
            failed = f"; {words.many(self.failed, 'order')} failed" if self.failed else ""
            self.say(f"{words.many(done, 'order')} {kind}{failed}.", "bad" if self.failed else "good")

    @on(Permission.PROCESS)
    def stop(self) -> None:
        """No further order is taken; what was not reached stays as it is."""
        self._stop = True

    @on(Permission.UNDO)
    async def undo(self) -> Any:
        """What is still held is taken back, and the dialog says how many orders that were."""
        self._stop, self.can_undo, self.undone = True, False, "Taking back what is still held …"
        yield
        outcomes = await process.undo(self._held, self.by)
        back = sum(outcome.done for outcome in outcomes)
        rest = len(outcomes) - back
        late = f"; {words.many(rest, 'order')} had left already" if rest else ""
        self.undone = f"{words.many(back, 'order')} taken back{late}."
        self.say(self.undone, "good" if back else "bad")


async def _process(ids: list[int], by: Any) -> tuple[list[int], list[Left]]:
    outcomes = await process.process(ids, by)
    failures = [
        Left(words.plain(o.number), links.order(o.number), words.plain(o.message)) for o in outcomes if not o.done
    ]
    return [o.order_id for o in outcomes if o.done], failures


async def _cancel(ids: list[int], by: Any) -> tuple[list[int], list[Left]]:
    failures = []
    numbers = {row.id: row.number for row in await history.rows_of(ids)}
    for order_id in ids:
        try:
            await cancel.cancel_order(order_id, by, reason="canceled with others in Order History")
        except Exception as error:
            number = numbers.get(order_id, str(order_id))
            said = trouble.explain(error, "canceling", unexpected)[0]
            failures.append(Left(words.plain(number), links.order(number), words.plain(said)))
    return [], failures
