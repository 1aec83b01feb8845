"""Pictures of every screen, in dark, in light and without colour, at one moment; ``--snapshot-update`` renews them."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual.widgets import Input
from tortoise.context import _current_context

from engine import clock, db, settings
from engine.connectors import registry
from tests.support import databases
from tests.support.scene import Scene
from tests.support.terminal import at_desk
from tui import keys_file, live, plain, views

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SIZE = (100, 30)
SCREENS: dict[str, tuple[str, ...]] = {
    "queue": ("3", "j", "space", "space"),
    "history": ("g", "h"),
    "order": ("3", "enter"),
    "book": ("3", "b"),
    "event": ("3", "b", "g", "g", "enter"),
    "resolve_sku": ("2", "j", "r"),
    "resolve_shipping": ("2", "r"),
    "resolve_address": ("2", "j", "j", "r"),
    "edit": ("3", "e", "q", "2"),
    "bulk": ("3", "*", "P"),
    "cancel": ("1", "c"),
    "edit_left": ("3", "e", "q", "1", "escape"),
    "form_left": ("g", "c", "A", *"shopify", "enter", *"Shop", "escape"),
    "snooze": ("1", "z"),
    "add": ("g", "s", "A"),
    "add_supplier": ("g", "s", "A", str(registry.available("suppliers").index("rest") + 1), "enter"),
    "filter": ("/", *"err:sk"),
    "command": (":", *"vi"),
    "palette": ("ctrl+p", *"hist"),
    "help": ("?",),
    "channels": ("g", "c"),
    "channel_settings": ("g", "c", "enter"),
    "suppliers": ("g", "s"),
    "mappings": ("g", "m"),
    "jobs": ("g", "j"),
    "nothing": ("/", *"zzzzz", "enter"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def still(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Some of every kind of order, placed within the hour before the one moment at which everything is."""
    moments = iter(range(60))
    clock.use(lambda: NOW - timedelta(hours=1))
    url = databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("still"))
    settings.force(settings.Settings(home=str(tmp_path_factory.mktemp("home")), database_url=url))
    context = await db.open_database(url)
    token = _current_context.set(context)
    scene = Scene()
    try:
        await scene.open()
        for lines, options in ORDERS:
            at = NOW - timedelta(minutes=59 - 7 * next(moments))
            clock.use(lambda at=at: at)
            await scene.order(*lines, **options)
        yield scene
        await scene.close()
    finally:
        clock.use(lambda: datetime.now(UTC))
        settings.force(None)
        await context.close_connections()
        _current_context.reset(token)


ORDERS = (
    ((("BB-MUG-01", 2), ("BB-TEA-01", 1)), {"who": "Dana"}),
    ((("BB-LAMP-01", 1),), {"who": "Omar"}),
    ((("BB-MUG-02", 3),), {"who": "Wei", "rate": "Local courier"}),
    ((("SHOP-LAMP-2", 1),), {"who": "Ana"}),
    ((("BB-PEN-01", 1),), {"who": "Jan", "state": "CA"}),
    ((("BB-KIT-TEATIME", 2),), {"who": "Mia"}),
)


@pytest.fixture
async def moment(still: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """It is the one moment, in the one time zone, in a home where the hint was seen."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    clock.use(lambda: NOW)
    monkeypatch.setattr(live, "midnight", lambda: NOW.replace(hour=0, minute=0))
    monkeypatch.setattr(plain, "local", _local)
    monkeypatch.setattr(keys_file, "path", lambda: Path("/home/dana/bluebook/keys.toml"))
    monkeypatch.setattr(views, "load", lambda: views.Remembered(hinted=True))
    yield
    monkeypatch.undo()
    time.tzset()


def _local(at: datetime | None, *, seconds: bool = False) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


@pytest.mark.parametrize("look", ["dark", "light", "nocolor"])
@pytest.mark.parametrize("screen", SCREENS)
async def test_it_looks_as_it_did(
    moment: None, snapshot: SnapshotAssertion, screen: str, look: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if look == "nocolor":
        monkeypatch.setenv("NO_COLOR", "1")
    async with at_desk(size=SIZE) as desk:
        if look == "light":
            desk.app.theme = "bluebook-light"
        await desk.press(*SCREENS[screen])
        await desk.until(lambda: desk.app.figures is not None)
        for field in desk.page.query(Input):
            field.cursor_blink = False
        await desk.settle()
        picture = desk.app.export_screenshot(title=screen)
    # Ports and hashes are new each time; they are as long as each other.
    picture = re.sub(r"127\.0\.0\.1:\d{5}", "127.0.0.1:50000", picture)
    picture = re.sub(r"hash&#160;[0-9a-f]+", "hash", picture)
    assert picture == snapshot(extension_class=SVGImageExtension)
