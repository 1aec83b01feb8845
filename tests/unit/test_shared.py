"""Figures are read once for all who ask, only so often, and never older than the news that was waited for."""

from __future__ import annotations

import asyncio

import pytest

from tests.support import virtual
from webui import live, shared
from webui.shared import Shared


class Source:
    """Something to read, slow and at times broken."""

    def __init__(self) -> None:
        self.value, self.reads, self.broken = 0, 0, False

    async def read(self, key: str) -> str:
        self.reads += 1
        value = self.value
        await asyncio.sleep(0.02)
        if self.broken:
            raise OSError("away")
        return f"{key}{value}"


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr(shared, "LEAST_SECONDS", 0.2)
    monkeypatch.setattr(shared, "REST", 3)
    monkeypatch.setattr(live, "FOLLOWER", live.Follower())
    return Source()


async def test_many_who_ask_at_once_share_one_reading(source: Source) -> None:
    figures = Shared(source.read)
    assert set(await asyncio.gather(*[figures.latest("a") for _ in range(50)])) == {"a0"}
    assert await figures.fresh("a") == "a0"
    assert source.reads == 1
    assert await figures.latest("b") == "b0"
    assert source.reads == 2


def test_news_are_read_by_all_but_not_more_often_than_allowed(source: Source) -> None:
    async def for_a_second() -> int:
        figures = Shared(source.read)
        loop = asyncio.get_running_loop()
        await figures.latest("a")
        began, reads = loop.time(), source.reads

        async def follow() -> None:
            while loop.time() - began < 1:
                source.value += 1
                live.FOLLOWER.upto += 1
                asked = source.value
                assert int((await figures.fresh("a"))[1:]) >= asked

        await asyncio.gather(*[follow() for _ in range(5)])
        return source.reads - reads

    assert 3 <= virtual.run(for_a_second()) <= 7


def test_a_slow_figure_rests_longer(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "REST", 20)

    async def waited() -> float:
        figures = Shared(source.read)
        loop = asyncio.get_running_loop()
        await figures.latest("a")
        began = loop.time()
        live.FOLLOWER.upto += 1
        await figures.fresh("a")
        return loop.time() - began

    assert virtual.run(waited()) > 0.35


async def test_an_error_reaches_who_asked_and_is_not_kept(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "LEAST_SECONDS", 3_600.0)
    figures = Shared(source.read)
    source.broken = True
    with pytest.raises(OSError, match="away"):
        await figures.latest("a")
    source.broken = False
    assert await figures.fresh("a") == "a0"
    assert await figures.latest("a") == "a0"
    assert source.reads == 2
