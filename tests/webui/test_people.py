"""Users, one's own account, and one-time links, in the browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from engine.domain.roles import WHAT, Permission, Role
from engine.services import accounts, audit, invitations, sessions
from tests.support import web
from tests.support.scene import Scene
from tests.support.web import SETUP, Tab, eventually
from tests.webui.conftest import OpenTab, news_came

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def accept(page: Page, name: str, password: str, again: str = "") -> None:
    """The form of a one-time link is sent."""
    if name:
        await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_label("Password again").fill(again or password)
    await page.locator("button[type=submit]").click()


async def in_as(tab: Tab, name: str) -> None:
    """The browser is logged in as this user."""
    await expect(tab.page).to_have_url(f"{tab.site.url}/")
    await tab.open("/account")
    await expect(tab.page.locator("a.account")).to_have_text(name)


# --- one-time links ------------------------------------------------------------------------------------------------------


async def test_someone_invited_chooses_a_name_and_a_password_and_is_in(tab: OpenTab, scene: Scene) -> None:
    token = await invitations.invite(Role.OPERATOR, SETUP)
    one = await tab(None)
    await one.page.goto(f"{one.site.url}{invitations.path(token)}")
    await expect(one.page.get_by_text("invites you as operator")).to_be_visible()
    await one.axe()
    for name, password, again, said in (
        ("in valid", web.PASSWORD, "", "cannot be a user's name"),
        ("ines", "password123", "", "among the first that others try"),
        ("ines", web.PASSWORD, "another one entirely", "not the same"),
    ):
        await accept(one.page, name, password, again)
        await expect(one.page.get_by_role("alert")).to_contain_text(said)
        await expect(one.page.get_by_label("Name")).to_have_value(name)
        await one.axe()
    await accept(one.page, "ines", web.PASSWORD)
    await in_as(one, "ines")
    known = await accounts.user("ines")
    assert (known.role, known.state, known.sessions) == (Role.OPERATOR, "ok", 1)
    await one.page.goto(f"{one.site.url}{invitations.path(token)}")
    await expect(one.page.get_by_role("heading", name="This link is over")).to_be_visible()
    await one.axe()


async def test_a_link_for_a_user_asks_for_a_password_only_and_ends_other_sessions(tab: OpenTab, scene: Scene) -> None:
    old = await web.person(Role.VIEWER, "lena")
    token = await invitations.link("lena", SETUP)
    one = await tab(Role.MANAGER)  # someone else is logged in in this browser
    before = (await one.page.context.cookies())[0]["value"]
    await one.page.goto(f"{one.site.url}{invitations.path(token)}")
    await expect(one.page.get_by_label("Name")).to_have_count(0)
    await accept(one.page, "", "seven tall blue kettles")
    await in_as(one, "lena")
    assert await sessions.person_of(old) is None
    assert await sessions.person_of(before) is None
    found = await sessions.person_of((await one.page.context.cookies())[0]["value"])
    assert found is not None
    assert found.name == "lena"


async def test_a_one_time_links_page_is_accessible(tab: OpenTab, scene: Scene) -> None:
    token = await invitations.invite(Role.VIEWER, SETUP)
    one = await tab(None)
    await one.page.goto(f"{one.site.url}{invitations.path(token)}")
    await one.looks_well()
    await accept(one.page, "x y", "short")
    await expect(one.page.get_by_role("alert")).to_be_visible()
    await one.looks_well()
    await one.page.goto(f"{one.site.url}/invitation/nothing")
    await expect(one.page.get_by_role("heading", name="This link is over")).to_be_visible()
    await one.looks_well()


# --- users -----------------------------------------------------------------------------------------------------------------


async def test_an_admin_adds_a_user_and_sees_the_link_once(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.ADMIN)
    await one.open("/users")
    await one.page.get_by_role("link", name="Add a user").click()
    await expect(one.page).to_have_url(re.compile(r"\?add=1$"))
    await expect(one.page.get_by_label("Name")).to_be_focused()
    await one.page.keyboard.type("not a name")
    await one.page.keyboard.press("Enter")
    await expect(one.page.get_by_role("alert")).to_contain_text("cannot be a user's name")
    await expect(one.page.get_by_label("Name")).to_have_value("not a name")
    await one.page.get_by_label("Name").fill("nina")
    await one.page.get_by_label("E-mail").fill("nina@example.com")
    await one.page.get_by_label("Role").select_option("operator")
    await one.page.get_by_role("button", name="Add and make a link").click()
    link = one.page.get_by_label("nina chooses a password here")
    await expect(link).to_be_focused()
    address = await link.input_value()
    assert address.startswith(f"{one.site.url}/invitation/")
    assert await one.page.evaluate("getSelection().toString() || document.activeElement.value") == address
    await expect(link).not_to_be_editable()
    await one.page.keyboard.press("Escape")
    await expect(one.page.locator("dialog")).to_have_count(0)
    row = one.page.get_by_role("row", name=re.compile("nina"))
    await expect(row).to_contain_text("operator")
    await expect(row).to_contain_text("invited")
    await one.page.reload()
    await one.settled()
    assert address.rpartition("/")[2] not in await one.page.content()
    assert (await invitations.invitation(address.rpartition("/")[2])).name == "nina"
    one.clean()


async def test_a_link_without_a_name_lets_them_choose_it(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.ADMIN)
    await one.open("/users?add=1")
    await one.page.get_by_label("Role").select_option("manager")
    await one.page.get_by_role("button", name="Add and make a link").click()
    address = await one.page.get_by_label("Whoever opens this first becomes manager").input_value()
    found = await invitations.invitation(address.rpartition("/")[2])
    assert (found.role, found.name, found.invited_by) == (Role.MANAGER, "", "admin")


async def test_role_sessions_and_state_of_a_user_are_changed_from_the_list(tab: OpenTab, scene: Scene) -> None:
    token = await web.person(Role.VIEWER, "rosa")
    one = await tab(Role.ADMIN)
    await one.open("/users")
    await one.page.get_by_role("link", name="rosa").click()
    drawer = one.page.get_by_role("dialog", name="rosa")
    await drawer.get_by_label("Role").select_option("operator")
    await drawer.get_by_role("button", name="Change role").click()
    await expect(one.page.get_by_text("rosa is operator now.")).to_be_visible()
    assert (await accounts.user("rosa")).role == Role.OPERATOR
    await drawer.get_by_role("button", name="End the session").click()
    await expect(drawer.get_by_text("Nowhere logged in.")).to_be_visible()
    assert await sessions.person_of(token) is None
    await drawer.get_by_role("button", name="Disable …").click()
    await expect(drawer.get_by_text("rosa cannot log in any more")).to_be_visible()
    await one.axe()
    await drawer.get_by_role("button", name="Keep").click()
    assert (await accounts.user("rosa")).enabled
    await drawer.get_by_role("button", name="Disable …").click()
    await drawer.get_by_role("button", name="Disable rosa").click()
    await expect(drawer.get_by_role("button", name="Enable")).to_be_visible()
    assert not (await accounts.user("rosa")).enabled
    await one.page.reload()
    await drawer.get_by_role("button", name="Enable").click()
    await drawer.get_by_role("button", name="New one-time link").click()
    await expect(one.page.get_by_label("rosa chooses a new password here")).to_be_visible()
    assert (await accounts.user("rosa")).enabled
    one.clean()
    assert (await audit.verify()).problems == []


async def test_the_last_admin_stays_and_the_page_says_why(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.ADMIN)
    for other in await accounts.users():
        if other.role == Role.ADMIN and other.name != "admin":
            await accounts.set_role(other.name, Role.VIEWER, SETUP)
    await one.open("/users?user=admin")
    drawer = one.page.get_by_role("dialog", name="admin")
    await drawer.get_by_label("Role").select_option("viewer")
    await drawer.get_by_role("button", name="Change role").click()
    await expect(drawer.get_by_role("alert")).to_contain_text(
        "dmin is the last admin, and cannot be given another role"
    )
    await drawer.get_by_role("button", name="Disable …").click()
    await drawer.get_by_role("button", name="Disable admin").click()
    await expect(drawer.get_by_role("alert")).to_contain_text("cannot be disabled; make someone else an admin first")
    known = await accounts.user("admin")
    assert (known.role, known.enabled) == (Role.ADMIN, True)


async def test_others_see_nothing_of_the_users(tab: OpenTab, scene: Scene) -> None:
    await web.person(Role.VIEWER, "secretive")
    one = await tab(Role.MANAGER)
    await one.open("/users?user=secretive&add=1")
    await expect(one.page.get_by_text("This page is for admins.")).to_be_visible()
    await expect(one.page.get_by_role("navigation", name="Main").get_by_role("link", name="Users")).to_have_count(0)
    await expect(one.page.get_by_role("link", name="Add a user")).to_have_count(0)
    await expect(one.page.locator("dialog, table")).to_have_count(0)
    frames = await one.page.evaluate("document.documentElement.outerHTML")
    assert "secretive" not in frames
    await accounts.add_user("someone-new", Role.VIEWER, SETUP)  # news: the page does not ask for what it may not see
    await news_came(one, scene)
    await expect(one.page.locator(".notice")).to_have_count(1)
    one.clean()


async def test_what_another_admin_does_shows_by_itself(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.ADMIN)
    await one.open("/users")
    await accounts.add_user("sudden", Role.VIEWER, SETUP)
    await expect(one.page.get_by_role("row", name=re.compile("sudden"))).to_be_visible()


async def test_the_users_page_is_accessible(tab: OpenTab, scene: Scene) -> None:
    await web.person(Role.VIEWER, "arno")
    one = await tab(Role.ADMIN)
    await one.open("/users")
    await expect(one.page.locator("tbody tr").first).to_be_visible()
    await one.looks_well()
    await one.page.get_by_role("link", name="Add a user").click()
    await expect(one.page.get_by_role("dialog", name="Add a user")).to_be_visible()
    await one.looks_well()
    await one.page.get_by_label("Name").fill("- -")
    await one.page.get_by_role("button", name="Add and make a link").click()
    await expect(one.page.get_by_role("alert")).to_be_visible()
    await one.looks_well()
    await one.page.keyboard.press("Escape")
    await one.page.get_by_role("link", name="arno").click()
    drawer = one.page.get_by_role("dialog", name="arno")
    await drawer.get_by_text("What each role may do").click()
    await drawer.get_by_role("button", name="Disable …").click()
    await expect(drawer.get_by_text("arno cannot log in any more")).to_be_visible()
    await one.looks_well()
    await drawer.get_by_role("button", name="New one-time link").click()
    await expect(one.page.get_by_role("dialog", name="A link that works once")).to_be_visible()
    await one.looks_well()
    one.clean()


# --- one's own account ---------------------------------------------------------------------------------------------------


async def test_the_account_says_who_one_is_and_what_one_may(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.OPERATOR)
    await one.open("/orders")
    await one.page.get_by_title("Your account").click()
    await expect(one.page.get_by_role("heading", name="Your account")).to_be_visible()
    you = one.page.get_by_role("region", name="You", exact=True)
    await expect(you).to_contain_text("operator")
    said = [text.casefold() for text in await you.locator("li").all_inner_texts()]
    assert said == [WHAT[p].casefold() for p in Permission]
    assert WHAT[Permission.HOLD].casefold() in [
        text.casefold() for text in await you.locator("ul").first.locator("li").all_inner_texts()
    ]
    one.clean()


async def test_times_are_in_the_zone_that_one_chooses(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    one = await tab(Role.VIEWER, name="zoe")
    await one.open("/orders")
    number = (await scene.case(order)).order.number
    row = one.page.get_by_role("row", name=re.compile(re.escape(number)))
    before = await row.locator("time").first.inner_text()
    await one.open("/account")
    await one.page.get_by_label("Times are shown in").fill("Mars/Olympus")
    await one.page.get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("no time zone 'Mars/Olympus'")
    await one.page.get_by_label("Times are shown in").fill("Asia/Tokyo")
    await one.page.get_by_role("button", name="Save").click()
    await expect(one.page.get_by_text("Times are in Asia/Tokyo now.")).to_be_visible()
    assert (await accounts.user("zoe")).timezone == "Asia/Tokyo"
    await one.open("/orders")
    await expect(row.locator("time").first).not_to_have_text(before)


async def test_a_new_password_needs_the_old_one_and_ends_other_sessions(tab: OpenTab, scene: Scene) -> None:
    elsewhere = await web.person(Role.VIEWER, "pia")
    one = await tab(Role.VIEWER, name="pia")
    await one.open("/account")
    for old, new, again, said in (
        ("wrong password here", "seven tall blue kettles", "", "the present password is wrong"),
        (web.PASSWORD, "seven tall blue kettles", "seven small ones", "not the same"),
        (web.PASSWORD, "short", "", "at least 10"),
    ):
        await change(one.page, old, new, again)
        await expect(one.page.locator("#password-problem")).to_contain_text(re.compile(said, re.IGNORECASE))
        assert await sessions.person_of(elsewhere) is not None
    await change(one.page, web.PASSWORD, "seven tall blue kettles")
    await expect(one.page.get_by_text("You have a new password.")).to_be_visible()
    await expect(one.page.get_by_label("Present password")).to_have_value("")
    assert await sessions.person_of(elsewhere) is None
    token, _ = await sessions.login("pia", "seven tall blue kettles")
    await sessions.logout(token)
    await one.page.reload()  # this one goes on
    await expect(one.page.get_by_role("heading", name="Your account")).to_be_visible()
    one.clean()


async def change(page: Page, old: str, new: str, again: str = "") -> None:
    """The form for another password is sent."""
    await page.get_by_label("Present password").fill(old)
    await page.get_by_label("New password", exact=False).first.fill(new)
    await page.get_by_label("New password again").fill(again or new)
    await page.get_by_role("button", name="Change password").click()


async def test_ones_own_sessions_are_listed_and_ended(tab: OpenTab, scene: Scene) -> None:
    first, second = [await web.person(Role.VIEWER, "sam") for _ in range(2)]
    one = await tab(Role.VIEWER, name="sam")
    await one.open("/account")
    rows = one.page.get_by_role("region", name="Where you are logged in").locator("tbody tr")
    await expect(rows).to_have_count(3)
    await expect(rows.filter(has_text="this one")).to_have_count(1)
    await expect(rows.first).to_contain_text("127.0.0.1")
    await rows.get_by_role("button", name="End the session").last.click()
    await expect(rows).to_have_count(2)
    assert await sessions.person_of(first) is None
    assert await sessions.person_of(second) is not None
    await one.page.get_by_role("button", name="End all others").click()
    await expect(rows).to_have_count(1)
    assert await sessions.person_of(second) is None
    await expect(rows).to_contain_text("this one")
    one.clean()


async def test_a_session_that_an_admin_ends_sends_its_tab_to_the_log_in_page(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.VIEWER, name="remo")
    await one.open("/account")
    known = await accounts.user("remo")
    await sessions.revoke_all(known.id, SETUP)
    await expect(one.page).to_have_url(f"{one.site.url}/login?next=%2Faccount")


async def test_the_account_page_is_accessible(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.OPERATOR)
    await one.open("/account")
    await expect(one.page.get_by_label("Present password")).to_be_visible()
    await one.looks_well()
    await change(one.page, "not the one", "short", "other")
    await expect(one.page.get_by_role("alert")).to_be_visible()
    await one.looks_well()
    await one.page.get_by_label("Times are shown in").fill("Nowhere")
    await one.page.get_by_role("button", name="Save").click()
    await eventually(lambda: expect(one.page.get_by_role("alert")).to_have_count(2))
    await one.looks_well()
    one.clean()
