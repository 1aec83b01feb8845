"""A channel's owner lets Bluebook in from the browser: asked while it is added and anew, sent back by the channel, or pasted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from engine import db
from engine.demo.channels.ebay import DemoEbay
from engine.demo.channels.shopify import ShopifySim
from engine.domain.roles import Role
from engine.services import connections
from tests.support.scene import Scene
from tests.support.web import Tab
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def shopify() -> AsyncIterator[ShopifySim]:
    sim = ShopifySim(seed=4)
    await sim.start()
    yield sim
    await sim.stop()


async def gone(name: str) -> None:
    """The channel is not there any more: other tests count them."""
    made = await db.value("SELECT id FROM channels WHERE name = ?", name)
    await db.run("DELETE FROM schedules WHERE subject_id = ? AND task LIKE 'channels.%'", made)
    await db.run("DELETE FROM channels WHERE id = ?", made)


async def filled(one: Tab, connector: str, **values: str) -> Locator:
    """The form for a new channel, filled in."""
    await one.open(f"/channels/new?connector={connector}")
    form = one.page.get_by_role("form", name="Add a channel")
    for label, value in values.items():
        await form.get_by_label(label.replace("_", " ").capitalize(), exact=False).first.fill(value)
    return form


async def test_a_channel_is_added_by_its_owners_yes_and_asked_anew_when_that_ends(
    tab: OpenTab, scene: Scene, shopify: ShopifySim
) -> None:
    one = await tab(Role.MANAGER)
    about = {"shop": shopify.url, "client_id": shopify.client_id, "client_secret": shopify.client_secret}
    form = await filled(one, "shopify", name="Let in", **about)
    await form.get_by_label("Ask its owner in the browser").check()
    await form.get_by_role("button", name="Test and add").click()
    await expect(one.page.get_by_text(f"{one.site.url}/authorised")).to_be_visible()
    await one.looks_well()
    await one.page.get_by_role("link", name="Open Shopify").click()
    await expect(one.page.get_by_role("heading", name="Let in is let in")).to_be_visible()
    await one.axe()
    ended = one.page.url
    await one.page.get_by_role("link", name="Its settings").click()
    await expect(one.page.get_by_role("heading", name="Settings for Let in")).to_be_visible()
    made = await db.row("SELECT id, settings, secrets FROM channels WHERE name = ?", "Let in")
    assert made is not None
    assert "access_token" in str(made[2])
    assert not [frame for frame in one.received if any(token in frame for token in shopify.tokens)]
    # The answer was good once.
    await one.page.goto(ended)
    await expect(one.page.get_by_role("alert")).to_contain_text("answers no question")
    shopify.tokens.clear()
    await connections.pause("channels", int(made[0]), "Shopify does not accept the access token")
    await one.open(f"/channels/{made[0]}?section=credentials")
    await one.page.get_by_role("button", name="Ask its owner anew").click()
    await one.page.get_by_role("link", name="Open Shopify").click()
    await expect(one.page.get_by_role("status")).to_contain_text("It answers")
    assert await db.value("SELECT paused_reason FROM channels WHERE id = ?", made[0]) == ""
    await gone("Let in")


async def test_where_the_browser_does_not_come_back_its_address_is_pasted(tab: OpenTab, scene: Scene) -> None:
    sim = DemoEbay(seed=4)
    await sim.start()
    sim.accept_url = f"{sim.url}/thanks"
    try:
        one = await tab(Role.MANAGER)
        about = {"client_id": sim.client_id, "client_secret": sim.client_secret, "ru_name": sim.ru_name}
        form = await filled(one, "ebay", name="Bay", **about)
        await form.get_by_text("Further settings").click()
        await form.get_by_label("Api url").fill(sim.url)
        await expect(form.get_by_label("Refresh token")).to_have_count(0)  # that is what the owner's yes brings
        await form.get_by_role("button", name="Test and add").click()
        async with one.page.context.expect_page() as opened:
            await one.page.get_by_role("link", name="Open eBay").click()
        ended = await opened.value
        await ended.wait_for_url("**/thanks?*")
        answer = one.page.get_by_role("form", name="The owner's answer")
        await answer.get_by_label("Address").fill(f"{sim.url}/thanks")
        await answer.get_by_role("button", name="Let Bluebook in").click()
        await expect(one.page.get_by_role("alert").first).to_contain_text("behind a question mark")
        await answer.get_by_label("Address").fill(ended.url)
        await answer.get_by_role("button", name="Let Bluebook in").click()
        await expect(one.page.get_by_role("heading", name="Settings for Bay")).to_be_visible()
        assert await db.value("SELECT COUNT(*) FROM channels WHERE name = 'Bay' AND connector = 'ebay'") == 1
    finally:
        await gone("Bay")
        await sim.stop()


async def test_an_answer_is_taken_from_whoever_asked_and_may(tab: OpenTab, scene: Scene, shopify: ShopifySim) -> None:
    one = await tab(Role.MANAGER)
    about = {"shop": shopify.url, "client_id": shopify.client_id, "client_secret": shopify.client_secret}
    form = await filled(one, "shopify", name="Not theirs", **about)
    await form.get_by_label("Ask its owner in the browser").check()
    await form.get_by_role("button", name="Test and add").click()
    link = await one.page.get_by_role("link", name="Open Shopify").get_attribute("href")
    assert link is not None
    admin, viewer = await tab(Role.ADMIN), await tab(Role.VIEWER)
    await admin.page.goto(link)
    await expect(admin.page.get_by_role("alert")).to_contain_text("no question that you asked")
    await viewer.page.goto(link)
    await expect(viewer.page.get_by_text("may not")).to_be_visible()
    assert not await db.value("SELECT COUNT(*) FROM channels WHERE name = ?", "Not theirs")
    form = await filled(one, "shopify", name="Demo store", **about)
    await form.get_by_label("Ask its owner in the browser").check()
    await form.get_by_role("button", name="Test and add").click()
    await expect(one.page.get_by_role("alert").first).to_contain_text("already a channel called Demo store")


async def test_wrong_credentials_of_a_channel_that_is_not_there_yet_end_in_what_can_be_done_here(
    tab: OpenTab, scene: Scene, shopify: ShopifySim
) -> None:
    one = await tab(Role.MANAGER)
    form = await filled(one, "shopify", name="Not yet", shop=shopify.url, access_token="shpat_no")
    await expect(form.get_by_text("such as example.myshopify.com")).to_be_visible()
    await expect(form.get_by_text("needed unless a token is given").first).to_be_visible()
    await form.get_by_role("button", name="Test and add").click()
    alert = form.get_by_role("alert")
    await expect(alert).to_contain_text("Nothing was saved")
    await expect(alert).to_contain_text("Dev Dashboard")
    await expect(alert).not_to_contain_text("bluebook channels")
    await one.looks_well()
    assert not await db.value("SELECT COUNT(*) FROM channels WHERE name = ?", "Not yet")
