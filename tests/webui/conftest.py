"""The web app in a real browser, on a scene of a store and two suppliers. Modules share one loop, one site, one browser::

pytestmark = pytest.mark.asyncio(loop_scope="module")
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from engine import settings
from engine.domain.roles import Role
from engine.services import dashboard
from tests.support import databases, web
from tests.support.scene import Opened, Scene, scene, scene_of_module
from tests.support.web import Site, Tab

__all__ = ["scene", "scene_of_module"]
OpenTab = Callable[..., Awaitable[Tab]]


@pytest.fixture(scope="module")
def url_of_module(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """On SQLite only: that both databases give the same is the services' tests' business."""
    return databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="session")
def front_end() -> None:
    """The front end is built."""
    web.built()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, in which a page runs in the renderer of the other pages of its context."""
    async with async_playwright() as playwright, web.browser(playwright, "--process-per-site") as found:
        yield found


@pytest.fixture(scope="module")
def site(front_end: None, scene_of_module: Opened) -> Iterator[Site]:
    """The web app on the scene's database."""
    found = Site(scene_of_module.conf)
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def spare() -> list[BrowserContext]:
    """What earlier tests of the module have put back: a page in it costs a third of a new one's first."""
    return []


@pytest_asyncio.fixture(loop_scope="module")
async def tab(chromium: Browser, site: Site, scene: Any, spare: list[BrowserContext]) -> AsyncIterator[OpenTab]:
    """Opens tabs: ``await tab(Role.MANAGER, dark=True, width=390)``; closed after the test."""
    opened: list[Tab] = []

    async def make(role: Role | None = Role.MANAGER, **options: Any) -> Tab:
        opened.append(await web.tab(chromium, site, role, spare=spare, **options))
        return opened[-1]

    yield make
    for one in opened:
        await web.put_back(one, spare)


async def news_came(one: Tab, scene: Scene) -> None:
    """The page has heard of everything that happened so far: of two orders too, which came one after the other."""
    for _ in range(2):
        await scene.order(("BB-MUG-01", 1))
        ready = (await dashboard.status_bar()).ready
        await expect(one.page.locator(".foot")).to_contain_text(re.compile(rf"^{ready} ready"))


@pytest.fixture(scope="module")
def bare(front_end: None, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The web app on a database in which nothing is set up."""
    home = tmp_path_factory.mktemp("bare")
    found = Site(settings.Settings(home=str(home), database_url=databases.sqlite_copy(sqlite_template, home)))
    try:
        found.start()
        yield found
    finally:
        found.stop()
