"""What can be done to orders: process, undo, hold, release, snooze, cancel, edit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from engine import clock
from engine.api.rest.orders import Order, get_order, tag
from engine.api.rest.problems import Trouble
from engine.api.rest.reading import Id
from engine.api.rest.table import Call, route
from engine.domain.roles import Permission
from engine.domain.scopes import Scope
from engine.errors import Invalid, NotFound, Refused
from engine.services import cancel, edit, hold, preview, process, told
from engine.services.edit import Diff
from engine.services.resolving import OpenIssue

P = Permission
Ids = Annotated[list[Id], Meta(min_length=1, max_length=1_000)]
Words = Annotated[str, Meta(max_length=2_000)]
Short = Annotated[str, Meta(max_length=200)]
Position = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,5}$")]
MOST_NAP = 366 * 86_400


class OrderIds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The orders, by id."""

    ids: Ids


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, for the blue book."""

    reason: Annotated[str, Meta(min_length=1, max_length=2_000)]


class MaybeReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, for the blue book, where there is something to say."""

    reason: Words = ""


class Nap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many seconds an order is out of the queue's sight; 0 brings it back."""

    seconds: Annotated[int, Meta(ge=0, le=MOST_NAP)]


class Outcome(msgspec.Struct, frozen=True):
    """What became of one order: ``done`` with its purchase orders, or not, with the reason. ``release_at`` is when they leave,
    and until when it can be undone."""

    order_id: int
    number: str
    done: bool
    message: str
    po_numbers: tuple[str, ...]
    release_at: datetime | None


class Outcomes(msgspec.Struct, frozen=True):
    """One outcome for each order, in the order they were named."""

    outcomes: list[Outcome]


class Message(msgspec.Struct, frozen=True):
    """What was done, in a sentence."""

    message: str


class OrderChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed; what is not named stays.

    Lines are named by position. ``quantities`` are the pieces wanted (0 drops the line). ``suppliers`` are ids, codes or
    names, "" leaves it to routing again. ``methods`` are method codes by supplier code or purchase order number, "" leaves
    it to the mapping again. ``address`` are fields of the address.
    """

    quantities: dict[Position, Annotated[int, Meta(ge=0, le=edit.MOST_PIECES)]] = {}
    skus: dict[Position, Short] = {}
    suppliers: dict[Position, Id | Short] = {}
    address: dict[str, Short] = {}
    methods: dict[str, Short] = {}
    shipping_rate: Short | None = None
    note: Words | None = None
    reason: Words = ""

    def changes(self) -> edit.Changes:
        """The same as the service takes it."""
        values = {name: getattr(self, name) for name in edit.Changes.__struct_fields__}
        for name in ("quantities", "skus", "suppliers"):
            values[name] = {int(position): value for position, value in values[name].items()}
        return edit.Changes(**values)

    @contextmanager
    def named(self) -> Iterator[None]:
        """What is wrong within is said of the input it came in."""
        try:
            yield
        except Invalid as error:
            raise Invalid(error.message, self._input(error.field or "")) from error

    def _input(self, field: str) -> str:
        head, _, rest = field.partition(".")
        if head == "ship_to":
            return f"address.{rest}" if rest else "address"
        if head != "line":
            return field
        position, _, what = rest.partition(".")
        inputs = {"quantity": "quantities", "sku": "skus", "supplier": "suppliers"}
        where = inputs.get(what) or next((name for name in inputs.values() if position in getattr(self, name)), "")
        return f"{where}.{position}"


class Edited(msgspec.Struct, frozen=True):
    """The order after the edit; ``taken_back`` are the purchase orders that were held, and are drafts again."""

    order_id: int
    number: str
    status: str
    message: str
    diffs: list[Diff]
    issues: list[OpenIssue]
    taken_back: tuple[str, ...]


class Preview(msgspec.Struct, frozen=True):
    """What would change."""

    diffs: list[Diff]


def _outcomes(found: Sequence[process.Outcome]) -> Outcomes:
    return Outcomes(
        [
            Outcome(
                one.order_id, one.number, one.done, one.message, one.po_numbers,
                clock.moment(one.release_at) if one.release_at is not None else None,
            )
            for one in found
        ]
    )  # fmt: skip


async def process_orders(call: Call, body: OrderIds) -> Outcomes:
    """Process orders: their purchase orders are held for the undo window, then sent.

    An order that cannot be processed has the reason in its outcome, and the others go. More at once than the settings
    `bulk_orders` and `bulk_value` allow are refused, all of them.
    """
    return _outcomes(await _process(call, list(dict.fromkeys(body.ids))))


async def process_order(call: Call, order_id: Id) -> Outcome:
    """Process one order; a conflict with the reason where it cannot be."""
    return _one(_outcomes(await _process(call, [order_id])))


async def _process(call: Call, ids: list[int]) -> list[process.Outcome]:
    limits = preview.Limits.in_force()
    if (await preview.preview(ids, limits)).beyond:
        raise Refused(
            f"more than may be processed in one go ({limits.orders} orders, {limits.value} of each currency); none was: "
            "process fewer at once"
        )
    return await process.process(ids, call.by)


async def undo_orders(call: Call, body: OrderIds) -> Outcomes:
    """Take processed orders back, as long as they are held."""
    return _outcomes(await process.undo(list(dict.fromkeys(body.ids)), call.by))


async def undo_order(call: Call, order_id: Id) -> Outcome:
    """Take one processed order back; a conflict where it is too late."""
    return _one(_outcomes(await process.undo([order_id], call.by)))


def _one(found: Outcomes) -> Outcome:
    outcome = found.outcomes[0]
    if not outcome.number:
        raise NotFound(f"there is no order with the id {outcome.order_id}")
    if not outcome.done:
        raise Refused(f"order {outcome.number}: {outcome.message}")
    return outcome


async def hold_order(call: Call, order_id: Id, body: Reason) -> Order:
    """Hold an order back until it is released; what was queued is a draft again."""
    await hold.hold(order_id, body.reason, call.by)
    return await get_order(call, order_id)


async def release_order(call: Call, order_id: Id) -> Order:
    """Release an order that is on hold; it is checked again."""
    await hold.release(order_id, call.by)
    return await get_order(call, order_id)


async def snooze_order(call: Call, order_id: Id, body: Nap) -> Order:
    """Put an order out of the queue's sight for a while."""
    await hold.snooze(order_id, body.seconds, call.by)
    return await get_order(call, order_id)


async def cancel_order(call: Call, order_id: Id, body: MaybeReason) -> Message:
    """Cancel an order: what is unsent at once; for what was sent the suppliers are asked."""
    return Message(await cancel.cancel_order(order_id, call.by, reason=body.reason))


async def edit_order(call: Call, order_id: Id, body: OrderChanges) -> Edited:
    """Edit an order before it is sent.

    If-Match is the ETag of the order as it was read; `*` edits it whatever it is.
    """
    with body.named():
        found = await edit.apply(order_id, body.changes(), call.by, body.reason, version=_seen(call))
    call.answered["ETag"] = tag(found.version)  # of this edit: read again, it may be that of the next one
    values = {name: getattr(found, name) for name in Edited.__struct_fields__}
    return Edited(**values | {"diffs": told.diffs(found.diffs)})


def _seen(call: Call) -> int | None:
    """The version in If-Match; None for whichever."""
    given = call.headers.get("If-Match", "").strip()
    if not given:
        raise Trouble(
            "unguarded", "send the order's ETag as If-Match, or * to edit it whatever it is", field="If-Match"
        )
    if given == "*":
        return None
    number = given.removeprefix('"').removesuffix('"')
    if not (number.isascii() and number.isdigit() and len(number) <= 9 and given == tag(int(number))):
        raise Trouble("changed", f"{given[:40]} is no ETag of an order: read it again")
    return int(number)


async def preview_edit(call: Call, order_id: Id, body: OrderChanges) -> Preview:
    """See what an edit would change, with all that follows from it; nothing is saved."""
    with body.named():
        return Preview(told.diffs(await edit.preview(order_id, body.changes())))


_WRITE = Scope.ORDERS_WRITE
_TAG: dict[str, Any] = {"tags": {"ETag": "The order's version, for If-Match."}}
ROUTES = (
    route("POST", "/orders/process", _WRITE, P.PROCESS, process_orders, noun="orders"),
    route("POST", "/orders/undo", _WRITE, P.UNDO, undo_orders, noun="orders"),
    route("POST", "/orders/{order_id}/process", _WRITE, P.PROCESS, process_order, noun="orders"),
    route("POST", "/orders/{order_id}/undo", _WRITE, P.UNDO, undo_order, noun="orders"),
    route("POST", "/orders/{order_id}/hold", _WRITE, P.HOLD, hold_order, noun="orders", **_TAG),
    route("POST", "/orders/{order_id}/release", _WRITE, P.HOLD, release_order, noun="orders", **_TAG),
    route("POST", "/orders/{order_id}/snooze", _WRITE, P.SNOOZE, snooze_order, noun="orders", **_TAG),
    route("POST", "/orders/{order_id}/cancel", _WRITE, P.CANCEL, cancel_order, noun="orders"),
    route(
        "PATCH",
        "/orders/{order_id}",
        _WRITE,
        P.EDIT,
        edit_order,
        noun="orders",
        guard="needed",
        problems=("conflict",),
        **_TAG,
    ),
    route("POST", "/orders/{order_id}/preview", _WRITE, P.EDIT, preview_edit, noun="orders"),
)
