"""Channels, suppliers, mappings and jobs in the terminal: shown in words, set by forms, and no secret on the screen."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from textual import events

from engine import clock, db
from engine.connectors import registry
from engine.services import beats, inbox, listings, outbox, process, setup
from engine.services.outbox import NewJob
from tests.support.scene import DANA, Scene
from tests.support.terminal import at_desk, field
from tui.widgets.form import FormPane

pytestmark = pytest.mark.asyncio(loop_scope="module")
serial = count(1)


async def test_auto_order_processing_is_set_behind_the_gear_with_its_limit(scene: Scene) -> None:
    async with at_desk(start="channels", size=(100, 40)) as desk:
        assert "Demo store" in desk.text()
        await desk.press("enter")
        shown = desk.text()
        assert "Settings for Demo store > Orders > Auto Order Processing" in shown
        assert "Update" in shown
        assert scene.store.secret not in shown
        await field(desk, "value limit", *"50 USD")
        await field(desk, "condition", *"order.total = 1")
        await desk.press("enter")
        assert "write == for" in desk.text()
        await field(desk, "condition", *["backspace"] * 15)
        await desk.press("enter")
        assert "updated" in desk.said
    view = await listings.channel("Demo store")
    assert (view.auto_limit, view.auto_currency, view.auto_process) == (5000, "USD", False)
    await setup.update("channels", view.id, DANA, auto_limit=None, auto_currency="")


async def test_esc_drops_settings_that_were_typed_only_once_that_is_said(scene: Scene) -> None:
    async with at_desk(start="channels", size=(100, 40)) as desk:
        await desk.press("enter")
        await field(desk, "poll every", *"7")
        await desk.press("escape")
        assert "Leave without saving 1 change?" in desk.text()
        await desk.press("escape", "7", "enter")
        assert "updated" in desk.said
    view = await listings.channel("Demo store")
    assert view.poll_seconds == 77
    await setup.update("channels", view.id, DANA, poll_seconds=86_400)


async def test_turning_it_on_says_how_many_are_ready_and_asks(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    async with at_desk(start="channels", size=(100, 40)) as desk:
        await desk.press("enter")
        await field(desk, "Auto Order Processing", *"yes")
        await desk.press("enter")
        assert "are ready now too" in desk.text() or "is ready now too" in desk.text() or "ready now" in desk.text()
        await desk.press("enter", "escape")
        assert not (await listings.channel("Demo store")).auto_process
        assert await scene.states(order) == ["draft"]


async def test_a_connection_is_tried_paused_and_used_again(scene: Scene) -> None:
    async with at_desk(start="suppliers", size=(120, 30)) as desk:
        await desk.press("t")
        assert "ACME" in desk.said
        await desk.press("w")
        assert (await listings.supplier("ACME")).paused_reason
        assert "paused by dana" in desk.text()
        await desk.press("w")
        assert not (await listings.supplier("ACME")).paused_reason


async def test_a_secret_can_be_written_and_is_never_shown(scene: Scene) -> None:
    before = await db.value("SELECT secrets FROM suppliers WHERE code = 'ACME'")
    async with at_desk(start="suppliers", size=(100, 50)) as desk:
        await desk.press("enter")
        await field(desk, "api key", *"s3cr3tkey")
        assert "s3cr3tkey" not in desk.text()
        await desk.press("enter")
        assert "updated" in desk.said
        assert "s3cr3tkey" not in desk.text()
    assert await db.value("SELECT secrets FROM suppliers WHERE code = 'ACME'") != before
    view = await listings.supplier("ACME")
    await setup.update("suppliers", view.id, DANA, values={"api_key": scene.acme.api_key})


async def test_what_is_not_mapped_comes_first_and_mapping_it_frees_the_orders(scene: Scene) -> None:
    rate, sku = f"Zeppelin {next(serial)}", f"NEWSKU-{next(serial)}"
    orders = [await scene.order(("BB-MUG-01", n), rate=rate) for n in (1, 2)]
    unknown = await scene.order((sku, 1))
    async with at_desk(start="mappings") as desk:
        first = desk.text().splitlines()[2]
        assert rate in first
        assert first.split()[1] == "2"
        await desk.press("enter", "1")
        assert "2 waiting orders became ready" in desk.said
        assert [await scene.status(order) for order in orders] == ["ready", "ready"]
        await desk.press("2")
        assert sku in desk.text().splitlines()[2]
        await desk.press("enter", *"tea", "enter")
        assert await scene.status(unknown) == "ready"


async def test_mappings_go_out_and_in_as_csv_and_wrong_rows_are_told(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with at_desk(start="mappings") as desk:
        await desk.press("E")
        lines = (tmp_path / "mappings.csv").read_text().splitlines()
        assert len(lines) > 10
        (tmp_path / "bad.csv").write_text(f"{lines[0]}\n{lines[1]}\nrate,Nowhere,x,ACME,UPS-GND,,,\n")
        await desk.press("I", *"bad.csv", "enter")
        assert "1 mapping set" in desk.said
        assert "1 row wrong" in desk.said
        assert any("line 3" in said for _, said in desk.app.said)


async def test_jobs_that_were_given_up_are_tried_again_or_dropped(scene: Scene) -> None:
    number = next(serial)
    await outbox.put([NewJob(f"test:{number}", "orders.auto", 1), NewJob(f"test:{number}b", "orders.auto", 1)])
    await db.run("UPDATE outbox SET state = 'dead', error = 'the disk was full' WHERE key LIKE 'test:%'")
    async with at_desk(start="jobs", size=(120, 30)) as desk:
        assert "the disk was full" in desk.text()
        await desk.press("enter")
        assert "orders.auto" in desk.text()
        await desk.press("escape", "t")
        assert "due now" in desk.said
        await desk.press("x", "enter")
        assert await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'dead'") == 1
        await desk.press("y")
        assert await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'dead'") == 0
        await desk.press("5")
        assert "No worker was ever seen" in desk.text()
        await beats.beat("here:71:a", "here", 71, 0, 3, "1")
        await beats.leave("here:71:a", 3)
        await desk.press("1", "5")
        assert "No worker is running: nothing is pulled or sent. The last one, here/71, was seen" in desk.flat
        assert "`bluebook worker` runs one" in desk.flat
    await db.run("DELETE FROM heartbeats")


async def test_jobs_that_wait_for_another_try_come_before_those_that_are_only_due(scene: Scene) -> None:
    await db.run("DELETE FROM outbox WHERE key LIKE 'test:%'")
    number, channel, far = next(serial), scene.shop.channel_id, clock.now() + timedelta(hours=9)
    await outbox.put(
        [NewJob(f"wait:{number}", "orders.auto", channel), NewJob(f"wait:{number}b", "channels.rescan", channel, far)]
    )
    await db.run("UPDATE outbox SET error = 'the store is closed' WHERE key = ?", f"wait:{number}b")
    async with at_desk(start="jobs", size=(120, 30)) as desk:
        assert "the store is closed" not in desk.text()
        await desk.press("2")
        shown = desk.text()
        assert shown.index("the store is closed") < shown.index("orders.auto")
        assert "Demo store" in shown
        await desk.press("t")
        assert "due now" in desk.said
    await db.run("DELETE FROM outbox WHERE key LIKE 'wait:%'")


async def test_the_job_of_a_queued_purchase_order_is_not_dropped_and_one_about_an_order_is_in_its_book(
    scene: Scene,
) -> None:
    await db.run("DELETE FROM outbox WHERE state IN ('ready', 'dead')")
    order_id = await scene.order(("BB-MUG-01", 1))
    assert (await scene.process(order_id, undo_seconds=3_600)).done
    async with at_desk(start="jobs", size=(140, 30)) as desk:
        await desk.press("2", "x")
        assert "is queued and would be sent all the same; undo takes it back" in desk.said
        assert "y yes" not in desk.text()
        assert (await process.undo([order_id], DANA))[0].done
        await desk.press("x")
        assert "The blue book of" in desk.text()
        await desk.press("y")
        assert "is dropped" in desk.said
    assert await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'ready' AND task = 'purchases.submit'") == 0
    assert await db.value("SELECT actor FROM audit_events WHERE order_id = ? AND tag = 'person:job:drop'", order_id)


async def test_parked_payloads_are_read_again_or_ignored_with_a_reason(scene: Scene) -> None:
    number = scene.place(("BB-MUG-01", 1))
    scene.store.orders[number]["currency"] = "DOUBLOON"
    with pytest.raises(KeyError):
        await scene.take(number)
    async with at_desk(start="jobs", size=(120, 30)) as desk:
        await desk.press("6")
        assert "DOUBLOON" in desk.text()
        await desk.press("enter")
        assert "payload" in desk.text()
        await desk.press("escape", "t")
        [row] = await inbox.parked()
        await desk.press("x", *"a test", "enter")
        assert f"payload {row.id} needs nothing" in desk.said
        assert await inbox.parked() == []


async def test_a_channel_is_tried_and_added_and_what_does_not_work_is_told_first(scene: Scene) -> None:
    name = f"Annex{next(serial)}"
    async with at_desk(start="channels", size=(100, 50)) as desk:
        await desk.press("A")
        shown = desk.text()
        assert "Files in a folder" in shown
        assert "more: type some of its name" in shown
        await desk.press(*"wooc")
        await desk.press("enter", *name, "enter")
        assert "url is needed" in desk.text()
        await field(desk, "url", *scene.outlet_url.replace("127.0.0.1", "localhost"))
        await field(desk, "consumer key", *scene.store.key)
        await field(desk, "consumer secret", *"wr0ngsecret")
        assert "wr0ngsecret" not in desk.text()
        await desk.press("enter")
        assert "Nothing is saved" in desk.flat
        assert await db.value("SELECT COUNT(*) FROM channels WHERE name = ?", name) == 0
        await desk.press(*["backspace"] * 11, *scene.store.secret)
        await desk.press("enter")
        assert f"{name} is added" in desk.said
        assert name in desk.text()
    view = await listings.channel(name)
    assert scene.store.secret not in str(view.settings)
    await setup.update("channels", view.id, DANA, enabled=False)


async def test_a_supplier_that_cannot_be_reached_is_added_only_when_that_is_said_twice(scene: Scene) -> None:
    name = f"FAR{next(serial)}"
    async with at_desk(start="suppliers", size=(100, 50)) as desk:
        await desk.press("A", str(registry.available("suppliers").index("rest") + 1))
        await field(desk, "call it", *name)
        await field(desk, "code", *name)
        await field(desk, "base url", *"http://127.0.0.1:9")
        await field(desk, "api key", *"k")
        await field(desk, "timeout", *"x", "enter")
        assert any("timeout" in line for line in desk.text().splitlines() if line.lstrip().startswith(">"))
        await desk.press("backspace", "5", "enter")
        assert "Nothing is saved" in desk.flat
        await desk.press("enter")
        assert "it was not tried" in desk.said
    view = await listings.supplier(name)
    assert view.settings["base_url"] == "http://127.0.0.1:9"
    await setup.update("suppliers", view.id, DANA, enabled=False)


async def test_viewers_see_but_do_not_change(scene: Scene) -> None:
    async with at_desk(start="channels", readonly=True) as desk:
        for key in ("enter", "w", "S", "t"):
            await desk.press(key)
            assert "--readonly" in desk.said
            assert desk.page.pane is None


@pytest.mark.parametrize("size", [(60, 15), (20, 5)])
@pytest.mark.parametrize("screen", ["channels", "suppliers", "mappings", "jobs"])
async def test_every_size_is_survived(scene: Scene, screen: str, size: tuple[int, int]) -> None:
    async with at_desk(start=screen, size=size) as desk:
        await desk.press("j", "enter", "escape", "2", "G", "enter", "escape", "/", "a", "escape", "?", "q")
        assert desk.page.name == screen


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
async def test_what_is_asked_about_a_long_form_is_seen_in_a_small_terminal(scene: Scene, size: tuple[int, int]) -> None:
    async with at_desk(start="channels", size=size) as desk:
        await desk.press("A", *"shopify", "enter", *"Shop", "enter")
        assert "shop is needed" in desk.text()
        assert "> shop" in " ".join(desk.text().split())
        await desk.press("escape")
        shown = desk.flat
        assert "Leave without saving 1 change? y drops what was typed Esc goes on editing" in shown
        assert "y yes Esc no" in shown
        await desk.press("escape", *"annex")
        assert "annex" in desk.text()
        assert "Leave without saving" not in desk.text()
        await desk.press("escape", "y")
        assert desk.page.pane is None


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
async def test_what_is_asked_about_an_order_s_changes_is_seen_in_a_small_terminal(
    scene: Scene, size: tuple[int, int]
) -> None:
    await scene.order(*[(f"LONG-{next(serial)}", n) for n in range(1, 9)])
    async with at_desk(size=size) as desk:
        await desk.press("2", "G", "e", "q", "7", "escape")
        assert "Leave without saving 1 change? y drops what was typed Esc goes on editing" in desk.flat
        await desk.press("y")
        assert desk.page.pane is None


async def test_letters_and_arrows_that_come_in_one_piece_are_each_taken_where_they_belong(scene: Scene) -> None:
    async with at_desk(start="channels", size=(80, 24)) as desk:
        await desk.press("A", *"etsy", "enter")
        for key in (*"Bay", "down", *"keyed", "down", "down", "up", "up", "up"):
            desk.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await desk.settle()
        form = desk.page.pane
        assert isinstance(form, FormPane)
        assert form.changed() == {"name": "Bay", "set.keystring": "keyed"}
