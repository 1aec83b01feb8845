"""The words of a filter, counted: which of them are rare enough to pick orders by, and how an order is tried for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from engine import db
from engine.services import search
from engine.services.conditions import Clause, joined
from engine.services.filters import Filters
from engine.services.search import Word

_EVER = 2**62
_NONE = 0  # no order has this id


class _Group(msgspec.Struct, frozen=True):
    """An order must have all words of one of the alternatives. ``told``: another condition says so more exactly."""

    alternatives: tuple[tuple[Word, ...], ...]
    told: bool = False

    @property
    def count(self) -> int:
        """At most so many orders, ``COUNTED`` or more where that is not known."""
        return sum(min(word.count for word in words) for words in self.alternatives)

    @property
    def pick(self) -> Clause:
        """A query for the ids of the orders that have the rarest words."""
        rarest = [min(words, key=lambda word: word.count) for words in self.alternatives]
        sql = " UNION ".join(f"SELECT order_id FROM ({word.orders}) AS w{n}" for n, word in enumerate(rarest))
        sql = sql if len(rarest) > 1 else sql.replace("SELECT", "SELECT DISTINCT", 1)
        return Clause(sql, tuple(v for word in rarest for v in word.values))

    @property
    def term(self) -> Clause | None:
        """A query for the ids of its orders, in order, where the group is one whole word."""
        if len(self.alternatives) != 1 or len(self.alternatives[0]) != 1 or self.alternatives[0][0].high:
            return None
        word = self.alternatives[0][0]
        return Clause(f"SELECT order_id FROM terms WHERE {word.where}", word.values)

    def is_all_of(self, query: Clause | None) -> bool:
        """Has each order of this query all that the group asks for?"""
        return query is not None and query in (self.pick, self.term) and all(len(w) == 1 for w in self.alternatives)

    def tried(self, order_id: str) -> Clause:
        every = [Clause(joined([_probe(w, order_id) for w in words]).sql, ()) for words in self.alternatives]
        values = tuple(v for words in self.alternatives for w in words for v in w.values)
        return Clause(f"({' OR '.join(c.sql for c in every)})" if len(every) > 1 else every[0].sql, values)


def _probe(word: Word, order_id: str) -> Clause:
    return Clause(word.probe(order_id), word.values)


class Wording(msgspec.Struct, frozen=True):
    """``few`` is a query for up to ``count`` order ids, among which are all that fit; ``driver`` one by a common word.

    ``narrowed``: more words than those of ``few`` are to be had.
    """

    groups: tuple[_Group, ...] = ()
    without: tuple[_Group, ...] = ()
    few: Clause | None = None
    count: int = 0
    narrowed: bool = False
    driver: Clause | None = None
    exact: tuple[int, ...] = ()

    def tried(self, order_id: str, but: Clause | None = None) -> list[Clause]:
        """What is tried on an order with this id (an expression), ``but`` what picks or drives already."""
        found = [g.tried(order_id) for g in self.groups if not g.told and not g.is_all_of(but)]
        return found + self._left_out(order_id)

    def of_ids(self, order_id: str, but: Clause) -> list[Clause]:
        """The same, before anything of the order is looked up: it pays to try what is told otherwise too."""
        return [g.tried(order_id) for g in self.groups if not g.is_all_of(but)] + self._left_out(order_id)

    def _left_out(self, order_id: str) -> list[Clause]:
        found = []
        for group in self.without:
            has = group.tried(order_id)
            # A comparison with no row is NULL, not false.
            found.append(Clause(f"COALESCE({has.sql}, 1 = 0) = (1 = 0)", has.values))
        return found

    def tried_whole(self, order_id: str) -> list[Clause]:
        """What is tried on an order that nothing picked."""
        found = self.tried(order_id)
        if self.exact:
            found.append(Clause(f"{order_id} IN ({db.marks(self.exact)})", self.exact))
        return found


async def of(filters: Filters) -> Wording:
    """The words of these filters. A text that is the whole number of an order, or of a parcel, means just that.

    A text without any word, as ``---``, is one that no order has.
    """
    left_out = [await search.words_of(text) for text in filters.not_text]
    left_out += [[search.begun(search.city_term(city))] for city in filters.not_cities]
    without = tuple(_Group((tuple(words),)) for words in left_out if words)
    exact = await search.exactly(filters.text) if filters.text.strip() else []
    groups: list[_Group] = []
    if not exact:
        groups += [_Group(((word,),)) for word in await search.asked_for(filters.text)]
        if filters.text.strip() and not groups:
            exact = [_NONE]
    if filters.cities:
        groups.append(_Group(tuple((search.begun(search.city_term(city)),) for city in filters.cities)))
    for values, whole in ((filters.skus, True), (filters.trackings, True), (filters.emails, False)):
        alternatives = [tuple(await search.words_of(value, whole=whole)) for value in values]
        if values and all(alternatives):
            groups.append(_Group(tuple(alternatives), told=True))
    if exact:
        pick = Clause(f"SELECT id AS order_id FROM orders WHERE id IN ({db.marks(exact)})", tuple(exact))
        return Wording(tuple(groups), without, few=pick, exact=tuple(exact))
    if not groups:
        return Wording(without=without)
    return _chosen(await _counted(groups), without)


async def _counted(groups: Sequence[_Group]) -> list[_Group]:
    words = list(dict.fromkeys(word for group in groups for words in group.alternatives for word in words))
    found = {(w.low, w.high): w for w in await search.counted_rarest_first(words, _EVER)}
    return [
        msgspec.structs.replace(
            group, alternatives=tuple(tuple(found[w.low, w.high] for w in words) for words in group.alternatives)
        )
        for group in groups
    ]


def _chosen(groups: Iterable[_Group], without: tuple[_Group, ...]) -> Wording:
    rarest_first = sorted(groups, key=lambda group: group.count)
    first = rarest_first[0]
    few = (first.term or first.pick) if first.count < search.COUNTED else None
    narrowed = few is not None and not all(group.is_all_of(few) for group in rarest_first)
    driver = next((group.term for group in rarest_first if group.term is not None), None)
    return Wording(tuple(rarest_first), without, few, first.count, narrowed, driver)
