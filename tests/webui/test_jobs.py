"""Jobs and the inbox in the browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import expect

from engine import clock, db
from engine.domain.roles import Role
from engine.ports import Page, Raw, Rejected
from engine.services import inbox, outbox, process
from engine.services.outbox import NewJob
from tests.support.scene import DANA, Scene
from tests.webui.conftest import OpenTab
from webui.states.jobs import Jobs

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _dead(key: str, order_id: int) -> int:
    await outbox.put([NewJob(key, "orders.check", order_id, clock.now() + timedelta(days=1))])
    await db.run("UPDATE outbox SET state = 'dead', error = 'no <such> item', attempts = 5 WHERE key = ?", key)
    return int(await db.value("SELECT id FROM outbox WHERE key = ?", key))


async def _parked(scene: Scene, key: str) -> int:
    secret = scene.store.secret
    raw = Raw(key, b'{"id": 77, "note": "%s", "total": "x"}' % secret.encode())
    await inbox.store(
        "channel", scene.shop.channel_id, Page((), rejected=(Rejected(raw, "total is no amount", "total"),))
    )
    return int(await db.value("SELECT id FROM inbound_messages WHERE external_id = ?", key))


async def _gone(*keys: str) -> None:
    for key in keys:
        await db.run("DELETE FROM outbox WHERE key = ?", key)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True), (320, False)])
async def test_jobs_and_inbox_are_accessible(tab: OpenTab, scene: Scene, width: int, dark: bool) -> None:
    key = f"axe:{width}:{dark}"
    job = await _dead(key, await scene.order(("BB-MUG-01", 1)))
    payload = await _parked(scene, key)
    now = clock.micros(clock.now())
    await db.run("DELETE FROM heartbeats")
    for host, seen in (("here", now), ("gone", now - 10**9)):
        row = (1 if host == "here" else 2, host, 1, now - 10**10, seen, 5, "1")
        await db.insert("heartbeats", ("id", "host", "pid", "started_at", "seen_at", "jobs_done", "version"), [row])
    one = await tab(Role.MANAGER, dark=dark, width=width)
    await one.open("/jobs")
    await expect(one.page.get_by_role("row").filter(has_text="here, 1")).to_contain_text("alive")
    await expect(one.page.get_by_role("row").filter(has_text="gone, 1")).to_contain_text("it has stopped")
    await one.axe()
    await one.fits()
    await one.page.get_by_role("button", name=f"Drop job {job}").click()
    await expect(one.page.get_by_role("dialog")).to_be_visible()
    await one.axe()
    await one.page.keyboard.press("Escape")
    await expect(one.page.get_by_role("dialog")).to_have_count(0)
    for tab_name in ("Waiting", "Running", "Done", "Inbox"):
        await one.page.get_by_role("navigation", name="States").get_by_role("link", name=tab_name).click()
        await one.settled()
        await one.axe()
        await one.fits()
    await one.page.get_by_role("link", name=str(payload), exact=True).click()
    await expect(one.page.get_by_role("dialog")).to_contain_text('"id": 77')
    await one.axe()
    assert scene.store.secret not in await one.page.content()
    assert not [frame for frame in one.received if scene.store.secret in frame]
    await one.page.reload()
    await expect(one.page.get_by_role("dialog")).to_contain_text('"id": 77')
    await inbox.ignore(payload, "test")
    await _gone(key)


async def test_a_dead_job_is_retried_or_dropped_and_links_to_its_order(tab: OpenTab, scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    number = (await scene.case(order_id)).order.number
    again, gone = await _dead("web:again", order_id), await _dead("web:gone", order_id)
    one = await tab(Role.MANAGER)
    await one.open("/jobs")
    row = one.page.get_by_role("row").filter(has=one.page.get_by_role("button", name=f"Retry job {again}"))
    await expect(row).to_contain_text("no <such> item")
    await expect(row.get_by_role("link", name=number)).to_have_attribute("href", f"/orders/{number}")
    await row.get_by_role("button", name="Retry").click()
    await expect(one.page.get_by_role("status").filter(has_text="is due now")).to_be_visible()
    assert await db.value("SELECT state FROM outbox WHERE id = ?", again) == "ready"
    await one.page.get_by_role("button", name=f"Drop job {gone}").click()
    await one.page.get_by_role("dialog").get_by_role("button", name="Drop").click()
    await expect(one.page.get_by_role("status").filter(has_text="is dropped")).to_be_visible()
    assert await db.value("SELECT state FROM outbox WHERE id = ?", gone) == "done"
    await _gone("web:again", "web:gone")


async def test_the_job_of_a_queued_purchase_order_cannot_be_dropped_and_it_is_said_what_to_do(
    tab: OpenTab, scene: Scene
) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    assert (await scene.process(order_id, undo_seconds=3_600)).done
    number = (await scene.case(order_id)).order.number
    one = await tab(Role.MANAGER)
    await one.open("/jobs?tab=waiting")
    row = one.page.get_by_role("row").filter(has_text="Send a purchase order").filter(has_text=f"{number}-1")
    await row.get_by_role("button", name="Drop").click()
    await expect(one.page.locator(".notice")).to_contain_text(f"put order {number} on hold, or cancel it")
    await expect(one.page.get_by_role("dialog")).to_have_count(0)
    assert (await process.undo([order_id], DANA))[0].done
    await row.get_by_role("button", name="Drop").click()
    dialog = one.page.get_by_role("dialog")
    await expect(dialog).to_contain_text(f"The blue book of {number} will say so.")
    await dialog.get_by_role("button", name="Drop").click()
    await expect(one.page.get_by_role("status").filter(has_text="is dropped")).to_be_visible()
    await one.open(f"/orders/{number}")
    await expect(one.page.locator("main")).to_contain_text("dropped without having run: Send a purchase order")


async def test_jobs_come_and_go_by_themselves(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.VIEWER)
    await one.open("/jobs")
    job = await _dead("web:late", await scene.order(("BB-MUG-01", 1)))
    await expect(one.page.locator(f"td[data-label=Job]:text-is('{job}')")).to_be_visible()
    await _gone("web:late")
    await expect(one.page.locator(f"td[data-label=Job]:text-is('{job}')")).to_have_count(0)


async def test_a_parked_payload_is_replayed_and_ignored_with_a_reason(tab: OpenTab, scene: Scene) -> None:
    payload = await _parked(scene, "web-parked")
    one = await tab(Role.MANAGER)
    await one.open("/jobs?tab=inbox")
    row = one.page.get_by_role("row").filter(has_text="web-parked")
    await expect(row).to_contain_text("total is no amount")
    await expect(row.locator("code")).to_have_text("total")
    await row.get_by_role("button", name="Replay").click()
    await expect(one.page.locator(".notice")).to_contain_text("parked")
    await row.get_by_role("button", name="Ignore").click()
    dialog = one.page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Ignore").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Say why")
    await dialog.get_by_label("Why").fill("a test order of theirs")
    await dialog.get_by_role("button", name="Ignore").click()
    await expect(row).to_have_count(0)
    found = await db.row("SELECT state, reason FROM inbound_messages WHERE id = ?", payload)
    assert found is not None
    assert tuple(found) == ("ignored", "a test order of theirs (manager)")


async def test_viewers_look_and_the_server_refuses_them(tab: OpenTab, scene: Scene) -> None:
    job = await _dead("web:mine", await scene.order(("BB-MUG-01", 1)))
    payload = await _parked(scene, "web-mine")
    one = await tab(Role.VIEWER)
    await one.open("/jobs")
    await expect(one.page.locator(f"td[data-label=Job]:text-is('{job}')")).to_be_visible()
    await expect(one.page.get_by_role("main").get_by_role("button")).to_have_count(0)
    await one.axe()
    await one.forge(Jobs, "retry", job_id=job)
    await one.refused("Jobs.retry")
    await one.forge(Jobs, "replay", payload_id=payload)
    await one.refused("Jobs.replay")
    assert await db.value("SELECT state FROM outbox WHERE id = ?", job) == "dead"
    await inbox.ignore(payload, "test")
    await _gone("web:mine")
