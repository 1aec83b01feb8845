"""Two people at the same settings: what one has set meanwhile is told to the other, and not overwritten unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine import db
from engine.services import listings, setup
from engine.services.lifecycle import Actor
from engine.services.listings import ChannelView
from tests.support.scene import DANA, Scene
from tests.support.terminal import Desk, at_desk, field

pytestmark = pytest.mark.asyncio(loop_scope="module")
KIM = Actor("kim", "person", "web")
SMALL = (80, 24)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def as_before(scene: Scene) -> AsyncIterator[None]:
    """The store and ACME are set as they were."""
    yield
    shop = {"poll_seconds": 86_400, "stale_days": 30, "auto_process": False, "auto_condition": ""}
    await setup.update("channels", scene.shop.channel_id, DANA, **shop, auto_limit=None, auto_currency="")
    await setup.update("suppliers", scene.shop.suppliers["ACME"], DANA, ack_hours=24, priority=100)


async def kim(scene: Scene, **options: object) -> None:
    """Kim sets this in the browser."""
    await setup.update("channels", scene.shop.channel_id, KIM, **options)  # type: ignore[arg-type]


async def store() -> ChannelView:
    return await listings.channel("Demo store")


async def opened(desk: Desk, name: str) -> None:
    for _ in range(10):
        if any(line.startswith("> " + name) for line in desk.text().splitlines()):
            break
        await desk.press("j")
    await desk.press("enter")
    assert f"Settings for {name}" in desk.text()


async def number(desk: Desk, label: str, text: str) -> None:
    await field(desk, label, "ctrl+u", *text)


async def test_what_another_set_is_told_and_kept_or_overwritten_knowingly(scene: Scene) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await opened(desk, "Demo store")
        await number(desk, "poll every", "120")
        await kim(scene, poll_seconds=300, stale_days=9)
        await desk.press("enter")
        assert "kim set poll every, seconds to 300 at " in desk.flat
        assert "yours was not saved" in desk.flat
        assert "Enter sets yours all the same" in desk.flat
        assert (await store()).poll_seconds == 300
        await desk.press("enter")
        assert "poll seconds updated" in desk.said
    view = await store()
    assert (view.poll_seconds, view.stale_days) == (120, 9), "what was not changed here stays as it was set there"


async def test_what_another_set_is_left_by_esc(scene: Scene) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await opened(desk, "Demo store")
        await number(desk, "poll every", "120")
        await kim(scene, poll_seconds=300)
        await desk.press("enter", "escape", "y")
        assert desk.page.pane is None
        assert (await store()).poll_seconds == 300
        await opened(desk, "Demo store")
        await field(desk, "poll every")
        assert "poll every, seconds    300" in desk.text()


async def test_fields_that_others_set_and_nobody_touched_here_stay(scene: Scene) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await opened(desk, "Demo store")
        await number(desk, "poll every", "120")
        await kim(scene, stale_days=9)
        await desk.press("enter")
        assert "poll seconds updated" in desk.said
    view = await store()
    assert (view.poll_seconds, view.stale_days) == (120, 9)


async def test_auto_is_not_switched_on_beside_another_limit_than_the_one_that_is_seen(scene: Scene) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await opened(desk, "Demo store")
        await number(desk, "Auto Order Processing", "yes")
        await kim(scene, auto_limit=99_900, auto_currency="USD")
        await desk.press("enter")
        assert "kim set value limit to 999.00 USD at " in desk.flat
        assert not (await store()).auto_process
        assert "999.00 USD" in desk.text()


async def test_what_changes_while_auto_asks_its_question_is_told_too(scene: Scene) -> None:
    await scene.order(("BB-MUG-01", 1))
    assert (await store()).orders.get("ready", 0)
    async with at_desk(start="channels", size=SMALL) as desk:
        await opened(desk, "Demo store")
        await number(desk, "Auto Order Processing", "yes")
        await desk.press("enter")
        assert "that are ready now too" in desk.flat
        await kim(scene, auto_condition='order.country == "DE"')
        await desk.press("y")
        assert "kim set condition to" in desk.said
        assert "is not switched on" in desk.said
    assert not (await store()).auto_process


async def test_a_secret_that_another_set_is_told_without_its_value(scene: Scene) -> None:
    async with at_desk(start="channels", size=SMALL) as desk:
        await opened(desk, "Demo store")
        await field(desk, "consumer secret", *"mine")
        await setup.update("channels", scene.shop.channel_id, KIM, values={"consumer_secret": "cs_theirs"})
        await desk.press("enter")
        assert "kim set a new consumer secret at " in desk.flat
        assert "cs_theirs" not in desk.text()
        await desk.press("escape", "y")
    await setup.update("channels", scene.shop.channel_id, KIM, values={"consumer_secret": scene.store.secret})


async def test_suppliers_and_their_methods_keep_what_others_set(scene: Scene) -> None:
    acme = scene.shop.suppliers["ACME"]
    async with at_desk(start="suppliers", size=SMALL) as desk:
        await opened(desk, "ACME")
        await number(desk, "acknowledges within", "7")
        await setup.update("suppliers", acme, KIM, ack_hours=5, priority=3)
        await desk.press("enter")
        assert "kim set acknowledges within, hours to 5 at " in desk.flat
        await desk.press("enter")
        assert "ack hours updated" in desk.said
        view = await listings.supplier("ACME")
        assert (view.ack_hours, view.priority) == (7, 3)
        await desk.press("2", "enter")
        assert "ACME > " in desk.text()
        method = (await listings.methods(acme))[0]
        await setup.add_method(acme, method.code, "Called by Kim", KIM)
        await number(desk, "offered", "no")
        await desk.press("enter")
        now = (await listings.methods(acme))[0]
        assert (now.name, now.enabled) == ("Called by Kim", False)
    await setup.add_method(acme, method.code, method.name, DANA, enabled=True)
    assert await db.value("SELECT COUNT(*) FROM shipping_methods WHERE name = 'Called by Kim'") == 0
