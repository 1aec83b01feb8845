"""Routing rules: the list, one being made or changed, and what it would do to the orders that wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from engine.domain import conditions
from engine.domain.roles import Permission
from engine.errors import BluebookError, Invalid
from engine.services import listings, rules
from engine.services.rules import Match, RuleView, Trial
from webui import links, words
from webui.states import connection, forms
from webui.states.base import PAGES, Book, on
from webui.states.orders import Choice

PATH = "/rules"
FIRST_POSITION = 100
SHOWN = 50
"""Lines that a trial lists."""
LARGEST = 1_000_000


@dataclass
class RuleRow:
    """A rule as the list and its form show it."""

    name: str = ""
    title: str = ""
    position: str = str(FIRST_POSITION)
    condition: str = ""
    supplier: str = ""
    supplier_href: str = ""
    href: str = ""
    enabled: bool = True


@dataclass
class MatchRow:
    """A line that a rule holds for: who ships it without the rule, and who by it."""

    key: str = ""
    order: str = ""
    href: str = ""
    sku: str = ""
    quantity: int = 0
    now: str = ""
    then: str = ""
    note: str = ""


def _row(view: RuleView) -> RuleRow:
    return RuleRow(
        view.name, words.plain(view.name), str(view.position), words.plain(view.condition), view.supplier,
        links.supplier(view.supplier), links.with_params(PATH, {"rule": view.name}), view.enabled,
    )  # fmt: skip


def _match(match: Match) -> MatchRow:
    then = match.then if match.then != match.now else "the same"
    return MatchRow(
        f"{match.order_id}/{match.line}", words.plain(match.order), links.order(match.order), words.plain(match.sku),
        match.quantity, match.now or "nobody", then or "nobody", words.plain(match.note),
    )  # fmt: skip


def tried(found: Trial) -> str:
    """What a trial found, as sentences."""
    if not found.looked_at:
        return "The condition can be read. No order waits now, so there is nothing to try it on."
    said = (
        f"It holds for {words.many(len(found.matches), 'line')} of {words.many(found.looked_at, 'waiting order')}; "
        f"{words.many(len(found.changed), 'order')} would go elsewhere by it."
    )
    for number, why in list(found.undecided.items())[:1]:
        said += f" It cannot be decided for {words.many(len(found.undecided), 'order')}, {number} because: {why}."
    return words.plain(said)


def _again(orders: int) -> str:
    return f"{words.many(orders, 'waiting order')} checked again" if orders else "no waiting order goes elsewhere by it"


class Rules(Book):
    """The rules. ``chosen`` is the one that the address names, to be changed; a new one else. ``key`` counts its forms."""

    rows: list[RuleRow] = []
    suppliers: list[Choice] = []
    chosen: RuleRow = RuleRow()
    key: int = 0
    problem: str = ""
    trial: str = ""
    trial_tone: str = ""
    matches: list[MatchRow] = []
    more: int = 0
    removing: str = ""
    consequence: str = ""
    ready: bool = False
    _seen: RuleView | None = None
    _typed: dict[str, str] = {}

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows the rules, and the one that its address names."""
        self.suppliers = [Choice(s.code, words.plain(s.name)) for s in await listings.suppliers()]
        self.removing = self.problem = ""
        found = await self._read()
        wanted = self.params.get("rule", "")
        self._seen = next((view for view in found if view.name == wanted), None)
        if wanted and self._seen is None:
            self.asks_in_vain("rule", wanted, [view.name for view in found])
        self._begin()
        self.ready = True

    async def _read(self) -> list[RuleView]:
        found = await rules.rules()
        rows = [_row(view) for view in found]
        if rows != self.rows:
            self.rows = rows
        return found

    def _begin(self) -> None:
        """The form is a new one: of the rule that is changed, or empty."""
        first = self.suppliers[0].value if self.suppliers else ""
        self.chosen = _row(self._seen) if self._seen is not None else RuleRow(supplier=first)
        self.key += 1
        self._typed = {}
        self._forget_trial()

    def _forget_trial(self) -> None:
        self.trial, self.matches, self.more = "", [], 0

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """What others did to the rules is shown; what is half typed stays."""
        if self.ready and everything:
            await self._read()

    # --- trying -------------------------------------------------------------------------------------------------------

    @on(Permission.VIEW)
    def typed(self, name: str, value: str) -> None:
        """What is typed so far is remembered for trying it; the page does not change by it."""
        self._typed = {**self._typed, str(name): str(value)[: conditions.MAX_LENGTH + 1]}

    @on(Permission.VIEW)
    async def try_it(self) -> None:
        """What the rule as typed would do to the orders that wait is said; nothing is changed."""
        of = self.chosen
        given = {"condition": of.condition, "supplier": of.supplier, "position": of.position, **self._typed}
        try:
            position, view = _position(given["position"]), await listings.supplier(given["supplier"])
            found = await rules.trial(
                forms.lines(given["condition"]), view.id, position=position, name=self._seen.name if self._seen else ""
            )
        except BluebookError as error:
            self._forget_trial()
            self.trial, self.trial_tone = words.sentence(error.message), "bad"
            return
        self._show_trial(found)

    @on(Permission.VIEW)
    async def try_rule(self, name: str) -> None:
        """What the rule does to the orders that wait is said."""
        self._show_trial(await rules.trial_of(name), f"{words.plain(name)}: ")

    def _show_trial(self, found: Trial, about: str = "") -> None:
        self.trial, self.trial_tone = f"{about}{tried(found)}", "good"
        self.matches = [_match(match) for match in found.matches[:SHOWN]]
        self.more = max(len(found.matches) - SHOWN, 0)

    # --- changing -----------------------------------------------------------------------------------------------------

    @on(Permission.SUPPLIERS)
    async def save(self, form: dict[str, Any]) -> Any:
        """The rule is made, or says what the form says; orders that wait and go elsewhere by it are checked again."""
        given = {name: text.strip() for name, text in connection.text_of(form).items()}
        condition, seen = forms.lines(given.get("condition", "")), self._seen
        try:
            position, view = _position(given.get("position", "")), await listings.supplier(given.get("supplier", ""))
            if seen is None:
                name, done = given.get("name", "")[:120], "added"
                again = await rules.add(name, condition, view.id, self.by, position=position)
            else:
                name, done = seen.name, "changed"
                again = await rules.change(
                    name, self.by, condition=condition, supplier_id=view.id, position=position, seen=seen
                )
        except BluebookError as error:
            self.problem = words.sentence(error.message)
            if seen is not None:  # what others made of it has been seen now
                self._seen = next((one for one in await self._read() if one.name == seen.name), seen)
            return None
        self.problem, self._seen = "", None
        self.say(f"Rule {name} is {done}: {view.code} ships what it holds for; {_again(again)}.", "good")
        await self._read()
        self._begin()
        return rx.redirect(PATH) if seen is not None else None

    @on(Permission.SUPPLIERS)
    async def ask_remove(self, name: str) -> None:
        """Whether the rule is to be removed is asked, with what that means; "": no longer."""
        self.removing = ""
        if name:
            found = await rules.trial_of(name)
            moved = f"{words.many(len(found.changed), 'waiting order')} would go elsewhere and be checked again. "
            self.consequence = (
                f"{moved if found.changed else 'No waiting order goes by it. '}What is sent stays as it is."
            )
            self.removing = name

    @on(Permission.SUPPLIERS)
    async def remove(self) -> Any:
        """The rule is gone."""
        name, self.removing = self.removing, ""
        again = await rules.remove(name, self.by)
        self.say(f"Rule {name} is removed; {_again(again)}.", "good")
        await self._read()
        return rx.redirect(PATH) if self._seen is not None and self._seen.name == name else None


PAGES["rules"] = Rules.heard


def _position(text: str) -> int:
    """The position in a field; raises Invalid in the words of the form."""
    if text.isascii() and text.isdecimal() and int(text[:9]) <= LARGEST and len(text) < 10:
        return int(text)
    raise Invalid(f"position: write a whole number from 0 to {LARGEST} in digits alone, not {text!r}", "position")
