"""``python -m scripts.picture`` runs the demo and draws what people saw: docs/demo.svg, queue.svg, resolve.svg, web.png."""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from textual.pilot import Pilot

from engine import db
from engine.demo.run import Demo, Options
from engine.demo.watch import Progress
from engine.services.lifecycle import Actor
from tui.app import BluebookApp
from tui.cli import demo_view
from tui.cli.demo_web import NAME, DemoWeb
from tui.widgets.order_list import OrderList

DOCS = Path(__file__).parents[1] / "docs"
CHROMIUM = "/usr/bin/chromium"
WIDTH, HEIGHT = 100, 32
PERSON = Actor("dana", "person", "tui")
_FONTS = re.compile(r"@font-face \{+.*?\}+\s*", re.DOTALL)


def drawn(progress: Progress) -> str:
    """The demo's screen as SVG, with fonts of the reader's own: a picture fetches nothing."""
    console = Console(record=True, width=WIDTH, height=HEIGHT, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(demo_view.frame(progress, WIDTH, HEIGHT))
    plain = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="bluebook demo", code_format=plain, unique_id="demo")


async def demo_look(demo: Demo) -> Progress:
    """The look, of those with something resolved and something still to do, whose blue book tells of the most kinds of steps."""
    looks = [look async for look in demo.run()]
    busy = [look for look in looks if look.fixes and 0 < look.counts.completed < look.of]
    return max(busy, key=lambda look: (len({e.action for e in look.events[-13:]}), look.counts.completed))


async def until(sql: str, least: int) -> None:
    """The query counts that much."""
    while int(await db.value(sql)) < least:  # noqa: ASYNC110  another process does it
        await asyncio.sleep(0.2)


async def press(app: BluebookApp, pilot: Pilot[int], *keys: str) -> None:
    """The keys are pressed at a person's pace."""
    for key in keys:
        await pilot.press(key)
        await app.idle()
        await pilot.pause(0.3)


def shot(app: BluebookApp) -> str:
    """What the terminal shows, as SVG that fetches nothing."""
    return _FONTS.sub("", app.export_screenshot(title="bluebook tui"))


async def queue_looks() -> dict[str, str]:
    """The queue with an order held, and an order being resolved, on orders the demo left for a person."""
    app = BluebookApp(PERSON)
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause(1.0)
        await press(app, pilot, "p", "p", "3", "j", "space", "j", "space", "j")
        await pilot.pause(1.2)  # the status line has seen them
        queue = shot(app)
        await press(app, pilot, "M", "2")
        rows = app.screen.query_one(OrderList).window.rows
        place = next(n for n, row in enumerate(rows) if "SKU?" in row.issues)
        await press(app, pilot, *["j"] * place, "r")
        await pilot.pause(0.5)
        return {"queue.svg": queue, "resolve.svg": shot(app)}


async def web_look(home: Path) -> bytes:
    """Order History in a browser, as PNG."""
    web = DemoWeb(home)
    await web.start()
    try:
        async with async_playwright() as playwright:
            chromium = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            page = await chromium.new_page(viewport={"width": 1180, "height": 760})
            await page.goto(f"{web.url}/login?next=%2Forders")
            await page.get_by_label("Name").fill(NAME)
            await page.get_by_label("Password").fill(web.password)
            await page.get_by_role("button", name="Log in").click()
            await page.locator("tbody tr").first.wait_for()
            await page.get_by_label("Words").focus()
            return await page.screenshot()
    finally:
        await web.stop()


async def pictures() -> dict[str, str | bytes]:
    """Every picture by its file's name."""
    with tempfile.TemporaryDirectory() as folder:
        async with Demo(Options(home=Path(folder) / "demo")) as demo:
            found: dict[str, str | bytes] = {"demo.svg": drawn(await demo_look(demo))}
            before = int(await db.value("SELECT COUNT(*) FROM orders"))
            await demo.hand_over()
            await until("SELECT COUNT(*) FROM orders", before + 17)
            found["web.png"] = await web_look(demo.options.home)
            return found | await queue_looks()


if __name__ == "__main__":
    for name, picture in asyncio.run(pictures()).items():
        (DOCS / name).write_bytes(picture.encode() if isinstance(picture, str) else picture)
        print(f"wrote docs/{name}")
