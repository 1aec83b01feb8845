"""The terminal app in a browser tab: on this machine only, with a secret in its address, and nothing from outside."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from asyncio.subprocess import Process
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
async def address(served: tuple[str, Process]) -> str:
    """The app is served over a database with orders; what it printed."""
    return served[0]


@pytest.fixture
async def served(sqlite_url: str, own_settings: Settings) -> AsyncIterator[tuple[str, Process]]:
    """The same, with its process."""
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
    yield found[0], started
    if started.returncode is None:
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


def below(pid: int) -> list[int]:
    """The processes that this one started, and those that they started."""
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [one for child in found for one in below(child)]


def runs(pid: int) -> bool:
    """It has not ended; what nobody has waited for yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_whoever_terminates_it_ends_the_tabs_too(served: tuple[str, Process]) -> None:
    address, server = served
    base, _, key = address.partition("/?key=")
    async with aiohttp.ClientSession() as client:
        url = f"{base.replace('http', 'ws', 1)}/ws/{key}?width=100&height=30"
        async with client.ws_connect(url, origin=base) as tab, asyncio.timeout(120):
            seen = b""
            while b"READY" not in seen:
                message = await tab.receive()
                seen += message.data if isinstance(message.data, bytes) else str(message.data).encode()
            tabs = below(server.pid)
            assert tabs
            server.terminate()
            assert await server.wait() == 0
            while any(map(runs, tabs)):
                await asyncio.sleep(0.05)
