"""A channel's owner is asked from the terminal app: the address to open, the way back to this machine, or what is pasted."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from textual import events

from engine import db
from engine.demo.channels.base import ChannelFault
from engine.demo.channels.ebay import DemoEbay
from engine.demo.channels.shopify import ShopifySim
from engine.services import connections
from engine.transports import loopback
from tests.support.scene import Scene
from tests.support.terminal import Desk, at_desk, field
from tui.widgets.owner import OwnerPane

pytestmark = pytest.mark.asyncio(loop_scope="module")
SMALL = (80, 24)


@pytest_asyncio.fixture(loop_scope="module")
async def ebay() -> AsyncIterator[DemoEbay]:
    sim = DemoEbay(seed=4)
    await sim.start()
    sim.accept_url = "https://orders.example.com/thanks"
    yield sim
    await sim.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def shopify() -> AsyncIterator[ShopifySim]:
    sim = ShopifySim(seed=4)
    await sim.start()
    yield sim
    await sim.stop()


@pytest.fixture(autouse=True)
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port that nobody else's test listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        found = int(one.getsockname()[1])
    monkeypatch.setattr(loopback, "PORT", found)
    return found


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def as_before(scene: Scene) -> AsyncIterator[None]:
    """No channel of these tests is there for others, which count them."""
    yield
    for row in await db.rows("SELECT id FROM channels WHERE connector IN ('ebay', 'shopify')"):
        await db.run("DELETE FROM schedules WHERE subject_id = ? AND task LIKE 'channels.%'", row[0])
        await db.run("DELETE FROM channels WHERE id = ?", row[0])


async def made(name: str) -> object:
    return await db.value("SELECT id FROM channels WHERE name = ?", name)


async def visited(url: str, *, follow: bool) -> str:
    """Where the owner's yes sends the browser; with ``follow`` the page that it sees there."""
    async with aiohttp.ClientSession() as browser, browser.get(url, allow_redirects=follow) as answer:
        return await answer.text() if follow else answer.headers["Location"]


async def paste(desk: Desk, text: str) -> None:
    """As a terminal pastes: all at once, and no keys."""
    assert desk.app.focused is not None
    desk.app.focused.post_message(events.Paste(text))
    await desk.settle()


def question(desk: Desk) -> OwnerPane:
    assert isinstance(desk.page.pane, OwnerPane), desk.text()
    return desk.page.pane


async def about_ebay(desk: Desk, ebay: DemoEbay) -> None:
    """The form for a channel at eBay, filled in but for what the owner's yes brings."""
    await desk.press("A", *"ebay", "enter", *"Bay")
    await field(desk, "client id", *ebay.client_id)
    await field(desk, "client secret", *ebay.client_secret)
    await field(desk, "ru name", *ebay.ru_name)
    await field(desk, "api url", *ebay.url)


async def test_the_owner_is_asked_and_the_pasted_answer_adds_the_channel(scene: Scene, ebay: DemoEbay) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await about_ebay(desk, ebay)
        assert "Its owner is asked in a browser, unless you write a refresh token" in desk.text()
        await desk.press("enter")
        asked = question(desk).asked
        shown = desk.text()
        assert asked.url in "".join(line.strip() for line in shown.splitlines())
        assert "paste the address the browser ends at" in shown
        assert ebay.client_secret not in shown
        await desk.press("y")
        assert desk.app.clipboard == asked.url
        assert "address copied: " in desk.said
        await desk.press("enter")
        assert "paste the address" in desk.said
        await paste(desk, "https://orders.example.com/thanks")
        await desk.press("enter")
        assert "that is not the address the browser was sent back to" in desk.flat
        back = await visited(asked.url, follow=False)
        await desk.press("ctrl+u")
        await paste(desk, back.replace("state=", "state=another"))
        await desk.press("enter")
        assert "this answers another question than the one just asked" in desk.flat
        assert await made("Bay") is None
        await desk.press("ctrl+u")
        await paste(desk, back)
        await desk.press("enter")
        assert desk.page.pane is None, desk.text()
        assert "Bay is added: " in desk.said
        assert "Bay" in desk.text()
    secrets = str(await db.value("SELECT secrets FROM channels WHERE name = 'Bay'"))
    assert "refresh_token" in secrets
    assert not any(token in secrets for token in ebay.refresh_tokens)


async def test_esc_goes_back_to_the_settings_as_they_were_typed(scene: Scene, ebay: DemoEbay) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await about_ebay(desk, ebay)
        await desk.press("enter")
        first = question(desk).asked
        await desk.press("ctrl+q", "ctrl+p")
        assert question(desk).asked is first, "nothing that was typed is dropped by a slip"
        await desk.press("escape")
        assert "nothing was saved; the settings are still here" in desk.said
        shown = desk.text()
        assert ebay.client_id in shown
        assert ebay.ru_name in shown
        assert "(new)" in shown
        assert ebay.client_secret not in shown
        await desk.press("enter")
        assert question(desk).asked.state != first.state
        await desk.press("escape", "escape", "y")
        assert desk.page.pane is None
    assert await made("Bay") is None


async def test_what_the_question_needs_is_asked_for_at_its_field(scene: Scene) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await desk.press("A", *"ebay", "enter", "enter")
        assert "give it a name" in desk.text()
        await desk.press(*"Bay", "enter")
        assert "eBay needs client_id, client_secret, ru_name first" in desk.flat
        assert ">  client id" in desk.text()
        await desk.press("escape", "y", "A", *"woo", "enter")
        assert "owner" not in desk.text()


async def test_the_browser_comes_back_by_itself_where_it_can(scene: Scene, shopify: ShopifySim, port: int) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await desk.press("A", *"shopify", "enter", *"Let in")
        assert f"register http://127.0.0.1:{port}/authorised" in desk.text()
        await field(desk, "ask its owner", *["backspace"] * 2, *"yes")
        await field(desk, "shop", *shopify.url)
        await field(desk, "client id", *shopify.client_id)
        await field(desk, "client secret", *shopify.client_secret)
        await desk.press("enter")
        assert f"Waiting for the browser at http://127.0.0.1:{port}/authorised" in desk.text()
        url = question(desk).asked.url
        await desk.press("escape", "enter")
        assert question(desk).asked.url != url, "the port was free again"
        assert "Thank you." in await visited(question(desk).asked.url, follow=True)
        await desk.until(lambda: desk.page.pane is None)
        assert "Let in is added: " in desk.said
    assert await made("Let in") is not None


async def test_a_port_that_is_taken_leaves_pasting(scene: Scene, shopify: ShopifySim, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        async with at_desk(start="channels", size=SMALL) as desk:
            await desk.press("A", *"shopify", "enter", *"Let in")
            await field(desk, "ask its owner", *["backspace"] * 2, *"yes")
            await field(desk, "shop", *shopify.url)
            await field(desk, "client id", *shopify.client_id)
            await field(desk, "client secret", *shopify.client_secret)
            await desk.press("enter")
            await desk.until(lambda: f"port {port} is in use: paste the address" in desk.flat)
            await paste(desk, await visited(question(desk).asked.url, follow=False))
            await desk.press("enter")
            assert "Let in is added: " in desk.said


async def test_an_answer_that_is_worth_nothing_leads_back_to_the_settings(scene: Scene, ebay: DemoEbay) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await about_ebay(desk, ebay)
        await desk.press("enter")
        back = await visited(question(desk).asked.url, follow=False)
        ebay.script("token", ChannelFault.DENY)
        await paste(desk, back)
        await desk.press("enter")
        shown = desk.text()
        assert "Add a channel: eBay" in shown
        assert "eBay" in shown
        assert ebay.client_id in shown
        await desk.press("enter")
        await paste(desk, await visited(question(desk).asked.url, follow=False))
        await desk.press("enter")
        assert "Bay is added: " in desk.said


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 50)])
async def test_the_field_for_the_answer_is_seen_in_every_size(
    scene: Scene, ebay: DemoEbay, size: tuple[int, int]
) -> None:
    async with at_desk(start="channels", size=size) as desk:
        await about_ebay(desk, ebay)
        await desk.press("enter")
        await paste(desk, "no address at all")
        assert "no address at all" in desk.text()
        await desk.press("enter")
        assert "that is not the address" in desk.flat


async def connected(desk: Desk, ebay: DemoEbay) -> int:
    """A channel at eBay that its owner let us into."""
    await about_ebay(desk, ebay)
    await desk.press("enter")
    await paste(desk, await visited(question(desk).asked.url, follow=False))
    await desk.press("enter")
    assert "Bay is added: " in desk.said
    return int(str(await made("Bay")))


async def under_cursor(desk: Desk, name: str) -> None:
    await desk.press("home")
    for _ in range(10):
        if any(line.startswith("> " + name) for line in desk.text().splitlines()):
            return
        await desk.press("j")
    raise AssertionError(desk.text())


async def secrets_of(channel_id: int) -> str:
    return str(await db.value("SELECT secrets FROM channels WHERE id = ?", channel_id))


async def test_a_channel_whose_access_is_lost_says_so_and_its_owner_is_asked_anew(scene: Scene, ebay: DemoEbay) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        channel_id = await connected(desk, ebay)
        before = await secrets_of(channel_id)
        await connections.pause("channels", channel_id, "eBay: the refresh token was revoked")
        await desk.page.reload()
        assert "paused, O renews" in desk.text()
        await under_cursor(desk, "Bay")
        await desk.press("enter")
        assert "O in the list asks its owner anew: eBay: the refresh token" in desk.text()
        await desk.press("escape", "O")
        asked = question(desk).asked
        assert "Bay: eBay asks its owner" in desk.text()
        assert "Esc leaves it as it is" in desk.flat
        await desk.press("escape")
        assert "Bay is as it was" in desk.said
        assert await secrets_of(channel_id) == before
        assert await db.value("SELECT paused_reason FROM channels WHERE id = ?", channel_id)
        await desk.press("O")
        assert question(desk).asked.state != asked.state
        await paste(desk, await visited(question(desk).asked.url, follow=False))
        await desk.press("enter")
        assert "Bay is let in anew: " in desk.said
        assert desk.page.pane is None
        assert "O renews" not in desk.text()
    assert await secrets_of(channel_id) != before
    assert await db.value("SELECT paused_reason FROM channels WHERE id = ?", channel_id) == ""


async def test_an_answer_that_is_worth_nothing_leaves_the_channel_as_it_was(scene: Scene, ebay: DemoEbay) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        channel_id = await connected(desk, ebay)
        before = await secrets_of(channel_id)
        await under_cursor(desk, "Bay")
        await desk.press("O")
        back = await visited(question(desk).asked.url, follow=False)
        ebay.script("token", ChannelFault.DENY)
        await paste(desk, back)
        await desk.press("enter")
        assert desk.page.pane is None
        assert "eBay" in desk.said
    assert await secrets_of(channel_id) == before


async def test_a_pause_by_a_person_asks_no_owner_and_who_has_none_is_told(scene: Scene, ebay: DemoEbay) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await connected(desk, ebay)
        await under_cursor(desk, "Bay")
        await desk.press("w")
        assert "paused: paused" in desk.text()
        assert "O renews" not in desk.text()
        await under_cursor(desk, "Demo store")
        await desk.press("O")
        assert "is not let in by a browser" in desk.said
        assert desk.page.pane is None
