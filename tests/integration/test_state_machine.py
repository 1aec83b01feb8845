"""Orders lived at random: whatever channels, people, suppliers and broken lines do, in any order, the books are right.

``BLUEBOOK_TEST_LIVES`` sets how many lives are tried (default 14), each of up to ``BLUEBOOK_TEST_STEPS`` (45) steps;
where it is set, other lives are tried each time, and one that goes wrong is made as short as can be, which takes minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tortoise.context import _current_context

from engine import clock, db, settings
from engine.domain.states import COMMITTED
from engine.errors import Invalid, NotFound, Refused, TryLater
from engine.ports import ChannelLine, ChannelState, Page, Purchase, Raw, SupplierUpdate, UpdateKind, UpdateLine
from engine.services import (
    audit,
    cancel,
    catalog,
    check,
    edit,
    hold,
    inbox,
    intake,
    invariants,
    loading,
    outbox,
    process,
    recall,
    receive,
    resolve,
    submissions,
    sweep,
    tasks,
    track,
)
from engine.services.casefile import Case, PurchaseRecord, snapshot
from tests.support import scripted
from tests.support.databases import sqlite_copy
from tests.support.scripted import BY, Crash, ScriptedChannel, ScriptedSupplier

T = TypeVar("T")
MANY = "BLUEBOOK_TEST_LIVES" in os.environ
LIVES = int(os.environ.get("BLUEBOOK_TEST_LIVES", "14"))
STEPS = int(os.environ.get("BLUEBOOK_TEST_STEPS", "45"))
SKUS = ("BB-MUG-01", "BB-KETTLE-01", "BB-KIT-TEATIME")
TOLD = (Refused, Invalid, NotFound, TryLater)  # what a person may be told; anything else is a bug
OURS = re.compile(r"^\w*(Error|Exception|Transition|State): |^Bluebook could not")
few = st.integers(0, 5)
HEAD_STARTS = ["", "held", "accept", "accept", "accept", "later", "lost", "refuse"]
ANSWERS = st.sampled_from(
    ["accept", "accept", "accept", "refuse", "later", "lost", "crash", "accept and lose", "accept and crash"]
)


class Life(RuleBasedStateMachine):
    """One order from the channel to the end, with a supplier for each of its parts."""

    template: Path
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime.fromisoformat("2026-11-22T12:00:00+00:00")
        clock.use(lambda: self.now)
        submissions._limits.clear()
        track._limits.clear()
        self.runner = asyncio.Runner()
        self.channel, self.suppliers = ScriptedChannel(), dict[int, ScriptedSupplier]()
        self.wrong: list[str] = []
        self.said_before: dict[str, SupplierUpdate] = {}
        self.count = 0
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The work's result, in this life's own loop and context."""
        return self.runner.run(work)

    def ask(self, work: Coroutine[Any, Any, Any]) -> None:
        """Something a person does; a refusal with a reason is an answer too."""
        with contextlib.suppress(*TOLD):
            self.run(work)

    async def _open(self) -> None:
        url = f"{sqlite_copy(self.template, self.folder)}?synchronous=OFF"
        settings.force(settings.Settings(home=str(self.folder), database_url=url, lease_seconds=60))
        self.context = await db.open_database(url)
        _current_context.set(self.context)
        recall.keep_at_hand(10)
        self.channel_row = (await catalog.channels())[1]
        self.supplier_rows = await catalog.suppliers()
        for supplier_id in self.supplier_rows:
            self.suppliers[supplier_id] = ScriptedSupplier()
            self.suppliers[supplier_id].before = self._before_sending

    async def _connector(self, table: str, row_id: int) -> Any:
        return self.channel if table == "channels" else self.suppliers[row_id]

    async def _before_sending(self, po_number: str, purchase: Purchase) -> None:
        """What is sent the first time is not more than is wanted of it, and is what the purchase order says."""
        case = await self._case()
        po = case.purchase(po_number)
        assert po is not None
        if [line.quantity for line in po.lines] != [line.quantity for line in purchase.lines]:
            self.wrong.append(f"{po_number}: what was sent is not what the purchase order says")
        if cancel.unwanted(po):
            self.wrong.append(f"{po_number} was sent though all of it is canceled")
        for part in po.lines if po.attempt == 1 else ():
            assert part.line is not None
            wanted = (part.line.quantity - min(part.line.cancel_asked, part.line.quantity)) * part.per_unit
            elsewhere = sum(
                other.quantity - other.canceled
                for owner, other in case.serving(part.line)
                if owner is not po and owner.state in COMMITTED and other.product_id == part.product_id
                and not owner.superseded
            )  # fmt: skip
            if part.quantity + elsewhere > wanted:
                self.wrong.append(f"{part.path}: {part.quantity} sent, {elsewhere} elsewhere, {wanted} wanted")

    async def _case(self) -> Case:
        (case,) = await loading.load([self.order_id])
        return case

    def _purchases(self) -> list[PurchaseRecord]:
        return self.run(self._case()).purchases

    # --- the channel --------------------------------------------------------------------------------------------------

    @initialize(quantities=st.tuples(*[st.integers(1, 4)] * 3), head_start=st.sampled_from(HEAD_STARTS))
    def placed(self, quantities: tuple[int, ...], head_start: str) -> None:
        lines = [
            ChannelLine(f"l{n}", sku, sku, q, 5000) for n, (sku, q) in enumerate(zip(SKUS, quantities, strict=True))
        ]
        self.said = scripted.order("1001", lines, self.now)
        self.run(self._tell())
        self.order_id = int(self.run(db.value("SELECT id FROM orders")))
        if head_start == "held":
            self.process_it(30.0)
        elif head_start:
            self.processed_and_sent(head_start)

    async def _tell(self) -> None:
        pulled = await intake.take_page(self.channel_row, self.channel, scripted.page(self.said), BY)
        assert pulled.parked == 0

    def _changed(self, **values: Any) -> None:
        self.said = msgspec.structs.replace(self.said, updated_at=self.now, **values)
        self.run(self._tell())

    @rule(which=st.integers(0, 2), quantity=st.integers(1, 5))
    def quantity_changes(self, which: int, quantity: int) -> None:
        lines = list(self.said.lines)
        kept = max(quantity, lines[which].canceled)
        lines[which] = msgspec.structs.replace(lines[which], quantity=kept)
        self._changed(lines=tuple(lines))

    @rule(which=st.integers(0, 2), more=st.integers(1, 3))
    def pieces_are_canceled_at_the_channel(self, which: int, more: int) -> None:
        lines = list(self.said.lines)
        canceled = min(lines[which].quantity, lines[which].canceled + more)
        lines[which] = msgspec.structs.replace(lines[which], canceled=canceled)
        self._changed(lines=tuple(lines))

    @rule(sure=st.integers(0, 5))
    def channel_state_changes(self, sure: int) -> None:
        turned = {0: ChannelState.CANCELED, 1: ChannelState.PENDING}
        self._changed(state=turned.get(sure, ChannelState.OPEN))

    @rule(house=st.integers(1, 9))
    def address_changes(self, house: int) -> None:
        self._changed(ship_to=msgspec.structs.replace(self.said.ship_to, line1=f"{house} Main Street"))

    # --- people -------------------------------------------------------------------------------------------------------

    @rule(window=st.sampled_from([0.0, 30.0]))
    def process_it(self, window: float) -> None:
        self.run(process.process([self.order_id], BY, undo_seconds=window))

    @rule()
    def undo_it(self) -> None:
        self.run(process.undo([self.order_id], BY))

    @rule(on=st.booleans())
    def hold_or_release(self, on: bool) -> None:
        self.ask(hold.hold(self.order_id, "wait", BY) if on else hold.release(self.order_id, BY))

    @rule(which=few)
    def cancellation_is_asked_for(self, which: int) -> None:
        if purchases := self._purchases():
            self.ask(cancel.request(purchases[which % len(purchases)].po_number, BY))

    @rule(sure=st.booleans())
    def order_is_canceled(self, sure: bool) -> None:
        if sure:
            self.ask(cancel.cancel_order(self.order_id, BY))

    @rule(position=st.integers(1, 3), quantity=st.integers(0, 5))
    def quantity_is_edited(self, position: int, quantity: int) -> None:
        self.ask(edit.apply(self.order_id, edit.Changes(quantities={position: quantity}), BY))

    @rule(code=st.sampled_from(["ACME", "NOVA", ""]))
    def supplier_is_chosen(self, code: str) -> None:
        self.ask(edit.apply(self.order_id, edit.Changes(suppliers={2: code}), BY))

    @rule()
    def checked_again(self) -> None:
        self.run(check.recheck([self.order_id], BY))

    @rule(which=few, how=few)
    def issue_is_resolved(self, which: int, how: int) -> None:
        issues = self.run(resolve.order_issues(self.order_id))
        if not issues:
            return
        issue = issues[which % len(issues)]
        ways = sorted(issue.resolutions)
        args: dict[str, Any] = {"choose_supplier": {"supplier": "NOVA"}, "fix_address": {"line1": "1 Elm Street"},
                                "mark_accepted": {"note": "called"}, "mark_refused": {"note": "called"}}  # fmt: skip
        way = str(ways[how % len(ways)])
        if way == "mark_accepted" or way == "mark_refused":
            # People tell the truth here; what happens when they do not is nobody's to repair.
            way = "mark_accepted" if self._has(issue.po_number) else "mark_refused"
        self.ask(resolve.resolve(issue.id, way, args.get(way, {}), BY))

    def _has(self, po_number: str) -> bool:
        return any(supplier.book[po_number] for supplier in self.suppliers.values())

    # --- suppliers ----------------------------------------------------------------------------------------------------

    @rule(which=few, portions=st.lists(st.integers(0, 6), max_size=3), again=st.booleans())
    def supplier_ships(self, which: int, portions: list[int], again: bool) -> None:
        self._say(which, UpdateKind.SHIPPED, portions, again)

    @rule(which=few)
    def supplier_ships_all(self, which: int) -> None:
        self._say(which, UpdateKind.SHIPPED, [], False)

    @rule(which=few, back=st.booleans(), portions=st.lists(st.integers(0, 6), max_size=3))
    def supplier_acknowledges_or_backorders(self, which: int, back: bool, portions: list[int]) -> None:
        self._say(which, UpdateKind.BACKORDERED if back else UpdateKind.ACKNOWLEDGED, portions, False)

    @rule(
        which=few,
        kind=st.sampled_from([UpdateKind.REJECTED, UpdateKind.CANCELED, UpdateKind.CANCEL_REFUSED]),
        portions=st.lists(st.integers(0, 6), max_size=3),
        again=st.booleans(),
    )
    def supplier_will_not(self, which: int, kind: UpdateKind, portions: list[int], again: bool) -> None:
        self._say(which, kind, portions, again)

    def _say(self, which: int, kind: UpdateKind, portions: list[int], again: bool) -> None:
        known = [po for po in self._purchases() if self._has(po.po_number)]
        if not known:
            return
        po = known[which % len(known)]
        lines = tuple(
            UpdateLine(part.supplier_sku, n, part.position) for part, n in zip(po.lines, portions, strict=False) if n
        )
        self.count += 1
        update = SupplierUpdate(
            kind=kind, key=f"u{self.count}", po_number=po.po_number, occurred_at=self.now, lines=lines,
            tracking_number=f"1Z{self.count:016}" if kind is UpdateKind.SHIPPED else "", carrier="ups",
        )  # fmt: skip
        if again and po.po_number in self.said_before:
            update = self.said_before[po.po_number]
        self.said_before[po.po_number] = update
        self.run(self._hear(po.supplier_id, update))

    async def _hear(self, supplier_id: int, update: SupplierUpdate) -> None:
        # The count makes other bytes of the same update, so that it is its key that must be known again.
        body = msgspec.json.encode([update]) + b" " * self.count
        stored = await inbox.store("supplier", supplier_id, Page((Raw(update.po_number, body),)))
        await receive.take(self.supplier_rows[supplier_id], self.suppliers[supplier_id], stored, BY)

    # --- workers ------------------------------------------------------------------------------------------------------

    @rule(answer=ANSWERS)
    def processed_and_sent(self, answer: str) -> None:
        self.process_it(0.0)
        self.workers_run(answer, "truth", "pending", "yes")

    @rule(
        answer=ANSWERS,
        finding=st.sampled_from(["truth", "truth", "later"]),
        canceling=st.sampled_from(["canceled", "refused", "pending", "later", "impossible"]),
        pushing=st.sampled_from(["yes", "yes", "refuse", "later", "lost", "yes and lose"]),
    )
    def workers_run(self, answer: str, finding: str, canceling: str, pushing: str) -> None:
        for supplier in self.suppliers.values():
            supplier.answer, supplier.finding, supplier.canceling = answer, finding, canceling
        self.channel.answer = pushing
        self.run(self._work())

    async def _work(self) -> None:
        for _ in range(4):
            await outbox.reclaim()
            jobs = await outbox.claim(limit=50, token=tasks.new_token(), tasks=WANTED)
            if not jobs:
                return
            with contextlib.suppress(Crash):
                await tasks.run(jobs)

    @rule(seconds=st.sampled_from([1, 5, 35, 100, 1000]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.run(sweep.restore())

    # --- what is always true ------------------------------------------------------------------------------------------

    @invariant()
    def books_are_right(self) -> None:
        if hasattr(self, "order_id"):
            self.run(self._look())

    async def _look(self) -> None:
        case = await self._case()
        assert list(invariants.order_problems(case)) == []
        assert (await audit.verify(self.order_id)).problems == []
        assert audit.replay(await audit.show(self.order_id)) == snapshot(case)
        assert self.wrong == []
        for supplier in self.suppliers.values():
            assert {po: n for po, n in supplier.book.items() if n > 1} == {}
        said = [str(r[0]) for r in await db.rows("SELECT error FROM outbox UNION SELECT reason FROM inbound_messages")]
        assert [text for text in said if OURS.match(text)] == []

    def teardown(self) -> None:
        try:
            if hasattr(self, "order_id"):
                self.workers_run("accept", "truth", "canceled", "yes")
                for seconds in (70, 1000, 1000):
                    self.time_passes(seconds)
                    self.workers_run("accept", "truth", "canceled", "yes")
                self.time_passes(1)
                assert self.run(invariants.check(grace=timedelta(0))) == []
                assert not [po for po in self._purchases() if po.state in ("submitting", "outcome_unknown")]
                self.books_are_right()
        finally:
            self.run(self.context.close_connections())
            self.runner.close()


WANTED = ("purchases.submit", "purchases.find", "purchases.cancel", "tracking.push", "inbound.read", "orders.check")


@pytest.mark.timeout(3600 if MANY else 600)
def test_any_life_of_an_order_leaves_the_books_right(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def furnished(url: str) -> None:
        async with db.database(url):
            await scripted.shop()

    url = sqlite_copy(sqlite_template, tmp_path)
    asyncio.run(furnished(url))
    template = tmp_path / "furnished.sqlite3"
    shutil.copyfile(url.removeprefix("sqlite://"), template)
    life = type("Life", (Life,), {"template": template, "folder": tmp_path})

    async def connector(table: str, row_id: int) -> Any:
        return await CURRENT[-1]._connector(table, row_id)

    monkeypatch.setattr(catalog, "_connector", connector)
    run_state_machine_as_test(
        lambda: _current(life()),
        settings=profile(
            max_examples=LIVES, stateful_step_count=STEPS, deadline=None, derandomize=not MANY,
            suppress_health_check=list(HealthCheck), verbosity=Verbosity.normal, database=None,
            phases=(Phase.generate, Phase.shrink) if MANY else (Phase.generate,),
        ),
    )  # fmt: skip


CURRENT: list[Any] = []


def _current(life: Any) -> Any:
    CURRENT[:] = [life]
    return life
