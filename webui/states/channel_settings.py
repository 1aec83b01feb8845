"""A channel's settings: general, orders with Auto Order Processing, alerts, credentials."""

from __future__ import annotations

from typing import Any

from engine.domain import conditions, money
from engine.domain.roles import Permission
from engine.errors import BluebookError, NotFound
from engine.services import authorise, auto_trial, options, setup
from engine.services.listings import ChannelView
from webui import words
from webui.states import connection, owner
from webui.states.base import PAGES, Book, on
from webui.states.channels import ChannelRow, Channels, channel_href, channel_of, row_of
from webui.states.connection import FieldView, PartLink
from webui.states.owner import OwnerQuestion

PARTS = {"general": "General", "orders": "Orders", "alerts": "Alerts", "credentials": "Credentials"}
PULLING = {
    "poll_seconds": "Pull every, seconds",
    "overlap_seconds": "Overlap of pulls, seconds",
    "rescan_seconds": "Read open orders again every, seconds",
    "stale_days": "Old after, days",
}
MOST_NAMED = 5


class ChannelSettings(Book):
    """One channel. ``version`` counts saves: each form is a new one then, with what was saved."""

    row: ChannelRow = ChannelRow()
    part: str = "general"
    parts: list[PartLink] = []
    missing: str = ""
    problem: str = ""
    ready: bool = False
    version: int = 0
    values: dict[str, str] = {}
    auto: bool = False
    fields: list[FieldView] = []
    more_fields: list[FieldView] = []
    trial: str = ""
    trial_tone: str = ""
    tested: str = ""
    tested_tone: str = ""
    testing: bool = False
    connector_name: str = ""
    docs: str = ""
    asks_owner: bool = False
    question: OwnerQuestion = OwnerQuestion()
    _typed: dict[str, str] = {}

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows the channel and the section that its address names."""
        part = self.params.get("section", "general")
        self.part = part if part in PARTS else "general"
        self.trial = self.tested = self.problem = ""
        self.question = OwnerQuestion()
        try:
            view = await self._view()
        except NotFound as error:
            self.missing, self.ready = error.message, True
            return
        self.missing = ""
        self.parts = [PartLink(name, title, channel_href(view.id, name)) for name, title in PARTS.items()]
        self._show(view)
        self.ready = True

    async def _view(self) -> ChannelView:
        wanted = connection.second_part(self.router.url.path)
        return await channel_of(int(wanted) if wanted.isdecimal() and len(wanted) < 10 else 0)

    def _show(self, view: ChannelView) -> None:
        kind = connection.kind_of("channels", view.connector)
        self.row, self.connector_name, self.docs = row_of(view), kind.name, kind.docs_url
        self.auto, self.asks_owner = view.auto_process, authorise.asks_owner(kind)
        limit = view.auto_limit
        self.values = {
            "limit": "" if limit is None else str(money.major(limit, view.auto_currency)),
            "currency": view.auto_currency or "USD", "condition": view.auto_condition, "prefix": view.prefix,
            "margin_floor": "" if view.margin_floor is None else str(view.margin_floor),
            "alerts": "\n".join(view.alert_addresses), **{name: str(getattr(view, name)) for name in PULLING},
        }  # fmt: skip
        fields = connection.field_views(kind, connection.shown(view, kind), view.settings)
        self.fields, self.more_fields = connection.parted(fields)
        self.version += 1
        self._typed = {}

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> Any:
        """How it stands is read anew; forms and what is half typed in them stay. The list sees to itself."""
        if not connection.second_part(self.router.url.path):
            return Channels.reread
        if self.ready and not self.missing:
            row = row_of(await self._view())
            if row != self.row:
                self.row = row
        return None

    async def _saved(self, sentence: str) -> None:
        self.problem = ""
        self.say(sentence, "good")
        self._show(await self._view())

    # --- Orders -------------------------------------------------------------------------------------------------------

    @on(Permission.CHANNELS)
    async def update_auto(self, form: dict[str, Any]) -> None:
        """Auto Order Processing is as the form says; ready orders that may go are then sent by a worker at once."""
        given = connection.text_of(form)
        view = await self._view()
        try:
            wanted = {
                "auto_process": "auto" in given, "auto_condition": given.get("condition", "").strip(),
                **_limit(given),
            }  # fmt: skip
            await setup.update("channels", view.id, self.by, **wanted)
        except BluebookError as error:
            self.problem = words.sentence(error.message)
            return
        waiting = view.orders.get("ready", 0)
        said = f"{view.name} processes by itself from now on" if wanted["auto_process"] else f"{view.name}: updated"
        more = f"; {words.many(waiting, 'ready order')} looked at now" if wanted["auto_process"] and waiting else ""
        await self._saved(f"{said}{more}.")

    @on(Permission.VIEW)
    def typed(self, name: str, value: str) -> None:
        """What is typed so far is remembered for trying it; the page does not change by it."""
        self._typed = {**self._typed, name: str(value)[: conditions.MAX_LENGTH + 1]}

    @on(Permission.VIEW)
    async def try_auto(self) -> None:
        """What the settings as typed would do with the orders that are ready is said; nothing is changed."""
        given = {**self.values, **self._typed}
        view = await self._view()
        try:
            limit = _limit(given)
            found = await auto_trial.trial(
                view.id,
                limit=limit["auto_limit"],
                currency=limit["auto_currency"],
                condition=given["condition"].strip(),
            )
        except BluebookError as error:
            self.trial, self.trial_tone = words.sentence(error.message), "bad"
            return
        self.trial, self.trial_tone = _tried(found), "good"

    @on(Permission.CHANNELS)
    async def save_pulling(self, form: dict[str, Any]) -> None:
        """How often and how far back it is pulled from, and what counts as old, is as the form says."""
        view = await self._view()
        try:
            wanted: dict[str, Any] = {name: connection.whole(form, name, label) for name, label in PULLING.items()}
            wanted["prefix"] = str(form.get("prefix", "")).strip()[:16]
            wanted |= options.typed("channels", {"margin_floor": str(form.get("margin_floor", "")).strip()})
            changed = {name: value for name, value in wanted.items() if value != getattr(view, name)}
            if changed:
                await setup.update("channels", view.id, self.by, **changed)
        except BluebookError as error:
            self.problem = words.sentence(error.message)
            return
        await self._saved(f"{view.name}: saved.")

    @on(Permission.CHANNELS)
    async def save_alerts(self, form: dict[str, Any]) -> None:
        """These addresses are told of orders that need a person."""
        view = await self._view()
        try:
            wanted = options.typed("channels", {"alert_addresses": str(form.get("alerts", ""))})
            await setup.update("channels", view.id, self.by, **wanted)
        except BluebookError as error:
            self.problem = words.sentence(error.message)
            return
        await self._saved(f"{view.name}: {_addresses(len(wanted['alert_addresses']))} saved.")

    # --- General and Credentials --------------------------------------------------------------------------------------

    @on(Permission.CHANNELS)
    async def save_credentials(self, form: dict[str, Any]) -> None:
        """What was changed is saved; a secret only where something was typed."""
        try:
            said = await connection.save_credentials("channels", await self._view(), form, self.by)
        except BluebookError as error:
            self.problem = words.sentence(error.message)
            return
        self.tested = ""
        await self._saved(said)

    @on(Permission.CHANNELS, background=True)
    async def test(self) -> None:
        """The channel was asked whether the connection works."""
        async with self:
            self.testing, self.tested = True, ""
            view = await self._view()
        try:
            said, tone = await connection.test("channels", view)
        finally:
            async with self:
                self.testing = False
        async with self:
            self.tested, self.tested_tone = said, tone

    @on(Permission.CHANNELS)
    async def ask_owner(self) -> None:
        """The page shows where the channel's owner is asked anew; until the answer is there, all goes on as before."""
        view, origin = await self._view(), str(self.router.headers.origin)
        self.problem = ""
        try:
            self.question = await owner.ask(view.connector, {}, origin, self.by, channel_id=view.id)
        except BluebookError as error:
            self.problem = words.sentence(error.message)

    @on(Permission.CHANNELS, background=True)
    async def take_answer(self, form: dict[str, Any]) -> None:
        """The channel has the access that its owner gave."""
        if await owner.taken(self, form) is None:
            return
        async with self:
            self.question, self.tested = OwnerQuestion(), ""
            self._show(await self._view())

    @on(Permission.CHANNELS)
    async def rename(self, form: dict[str, Any]) -> None:
        """The channel is called otherwise."""
        try:
            said = await connection.rename("channels", await self._view(), form, self.by)
        except BluebookError as error:
            self.problem = words.sentence(error.message)
            return
        await self._saved(said)

    @on(Permission.CHANNELS)
    async def enable(self, yes: bool) -> None:
        """The channel is in use, or no longer."""
        await self._saved(await connection.enable("channels", await self._view(), yes, self.by))

    @on(Permission.CHANNELS)
    async def pause(self, form: dict[str, Any]) -> None:
        """The channel is not used until somebody resumes it."""
        await self._saved(await connection.pause("channels", await self._view(), form, self.by))

    @on(Permission.CHANNELS)
    async def resume(self) -> None:
        """The channel is used again."""
        await self._saved(await connection.resume("channels", await self._view(), self.by))


PAGES["channels"] = ChannelSettings.heard


def _limit(given: dict[str, str]) -> dict[str, Any]:
    """The value limit of two fields."""
    amount = given.get("limit", "").strip()
    return options.limit(f"{amount} {given.get('currency', '').strip()}" if amount else "")


def _tried(found: auto_trial.AutoTrial) -> str:
    if not found.looked_at:
        return "The condition can be read. No order is ready now, so there is nothing to try it on."
    more = "the oldest " if found.more else ""
    said = f"Of {more}{words.many(found.looked_at, 'ready order')}, {len(found.goes)} would be sent"
    if found.goes:
        said += f" ({_named(found.goes)})"
    if found.stays:
        number, why = next(iter(found.stays.items()))
        said += f"; {len(found.stays)} would wait for a person, {number} because: {why}"
    return f"{said}."


def _named(numbers: list[str]) -> str:
    more = f" and {len(numbers) - MOST_NAMED} more" if len(numbers) > MOST_NAMED else ""
    return ", ".join(words.plain(number) for number in numbers[:MOST_NAMED]) + more


def _addresses(count: int) -> str:
    return f"{count} address{'' if count == 1 else 'es'}"
