"""The requests on docs/api.md are sent, and answered as the page says; its table of scopes is that of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.domain.scopes import WHAT, Scope
from engine.services import setup
from tests.api.client import Api
from tests.support import book
from tests.support.scene import DANA, Scene

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")


def examples() -> list[tuple[str, Any]]:
    """(request, the answer's JSON) of each pair of blocks."""
    found = re.findall(r"```http\n(.*?)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == PAGE.count("```http") == PAGE.count("```json")
    return [(request, msgspec.json.decode(answer)) for request, answer in found]


def told(said: Any, got: Any, where: str = "") -> list[str]:
    """Where the answer is not as the page says; … on the page stands for anything, and members may be left out."""
    if said == "…":
        return [] if got not in (None, "") else [f"{where} is nothing"]
    if isinstance(said, dict) and isinstance(got, dict):
        return [wrong for name in said for wrong in told(said[name], got.get(name), f"{where}.{name}")]
    if isinstance(said, list) and isinstance(got, list) and len(said) == len(got):
        return [wrong for n, part in enumerate(said) for wrong in told(part, got[n], f"{where}[{n}]")]
    return [] if said == got else [f"{where} is {got!r}, and the page says {said!r}"]


@pytest.mark.asyncio(loop_scope="module")
async def test_the_requests_on_the_page_are_answered_as_it_says(api: Api, scene: Scene, tmp_path: Path) -> None:
    await scene.product("MUG-BLUE")
    counter = await setup.add_channel("Counter", "file", {"folder": str(tmp_path)}, DANA, poll_seconds=86_400)
    await setup.map_sku(counter.id, "MUG-BLUE", {"MUG-BLUE": 1}, DANA)
    await book.final()
    cursor = (await api.get("/orders/changes", since="9999-12-31T23:59:59Z"))["cursor"]
    ready = await scene.order(("BB-MUG-01", 2))
    unmapped = [await scene.order((f"UNKNOWN-{n}", 1)) for n in range(2)]
    issue = (await scene.issue(unmapped[0], "unmapped_sku")).id
    kinds = set()
    for request, said in examples():
        head, _, body = request.partition("\n\n")
        first, *lines = head.splitlines()
        method, path = first.split()
        headers = dict(line.split(": ", 1) for line in lines)
        path = path.format(ready=ready, issue=issue, cursor=cursor)
        await book.final()
        kind = headers.pop("Content-Type", "application/json")
        found = await api.call(method, path, body.encode() or None, headers=headers, kind=kind)
        assert told(said, found.said) == [], (request, found)
        assert found.status == said.get("status", 200) if "type" in said else found.status < 300
        kinds.add(found.status)
    assert kinds == {200, 412, 422}


def test_what_is_said_of_an_answer_is_compared() -> None:
    assert told({"a": "…", "b": [1]}, {"a": 3, "b": [1], "c": 0}) == []
    assert told({"a": "…"}, {}) == [".a is nothing"]
    assert len(told({"a": [1, 2], "b": 1}, {"a": [1], "b": 2})) == 2


def test_the_scopes_on_the_page_are_those_there_are() -> None:
    rows = re.findall(r"^\| `([a-z]+:[a-z]+)` \| (.+?) \|$", PAGE, re.MULTILINE)
    assert dict(rows) == {scope.value: WHAT[scope] for scope in Scope}
