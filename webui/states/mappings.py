"""Mappings: which method a rate goes by, which product a channel's SKU is; what is missing comes first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from engine.errors import BluebookError
from engine.services import listings, mapping_sheets, offered, offered_products, schedule, setup, suggest, unmap
from engine.services.suggest import Suggestion
from webui import links, words
from webui.states import connection
from webui.states.base import PAGES, Book, on

PAGE = 50
MOST_MISSING = 50
"""Rates or SKUs without a mapping that a page shows; those that hold up most orders come first."""
SUGGESTED = 10
"""For so many of them products are suggested at once; for the others when somebody types."""
MOST_TEXT = 200
AT_ONCE = 200
"""SKUs that are taken over by one press of the button."""


@dataclass
class Option:
    """Something that can be chosen."""

    value: str = ""
    title: str = ""


@dataclass
class Missing:
    """A rate or a SKU that has no mapping. ``what`` is how it is called where it may be empty."""

    id: str = ""
    channel: str = ""
    name: str = ""
    what: str = ""
    title: str = ""
    supplier: str = ""
    waiting: str = ""
    waiting_href: str = ""
    proposed: str = ""
    options: list[Option] = field(default_factory=list)


@dataclass
class Covered:
    """How much of what a channel offers is mapped."""

    id: str = ""
    channel: str = ""
    sentence: str = ""
    error: str = ""
    can_import: bool = False
    unmapped: bool = False


@dataclass
class Mapped:
    """A mapping there is."""

    id: str = ""
    channel: str = ""
    name: str = ""
    what: str = ""
    title: str = ""
    supplier: str = ""
    goes: str = ""
    by: str = ""


TABS = ("shipping", "sku")


class Mappings(Book):
    """The tab that the address names."""

    tab: str = "shipping"
    missing: list[Missing] = []
    more_missing: int = 0
    elsewhere: str = ""
    covered: list[Covered] = []
    mapped: list[Mapped] = []
    text: str = ""
    next: str = ""
    said: str = ""
    problem: str = ""
    problem_at: str = ""
    ready: bool = False
    removing: str = ""
    removing_what: str = ""
    _start: int = 0
    _after: tuple[str, str] = ("", "")

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows what is missing, then what is mapped, of the tab that the address names."""
        self.tab = self.asked("tab", TABS)
        self.text = self.params.get("text", "")[:MOST_TEXT]
        self._start, self._after = 0, ("", "")
        if self.tab == "shipping":
            self._start = self.asked_number("after")
        elif at := self.params.get("after", ""):
            channel, slash, sku = at.partition("/")
            self._after = (channel, sku)
            if not slash:
                self.asks_in_vain("after", at)
        self.problem = self.problem_at = self.said = self.removing = ""
        await self._read()
        self.ready = True

    async def _read(self) -> None:
        missing, more = await (_unmapped_skus() if self.tab == "sku" else _unmapped_rates())
        for one in missing:
            # What somebody searched for in a row that is still there stays.
            one.options = next((old.options for old in self.missing if old.id == one.id and old.options), one.options)
        if missing != self.missing or more != self.more_missing:
            self.missing, self.more_missing = missing, more
        elsewhere = "" if missing else await _elsewhere(self.tab)
        if elsewhere != self.elsewhere:
            self.elsewhere = elsewhere
        covered = await _covered() if self.tab == "sku" else []
        if covered != self.covered:
            self.covered = covered
        mapped, following = await self._mapped()
        if mapped != self.mapped or following != self.next:
            self.mapped, self.next = mapped, following

    async def _mapped(self) -> tuple[list[Mapped], str]:
        if self.tab == "sku":
            found = await listings.listings(None, self.text, after=self._after, limit=PAGE + 1)
            rows = [
                Mapped(f"{m.channel}/{m.sku}", m.channel, m.sku, words.plain(m.sku), words.plain(m.title), "",
                       " + ".join(f"{n} × {sku}" for sku, n in m.components.items()))
                for m in found[:PAGE]
            ]  # fmt: skip
            at = f"{found[PAGE - 1].channel}/{found[PAGE - 1].sku}" if len(found) > PAGE else ""
        else:
            start = self._start
            fitting = [m for m in await listings.mappings() if _has(self.text, m.channel, m.rate, m.supplier, m.method)]
            rows = [
                Mapped(f"{m.channel}/{m.rate}/{m.supplier}", m.channel, m.rate, words.plain(m.rate) or "(no rate)", "",
                       m.supplier, words.plain(m.method), words.plain(m.created_by))
                for m in fitting[start : start + PAGE]
            ]  # fmt: skip
            at = str(start + PAGE) if len(fitting) > start + PAGE else ""
        return rows, self._address(after=at) if at else ""

    def _address(self, **more: str) -> str:
        tab = "sku" if self.tab == "sku" else ""
        return links.with_params("/mappings", {"tab": tab, "text": self.text, **more})

    @on(Permission.VIEW)
    def find(self, form: dict[str, Any]) -> Any:
        """The mappings with these words are listed; the address says so."""
        return rx.redirect(self._address(text=str(form.get("text", "")).strip()[:MOST_TEXT]))

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """What is missing and mapped changes with orders and settings."""
        if self.ready:
            await self._read()

    @on(Permission.VIEW)
    async def look(self, row: str, text: str) -> None:
        """The products like what is typed are suggested in this row."""
        wanted = str(text)[:MOST_TEXT].split(",")[-1].split("=")[0].strip()
        if len(wanted) < 2:
            return
        options = [_option(one) for one in await suggest.products(wanted)]
        for one in self.missing:
            if one.id == row and one.options != options:
                one.options = options
                self.missing = list(self.missing)

    @on(Permission.MAPPINGS)
    async def map_rate(self, form: dict[str, Any]) -> None:
        """The rate goes by the chosen method at this supplier; the orders that waited for it are checked again."""
        given = connection.text_of(form)
        try:
            where = await listings.channel(given.get("channel", ""))
            who = await listings.supplier(given.get("supplier", ""))
            freed = await setup.map_shipping(where.id, given.get("name", ""), who.id, given.get("goes", ""), self.by)
        except BluebookError as error:
            self._tell(given, error)
            return
        await self._done(f"“{given.get('name') or '(no rate)'}” at {who.code} is mapped", freed)

    @on(Permission.MAPPINGS)
    async def map_sku(self, form: dict[str, Any]) -> None:
        """The channel's SKU stands for these products; the orders that waited for it are checked again."""
        given = connection.text_of(form)
        try:
            where = await listings.channel(given.get("channel", ""))
            parts = [part.strip() for part in given.get("goes", "").split(",") if part.strip()]
            pieces = dict(mapping_sheets.part(part) for part in parts)
            freed = await setup.map_sku(where.id, given.get("name", ""), pieces, self.by, title=given.get("title", ""))
        except BluebookError as error:
            self._tell(given, error)
            return
        await self._done(f"{given.get('name', '')} is mapped", freed)

    @on(Permission.MAPPINGS)
    async def import_listings(self, channel_id: str) -> None:
        """What the channel offers is read soon, by a worker."""
        try:
            await schedule.trigger(schedule.key("channels.listings", int(channel_id)))
        except BluebookError as error:
            self.say(words.sentence(error.message), "bad")
            return
        self.say("Its listings are read in the background; that may take some minutes.", "good")

    @on(Permission.MAPPINGS)
    async def take_sure(self, channel_id: str) -> None:
        """The channel's SKUs that are beyond doubt are mapped; the orders that waited for them are checked again."""
        found = await offered.take_sure(int(channel_id), self.by, most=AT_ONCE)
        more = "; there may be more, press it again" if len(found.skus) == AT_ONCE else ""
        ready = f"{words.many(found.freed, 'waiting order')} became ready"
        self.say(f"{words.many(len(found.skus), 'SKU')} mapped; {ready}{more}.", "good")
        await self._read()

    @on(Permission.MAPPINGS)
    async def make_products(self, channel_id: str) -> None:
        """What the channel offers under a SKU that is none of ours is a product and mapped; waiting orders are checked again."""
        found = await offered_products.make(self.by, int(channel_id), most=AT_ONCE)
        more = "; there may be more, press it again" if len(found.products) == AT_ONCE else ""
        made = f"{words.many(len(found.products), 'product')} made, {words.many(found.mapped, 'SKU')} mapped"
        self.say(f"{made}; {words.many(found.freed, 'waiting order')} became ready{more}.", "good")
        await self._read()

    @on(Permission.MAPPINGS)
    def ask_remove(self, row: str) -> None:
        """Whether the mapping is to be removed is asked; "": no longer."""
        found = next((one for one in self.mapped if one.id == row), None)
        self.removing = found.id if found else ""
        self.removing_what = f"{found.what}{f' at {found.supplier}' if found.supplier else ''}" if found else ""

    @on(Permission.MAPPINGS)
    async def remove(self) -> None:
        """The mapping is gone, and unsent orders that went by it wait for a person again."""
        row, self.removing = self.removing, ""
        one = next((one for one in self.mapped if one.id == row), None)
        if one is None:
            self.say("It is not mapped any more.")
            return
        channel = await listings.channel(one.channel)
        if one.supplier:
            supplier = await listings.supplier(one.supplier)
            found = await unmap.unmap_shipping(channel.id, one.name, supplier.id, self.by)
        else:
            found = await unmap.unmap_sku(channel.id, one.name, self.by)
        waiting = f"{words.many(found.waiting, 'order')} wait{'s' if found.waiting == 1 else ''} for a person again"
        self.say(f"{found.message}; {waiting}.", "good")
        await self._read()

    def _tell(self, given: dict[str, str], error: BluebookError) -> None:
        self.problem, self.problem_at = words.sentence(error.message), given.get("row", "")

    async def _done(self, what: str, freed: int) -> None:
        self.problem = self.problem_at = ""
        self.said = f"{what}; {words.many(freed, 'waiting order')} became ready."
        self.say(self.said, "good")
        await self._read()


PAGES["mappings"] = Mappings.heard


def _has(text: str, *values: str) -> bool:
    return any(text.strip().casefold() in value.casefold() for value in values)


def _option(one: Suggestion) -> Option:
    cost = words.amount(one.cost, one.currency) if one.cost is not None and one.currency else ""
    about = ", ".join(part for part in (one.supplier, cost, one.reason) if part)
    return Option(one.value, f"{one.label}{f' ({about})' if about else ''}")


async def _unmapped_rates() -> tuple[list[Missing], int]:
    channels = {view.name: view.id for view in await listings.channels()}
    suppliers = {view.code: view.id for view in await listings.suppliers()}
    every = await listings.unmapped_rates()
    found = []
    for one in every[:MOST_MISSING]:
        offered = await suggest.methods(suppliers[one.supplier], one.rate) if one.supplier in suppliers else []
        cause = f"rate:{channels.get(one.channel, '')}:{one.rate}:{suppliers.get(one.supplier, '')}"
        found.append(
            Missing(
                f"{one.channel}/{one.rate}/{one.supplier}", one.channel, one.rate, words.plain(one.rate) or "(no rate)", "",
                one.supplier, words.many(one.orders, "order"), links.orders({"cause": cause}), "",
                [Option(m.value, m.label) for m in offered],
            )
        )  # fmt: skip
    return found, max(len(every) - MOST_MISSING, 0)


async def _unmapped_skus() -> tuple[list[Missing], int]:
    """Those that orders wait for, then those that are offered; for the first few what they most likely are."""
    every = await offered.unmapped(limit=MOST_MISSING)
    known = {(one.channel, one.sku): one for one in await offered.proposals(every, alike=False) if one.components}
    found = []
    for place, one in enumerate(every):
        likely = await suggest.products(f"{one.sku} {one.title}", one.sku) if place < SUGGESTED else []
        options, proposal = [_option(p) for p in likely], known.get((one.channel, one.sku))
        proposed = (
            ", ".join(f"{sku}={n}" if n > 1 else sku for sku, n in proposal.components.items()) if proposal else ""
        )
        if proposal and proposed not in [option.value for option in options]:
            options.insert(0, Option(proposed, proposal.reason))
        query = {"cause": f"sku:{one.channel_id}:{one.sku}"}
        found.append(
            Missing(
                f"{one.channel}/{one.sku}", one.channel, one.sku, words.plain(one.sku) or "(no SKU)", words.plain(one.title),
                "", words.many(one.orders, "order") if one.orders else "", links.orders(query),
                proposed if proposal and proposal.sure else "", options,
            )
        )  # fmt: skip
    return found, max(await offered.how_many() - len(found), 0)


async def _elsewhere(tab: str) -> str:
    """What is missing of the other tab; "" where nothing is."""
    if tab == "sku":
        count, noun = len(await listings.unmapped_rates()), "rate"
    else:
        count, noun = await offered.how_many(), "SKU"
    return f"{words.many(count, noun)} {'is' if count == 1 else 'are'} not mapped" if count else ""


async def _covered() -> list[Covered]:
    return [
        Covered(str(one.channel_id), one.channel, one.sentence, words.sentence(one.error) if one.error else "", one.offers,
                one.unmapped > 0)
        for one in await offered.coverage()
        if one.offers
    ]  # fmt: skip
