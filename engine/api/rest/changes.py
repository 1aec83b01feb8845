"""What changed since: orders for programs that keep a copy of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.rest import pages
from engine.api.rest.pages import Limit
from engine.api.rest.table import Call, route
from engine.domain.roles import Permission
from engine.domain.scopes import Scope
from engine.errors import Invalid
from engine.services import changed
from engine.services.changed import ChangedOrder, Place

_KIND = "changes"


class ChangeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """From where on, and how much: a moment the first time, the cursor from then on."""

    since: Annotated[
        datetime | None,
        Meta(
            description="What changed at this moment or later; what changed within the hour before it may come too. Without it "
            "and without a cursor: from the beginning."
        ),
    ] = None
    cursor: Annotated[
        str,
        Meta(
            max_length=1500,
            pattern="^[A-Za-z0-9_-]*$",
            description="What changed since: the `cursor` of the last answer.",
        ),
    ] = ""
    limit: Limit = 50


class Changes(msgspec.Struct, kw_only=True):
    """Orders that changed, each once, by their last change, as they stand now. ``cursor`` is always there: keep it with what
    you made of ``data``, and ask by it again. ``next`` is the address of what changed since already, null where nothing did;
    the header Link has it too."""

    data: list[ChangedOrder]
    next: str | None
    cursor: str


async def list_changes(call: Call, query: ChangeQuery) -> Changes:
    """List the orders that changed since.

    No change is left out, however it was made and whenever it was committed. An order that changes again is told again, also
    while you page, and may come twice: the later one is right.
    """
    if query.cursor and query.since is not None:
        raise Invalid("since is where to begin, and the cursor where to go on: send one of them", "since")
    given = pages.begin(query, _KIND, int, int, str)
    place = Place(*given) if given is not None else await changed.beginning(query.since)
    found = await changed.after(place, query.limit)
    cursor = pages.cursor(ChangeQuery(), _KIND, msgspec.structs.astuple(found.place))
    return Changes(
        data=found.orders, next=pages.follow(call, cursor, instead_of="since") if found.more else None, cursor=cursor
    )


ROUTES = (
    route(
        "GET",
        "/orders/changes",
        Scope.ORDERS_READ,
        Permission.VIEW,
        list_changes,
        noun="orders",
        paged=True,
        problems=("gone",),
    ),
)
