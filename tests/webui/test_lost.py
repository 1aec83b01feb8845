"""Server or database out of reach: a banner, actions out of use, and everything as it was once it is back."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from engine.domain.roles import Role
from tests.support import databases
from tests.support.scene import Scene
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def url_of_module(postgres_template: str) -> Iterator[str]:
    """On PostgreSQL, which can refuse people while it runs."""
    url = databases.elsewhere(databases.create(postgres_template.rpartition("/")[2]))
    yield url
    databases.elsewhere(databases.drop(url))


async def test_a_lost_server_is_told_and_comes_back_by_itself(tab: OpenTab, scene: Scene) -> None:
    await scene.order(("BB-MUG-01", 1), who="Lostserver")
    one = await tab(Role.OPERATOR)
    await one.open("/queue?text=lostserver")
    process = one.page.get_by_role("button", name="Process order")
    await expect(process).to_be_enabled()
    one.site.stop(signal.SIGKILL)
    await expect(one.page.get_by_role("alert")).to_contain_text("The server does not answer")
    await expect(process).to_be_disabled()
    await expect(one.page.locator(".queue li").first).to_contain_text("Lostserver")
    await one.axe()
    one.site.start()
    await expect(process).to_be_enabled()
    await expect(one.page.get_by_role("alert")).to_have_count(0)
    await process.click()
    await expect(one.page.get_by_role("heading", name="Held, about to be sent")).to_be_visible()


async def test_a_lost_database_is_told_and_comes_back_by_itself(tab: OpenTab, scene: Scene, url_of_module: str) -> None:
    await scene.order(("BB-MUG-01", 1), who="Lostbase")
    one = await tab(Role.OPERATOR)
    await one.open("/queue?text=lostbase")
    process = one.page.get_by_role("button", name="Process order")
    await expect(process).to_be_enabled()
    async with databases.refused(url_of_module):
        await expect(one.page.get_by_role("alert").first).to_contain_text("database does not answer")
        await expect(process).to_be_disabled()
        await expect(one.page.locator(".queue li").first).to_contain_text("Lostbase")
        new = await one.page.context.request.get(f"{one.site.url}/orders")
        assert new.status == 503
        assert "Traceback" not in await new.text()
    await expect(process).to_be_enabled()
    await process.click()
    await expect(one.page.get_by_role("heading", name="Held, about to be sent")).to_be_visible()
