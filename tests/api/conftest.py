"""The API on a port of its own, over the scene of ``tests.support.scene``, and tokens for people of every role."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest_asyncio

from engine import settings
from engine.api import app
from tests.api.client import Api, token_for
from tests.support.scene import Scene, scene, scene_of_module, url_of_module

__all__ = ["scene", "scene_of_module", "url_of_module"]


@pytest_asyncio.fixture(loop_scope="module")
async def api(scene: Scene) -> AsyncIterator[Api]:
    """The API over the scene; no limit to how often it is called."""
    settings.force(msgspec.structs.replace(settings.settings(), api_calls=0))
    async with serving() as found:
        yield found


@asynccontextmanager
async def serving() -> AsyncIterator[Api]:
    """The API listens within, on the database that is open; the client calls it as a manager with every scope."""
    runner = await app.start(port=0)
    try:
        async with aiohttp.ClientSession() as session:
            yield Api(app.address(runner), session, await token_for("manager"))
    finally:
        await runner.cleanup()
