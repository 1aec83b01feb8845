"""A morning's orders cleared by a scripted person in tmux: how many a minute, and how much of the time the app takes.

200 orders are pulled from a store, 15% of which need Resolve: rates, SKUs and addresses. The person presses 8 keys a second
and looks at the screen before a key that depends on it. The app's share is the time the person waits for a screen.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
import time
from pathlib import Path
from typing import Any

from engine import db, settings, vault
from engine.demo import home, parts
from engine.demo.parts import Place
from engine.services import schema
from tests.support.scene import Scene
from tests.support.tmux import TAP, Tmux, tmux

ROOT = Path(__file__).parents[2]
ORDERS = 200
TROUBLES = (
    (("BB-LAMP-01",), "unmapped_rate", 8), (("BB-MUG-02",), "renamed_sku", 8),
    (("BB-BAG-01",), "wrong_region", 7), (("BB-PEN-01",), "no_postcode", 7),
)  # fmt: skip
ANSWERS = {"SHIP?": ("1",), "SKU?": ("Enter",), "ADDR?": ("Enter",)}


class Person:
    """Presses keys at a pace, and counts how long the screen keeps it waiting."""

    def __init__(self, terminal: Tmux) -> None:
        self.terminal = terminal
        self.keys = 0
        self.waited = 0.0

    def press(self, *keys: str) -> None:
        """Eight keys a second."""
        for key in keys:
            begun = time.monotonic()
            self.terminal.type(key, tap=0)
            self.keys += 1
            time.sleep(max(TAP - (time.monotonic() - begun), 0))

    def until(self, wanted: str) -> str:
        """The screen as soon as it shows this."""
        begun = time.monotonic()
        screen = self.terminal.until(lambda screen: re.search(wanted, screen, re.MULTILINE) is not None)
        self.waited += time.monotonic() - begun
        return screen


def ready(screen: str) -> int:
    """How many are ready."""
    found = re.search(r"1 Ready ([\d,]+)", screen)
    return int(found[1].replace(",", "")) if found else 0


def clear(person: Person) -> None:
    """First what needs a person, one answer for many; then all that is ready, one by one."""
    person.press("2")
    before = ""
    while True:
        moved = rf"^>[ *] (?!{before} )\S+ .*(READY|SHIP\?|SKU\?|ADDR\?)" if before else r"^>[ *] \S+ "
        screen = person.until(rf"{moved}|Nothing waits here|\[2 Resolve 0\]")
        row = re.search(r"^>[ *] (\S+).*?(READY|SHIP\?|SKU\?|ADDR\?)", screen, re.MULTILINE)
        if row is None:
            break
        before = re.escape(row[1])
        if row[2] != "READY":
            _resolve(person, row[1], row[2])
        person.press("p")
    person.press("1")
    person.until(r"\[1 Ready")
    while True:
        screen = person.until(r"^>|Nothing waits here")
        if not re.search(r"^>", screen, re.MULTILINE):
            break
        person.press(*["p"] * max(min(ready(screen), 20), 1))


def _resolve(person: Person, number: str, state: str) -> None:
    """The Issue is resolved as a person does who looks at what is suggested. Another's answer may have cleared it meanwhile."""
    person.press("r")
    mine = re.escape(number)
    pane = person.until(rf"^ {mine}  1/\d|^>[ *] {mine} .*READY")
    if not re.search(rf"^ {mine}  1/\d", pane, re.MULTILINE):
        return
    suggested = re.search(r"^ > 1  (?!It is fine|Cancel)", pane, re.MULTILINE) is not None
    person.press(*(ANSWERS[state] if suggested else (*"97205", "Enter")))


async def _seed(folder: Path, url: str) -> None:
    async with db.database(url):
        await schema.upgrade()
        scene = Scene()
        await scene.open()
        rng = random.Random(7)
        placed = parts.place(scene.store, rng, Place(ORDERS - sum(n for _, _, n in TROUBLES)))
        for skus, trouble, n in TROUBLES:
            made = parts.place(scene.store, rng, Place(n, skus, trouble))
            for number in made if trouble == "no_postcode" else ():
                scene.store.orders[number]["shipping"] |= {"country": "US", "state": "OR", "city": "Portland"}
            placed += made
        rng.shuffle(placed)
        for start in range(0, len(placed), 50):
            await scene.take(*placed[start : start + 50])
        await scene.close()


def run(folder: Path) -> dict[str, Any]:
    """Orders a minute, keys an order, and the app's share of the time in percent."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder}/triage.db"
    conf = settings.Settings(home=str(folder), database_url=url)
    settings.force(conf)
    vault.make_key_file()
    asyncio.run(_seed(folder, url))
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**home.environment(conf, kept), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    with tmux() as terminal:
        terminal.start([sys.executable, "-c", "from tui.cli import main; main()", "tui"], environment, (100, 30), ROOT)
        terminal.until(lambda screen: screen.find("\n>") >= 0)
        person = Person(terminal)
        begun = time.monotonic()
        clear(person)
        seconds = time.monotonic() - begun
    return {
        "orders": ORDERS, "orders_per_minute": 60 * ORDERS / seconds, "keys_per_order": person.keys / ORDERS,
        "seconds": seconds, "app_share_percent": 100 * person.waited / seconds,
    }  # fmt: skip


if __name__ == "__main__":
    print(run(Path(sys.argv[1])))
