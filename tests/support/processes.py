"""Several processes that do the same at once, and what the tests of shared limits and grants have them do."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
import traceback
from collections.abc import Callable
from typing import Any

from engine import db, settings
from engine.services import catalog, sharing
from engine.transports.throttle import Bucket
from tests.support import loopshop

BUCKET = Bucket("orders.list", rate=20.0, burst=4.0)


def _child(work: Callable[..., Any], url: str, home: str, start: Any, said: Any, args: tuple[Any, ...]) -> None:
    settings.force(settings.Settings(home=home, database_url=url))

    async def run() -> Any:
        async with db.database(url):
            start.wait(200)
            return await work(*args)

    try:
        said.put(asyncio.run(run()))
    except BaseException:
        said.put(traceback.format_exc())


async def processes(count: int, url: str, work: Callable[..., Any], *args: Any) -> list[Any]:
    """What ``work`` returned in so many processes that began together."""
    # Each process is new and shares nothing; the server it comes from has imported everything once.
    fresh = multiprocessing.get_context("forkserver")
    fresh.set_forkserver_preload([__name__])
    start, said = fresh.Barrier(count), fresh.Queue()
    home = settings.settings().home
    children = [
        fresh.Process(target=_child, args=(work, url, home, start, said, args), daemon=True) for _ in range(count)
    ]
    for child in children:
        child.start()
    answers = [await asyncio.to_thread(said.get, timeout=200) for _ in children]
    for child in children:
        await asyncio.to_thread(child.join, 60)
    said.close()
    said.join_thread()
    assert [answer for answer in answers if isinstance(answer, str)] == []
    return answers


async def take(times: int) -> list[float]:
    """When this process began, and when it had each of so many tokens of ``BUCKET``."""
    throttle, taken = sharing.SharedThrottle("channels", 1), [time.time()]
    for _ in range(times):
        await throttle.take(BUCKET)
        taken.append(time.time())
    return taken


async def check(values: dict[str, Any]) -> list[str]:
    """What the loop shop said to this process."""
    connector = loopshop.Connector(loopshop.Config(**values))
    sharing.share_grants(connector, values)
    try:
        return [(await connector.check())[:9]]
    finally:
        await catalog.close(connector)
