"""The terminal app as people have it: the real program in tmux, on the demo's store, suppliers and worker."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from tortoise.context import TortoiseContext, _current_context

from engine import db, settings, vault
from engine.demo import home
from engine.demo.parts import WRONG_ZIP, Place
from engine.demo.run import Demo, Options
from tests.support import bulk, databases
from tests.support.tmux import TAP, Tmux, tmux

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-c", "from tui.cli import main; main()", "tui"]
SIZES = [(60, 15), (80, 24), (100, 30), (200, 60)]
MUG = ("BB-MUG-01",)
PATIENCE = 120.0
LONG = 3_600.0
"""Seconds an order is held that is to be looked at while it is."""
serial = count(1)


class Shop:
    """The demo's shop with nobody at the desk, and its database."""

    def __init__(self, demo: Demo, context: TortoiseContext | None) -> None:
        self.demo, self.context = demo, context

    def environment(self, **changed: object) -> dict[str, str]:
        """What a terminal on it is started with; what it holds is soon sent, unless ``undo_seconds`` says otherwise."""
        conf = msgspec.structs.replace(self.demo.settings, **{"undo_seconds": 1.0, **changed})
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**home.environment(conf, kept), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}

    def open(self, terminal: Tmux, size: tuple[int, int], *options: str, **changed: object) -> None:
        """The app is open in the terminal, and has read its list."""
        terminal.start([*COMMAND, *options], self.environment(**changed), size, ROOT)
        terminal.until(lambda screen: bool(here(screen)) or "Nothing waits here" in screen)

    async def place(self, *places: Place) -> list[str]:
        """Orders are in the store and pulled; their numbers, oldest first."""
        before = int(await db.value("SELECT COALESCE(MAX(id), 0) FROM orders"))
        count = await self.demo.place(places)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = await db.rows("SELECT number FROM orders WHERE id > ? ORDER BY placed_at, id", before)
            if len(found) >= count:
                return [str(r[0]) for r in found]
            await asyncio.sleep(0.1)
        raise AssertionError("the orders were not pulled")

    async def states(self, number: str) -> list[str]:
        """The states of an order's purchase orders."""
        found = await db.rows(
            "SELECT p.state FROM purchase_orders AS p JOIN orders AS o ON o.id = p.order_id WHERE o.number = ?", number
        )
        return [str(r[0]) for r in found]

    async def resolved(self, number: str) -> None:
        """The order waits for nobody."""
        deadline = time.monotonic() + PATIENCE
        while (status := await db.value("SELECT status FROM orders WHERE number = ?", number)) != "ready":
            assert time.monotonic() < deadline, f"{number} is {status}"
            await asyncio.sleep(0.1)

    async def until(self, number: str, *states: str) -> None:
        """All of the order's purchase orders are in one of these states."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if set(await self.states(number)) <= set(states):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{number} is {await self.states(number)}")


def here(screen: str) -> str:
    """The number of the order under the cursor, "" where there is none."""
    found = re.search(r"^>[ *] (\S+)", screen, re.MULTILINE)
    return found[1] if found else ""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop_of_module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The demo has run through, and its parts go on."""
    demo = Demo(Options(home=tmp_path_factory.mktemp("tui") / "demo", orders=3, fast=True))
    async with demo:
        async for _ in demo.run():
            pass
        yield Shop(demo, _current_context.get())


@pytest_asyncio.fixture(loop_scope="module")
async def shop(shop_of_module: Shop) -> AsyncIterator[Shop]:
    """The module's shop, for a test: its settings and its database are those in force."""
    settings.force(shop_of_module.demo.settings)
    token = _current_context.set(shop_of_module.context)
    try:
        yield shop_of_module
    finally:
        _current_context.reset(token)


@pytest.fixture
def terminal() -> Iterator[Tmux]:
    """A terminal."""
    with tmux() as opened:
        yield opened


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_an_order_is_processed_taken_back_processed_with_others_and_read_in_its_blue_book(
    shop: Shop, terminal: Tmux, size: tuple[int, int]
) -> None:
    first, second, third = await shop.place(Place(3, MUG))
    with tmux() as before:
        shop.open(before, size, undo_seconds=LONG)
        before.until(lambda screen: here(screen) == first)
        before.type("p")
        before.until(lambda screen: here(screen) == second)
        assert await shop.states(first) == ["queued"]
        before.type("u")
        before.until(lambda screen: here(screen) == first)
        assert await shop.states(first) == ["draft"]
    shop.open(terminal, size)
    terminal.until(lambda screen: here(screen) == first)
    terminal.type("Space", "Space", "P")
    terminal.until("Process 2 marked orders")
    terminal.type("y")
    terminal.until("2/2")
    terminal.type("Escape")
    await shop.until(first, "submitted", "acknowledged", "shipped", "closed")
    await shop.until(second, "submitted", "acknowledged", "shipped", "closed")
    assert await shop.states(third) == ["draft"]
    terminal.until(lambda screen: here(screen) == third)
    terminal.type("b")
    terminal.until("Audit trail")
    terminal.type("Escape")
    terminal.until(lambda screen: here(screen) == third)
    terminal.type("p")
    await shop.until(third, "submitted", "acknowledged", "shipped", "closed")


async def test_two_terminals_on_the_same_order_make_one_purchase_order(shop: Shop, terminal: Tmux) -> None:
    [number] = await shop.place(Place(1, MUG))
    with tmux() as other:
        for one in (terminal, other):
            shop.open(one, (80, 24))
            one.until(lambda screen: here(screen) == number)
        await asyncio.gather(*(asyncio.to_thread(one.type, "p") for one in (terminal, other)))
        for one in (terminal, other):
            one.until(lambda screen: "held" in screen or number in screen)
        await shop.until(number, "submitted", "acknowledged", "shipped", "closed")
    assert len(await shop.states(number)) == 1
    sent = await db.value(
        "SELECT COUNT(*) FROM submissions AS s JOIN purchase_orders AS p ON p.id = s.purchase_order_id "
        "JOIN orders AS o ON o.id = p.order_id WHERE o.number = ?",
        number,
    )
    assert sent == 1


async def test_a_hold_survives_the_death_of_the_terminal(shop: Shop, terminal: Tmux) -> None:
    [number] = await shop.place(Place(1, MUG))
    shop.open(terminal, (80, 24), undo_seconds=20.0)
    terminal.until(lambda screen: here(screen) == number)
    terminal.type("p")
    terminal.until("u takes it back")
    os.kill(terminal.pid, signal.SIGKILL)
    assert await shop.states(number) == ["queued"]
    with tmux() as again:
        shop.open(again, (80, 24))
        again.until(f"{number} ")
        await shop.until(number, "submitted", "acknowledged", "shipped", "closed")


async def test_a_raw_paste_processes_no_row_of_orders(shop: Shop, terminal: Tmux) -> None:
    numbers = await shop.place(Place(4, MUG))
    with tmux() as before:
        shop.open(before, (80, 24), undo_seconds=LONG)
        before.until(lambda screen: here(screen) == numbers[0])
        before.paste("p" * 12)
        before.until("ignored")
        queued = [number for number in numbers if await shop.states(number) != ["draft"]]
        assert queued == numbers[:1]
        time.sleep(TAP)  # a key that came sooner would be one of the burst
        before.type("u")
        before.until("taken back")
    shop.open(terminal, (80, 24))
    terminal.until(lambda screen: here(screen) == numbers[0])
    terminal.type("*", "P")
    terminal.until("Process 4 marked orders")
    terminal.type("y")
    for number in numbers:
        await shop.until(number, "submitted", "acknowledged", "shipped", "closed")


async def test_any_size_is_survived(shop: Shop, terminal: Tmux) -> None:
    [number] = await shop.place(Place(1, MUG))
    shop.open(terminal, (80, 24))
    for width, height in [(20, 5), (10, 3), (200, 60), (20, 5), (80, 24)]:
        terminal.resize(width, height)
        terminal.type("j", "k")
    terminal.until(lambda screen: here(screen) == number and "STATE" in screen)
    terminal.type("p")
    await shop.until(number, "submitted", "acknowledged", "shipped", "closed")


async def test_a_lost_database_is_told_and_it_goes_on_when_it_is_back(
    postgres_url: str, terminal: Tmux, tmp_path: Path
) -> None:
    conf = settings.Settings(home=str(tmp_path), database_url=postgres_url)
    settings.force(conf)
    vault.make_key_file()
    await bulk.fill(postgres_url, 200)
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    environment = {**home.environment(conf, kept), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    terminal.start(COMMAND, environment, (100, 30), ROOT)
    before = here(terminal.until(lambda screen: bool(here(screen))))
    async with databases.refused(postgres_url):
        # Where the sentence breaks depends on what the server says.
        screen = terminal.until(lambda screen: "trying again" in " ".join(screen.split()))
        assert here(screen) == before
        terminal.type("j", "p")
        assert "Traceback" not in terminal.screen()
    terminal.until("the database is back")
    terminal.until(lambda screen: "trying again" not in screen)
    terminal.type("k")
    terminal.until(lambda screen: here(screen) == before)


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_each_kind_of_trouble_is_resolved_and_the_order_sent(
    shop: Shop, terminal: Tmux, size: tuple[int, int]
) -> None:
    number = next(serial)
    places = [
        (Place(1, ("BB-BAG-01",), "wrong_region"), "region: ", "", "Enter"),
        (Place(1, ("BB-PEN-01",), WRONG_ZIP), "postal code", "97205", "Enter"),
    ]
    if number == 1:  # what is answered once is remembered, so these two can only be asked once
        places += [
            (Place(1, ("BB-TEA-01",), "unmapped_rate"), "remember", "", "1"),
            (Place(1, ("BB-MUG-02",), "renamed_sku"), "remember", "", "Enter"),
        ]
    shop.open(terminal, size)
    terminal.type("2")
    for place, asked, text, answer in places:
        [order] = await shop.place(place)
        terminal.type("/", *order, "Enter")
        terminal.until(lambda screen, order=order: here(screen) == order)
        terminal.type("r")
        terminal.until(asked)
        terminal.type(*text)
        terminal.until(text)
        terminal.type(answer, tap=0.3)
        await shop.resolved(order)
        terminal.type("p")
        await shop.until(order, "submitted", "acknowledged", "partially_shipped", "shipped", "closed")
        terminal.type("Escape")
    assert "Traceback" not in terminal.screen()
