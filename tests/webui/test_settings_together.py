"""Settings that two people change at once, and forms that stand on one page: nobody's work is lost or undone unseen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from engine import db
from engine.domain.roles import Role
from engine.services import setup
from tests.support.scene import DANA, Scene
from tests.support.web import Tab
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def orders_page(scene: Scene) -> AsyncIterator[str]:
    """The address of the section Orders of a channel with Auto on and a limit; as it was afterwards."""
    channel = scene.shop.channel_id
    await setup.update("channels", channel, DANA, auto_process=True, auto_limit=12_000, auto_currency="USD")
    yield f"/channels/{channel}?section=orders"
    await setup.update(
        "channels", channel, DANA, auto_process=False, auto_limit=None, auto_currency="", auto_condition="", prefix="",
        stale_days=30,
    )  # fmt: skip


async def auto(scene: Scene) -> tuple[bool, int | None, str]:
    """What is set of Auto Order Processing."""
    row = await db.row(
        "SELECT auto_process, auto_limit, auto_condition FROM channels WHERE id = ?", scene.shop.channel_id
    )
    assert row is not None
    return bool(row[0]), row[1], str(row[2])


def switch(one: Tab) -> Locator:
    return one.page.get_by_role("switch", name="Auto Order Processing")


def limit(one: Tab) -> Locator:
    return one.page.get_by_label("Value limit")


async def update(one: Tab, said: str) -> None:
    await one.page.get_by_role("button", name="Update").click()
    await expect(one.page.get_by_role("status").filter(has_text=said)).to_be_visible()


async def test_a_stale_tab_does_not_switch_auto_processing_on_again(
    tab: OpenTab, scene: Scene, orders_page: str
) -> None:
    one, other = await tab(Role.MANAGER), await tab(Role.MANAGER, name="dana")
    await one.open(orders_page)
    await other.open(orders_page)
    await switch(other).uncheck()
    await update(other, "processes by itself no longer")
    await limit(one).fill("90")
    await update(one, "updated; Auto Order Processing is off")
    assert await auto(scene) == (False, 9_000, "")
    await expect(switch(one)).not_to_be_checked()


async def test_what_another_set_meanwhile_is_said_and_not_overwritten(
    tab: OpenTab, scene: Scene, orders_page: str
) -> None:
    one, other = await tab(Role.MANAGER), await tab(Role.MANAGER, name="dana")
    await one.open(orders_page)
    await other.open(orders_page)
    await limit(other).fill("100")
    await update(other, "updated")
    await limit(one).fill("500")
    await one.page.get_by_label("Condition").fill("order.quantity < 3")
    await one.page.get_by_role("button", name="Update").click()
    alert = one.page.get_by_role("form", name="Auto Order Processing").get_by_role("alert")
    await expect(alert).to_contain_text(
        re.compile(r"dana set the value limit to 100\.00 USD at \d\d:\d\d; yours was not saved")
    )
    await expect(limit(one)).to_have_value("500")
    await expect(one.page.get_by_label("Condition")).to_have_value("order.quantity < 3")
    assert await auto(scene) == (True, 10_000, "")
    await one.axe()
    await update(one, "updated")
    assert await auto(scene) == (True, 50_000, "order.quantity < 3")
    await expect(alert).to_have_count(0)


async def test_auto_processing_is_switched_on_with_the_limit_that_is_seen_only(
    tab: OpenTab, scene: Scene, orders_page: str
) -> None:
    await setup.update("channels", scene.shop.channel_id, DANA, auto_process=False)
    one = await tab(Role.MANAGER)
    await one.open(orders_page)
    await setup.update("channels", scene.shop.channel_id, DANA, auto_limit=900_000, auto_currency="USD")
    await switch(one).check()
    await one.page.get_by_role("button", name="Update").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("set the value limit to 9,000.00 USD")
    await expect(limit(one)).to_have_value("9000.00")
    await expect(switch(one)).to_be_checked()
    assert (await auto(scene))[0] is False
    await update(one, "processes by itself from now on")
    assert await auto(scene) == (True, 900_000, "")


async def test_saving_a_form_leaves_what_is_typed_in_the_others(tab: OpenTab, scene: Scene, orders_page: str) -> None:
    await setup.update("channels", scene.shop.channel_id, DANA, auto_process=False)
    one = await tab(Role.MANAGER)
    await one.open(orders_page)
    prefix, old = one.page.get_by_label("Prefix of order numbers"), one.page.get_by_label("Old after, days")
    await prefix.fill("US-")
    await limit(one).fill("99")
    await update(one, "updated")
    await expect(prefix).to_have_value("US-")
    await switch(one).check()
    await limit(one).fill("77")
    await old.fill("12")
    await one.page.get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("status").filter(has_text="saved")).to_be_visible()
    await expect(switch(one)).to_be_checked()
    await expect(limit(one)).to_have_value("77")
    row = await db.row("SELECT prefix, stale_days FROM channels WHERE id = ?", scene.shop.channel_id)
    assert row is not None
    assert tuple(row) == ("US-", 12)
    assert await auto(scene) == (False, 9_900, "")
    await update(one, "processes by itself from now on")
    assert await auto(scene) == (True, 7_700, "")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("10,50", "can be read in two ways"),
        ("1,500", "can be read in two ways"),
        ("1.500", "can be read in two ways"),
        ("-5", "A value limit is from 0 to 10,000,000,000.00 USD, not -5.00 USD."),
    ],
)
async def test_a_limit_that_can_be_read_in_two_ways_is_not_saved(
    tab: OpenTab, scene: Scene, orders_page: str, typed: str, said: str
) -> None:
    one = await tab(Role.MANAGER)
    await one.open(orders_page)
    await limit(one).fill(typed)
    await one.page.get_by_role("button", name="Update").click()
    await expect(one.page.get_by_role("alert")).to_contain_text(said)
    await expect(limit(one)).to_have_value(typed)
    assert await auto(scene) == (True, 12_000, "")


@pytest.mark.parametrize("typed", ["1,5", "1,500", "-5", "4000"])
async def test_numbers_are_refused_in_the_words_of_the_form(
    tab: OpenTab, scene: Scene, orders_page: str, typed: str
) -> None:
    one = await tab(Role.MANAGER)
    await one.open(orders_page)
    await one.page.get_by_label("Old after, days").fill(typed)
    await one.page.get_by_role("button", name="Save").click()
    alert = one.page.get_by_role("form", name="Pulling and checking").get_by_role("alert")
    await expect(alert).to_contain_text(
        f"Old after, days: write a whole number from 0 to 3650 in digits alone, not '{typed}'"
    )
    assert await db.value("SELECT stale_days FROM channels WHERE id = ?", scene.shop.channel_id) == 30


async def test_a_suppliers_settings_are_saved_as_far_as_they_were_changed(tab: OpenTab, scene: Scene) -> None:
    acme = scene.shop.suppliers["ACME"]
    one, other = await tab(Role.MANAGER), await tab(Role.MANAGER, name="dana")
    for tab_ in (one, other):
        await tab_.open("/suppliers/ACME?section=deadlines")
    save = "Save"
    await other.page.get_by_label("Ships within").fill("70")
    await other.page.get_by_label("Ships to PO boxes").uncheck()
    await other.page.get_by_role("button", name=save).click()
    await expect(other.page.get_by_role("status").filter(has_text="saved")).to_be_visible()
    await one.page.get_by_label("Acknowledges within").fill("13")
    await one.page.get_by_role("button", name=save).click()
    await expect(one.page.get_by_role("status").filter(has_text="saved")).to_be_visible()
    columns = "SELECT ack_hours, tracking_hours, po_box_allowed FROM suppliers WHERE id = ?"
    assert tuple(await db.row(columns, acme) or ()) == (13, 70, 0)
    await expect(one.page.get_by_label("Ships within")).to_have_value("70")
    await other.page.get_by_label("Acknowledges within").fill("99")
    await other.page.get_by_role("button", name=save).click()
    await expect(other.page.get_by_role("alert")).to_contain_text("manager set Acknowledges within, hours to 13 at")
    assert tuple(await db.row(columns, acme) or ()) == (13, 70, 0)
    await setup.update("suppliers", acme, DANA, ack_hours=24, tracking_hours=48, po_box_allowed=True)


async def test_a_secret_that_another_replaced_meanwhile_is_not_replaced_again(tab: OpenTab, scene: Scene) -> None:
    channel = scene.shop.channel_id
    one = await tab(Role.MANAGER)
    await one.open(f"/channels/{channel}?section=credentials")
    await setup.update("channels", channel, DANA, values={"consumer_secret": scene.store.secret})
    sealed = await db.value("SELECT secrets FROM channels WHERE id = ?", channel)
    await one.page.get_by_label("Consumer secret").fill("cs_typed_by_another")
    await one.page.get_by_role("button", name="Save credentials").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("dana set a new consumer secret at")
    assert await db.value("SELECT secrets FROM channels WHERE id = ?", channel) == sealed
