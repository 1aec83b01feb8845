"""Channels and suppliers: whether each works, and what can be set about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from engine import clock
from engine.connectors import registry
from engine.errors import BluebookError, Invalid, Misconfigured, Overtaken
from engine.services import authorise, connections, listings, meanwhile, receive, settings_book, setup, sync
from engine.services.connections import Table
from engine.transports import loopback
from tui import options, words
from tui.plain import ago, local, many
from tui.screens.adding import Adding, choose, kind_of
from tui.screens.table import Item, TableScreen
from tui.widgets.confirm import Confirm
from tui.widgets.form import Field, FormPane
from tui.widgets.owner import OwnerPane
from tui.widgets.rows import Column


@dataclass
class Opened:
    """A channel or a supplier as its form shows it, and how many changes of settings there were when it was read."""

    view: Any
    since: int


def _state(view: Any) -> str:
    reason = view.paused_reason or view.last_error if view.state != "ok" else view.warning
    # The key comes first, because the reason may have no room.
    key = ", O renews" if isinstance(view, listings.ChannelView) and authorise.wanted(view) else ""
    return f"{view.state}{key}: {reason}" if reason else str(view.state)


def _heard(moment: Any) -> str:
    return "never" if moment is None else ago(moment)


def _when(at: datetime) -> str:
    day, _, time = local(at).partition(" ")
    return f"at {time}" if day == local(clock.now()).partition(" ")[0] else f"on {day} at {time}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


class ConnectionScreen(TableScreen):
    """What both have in common. ``own`` are the options of ours that can be set, with what may be written."""

    table: Table
    own: tuple[tuple[str, str, str], ...] = ()

    def why_not_open(self) -> str:
        """Nothing to open, or nobody who may."""
        if self.rows.item is None:
            return "there is nothing here"
        return "not with --readonly: the settings can be changed there" if self.app.readonly else ""

    async def act_open(self) -> None:
        """The settings of what the cursor is on."""
        await self.open_pane(self.form(await self._opened(self.rows.item.id)))

    async def _opened(self, row_id: int) -> Opened:
        """It as it is now. What others change from here on is noticed."""
        since = await settings_book.head()
        views: list[Any] = [*(await (listings.channels() if self.table == "channels" else listings.suppliers()))]
        return Opened(next(view for view in views if view.id == row_id), since)

    def form(self, opened: Opened) -> FormPane:
        """What can be set about it."""
        kind: Any = kind_of(self.table, opened.view.connector)

        async def save(changed: Mapping[str, str]) -> str:
            try:
                return await self.save(opened, kind, changed)
            except Overtaken as error:
                # What others set has been seen from now on: who saves again, means it.
                told = self.overtaken(opened, error)
                opened.view = (await self._opened(opened.view.id)).view
                opened.since = max(change.seq for change in error.changes)
                pane.fields = self._fields(opened.view, kind)
                question = "Enter sets yours all the same; Esc and y leave it so"
                raise Invalid(f"{told}; yours was not saved. {question}.") from error

        pane = FormPane(
            self.title_of(opened.view), self._fields(opened.view, kind), save, hint=self.hint(opened.view, kind)
        )
        return pane

    def hint(self, view: Any, kind: Any) -> str:
        """A line below the title."""
        return ""

    def overtaken(self, opened: Opened, error: Overtaken) -> str:
        """What others set meanwhile, in words."""
        labels = {name: label for name, label, _ in self.own} | {"auto_limit": "value limit"}
        currency = getattr(opened.view, "auto_currency", "") or "USD"
        return words.plain(meanwhile.said(error.changes, labels, currency, _when))

    def _fields(self, view: Any, kind: Any) -> list[Field]:
        fields = [Field(name, label, self.shown(view, name), about=about) for name, label, about in self.own]
        return fields + self._credentials(view, kind)

    def title_of(self, view: Any) -> str:
        """What the form is about."""
        return f"Settings for {view.name}"

    def shown(self, view: Any, name: str) -> str:
        """An option as people write it."""
        value = getattr(view, name)
        if isinstance(value, bool):
            return _yes(value)
        return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)

    def _credentials(self, view: Any, kind: Any) -> list[Field]:
        """The connector's own settings; secrets only say whether they are set."""
        found = []
        for one in msgspec.structs.fields(kind.config_type):
            value = view.settings.get(one.name, "")
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            secret = one.name in kind.secret_fields
            if secret:
                text = "set" if value else ""
            found.append(Field(f"set.{one.name}", one.name.replace("_", " "), text, secret))
        return found

    async def save(self, opened: Opened, kind: Any, changed: Mapping[str, str], rests: Collection[str] = ()) -> str:
        """What was changed is saved; a sentence. Raises Invalid naming the field, and Overtaken where others were first."""
        view = opened.view
        own = {name: _flag(text) for name, text in changed.items() if not name.startswith("set.")}
        values = options.settings(changed)
        await setup.update(
            self.table, view.id, self.app.by, values=values, since=opened.since, rests=rests, **self.typed(own)
        )
        names = ", ".join(name.removeprefix("set.").replace("_", " ") for name in changed)
        return f"{view.name}: {names} updated"

    def typed(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The options as their columns want them."""
        return options.typed(self.table, given)

    # --- actions ------------------------------------------------------------------------------------------------------

    async def act_add(self) -> None:
        """A connector is chosen, and what it needs is asked for."""

        async def then(slug: str) -> None:
            await self.open_pane(Adding(self.app, self.table, slug).form())

        await self.open_pane(choose(self.table, then))

    def _nothing(self) -> str:
        return "" if self.rows.item is not None else "there is nothing here"

    why_not_try_it = why_not_resume = why_not_sync = _nothing

    async def act_try_it(self) -> None:
        """Does the connection work, and as whom?"""
        view = self.rows.item
        self.app.say(f"asking {view.name} …")
        said = await self.app.attempt(setup.test_connection(self.table, view.id), f"testing {view.name}")
        if said is not None:
            self.app.say(f"{view.name}: {said}", "good")

    async def act_resume(self) -> None:
        """Used again after a pause, or paused."""
        view = self.rows.item
        if view.paused_reason:
            freed = await self.app.attempt(
                connections.resume(self.table, view.id, self.app.by), f"resuming {view.name}"
            )
            if freed is not None:
                self.app.say(f"{view.name} is used again; {many(freed, 'waiting order')} go on", "good")
        else:
            work = setup.update(self.table, view.id, self.app.by, paused_reason=f"paused by {self.app.by.name}")
            await self.app.attempt(work, f"pausing {view.name}")
            self.app.say(f"{view.name} is paused: the same key lets it go on")
        await self.load()


def _flag(text: str) -> str:
    """Yes and no as the columns want them."""
    return {"yes": "true", "no": "false"}.get(text.strip().lower(), text.strip())


class ChannelsScreen(ConnectionScreen):
    """Where orders come from."""

    name = "channels"
    heading = "Channels"
    table: Table = "channels"
    empty = "There is no channel yet: A adds one."
    columns = (
        (
            Column("CHANNEL", 14, 2), Column("STATE", 12, 3), Column("PULLED", 7, right=True),
            Column("WAITING", 7, right=True), Column("AUTO", 14, 1), Column("EVERY", 7, right=True),
            Column("CONNECTOR", 12, 1),
        ),
    )  # fmt: skip
    own = (
        ("auto_process", "Auto Order Processing", "yes or no"),
        ("limit", "value limit", "500 USD; empty for none"),
        ("auto_condition", "condition", 'order.country == "US"; empty for all'),
        ("alert_addresses", "alert addresses", "ops@example.com, dana@example.com"),
        ("poll_seconds", "poll every, seconds", "60"),
        ("enabled", "enabled", "yes or no"),
        ("stale_days", "old after, days", ""),
        ("name", "call it", ""),
    )

    async def read(self) -> list[Item]:
        """Every channel."""
        return [(view.id, view, self._cells(view)) for view in await listings.channels()]

    def _cells(self, view: listings.ChannelView) -> tuple[str, ...]:
        waiting = sum(view.orders.get(status, 0) for status in ("ready", "unresolved", "on_hold", "failed"))
        limit = words.amount(view.auto_limit, view.auto_currency) if view.auto_limit is not None else "no limit"
        return (
            view.name, _state(view), _heard(view.pulled_at), f"{waiting:,}", f"on, {limit}" if view.auto_process else "off",
            f"{view.poll_seconds} s", view.connector,
        )  # fmt: skip

    def title_of(self, view: Any) -> str:
        """The path the manager knows from the browser."""
        return f"Settings for {view.name} > Orders > Auto Order Processing"

    def shown(self, view: Any, name: str) -> str:
        """The limit is one value with its currency."""
        if name == "limit":
            return words.amount(view.auto_limit, view.auto_currency) if view.auto_limit is not None else ""
        return super().shown(view, name)

    def typed(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The same."""
        rest = {name: text for name, text in given.items() if name != "limit"}
        return super().typed(rest) | (options.limit(given["limit"]) if "limit" in given else {})

    async def save(self, opened: Opened, kind: Any, changed: Mapping[str, str], rests: Collection[str] = ()) -> str:
        """Turning Auto Order Processing on sends what is ready, so that is asked for."""
        view = opened.view
        turned_on = _flag(changed.get("auto_process", "")) == "true" and not view.auto_process
        ready = view.orders.get("ready", 0)
        if not turned_on or not ready:
            return await super().save(opened, kind, changed, meanwhile.AUTO if turned_on else ())
        rest = {name: text for name, text in changed.items() if name != "auto_process"}
        if rest:
            await super().save(opened, kind, rest, meanwhile.AUTO)
            opened.since = await settings_book.head()

        async def yes() -> None:
            try:
                on = {"auto_process": "yes"}
                await super(ChannelsScreen, self).save(opened, kind, on, meanwhile.AUTO)
            except Overtaken as error:
                self.app.say(f"{self.overtaken(opened, error)}: {view.name} is not switched on; look again", "warn")
            except Exception as error:
                self.app.fail(error, "saving")
            else:
                self.app.say(f"{view.name} processes by itself from now on", "good")
            await self.load()

        question = f"Process the {many(ready, 'order')} of {view.name} that are ready now too, without the undo window?"
        self.app.later(
            lambda: self.open_pane(Confirm(question, yes, details=" as far as the limit and the condition allow"))
        )
        return f"{view.name}: updated; Auto Order Processing is asked for"

    def hint(self, view: Any, kind: Any) -> str:
        """How its owner is asked anew, and why that is due."""
        why = f": {view.paused_reason or view.warning}" if authorise.wanted(view) else ""
        return f"O in the list asks its owner anew{why}" if authorise.asks_owner(kind) else ""

    def why_not_authorise(self) -> str:
        """Not every channel is let in by its owner."""
        view = self.rows.item
        if view is None:
            return "there is nothing here"
        try:
            kind = registry.channel_type(view.connector)
        except BluebookError as error:  # its package is gone
            return error.message
        return (
            "" if authorise.asks_owner(kind) else f"{kind.name} is not let in by a browser: Enter opens its credentials"
        )

    async def act_authorise(self) -> None:
        """Its owner is asked; until the answer comes, all goes on as before. What the question needs is asked for first."""
        view = self.rows.item
        kind: Any = registry.channel_type(view.connector)
        try:
            back = loopback.address(loopback.PORT)
            asked = await authorise.ask(view.connector, {}, back, self.app.by, channel_id=view.id)
        except (Invalid, Misconfigured) as error:
            form = self.form(await self._opened(view.id))
            form.wrong = error.message
            names = [field.name for field in form.fields]
            form.place = names.index(f"set.{error.field}") if f"set.{error.field}" in names else 0
            await self.open_pane(form)
            return

        async def leave(wrong: str) -> None:
            await self.close_pane()
            if wrong:
                self.app.say(wrong, "bad")
            await self.load()

        await self.open_pane(OwnerPane(asked, kind, 0, leave, renews=view.name))

    async def act_sync(self) -> None:
        """Pull now."""
        view = self.rows.item
        self.app.say(f"pulling from {view.name} …")
        pulled = await self.app.attempt(sync.channel(view.id, self.app.by), f"pulling from {view.name}")
        if pulled is not None:
            self.app.say(words.pulled(view.name, *pulled), "good")
        await self.load()


class SuppliersScreen(ConnectionScreen):
    """Who ships; the second tab has their shipping methods."""

    name = "suppliers"
    heading = "Suppliers"
    table: Table = "suppliers"
    tabs = ("Suppliers", "Methods")
    empty = "There is no supplier yet: A adds one."
    columns = (
        (
            Column("SUPPLIER", 12, 2), Column("STATE", 12, 3), Column("HEARD", 7, right=True),
            Column("METHODS", 7, right=True), Column("OFFERS", 7, right=True), Column("ACK", 6, right=True),
            Column("SHIP", 6, right=True), Column("CONNECTOR", 10, 1),
        ),
        (Column("SUPPLIER", 10, 1), Column("CODE", 14, 1), Column("METHOD", 20, 2), Column("OFFERED", 8)),
    )  # fmt: skip
    own = (
        ("enabled", "enabled", "yes or no"),
        ("ack_hours", "acknowledges within, hours", ""),
        ("tracking_hours", "ships within, hours", ""),
        ("work_hours", "works, empty for always", "Mon-Fri 09:00-17:00"),
        ("work_timezone", "time zone of its hours", "America/New_York"),
        ("holidays", "its days off", "2026-11-26, 12-25"),
        ("stock_hours", "stock believed for, hours", "0: any age"),
        ("cost_tolerance", "cost may differ by, percent", ""),
        ("priority", "priority, lower first", ""),
        ("poll_seconds", "listened to every, seconds", ""),
        ("concurrency", "sent at once, at most", ""),
        ("settle_seconds", "asked again after, seconds", ""),
        ("po_box_allowed", "ships to PO boxes", "yes or no"),
        ("name", "call it", ""),
    )

    async def read(self) -> list[Item]:
        """Every supplier, or every method."""
        views = await listings.suppliers()
        if self.tab == 0:
            return [(view.id, view, self._cells(view)) for view in views]
        found: list[Item] = []
        for view in views:
            for method in await listings.methods(view.id):
                cells = (method.supplier, method.code, method.name, _yes(method.enabled))
                found.append((f"m{method.id}", (view, method), cells))
        return found

    def _cells(self, view: listings.SupplierView) -> tuple[str, ...]:
        name = view.code if view.code == view.name else f"{view.code} {view.name}"
        return (
            name, _state(view), _heard(view.polled_at), str(view.methods), f"{view.offers:,}", f"{view.ack_hours} h",
            f"{view.tracking_hours} h", view.connector,
        )  # fmt: skip

    async def act_open(self) -> None:
        """A supplier's settings, or a method's."""
        if self.tab == 0:
            await super().act_open()
            return
        view, method = self.rows.item

        async def save(changed: Mapping[str, str]) -> str:
            # What was not changed here stays as others have set it meanwhile.
            now = next((one for one in await listings.methods(view.id) if one.code == method.code), method)
            name = changed.get("name", now.name)
            offered = {"enabled": _flag(changed["enabled"]) == "true"} if "enabled" in changed else {}
            await setup.add_method(view.id, method.code, name, self.app.by, **offered)
            return f"{view.code}: {name} updated"

        fields = [
            Field("name", "name", method.name),
            Field("enabled", "offered", _yes(method.enabled), about="yes or no"),
        ]
        await self.open_pane(FormPane(f"{view.code} > {method.code}", fields, save))

    async def act_sync(self) -> None:
        """Listen now."""
        view = self.rows.item[0] if self.tab else self.rows.item
        heard = await self.app.attempt(receive.now(view.id, self.app.by), f"listening to {view.name}")
        if heard is not None:
            self.app.say(f"{view.name} was listened to", "good")
        await self.load()
