"""Removing a channel or a supplier in the browser: what it means is said, its name is typed, and it is in no list."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from engine import clock, db
from engine.domain.roles import Role
from engine.errors import NotFound
from engine.services import listings, setup
from tests.support.scene import DANA, Scene
from tests.webui.conftest import OpenTab
from webui.states.channel_settings import ChannelSettings
from webui.states.suppliers import SupplierSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")
WOO = {"url": "http://127.0.0.1:9", "consumer_key": "k", "consumer_secret": "s"}
REST = {"base_url": "http://127.0.0.1:9", "api_key": "k"}


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (320, True)])
async def test_a_channel_is_removed_by_typing_its_name(tab: OpenTab, scene: Scene, width: int, dark: bool) -> None:
    old = await setup.add_channel("Old shop", "woocommerce", WOO, DANA, poll_seconds=0, rescan_seconds=0)
    one = await tab(Role.MANAGER, width=width, dark=dark)
    await one.open(f"/channels/{old.id}")
    await one.page.get_by_role("button", name="Remove this channel …").click()
    card = one.page.locator("section.card", has=one.page.get_by_role("heading", name="Remove", exact=True))
    await expect(card.get_by_role("status")).to_contain_text(
        "Old shop is used no more, and its credentials are deleted"
    )
    await one.axe()
    await one.fits()
    await card.get_by_label("Type Old shop").fill("New shop")
    await card.get_by_role("button", name="Remove Old shop").click()
    await expect(card.get_by_role("alert")).to_contain_text("Type Old shop, its name")
    assert (await listings.channel("Old shop")).id == old.id
    await card.get_by_label("Type Old shop").fill("old shop")
    await card.get_by_role("button", name="Remove Old shop").click()
    await expect(one.page).to_have_url(f"{one.site.url}/channels")
    await expect(one.page.get_by_role("status").filter(has_text="Old shop is removed")).to_be_visible()
    await expect(one.page.get_by_role("button", name="Settings for Old shop")).to_have_count(0)
    with pytest.raises(NotFound):
        await listings.channel("Old shop")
    # Old orders are found by it all the same.
    await one.open("/orders")
    choices = one.page.get_by_label("Channel").locator("option", has_text="Old shop (removed")
    assert await choices.count() >= 1
    one.clean()


async def test_a_supplier_with_orders_under_way_says_which(tab: OpenTab, scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    await scene.process(order_id, undo_seconds=3_600)
    number = await db.value("SELECT number FROM orders WHERE id = ?", order_id)
    code = await db.value(
        "SELECT s.code FROM purchase_orders AS p JOIN suppliers AS s ON s.id = p.supplier_id WHERE p.order_id = ?",
        order_id,
    )
    one = await tab(Role.MANAGER)
    await one.open(f"/suppliers/{code}")
    await one.page.get_by_role("button", name="Remove this supplier …").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("not all of its orders are over")
    await expect(one.page.get_by_role("alert")).to_contain_text(str(number))
    old = await setup.add_supplier("Old Ltd", "OLD", "rest", REST, DANA, poll_seconds=0)
    await one.open("/suppliers/OLD")
    await one.page.get_by_role("button", name="Remove this supplier …").click()
    await one.page.get_by_label("Type Old Ltd").fill("Old Ltd")
    await one.page.get_by_role("button", name="Remove Old Ltd").click()
    await expect(one.page).to_have_url(f"{one.site.url}/suppliers")
    assert "OLD" not in [view.code for view in await listings.suppliers()]
    gone = next(view for view in await listings.suppliers(removed=True) if view.id == old.id)
    assert (gone.code, gone.settings.get("api_key")) == ("OLD~1", None)
    assert gone.archived_at is not None
    assert gone.archived_at <= clock.now()


async def test_an_operator_cannot_remove_anything(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.OPERATOR)
    await one.open("/suppliers/ACME")
    await expect(one.page.get_by_role("button", name="Remove this supplier …")).to_have_count(0)
    for state in (SupplierSettings, ChannelSettings):
        await one.forge(state, "remove", form={"typed": "ACME"})
        await one.refused("remove")
    assert "ACME" in [view.code for view in await listings.suppliers()]
