"""The demo: a store, two suppliers and a worker as processes of their own, and orders that go all the way.

Nothing here is staged: orders are pulled by the worker's schedule, sent over HTTP and SFTP, and read back from the store.
What a person would do (process what is ready, resolve what waits) is done by ``dana`` through the services.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from engine import db
from engine.demo import children, home, watch
from engine.demo.parts import WRONG_ZIP, Opened, Place
from engine.demo.shop import Connection, Shop, furnish
from engine.demo.watch import Fix, Phase, Progress, Summary
from engine.errors import Invalid, Unreachable
from engine.services import catalog, process, resolve, schema
from engine.services.lifecycle import Actor
from engine.settings import Settings, force

DANA = Actor("dana", "person", "bluebook demo")
LOOK_SECONDS = 0.12
MOST = 5_000
YOURS = (
    Place(8),
    Place(2, ("BB-KIT-TEATIME",)),
    Place(2, ("BB-TEA-01",), "unmapped_rate"),
    Place(3, ("BB-MUG-02",), "renamed_sku"),
    Place(1, ("BB-BAG-01",), "wrong_region"),
    Place(1, ("BB-PEN-01",), "no_postcode"),
)
"""What waits for the person who opens the terminal app: some of everything that can keep an order."""
YOUR_UNDO_SECONDS = 10.0
TRICKLE_SECONDS, TRICKLE_MOST = 20.0, 40
COURIER, OLD_SKU, NEW_SKU = "Local courier", "OLD-RANGE-7", "BB-NOTE-01"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``fast``: without the pauses that let people watch, and without undo window."""

    home: Path
    orders: int = 40
    fast: bool = False


def waves(orders: int, fast: bool) -> list[list[Place]]:
    """What is ordered, in the order it is: some kits (two suppliers each), some that need a person, the rest of anything."""
    if orders < 8:
        return [[Place(orders)]]
    special = [
        Place(max(1, orders // 10), ("BB-KIT-TEATIME",)),
        Place(max(2, orders // 13), ("BB-LAMP-01",), "unmapped_rate"),
        Place(max(1, orders // 20), (NEW_SKU,), "unknown_sku"),
        Place(1, (), WRONG_ZIP),
    ]
    left = orders - sum(place.n for place in special)
    size = left if fast else max(1, -(-left // 8))
    plain = [[Place(min(size, left - start))] for start in range(0, left, size)]
    for place, wave in zip(special, [plain[i * len(plain) // 4] for i in range(4)], strict=True):
        wave.append(place)
    return plain


class Demo:
    """The demo's parts run within ``async with``; ``run`` takes the orders through, ``watch`` looks on.

    Raises Misconfigured for a home that cannot be used, Unreachable when a part does not start or ends.
    """

    def __init__(self, options: Options) -> None:
        if not 1 <= options.orders <= MOST:
            raise Invalid(f"--orders is a number from 1 to {MOST}, not {options.orders}", "orders")
        self.options = options
        self.settings: Settings = home.demo_settings(options.home, undo_seconds=0.0 if options.fast else 0.8)
        self.opened: Opened | None = None
        self.placed = 0
        self.fixes: list[Fix] = []
        self.phase: Phase = "starting"
        self.note = "making a database"
        self._shop: Shop | None = None
        self._parts, self._worker = children.parts(options.home), children.worker(options.home)
        self._stack = contextlib.AsyncExitStack()
        self._began = self._ended = 0.0

    @property
    def store_url(self) -> str:
        """Where the demo store answers."""
        return str(self.opened.store["url"]) if self.opened else ""

    @property
    def _seconds(self) -> float:
        return (self._ended or time.monotonic()) - self._began if self._began else 0.0

    @property
    def pids(self) -> tuple[int, int]:
        """The child processes."""
        return self._parts.pid, self._worker.pid

    async def __aenter__(self) -> Demo:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(home.fresh(self.options.home))
            force(self.settings)
            stack.callback(force, None)
            await stack.enter_async_context(db.database())
            stack.push_async_callback(self._stop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _stop(self) -> None:
        # The worker first: it would complain of a store that is gone.
        await self._worker.stop()
        await self._parts.stop()
        await catalog.close_connectors()

    def kill(self) -> None:
        """The child processes are gone at once; ``async with`` then ends quickly."""
        self._worker.kill()
        self._parts.kill()

    # --- the story ----------------------------------------------------------------------------------------------------

    async def run(self) -> AsyncIterator[Progress]:
        """A look at it, some times a second, until every order that was placed is completed.

        Raises Unreachable when a part ends, or when orders come to a halt.
        """
        story = asyncio.create_task(self._open())
        try:
            while not story.done():
                yield self._starting()
                await asyncio.wait({story}, timeout=LOOK_SECONDS)
            await story
            story = asyncio.create_task(self._take_through())
            while not story.done():
                yield await self.look()
                self.check_children()
                await asyncio.wait({story}, timeout=LOOK_SECONDS)
            await story
            self.phase, self._ended = "open", time.monotonic()
            yield await self.look()
        finally:
            story.cancel()
            await asyncio.gather(story, return_exceptions=True)

    def check_children(self) -> None:
        """Both child processes run; raises Unreachable otherwise."""
        self._worker.check()
        self._parts.check()

    async def _open(self) -> None:
        environment = home.environment(self.settings, os.environ)
        folder, ship_after = self.options.home, 0.3 if self.options.fast else 1.2
        await children.start_parts(self._parts, folder / "nova", ship_after, environment)
        await schema.upgrade()
        await children.start_worker(self._worker, environment)
        self.note = "starting a store and two suppliers"
        self.opened = await self._parts.ask(None, Opened)
        self.note = "setting up the catalog"
        fast = {"poll_seconds": 1}
        self._shop = await furnish(
            Connection("woocommerce", self.opened.store, {**fast, "rescan_seconds": 60}),
            {"ACME": Connection("rest", self.opened.acme, fast), "NOVA": Connection("files", self.opened.nova, fast)},
            DANA,
        )

    def _starting(self) -> Progress:
        return Progress(
            phase="starting", note=self.note, seconds=0.0, rate=0.0, of=self.options.orders, placed=0,
            counts=watch.Counts(),
        )  # fmt: skip

    async def look(self) -> Progress:
        """How far everything is now."""
        seconds = self._seconds
        now = await watch.counts()
        note = self.note
        if self.phase == "open" and now.completed < self.placed:
            note = f"{now.completed} of {self.placed} orders are completed"
        done = min(now.completed, self.options.orders)
        return Progress(
            phase=self.phase, note=note, seconds=seconds, rate=done / seconds if seconds > 0 else 0.0,
            of=max(self.options.orders, self.placed), placed=self.placed, counts=now, fixes=tuple(self.fixes),
            events=await watch.last_events(), next_ready=await watch.next_ready(),
        )  # fmt: skip

    async def summary(self) -> Summary:
        """How it stands, with the blue book verified."""
        return await watch.summary(tuple(self.fixes), self._seconds, self.store_url, str(self.options.home))

    async def place(self, wanted: Sequence[Place]) -> int:
        """More orders are in the store; how many."""
        before = self.placed
        for want in wanted:
            self.placed += len(await self._parts.ask(want, list[int]))
        return self.placed - before

    async def hand_over(self) -> None:
        """Orders wait for whoever sits here, with time to think again; dana no longer processes."""
        force(msgspec.structs.replace(self.settings, undo_seconds=YOUR_UNDO_SECONDS))
        await self.place(YOURS)

    async def trickle(self) -> None:
        """An order arrives now and then, as in a shop; until it is cancelled, or there are many."""
        for _ in range(TRICKLE_MOST):
            await asyncio.sleep(TRICKLE_SECONDS)
            await self.place([Place(1)])

    async def _take_through(self) -> None:
        self.phase, self._began = "running", time.monotonic()
        self.note = "orders arrive; dana processes what is ready"
        async with asyncio.TaskGroup() as group:
            clerk = group.create_task(self._process_ready())
            for wave in waves(self.options.orders, self.options.fast):
                await self.place(wave)
                await self._pause(0.35)
            await self._until(lambda now: now.pulled >= self.placed, "pulled")
            await self._resolve()
            self.note = "suppliers acknowledge and ship; the store is told"
            await self._until(lambda now: now.completed >= self.placed, "completed")
            clerk.cancel()
        self.note = "every order is completed"

    async def _pause(self, seconds: float) -> None:
        if not self.options.fast:
            await asyncio.sleep(seconds)

    async def _until(self, reached: Callable[[watch.Counts], bool], what: str) -> None:
        deadline = time.monotonic() + 60 + self.options.orders / 5
        while not reached(now := await watch.counts()):
            if time.monotonic() > deadline:
                found = await db.rows(
                    "SELECT number, status FROM orders WHERE status <> 'completed' ORDER BY id LIMIT 5"
                )
                names = ", ".join(f"{r[0]} ({r[1]})" for r in found) or f"{now.pulled} of {self.placed} arrived"
                raise Unreachable(f"the orders came to a halt, not {what}: {names}; see {self._worker.log}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _process_ready(self) -> None:
        while True:
            # Ready with a draft: what is held for the undo window is ready still.
            found = await db.rows(
                "SELECT id FROM orders AS o WHERE status = 'ready' AND EXISTS (SELECT 1 FROM purchase_orders AS p "
                "WHERE p.order_id = o.id AND p.state = 'draft') ORDER BY id LIMIT 200"
            )
            if found:
                await process.process([int(r[0]) for r in found], DANA)
            await asyncio.sleep(0.2)

    # --- what a person puts right -------------------------------------------------------------------------------------

    async def _resolve(self) -> None:
        if not await db.value("SELECT COUNT(*) FROM issues WHERE closed_at IS NULL"):
            return
        self.note = "some orders wait for a person"
        await self._pause(0.8)
        # The first Issue with a cause is resolved, the answer saved, and every other order with that cause looked at again.
        await self._resolve_one(
            "Local courier”", f"“{COURIER}” goes by UPS Ground at ACME", "map_shipping", method="UPS-GND"
        )
        await self._resolve_one(OLD_SKU, f"{OLD_SKU} is {NEW_SKU}", "map_sku", product=NEW_SKU)
        await self._resolve_one("ZIP", "ZIP 9720 → 97205", "fix_address", postal_code="97205")

    async def _resolve_one(self, about: str, what: str, resolution: str, **args: str) -> None:
        found = await db.row(
            "SELECT id FROM issues WHERE closed_at IS NULL AND message LIKE ? ORDER BY id LIMIT 1", f"%{about}%"
        )
        if found is None:
            return
        done = await resolve.resolve(int(found[0]), resolution, args, DANA)
        saved = resolution != "fix_address"
        self._fixed(
            f"{what}{'' if saved else f' in order {done.number}'}",
            done.became_ready + (not done.remaining),
            saved=saved,
        )
        await self._pause(0.6)

    def _fixed(self, what: str, cleared: int, *, saved: bool) -> None:
        self.fixes.append(Fix(what, cleared, saved))
        self.note = f"resolved: {what}"
