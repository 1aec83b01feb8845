"""A customer asks at the channel to cancel: nothing is sent by itself, a person answers, and what was sent is asked back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import ClassVar

import msgspec
import pytest
import pytest_asyncio

from engine import clock, db
from engine.connectors import registry
from engine.connectors.channels.woocommerce.connector import Connector as Woo
from engine.demo.supplier_faults import Fault, Route
from engine.domain.issues import IssueCode
from engine.ports import CancelWish, ChannelOrder, Raw
from engine.services import catalog, check, history, order_page, process, resolve, setup, suggest, tasks
from engine.services.choices import choices_of
from tests.support.scene import DANA, WORKER, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
C = IssueCode
MUG, TEA = ("BB-MUG-01", 1), ("BB-TEA-01", 1)


class Asked(Woo):
    """A store whose customers ask to cancel by a note: ``cancel``, the SKUs or nothing for all of it, a colon, why."""

    scene: ClassVar[Scene]
    canceled: ClassVar[list[tuple[tuple[tuple[str, int], ...], str]]] = []

    def read(self, raw: Raw) -> ChannelOrder:
        order = super().read(raw)
        word, _, rest = json.loads(raw.body)["order"].get("customer_note", "").partition(" ")
        if word != "cancel":
            return order
        skus, _, reason = rest.partition(":")
        lines = tuple(line.external_id for line in order.lines if line.sku in skus.split())
        return msgspec.structs.replace(order, note="", cancel_wish=CancelWish(reason.strip(), lines))


class Obliging(Asked):
    """One that the seller can tell to cancel, too."""

    async def cancel_order(self, external_id: str, lines: Sequence[tuple[str, int]], reason: str) -> None:
        self.canceled.append((tuple(lines), reason))
        if lines:
            self.scene.store.refund(int(external_id), {int(line): pieces for line, pieces in lines})
        else:
            self.scene.store.cancel(int(external_id))


async def _as(kind: type[Asked], scene: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[type[Asked]]:
    load = registry._load
    monkeypatch.setattr(registry, "_load", lambda which, slug: kind if slug == "woocommerce" else load(which, slug))
    Asked.scene = scene
    Asked.canceled.clear()
    await catalog.close_connectors()
    yield kind
    await catalog.close_connectors()


@pytest_asyncio.fixture(loop_scope="module")
async def asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[type[Asked]]:
    async for kind in _as(Asked, scene, monkeypatch):
        yield kind


@pytest_asyncio.fixture(loop_scope="module")
async def obliging(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[type[Asked]]:
    async for kind in _as(Obliging, scene, monkeypatch):
        yield kind


async def ask(scene: Scene, order_id: int, note: str = "cancel : Ordered twice") -> None:
    """The customer asks, and the order is read again."""
    scene.store.change(await scene.at_store(order_id), customer_note=note)
    await scene.reread(order_id)


async def wished(scene: Scene, *lines: tuple[str, int], note: str = "cancel : Ordered twice", **options: str) -> int:
    """An order whose customer has asked before it was pulled."""
    number = scene.place(*lines, **options)
    scene.store.change(number, customer_note=note)
    return (await scene.take(number))[0]


async def pieces(scene: Scene, order_id: int) -> dict[str, int]:
    """What suppliers have of the order, by their SKU."""
    found: dict[str, int] = {}
    for po in (await scene.case(order_id)).purchases:
        for desk in (scene.acme, scene.nova):
            for line in desk.orders[po.po_number][0].lines if po.po_number in desk.orders else ():
                found[line.sku] = found.get(line.sku, 0) + line.quantity
    return found


# --- before anything is sent ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("asked")
async def test_it_stops_the_order_and_says_why(scene: Scene) -> None:
    order_id = await wished(scene, MUG)
    issue = await scene.issue(order_id, C.CANCEL_WISHED)
    assert (issue.title, issue.message) == (
        "Customer asks to cancel",
        "all of it, “Ordered twice”",
    )
    assert await scene.codes(order_id) == [C.CANCEL_WISHED]
    assert await scene.status(order_id) == "unresolved"
    refused = await scene.process(order_id)
    assert not refused.done
    assert "Customer asks to cancel" in refused.message
    page = await order_page.order_page(order_id)
    assert page.cancel_wish == CancelWish("Ordered twice")
    labels = [choice.label for choice in choices_of(await suggest.suggestions(issue.id))]
    assert labels == [
        "Cancel it, and tell the channel where it can be told: what was sent is asked back", "Send it all the same",
    ]  # fmt: skip


@pytest.mark.usefixtures("asked")
async def test_auto_order_processing_leaves_it_to_a_person_and_goes_on_when_the_wish_is_taken_back(
    scene: Scene,
) -> None:
    await setup.update("channels", scene.shop.channel_id, DANA, auto_process=True)
    try:
        order_id = await wished(scene, MUG)
        await tasks.drain()
        assert await scene.states(order_id) == ["draft"]
        await check.recheck([order_id], WORKER)
        assert await scene.states(order_id) == ["draft"]
        await ask(scene, order_id, "")
        await tasks.drain()
        assert (await scene.states(order_id), await scene.codes(order_id)) == (["submitted"], [])
        assert (await order_page.order_page(order_id)).cancel_wish is None
    finally:
        await setup.update("channels", scene.shop.channel_id, DANA, auto_process=False)


@pytest.mark.usefixtures("asked")
async def test_sent_all_the_same_it_is_asked_for_once_more_only_when_the_customer_asks_anew(scene: Scene) -> None:
    order_id = await wished(scene, MUG)
    await scene.resolve(order_id, C.CANCEL_WISHED, "waive", note="she changed her mind on the phone")
    await scene.reread(order_id)
    assert (await scene.status(order_id), await scene.codes(order_id)) == ("ready", [])
    await ask(scene, order_id, "")
    await ask(scene, order_id)
    assert await scene.codes(order_id) == [C.CANCEL_WISHED]
    await scene.resolve(order_id, C.CANCEL_WISHED, "waive")
    await scene.send(order_id)
    assert await pieces(scene, order_id) == {"AC-2001": 1}


@pytest.mark.usefixtures("asked")
async def test_what_is_held_or_waits_for_another_attempt_is_not_sent_meanwhile(scene: Scene) -> None:
    held = await scene.order(MUG)
    assert (await scene.process(held, undo_seconds=3600)).done
    await ask(scene, held)
    assert await scene.states(held) == ["draft"]

    scene.fault(Fault.THROTTLE)
    waiting = await scene.order(MUG)
    assert (await scene.process(waiting)).done
    await tasks.drain()
    po = await scene.po(waiting)
    assert (po.state, po.attempt) == ("queued", 1)
    await ask(scene, waiting)
    before = clock.now()
    clock.use(lambda: before + timedelta(minutes=5))
    await tasks.drain()
    po = await scene.po(waiting)
    assert (po.state, po.message) == ("queued", "the customer asks to cancel it")
    assert await pieces(scene, waiting) == {}
    await scene.resolve(waiting, C.CANCEL_WISHED, "waive")
    clock.use(lambda: before + timedelta(minutes=10))
    await tasks.drain()
    assert await pieces(scene, waiting) == {"AC-2001": 1}


async def test_canceled_here_the_channel_is_told(scene: Scene, obliging: type[Asked]) -> None:
    order_id = await wished(scene, MUG, TEA)
    done = await scene.resolve(order_id, C.CANCEL_WISHED, "cancel")
    assert (done.status, done.message) == ("canceled", "canceled; the channel is told as well")
    await tasks.drain()
    assert obliging.canceled == [((), "the customer asked for it")]
    assert scene.store.orders[await scene.at_store(order_id)]["status"] == "cancelled"
    await scene.reread(order_id)
    assert await scene.codes(order_id) == []
    assert await pieces(scene, order_id) == {}


async def test_a_wish_about_a_line_cancels_that_line_alone(scene: Scene, obliging: type[Asked]) -> None:
    order_id = await wished(scene, ("BB-MUG-01", 2), TEA, note="cancel BB-MUG-01: Too large")
    assert (await scene.issue(order_id, C.CANCEL_WISHED)).message == "BB-MUG-01, “Too large”"
    await scene.resolve(order_id, C.CANCEL_WISHED, "cancel")
    await tasks.drain()
    case = await scene.case(order_id)
    assert [line.canceled for line in case.lines] == [2, 0]
    assert obliging.canceled == [(((case.lines[0].external_id, 2),), "the customer asked for it")]
    assert await scene.status(order_id) == "ready"
    await scene.send(order_id)
    assert await pieces(scene, order_id) == {"NV-TEA-EG100": 1}


@pytest.mark.usefixtures("asked")
async def test_where_the_channel_cannot_be_told_the_person_is(scene: Scene) -> None:
    order_id = await wished(scene, MUG)
    done = await scene.resolve(order_id, C.CANCEL_WISHED, "cancel", reason="agreed")
    assert done.status == "canceled"
    assert done.message == "agreed; WooCommerce cannot be told: grant the customer's wish there by hand"
    assert (
        await db.value("SELECT COUNT(*) FROM outbox WHERE task = 'channels.cancel' AND subject_id = ?", order_id) == 0
    )


# --- after it was sent ------------------------------------------------------------------------------------------------


async def test_what_was_sent_is_asked_back(scene: Scene, obliging: type[Asked]) -> None:
    order_id, po_number = await scene.sent(MUG)
    await ask(scene, order_id)
    assert await scene.codes(order_id) == [C.CANCEL_WISHED]
    assert (
        f"; {po_number} was sent, so that canceling asks the supplier"
        in (await scene.issue(order_id, C.CANCEL_WISHED)).message
    )
    assert await scene.states(order_id) == ["submitted"], "a wish alone asks no supplier"
    scene.fault(Fault.THROTTLE, route=Route.CANCEL)
    done = await scene.resolve(order_id, C.CANCEL_WISHED, "cancel")
    assert done.message == "canceled; the channel is told when the supplier has agreed"
    assert await scene.states(order_id) == ["cancel_requested"]
    before = clock.now()
    for minutes in (5, 10, 15):
        clock.use(lambda minutes=minutes: before + timedelta(minutes=minutes))  # type: ignore[misc]
        await tasks.drain()
    assert (await scene.states(order_id), obliging.canceled) == (["canceled"], [((), "the customer asked for it")])
    assert await scene.codes(order_id) == []


@pytest.mark.usefixtures("asked")
async def test_once_all_of_it_has_shipped_there_is_nothing_to_answer(scene: Scene) -> None:
    order_id, po_number = await scene.sent(("BB-MUG-01", 2))
    await ask(scene, order_id)
    await scene.say(po_number, "shipped", (1, "AC-2001", 1))
    assert await scene.codes(order_id) == [C.CANCEL_WISHED]
    await scene.say(po_number, "shipped", (1, "AC-2001", 1))
    assert await scene.codes(order_id) == []
    await scene.reread(order_id)
    assert await scene.codes(order_id) == []


@pytest.mark.usefixtures("asked")
async def test_let_be_after_sending_it_is_shipped_and_asked_about_no_more(scene: Scene) -> None:
    order_id, po_number = await scene.sent(MUG)
    await ask(scene, order_id)
    await scene.resolve(order_id, C.CANCEL_WISHED, "waive")
    await scene.reread(order_id)
    assert await scene.codes(order_id) == []
    await scene.say(po_number, "shipped", (1, "AC-2001", 1))
    assert await scene.status(order_id) in ("shipped", "completed")


@pytest.mark.usefixtures("asked")
async def test_it_is_shown_before_what_else_is_wrong(scene: Scene) -> None:
    order_id = await scene.order((f"WISH-{scene.place(MUG)}", 1))
    await ask(scene, order_id)
    wanted = [C.CANCEL_WISHED, C.UNMAPPED_SKU]
    assert [issue.code for issue in await resolve.order_issues(order_id)] == wanted
    page = await order_page.order_page(order_id)
    assert [issue.code for issue in page.issues] == wanted
    (row,) = await history.rows_of([order_id])
    assert row.issue_codes == tuple(wanted)


@pytest.mark.usefixtures("asked")
async def test_bulk_processing_leaves_it_out_and_says_why(scene: Scene) -> None:
    wanted, unwanted = await scene.order(MUG), await wished(scene, MUG)
    outcomes = await process.process([wanted, unwanted], DANA, undo_seconds=3600)
    assert [outcome.done for outcome in outcomes] == [True, False]
    (issue,) = await resolve.order_issues(unwanted)
    assert issue.code == C.CANCEL_WISHED
