"""Twenty-two orders from a real Vendure store through two suppliers and back, by a worker process, all on real protocols.

What is asserted was told by the others: the store by its own APIs, the suppliers by their own ledgers. Our database is
only asked whether it agrees with them and with its own blue book.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from engine import db, settings
from engine.demo.catalogue import BY_SKU, OFFERS, SHIPPING_RATES
from engine.demo.shop import Connection, Shop, furnish
from engine.services import audit, setup
from engine.services.lifecycle import Actor
from tests.support import databases
from tests.support.desk import at_once
from tests.support.openssh import OpenSsh, openssh
from tests.support.vendure_store import HOME, VendureStore, installed_or_skip

pytestmark = [pytest.mark.stores, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PERSON = Actor("dana", "person", "test")
KIT = "BB-KIT-TEATIME"
Basket = list[tuple[str, int]]
BOTH: list[Basket] = [
    [("BB-LAMP-01", 1), ("BB-TEA-01", 2)],
    [("BB-MUG-01", 3), ("BB-NOTE-01", 1)],
    [("BB-KETTLE-01", 1), ("BB-INK-01", 2), ("BB-PEN-01", 1)],
    [("BB-BAG-01", 1), ("BB-NOTE-02", 1)],
    [("BB-LAMP-02", 1), ("BB-MUG-02", 2), ("BB-TEA-02", 4)],
    [("BB-MUG-01", 1), ("BB-TEA-01", 1)],
    [("BB-BAG-01", 2), ("BB-PEN-01", 2)],
    [(KIT, 1)],
    [(KIT, 2), ("BB-LAMP-01", 1)],
    [(KIT, 1), ("BB-INK-01", 3)],
]
ACME_ONLY: list[Basket] = [
    [("BB-LAMP-01", 1)],
    [("BB-MUG-02", 6)],
    [("BB-KETTLE-01", 1)],
    [("BB-BAG-01", 1), ("BB-LAMP-02", 1)],
    [("BB-MUG-01", 2)],
]
NOVA_ONLY: list[Basket] = [
    [("BB-TEA-01", 1)],
    [("BB-NOTE-01", 5)],
    [("BB-PEN-01", 1), ("BB-INK-01", 1)],
    [("BB-NOTE-02", 2)],
    [("BB-TEA-02", 3)],
]
WAITS = "wait@example.com"  # this customer's orders are left to a person


class Story(msgspec.Struct):
    """What happened. Orders by the store's code."""

    baskets: dict[str, Basket] = msgspec.field(default_factory=dict)
    canceled_before: str = ""
    canceled_after: str = ""
    between: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    at_end: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    our_status_between: dict[str, str] = msgspec.field(default_factory=dict)
    our_orders: list[tuple[str, str]] = msgspec.field(default_factory=list)
    too_early: list[str] = msgspec.field(default_factory=list)
    waited_as: str = ""
    acme: dict[str, list[dict[str, Any]]] = msgspec.field(default_factory=dict)
    acme_orders: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    nova: list[dict[str, Any]] = msgspec.field(default_factory=list)
    nova_lines: dict[str, Counter[str]] = msgspec.field(default_factory=dict)
    events: dict[str, list[tuple[str, str, dict[str, Any]]]] = msgspec.field(default_factory=dict)
    problems: list[Any] = msgspec.field(default_factory=list)
    verified: int = 0
    left: dict[str, int] = msgspec.field(default_factory=dict)
    worker_code: int = -1
    took: dict[str, float] = msgspec.field(default_factory=dict)


# --- the processes ----------------------------------------------------------------------------------------------------


@contextmanager
def process(log: Path, *command: str, **environ: str) -> Any:
    """A Python process of its own, ended with it; its stdout is a pipe, its stderr goes to ``log``."""
    with log.open("ab") as errors:
        running = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=errors
        )
    try:
        yield running
    finally:
        end(running)


def end(running: subprocess.Popen[bytes]) -> int:
    """The process was told to end and has; its exit code."""
    if running.poll() is None:
        running.terminate()
        try:
            running.wait(60)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
    if running.stdout is not None:
        running.stdout.close()
    return running.returncode


def told(running: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The first line the process says, which is JSON."""
    assert running.stdout is not None
    line = running.stdout.readline()
    assert line, f"{running.args} ended with {running.wait()} before it was ready"
    return dict(json.loads(line))


class Stage:
    """Everyone who plays, and what a director needs: waiting for things to be seen, and asking each side."""

    def __init__(self, folder: Path, stack: AsyncExitStack, store: VendureStore, sshd: OpenSsh) -> None:
        self.folder, self.stack, self.store, self.sshd = folder, stack, store, sshd
        self.http = aiohttp.ClientSession()
        self.acme_process: subprocess.Popen[bytes]
        self.nova_process: subprocess.Popen[bytes]
        self.worker: subprocess.Popen[bytes]
        self.acme: dict[str, Any] = {}
        self.nova_ledger = folder / "warehouse.jsonl"
        self.started = time.monotonic()

    def start_acme(self, ship_after: float | None) -> None:
        """ACME is open, on what its ledger says; None: it ships nothing yet."""
        again = ["--port", self.acme["url"].rpartition(":")[2], "--api-key", self.acme["api_key"]] if self.acme else []
        behaviour = json.dumps({"ship_after": ship_after, "seed": 1})
        self.acme_process = self.stack.enter_context(
            process(
                self.folder / "acme.log", "-m", "engine.demo.supplier_http", *again, "--behaviour", behaviour,
                "--ledger", str(self.folder / "acme.jsonl"),
            )
        )  # fmt: skip
        self.acme = told(self.acme_process)

    def start_nova(self, ship_after: float) -> None:
        """NOVA's warehouse works behind its SFTP server, and ships so many seconds after it took an order."""
        self.nova_process = self.stack.enter_context(
            process(
                self.folder / "nova.log", "-m", "tests.support.warehouse", "--root", str(self.sshd.root), "--ledger",
                str(self.nova_ledger), "--split-every", "3", "--ship-after", str(ship_after),
            )
        )  # fmt: skip
        told(self.nova_process)

    def start_worker(self, database: str) -> None:
        """A worker is at work."""
        self.worker = self.stack.enter_context(
            process(
                self.folder / "worker.log", "-m", "workers.run", BLUEBOOK_DATABASE_URL=database,
                BLUEBOOK_HOME=str(settings.settings().home_path), BLUEBOOK_BROKER_URL="sql://",
                BLUEBOOK_MAX_BACKOFF_SECONDS="2",
            )
        )  # fmt: skip

    async def until(self, what: str, question: Callable[[], Awaitable[bool]], seconds: float = 300.0) -> float:
        """It was seen to be so; after how many seconds since the beginning."""
        deadline = time.monotonic() + seconds
        while not await question():
            assert self.worker.poll() is None, f"the worker fell: {self._log()}"
            if time.monotonic() > deadline:
                now = await db.rows("SELECT number, status FROM orders ORDER BY id")
                pytest.fail(f"never seen: {what}\nour orders: {[tuple(r) for r in now]}\n{self._log()}")
            await asyncio.sleep(0.1)
        return round(time.monotonic() - self.started, 1)

    def _log(self) -> str:
        return (self.folder / "worker.log").read_text("utf-8", "replace")[-4000:]

    async def ask_acme(self, path: str) -> Any:
        async with self.http.get(self.acme["url"] + path, headers={"X-API-Key": self.acme["api_key"]}) as answer:
            assert answer.status == 200, f"{path}: {answer.status}"
            return await answer.json()

    def nova_events(self, kind: str) -> list[dict[str, Any]]:
        if not self.nova_ledger.exists():
            return []
        events = [json.loads(line) for line in self.nova_ledger.read_text().splitlines()]
        return [event for event in events if event["event"] == kind]


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """The store and the SFTP server run within; suppliers and worker when they are started."""
    home = await asyncio.to_thread(installed_or_skip)
    async with AsyncExitStack() as stack:
        sshd = stack.enter_context(openssh(folder / "sshd", root=folder / "nova"))
        store = await stack.enter_async_context(VendureStore(home))
        made = Stage(folder, stack, store, sshd)
        stack.push_async_callback(made.http.close)
        yield made


async def open_shop(at: Stage) -> Shop:
    """Both suppliers and the channel are set up; then Auto Order Processing is switched on, as a person would."""
    fast = {"poll_seconds": 1}
    login = {"url": at.store.admin_api, "page_size": 3, **at.store.superadmin}
    sshd = at.sshd
    sftp = {
        "host": sshd.host, "port": sshd.port, "username": sshd.username, "private_key": sshd.private_key,
        "host_key": sshd.host_key, "acks_dir": "acks", "shipments_dir": "shipments", "settle_seconds": 0,
    }  # fmt: skip
    shop = await furnish(
        Connection("vendure", login, {"poll_seconds": 1, "rescan_seconds": 1}),
        {
            "ACME": Connection("rest", {"base_url": at.acme["url"], "api_key": at.acme["api_key"]}, fast),
            "NOVA": Connection("sftp", sftp, fast),
        },
        PERSON,
        name="Vendure",
    )
    await at_once(1)
    condition = f'order.email != "{WAITS}"'
    await setup.update("channels", shop.channel_id, PERSON, auto_process=True, auto_condition=condition)
    return shop


# --- the story --------------------------------------------------------------------------------------------------------


async def tell(at: Stage, database: str) -> Story:
    story = Story()
    at.start_acme(ship_after=None)
    at.start_nova(ship_after=3600)
    await open_shop(at)
    at.start_worker(database)
    await place_all(at, story)
    story.took["placed"] = round(time.monotonic() - at.started, 1)
    await cancel_two(at, story)
    sent = {(code, who) for code, basket in story.baskets.items() for who in wanted(basket)}
    await at.until("every purchase order at its supplier", lambda: everything_sent(at, sent))
    story.took["at the suppliers"] = round(time.monotonic() - at.started, 1)
    await half_shipped(at, story)
    watch = asyncio.create_task(nothing_completed_too_early(at, story))
    await rest_shipped(at, story)
    await watch
    story.worker_code = end(at.worker)
    await collect(at, story)
    return story


async def place_all(at: Stage, story: Story) -> None:
    """Customers buy while the worker polls, some of them at the same moment."""
    rates = list(SHIPPING_RATES)
    baskets = [basket for three in zip(BOTH, ACME_ONLY + NOVA_ONLY, strict=True) for basket in three]

    async def buy(number: int, basket: Basket) -> None:
        address = {**HOME, "streetLine1": f"{number} Example Street"}
        code = await at.store.place(basket, address, f"c{number}@example.com", rates[number % len(rates)])
        story.baskets[code] = basket

    for start in range(0, len(baskets), 4):
        await asyncio.gather(*(buy(start + i, basket) for i, basket in enumerate(baskets[start : start + 4])))


async def our_status(code: str) -> str:
    return str(await db.value("SELECT status FROM orders WHERE number = ?", code) or "")


async def cancel_two(at: Stage, story: Story) -> None:
    """One order is canceled in the store before it was sent, one after."""
    story.canceled_before = code = await at.store.place([("BB-MUG-01", 2), ("BB-TEA-01", 2)], email=WAITS)

    async def is_(status: str) -> bool:
        return await our_status(code) == status

    await at.until("an order left to a person", lambda: is_("ready"))
    story.waited_as = await our_status(code)
    await at.store.cancel(code)
    await at.until("the order canceled before it was sent", lambda: is_("canceled"))

    story.canceled_after = after = await at.store.place([("BB-BAG-01", 3)], email="regrets@example.com")

    async def at_acme() -> bool:
        return f"{after}-1" in await at.ask_acme("/demo/ledger")

    await at.until("the order at ACME", at_acme)
    await at.store.cancel(after)

    async def canceled() -> bool:
        theirs = await at.ask_acme(f"/orders/{after}-1")
        return theirs["status"] == "canceled" and await our_status(after) == "canceled"

    await at.until("ACME asked to cancel it", canceled)


async def everything_sent(at: Stage, sent: set[tuple[str, str]]) -> bool:
    found = {(code_of(po), "ACME") for po in await at.ask_acme("/demo/ledger")}
    found |= {(code_of(event["po_number"]), "NOVA") for event in at.nova_events("received")}
    return found >= sent


async def half_shipped(at: Stage, story: Story) -> None:
    """ACME, open again after a break, ships everything and NOVA nothing: what the store shows meanwhile is kept."""
    end(at.acme_process)
    at.start_acme(ship_after=0.1)

    async def told_all() -> bool:
        left = await db.value(
            "SELECT COUNT(*) FROM purchase_orders p JOIN suppliers s ON s.id = p.supplier_id WHERE s.code = 'ACME' "
            "AND p.state NOT IN ('closed', 'canceled')"
        )
        return not left

    story.took["first parcels pushed"] = await at.until("every parcel of ACME pushed", told_all)
    for code in story.baskets:
        story.between[code] = await at.store.order(code)
        story.our_status_between[code] = await our_status(code)


async def rest_shipped(at: Stage, story: Story) -> None:
    end(at.nova_process)
    at.start_nova(ship_after=0)

    async def all_over() -> bool:
        left = await db.value("SELECT COUNT(*) FROM orders WHERE status NOT IN ('completed', 'canceled')")
        return not left

    story.took["completed"] = await at.until("every order completed", all_over)
    for code in (*story.baskets, story.canceled_before, story.canceled_after):
        story.at_end[code] = await at.store.order(code)


async def nothing_completed_too_early(at: Stage, story: Story) -> None:
    """The store is asked about each order the moment we call it completed."""
    seen: set[str] = set()
    while len(seen) < len(story.baskets) and at.worker.poll() is None:
        for (code,) in [tuple(r) for r in await db.rows("SELECT number FROM orders WHERE status = 'completed'")]:
            if code not in seen:
                seen.add(code)
                state = (await at.store.order(code))["state"]
                if state != "Shipped":
                    story.too_early.append(f"{code}: {state}")
        await asyncio.sleep(0.05)


async def collect(at: Stage, story: Story) -> None:
    """What every side has written down."""
    story.acme = await at.ask_acme("/demo/ledger")
    story.acme_orders = {po: await at.ask_acme(f"/orders/{po}") for po in story.acme}
    story.nova = at.nova_events("received") + at.nova_events("shipped")
    for event in at.nova_events("received"):
        text = (at.sshd.root / "orders" / "taken" / event["taken"]).read_text("utf-8-sig")
        counts = story.nova_lines.setdefault(event["po_number"], Counter())
        for line in csv.DictReader(text.splitlines()):
            counts[line["supplier_sku"]] += int(line["quantity"])
    story.our_orders = [(r[0], r[1]) for r in await db.rows("SELECT number, external_id FROM orders ORDER BY id")]
    for number, tag, subject, after in await db.rows(
        "SELECT o.number, e.tag, e.subject, e.after FROM audit_events e JOIN orders o ON o.id = e.order_id "
        "ORDER BY e.order_id, e.seq"
    ):
        story.events.setdefault(number, []).append((tag, subject, json.loads(after)))
    report = await audit.verify()
    story.verified, story.problems = report.orders, list(report.problems)
    story.left = {
        "dead jobs": await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'dead'"),
        "failing jobs": await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'ready' AND attempts > 2"),
        "claimed jobs": await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'claimed'"),
        "purchase order leases": await db.value("SELECT COUNT(*) FROM purchase_orders WHERE lease_until IS NOT NULL"),
        "shipment leases": await db.value("SELECT COUNT(*) FROM shipments WHERE lease_until IS NOT NULL"),
        "parked payloads": await db.value("SELECT COUNT(*) FROM inbound_messages WHERE state NOT IN ('done', 'superseded')"),
        "open issues": await db.value("SELECT COUNT(*) FROM issues WHERE closed_at IS NULL"),
    }  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    folder = tmp_path_factory.mktemp("story")
    database = databases.sqlite_copy(sqlite_template, folder)
    settings.force(settings.Settings(home=str(folder / "home"), database_url=database))
    try:
        async with stage(folder) as at, db.database(database):
            yield await tell(at, database)
    finally:
        settings.force(None)


# --- what should be so, from the catalogue alone ----------------------------------------------------------------------


def code_of(po_number: str) -> str:
    return po_number.rpartition("-")[0]


def wanted(basket: Iterable[tuple[str, int]]) -> dict[str, Counter[str]]:
    """By supplier, the pieces of each of its SKUs that a basket needs."""
    found: dict[str, Counter[str]] = {}
    for sku, quantity in basket:
        for product, each in BY_SKU[sku].components:
            offer = min((offer for offer in OFFERS if offer.sku == product), key=lambda offer: offer.priority)
            found.setdefault(offer.supplier, Counter())[offer.supplier_sku] += quantity * each
    return found


def theirs(story: Story, code: str) -> dict[str, list[str]]:
    """The tracking numbers each supplier has written down for an order."""
    acme = [n for po, order in story.acme_orders.items() if code_of(po) == code for n in order["tracking_numbers"]]
    nova = [
        number
        for event in story.nova
        if event["event"] == "shipped" and code_of(event["po_number"]) == code
        for number in event["tracking_numbers"]
    ]
    return {"ACME": acme, "NOVA": nova}


def codes(order: dict[str, Any]) -> list[str]:
    """The tracking numbers the store shows its customer, of fulfillments that are on their way."""
    shown = [x["trackingCode"] for x in order["fulfillments"] if x["state"] in ("Shipped", "Delivered")]
    return sorted(number for text in shown for number in text.split(", "))


def pieces(order: dict[str, Any]) -> Counter[str]:
    """The pieces the store says are fulfilled, by its line ids."""
    found: Counter[str] = Counter()
    for fulfillment in order["fulfillments"]:
        for line in fulfillment["lines"]:
            found[line["orderLineId"]] += line["quantity"]
    return found


def only_a_part_of_a_kit_is_acmes(basket: Basket) -> bool:
    """Has ACME's parcel no whole piece of anything that was sold?"""
    whole = [sku for sku, _ in basket if sku != KIT and "ACME" in wanted([(sku, 1)])]
    return not whole and any(sku == KIT for sku, _ in basket)


# --- the proofs -------------------------------------------------------------------------------------------------------


def test_every_order_placed_while_polling_arrives_once(story: Story) -> None:
    placed = {*story.baskets, story.canceled_before, story.canceled_after}
    assert len(placed) == 22
    assert Counter(number for number, _ in story.our_orders) == Counter(placed)
    assert {code: order["id"] for code, order in story.at_end.items()} == dict(story.our_orders)


def test_each_supplier_got_its_part_of_each_order_once(story: Story) -> None:
    baskets = {**story.baskets, story.canceled_after: [("BB-BAG-01", 3)]}
    arrivals: dict[tuple[str, str], list[Counter[str]]] = {}
    for po, receipts in story.acme.items():
        for receipt in receipts:
            lines = Counter({line["sku"]: line["quantity"] for line in receipt["body"]["lines"]})
            arrivals.setdefault(("ACME", code_of(po)), []).append(lines)
    for event in story.nova:
        if event["event"] == "received":
            arrivals.setdefault(("NOVA", code_of(event["po_number"])), []).append(story.nova_lines[event["po_number"]])
    due = {(who, code): [part] for code, basket in baskets.items() for who, part in wanted(basket).items()}
    assert arrivals == due


def test_a_split_order_is_partly_shipped_until_the_second_parcel(story: Story) -> None:
    split = [code for code, basket in story.baskets.items() if len(wanted(basket)) == 2]
    assert len(split) == 10
    for code in split:
        between, end_ = story.between[code], story.at_end[code]
        if only_a_part_of_a_kit_is_acmes(story.baskets[code]):
            assert (between["state"], between["fulfillments"]) == ("PaymentSettled", [])
        else:
            assert between["state"] == "PartiallyShipped"
            assert codes(between) == sorted(theirs(story, code)["ACME"])
            assert story.our_status_between[code] == "partially_shipped"
        assert end_["state"] == "Shipped"
        assert pieces(end_) == Counter({line["id"]: line["orderPlacedQuantity"] for line in end_["lines"]})


def test_orders_of_one_supplier_do_not_wait_for_the_other(story: Story) -> None:
    for code, basket in story.baskets.items():
        if set(wanted(basket)) == {"ACME"}:
            assert (story.between[code]["state"], story.our_status_between[code]) == ("Shipped", "completed")
        if set(wanted(basket)) == {"NOVA"}:
            assert (story.between[code]["state"], story.our_status_between[code]) == ("PaymentSettled", "processed")


def test_the_store_shows_every_tracking_number_the_suppliers_gave(story: Story) -> None:
    for code in story.baskets:
        given = theirs(story, code)
        assert codes(story.at_end[code]) == sorted(given["ACME"] + given["NOVA"])
    singles = [code for code, basket in story.baskets.items() if not only_a_part_of_a_kit_is_acmes(basket)]
    assert not any("," in x["trackingCode"] for code in singles for x in story.at_end[code]["fulfillments"])


def test_a_kit_from_two_suppliers_is_one_piece_with_both_numbers(story: Story) -> None:
    pure = [code for code, basket in story.baskets.items() if basket == [(KIT, 1)]]
    [code] = pure
    given = theirs(story, code)
    [fulfillment] = story.at_end[code]["fulfillments"]
    assert len(given["ACME"]) == len(given["NOVA"]) == 1
    assert fulfillment["trackingCode"].split(", ") == [*given["NOVA"], *given["ACME"]]


def test_an_order_canceled_before_sending_reaches_no_supplier(story: Story) -> None:
    assert story.waited_as == "ready"
    assert story.at_end[story.canceled_before]["state"] == "Cancelled"
    at_suppliers = [*story.acme, *(event["po_number"] for event in story.nova)]
    assert story.canceled_before not in map(code_of, at_suppliers)


def test_an_order_canceled_after_sending_is_asked_back(story: Story) -> None:
    assert story.acme_orders[f"{story.canceled_after}-1"]["status"] == "canceled"
    assert theirs(story, story.canceled_after) == {"ACME": [], "NOVA": []}
    assert any(tag.endswith("purchase:request_cancel") for tag, _, _ in story.events[story.canceled_after])


def test_nothing_is_completed_before_its_parcels_were_read_back(story: Story) -> None:
    assert story.too_early == []
    for code in story.baskets:
        pushes: dict[str, str] = {}
        confirmed = 0
        completed = False
        for tag, _, after in story.events[code]:
            pushes.update({path: value for path, value in after.items() if path.endswith(".push")})
            confirmed += tag.endswith("push:confirm_push")
            if after.get("status") == "completed":
                completed = True
                given = theirs(story, code)
                assert len(pushes) == len(given["ACME"] + given["NOVA"])
                assert set(pushes.values()) <= {"confirmed", "suppressed"}
                assert confirmed == len(story.at_end[code]["fulfillments"])
        assert completed


def test_the_blue_book_replays_to_what_is_and_nothing_is_left_over(story: Story) -> None:
    assert story.problems == []
    assert story.verified >= 22
    assert story.left == dict.fromkeys(story.left, 0)
    assert story.worker_code == 0


def test_it_was_a_long_story_and_how_long_it_took_is_told(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    parcels = sum(len(numbers) for code in story.baskets for numbers in theirs(story, code).values())
    orders = len(story.at_end)
    sent = sum(map(len, story.acme.values())) + len(story.nova_lines)
    with capsys.disabled():
        print(f"\n{orders} orders, {sent} purchase orders, {parcels} parcels; seconds: {story.took}")
    assert parcels >= 30
    assert set(story.took) == {"placed", "at the suppliers", "first parcels pushed", "completed"}
