"""Resolving: one dialog for every kind of Issue, on every page: ``Resolving.open(order_id, issue_id)`` opens it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.domain.addresses import Address
from engine.domain.issues import Resolution
from engine.domain.roles import Permission
from engine.errors import BluebookError
from engine.services import order_page, resolve, suggest
from engine.services.choices import ASKED, NEEDS, NOTED, Choice, choices_of, product_or_kit
from engine.services.resolve import OpenIssue, Resolved
from engine.services.suggest import Suggestions
from webui import words
from webui.states.base import Book, on

R = Resolution
NOTE_OF = {R.WAIVE: "note", R.DROP_LINE: "note", R.ACKNOWLEDGE: "note", R.CANCEL: "reason"} | dict.fromkeys(
    NOTED, "note"
)
"""What each way calls the words a person may add; for those of NOTED they must."""
SEARCH_MOST = 200


@dataclass
class ChoiceView:
    """A way to resolve it. ``key`` changes with every new list, so that the first one is chosen again."""

    index: int = 0
    key: str = ""
    label: str = ""
    details: str = ""


@dataclass
class FieldView:
    """A field of the address: what it is, and what it most likely should be."""

    name: str = ""
    label: str = ""
    value: str = ""
    hint: str = ""
    wrong: bool = False


@dataclass
class Asked:
    """What the chosen way asks for. note: "", may or must."""

    note: str = ""
    reference: bool = False
    remember: bool = False
    address: bool = False
    final: bool = False


class Resolving(Book):
    """The dialog: one Issue after the other, until none of the order's is left."""

    opened_in: int = 0
    number: str = ""
    place: str = ""
    title: str = ""
    message: str = ""
    todo: str = ""
    waiting: str = ""
    frees_all: str = ""
    choices: list[ChoiceView] = []
    fields: list[FieldView] = []
    asked: Asked = Asked()
    searches: bool = False
    confirming: bool = False
    problem: str = ""
    done: str = ""
    step: int = 0
    turn: int = 0
    _issues: list[OpenIssue] = []
    _choices: list[Choice] = []
    _remembers: tuple[Resolution, ...] = ()
    _address: dict[str, str] = {}

    @on(Permission.RESOLVE)
    async def open(self, order_id: int, issue_id: int) -> None:
        """The dialog shows this Issue of the order, or its first (0)."""
        order = await order_page.order_page(order_id)
        found = await resolve.order_issues(order_id)
        if not found:
            self.say(f"{order.number} waits for nothing; it can be processed.")
            return
        self.number, self.done = words.plain(order.number), ""
        self._address = {name: str(order.ship_to.get(name) or "") for name in Address.__struct_fields__}
        self._issues = sorted(found, key=lambda issue: issue.id != issue_id)
        await self._show()

    @on(Permission.VIEW)
    def close(self) -> None:
        """The dialog is gone; what was not resolved stays as it is."""
        self.opened_in = 0

    @on(Permission.RESOLVE)
    async def find(self, text: str) -> None:
        """The choices are products like what was typed, or the kit that was."""
        if not self._issues or not self.searches:
            return
        wanted = text.strip()[:SEARCH_MOST]
        told = await suggest.suggestions(self._issues[0].id, wanted)
        found = choices_of(told)
        if "=" in wanted or "+" in wanted:
            found.insert(0, Choice(R.MAP_SKU, f"The kit {wanted}", {"product": product_or_kit(wanted)}))
        self._offer(found)

    @on(Permission.RESOLVE)
    async def find_now(self, form: dict[str, Any]) -> Any:
        """The same, by Enter."""
        return Resolving.find(str(form.get("query", "")))

    @on(Permission.RESOLVE)
    def pick(self, index: int) -> None:
        """This way is chosen, and the dialog asks what it needs."""
        self.problem, self.confirming = "", False
        self._ask(index)

    @on(Permission.RESOLVE)
    async def resolve(self, form: dict[str, Any]) -> None:
        """The Issue is resolved as chosen; the dialog shows the next one, or is gone."""
        chosen = str(form.get("choice", ""))
        if not chosen.isdecimal() or int(chosen) >= len(self._choices) or not self._issues:
            self.problem = "Choose how it is resolved."
            return
        choice = self._choices[int(chosen)]
        if choice.how in ASKED and not self.confirming:
            self.confirming = True
            return
        try:
            args = self._args(choice, form)
            found = await resolve.resolve(self._issues[0].id, choice.how, args, self.by)
        except BluebookError as error:
            self.problem, self.confirming = words.sentence(error.message), False
            return
        await self._resolved(found)

    def _args(self, choice: Choice, form: dict[str, Any]) -> dict[str, Any]:
        if choice.how in NEEDS:
            self.person.demand(NEEDS[choice.how])
        args = dict(choice.args)
        if choice.how == R.FIX_ADDRESS and not args:
            typed = {name: str(form.get(f"address.{name}", was)).strip() for name, was in self._address.items()}
            args = {name: value for name, value in typed.items() if value != self._address[name].strip()}
        if self._can_be_remembered(choice):
            args["remember"] = bool(form.get("remember"))
            if args["remember"] and choice.how != R.WAIVE:
                self.person.demand(Permission.SAVE_MAPPING)
        note = str(form.get("note", "")).strip()
        if choice.how in NOTE_OF and (note or choice.how in NOTED):
            args[NOTE_OF[choice.how]] = note
        if choice.how == R.MARK_ACCEPTED:
            args["reference"] = str(form.get("reference", "")).strip()
        return args

    async def _resolved(self, found: Resolved) -> None:
        more = f" {words.many(found.became_ready, 'more order')} became ready." if found.became_ready else ""
        left = f" {words.many(len(found.remaining), 'Issue')} left." if found.remaining else ""
        said = f"Order {found.number}: {found.message}. It is now “{words.name_of(found.status)}”."
        self.done = words.plain(f"{said}{more}{left}")
        self._issues = found.remaining
        if self._issues:
            await self._show()
        else:
            self.opened_in = 0
            self.say(self.done, "good")

    async def _show(self) -> None:
        issue = self._issues[0]
        told = await suggest.suggestions(issue.id)
        self.title, self.todo = issue.title, issue.todo
        about = " ".join(part for part in (f"line {issue.line}" if issue.line else "", issue.po_number) if part)
        self.message = words.plain(words.sentence(words.about(about, issue.message)))
        self.place = f"1 of {len(self._issues)} Issues" if len(self._issues) > 1 else ""
        self.waiting = words.many(told.waiting, "waiting order") if told.waiting else ""
        self.frees_all = told.frees_all
        self.searches, self._remembers = R.MAP_SKU in told.resolutions, told.remembers
        self.problem, self.confirming, self.opened_in = "", False, self.visit
        self.step += 1
        found = choices_of(told)
        if R.FIX_ADDRESS in told.resolutions:
            self.fields = self._address_fields(told)
            found = [Choice(R.FIX_ADDRESS, "Correct the address")] + [c for c in found if c.how != R.FIX_ADDRESS]
        self._offer(found)

    def _address_fields(self, told: Suggestions) -> list[FieldView]:
        """The fields as they are, those with a suggestion as suggested; what the Issue is about comes first."""
        wrong = told.field.rpartition(".")[2]
        hints = {one.field: f"{one.reason}; it was {self._address.get(one.field) or 'empty'}" for one in told.choices}
        advised = {one.field: one.value for one in told.choices}
        return [
            FieldView(name, words.field_name(name), words.plain(advised.get(name, value)),
                      words.plain(hints.get(name, "")), name == wrong)
            for name, value in sorted(self._address.items(), key=lambda pair: pair[0] != wrong)
        ]  # fmt: skip

    def _offer(self, found: list[Choice]) -> None:
        self._choices = found
        self.turn += 1
        self.choices = [
            ChoiceView(n, f"{self.turn}.{n}", words.plain(choice.label), words.plain(choice.details))
            for n, choice in enumerate(found)
        ]
        self._ask(0)

    def _ask(self, index: int) -> None:
        if not 0 <= index < len(self._choices):
            self.asked = Asked()
            return
        choice = self._choices[index]
        note = "must" if choice.how in NOTED else "may" if choice.how in NOTE_OF else ""
        self.asked = Asked(
            note, choice.how == R.MARK_ACCEPTED, self._can_be_remembered(choice),
            choice.how == R.FIX_ADDRESS and not choice.args, choice.how in ASKED,
        )  # fmt: skip

    def _can_be_remembered(self, choice: Choice) -> bool:
        return choice.how in self._remembers
