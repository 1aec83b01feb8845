"""Telling Shopify of parcels, and canceling.

A fulfillment has no place for our key, so a parcel is known again by its tracking number and pieces: what is fulfilled
under its number is never asked for twice, and a parcel that was told of in part is completed. One call is for one
location. https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/fulfillmentCreate
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from engine.connectors.channels.shopify import mapping
from engine.connectors.channels.shopify.client import Client, Shape
from engine.connectors.channels.shopify.documents import (
    CANCEL,
    CANCELED,
    FULFILL,
    MORE_FULFILLMENT_ORDERS,
    OPEN_LINES,
    STANDING,
)
from engine.connectors.channels.shopify.mapping import (
    Counted,
    Fulfillment,
    FulfillmentOrder,
    FulfillmentOrders,
    Named,
    Shipped,
    gid,
    number,
)
from engine.connectors.channels.shopify.reading import Reader
from engine.errors import OutcomeUnknown, Refused, TryLater
from engine.ports import Parcel

MOST_LINES = 250  # in any list that Shopify is given
NOTE_LIMIT = 255
_LOOKS = (0.2, 0.5, 1.0)  # seconds before each look at whether the cancellation is done


class _OpenLine(Shape, frozen=True):
    id: str
    remaining_quantity: int
    line_item: Named


class _Standing(Shape, frozen=True):
    id: str
    name: str
    cancelled_at: datetime | None
    fulfillments: tuple[Fulfillment, ...]
    fulfillments_count: Counted | None
    fulfillment_orders: FulfillmentOrders


class _Stood(Shape, frozen=True):
    node: _Standing | None


class _UserError(Shape, frozen=True):
    message: str
    code: str | None = None
    field: tuple[str, ...] | None = None


class _Made(Shape, frozen=True):
    fulfillment: Named | None
    user_errors: tuple[_UserError, ...] = ()


class _Fulfilled(Shape, frozen=True):
    fulfillment_create: _Made | None


class _Job(Shape, frozen=True):
    id: str
    done: bool
    status: str
    errors: tuple[_UserError, ...] = ()


class _Canceling(Shape, frozen=True):
    job_result: _Job | None
    order_cancel_user_errors: tuple[_UserError, ...] = ()


class _Cancel(Shape, frozen=True):
    order_cancel: _Canceling | None


class _JobNode(Shape, frozen=True):
    node: _Job | None


class _Part(msgspec.Struct):
    """Open lines of one fulfillment order: (its line's id, our line, pieces left)."""

    order: FulfillmentOrder
    lines: list[tuple[str, str, int]]

    @property
    def location(self) -> str:
        place = self.order.assigned_location
        return place.location.id if place.location else place.name


Plan = list[tuple[str, str, int]]
"""What one call fulfills: (fulfillment order, its line, pieces)."""


class Shipper:
    """Ships and cancels orders of one store, one thing at a time for each order."""

    def __init__(
        self, client: Client, reader: Reader, *, notify: bool, refund: bool, restock: bool
    ) -> None:  # fmt: skip
        self._client, self._reader = client, reader
        self._notify, self._refund, self._restock = notify, refund, restock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def push(self, parcel: Parcel) -> str:
        """The order has fulfillments with this number for all these pieces; their numbers, joined by ``+``.

        A lost answer is TryLater: the next attempt looks for what was made before it makes more.
        """
        _complete(parcel)
        async with self._lock(parcel.order_external_id):
            try:
                return await self._push(parcel)
            except OutcomeUnknown as error:
                raise TryLater(f"{error.message}; whether it was done is looked up before it is sent again") from error

    async def _push(self, parcel: Parcel) -> str:
        standing = await self._standing(parcel.order_external_id)
        made, missing = await self._missing(standing, parcel)
        if missing and standing.cancelled_at is not None:
            raise Refused(f"Shopify order {standing.name} was canceled there, so it takes no more parcels", "CANCELED")
        if missing:
            for plan in _plans(standing, parcel, missing, await self._parts(standing)):
                made.append(await self._fulfill(standing, parcel, plan))
        return "+".join(sorted(set(made)))

    async def _missing(self, standing: _Standing, parcel: Parcel) -> tuple[list[str], Counter[str]]:
        """The fulfillments that have this parcel's number, and the pieces none of them has."""
        mine = [one for one in standing.fulfillments if one.sent and parcel.tracking_number in one.numbers]
        shipped: list[Shipped] = [await self._reader.lines(one) for one in mine]
        wanted = _pieces(parcel.lines)
        wanted.subtract(mapping.shipped_pieces(shipped))
        return [number(one.id) for one in mine], +wanted

    async def _standing(self, external_id: str) -> _Standing:
        if not external_id.isdecimal():
            raise Refused(f"Shopify has no order {external_id!r}: its ids are numbers", "NOT_FOUND")
        answer = await self._client.ask(STANDING, {"id": gid("Order", external_id)}, _Stood)
        if answer.node is None:
            raise Refused(f"Shopify has no order {external_id}; it may have been deleted there", "NOT_FOUND")
        standing = answer.node
        orders, count = standing.fulfillment_orders, standing.fulfillments_count
        if orders.page_info.has_next_page:
            after = orders.page_info.end_cursor
            more = await self._reader.rest(MORE_FULFILLMENT_ORDERS, standing.id, FulfillmentOrder, after)
            orders = FulfillmentOrders((*orders.nodes, *more))
            standing = msgspec.structs.replace(standing, fulfillment_orders=orders)
        if count is None or count.count > len(standing.fulfillments):
            all_of_them = (await self._reader.fulfillments([external_id])).get(external_id, ())
            standing = msgspec.structs.replace(standing, fulfillments=all_of_them)
        return standing

    async def _parts(self, standing: _Standing) -> list[_Part]:
        """What is left to be shipped, by fulfillment order; also of those that are on hold or scheduled."""
        found = []
        for order in standing.fulfillment_orders.nodes:
            mapping.known(
                order.status, mapping.OPEN | mapping.STOPPED | mapping.OVER, "status of a fulfillment order", "status"
            )
            if order.status in mapping.OVER:
                continue
            lines = await self._reader.rest(OPEN_LINES, order.id, _OpenLine, None)
            left = [
                (one.id, number(one.line_item.id), one.remaining_quantity)
                for one in lines
                if one.remaining_quantity > 0
            ]
            found.append(_Part(order, left))
        return found

    async def _fulfill(self, standing: _Standing, parcel: Parcel, plan: Plan) -> str:
        by_order: dict[str, list[dict[str, Any]]] = {}
        for order, line, pieces in plan:
            by_order.setdefault(order, []).append({"id": line, "quantity": pieces})
        # Lines are always named: a fulfillment order without any would be fulfilled whole.
        given = {
            "lineItemsByFulfillmentOrder": [
                {"fulfillmentOrderId": order, "fulfillmentOrderLineItems": lines} for order, lines in by_order.items()
            ],
            "notifyCustomer": self._notify,
            "trackingInfo": mapping.tracking_input(parcel),
        }
        answer = (await self._client.ask(FULFILL, {"fulfillment": given}, _Fulfilled)).fulfillment_create
        if answer is not None and answer.user_errors:
            raise Refused(
                f"Shopify did not take parcel {parcel.tracking_number} of order {standing.name}: {_said(answer.user_errors)}",
                "USER_ERROR",
            )
        if answer is None or answer.fulfillment is None:
            raise OutcomeUnknown(f"Shopify did not say what became of parcel {parcel.tracking_number}")
        return number(answer.fulfillment.id)

    # --- canceling

    async def cancel(self, external_id: str, lines: Sequence[tuple[str, int]], reason: str) -> None:
        """The order is being canceled there, or was. Raises Refused for a part of it, and for what has shipped."""
        async with self._lock(external_id):
            try:
                await self._cancel(external_id, lines, reason)
            except OutcomeUnknown as error:
                raise TryLater(
                    f"{error.message}; whether it was canceled is looked up before it is asked again"
                ) from error

    async def _cancel(self, external_id: str, lines: Sequence[tuple[str, int]], reason: str) -> None:
        standing = await self._standing(external_id)
        if standing.cancelled_at is not None:
            return
        if any(one.sent for one in standing.fulfillments):
            raise Refused(
                f"Shopify cancels no order of which a part has shipped ({standing.name}); refund the rest of it there",
                "SHIPPED",
            )
        if lines:
            open_pieces = _pieces(
                (line, pieces) for part in await self._parts(standing) for _, line, pieces in part.lines
            )
            if +(open_pieces - _pieces(lines)):
                raise Refused(
                    f"Shopify cancels whole orders only ({standing.name}); remove or refund the pieces there", "PART"
                )
        given = {
            "id": standing.id, "reason": "OTHER", "refund": {"originalPaymentMethodsRefund": self._refund},
            "restock": self._restock, "notify": self._notify, "note": reason[:NOTE_LIMIT] or None,
        }  # fmt: skip
        answer = (await self._client.ask(CANCEL, given, _Cancel)).order_cancel
        if answer is not None and answer.order_cancel_user_errors:
            if (await self._standing(external_id)).cancelled_at is not None:
                return  # a job that was begun before was done meanwhile
            raise Refused(
                f"Shopify does not cancel order {standing.name}: {_said(answer.order_cancel_user_errors)}",
                answer.order_cancel_user_errors[0].code,
            )
        if answer is None or answer.job_result is None:
            raise OutcomeUnknown(f"Shopify did not say what became of canceling order {standing.name}")
        await self._watch(standing.name, answer.job_result)

    async def _watch(self, name: str, job: _Job) -> None:
        """Canceling is a job there. What it comes to in the end shows when the order is read again."""
        for seconds in _LOOKS:
            if job.done:
                break
            await asyncio.sleep(seconds)
            found = (await self._client.ask(CANCELED, {"id": job.id}, _JobNode)).node
            job = found or job
        if job.done and (job.errors or job.status == "FAILED"):
            code = job.errors[0].code if job.errors else None
            raise Refused(f"Shopify could not cancel order {name}: {_said(job.errors) or 'it does not say why'}", code)

    def _lock(self, external_id: str) -> asyncio.Lock:
        return self._locks.setdefault(external_id, asyncio.Lock())


def _complete(parcel: Parcel) -> None:
    if parcel.tracking_number and parcel.lines:
        return
    what = "lines" if parcel.tracking_number else "tracking number"
    raise Refused(
        f"Shopify: a parcel of order {parcel.order_external_id} has no {what}, so a repeated push could not be told from a"
        " second parcel. Mark it as fulfilled in the store.",
        "INCOMPLETE_PARCEL",
    )


def _pieces(lines: Any) -> Counter[str]:
    counts: Counter[str] = Counter()
    for line, pieces in lines:
        counts[line] += pieces
    return counts


def _plans(standing: _Standing, parcel: Parcel, missing: Mapping[str, int], parts: Sequence[_Part]) -> list[Plan]:
    """What each call fulfills, one location a call; nothing is planned where any piece has no place. Raises Refused."""
    places: dict[str, list[_Part]] = {}
    for part in parts:
        if part.order.status in mapping.OPEN:
            places.setdefault(part.location, []).append(part)

    def covers(group: Sequence[_Part]) -> int:
        left = _pieces((line, pieces) for part in group for _, line, pieces in part.lines)
        return (left & Counter(missing)).total()

    rest, plans = Counter(missing), []
    for group in sorted(places.values(), key=covers, reverse=True):
        plan: Plan = []
        for part in group:
            for its_line, line, left in part.lines:
                pieces = min(left, rest[line])
                if pieces > 0:
                    plan.append((part.order.id, its_line, pieces))
                    rest[line] -= pieces
        plans += [plan[i : i + MOST_LINES] for i in range(0, len(plan), MOST_LINES)]
    if +rest:
        raise _no_place(standing, parcel, +rest, parts)
    return plans


def _no_place(standing: _Standing, parcel: Parcel, rest: Counter[str], parts: Sequence[_Part]) -> Refused:
    what = f"parcel {parcel.tracking_number} of Shopify order {standing.name}"
    stopped = [part for part in parts if part.order.waits() and any(line in rest for _, line, _ in part.lines)]
    if stopped:
        why = "; ".join(dict.fromkeys(part.order.waits() for part in stopped))
        return Refused(f"{what} cannot be told: {why}. Release it in Shopify, then push again.", "ON_HOLD")
    count = rest.total()
    return Refused(
        f"{what} has {count} {'piece' if count == 1 else 'pieces'} more than are left to fulfill there: they were refunded,"
        " or somebody fulfilled them under another number",
        "OVER_SHIPPED",
    )


def _said(errors: Sequence[_UserError]) -> str:
    return "; ".join(error.message + (f" ({error.code})" if error.code else "") for error in errors)
