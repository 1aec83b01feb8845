"""One order with everything, and its blue book: shown whole, followed live, and nothing secret on the screen."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from engine import clock, db
from engine.services import lifecycle, process, readable
from tests.support.scene import DANA, HELD_SECONDS, Scene
from tests.support.terminal import MOMENT, Desk, at_desk
from tests.support.work import Work, counted

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEA = (("BB-MUG-01", 2), ("BB-TEA-01", 1))


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
async def test_an_order_of_two_suppliers_has_a_block_for_each(scene: Scene, size: tuple[int, int]) -> None:
    order = await scene.order(*TEA)
    async with at_desk(size=size) as desk:
        await desk.go(order)
        await desk.press("enter")
        assert desk.page.name == "order"
        shown = desk.text()
        await desk.press("G")
        shown += desk.text()
        assert "ACME  PO" in shown
        assert "Timeline" in shown
        await desk.press("escape")
        assert desk.here == order


async def test_what_a_worker_does_is_seen_at_once(scene: Scene) -> None:
    order = await scene.order(*TEA)
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("enter")
        assert "DRAFT" in desk.text()
        await process.process([order], DANA)
        await desk.app.changed([order], settings=False)
        await desk.settle()
        assert "QUEUED" in desk.text()


async def test_the_keys_of_the_list_hold_on_the_order_too(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("enter", "e", "q", "2", "enter", "p")
        assert await scene.states(order) == ["queued"]
        assert (await scene.po(order)).lines[0].quantity == 2
        await desk.press("u")
        assert await scene.states(order) == ["draft"]
        await desk.press("y", "o")
        assert "order number copied" in desk.said


async def test_the_tracking_is_shown_copied_and_its_page_offered(scene: Scene) -> None:
    order, number = await scene.sent(("BB-MUG-01", 1))
    await scene.say(number, "shipped", (1, "AC-2001", 1), tracking_number="1Z999AA10123456784")
    async with at_desk(start="history") as desk:
        await desk.go(order)
        await desk.press("enter")
        assert "1Z999AA10123456784" in desk.text()
        await desk.press("y", "t")
        assert "1Z999AA10123456784" in desk.said
        await desk.press("o")
        shown = desk.text()
        assert "the order at Demo store" in shown
        await desk.press("enter")
        assert "1Z999AA10123456784" in desk.said
        await desk.press("o", "2")
        assert f"/wp-admin/post.php?post={await scene.at_store(order)}&action=edit" in desk.said


async def test_without_a_parcel_o_opens_the_order_in_the_store_or_says_that_there_is_no_page(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("o")
        assert f"post={await scene.at_store(order)}" in desk.said
        await db.run("UPDATE channels SET connector = 'file' WHERE id = ?", scene.shop.channel_id)
        try:
            await desk.press("o")
        finally:
            await db.run("UPDATE channels SET connector = 'woocommerce' WHERE id = ?", scene.shop.channel_id)
        assert "Demo store has no page for its orders" in desk.said


async def test_n_goes_to_the_next_order_that_needs_someone_without_leaving_it(scene: Scene) -> None:
    first = await scene.order(("BB-MUG-01", 1), rate="Gondola")
    await scene.order(("BB-MUG-01", 1))
    second = await scene.order(("BB-MUG-02", 1), rate="Gondola")
    async with at_desk() as desk:
        await desk.press("3")
        await desk.go(first)
        await desk.press("enter")
        number = (await scene.case(second)).order.number
        await desk.press("n")
        assert f" {number}  UNRESOLVED" in desk.text()
        await desk.press("n")
        assert "no further order needs you" in desk.said
        await desk.press("r")
        assert desk.page.pane is not None
        await desk.press("escape", "escape")
        assert desk.here == second, "the list is where the person is"
        await desk.press("enter", "N", "escape")
        assert desk.here == first
        await desk.press(":", *f"order {number}", "enter", "N")
        assert f" {number} " not in desk.text().splitlines()[0]


async def test_the_blue_book_opens_at_the_newest_and_follows(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("b")
        assert "chain intact" in desk.text()
        await process.process([order], DANA)
        await desk.app.changed([order], settings=False)
        await desk.settle()
        assert f"held {HELD_SECONDS:g} s" in desk.text()
        await desk.press("g", "g")
        await process.undo([order], DANA)
        await desk.app.changed([order], settings=False)
        await desk.settle()
        assert "new (G)" in desk.text()
        await desk.press("G")
        assert "new (G)" not in desk.text()


async def test_who_goes_up_while_the_newest_is_being_read_is_not_moved_and_nothing_is_there_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    begun, go_on = asyncio.Event(), asyncio.Event()
    reader = readable.reader

    async def slowly(*asked: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await reader(*asked)

    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("b")
        await process.process([order], DANA)
        monkeypatch.setattr(readable, "reader", slowly)
        told = [asyncio.create_task(desk.page.changed([order], settings=False)) for _ in range(2)]
        await begun.wait()
        await desk.press("g", "g")
        assert "g …" not in desk.text()
        go_on.set()
        await asyncio.gather(*told)
        await desk.settle()
        assert "3 events" in desk.text()
        assert "+1 new (G)" in desk.text()


async def test_an_event_is_shown_in_full_with_its_payload_and_no_secret(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    async with at_desk(size=(160, 60)) as desk:
        await desk.go(order)
        await desk.press("b", "g", "g", "enter")
        shown = desk.text()
        assert "hash" in shown
        assert "payload" in shown
        assert scene.store.secret not in shown
        await desk.press("escape")
        await desk.press("/", *"dana")
        assert "No event fits" in desk.text()
        await desk.press("escape")
        assert "No event fits" not in desk.text()


async def test_it_is_exported_to_files_whose_names_are_told(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    monkeypatch.chdir(tmp_path)
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("b", "E")
        assert str(tmp_path)[:40] in desk.text()
        await desk.press("enter")
        [file] = tmp_path.glob("audit-*.json")
        assert str(file) in desk.app.said[-1][1]
        assert json.loads(file.read_text())
        assert list(tmp_path.glob("audit-*.csv"))
        await desk.press("E", *f"{tmp_path}/nowhere/a.csv", "enter")
        assert "cannot be written" in desk.flat
        await desk.press(*["backspace"] * 13, *"book.csv", "enter")
        assert "book.csv" in desk.app.said[-1][1]
        assert (tmp_path / "book.csv").read_text().count("\n") > 1
        await desk.press("E", *f"{tmp_path}/x.pdf", "enter")
        assert "neither in .json nor in .csv" in desk.flat


async def test_names_that_would_steer_a_terminal_do_not(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), who="Eve\x1b[2J\u202e")
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("enter")
        assert "\x1b" not in desk.text()
        assert "\u202e" not in desk.text()


def nothing_by_itself(desk: Desk) -> None:
    """From here on what is on the screen changes by keys alone: no news, no countdown."""
    for worker in desk.app.workers:
        if worker.name == "live":
            worker.cancel()
    for screen in desk.app.screen_stack:
        for widget in screen.walk_children(with_self=True):
            for timer in list(widget._timers):
                if timer._interval >= MOMENT / 2:
                    timer.stop()


async def test_a_key_costs_no_more_on_an_order_of_300_lines_and_1000_events(scene: Scene) -> None:
    small, big = await scene.order(("BB-MUG-01", 1)), await scene.order(*[("BB-MUG-01", 1)] * 300)
    for order in (small, big):
        async with lifecycle.change([order], by=DANA) as work:
            for n in range(50 if order == small else 1_000):
                work.put(work.cases[0], work.cases[0].order, note=f"looked at {n} times")
                work.event(work.cases[0], "order:change", f"looked at {n} times")
    now = clock.now()
    clock.use(lambda: now)
    cost: dict[tuple[str, int], Work] = {}
    async with at_desk() as desk:
        for order in (small, big):
            await desk.press("1")
            await desk.go(order)
            for screen, keys in (("enter", "jk"), ("b", "kj")):
                await desk.press(screen, "G")
                nothing_by_itself(desk)
                with counted() as cost[screen, order]:
                    await desk.press(*keys * 15)
                await desk.press("escape")
    for screen in ("enter", "b"):
        little, much = cost[screen, small], cost[screen, big]
        assert 0 < much.steps < 1.2 * little.steps, cost
        assert 0 < much.drawn < 1.2 * little.drawn, cost
        assert much.laid <= little.laid, cost
