"""A channel's settings: general, orders with Auto Order Processing, alerts, credentials."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from engine.domain import conditions, money
from engine.domain.roles import Permission
from engine.errors import BluebookError, Overtaken
from engine.services import authorise, auto_trial, options, settings_book
from engine.services.listings import ChannelView
from engine.services.meanwhile import AUTO
from webui import words
from webui.states import connection, forms, owner
from webui.states.base import PAGES, Book, on
from webui.states.channels import ChannelRow, Channels, channel_href, channel_of, row_of
from webui.states.owner import OwnerQuestion
from webui.states.settings_page import SettingsPage

PARTS = {"general": "General", "orders": "Orders", "alerts": "Alerts", "credentials": "Credentials"}
PULLING = {
    "poll_seconds": "Pull every, seconds",
    "overlap_seconds": "Overlap of pulls, seconds",
    "rescan_seconds": "Read open orders again every, seconds",
    "stale_days": "Old after, days",
}
MARGIN = "Least margin, percent"
LABELS = PULLING | {
    "auto_process": "Auto Order Processing", "auto_limit": "the value limit", "auto_currency": "the limit's currency",
    "auto_condition": "the condition", "alert_addresses": "the addresses", "prefix": "the prefix of order numbers",
    "margin_floor": MARGIN, "name": "the name",
}  # fmt: skip
"""What the options are called where something is said of them."""
FORMS = {
    "name": (), "auto": ("limit", "currency", "condition"), "pulling": (*PULLING, "margin_floor", "prefix"),
    "alerts": ("alerts",), "credentials": (), "remove": (),
}  # fmt: skip
"""The forms, and their fields among ``values``."""
MOST_NAMED = 5


class ChannelSettings(SettingsPage, Book):
    """One channel."""

    _table: ClassVar = "channels"
    _may_change: ClassVar = Permission.CHANNELS
    _forms: ClassVar = FORMS
    _labels: ClassVar = LABELS
    _sections: ClassVar = PARTS
    row: ChannelRow = ChannelRow()
    problem: str = ""
    """What is wrong with the owner's answer that was pasted."""
    auto: bool = False
    trial: str = ""
    trial_tone: str = ""
    asks_owner: bool = False
    question: OwnerQuestion = OwnerQuestion()
    _typed: dict[str, str] = {}

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows the channel and the section that its address names."""
        self.trial = self.problem = ""
        self.question = OwnerQuestion()
        await self._open()

    async def _view(self) -> ChannelView:
        wanted = connection.second_part(self.router.url.path)
        return await channel_of(int(wanted) if wanted.isdecimal() and len(wanted) < 10 else 0)

    def _href(self, view: ChannelView, part: str) -> str:
        return channel_href(view.id, part)

    def _values(self, view: ChannelView) -> dict[str, str]:
        found = {name: str(getattr(view, name)) for name in PULLING}
        named = (*AUTO, "prefix", "margin_floor", "alert_addresses")
        return _fields({name: getattr(view, name) for name in named} | found, {})

    def _stand(self, view: ChannelView) -> None:
        row = row_of(view)
        if row != self.row:
            self.row = row

    async def _show_own(self, view: ChannelView, shown: Collection[str]) -> None:
        self.asks_owner = authorise.asks_owner(connection.kind_of("channels", view.connector))
        if "auto" in shown:
            self.auto, self._typed = view.auto_process, {}

    def take_over(self, form: str, error: Overtaken) -> None:
        """What others set meanwhile has been seen; in fields that were not touched it is shown."""
        super().take_over(form, error)
        theirs = {change.name: change.value for change in error.changes if change.name not in error.wanted}
        self.values = {**self.values, **_fields(theirs, self.values)}

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> Any:
        """How it stands is read anew; forms and what is half typed in them stay. The list sees to itself."""
        if not connection.second_part(self.router.url.path):
            return Channels.reread
        if self.ready and not self.missing:
            self._stand(await self._view())
        return None

    # --- Orders -------------------------------------------------------------------------------------------------------

    @on(Permission.CHANNELS)
    async def update_auto(self, form: dict[str, Any]) -> None:
        """What was changed of Auto Order Processing is saved; ready orders that may go are then sent by a worker at once."""
        given = connection.text_of(form)
        with forms.told(self, "auto", LABELS):
            changed: dict[str, Any] = {}
            if ("auto" in given) != self.auto:
                changed["auto_process"] = "auto" in given
            if (condition := forms.lines(given.get("condition", ""))) != self.values["condition"].strip():
                changed["auto_condition"] = condition
            limit, currency = given.get("limit", "").strip(), given.get("currency", "").strip()
            if limit != self.values["limit"] or (limit and currency != self.values["currency"]):
                changed |= _limit(given)
            # Whoever switches it on has the limit and the condition before their eyes: these must be the ones in force.
            view = await self._change("auto", changed, AUTO if changed.get("auto_process") else ())
            await self._saved("auto", _updated(view, changed))

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
            self.trial, self.trial_tone = forms.in_words(error, LABELS), "bad"
            return
        self.trial, self.trial_tone = _tried(found), "good"

    @on(Permission.CHANNELS)
    async def save_pulling(self, form: dict[str, Any]) -> None:
        """What was changed of how often and how far back it is pulled from, and of what counts as old, is saved."""
        given = {name: text.strip() for name, text in connection.text_of(form).items()}
        with forms.told(self, "pulling", LABELS):
            touched = forms.touched(given, self.values, FORMS["pulling"])
            changed = {
                name: text if name == "prefix" else forms.whole("channels", name, LABELS[name], text)
                for name, text in touched.items()
            }
            view = await self._change("pulling", changed)
            await self._saved("pulling", f"{view.name}: {'saved' if changed else forms.NOTHING}.")

    @on(Permission.CHANNELS)
    async def save_alerts(self, form: dict[str, Any]) -> None:
        """These addresses are told of orders that need a person."""
        text = forms.lines(form.get("alerts", ""))
        with forms.told(self, "alerts", LABELS):
            changed = {} if text == self.values["alerts"] else options.typed("channels", {"alert_addresses": text})
            view = await self._change("alerts", changed)
            said = f"{_addresses(len(changed['alert_addresses']))} saved" if changed else forms.NOTHING
            await self._saved("alerts", f"{view.name}: {said}.")

    # --- Credentials --------------------------------------------------------------------------------------------------

    @on(Permission.CHANNELS)
    async def ask_owner(self) -> None:
        """The page shows where the channel's owner is asked anew; until the answer is there, all goes on as before."""
        view, origin = await self._view(), str(self.router.headers.origin)
        with forms.told(self, "credentials", LABELS):
            self.problems = {**self.problems, "credentials": ""}
            self.question = await owner.ask(view.connector, {}, origin, self.by, channel_id=view.id)

    @on(Permission.CHANNELS, background=True)
    async def take_answer(self, form: dict[str, Any]) -> None:
        """The channel has the access that its owner gave."""
        if await owner.taken(self, form) is None:
            return
        async with self:
            self.question, self.tested = OwnerQuestion(), ""
            since = await settings_book.head()
            await self._show(await self._view(), since, ("credentials",))


PAGES["channels"] = ChannelSettings.heard


def _fields(options_: dict[str, Any], shown: dict[str, str]) -> dict[str, str]:
    """Options as the fields of the forms show them; ``shown``: what they show now."""
    found = {}
    for name, value in options_.items():
        if name == "auto_limit":
            currency = options_.get("auto_currency") or shown.get("currency", "USD")
            found["limit"] = "" if value is None else str(money.major(value, currency))
        elif name == "auto_currency":
            found["currency"] = value or "USD"
        elif name == "auto_condition":
            found["condition"] = value
        elif name == "alert_addresses":
            found["alerts"] = "\n".join(value)
        elif name in FORMS["pulling"]:
            found[name] = "" if value is None else str(value)
    return found


def _updated(view: ChannelView, changed: dict[str, Any]) -> str:
    """What changing this of Auto Order Processing has done, as a sentence; ``view`` is how the channel was."""
    if not changed:
        return f"{view.name}: {forms.NOTHING}."
    on = changed.get("auto_process", view.auto_process)
    if "auto_process" in changed:
        said = f"{view.name} processes by itself {'from now on' if on else 'no longer'}"
    else:
        said = f"{view.name}: updated; Auto Order Processing is {'on' if on else 'off'}"
    waiting = view.orders.get("ready", 0)
    return f"{said}; {words.many(waiting, 'ready order')} looked at now." if on and waiting else f"{said}."


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
