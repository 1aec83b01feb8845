"""mock-edi's own AS2, which neither signs nor encrypts: what it does speak completes, what it refuses is said in its words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mockedi.testing import Mock

from engine import db
from engine.api import app
from engine.services import catalog, tasks
from tests.connectors.as2.partner import as2_settings
from tests.connectors.x12.partner import US, Trade, connected
from tests.support.pki import Pair

PLAIN = {"as2_sign": "none", "as2_encrypt": "none", "as2_signed_mdn": False}


@pytest.fixture
async def mock(sqlite_database: str) -> AsyncIterator[tuple[Mock, str]]:
    """mock-edi, which posts what it has to say to our address."""
    runner = await app.start(port=0)
    with Mock.start() as found:
        found.partner(US, behaviour="strict", as2_url=f"{app.address(runner)}/as2/1")
        try:
            yield found, f"{app.address(runner)}/as2/1"
        finally:
            await catalog.close_connectors()
            await runner.cleanup()


async def trade(
    mock: tuple[Mock, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: dict[str, Pair], **more: Any
) -> Trade:
    values = as2_settings(pairs["ours"], pairs["theirs"], as2_url=f"{mock[0].base}/as2", as2_answer_url=mock[1], **more)
    return await connected(monkeypatch, mock[0], tmp_path, values)


@pytest.mark.parametrize("mdn", ["sync", "async"])
async def test_an_order_goes_out_and_completes_by_what_it_posts(
    mock: tuple[Mock, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: dict[str, Pair], mdn: str
) -> None:
    opposite = await trade(mock, monkeypatch, tmp_path, pairs, as2_mdn=mdn, **PLAIN)
    order = await opposite.order("1001", ("W-BLUE", 10), ("GEAR", 4))
    await opposite.send(order)

    async def completed() -> bool:
        mock[0].advance(everything=True)
        return await opposite.status(order) == "completed"

    await tasks.drain(completed, timeout=30)
    await tasks.drain()
    assert (await opposite.state("1001-1"), await opposite.issues(), await opposite.parked()) == ("closed", [], [])
    assert opposite.acknowledged() == []  # each of their documents had its 997, and they took every one
    delivered = [item["status"] for item in mock[0].outbox()]
    assert delivered == ["delivered"] * 4
    assert all("processed" in item["note"] for item in mock[0].outbox())  # our MDN, as they read it
    states = await db.rows("SELECT DISTINCT state FROM posted_messages WHERE direction = 'out'")
    assert [row[0] for row in states] == ["delivered"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "insufficient-message-security (This mock does not implement S/MIME."),
        ({**PLAIN, "as2_signed_mdn": True}, "unsupported-format (This mock does not sign"),
        ({**PLAIN, "as2_to": "SOMEONE"}, "AS2-To is 'SOMEONE'; this mock answers to 'MOCKEDI'"),
    ],
)
async def test_what_it_cannot_do_it_refuses_in_its_words(
    mock: tuple[Mock, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: dict[str, Pair],
    settings: dict[str, Any], words: str,
) -> None:  # fmt: skip
    opposite = await trade(mock, monkeypatch, tmp_path, pairs, **settings)
    await opposite.send(await opposite.order("1001", ("W-BLUE", 10)))
    assert await opposite.state("1001-1") == "failed"
    ((code, message),) = await opposite.issues()
    assert (code, words in message) == ("supplier_failed", True), message
