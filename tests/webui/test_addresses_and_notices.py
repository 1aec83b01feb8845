"""What an address asks for that there is not is said; notices and dialogs stay where they belong, and within the page."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from engine.domain.roles import Role
from engine.services import setup
from tests.support.scene import DANA, Scene
from tests.webui.conftest import OpenTab, news_came
from webui.states.base import ARRIVED_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_an_address_asks_for_that_there_is_not_lists_nothing(tab: OpenTab, scene: Scene) -> None:
    await scene.order(("BB-MUG-01", 1))
    one = await tab(Role.MANAGER)
    await one.open("/orders?channel_ids=99&skus=BB")
    await expect(one.page.locator(".chip")).to_have_count(2)
    await one.open("/orders?supplier=acme&view=late&channel_ids=1")
    alert = one.page.get_by_role("main").get_by_role("alert")
    await expect(alert).to_contain_text(
        "This page's address asks for something that there is not: “supplier” (did you mean supplier_ids?), “view”"
    )
    await expect(one.page.locator("tbody tr")).to_have_count(0)
    await expect(one.page.locator(".chip")).to_have_count(0)
    await one.axe()
    await alert.get_by_role("link", name="Leave that out").click()
    await expect(one.page).to_have_url(f"{one.site.url}/orders?channel_ids=1")
    await one.settled()
    await expect(one.page.locator("tbody tr").first).to_be_visible()


async def test_a_value_that_cannot_be_read_is_said_in_words_and_can_be_left_out(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER)
    await one.open("/orders?statuses=bogus&channel_ids=1")
    alert = one.page.get_by_role("main").get_by_role("alert")
    await expect(alert).to_contain_text("cannot be read: there is no 'bogus'; there are canceled, failed")
    await expect(alert).not_to_contain_text("$.")
    await alert.get_by_role("link", name="Leave that out").click()
    await expect(one.page).to_have_url(f"{one.site.url}/orders?channel_ids=1")
    for wrong, said in (
        ("channel_ids=x", "it takes whole numbers"),
        ("late=maybe", "it is 1 or 0"),
        ("total_min=much", "it takes an amount"),
        ("issue_codes=unmapped_sk", "did you mean unmapped_sku?"),
    ):
        await one.open(f"/orders?{wrong}")
        await expect(alert).to_contain_text(said)


async def test_a_file_of_a_mistyped_address_is_no_file_of_everything(tab: OpenTab) -> None:
    one = await tab(Role.MANAGER)
    await one.open("/orders")
    found = await one.page.evaluate(
        "async () => { const a = await fetch('/export/orders.csv?supplier=acme'); return [a.status, await a.text()] }"
    )
    assert found[0] == 400
    assert "“supplier” (did you mean supplier_ids?)" in found[1]


async def test_other_pages_say_what_their_address_asks_for_in_vain(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.ADMIN)
    for path in (
        "/queue?sup=acme",
        "/jobs?state=late",
        "/mappings?q=x",
        f"/channels/{scene.shop.channel_id}?part=orders",
    ):
        await one.open(path)
        await expect(one.page.get_by_role("alert").filter(has_text="something that there is not")).to_be_visible()
    for path in ("/queue?tab=ready", "/mappings?tab=sku", "/suppliers/ACME?section=products&text=x", "/users", "/account",
                 "/?period=today", "/channels/new?connector=shopify"):  # fmt: skip
        await one.open(path)
        await expect(one.page.get_by_role("alert")).to_have_count(0)


async def test_a_word_of_an_address_that_means_nothing_is_said_and_the_rest_is_shown(
    tab: OpenTab, scene: Scene
) -> None:
    await scene.order(("BB-MUG-01", 1))
    one = await tab(Role.ADMIN)
    channel = f"/channels/{scene.shop.channel_id}"
    for path, said in (
        ("/queue?tab=redy", "tab “redy” (did you mean ready?)"),
        ("/mappings?tab=skus", "tab “skus” (did you mean sku?)"),
        ("/mappings?after=x", "after “x”"),
        ("/mappings?tab=sku&after=x", "after “x”"),
        ("/jobs?tab=late", "tab “late” (there are attention, waiting, running, done, inbox)"),
        ("/jobs?after=x", "after “x”"),
        ("/jobs?tab=inbox&payload=x", "payload “x”"),
        (f"{channel}?section=orders2", "section “orders2” (did you mean orders?)"),
        (
            "/suppliers/ACME?section=rates",
            "section “rates” (there are general, deadlines, methods, products, credentials)",
        ),
        ("/orders?size=7", "size “7” (there are 50, 25, 100)"),
        ("/orders?columns=placed,totl", "columns “totl” (did you mean total?)"),
    ):
        await one.open(path)
        alert = one.page.get_by_role("alert").filter(has_text="asks for something that there is not: ")
        await expect(alert).to_contain_text(said)
    await expect(one.page.locator("tbody tr").first).to_be_visible()
    await one.axe()
    await one.open("/orders?tab=late")
    await expect(one.page.get_by_role("main").get_by_role("alert")).to_contain_text("there is not: “tab”")
    for path in ("/orders?size=100&columns=placed,total", "/jobs?tab=done&after=9", "/mappings?tab=sku&after=Outlet/x"):
        await one.open(path)
        await expect(one.page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize(
    ("query", "said", "mended"),
    [
        ("text=sup%3Aacme+foo%3Abar&tab=ready", "foo", "?tab=ready"),
        ("text=mug&after=here", "is not a place in a list", "?text=mug"),
    ],
)
async def test_a_queue_that_cannot_be_read_lists_nothing_and_leads_on(
    tab: OpenTab, scene: Scene, query: str, said: str, mended: str
) -> None:
    await scene.order(("BB-MUG-01", 1))
    one = await tab(Role.OPERATOR)
    await one.open(f"/queue?{query}")
    alert = one.page.get_by_role("main").get_by_role("alert")
    await expect(alert).to_contain_text(said)
    await expect(one.page.locator(".queue > li")).to_have_count(0)
    await one.axe()
    await alert.get_by_role("link", name="Leave that out").click()
    await expect(one.page).to_have_url(f"{one.site.url}/queue{mended}")
    await expect(alert).to_have_count(0)
    await expect(one.page.locator(".queue > li").first).to_be_visible()


async def test_a_dialog_that_was_left_does_not_open_again(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER)
    await one.open("/orders")
    await one.page.get_by_role("button", name="+ Save view").click()
    dialog = one.page.get_by_role("dialog", name="Saved views")
    await expect(dialog).to_be_visible()
    await one.page.go_back()
    await one.open("/channels")
    await one.page.get_by_role("link", name="Orders", exact=True).first.click()
    await one.settled()
    await expect(one.page.get_by_role("button", name="+ Save view")).to_be_visible()
    await news_came(one, scene)
    await expect(dialog).to_have_count(0)
    await one.page.get_by_role("button", name="+ Save view").click()
    await expect(dialog).to_be_visible()


async def test_notices_do_not_go_along_to_other_pages_and_go_by_themselves(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER)
    await one.open(f"/channels/{scene.shop.channel_id}?section=orders")
    notices = one.page.locator(".notices > li")
    for _ in range(3):
        await one.page.get_by_role("button", name="Save", exact=True).click()
        await expect(notices).to_have_count(1)
    await one.page.get_by_role("button", name="Update").click()
    await expect(notices).to_have_count(1)
    await one.page.wait_for_timeout(ARRIVED_SECONDS * 1_000 + 500)
    await one.page.get_by_role("link", name="Suppliers", exact=True).click()
    await expect(one.page.get_by_role("heading", name="Suppliers")).to_be_visible()
    await expect(notices).to_have_count(0)
    await one.open(f"/channels/{scene.shop.channel_id}?section=orders")
    await one.page.get_by_role("button", name="Save", exact=True).click()
    await expect(notices).to_have_count(1)
    await expect(notices).to_have_count(0)


@pytest.mark.parametrize("width", [1280, 390, 320])
async def test_a_name_that_turns_or_widens_what_is_around_it_does_not(tab: OpenTab, scene: Scene, width: int) -> None:
    channel = scene.shop.channel_id
    name = "N" * 60 + "\u202eevil"
    await setup.update("channels", channel, DANA, name=name)
    one = await tab(Role.MANAGER, width=width)
    await one.open(f"/channels/{channel}?section=orders")
    await one.page.get_by_label("Value limit").fill("7")
    await one.page.get_by_role("button", name="Update").click()
    notice = one.page.locator(".notices > li").last
    await expect(notice).to_contain_text("updated")
    assert "\u202e" not in await notice.inner_text()
    box = await notice.bounding_box()
    close = await notice.get_by_role("button", name="Dismiss").bounding_box()
    assert box is not None
    assert close is not None
    assert box["x"] >= 0
    assert close["x"] + close["width"] <= width
    await one.fits()
    await one.open(f"/orders?channel_ids={channel}&text={'x' * 150}")
    await expect(one.page.locator(".chip")).to_have_count(2)
    await one.fits()
    await setup.update("channels", channel, DANA, name="Demo store", auto_limit=None, auto_currency="")


async def test_on_a_phone_one_notice_at_a_time_is_in_sight(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER, width=390)
    await one.open(f"/channels/{scene.shop.channel_id}?section=orders")
    await one.page.get_by_label("Value limit").fill("8")
    await one.page.get_by_role("button", name="Save", exact=True).click()
    await expect(one.page.locator(".notices > li:visible")).to_have_count(1)
    await one.page.get_by_role("button", name="Update").click()
    await expect(one.page.locator(".notices > li")).to_have_count(2)
    await expect(one.page.locator(".notices > li:visible")).to_have_count(1)
    await one.page.get_by_role("button", name="Dismiss").click()
    await expect(one.page.locator(".notices > li:visible")).to_contain_text("nothing was changed")
    await setup.update("channels", scene.shop.channel_id, DANA, auto_limit=None, auto_currency="")
