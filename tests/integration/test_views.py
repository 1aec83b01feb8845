"""Saved views: one's own and shared ones, by who may change them."""

from __future__ import annotations

import asyncio

import pytest

from engine import db
from engine.errors import Invalid, NotFound, Refused
from engine.services import views
from tests.support.people import logged_in


async def test_a_view_is_saved_replaced_renamed_and_deleted(database: str) -> None:
    _, dana = await logged_in("dana", "viewer")
    made = await views.save(
        dana, "  Late   ones ", "?status=failed&q=%C3%A9", columns=["number", "total"], sort="-placed"
    )
    assert (made.name, made.query, made.columns, made.sort) == (
        "Late ones",
        "status=failed&q=%C3%A9",
        ["number", "total"],
        "-placed",
    )
    assert (made.owner, made.mine, made.shared) == ("dana", True, False)
    again = await views.save(dana, "Late ones", "status=ready")
    assert (again.id, again.query, again.columns) == (made.id, "status=ready", [])
    other = await views.save(dana, "Others", "")
    with pytest.raises(Invalid, match="already a view called Others"):
        await views.rename(dana, made.id, "Others")
    assert (await views.rename(dana, made.id, "Zulu")).name == "Zulu"
    assert [v.name for v in await views.views(dana)] == ["Others", "Zulu"]
    await views.delete(dana, other.id)
    assert [v.name for v in await views.views(dana)] == ["Zulu"]


async def test_what_is_not_shared_is_nobody_elses(database: str) -> None:
    _, dana = await logged_in("dana", "viewer")
    _, root = await logged_in("root", "admin")
    mine = await views.save(dana, "Mine", "status=ready")
    assert await views.views(root) == []
    for attempt in (
        views.view(root, mine.id),
        views.rename(root, mine.id, "x"),
        views.delete(root, mine.id),
        views.share(root, mine.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await views.view(dana, mine.id)) == mine


@pytest.mark.parametrize(
    ("role", "allowed"), [("viewer", False), ("operator", False), ("manager", True), ("admin", True)]
)
async def test_a_shared_view_is_changed_by_its_owner_and_by_managers(database: str, role: str, allowed: bool) -> None:
    _, dana = await logged_in("dana", "viewer")
    _, other = await logged_in("other", role)
    shared = await views.save(dana, "Team", "status=ready")
    await views.share(dana, shared.id)
    (seen,) = await views.views(other)
    assert (seen.name, seen.owner, seen.mine, seen.shared) == ("Team", "dana", False, True)
    if allowed:
        assert (await views.rename(other, shared.id, "Teams")).name == "Teams"
        await views.share(other, shared.id, False)
        with pytest.raises(NotFound):
            await views.delete(other, shared.id)
    else:
        for attempt in (
            views.rename(other, shared.id, "x"),
            views.delete(other, shared.id),
            views.share(other, shared.id, False),
        ):
            with pytest.raises(Refused, match="may not change views that others share"):
                await attempt
    assert len(await views.views(dana)) == 1


async def test_ones_own_come_first_and_two_may_use_a_name(database: str) -> None:
    _, dana = await logged_in("dana", "viewer")
    _, eve = await logged_in("eve", "viewer")
    await views.save(dana, "A", "x=1", shared=True)
    await views.save(eve, "A", "x=2")
    await views.save(eve, "B", "x=3")
    assert [(v.name, v.mine, v.query) for v in await views.views(eve)] == [
        ("A", True, "x=2"),
        ("B", True, "x=3"),
        ("A", False, "x=1"),
    ]


async def test_saving_twice_at_once_makes_one(database: str) -> None:
    _, dana = await logged_in("dana", "viewer")
    await asyncio.gather(*(views.save(dana, "A", f"x={n}") for n in range(5)))
    assert await db.value("SELECT COUNT(*) FROM saved_views") == 1


@pytest.mark.parametrize(
    ("name", "query"), [("", "a=1"), (" ", ""), ("x" * 81, ""), ("a\x1bb", ""), ("a", "q" * 4_001)]
)
async def test_what_cannot_be_a_view_is_refused(sqlite_database: str, name: str, query: str) -> None:
    _, dana = await logged_in("dana", "viewer")
    with pytest.raises(Invalid):
        await views.save(dana, name, query)
    assert await views.views(dana) == []


async def test_there_is_a_most(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, dana = await logged_in("dana", "viewer")
    monkeypatch.setattr(views, "MOST", 2)
    await views.save(dana, "A", "")
    await views.save(dana, "B", "")
    with pytest.raises(Invalid, match="which is the most"):
        await views.save(dana, "C", "")
    await views.save(dana, "A", "x=1")
