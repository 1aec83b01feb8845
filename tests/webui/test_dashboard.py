"""The dashboard: every number is that of the list behind it, follows what happens, and can be read by everyone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.async_api import Browser, Locator, expect

from engine import clock, db
from engine.domain.roles import Role
from engine.services import history, overdue
from engine.services.filters import Filters
from tests.support import web
from tests.support.scene import Scene
from tests.support.web import Site, Tab
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")
FIGURES = ("where", "reasons", "days", "hours")


def _ago(**span: float) -> None:
    clock.use(lambda: datetime.now(UTC) - timedelta(**span))


async def life(scene: Scene) -> None:
    """Orders of every kind are there: late, shipped, sent by people and automatically, in need of a person, ready."""
    if await db.value("SELECT COUNT(*) FROM issues WHERE code = 'no_tracking_in_time'"):
        return
    _ago(hours=150)
    for sku in ("BB-MUG-01", "BB-TEA-01"):
        await scene.sent((sku, 1))
    _ago(hours=2)
    await overdue.raise_issues()
    for n in range(3):
        order_id, po = await scene.sent(("BB-MUG-01", 1))
        if n == 0:
            await scene.say(po, "shipped", (1, "AC-2001", 1), desk="ACME")
        if n == 1:
            await db.run("UPDATE orders SET auto = (1 = 1) WHERE id = ?", order_id)
    await scene.order(("BB-MUG-01", 1))
    for _ in range(2):
        await scene.order(("BB-MUG-01", 1), rate="Pigeon post")
    await scene.order(("UNHEARD-OF", 1))
    clock.use(lambda: datetime.now(UTC))


def _filters(href: str) -> Filters:
    return Filters.from_params(dict(parse_qsl(urlsplit(href).query)))


async def _lists(one: Tab, count: int) -> None:
    """Order History says that there are so many orders."""
    said = one.page.locator(".tools p[role=status]")
    await expect(said).to_have_text(f"{count:,} order{'' if count == 1 else 's'}")


async def _numbers(cells: Locator) -> list[str]:
    return [text.strip() for text in await cells.all_inner_texts()]


@pytest.mark.parametrize("period", ["today", "7d"])
async def test_each_number_is_that_of_the_list_it_leads_to(tab: OpenTab, scene: Scene, period: str) -> None:
    await life(scene)
    one = await tab()
    await one.open(f"/?period={period}&channel={scene.shop.channel_id}")
    await expect(one.page.get_by_label("Period")).to_have_value(period)
    links = await one.page.locator("main a[data-count]").evaluate_all(
        "links => links.map(a => [a.getAttribute('href'), +a.dataset.count, a.innerText])"
    )
    assert len(links) > 20
    for href, count, text in links:
        assert await history.count_matching(_filters(href)) == (count, True), (text, href)
        assert href.startswith("/orders?")
    # A sent order's time is no count, and errors are by the hundred; every other link shows the number itself.
    shown = [text for _, count, text in links if str(count) not in text.replace(",", "")]
    assert all("p50" in text or "per 100" in text for text in shown), shown
    one.clean()


async def test_tiles_and_bars_open_their_orders(tab: OpenTab, scene: Scene) -> None:
    await life(scene)
    one = await tab()
    await one.open("/?period=7d")
    tiles = [f"[data-tile={name}] .tile-link" for name in ("waiting", "person", "processing", "late")]
    bars = [f"#{name} a[data-count] >> nth=0" for name in FIGURES]
    for place in [
        *tiles,
        "[data-tile=late] .tile-lines a >> nth=0",
        *bars,
        "[aria-labelledby=suppliers] td a >> nth=0",
    ]:
        link = one.page.locator(place)
        count = int(await link.get_attribute("data-count") or 0)
        assert count > 0, place
        await link.click()
        await expect(one.page).to_have_url(re.compile(r"/orders\?"))
        await _lists(one, count)
        await one.page.go_back()
        await expect(one.page).to_have_url(f"{one.site.url}/?period=7d")
        await one.settled()
    one.clean()


async def test_each_chart_has_a_caption_and_a_table_with_the_same_numbers(tab: OpenTab, scene: Scene) -> None:
    await life(scene)
    one = await tab()
    await one.open("/?period=7d")
    figures = one.page.locator("main figure")
    assert await figures.count() >= len(FIGURES) + 2
    for figure in await figures.all():
        await expect(figure.locator("figcaption")).not_to_be_empty()
        await figure.get_by_text("Show as table").click()
        await expect(figure.get_by_role("table")).to_be_visible()

    async def column(name: str, n: int) -> list[str]:
        return await _numbers(one.page.locator(f"#{name} tbody tr td:nth-of-type({n})"))

    async def drawn(name: str, what: str) -> list[str]:
        texts = await one.page.locator(f"#{name} {what}").all_text_contents()
        return [text.split()[0] for text in texts]

    assert await drawn("where", ".bar-number") == await column("where", 5)
    assert await drawn("where", ".some b") == [
        n for row in await one.page.locator("#where tbody tr").all() for n in (await _numbers(row.locator("td")))[:4] if n != "0"
    ]  # fmt: skip
    assert await drawn("reasons", ".bar-number") == await column("reasons", 1)
    assert await drawn("days", ".column .n") == await column("days", 3)
    assert await drawn("hours", ".column:not(.down) .n") == await column("hours", 2)
    assert await drawn("hours", ".column.down .n") == await column("hours", 3)
    assert set(await drawn("hours", ".column .n")) > {"0"}
    drawings = one.page.locator("[aria-labelledby=suppliers] figure").filter(has=one.page.locator(".column"))
    assert await drawings.count() > 0
    for figure in await drawings.all():
        texts = [text.split()[0] for text in await figure.locator(".column .n").all_text_contents()]
        assert texts == await _numbers(figure.locator("tbody td"))


async def test_figures_follow_a_worker_by_themselves_and_leave_the_page_alone(tab: OpenTab, scene: Scene) -> None:
    await life(scene)
    one = await tab()
    await one.open("/")
    waiting = one.page.locator("[data-tile=waiting] strong")
    before = int(await waiting.inner_text())
    table = one.page.locator("#where").get_by_text("Show as table")
    await table.click()
    await table.focus()
    order_id = await scene.order(("BB-MUG-01", 1))
    await expect(waiting).to_have_text(str(before + 1), timeout=web.NEWS)
    manual = one.page.locator("#hours .column.down")

    async def sent() -> int:
        counts = await manual.evaluate_all("all => all.map(e => +e.dataset.count)")
        return sum(counts)

    earlier = await sent()
    await scene.send(order_id)
    await expect(waiting).to_have_text(str(before), timeout=web.NEWS)

    async def one_more() -> None:
        assert await sent() == earlier + 1

    await web.eventually(one_more, web.NEWS / 1_000)
    await expect(table).to_be_focused()
    await expect(one.page.locator("#where table")).to_be_visible()
    one.clean()


async def test_the_address_says_which_period_and_channel(tab: OpenTab, scene: Scene) -> None:
    await life(scene)
    one = await tab(Role.VIEWER)
    await one.open("/")
    await expect(one.page.locator("main .button")).to_have_count(0)
    await one.page.get_by_label("Period").select_option("30d")
    await expect(one.page).to_have_url(f"{one.site.url}/?period=30d")
    await expect(one.page.locator("#days figcaption")).to_contain_text("30 days")
    await one.page.get_by_label("Channel").select_option(label="Outlet")
    outlet = f"{one.site.url}/?period=30d&channel={scene.outlet_id}"
    await expect(one.page).to_have_url(outlet)
    await expect(one.page.locator("[data-tile=waiting] strong")).to_have_text("0")
    one.clean()
    await one.page.reload()
    await one.settled()
    await expect(one.page.get_by_label("Channel")).to_have_value(str(scene.outlet_id))
    await one.page.go_back()
    await expect(one.page.get_by_label("Channel")).to_have_value("")
    await expect(one.page.locator("[data-tile=waiting] strong")).not_to_have_text("0")


@pytest.mark.parametrize("dark", [False, True])
async def test_the_dashboard_is_accessible_filled_empty_and_in_error(tab: OpenTab, scene: Scene, dark: bool) -> None:
    await life(scene)
    one = await tab(dark=dark)
    await one.open("/?period=30d")
    await expect(one.page.locator(".bar-row").first).to_be_visible()
    for table in await one.page.get_by_text("Show as table").all():
        await table.click()
    await _fine(one)
    one.clean()
    await one.open(f"/?channel={scene.outlet_id}")
    await expect(one.page.get_by_text("No order waits anywhere.")).to_be_visible()
    await _fine(one)
    await one.open("/?period=year")
    await expect(one.page.get_by_role("alert")).to_contain_text("today, 7d, 30d")
    await _fine(one)


async def _fine(one: Tab) -> None:
    """Accessible and nowhere too wide, on a desk and on phones."""
    for width in (1280, 390, 320):
        await one.page.set_viewport_size({"width": width, "height": 900})
        if width > web.NARROWEST:
            await one.axe()
        await _fits(one)


async def _fits(one: Tab) -> None:
    sideways = await one.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert sideways <= 0
    small = await one.page.evaluate(
        "[...document.querySelectorAll('main a, main summary, main select')].filter(e => {const b = e.getBoundingClientRect();"
        " return b.width && (b.width < 24 || b.height < 24)}).map(e => e.outerHTML.slice(0, 120))"
    )
    assert not small


_OUTSIDE = """
() => [...document.querySelectorAll('main figure')].flatMap(figure => {
  const style = getComputedStyle(figure), whole = figure.getBoundingClientRect(), found = [];
  const box = {left: whole.left + parseFloat(style.paddingLeft), right: whole.right - parseFloat(style.paddingRight)};
  const out = (a, b) => a.width > 0 && (a.left < b.left - 1 || a.right > b.right + 1);
  for (const li of figure.querySelectorAll('.columns-of > li')) {
    const own = li.getBoundingClientRect();
    if (out(own, box)) found.push(['column', own.left, own.right, box.left, box.right]);
    for (const part of li.querySelectorAll('.column, .upright, .upright rect'))
      if (out(part.getBoundingClientRect(), own)) found.push([part.outerHTML.slice(0, 80), own.width]);
    for (const label of li.querySelectorAll('.n, .column-title')) {
      const text = document.createRange();
      text.selectNode(label.firstChild);
      if (out(text.getBoundingClientRect(), own)) found.push([label.textContent, own.width]);
    }
  }
  for (const mark of figure.querySelectorAll('.plot .mark'))
    if (out({...mark.getBoundingClientRect().toJSON(), width: 1}, box)) found.push(['mark']);
  for (const bar of figure.querySelectorAll('.bar rect'))
    if (out(bar.getBoundingClientRect(), box)) found.push(['bar']);
  return found;
})
"""
"""Whatever of a chart stands out of its figure or its column."""


@pytest.mark.parametrize("period", ["today", "7d", "30d"])
async def test_every_column_and_label_is_within_its_box(tab: OpenTab, scene: Scene, period: str) -> None:
    await life(scene)
    one = await tab()
    await one.open(f"/?period={period}")
    await expect(one.page.locator("#hours .columns-of > li")).to_have_count(24)
    lines = one.page.locator("[aria-labelledby=suppliers] .plot .mark")
    assert await lines.count() > 0
    for width in (1280, 390):
        await one.page.set_viewport_size({"width": width, "height": 900})
        assert await one.page.evaluate(_OUTSIDE) == []
        drawn = one.page.locator("main figure .columns-of rect")
        assert max([(await rect.bounding_box() or {"width": 0})["width"] for rect in await drawn.all()]) < width / 4


async def test_the_dashboard_prints_its_bars_without_the_frame(tab: OpenTab, scene: Scene) -> None:
    await life(scene)
    one = await tab(dark=True)
    await one.open("/")
    await one.page.emulate_media(media="print")
    await expect(one.page.locator("#where rect").first).to_be_visible()
    await expect(one.page.locator(".top")).to_be_hidden()
    await expect(one.page.get_by_label("Period")).to_be_hidden()


# --- without channels, and without an answer ------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
async def test_without_channels_four_steps_lead_to_orders(chromium: Browser, bare: Site, dark: bool) -> None:
    async with db.database(bare.conf.database):
        one = await web.tab(chromium, bare, Role.ADMIN, dark=dark)
    await one.open("/")
    steps = one.page.locator("main ol.steps > li")
    await expect(steps).to_have_count(4)
    hrefs = [await step.get_by_role("link").get_attribute("href") for step in await steps.all()]
    assert hrefs == ["/channels", "/suppliers", "/suppliers", "/mappings"]
    await _fine(one)
    one.clean()
    await one.page.context.close()


async def test_what_cannot_be_read_is_said_and_can_be_tried_again(chromium: Browser, bare: Site) -> None:
    async with db.database(bare.conf.database):
        one = await web.tab(chromium, bare, Role.ADMIN)
        await db.run("ALTER TABLE suppliers RENAME TO elsewhere")
        await one.open("/")
        await expect(one.page.locator("main").get_by_role("alert")).to_contain_text("eading the figures failed")
        await one.axe()
        await db.run("ALTER TABLE elsewhere RENAME TO suppliers")
        await one.page.get_by_role("button", name="Try again").click()
        await expect(one.page.locator("main ol.steps")).to_be_visible()
        await expect(one.page.locator("main").get_by_role("alert")).to_have_count(0)
    assert any("reading the figures" in str(line) for line in bare.logged())
    await one.page.context.close()
