"""Orders: lists by filter, one with everything, its blue book."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.api.rest import pages
from engine.api.rest.pages import CursorText, Limit, Page
from engine.api.rest.reading import Id, Name
from engine.api.rest.table import Call, route
from engine.domain import money
from engine.domain.roles import Permission
from engine.domain.scopes import Scope
from engine.errors import Invalid, Unreadable
from engine.services import audit, blue_book, filters, history, search, told
from engine.services.blue_book import Event
from engine.services.filters import Filters
from engine.services.history import Cursor, OrderRow
from engine.services.order_page import OrderPage

Seconds = Annotated[int, Meta(ge=0, le=10**10)]
Text = Annotated[str, Meta(max_length=200)]
MOST = Decimal(10**12)
Sorts = Literal["-placed", "placed", "-number", "number", "-total", "total", "-state", "state"]


class OrderQuery(Filters, frozen=True, kw_only=True, omit_defaults=True):
    """Conditions that all hold, those of the line too: lists of statuses and channels have in common what is asked for, limits
    narrow each other. Amounts are major units of the order's currency; ages and leads are seconds."""

    filter: Annotated[
        str,
        Meta(
            max_length=1000,
            description="A filter line as people type it: `sup:acme err:sku total>100 !lamp reyes`. It narrows what the other "
            "parameters ask for; where both ask for another text, country, supplier and the like, that is refused.",
        ),
    ] = ""
    sort: Sorts = "-placed"
    limit: Limit = 50
    cursor: CursorText = ""
    text: Text = ""
    channel_ids: tuple[Id, ...] = ()
    supplier_ids: tuple[Id, ...] = ()
    not_channel_ids: tuple[Id, ...] = ()
    not_supplier_ids: tuple[Id, ...] = ()
    late_supplier_ids: tuple[Id, ...] = ()
    older_than: Seconds | None = None
    younger_than: Seconds | None = None
    lead_from: Seconds | None = None
    lead_to: Seconds | None = None

    async def filters(self) -> Filters:
        """The filters that are asked for, by the line and by themselves. Raises Invalid naming what is at fault."""
        for name in ("total_min", "total_max"):
            value: Decimal | None = getattr(self, name)
            if value is not None and not (value.is_finite() and abs(value) <= MOST):
                raise Invalid(f"{name} is an amount of at most {MOST}", name)
        if self.currency:
            try:
                money.exponent(self.currency.upper())
            except Unreadable as error:
                raise Invalid(error.message, "currency") from error
        own = {name: getattr(self, name) for name in Filters.__struct_fields__}
        typed = await history.from_text(self.filter)
        for name, text in (("text", self.text), ("filter", typed.text)):
            if text.strip() and not search.searchable(text):
                raise Invalid(f"{text} has no letter and no digit to be searched for", name)
        return filters.both(
            typed, Filters(**own | {"currency": self.currency.upper(), "country": self.country.upper()})
        )


class Order(OrderPage, frozen=True, kw_only=True):
    """An order with its lines, purchase orders, parcels, Issues and Holds. Money is minor units of ``currency``. ``acts_now``
    is what can be done to it as it stands: process, undo, hold, release, edit, snooze, cancel."""

    acts_now: tuple[str, ...]


class Counts(msgspec.Struct, frozen=True):
    """How many orders have each status."""

    counts: dict[str, int]


class ChannelQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of one channel, or of all."""

    channel_id: Id | None = None


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of an order's blue book."""

    line_id: Annotated[int, Meta(ge=1, le=2**31 - 1, description="Only what concerns this order line.")] | None = None
    po_number: Annotated[str, Meta(max_length=100, description="Only what concerns this purchase order.")] = ""
    limit: Limit = 50
    cursor: CursorText = ""


class Audit(msgspec.Struct, frozen=True):
    """Whether an order's blue book is whole: ``problems`` says what is wrong with its chain, or where it and the order
    differ."""

    ok: bool
    events: int
    problems: list[str]


async def list_orders(call: Call, query: OrderQuery) -> Page[OrderRow]:
    """List orders.

    The newest first where nothing else is said. Lists may be repeated or parted by commas. Where few of very many orders
    fit, a page may have few rows and yet a `next`: it goes on searching.
    """
    place = pages.begin(query, "orders", object, int)
    after = Cursor(*place) if place is not None else None
    found = await history.list_orders(await query.filters(), sort=query.sort, after=after, limit=query.limit)
    return pages.page(call, query, "orders", found.rows, (found.next.value, found.next.id) if found.next else None)


async def count_orders(call: Call, query: ChannelQuery) -> Counts:
    """Count orders by status."""
    return Counts(await history.counts(query.channel_id))


async def get_order(call: Call, order_id: Id) -> Order:
    """Get an order with everything.

    Its ETag is for `PATCH`, which changes it only if nobody else has meanwhile.
    """
    return _shown(call, await history.order_page(order_id))


async def get_order_by_number(call: Call, number: Name) -> Order:
    """Get an order by its number, as people know it."""
    return _shown(call, await history.order_page(number))


def _shown(call: Call, page: OrderPage) -> Order:
    call.answered["ETag"] = tag(page.version)
    known = {name: getattr(page, name) for name in OrderPage.__struct_fields__}
    return Order(**known, acts_now=tuple(sorted(page.acts)))


def tag(version: int) -> str:
    """The ETag of an order of this version."""
    return f'"{version}"'


async def list_order_events(call: Call, order_id: Id, query: EventQuery) -> Page[Event]:
    """List an order's blue book: every step, oldest first, with its time, actor, before and after.

    Values that are stored as numbers or text and mean a moment or a whole document are shown as such; the hash is of what is
    stored, as `bluebook audit export` writes it.
    """
    place = pages.begin(query, f"events {order_id}", int)
    after = place[0] if place is not None else 0
    number = await audit.order_id(order_id)
    found = await blue_book.blue_book(
        number, line_id=query.line_id, po_number=query.po_number or None, after_seq=after
    )  # fmt: skip
    shown = [told.event(event) for event in found[: query.limit]]
    return pages.page(call, query, f"events {order_id}", shown, (shown[-1].seq,) if len(found) > len(shown) else None)


async def audit_order(call: Call, order_id: Id) -> Audit:
    """Verify an order's blue book: its hash chain from end to end, and the order replayed from it."""
    found = await audit.verify(order_id)
    return Audit(not found.problems, found.events, [problem.what for problem in found.problems])


_READ, _VIEW = Scope.ORDERS_READ, Permission.VIEW
_TAG = {"ETag": "The order's version, for If-Match."}
ROUTES = (
    route("GET", "/orders", _READ, _VIEW, list_orders, paged=True),
    route("GET", "/orders/counts", _READ, _VIEW, count_orders),
    route("GET", "/orders/{order_id}", _READ, _VIEW, get_order, tags=_TAG),
    route("GET", "/orders/number/{number}", _READ, _VIEW, get_order_by_number, tags=_TAG),
    route("GET", "/orders/{order_id}/events", _READ, _VIEW, list_order_events, paged=True),
    route("GET", "/orders/{order_id}/audit", _READ, _VIEW, audit_order),
)
