"""The demo supplier by files, through the connector, as people will meet it: sound, and with each fault on request."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine import clock
from engine.connectors.suppliers.files.config import Config
from engine.connectors.suppliers.files.connector import Connector
from engine.demo.supplier_files import FilesFault, FilesSupplier
from engine.ports import PurchaseLine, SupplierUpdate
from engine.services import inbox
from tests.connectors.rest.conftest import purchase

LINES = tuple(
    PurchaseLine(line=n, supplier_sku=f"W-{n}", sku=f"S-{n}", title="A widget", quantity=n + 1, unit_cost=250)
    for n in (1, 2)
)
SOUND = ["acknowledged 0", "shipped 5"]


async def rehearsed(root: Path, *faults: FilesFault) -> tuple[list[SupplierUpdate], list[str]]:
    """What is heard of one order of two and three pieces, by key, and what could not be read; polled after each round."""
    supplier = FilesSupplier(root, faults=frozenset(faults), ship_after=-1)
    connector = Connector(msgspec.convert({**supplier.config(), "settle_seconds": 0}, Config))
    body = connector.render(purchase(lines=LINES))
    await connector.check()
    await connector.stage("1001-1", body)
    await connector.submit("1001-1", body)
    heard: dict[str, SupplierUpdate] = {}
    problems: list[str] = []
    known: set[str] = set()
    assert supplier.work() == 1
    cursor = None
    for _ in range(3):
        page = await connector.poll(cursor)
        cursor = page.next
        for raw in page.items:
            if inbox.digest(raw) in known:  # as the inbox does
                continue
            known.add(inbox.digest(raw))
            found = connector.read_parts(raw)
            heard |= {update.key: update for update in found.updates}
            problems += found.problems
        problems += [part.reason for part in page.rejected]
        await connector.finish(page.done)
        supplier.work()
    return list(heard.values()), problems


def summed(updates: list[SupplierUpdate]) -> list[str]:
    return sorted(f"{u.kind.value} {sum(line.quantity for line in u.lines)}" for u in updates)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (None, SOUND),
        (FilesFault.REJECT_ORDER, ["rejected 0"]),
        (FilesFault.SHORT_SHIP, ["acknowledged 0", "shipped 4"]),
        (FilesFault.NO_ANSWER, []),
        (FilesFault.DUPLICATE, SOUND),
    ],
)
async def test_each_fault_is_heard_as_what_it_is(tmp_path: Path, fault: FilesFault | None, expected: list[str]) -> None:
    updates, problems = await rehearsed(tmp_path, *([fault] if fault else []))
    assert problems == []
    assert summed(updates) == expected


@pytest.mark.parametrize(("fault", "words"), [(FilesFault.BAD_ROW, "two"), (FilesFault.UNKNOWN_STATUS, "in the post")])
async def test_what_cannot_be_read_is_said_in_its_words(tmp_path: Path, fault: FilesFault, words: str) -> None:
    _, problems = await rehearsed(tmp_path, fault)
    assert words in "; ".join(problems)


async def test_a_file_that_is_there_by_half_is_read_once_it_is_whole(tmp_path: Path) -> None:
    supplier = FilesSupplier(tmp_path, faults=frozenset({FilesFault.HALF_FILE}), ship_after=-1)
    connector = Connector(msgspec.convert({**supplier.config(), "settle_seconds": 3_600}, Config))
    body = connector.render(purchase(lines=LINES))
    await connector.stage("1001-1", body)
    await connector.submit("1001-1", body)
    supplier.work()
    first = await connector.poll(None)
    assert first.items == ()
    supplier.work()
    clock.use(lambda: datetime.now(UTC) + timedelta(hours=2))
    heard, cursor = [], first.next
    while len(heard) < 2:  # an acknowledgement and a parcel; pytest's own timeout ends what never comes
        page = await connector.poll(cursor)
        cursor = page.next
        heard += [update for raw in page.items for update in connector.read(raw)]
        await connector.finish(page.done)
        await asyncio.sleep(0.1)
    assert summed(heard) == SOUND
