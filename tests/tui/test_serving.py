"""The terminal app in a browser tab: on this machine only, with a secret in its address, and nothing from outside."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from engine import vault
from engine.settings import Settings, settings
from tests.support import bulk

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def address(sqlite_url: str, own_settings: Settings) -> AsyncIterator[str]:
    """The app is served over a database with orders; what it printed."""
    vault.make_key_file()
    await bulk.fill(sqlite_url, 50)
    port = free_port()
    environment = {
        "BLUEBOOK_HOME": str(settings().home_path),
        "BLUEBOOK_DATABASE_URL": sqlite_url,
        "PATH": "/usr/bin:/bin",
    }
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from tui.cli import main; main()", "tui", "--serve", "--port", str(port),
        env=environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert started.stdout is not None
    line = (await asyncio.wait_for(started.stdout.readline(), 120)).decode()
    found = re.search(r"http://\S+", line)
    assert found, line
    yield found[0]
    started.terminate()
    await started.wait()


async def test_the_page_and_all_it_names_come_from_here(address: str) -> None:
    async with aiohttp.ClientSession() as client:
        answer = await client.get(address)
        page = await answer.text()
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        base = address.partition("/?")[0]
        named = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
        assert named
        for url in named:
            assert url.startswith((base, "data:")) or url == "", url
        for url in [url for url in named if url.startswith(base)]:
            body = await (await client.get(url)).read()
            fetched = re.findall(rb"url\(['\"]?(https?://[^'\")]+)", body) + re.findall(
                rb"@import ['\"]?(https?:[^'\"]+)", body
            )
            assert fetched == []


async def test_without_the_secret_or_from_another_page_nothing_opens(address: str) -> None:
    base, _, key = address.partition("/?key=")
    async with aiohttp.ClientSession() as client:
        assert (await client.get(base)).status == 403
        assert (await client.get(f"{base}/?key=guess")).status == 403
        assert (await client.get(f"{base}/ws")).status == 403
        assert (await client.get(f"{base}/ws/{key}", headers={"Origin": "https://evil.example"})).status == 403
        assert (await client.get(address, headers={"Host": "evil.example"})).status == 403


async def test_the_app_paints_its_queue_in_the_tab(address: str) -> None:
    base, _, key = address.partition("/?key=")
    async with aiohttp.ClientSession() as client:
        url = f"{base.replace('http', 'ws', 1)}/ws/{key}?width=100&height=30"
        async with client.ws_connect(url, origin=base) as tab:
            seen = b""
            async with asyncio.timeout(120):
                while b"Queue" not in seen or b"READY" not in seen:
                    message = await tab.receive()
                    seen += message.data if isinstance(message.data, bytes) else str(message.data).encode()
