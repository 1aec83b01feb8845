"""Channels in the browser: how they stand, their settings, and Auto Order Processing by its path."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from engine import db
from engine.domain.roles import Role
from engine.services import connections, intake, setup, tasks
from tests.support import web
from tests.support.scene import DANA, WORKER, Scene
from tests.webui.conftest import OpenTab, news_came
from webui.states.channel_settings import ChannelSettings
from webui.states.channels import Channels

pytestmark = pytest.mark.asyncio(loop_scope="module")
PARTS = ("general", "orders", "alerts", "credentials")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True), (320, False)])
async def test_channels_and_their_settings_are_accessible(tab: OpenTab, scene: Scene, dark: bool, width: int) -> None:
    await connections.pause("channels", scene.outlet_id, "consumer_secret is not accepted")
    one = await tab(Role.MANAGER, dark=dark, width=width)
    await one.open("/channels")
    await expect(one.page.get_by_text("consumer_secret is not accepted").first).to_be_visible()
    await one.axe()
    await one.fits()
    await one.page.get_by_role("button", name="Settings for Demo store").click()
    await one.looked_through(PARTS)
    await connections.resume("channels", scene.outlet_id, DANA)


async def test_a_paused_channel_says_why_and_is_resumed(tab: OpenTab, scene: Scene) -> None:
    await connections.pause("channels", scene.outlet_id, "401: the key was revoked")
    one = await tab(Role.MANAGER)
    await one.open("/channels")
    row = one.page.get_by_role("row").filter(has_text="Outlet")
    await expect(row).to_contain_text("401: the key was revoked")
    await row.get_by_role("button", name="Resume").click()
    await expect(row).to_contain_text("Works")
    assert await db.value("SELECT paused_reason FROM channels WHERE id = ?", scene.outlet_id) == ""


async def test_sync_now_pulls_and_says_what_came(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER)
    await one.open("/channels")
    scene.place(("BB-MUG-01", 1))
    row = one.page.get_by_role("row").filter(has_text="Demo store")
    await row.get_by_role("button", name="Sync now").click()
    await expect(one.page.get_by_role("status").filter(has_text="1 new")).to_be_visible()
    await expect(row.get_by_role("time")).to_contain_text(re.compile(r"\d (s|min) ago"))


async def test_auto_order_processing_is_set_by_its_path_and_the_next_pull_sends_by_itself(
    tab: OpenTab, scene: Scene
) -> None:
    """ux.md, item 12."""
    channel = scene.shop.channel_id
    await intake.poll(channel, WORKER)
    one = await tab(Role.MANAGER)
    await one.open("/channels")
    await one.page.get_by_role("button", name="Settings for Demo store").click()
    await one.section("orders").click()
    await one.page.get_by_role("switch", name="Auto Order Processing").check()
    await one.page.get_by_label("Value limit").fill("100")
    await one.page.get_by_label("Currency").fill("USD")
    await one.page.get_by_role("button", name="Update").click()
    await expect(one.page.get_by_role("status").filter(has_text="processes by itself")).to_be_visible()
    await tasks.drain()
    cheap, dear = scene.place(("BB-MUG-01", 1)), scene.place(("BB-MUG-01", 40))
    await db.run("UPDATE schedules SET next_at = 0 WHERE key = ?", f"channels.poll:{channel}")
    await tasks.drain()
    found = {
        int(r[0]): int(r[1])
        for r in await db.rows("SELECT external_id, id FROM orders WHERE external_id IN (?, ?)", str(cheap), str(dear))
    }
    assert await scene.states(found[cheap]) == ["submitted"]
    assert await scene.states(found[dear]) == ["draft"]
    assert await scene.status(found[dear]) == "ready"
    await one.page.reload()
    await one.settled()
    await expect(one.page.get_by_role("switch", name="Auto Order Processing")).to_be_checked()
    await expect(one.page.get_by_label("Value limit")).to_have_value("100.00")
    await setup.update("channels", channel, DANA, auto_process=False, auto_limit=None, auto_currency="")


async def test_a_condition_that_cannot_be_read_is_told_and_nothing_is_saved(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER)
    await one.open(f"/channels/{scene.shop.channel_id}?section=orders")
    await one.page.get_by_role("switch", name="Auto Order Processing").check()
    await one.page.get_by_label("Condition").fill('order.country = "US"')
    await one.page.get_by_role("button", name="Update").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("write == for")
    await expect(one.page.get_by_label("Condition")).to_have_value('order.country = "US"')
    await one.axe()
    assert not await db.value("SELECT auto_process FROM channels WHERE id = ?", scene.shop.channel_id)


async def test_a_condition_is_tried_on_the_orders_that_are_ready_before_it_is_set(tab: OpenTab, scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), state="OR")
    number = (await scene.case(order_id)).order.number
    one = await tab(Role.MANAGER)
    await one.open(f"/channels/{scene.shop.channel_id}?section=orders")
    await one.page.get_by_label("Condition").fill(f'order.number == "{number}"')
    await one.page.get_by_role("button", name="Try it").click()
    said = one.page.get_by_role("status").filter(has_text="would be sent")
    await expect(said).to_contain_text(f"1 would be sent ({number})")
    assert await db.value("SELECT auto_condition FROM channels WHERE id = ?", scene.shop.channel_id) == ""


async def test_half_typed_settings_stay_while_the_channel_changes(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER)
    await one.open(f"/channels/{scene.shop.channel_id}?section=alerts")
    await one.page.get_by_label("Addresses").fill("half@")
    await setup.update("channels", scene.shop.channel_id, DANA, stale_days=31)
    await news_came(one, scene)
    await expect(one.page.get_by_label("Addresses")).to_have_value("half@")
    await one.page.get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("not an e-mail address")
    await one.page.get_by_label("Addresses").fill("ops@example.com\ndana@example.com")
    await one.page.get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("status").filter(has_text="2 addresses")).to_be_visible()
    await setup.update("channels", scene.shop.channel_id, DANA, alert_addresses=[])


async def test_a_channel_is_called_otherwise_unless_that_is_taken(tab: OpenTab, scene: Scene) -> None:
    channel = scene.shop.channel_id
    one = await tab(Role.MANAGER)
    await one.open(f"/channels/{channel}")
    await one.page.get_by_role("form", name="Rename").get_by_role("textbox").fill("OUTLET")
    await one.page.get_by_role("button", name="Rename").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("There is already a channel called Outlet")
    await one.page.get_by_role("form", name="Rename").get_by_role("textbox").fill("Main street")
    await one.page.get_by_role("button", name="Rename").click()
    await expect(one.page.get_by_role("status").filter(has_text="is called Main street now")).to_be_visible()
    assert await db.value("SELECT name FROM channels WHERE id = ?", channel) == "Main street"
    await setup.update("channels", channel, DANA, name="Demo store")


async def test_credentials_are_written_and_never_shown(tab: OpenTab, scene: Scene) -> None:
    channel = scene.shop.channel_id
    one = await tab(Role.MANAGER)
    await one.open(f"/channels/{channel}?section=credentials")
    field = one.page.get_by_label("Consumer secret")
    await expect(field).to_have_value("")
    await expect(one.page.get_by_text("set; it is replaced").first).to_be_visible()
    await one.page.get_by_role("button", name="Test connection").click()
    await expect(one.page.get_by_role("status").filter(has_text="It works")).to_be_visible()
    sealed = await db.value("SELECT secrets FROM channels WHERE id = ?", channel)
    await one.page.get_by_text("Further settings").click()
    await one.page.get_by_label("Timeout").fill("31")
    await one.page.get_by_role("button", name="Save credentials").click()
    await expect(one.page.get_by_role("status").filter(has_text="timeout saved")).to_be_visible()
    await one.page.get_by_role("button", name="Test connection").click()
    await expect(one.page.get_by_role("status").filter(has_text="It works")).to_be_visible()
    new = "cs_" + "typed" * 5
    await field.fill(new)
    await one.page.get_by_role("button", name="Save credentials").click()
    await expect(one.page.get_by_role("status").filter(has_text="consumer secret saved")).to_be_visible()
    await expect(field).to_have_value("")
    await one.page.get_by_role("button", name="Test connection").click()
    await expect(one.page.get_by_role("status").filter(has_text="It does not work")).to_be_visible()
    assert await db.value("SELECT secrets FROM channels WHERE id = ?", channel) != sealed
    await setup.update("channels", channel, DANA, values={"consumer_secret": scene.store.secret})
    html = await one.page.content()
    for secret in (scene.store.secret, (await one.page.context.cookies())[0]["value"]):
        assert secret not in html
        assert not [frame for frame in [*one.sent, *one.received] if secret in frame]
    # What is typed here goes out once, when it is saved, and nothing brings it back.
    assert new not in html
    assert not [frame for frame in one.received if new in frame]
    assert len([frame for frame in one.sent if new in frame]) == 1
    assert new not in str(one.site.logged())
    one.clean()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_who_may_not_sees_nothing_to_press_and_the_server_refuses(tab: OpenTab, scene: Scene, role: Role) -> None:
    one = await tab(role)
    await one.open("/channels")
    main = one.page.get_by_role("main")
    await expect(main.get_by_role("button", name="Sync now")).to_have_count(0)
    await expect(main.get_by_role("link", name="Add a channel")).to_have_count(0)
    await main.get_by_role("button", name="Settings for Demo store").click()
    await one.section("orders").click()
    await expect(one.page.get_by_role("switch")).to_be_disabled()
    await expect(main.get_by_role("button", name="Update")).to_have_count(0)
    await one.axe()
    await one.forge(ChannelSettings, "update_auto", form={"auto": "on"})
    await one.refused("update_auto")
    await one.forge(Channels, "sync", channel_id=scene.shop.channel_id)
    await one.refused("sync")
    await one.forge(ChannelSettings, "save_credentials", form={"consumer_secret": "x"})
    await one.refused("save_credentials")
    assert not await db.value("SELECT auto_process FROM channels WHERE id = ?", scene.shop.channel_id)
    assert scene.store.secret not in "".join(one.received)


async def test_a_channel_that_is_not_there_is_told(tab: OpenTab) -> None:
    one = await tab(Role.MANAGER)
    await one.open("/channels/4711")
    await expect(one.page.get_by_text("there is no channel 4711")).to_be_visible()
    await one.axe()
    await web.eventually(one.clean)


async def test_a_channel_is_added_once_its_settings_work(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER)
    await one.open("/channels/new")
    await one.axe()
    await one.page.get_by_role("link", name="WooCommerce").click()
    form = one.page.get_by_role("form", name="Add a channel")
    await form.get_by_label("Name").fill("Third store")
    await form.get_by_label("Url").fill(scene.store.url)
    await form.get_by_label("Consumer key").fill(scene.store.key)
    await form.get_by_label("Consumer secret").fill("cs_wrong_wrong")
    await form.get_by_role("button", name="Test and add").click()
    await expect(one.page.get_by_role("alert").first).to_contain_text("Nothing was saved")
    await expect(form.get_by_label("Add it all the same")).to_be_visible()
    assert not await db.value("SELECT COUNT(*) FROM channels WHERE name = ?", "Third store")
    await one.axe()
    await one.fits()
    await form.get_by_label("Consumer secret").fill(scene.store.secret)
    await form.get_by_role("button", name="Test and add").click()
    await expect(one.page.get_by_role("alert").first).to_contain_text(
        "is connected to this WooCommerce account already"
    )
    await form.get_by_label("Url").fill(scene.store.url.replace("127.0.0.1", "localhost"))
    await form.get_by_role("button", name="Test and add").click()
    await expect(one.page.get_by_role("heading", name="Settings for Third store")).to_be_visible()
    made = await db.row("SELECT id, settings FROM channels WHERE name = ?", "Third store")
    assert made is not None
    assert scene.store.secret not in str(made[1])
    assert not [frame for frame in one.received if scene.store.secret in frame]
    one.clean()
    await db.run("DELETE FROM schedules WHERE subject_id = ? AND task LIKE 'channels.%'", made[0])
    await db.run("DELETE FROM channels WHERE id = ?", made[0])
