"""Lists of orders and narrowed blue books go into files as they are shown."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from engine.services import hold
from tests.support.scene import DANA, Scene
from tests.support.terminal import at_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)


async def test_a_list_is_exported_as_it_is_narrowed(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, other = await scene.order(MUG), await scene.order(MUG)
    await hold.hold(held, "=1+1", DANA)
    number = (await scene.case(held)).order.number
    monkeypatch.chdir(tmp_path)
    async with at_desk(start="history", size=(80, 24)) as desk:
        await desk.press("/", *"is:onhold", "enter", "E")
        assert "Export Order History > All, is:onhold" in desk.text()
        await desk.press("enter")
        assert "written: 1 order to " in desk.app.said[-1][1]
        with (tmp_path / "orders.csv").open(newline="") as file:
            [row] = csv.DictReader(file)
        assert row["number"] == number
        await desk.press("escape", "E", *f"{tmp_path}/all.json", "enter")
        every = json.loads((tmp_path / "all.json").read_text())
        assert {held, other} <= {one["id"] for one in (every["orders"] if isinstance(every, dict) else every)}
        await desk.press("E", *f"{tmp_path}/all.pdf", "enter")
        assert "neither in .csv nor in .json" in desk.flat
        await desk.press(*["backspace"] * 7, *"nowhere/all.csv", "enter")
        assert "cannot be written" in desk.flat
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.json", "orders.csv"]


async def test_a_narrowed_blue_book_is_exported_as_it_is_shown_or_whole(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await scene.order(MUG)
    await hold.hold(order, "look at it", DANA)
    monkeypatch.chdir(tmp_path)
    async with at_desk(start="history", size=(100, 30)) as desk:
        await desk.go(order)
        await desk.press("b", "f")
        assert "person" in desk.text()
        await desk.press("E", *f"{tmp_path}/part.json", "enter")
        part = json.loads((tmp_path / "part.json").read_text())["events"]
        assert {event["source"] for event in part} == {"person"}
        await desk.press("E", *f"{tmp_path}/whole.json", "down", *"all", "enter")
        whole = json.loads((tmp_path / "whole.json").read_text())["events"]
        assert len(whole) > len(part)
        assert "worker" in {event["source"] for event in whole}
