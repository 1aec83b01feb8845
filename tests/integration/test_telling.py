"""Channels that are told more than parcels: that an order has arrived with us, and that it was canceled here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from engine import clock, db
from engine.connectors import registry
from engine.connectors.channels.woocommerce.connector import Connector as Woo
from engine.demo.supplier_faults import Fault, Route
from engine.domain.issues import IssueCode
from engine.errors import NotAuthorised, OutcomeUnknown, Refused, TryLater
from engine.ports import ChannelState
from engine.services import cancel, catalog, connections, intake, setup, tasks
from tests.support.book import sentences
from tests.support.scene import DANA, WORKER, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
C = IssueCode


class Talkative(Woo):
    """A store that wants to hear of orders, and where the seller can cancel. It does so in the demo store."""

    scene: ClassVar[Scene]
    acknowledged: ClassVar[list[str]] = []
    canceled: ClassVar[list[tuple[str, tuple[tuple[str, int], ...], str]]] = []
    answers: ClassVar[list[Any]] = []

    def _answer(self) -> None:
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            answer()

    async def acknowledge(self, external_id: str) -> None:
        # Never before it is stored: who is told of it would not find it after a crash.
        assert await db.value("SELECT COUNT(*) FROM orders WHERE external_id = ?", external_id) == 1
        assert not db.in_transaction()
        self._answer()
        self.acknowledged.append(external_id)

    async def cancel_order(self, external_id: str, lines: Sequence[tuple[str, int]], reason: str) -> None:
        self._answer()
        self.canceled.append((external_id, tuple(lines), reason))
        if not lines:
            self.scene.store.cancel(int(external_id))
        else:
            self.scene.store.refund(int(external_id), {int(line): pieces for line, pieces in lines})


@pytest_asyncio.fixture(loop_scope="module")
async def talkative(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[type[Talkative]]:
    load = registry._load
    monkeypatch.setattr(registry, "_load", lambda kind, slug: Talkative if slug == "woocommerce" else load(kind, slug))
    Talkative.scene = scene
    for heard in (Talkative.acknowledged, Talkative.canceled, Talkative.answers):
        heard.clear()
    await catalog.close_connectors()
    now = clock.now()
    clock.use(lambda: now)  # what is to be told again is due when a test says so, and not before
    yield Talkative
    await catalog.close_connectors()


async def at(order_id: int) -> str:
    return str(await db.value("SELECT external_id FROM orders WHERE id = ?", order_id))


async def later(seconds: float) -> None:
    """So much time passes, and what is due then is done."""
    before = clock.now()
    clock.use(lambda: before + timedelta(seconds=seconds))
    await tasks.drain()


# --- an order has arrived ---------------------------------------------------------------------------------------------


async def test_an_open_order_is_acknowledged_once_after_it_is_stored(scene: Scene, talkative: type[Talkative]) -> None:
    first = await scene.order(("BB-MUG-01", 1))
    assert talkative.acknowledged == []
    await tasks.drain()
    await scene.reread(first)
    scene.store.change(int(await at(first)), customer_note="quick, please")
    await scene.reread(first)
    await tasks.drain()
    assert talkative.acknowledged == [await at(first)]
    assert "worker:order:acknowledge the channel knows that the order is with us" in await sentences(first)


async def test_an_order_that_waits_for_its_payment_is_acknowledged_when_it_is_open(
    scene: Scene, talkative: type[Talkative]
) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), status="on-hold")
    await tasks.drain()
    assert talkative.acknowledged == []
    assert (await scene.case(order_id)).order.channel_state == ChannelState.PENDING
    scene.store.set_status(int(await at(order_id)), "processing")
    await scene.reread(order_id)
    await tasks.drain()
    assert talkative.acknowledged == [await at(order_id)]
    canceled = scene.place(("BB-MUG-01", 1))
    scene.store.cancel(canceled)
    await scene.take(canceled)
    await tasks.drain()
    assert talkative.acknowledged == [await at(order_id)]


async def test_acknowledging_is_tried_again_and_what_is_refused_waits_for_a_person(
    scene: Scene, talkative: type[Talkative]
) -> None:
    talkative.answers[:] = [TryLater("busy", 5.0), OutcomeUnknown("no answer"), RuntimeError("of ours")]
    order_id = await scene.order(("BB-MUG-01", 1))
    await tasks.drain()
    for seconds in (6, 60, 60):
        assert talkative.acknowledged == []
        await later(seconds)
    assert talkative.acknowledged == [await at(order_id)]
    talkative.answers[:] = [Refused("too late")]
    refused = await scene.order(("BB-MUG-01", 1))
    await tasks.drain()
    said = "the channel does not take it that the order is with us: too late"
    assert f"channel:order:acknowledge {said}" in await sentences(refused)
    dead = await db.rows("SELECT subject_id, error FROM outbox WHERE state = 'dead'")
    assert [tuple(r) for r in dead] == [(refused, "too late")]
    await db.run("DELETE FROM outbox WHERE state = 'dead'")


async def test_credentials_that_are_not_accepted_pause_the_channel_and_nothing_is_lost(
    scene: Scene, talkative: type[Talkative]
) -> None:
    talkative.answers[:] = [NotAuthorised("the key was not accepted")]
    order_id = await scene.order(("BB-MUG-01", 1))
    await tasks.drain()
    channel = scene.shop.channel_id
    paused = "SELECT paused_reason FROM channels WHERE id = ?"
    assert await db.value(paused, channel) == "the key was not accepted"
    await later(61)
    assert talkative.acknowledged == []
    await connections.resume("channels", channel, DANA)
    await later(61)
    assert talkative.acknowledged == [await at(order_id)]


# --- an order was canceled here ---------------------------------------------------------------------------------------


async def test_the_channel_is_told_to_cancel_what_was_not_sent(scene: Scene, talkative: type[Talkative]) -> None:
    order_id = await scene.order(("BB-MUG-01", 2), ("GHOST-1", 1))
    said = await cancel.cancel_order(order_id, DANA, reason="out of stock", tell_channel=True)
    assert said.endswith(": canceled; the channel is told as well")
    await tasks.drain()
    assert talkative.canceled == [(await at(order_id), (), "out of stock")]
    assert "channel:order:cancel_told the channel cancels the order" in await sentences(order_id)
    await later(6)
    case = await scene.case(order_id)
    assert (case.order.status, case.order.channel_state) == ("canceled", ChannelState.CANCELED)
    # The channel has it: it is not told a second time.
    await cancel.cancel_order(order_id, DANA, tell_channel=True)
    await tasks.drain()
    assert len(talkative.canceled) == 1


async def test_without_being_asked_to_the_channel_is_not_told(scene: Scene, talkative: type[Talkative]) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    await cancel.cancel_order(order_id, DANA)
    await tasks.drain()
    assert talkative.canceled == []
    # Said later, it is made up for.
    await cancel.cancel_order(order_id, DANA, tell_channel=True)
    await tasks.drain()
    assert [told[0] for told in talkative.canceled] == [await at(order_id)]


async def test_a_cancel_that_came_from_the_channel_is_never_told_back(scene: Scene, talkative: type[Talkative]) -> None:
    order_id = await scene.order(("BB-MUG-01", 3), ("BB-TEA-01", 1))
    mug = (await scene.case(order_id)).lines[0]
    scene.store.refund(int(await at(order_id)), {int(mug.external_id): 1})
    await scene.reread(order_id)
    await tasks.drain()
    assert talkative.canceled == []
    await scene.edit(order_id, quantities={1: 1, 2: 1})
    await scene.send(order_id)
    acme, nova = (await scene.case(order_id)).purchases
    await scene.say(nova.po_number, "shipped", (1, "NV-TEA-EG100", 1), desk="NOVA")
    # Of three mugs the customer canceled one and a person here another; the third is asked back.
    said = await cancel.request(acme.po_number, DANA, reason="no mugs", tell_channel=True)
    assert said.endswith("; the channel is told when the supplier has agreed")
    await tasks.drain()
    await later(60)
    assert talkative.canceled == [(await at(order_id), ((mug.external_id, 2),), "no mugs")]
    await later(6)
    lines = (await scene.case(order_id)).lines
    # What the channel shows now is what it was told, and is not counted once more.
    assert [(line.cancel_asked, line.canceled, line.cancel_told, line.shipped) for line in lines] == [
        (3, 3, None, 0), (0, 0, None, 1),
    ]  # fmt: skip


async def test_pieces_canceled_here_count_once_when_the_channel_shows_them(
    scene: Scene, talkative: type[Talkative]
) -> None:
    order_id = await scene.order(("BB-MUG-01", 5), ("BB-TEA-01", 1))
    await scene.edit(order_id, quantities={1: 4})
    await scene.send(order_id)
    nova = await scene.po(order_id)
    await cancel.request(nova.po_number, DANA, tell_channel=True)
    await tasks.drain()
    await later(60)
    assert [(lines, why) for _, lines, why in talkative.canceled] == [
        (((str((await scene.case(order_id)).lines[1].external_id), 1),), "")
    ]
    await later(6)
    case = await scene.case(order_id)
    assert [line.cancel_asked for line in case.lines] == [1, 1]
    # And what a customer cancels later counts as ever.
    scene.store.refund(int(await at(order_id)), {int(case.lines[0].external_id): 1})
    await scene.reread(order_id)
    assert [line.cancel_asked for line in (await scene.case(order_id)).lines] == [2, 1]


async def test_the_channel_is_told_once_the_supplier_has_agreed_and_not_of_what_ships(
    scene: Scene, talkative: type[Talkative]
) -> None:
    scene.fault(Fault.THROTTLE, route=Route.CANCEL)
    order_id, _ = await scene.sent(("BB-MUG-01", 1))
    await cancel.cancel_order(order_id, DANA, tell_channel=True)
    await tasks.drain()
    assert (await scene.states(order_id), talkative.canceled) == (["cancel_requested"], [])
    for _ in range(3):
        await later(60)
    assert (await scene.states(order_id), len(talkative.canceled)) == (["canceled"], 1)
    acme = scene.shop.suppliers["ACME"]
    ships, _ = await scene.sent(("BB-MUG-01", 1))
    await setup.update("suppliers", acme, DANA, values={"can_cancel": False})
    try:
        await cancel.cancel_order(ships, DANA, tell_channel=True)
        await tasks.drain()
        await later(60)
    finally:
        await setup.update("suppliers", acme, DANA, values={"can_cancel": True})
    assert len(talkative.canceled) == 1
    nothing = "nothing is left for the channel to cancel: what was sent is shipped"
    assert f"worker:order:tell_cancel {nothing}" in await sentences(ships)


async def test_a_channel_that_will_not_cancel_is_an_issue(scene: Scene, talkative: type[Talkative]) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), ("BB-TEA-01", 1))
    await scene.send(order_id)
    po = (await scene.case(order_id)).purchases[0].po_number
    talkative.answers[:] = [OutcomeUnknown("no answer"), Refused("only whole orders can be canceled here")]
    await cancel.request(po, DANA, tell_channel=True)
    for _ in range(3):
        await tasks.drain()
        await later(60)
    issue = await scene.issue(order_id, C.CANCEL_REFUSED)
    assert issue.message == "the channel does not cancel 1 × BB-MUG-01: only whole orders can be canceled here"
    assert (await scene.case(order_id)).lines[0].cancel_told is None
    # Another try that works closes it.
    await cancel.cancel_order(order_id, DANA, tell_channel=True)
    await tasks.drain()
    for _ in range(2):
        await later(60)
    assert (await scene.codes(order_id), len(talkative.canceled)) == ([], 1)


async def test_an_answer_that_was_lost_is_asked_after_and_not_believed(
    scene: Scene, talkative: type[Talkative]
) -> None:
    order_id = await scene.order(("BB-MUG-01", 3))
    mug = (await scene.case(order_id)).lines[0]
    await scene.edit(order_id, quantities={1: 1})

    def done_and_lost() -> None:
        scene.store.refund(int(mug_order), {int(mug.external_id): 2})
        raise OutcomeUnknown("hung up")

    mug_order = await at(order_id)
    await tasks.drain()
    talkative.answers[:] = [done_and_lost]
    scene.fault(Fault.THROTTLE)  # nothing is sent meanwhile
    async with cancel.lifecycle.change([order_id], by=DANA) as work:
        work.event(work.cases[0], "order:cancel", "two are not wanted")
        cancel._tell_channel(work, work.cases[0], work.cases[0].lines, "")
    await tasks.drain()
    await later(60)
    # What it did is seen when it is read again: nothing is left to tell, and nothing is counted twice.
    line = (await scene.case(order_id)).lines[0]
    assert (talkative.canceled, line.cancel_asked, line.cancel_told, line.open) == ([], 2, None, 1)


async def test_a_channel_that_cannot_be_told_says_so_before_anything_is_canceled(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    with pytest.raises(Refused, match="WooCommerce cannot be told to cancel an order"):
        await cancel.cancel_order(order_id, DANA, tell_channel=True)
    assert await scene.status(order_id) == "ready"
    await intake.refresh(order_id, WORKER)
    clock.use(lambda: datetime.now(UTC))
