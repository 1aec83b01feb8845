"""Saved views: a list as someone likes it, under a name, for themselves or shared with everybody."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from tortoise.exceptions import IntegrityError

from engine import clock, db
from engine.domain.roles import Permission
from engine.errors import Invalid, NotFound
from engine.services.sessions import Person

MOST = 200
LONGEST_QUERY = 4_000
_SELECT = (
    "SELECT v.id, v.name, u.id, u.name, v.shared, v.query, v.columns, v.sort FROM saved_views v "
    "JOIN users u ON u.id = v.user_id WHERE "
)


class View(msgspec.Struct, frozen=True):
    """A saved view. ``query`` is the URL's query string, ``mine``: the person who asked saved it."""

    id: int
    name: str
    owner: str
    mine: bool
    shared: bool
    query: str
    columns: list[str]
    sort: str


async def views(person: Person) -> list[View]:
    """The person's own views and then those that others share, each by name."""
    found = await db.rows(_SELECT + "v.user_id = ? OR v.shared ORDER BY v.name, v.id", person.id)
    return sorted((_view(r, person) for r in found), key=lambda view: not view.mine)


async def view(person: Person, view_id: int) -> View:
    """A view that the person may see; raises NotFound."""
    found = await db.row(_SELECT + "v.id = ? AND (v.user_id = ? OR v.shared)", view_id, person.id)
    if found is None:
        raise NotFound("there is no such view, or nobody shares it any more")
    return _view(found, person)


def _view(row: db.Row, person: Person) -> View:
    columns = msgspec.json.decode(row[6], type=list[str])
    return View(
        int(row[0]), row[1], row[3], int(row[2]) == person.id, bool(row[4]), row[5] or "", columns, row[7] or ""
    )


async def save(
    person: Person, name: str, query: str, *, columns: Sequence[str] = (), sort: str = "", shared: bool = False
) -> View:
    """The person has a view of this name; one of theirs that was called so is replaced."""
    name, query = _named(name), query.removeprefix("?")
    if len(query) > LONGEST_QUERY or len(columns) > 100 or len(sort) > 60:
        raise Invalid(f"a view's filters are at most {LONGEST_QUERY:,} characters long", "query")
    async with db.transaction():
        if await db.value("SELECT COUNT(*) FROM saved_views WHERE user_id = ? AND name <> ?", person.id, name) >= MOST:
            raise Invalid(f"you have {MOST} views, which is the most; delete one first", "name")
        saved = await db.value(
            "INSERT INTO saved_views (user_id, name, filters, columns, shared, created_at, query, sort) "
            "VALUES (?, ?, '{}', ?, ?, ?, ?, ?) ON CONFLICT (user_id, name) DO UPDATE SET columns = excluded.columns, "
            "shared = excluded.shared, query = excluded.query, sort = excluded.sort RETURNING id",
            person.id, name, msgspec.json.encode(list(columns)).decode(), shared, clock.micros(clock.now()), query, sort,
        )  # fmt: skip
    return await view(person, int(saved))


async def rename(person: Person, view_id: int, name: str) -> View:
    """The view is called so; raises Invalid where its owner has another of that name."""
    name = _named(name)
    await _changeable(person, view_id)
    try:
        async with db.transaction():
            await db.run("UPDATE saved_views SET name = ? WHERE id = ?", name, view_id)
    except IntegrityError as error:
        raise Invalid(f"there is already a view called {name}", "name") from error
    return await view(person, view_id)


async def share(person: Person, view_id: int, shared: bool = True) -> None:
    """Everybody sees the view, or only its owner does."""
    await _changeable(person, view_id)
    await db.run("UPDATE saved_views SET shared = ? WHERE id = ?", shared, view_id)


async def delete(person: Person, view_id: int) -> None:
    """The view is gone."""
    await _changeable(person, view_id)
    await db.run("DELETE FROM saved_views WHERE id = ?", view_id)


async def _changeable(person: Person, view_id: int) -> None:
    """It is the person's own, or shared and they may change what others share; raises NotFound, Refused."""
    if not (await view(person, view_id)).mine:
        person.demand(Permission.SHARED_VIEWS)


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 80 or not name.isprintable():
        raise Invalid("a view's name has 1 to 80 characters", "name")
    return name
