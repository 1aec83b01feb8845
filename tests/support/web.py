"""The web app as people have it: a process of its own on loopback, and Debian's Chromium to use it with."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import httpx
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Playwright, WebSocket, expect

from engine.domain.roles import Role
from engine.services import accounts, sessions
from engine.services.lifecycle import Actor
from engine.settings import Settings
from tests.support.debian import install
from webui import build
from webui.gate import COOKIE

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PASSWORD = "blue ledger 2026!"
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # what passes is not described node by node, which takes half of the time
}
SETUP = Actor("setup", "person", "test")
START_SECONDS = 180.0
PATIENCE = 60.0
"""Seconds until something is said not to come: a machine may be as busy as it likes. How quick pages are is measured by
``tests.bench.web``."""
expect.set_options(timeout=PATIENCE * 1000)
NEWS = 25_000.0
"""Milliseconds in which what others do shows: sooner than figures are read again though nothing happened."""
LOOKS = ((1280, "light"), (390, "dark"), (320, "light"))
NARROWEST = 320


def built() -> None:
    """The front end is that of the present sources; of several test processes one builds it and the others wait."""
    with (build.ROOT / "webui" / ".build-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if build.is_stale():
            build.build()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """``bluebook web`` as a process. It can be killed and started again on its port."""

    def __init__(self, conf: Settings, *options: str) -> None:
        self.conf = conf
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = Path(conf.home) / "logs" / "bluebook.log"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> float:
        """It answers; after how many seconds."""
        environ = os.environ | {
            "BLUEBOOK_HOME": self.conf.home, "BLUEBOOK_DATABASE_URL": self.conf.database, "BLUEBOOK_LOG_JSON": "1",
            "BLUEBOOK_UNDO_SECONDS": str(self.conf.undo_seconds),
        }  # fmt: skip
        command = [
            sys.executable,
            "-c",
            "from tui.cli import main; main()",
            "web",
            "--port",
            str(self.port),
            *self._options,
        ]
        began = time.monotonic()
        self._process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while time.monotonic() - began < START_SECONDS:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/ping", timeout=10).status_code == httpx.codes.OK:
                    return time.monotonic() - began
            if self._process.poll() is not None:
                assert self._process.stdout is not None
                with self._process.stdout as said:
                    raise RuntimeError(said.read().decode())
            time.sleep(0.05)
        raise RuntimeError("the web app did not come up")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """It is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    def logged(self) -> list[dict[str, Any]]:
        """What it wrote to its log, line by line."""
        found = []
        for line in self.log.read_text().splitlines() if self.log.exists() else []:
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(line))
        return found


_KEEP_SOCKETS = """
window.__sockets = [];
window.WebSocket = class extends WebSocket { constructor(...a) { super(...a); window.__sockets.push(this); } };
"""


class Tab:
    """A browser page, with what its console said, which requests it made and which frames its websocket carried."""

    def __init__(self, site: Site, page: Page) -> None:
        self.site, self.page = site, page
        self.console: list[str] = []
        self.requests: list[str] = []
        self.sent: list[str] = []
        self.received: list[str] = []
        page.on("websocket", self._listen)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))

    def _said(self, message: ConsoleMessage) -> None:
        if message.text != "Disconnect websocket on page navigation":  # Reflex says so at every reload
            self.console.append(f"{message.type}: {message.text}")

    async def open(self, path: str) -> None:
        """The page of this path is there and has been read: its title stands and nothing is loading."""
        await self.page.goto(self.site.url + path)
        await self.settled()

    async def settled(self) -> None:
        """The page shows what it was to show."""
        await expect(self.page.locator("main h1").first).to_be_visible()
        await expect(self.page.locator(".skeleton")).to_have_count(0)

    def section(self, part: str) -> Locator:
        """The link to a section of the settings on this page."""
        return self.page.get_by_role("navigation", name="Sections").get_by_role("link", name=part.capitalize())

    async def looked_through(self, parts: Iterable[str]) -> None:
        """Each of these sections of the settings was opened, and axe found nothing there, nor anything at the side."""
        for part in parts:
            await self.section(part).click()
            await expect(self.section(part)).to_have_attribute("aria-current", "page")
            await self.settled()
            await self.axe()
            await self.fits()
        self.clean()

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.sent.append(str(frame)))
        socket.on("framereceived", lambda frame: self.received.append(str(frame)))

    async def forge(self, state: Any, handler: str, **payload: Any) -> None:
        """The event is sent over the page's own socket, as someone would who knows the handler's name."""
        name = f"{state.get_full_name()}.{handler}"
        await self.page.evaluate(
            "([name, payload]) => window.__sockets.filter(s => s.readyState === 1).at(-1).send('42/_event,' + "
            "JSON.stringify(['event', {name, payload, router_data: {pathname: location.pathname, "
            "asPath: location.pathname + location.search, query: {}}}]))",
            [name, payload],
        )

    async def refused(self, handler: str) -> None:
        """The server has refused an event for this handler, told the person, and has it in its log."""
        await expect(self.page.get_by_role("alert").filter(has_text="may not").first).to_be_visible()

        def logged() -> None:
            told = [line for line in self.site.logged() if line.get("event") == "refused an event"]
            assert any(str(line.get("handler", "")).endswith(handler) for line in told), told

        await eventually(logged)

    async def fits(self) -> None:
        """Nothing stands out at the side."""
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await self.page.evaluate(script) <= 0, self.page.url

    async def axe(self) -> None:
        """Axe finds nothing on the page as it is now, by WCAG 2.2 AA and best practice."""
        if not await self.page.evaluate("'axe' in window"):  # half a megabyte: read once a document, not at every look
            await self.page.evaluate(Axe().axe_script)
        found = await self.page.evaluate("options => axe.run(options)", AXE)
        told = [
            f"{v['id']} ({v['impact']}): {v['help']}: " + "; ".join(n["html"][:160] for n in v["nodes"][:4])
            for v in found["violations"]
        ]
        assert not told, f"{self.page.url}\n" + "\n".join(told)

    async def looks_well(self) -> None:
        """Axe finds nothing on a desk and on a phone, in a theme each, and nothing has to be scrolled sideways at any width.

        Every route in both themes is seen by ``test_every_state.py``.
        """
        for width, theme in LOOKS:
            await self.page.set_viewport_size({"width": width, "height": 900})
            await self.page.evaluate(
                "theme => { const of = document.documentElement.classList; of.remove('light', 'dark'); of.add(theme) }",
                theme,
            )
            if width > NARROWEST:
                await self.axe()
            measure = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert await self.page.evaluate(measure) <= 0, width

    def clean(self) -> None:
        """The console is empty and nothing was asked for outside of the site."""
        assert not self.console, self.console
        outside = [url for url in self.requests if not url.startswith((self.site.url, "data:", "blob:"))]
        assert not outside, outside


@contextlib.asynccontextmanager
async def browser(playwright: Playwright, *more: str) -> AsyncIterator[Browser]:
    """Debian's Chromium, installed if it was not there and we may; with more arguments than the usual ones."""
    install("chromium", CHROMIUM)
    found = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more])
    try:
        yield found
    finally:
        await found.close()


async def person(role: Role, name: str = "") -> str:
    """There is a person of this role; a session's token of theirs. The password is PASSWORD. The database must be open."""
    name = name or role.value
    if name not in {known.name for known in await accounts.users()}:
        await accounts.add_user(name, role, SETUP, password=PASSWORD)
    token, _ = await sessions.login(name, PASSWORD, "127.0.0.1", "test")
    return token


async def tab(
    chromium: Browser,
    site: Site,
    role: Role | None,
    *,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    name: str = "",
    spare: list[BrowserContext] | None = None,
) -> Tab:
    """A page in a context of its own, new or a spare one, logged in as a person of the role; None: nobody."""
    context = spare.pop() if spare else await _context(chromium)
    if spare is not None and not context.pages:
        # As long as a page of the site is open, its renderer lives and has the front end's compiled code.
        await (await context.new_page()).goto(f"{site.url}/ping")
    if role is not None:
        token = await person(role, name)
        await context.add_cookies(
            [{"name": COOKIE, "value": token, "url": site.url, "httpOnly": True, "sameSite": "Lax"}]
        )
    page = await context.new_page()
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme="dark" if dark else "light")
    return Tab(site, page)


async def _context(chromium: Browser) -> BrowserContext:
    """A new context. How wide and dark it is, is a page's matter, so that a context serves any."""
    context = await chromium.new_context(reduced_motion="reduce")
    context.set_default_timeout(PATIENCE * 1000)
    await context.add_init_script(_KEEP_SOCKETS)
    return context


async def put_back(one: Tab, spare: list[BrowserContext]) -> None:
    """The tab is closed, with whatever its test opened beside it; its context is spare, and keeps nothing of the test but
    the immutable files that the browser has cached.

    What a page has (listeners, routes, emulation, sessionStorage, sockets) goes with it. What a context has is taken back
    here, but for listeners, scripts and headers: a test that gives it such closes it.
    """
    context = one.page.context
    keeper, *others = context.pages or [None]
    if keeper is None:  # the test has closed it
        return
    for page in others:
        await page.close()
    devtools = await context.new_cdp_session(keeper)
    await devtools.send("Storage.clearDataForOrigin", {"origin": one.site.url, "storageTypes": "all"})
    await devtools.detach()
    await keeper.evaluate("localStorage.clear()")  # in the renderer too, which hears of the above only later
    await context.clear_cookies()
    await context.clear_permissions()
    await context.unroute_all()
    await context.set_offline(False)
    spare.append(context)


async def eventually(check: Any, seconds: float = PATIENCE) -> None:
    """The check passes within the time; its last error otherwise."""
    until = time.monotonic() + seconds
    while True:
        try:
            found = check()
            if asyncio.iscoroutine(found):
                await found
            return
        except AssertionError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.1)
