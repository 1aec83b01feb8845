"""libas2 from npm, which nobody here wrote, as the partner: signed and encrypted, both ways, with MDNs each side believes."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from mockedi.testing import Mock

from engine import db
from engine.api import app
from engine.services import catalog, tasks
from tests.connectors.as2.partner import as2_settings
from tests.connectors.x12.partner import THEM, US, Trade, connected
from tests.support.node import REPOSITORY, installed_or_skip
from tests.support.pki import Pair

pytestmark = pytest.mark.stores
SOURCE = REPOSITORY / "tests" / "support" / "libas2"


class Node:
    """The process, and what it is asked by HTTP."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self.session = url, session

    async def send(self, url: str, document: bytes, **how: str) -> dict[str, Any]:
        """It posts the document; what it read in our MDN."""
        body = {"url": url, "document": base64.b64encode(document).decode(), **how}
        async with self.session.post(f"{self.url}/send", json=body) as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return dict(json.loads(text))

    async def received(self) -> list[bytes]:
        async with self.session.get(f"{self.url}/received") as answer:
            return [base64.b64decode(item["document"]) for item in json.loads(await answer.text())]


def _flags() -> list[str]:
    """Node 20, whose OpenSSL has no implicit rejection, decrypts RSA PKCS #1 v1.5, which AS2 uses, only when told to."""
    flag = "--security-revert=CVE-2023-46809"
    return [flag] if subprocess.run(["node", flag, "-e", "0"], capture_output=True, check=False).returncode == 0 else []


@pytest.fixture
async def node(pairs: dict[str, Pair]) -> AsyncIterator[Node]:
    """libas2 listens on loopback."""
    folder = await asyncio.to_thread(installed_or_skip, REPOSITORY / ".stores" / "libas2-0.8.2", SOURCE)
    script = folder / "partner.mjs"
    script.write_bytes((SOURCE / "partner.mjs").read_bytes())
    theirs = pairs["theirs"]
    given = {
        "us": THEM,
        "them": US,
        "certificate": theirs.certificate,
        "key": theirs.key,
        "partner": pairs["ours"].certificate,
    }
    process = await asyncio.create_subprocess_exec(
        "node", *_flags(), str(script), json.dumps(given), cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = b""
        while b'"ready"' not in line:  # Node warns of what it was told, on the same stream
            async with asyncio.timeout(60):
                line = await process.stdout.readline()
            assert line, "it ended before it was ready"
        port = json.loads(line)["ready"]
        async with aiohttp.ClientSession() as session:
            yield Node(f"http://127.0.0.1:{port}", session)
    finally:
        process.terminate()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


@pytest.fixture
async def opposite(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs: dict[str, Pair], node: Node
) -> AsyncIterator[tuple[Trade, str]]:
    """The engine opposite it, and our address. It decodes every body as UTF-8, so what is encrypted travels as base64."""
    runner = await app.start(port=0)
    with Mock.start() as mock:
        mock.behaviour(US, "strict")
        settings = as2_settings(pairs["ours"], pairs["theirs"], as2_url=f"{node.url}/as2", as2_transfer="base64")
        try:
            yield await connected(monkeypatch, mock, tmp_path, settings), f"{app.address(runner)}/as2/1"
        finally:
            await catalog.close_connectors()
            await runner.cleanup()


async def test_an_order_goes_out_and_completes_by_what_it_posts(node: Node, opposite: tuple[Trade, str]) -> None:
    trade, address = opposite
    order = await trade.order("1001", ("W-BLUE", 10), ("GEAR", 4))
    await trade.send(order)
    assert await trade.issues() == []
    assert await trade.state("1001-1") == "submitted"
    (received,) = await node.received()
    # It takes the line end before the boundary for the document's own.
    assert received.removesuffix(b"\r\n") == bytes(await db.value("SELECT document FROM purchase_orders"))
    trade.mock.send(received.decode())
    trade.mock.advance(everything=True)
    for item in trade.mock.mailbox(US, leave=False):
        said = await node.send(address, item["payload"].replace("\n", "\r\n").encode())
        assert said["status"] == 200
        assert (said["what"]["type"], said["what"]["processed"]) == ("automatic-action", True)
        assert said["originalMessageId"] == said["ours"]
        assert said["receivedContentMic"]["algorithm"] == "sha-256"
    await tasks.drain()
    assert (await trade.state("1001-1"), await trade.status(order)) == ("closed", "completed")
    assert (await trade.issues(), await trade.parked()) == ([], [])
    assert len(await node.received()) == 4  # the 850 and three 997s


@pytest.mark.parametrize(
    ("encrypt", "digest"), [("aes128-CBC", "sha-256"), ("aes256-CBC", "sha-512"), ("des-EDE3-CBC", "sha-1")]
)
async def test_each_cipher_and_digest_it_knows_is_read(
    node: Node, opposite: tuple[Trade, str], encrypt: str, digest: str
) -> None:
    document = b"ISA*00*something~\r\n"
    said = await node.send(opposite[1], document, encrypt=encrypt, sign=digest, digest=digest)
    assert (said["status"], said["what"]["processed"]) == (200, True)
    assert bytes(await db.value("SELECT body FROM inbound_messages WHERE source = 'supplier'")) == document
