"""Telling a WooCommerce store of parcels: many in few calls, and each parcel's entry and note once.

A parcel alone is one GET and one PUT of its order; several share one list and one batch. What an answer leaves open
(an order the list left out, a batch that is not allowed, JSON that was cut) is settled order by order or by looking again.
Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#batch-update-orders
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from engine.connectors.channels.woocommerce import mapping
from engine.connectors.channels.woocommerce.client import Client
from engine.errors import BluebookError, Invalid, Refused, TryLater, Unreadable
from engine.ports import Parcel
from engine.transports.http import CutShort

MOST = 100  # the most that include, per_page and a batch take
_TRIES = 3
_AT_ONCE = 16  # calls about single orders; each note also sends a mail
_FIELDS = "id,status,meta_data"

Seen = mapping.Tracking | BluebookError


class _Push(msgspec.Struct):
    """A parcel on its way. ``known`` tells whether its entry was there before we wrote anything."""

    parcel: Parcel
    known: bool | None = None
    stored: bool = False
    error: BluebookError | None = None

    def missing(self, now: mapping.Tracking) -> dict[str, Any]:
        """What the order still lacks: the entry, the status."""
        present = now.has(self.parcel.key)
        self.known = present if self.known is None else self.known
        change: dict[str, Any] = {}
        if not present:
            items = [*now.items, mapping.tracking_item(self.parcel)]
            change["meta_data"] = [{"key": mapping.TRACKING_META, "value": items}]
        if self.parcel.last and now.status in mapping.COMPLETABLE:
            change["status"] = "completed"
        return change

    def given_up(self, now: mapping.Tracking) -> None:
        """The entry that is there after all tries is enough; without it the parcel is to be pushed again."""
        self.stored = now.has(self.parcel.key)
        if not self.stored:
            self.error = TryLater(
                f"WooCommerce order {self.parcel.order_external_id} did not keep tracking number"
                f" {self.parcel.tracking_number}: something else keeps writing the order's tracking entries; it will be"
                " tried again"
            )


class Pusher:
    """Pushes parcels to one store, one at a time for each order."""

    def __init__(self, client: Client, customer_note: bool) -> None:
        self._client, self._customer_note = client, customer_note
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def push(self, parcels: Sequence[Parcel]) -> dict[str, str | BluebookError]:
        """Each order has its parcel among its tracking entries, or the error says why not; by parcel key.

        The last parcel completes the order. The note goes out after the entry is stored, and a retry that finds the
        entry looks for the note first: a crash in between delays the customer's mail and never doubles it.
        """
        answers: dict[str, str | BluebookError] = {}
        pushes: dict[str, _Push] = {}
        for parcel in parcels:
            order = parcel.order_external_id
            if not order.isdecimal():
                answers[parcel.key] = Invalid(f"{order!r} is no WooCommerce order id", field="order_external_id")
            elif order in pushes:
                answers[parcel.key] = TryLater(f"another parcel of WooCommerce order {order} is being pushed first")
            else:
                pushes[order] = _Push(parcel)
        for chunk in _chunks(pushes):
            await self._push(chunk)
        return answers | {push.parcel.key: push.error or push.parcel.key for push in pushes.values()}

    async def _push(self, pushes: Mapping[str, _Push]) -> None:
        async with AsyncExitStack() as held:
            # The entries are one list in one field: two writers at once would lose one. All callers take the locks in
            # one sequence, so that no two wait for each other.
            for order in sorted(pushes):
                await held.enter_async_context(self._locks.setdefault(order, asyncio.Lock()))
            await self._store(pushes)
            if self._customer_note:
                await asyncio.gather(*(self._note(push) for push in pushes.values() if push.stored))

    async def _store(self, pushes: Mapping[str, _Push]) -> None:
        """Every push is stored or has its error."""
        for tried in range(_TRIES + 1):
            waiting = {order: push for order, push in pushes.items() if not (push.stored or push.error)}
            if not waiting:
                return
            changes: dict[str, dict[str, Any]] = {}
            before: dict[str, mapping.Tracking] = {}
            for order, now in (await self._read(list(waiting))).items():
                push = waiting[order]
                if isinstance(now, BluebookError):
                    push.error = now
                elif not (change := push.missing(now)):
                    push.stored = True
                elif tried == _TRIES:
                    push.given_up(now)
                else:
                    changes[order], before[order] = change, now
            for order, saved in (await self._write(changes)).items():
                push = waiting[order]
                if isinstance(saved, mapping.Tracking):
                    # The answer is the order as the store reads it back. Where an order has several parcels another
                    # process may have written since we read, so there we look once more, and stop when all is well.
                    push.stored = push.parcel.last and not before[order].items and saved.has(push.parcel.key)
                elif not isinstance(
                    saved, Unreadable | CutShort
                ):  # then it was written perhaps: looking again will tell
                    push.error = saved

    async def _read(self, orders: Sequence[str]) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        if len(orders) > 1:
            try:
                answer = await self._client.get(
                    "orders", include=",".join(orders), orderby="include", per_page=str(MOST), _fields=_FIELDS
                )
                found.update(mapping.tracked_each(answer.body))
            except (Refused, Unreadable, CutShort):
                pass  # that is no verdict on any one of them
            except BluebookError as error:
                return dict.fromkeys(orders, error)
        # The list leaves out what lies in the trash, is gone, or cannot be loaded: asked alone, each says which.
        alone = [order for order in orders if order not in found]
        found.update(zip(alone, await asyncio.gather(*map(self._read_one, alone)), strict=True))
        return {order: found[order] for order in orders}

    async def _read_one(self, order: str) -> Seen:
        try:
            async with self._few:
                return mapping.tracked((await self._client.get(f"orders/{order}", _fields=_FIELDS)).body)
        except BluebookError as error:
            return error

    async def _write(self, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Seen]:
        """The orders as the store has them now; those its answer says nothing of are missing."""
        if len(changes) > 1:
            updates = [{"id": int(order), **change} for order, change in changes.items()]
            try:
                answer = await self._client.send("POST", "orders/batch", {"update": updates})
                found = mapping.updated(answer.body)
            except Refused:
                pass  # the store or something before it takes no batches, or only smaller ones: nothing was written
            except BluebookError as error:
                return dict.fromkeys(changes, error)
            else:
                told = {str(int(order)): order for order in changes}
                return {
                    told[given]: self._client.failure(now) if isinstance(now, mapping.StoreError) else now
                    for given, now in found.items()
                    if given in told
                }
        written = await asyncio.gather(*(self._write_one(order, change) for order, change in changes.items()))
        return dict(zip(changes, written, strict=True))

    async def _write_one(self, order: str, change: Mapping[str, Any]) -> Seen:
        try:
            async with self._few:
                return mapping.tracked((await self._client.send("PUT", f"orders/{order}", change)).body)
        except BluebookError as error:
            return error

    async def _note(self, push: _Push) -> None:
        try:
            async with self._few:
                if push.known and await self._noted(push.parcel):
                    return
                body = {"note": mapping.note_text(push.parcel), "customer_note": True}
                await self._client.send("POST", f"orders/{push.parcel.order_external_id}/notes", body)
        except BluebookError as error:
            push.error = error

    async def _noted(self, parcel: Parcel) -> bool:
        answer = await self._client.get(f"orders/{parcel.order_external_id}/notes", type="customer")
        notes = answer.json()
        if not isinstance(notes, list):
            raise Unreadable("WooCommerce's list of order notes is not a list")
        return any(parcel.tracking_number in str(note.get("note", "")) for note in notes if isinstance(note, dict))


def _chunks(pushes: Mapping[str, _Push]) -> list[dict[str, _Push]]:
    orders = list(pushes)
    return [{order: pushes[order] for order in orders[i : i + MOST]} for i in range(0, len(orders), MOST)]
