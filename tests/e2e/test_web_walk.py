"""One order's whole life as a manager sees it in the browser; and browser, terminal and worker on the same orders at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from engine import clock, db, vault
from engine.domain.roles import Role
from engine.services import setup, tasks
from engine.settings import Settings
from tests.support import web
from tests.support.people import later
from tests.support.scene import DANA, HELD_SECONDS, Opened, Scene, scene, scene_of_module, url_of_module
from tests.support.tmux import Tmux, tmux
from tests.support.web import Site

__all__ = ["scene", "scene_of_module", "url_of_module"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parents[2]
WORKER_LATER = f"""
import runpy
from datetime import UTC, datetime, timedelta
from engine import clock
clock.use(lambda: datetime.now(UTC) + timedelta(seconds={HELD_SECONDS + 60}))
runpy.run_module("workers.run", run_name="__main__")
"""
"""A worker for which the undo window of what was processed just now is over, so that nobody has to wait for that."""
TRACKING = "1Z999AA10123456784"
_serial = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with async_playwright() as playwright, web.browser(playwright) as found:
        yield found


@pytest.fixture(scope="module")
def site(scene_of_module: Opened) -> Iterator[Site]:
    """The web app on the scene's database."""
    web.built()
    found = Site(scene_of_module.conf)
    found.start()
    yield found
    found.stop()


@contextmanager
def working(conf: Settings, *code: str) -> Iterator[None]:
    """A worker process, which Python runs as ``code`` says, is on the scene's database."""
    environ = os.environ | {"BLUEBOOK_HOME": conf.home, "BLUEBOOK_DATABASE_URL": conf.database}
    with (Path(conf.home) / "worker.log").open("ab") as log:
        command = [sys.executable, *code, str(os.getpid())]
        process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(web.PATIENCE)


async def test_an_order_from_arrival_to_tracking_and_the_next_goes_by_itself(
    chromium: Browser, site: Site, scene: Scene
) -> None:
    rate = f"Free Shipping {next(_serial)}"
    at_store = scene.place(("BB-MUG-01", 2), ("BB-TEA-01", 1), rate=rate, who=f"Walker{next(_serial)}")
    order = (await scene.take(at_store))[0]
    number = (await scene.case(order)).order.number
    one = await web.tab(chromium, site, Role.MANAGER)
    await _resolve_and_process(one.page, site, scene, order, number, rate)
    await _one_supplier_ships(one.page, scene, order, number, at_store)
    await _blue_book(one.page, number)
    await _auto(one.page)
    after = await scene.order(("BB-MUG-01", 1), rate=rate, who=f"Walker{next(_serial)}")
    await tasks.drain()
    assert await scene.states(after) == ["submitted"]
    await setup.update("channels", scene.shop.channel_id, DANA, auto_process=False)
    one.clean()
    await one.page.context.close()


async def _resolve_and_process(page: Page, site: Site, scene: Scene, order: int, number: str, rate: str) -> None:
    """Nobody has said yet what the rate is at either supplier; then it is processed, and held."""
    box = page.get_by_role("dialog")
    await page.goto(f"{site.url}/queue?text={number}")
    await expect(page.locator(".queue > li").first).to_contain_text(rate)
    await page.get_by_role("button", name=re.compile(f"Resolve order {number}")).first.click()
    for method in ("UPS Ground", "FedEx Home Delivery"):
        await box.get_by_label(method).first.check()
        await expect(box.get_by_label("Remember for next time")).to_be_checked()
        await box.get_by_role("button", name="Resolve", exact=True).click()
        await expect(box.get_by_label(method)).to_have_count(0)
    await expect(box).to_have_count(0)
    assert await db.value("SELECT COUNT(*) FROM shipping_mappings WHERE rate = ?", rate) == 2
    await page.get_by_role("button", name=f"Process order {number}").click()
    await expect(page.get_by_role("button", name=f"Undo order {number}")).to_be_visible()
    await _let_go(order)
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Orders").click()
    await page.get_by_label("Words").fill(number)
    await page.get_by_role("button", name="Filter", exact=True).click()
    await tasks.drain()
    await expect(page.locator("tbody tr", has_text=number)).to_contain_text("In progress")
    assert sorted(await scene.states(order)) == ["submitted", "submitted"]


async def _let_go(order: int) -> None:
    """From here on it is so late that the undo window is over."""
    at = clock.moment(await db.value("SELECT MAX(release_at) FROM purchase_orders WHERE order_id = ?", order))
    later(at - clock.now() + timedelta(seconds=1))


async def _one_supplier_ships(page: Page, scene: Scene, order: int, number: str, at_store: int) -> None:
    """Its tracking is a link, and reaches the store; the other's part stays open."""
    acme = next(po for po in (await scene.case(order)).purchases if po.supplier_id == scene.shop.suppliers["ACME"])
    await scene.say(acme.po_number, "shipped", (1, acme.lines[0].supplier_sku, 2), tracking_number=TRACKING)
    await tasks.drain()
    row = page.locator("tbody tr", has_text=number)
    await expect(row).to_contain_text("Partially shipped")
    link = row.get_by_role("link", name=TRACKING)
    await expect(link).to_have_attribute("href", re.compile(rf"^https://www\.ups\.com/.*{TRACKING}"))
    assert any(TRACKING in str(note) for note in scene.store.orders[at_store]["meta_data"]), (
        "the customer does not see it"
    )


async def _blue_book(page: Page, number: str) -> None:
    """Beside the SKU it has every step; and on the order's page each supplier has its own block."""
    box = page.get_by_role("dialog")
    await page.get_by_role("button", name="Audit trail for BB-MUG-01").click()
    await expect(box.get_by_text("Chain intact")).to_be_visible()
    for step in ("pulled from Demo store", f"held {HELD_SECONDS:g} s, then sent", f"{number}-", TRACKING):
        await expect(box).to_contain_text(step)
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name=number, exact=True).click()
    blocks = page.get_by_role("article")
    await expect(blocks.filter(has_text="ACME").get_by_role("link", name=TRACKING)).to_be_visible()
    await expect(blocks.filter(has_text="NOVA")).to_contain_text("Submitted")


async def _auto(page: Page) -> None:
    """Channels > gear > Orders > Auto Order Processing > Update."""
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Channels").click()
    await page.get_by_role("button", name="Settings for Demo store").click()
    await page.get_by_role("navigation", name="Sections").get_by_role("link", name="Orders").click()
    await page.get_by_role("switch", name="Auto Order Processing").check()
    await page.get_by_role("button", name="Update").click()
    await expect(page.get_by_role("status").filter(has_text="processes by itself")).to_be_visible()


async def test_browser_terminal_and_worker_see_each_other(
    chromium: Browser, site: Site, scene: Scene, scene_of_module: Opened, tmp_path: Path
) -> None:
    who = f"Doors{next(_serial)}"
    order = await scene.order(("BB-MUG-01", 1), who=who)
    number = (await scene.case(order)).order.number
    one = await web.tab(chromium, site, Role.OPERATOR)
    await one.open(f"/queue?text={number}")
    item = one.page.locator(".queue > li").first
    conf = scene_of_module.conf
    vault.make_key_file()
    environ = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ} | {
        "HOME": str(tmp_path), "BLUEBOOK_HOME": conf.home, "BLUEBOOK_DATABASE_URL": conf.database,
        "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "BLUEBOOK_UNDO_SECONDS": str(HELD_SECONDS),
    }  # fmt: skip
    command = [sys.executable, "-c", "from tui.cli import main; main()", "tui"]
    with working(conf, "-m", "workers.run"), tmux() as terminal:
        terminal.start(command, environ, (100, 30), ROOT)
        terminal.until(number)
        terminal.type("/", *number, "Enter")
        _on(terminal, number)
        # The browser holds it; the terminal sees it held and takes it back, by a yes; the browser sees that.
        await one.page.get_by_role("button", name=f"Process order {number}").click()
        await expect(item).to_contain_text("Held")
        terminal.until(lambda screen: bool(re.search(rf"{number}\b.*HELD|HOLD 1 ", screen)))
        terminal.type("u")
        terminal.until(f"Take back order {number}, which")
        terminal.type("y")
        await expect(one.page.get_by_role("button", name=f"Process order {number}")).to_be_visible()
        assert await scene.states(order) == ["draft"]
        # The terminal holds it; the browser sees it, and then what the worker does with it.
        _on(terminal, number)
        terminal.type("p")
        await expect(item).to_contain_text("Held")
        with working(conf, "-c", WORKER_LATER):
            await expect(item).to_contain_text("In progress")
    assert await scene.states(order) == ["submitted"]
    await one.page.context.close()


def _on(terminal: Tmux, number: str) -> None:
    """The cursor is on the order."""
    terminal.until(lambda screen: bool(re.search(rf"^>[ *] {re.escape(number)}\b", screen, re.MULTILINE)))
