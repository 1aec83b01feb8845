"""What can be done to the order a screen is about: process, undo, resolve, edit, snooze, cancel, approve, look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from engine import clock
from engine.domain.states import CANCELABLE
from engine.services import cancel, hold, preview, process, resolve, reverse, sync
from engine.services.edit import Edited
from engine.services.order_page import OrderPage, order_page
from engine.services.process import Outcome
from engine.services.resolve import Resolved
from tui import clipboard, snooze, words
from tui.plain import many
from tui.screens.base import BookScreen
from tui.screens.book import AuditScreen
from tui.undo import Changed, Held, Saved, Snoozed, Theirs, awake, said, take_back, too_late, unmapped
from tui.widgets.confirm import Confirm
from tui.widgets.edit import EditPane
from tui.widgets.form import Field, FormPane
from tui.widgets.pick import Picked, PickPane
from tui.widgets.resolve import ResolvePane


class OrderActs(BookScreen):
    """A screen that is about orders: one under the cursor, or the one it shows. Each act calls one service and tells."""

    def target(self) -> tuple[int, str] | None:
        """The id and number of the order that is acted on."""
        raise NotImplementedError

    async def acted(self, order_id: int, *, leaves: bool) -> None:
        """An order was acted on; ``leaves``: it no longer belongs where it was."""
        raise NotImplementedError

    async def brought_back(self, order_ids: Sequence[int]) -> None:
        """Orders were taken back, and are to be seen."""
        raise NotImplementedError

    @property
    def went(self) -> bool:
        """Did the person choose the order that is acted on, rather than that the last act led there?"""
        return True

    def _none(self) -> str:
        return "" if self.target() is not None else "there is no order here"

    why_not_process = why_not_snooze = why_not_approve = why_not_resolve = why_not_edit = why_not_cancel = _none

    async def act_process(self) -> None:
        target = self.target()
        assert target is not None
        found = await self.app.attempt(process.process([target[0]], self.app.by), f"processing {target[1]}")
        if found is None:
            return
        outcome = found[0]
        if not outcome.done:
            self.app.say(f"{outcome.number}: {outcome.message}{await self._way_on(target)}", "warn")
            await self.acted(target[0], leaves=False)
            return
        self.app.done.held([target[0]])
        numbers = ", ".join(outcome.po_numbers)
        self.app.say(f"{outcome.number} {outcome.message} as {numbers}: u takes it back", "good")
        await self.acted(target[0], leaves=True)

    async def _way_on(self, target: tuple[int, str]) -> str:
        """Which key helps an order that cannot be processed, "" where none does."""
        order = await self.app.attempt(order_page(target[0]), f"reading {target[1]}")
        if order is None:
            return ""
        if "undo" in order.acts:
            return " (u takes it back)"
        if "release" in order.acts:
            return " (a approves it)"
        return " (r resolves)" if await resolve.order_issues(target[0]) else ""

    async def act_undo(self) -> None:
        """The last step is taken back, or what is held by another session; after the window, cancellation is offered."""
        here = self.target()
        try:
            step = await self.app.done.next(here[0] if here is not None else None, went=self.went)
        except Exception as error:
            self.app.fail(error, "looking at what is held")
            return
        if step is None:
            self.app.say("there is nothing to undo")
        elif isinstance(step, Held):
            await self.take_back(step)
        elif isinstance(step, Theirs):
            await self._ask_theirs(step)
        else:
            self.app.done.forget(step)
            await self._undo_other(step)

    async def _undo_other(self, step: Saved | Snoozed | Changed) -> None:
        if isinstance(step, Saved):
            if await unmapped(self.app, step) is not None:
                await self.acted(step.order_id, leaves=False)
        elif isinstance(step, Changed):
            back = await self.app.attempt(reverse.take_back(step.order_id, step.seq, self.app.by), "taking it back")
            if back is not None:
                self.app.say(back, "good")
                await self.acted(step.order_id, leaves=False)
        elif await awake(self.app, step):
            self.app.say(f"{step.number} is back in the queue", "good")
            await self.brought_back([step.order_id])

    async def _ask_theirs(self, step: Theirs) -> None:
        """What somebody else processed is taken back only by a yes."""
        held = step.hold

        async def do() -> None:
            await self.take_back(Held((held.order_id,), self.app.monotonic()))

        who = words.plain(held.by) or "somebody else"
        question = f"Take back order {words.plain(held.number)}, which {who} processed?"
        details = f" Nothing of yours is held; it is sent in {words.countdown(held.release_at)} s."
        await self.open_pane(Confirm(question, do, details=details))

    async def take_back(self, step: Held) -> None:
        """What is still held is a draft again and in sight; where nothing is, cancellation is offered."""
        found = await self.app.attempt(take_back(step, self.app.by), "undoing")
        if found is None:
            return
        self.app.done.forget(step)
        if found.back:
            self.app.say(said(found), "good")
            await self.brought_back([outcome.order_id for outcome in found.back])
        elif len(found.late) == 1:
            outcomes = await self.app.attempt(process.undo(found.late, self.app.by), "undoing")
            if outcomes:
                await self.offer_cancel(outcomes[0])
        elif found.late:
            said_late = await self.app.attempt(too_late(found.late), "looking at what became of them")
            self.app.say(said_late or "", "warn")

    async def offer_cancel(self, outcome: Outcome) -> None:
        """It is too late to take it back: the supplier may be asked to cancel what was sent."""
        order = await self.app.attempt(order_page(outcome.order_id), f"reading {outcome.number}")
        if order is not None and any(po.state in CANCELABLE and not po.superseded for po in order.purchase_orders):
            await self._ask_cancel(order)
        self.app.say(f"{outcome.number}: {outcome.message}", "warn")

    async def act_resolve(self) -> None:
        """Why the order waits, and what can be done about it, is below."""
        target = self.target()
        assert target is not None
        issues = await self.app.attempt(resolve.order_issues(target[0]), f"looking at {target[1]}")
        if issues is None:
            return
        if not issues:
            await self._nothing_to_resolve()
            return
        await self.open_pane(ResolvePane(target[1], issues, self._resolved))

    async def _nothing_to_resolve(self) -> None:
        order = await self._shown()
        if order is None:
            return
        if "release" in order.acts:
            self.app.say(f"{order.number} is on hold: {order.held} (a approves it)")
        elif "process" in order.acts:
            self.app.say(f"{order.number} waits for nothing: p processes it")
        else:
            held = "held, about to be sent (u takes it back)" if "undo" in order.acts else ""
            self.app.say(f"{order.number} has nothing to resolve: it is {held or order.status.replace('_', ' ')}")

    async def _resolved(self, found: Resolved, over: bool, process_too: bool) -> None:
        """An Issue was resolved; with the last one the pane goes."""
        if over:
            await self.close_pane()
        others = f", and {many(found.became_ready, 'more order')} became READY" if found.became_ready else ""
        state = found.status.replace("_", " ").upper()
        left = f"; {many(len(found.remaining), 'Issue')} left" if found.remaining else ""
        saved = ""
        if found.saved is not None:
            self.app.done.saved(found.saved, found.order_id)
            saved = "; mapping saved (u takes it back)"
        elif await self._taken_back(found.order_id, found.number):
            saved = " (u takes it back)"
        held = await self._process_too(found) if process_too and found.ready else ""
        self.app.say(f"{found.number} → {state}: {found.message}{others}{held}{saved}{left}", "good")
        await self.acted(found.order_id, leaves=False)

    async def _process_too(self, found: Resolved) -> str:
        """The other orders that became ready are held, as far as the limits for many allow; what to say of it."""
        work = preview.preview(found.ready, preview.Limits.in_force())
        allowed = await self.app.attempt(work, "looking at the orders that became ready")
        if allowed is None or not allowed.ready:
            return ""
        outcomes = await self.app.attempt(process.process(allowed.ready, self.app.by), "processing what became ready")
        held = [outcome.order_id for outcome in outcomes or () if outcome.done]
        if held:
            self.app.done.held(held)
        beyond = f", {len(allowed.beyond)} beyond your limit stay ready" if allowed.beyond else ""
        return f", {len(held)} of them held (u takes them back){beyond}"

    async def act_edit(self) -> None:
        """What the order says can be changed below, as far as it was not sent."""
        target = self.target()
        assert target is not None
        order = await self.app.attempt(order_page(target[0]), f"reading {target[1]}")
        if order is not None:
            await self.open_pane(EditPane(order, self._edited))

    async def _edited(self, found: Edited) -> None:
        await self.close_pane()
        issues = "".join(f"; {issue.title}" for issue in found.issues)
        back = " (u takes it back)" if await self._taken_back(found.order_id, found.number) else ""
        self.app.say(f"{found.message}{back}{issues}", "warn" if found.issues else "good")
        await self.acted(found.order_id, leaves=False)

    async def _taken_back(self, order_id: int, number: str) -> bool:
        """Will u take back what was just said of the order?"""
        return bool(await self.app.attempt(self.app.done.changed(order_id), f"reading what was said of {number}"))

    async def act_cancel(self) -> None:
        """What is unsent is canceled and what is sent is asked back, once that is confirmed."""
        target = self.target()
        assert target is not None
        order = await self.app.attempt(order_page(target[0]), f"reading {target[1]}")
        if order is None:
            return
        await self._ask_cancel(order)

    async def _ask_cancel(self, order: OrderPage) -> None:
        details = "; ".join(order.if_canceled) or "its lines are canceled"

        async def do(tell_channel: bool) -> None:
            work = cancel.cancel_order(order.id, self.app.by, tell_channel=tell_channel)
            said = await self.app.attempt(work, f"canceling {order.number}")
            if said is not None:
                self.app.say(said, "good")
                await self.acted(order.id, leaves=False)

        question = f"Cancel order {order.number} of {order.customer}?"
        both = (lambda: do(True)) if order.channel_cancels else None
        told = f"yes, and {order.channel} cancels it too"
        await self.open_pane(Confirm(question, lambda: do(False), details=f" {details}", both=both, both_said=told))

    async def act_snooze(self) -> None:
        """When it is to be seen again is chosen."""
        order = await self._shown()
        if order is None:
            return
        now = clock.now().astimezone()
        moments = {str(n): until for n, (_, until) in enumerate(snooze.choices(now))}
        offered = [
            Picked(str(n), name, f"{until:%a %d %b %H:%M}") for n, (name, until) in enumerate(snooze.choices(now))
        ]
        offered.append(Picked("other", "another time …", snooze.HOW))
        if order.snoozed_until is not None and order.snoozed_until > now:
            until = f"out of sight until {order.snoozed_until.astimezone():%a %d %b %H:%M}"
            offered.insert(0, Picked("now", "back in the queue now", until))

        async def find(_text: str) -> list[Picked]:
            return offered

        async def take(value: str) -> None:
            if value == "other":
                await self._snooze_typed(order)
            else:
                await self.close_pane()
                await self._snooze(order, moments.get(value))

        await self.open_pane(PickPane(f"Snooze {order.number} until", find, take))

    async def _snooze_typed(self, order: OrderPage) -> None:
        async def save(changed: Mapping[str, str]) -> str:
            until = snooze.read(changed["until"], clock.now().astimezone())
            self.app.later(lambda: self._snooze(order, until))
            return "…"

        fields = [Field("until", "until", about=snooze.HOW)]
        await self.open_pane(FormPane(f"Snooze {order.number}", fields, save, verb="Snooze"))

    async def _snooze(self, order: OrderPage, until: datetime | None) -> None:
        """Out of sight until then; None brings it back."""
        seconds = (until - clock.now().astimezone()).total_seconds() if until is not None else 0
        if not await self.app.attempt(_done(hold.snooze(order.id, seconds, self.app.by)), f"snoozing {order.number}"):
            return
        if until is None:
            self.app.say(f"{order.number} is back in the queue", "good")
            await self.acted(order.id, leaves=False)
            return
        self.app.done.snoozed(order.id, order.number)
        self.app.say(
            f"{order.number} is out of sight until {until:%a %d %b %H:%M}: u brings it back, `is:snoozed` finds it"
        )
        await self.acted(order.id, leaves=True)

    async def act_sync(self) -> None:
        """The channel of this order is pulled from now."""
        order = await self._shown()
        if order is None:
            return
        self.app.say(f"pulling from {order.channel} …")
        pulled = await self.app.attempt(sync.channel(order.channel_id, self.app.by), f"pulling from {order.channel}")
        if pulled is not None:
            self.app.say(words.pulled(order.channel, *pulled), "good")

    async def act_approve(self) -> None:
        target = self.target()
        assert target is not None
        if await self.app.attempt(_done(hold.release(target[0], self.app.by)), f"approving {target[1]}"):
            self.app.say(f"{target[1]} is no longer on hold", "good")
            await self.acted(target[0], leaves=False)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def _shown(self) -> OrderPage | None:
        target = self.target()
        if target is None:
            self.app.say("there is no order here")
            return None
        return await self.app.attempt(order_page(target[0]), f"reading {target[1]}")

    async def act_book(self) -> None:
        """The order's blue book is open."""
        target = self.target()
        if target is None:
            self.app.say("there is no order here")
        else:
            await self.app.push_screen(AuditScreen(target[0], target[1]))

    async def act_copy_order(self) -> None:
        target = self.target()
        if target is not None:
            clipboard.copy(self.app, target[1], "order number")

    async def act_copy_tracking(self) -> None:
        order = await self._shown()
        if order is None:
            return
        numbers = [parcel.tracking_number for parcel in order.shipments if parcel.tracking_number]
        if numbers:
            clipboard.copy(self.app, " ".join(numbers), "tracking")
        else:
            self.app.say(f"{order.number} has no tracking yet")

    async def act_copy_address(self) -> None:
        order = await self._shown()
        if order is not None:
            clipboard.copy(self.app, address_lines(order.ship_to), "address")

    async def act_open_link(self) -> None:
        """The order in the store; where there are parcels, whose tracking page or the store is chosen."""
        order = await self._shown()
        if order is None:
            return
        links = [
            Picked(parcel.tracking_url, f"parcel {parcel.carrier_name or parcel.carrier} {parcel.tracking_number}")
            for parcel in order.shipments
            if parcel.tracking_url
        ]
        if order.store_url:
            links.append(Picked(order.store_url, f"the order at {order.channel}"))
        if not links:
            self.app.say(f"{order.channel} has no page for its orders, and {order.number} no parcel with one yet")
        elif len(links) == 1:
            clipboard.browse(self.app, links[0].value)
        else:
            await self.open_pane(PickPane(f"Open of {order.number}", lambda _: _same(links), self._browse))

    async def _browse(self, url: str) -> None:
        await self.close_pane()
        clipboard.browse(self.app, url)


async def _same(links: list[Picked]) -> list[Picked]:
    return links


def address_lines(address: dict[str, str]) -> str:
    """The address as it is written on a parcel."""
    place = " ".join(address[name] for name in ("postal_code", "city", "region") if address.get(name))
    parts = (
        *(address.get(name, "") for name in ("name", "company", "line1", "line2")),
        place,
        address.get("country", ""),
    )
    return "\n".join(part for part in parts if part)


async def _done(work: object) -> bool:
    """The service answered, with nothing to tell."""
    await work  # type: ignore[misc]
    return True
