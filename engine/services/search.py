"""Search by words: names, e-mail, order and PO numbers, SKUs and tracking numbers lead to orders, newest first.

``terms`` holds (term, order id). A search walks the orders of its rarest word from the newest on and probes for the
others, within a budget, so that no search is slow, however common its words; then one may search older orders.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import msgspec

from engine import db
from engine.services import own_numbers

MOST_TERMS = 150
LONGEST = 40
MOST_WORDS = 8
COUNTED = 3_000
"""Up to so many orders of a word are counted, and up to so many are gathered before they are compared."""
BUDGET = 8_000
"""Probes a search may make before it hands back what it has."""
SAME_WORD = 500
"""Among so many orders that have a number as a word those are looked for whose number it is the end of."""
CITY = "city:"
"""Begins the term of the city an order goes to; no word has a colon."""
_WORD = re.compile(r"[^\W_]+")
_TERM = re.compile(rf"([^\W_]{{2,{LONGEST}}})[^\W_]*")
# Letters that Unicode does not take apart into a plain letter and a mark.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"})


def fold(text: str) -> str:
    """The text in lower case and without accents."""
    if text.isascii():
        return text.lower()
    # Twice: "ℌ" is only known to be a capital once it is taken apart.
    taken_apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in taken_apart if not unicodedata.combining(c)).translate(_PLAIN)


@lru_cache(maxsize=4096)  # SKUs and names come again and again
def _terms(text: str) -> tuple[str, ...]:
    folded = fold(text)
    if folded.isalnum():
        return (folded[:LONGEST],) if len(folded) >= 2 else ()
    found: list[str] = _TERM.findall(folded)
    for chunk in folded.split():
        if not chunk.isalnum():
            whole = "".join(_WORD.findall(chunk))  # "A-1001", "o'brien", "1Z-999": found as one word too
            if len(whole) >= 2:
                found.append(whole[:LONGEST])
    return tuple(found)


def terms_of(*texts: str) -> set[str]:
    """What an order is to be found by, given its number, names, e-mail, PO numbers, SKUs, tracking numbers …

    Words of two to 40 characters; what is written with punctuation inside (numbers, e-mail) is a term without it too.
    At most 150 terms; the first texts win, so give numbers first.
    """
    found = set().union(*map(_terms, texts))
    return (
        found
        if len(found) <= MOST_TERMS
        else set(islice(dict.fromkeys(chain.from_iterable(map(_terms, texts))), MOST_TERMS))
    )


def searchable(text: str) -> bool:
    """Is there a letter or a digit in it? All else is left out of what is searched for."""
    return _WORD.search(fold(text)) is not None


def city_term(city: str) -> str:
    """What an order that goes to this city is found by with ``city:``."""
    return CITY + " ".join(fold(city).split())[: LONGEST - len(CITY)]


async def index(pairs: Sequence[tuple[str, int]]) -> None:
    """The orders are found by these terms: (term of ``terms_of``, order id); pairs already there are fine.

    They come in the order of the terms, and of the ids, so that two transactions never wait for one another in opposite orders.
    """
    await db.insert("terms", ("term", "order_id"), pairs, "ON CONFLICT DO NOTHING")


async def index_order(order_id: int, *texts: str) -> None:
    """The order is found by these texts too."""
    await index([(term, order_id) for term in sorted(terms_of(*texts))])


class SearchPage(msgspec.Struct, frozen=True):
    """Order ids: those whose number is exactly what was asked for, then the newest first.

    ``next_before`` continues (None: nothing more). ``exhausted`` False with few ids means that the budget ended first:
    offer to search older orders.
    """

    ids: list[int]
    next_before: int | None
    exhausted: bool


class Word(msgspec.Struct, frozen=True):
    """Terms equal to ``low``, or with ``high`` those from low on and below high. ``count`` goes up to ``COUNTED``."""

    low: str
    high: str = ""
    count: int = 0
    oldest: int = 0

    @property
    def values(self) -> tuple[str, ...]:
        return (self.low, self.high) if self.high else (self.low,)

    @property
    def where(self) -> str:
        return "term >= ? AND term < ?" if self.high else "term = ?"

    @property
    def orders(self) -> str:
        """The query for its orders' ids, some of them twice; whole where ``count`` is below ``COUNTED``."""
        # The limit keeps both databases from walking another index than that of the terms.
        return f"SELECT order_id FROM terms WHERE {self.where} LIMIT {COUNTED}"

    def probe(self, order_id: str) -> str:
        """The condition that the order with this id (an expression) has it, given ``values``."""
        if self.high and 0 < self.count < COUNTED:
            # IS TRUE: PostgreSQL then gathers them once and looks ids up, and does not join, by plans made for any word.
            return f"({order_id} IN ({self.orders})) IS TRUE"
        # A scalar subquery, not EXISTS, which PostgreSQL may turn into a join over every order that has the word.
        if not self.high:
            # Neighbours in the index by term, where the ids come in order; BETWEEN, or PostgreSQL takes the one by order.
            return f"(SELECT 1 FROM terms AS t WHERE t.term = ? AND t.order_id BETWEEN {order_id} AND {order_id}) = 1"
        return f"(SELECT 1 FROM terms AS t WHERE t.order_id = {order_id} AND {self.where} LIMIT 1) = 1"


class _Walk(msgspec.Struct, frozen=True):
    """Where candidates come from, newest first: SQL whose last ``?`` is the id to stay below.

    Limits are written out: with a parameter PostgreSQL would plan for a tenth of the table.
    """

    sql: str
    values: tuple[Any, ...]
    probes: tuple[str, ...]
    probe_values: tuple[Any, ...]

    async def hits(self, before: int, window: int, limit: int) -> list[int]:
        where = " AND ".join(self.probes) or "1 = 1"
        # SQLite would sort what comes sorted already, and so probe all of the window; PostgreSQL knows it is sorted.
        order = "ORDER BY order_id DESC" if db.is_postgres() else ""
        sql = f"SELECT order_id FROM ({self.sql} LIMIT {window}) AS c WHERE {where} {order} LIMIT {limit}"
        return [int(r[0]) for r in await db.rows(sql, *self.values, before, *self.probe_values)]

    async def floor(self, before: int, window: int) -> tuple[int, bool]:
        """The last candidate of a window, and whether the window was full."""
        found = await db.row(
            f"SELECT MIN(order_id), COUNT(*) FROM ({self.sql} LIMIT {window}) AS c", *self.values, before
        )
        assert found is not None
        return int(found[0] or 0), int(found[1]) >= window


def begun(low: str) -> Word:
    """The terms that begin so."""
    return Word(low, low + "\U0010ffff")


async def _begins(whole: str) -> bool:
    word = begun(whole)
    return bool(await db.rows(f"SELECT 1 FROM terms WHERE {word.where} LIMIT 1", *word.values))


async def words_of(text: str, *, whole: bool = True) -> list[Word]:
    """What an order must have: all of these. The last may go on; what has punctuation inside is one word if it can.

    Without ``whole`` it never is, as the text may be what comes after a punctuation mark.
    """
    found: dict[Word, None] = {}
    chunks = fold(text).split()
    for position, chunk in enumerate(chunks, 1):
        tokens = _WORD.findall(chunk)
        together = "".join(tokens)[:LONGEST]
        if whole and len(tokens) > 1 and await _begins(together):
            found[begun(together)] = None
            continue
        for number, token in enumerate(tokens, 1):
            goes_on = position == len(chunks) and number == len(tokens)
            if goes_on or len(token) >= 2:
                found[begun(token[:LONGEST]) if goes_on else Word(token[:LONGEST])] = None
    return list(found)[:MOST_WORDS]


async def asked_for(text: str) -> list[Word]:
    """``words_of`` a search: a last word that thousands of orders have as it stands is taken to be typed to its end.

    Whole words are found side by side in the index, where beginnings are looked for order by order.
    """
    words = await words_of(text)
    for n, word in enumerate(words):
        whole = Word(word.low)
        if word.high and await db.value(f"SELECT COUNT(*) FROM ({whole.orders}) AS w", *whole.values) >= COUNTED:
            words[n] = whole
    return words


async def counted_rarest_first(words: list[Word], before: int) -> list[Word]:
    """The words, rarest first, by bounded probes: the number of orders up to a bound, then how far back these reach."""
    parts: list[str] = []
    values: list[Any] = []
    for number, word in enumerate(words):
        order = "" if word.high else "AND order_id < ? ORDER BY order_id DESC"
        parts.append(
            f"SELECT {number}, COUNT(*), MIN(order_id) FROM "
            f"(SELECT order_id FROM terms WHERE {word.where} {order} LIMIT {COUNTED}) AS p{number}"
        )
        values.extend(word.values if word.high else (*word.values, before))
    counted = [
        msgspec.structs.replace(words[int(r[0])], count=int(r[1]), oldest=int(r[2] or 0))
        for r in await db.rows(" UNION ALL ".join(parts), *values)
    ]
    # A prefix beyond the bound cannot be walked newest first, so it comes last.
    return sorted(counted, key=lambda w: (w.count, bool(w.high), w.oldest))


def _walk(words: list[Word], statuses: Sequence[str] | None, channel_id: int | None) -> _Walk:
    driver, others = words[0], words[1:]
    values: tuple[Any, ...] = driver.values
    if not driver.high:
        sql = "SELECT order_id FROM terms WHERE term = ? AND order_id < ? ORDER BY order_id DESC"
    elif driver.count < COUNTED:
        # The inner limit, never reached, keeps both databases from walking the index by order instead of the range.
        sql = (
            f"SELECT DISTINCT order_id FROM (SELECT order_id FROM terms WHERE {driver.where} LIMIT {COUNTED}) AS r "
            "WHERE order_id < ? ORDER BY order_id DESC"
        )
    else:
        # A beginning that very many words share: most orders have it, so walk the orders themselves.
        sql = "SELECT id AS order_id FROM orders WHERE id < ? ORDER BY id DESC"
        values, others = (), words
    probes = [w.probe("c.order_id") for w in others]
    probe_values: list[Any] = [v for w in others for v in w.values]
    if statuses or channel_id is not None:
        wanted = ["o.id = c.order_id"]
        if statuses:
            wanted.append(f"o.status IN ({db.marks(statuses)})")
            probe_values.extend(statuses)
        if channel_id is not None:
            wanted.append("o.channel_id = ?")
            probe_values.append(channel_id)
        probes.append(f"(SELECT 1 FROM orders AS o WHERE {' AND '.join(wanted)}) = 1")
    return _Walk(sql, values, tuple(probes), tuple(probe_values))


async def exactly(text: str) -> list[int]:
    """The orders with this number, here or in their store, PO number or tracking number, however it is typed."""
    text = text.strip()
    if not 2 <= len(text) <= 130:
        return []
    close = text.upper().replace(" ", "")
    forms = db.marks(typed := [text, text.upper(), text.lstrip("#"), "#" + text.lstrip("#")])
    found = await db.rows(
        f"SELECT id FROM orders WHERE number IN ({forms}) "
        f"UNION SELECT order_id FROM purchase_orders WHERE po_number IN ({forms}) "
        "UNION SELECT order_id FROM (SELECT order_id FROM shipments WHERE tracking_number IN (?, ?) LIMIT 20) AS s",
        *typed, *typed, text, close,
    )  # fmt: skip
    ids = {int(r[0]) for r in found}
    if ids:
        ids |= await _ending(text)
    return sorted(ids | await own_numbers.known_by(dict.fromkeys(typed)), reverse=True)


async def _ending(text: str) -> set[int]:
    """The orders that have the text as a word and as the end of their number: also of a channel that had another prefix once."""
    terms = terms_of(text)
    if " " in text or not terms:
        return set()
    found = await db.rows(
        "SELECT o.id, o.number, o.channel_id FROM (SELECT order_id FROM terms WHERE term = ? ORDER BY order_id DESC "
        f"LIMIT {SAME_WORD}) AS t JOIN orders AS o ON o.id = t.order_id",
        max(terms, key=len),
    )
    end = fold(text).lstrip("#")
    return {int(r[0]) for r in found if fold(str(r[1])).removesuffix(f".{r[2]}").endswith(end)}


async def numbers_meant(text: str) -> list[str]:
    """The numbers of the orders that this is exactly a number of (``exactly``), the newest first."""
    ids = await exactly(text)
    found = (
        await db.rows(f"SELECT id, number FROM orders WHERE id IN ({db.marks(ids)}) ORDER BY id DESC", *ids)
        if ids
        else []
    )
    return [str(r[1]) for r in found]


async def find(
    words: str,
    *,
    before_id: int | None = None,
    limit: int = 50,
    statuses: Sequence[str] | None = None,
    channel_id: int | None = None,
) -> SearchPage:
    """The orders that have all these words, the last of which may be the beginning of one (``asked_for``); see SearchPage."""
    before = before_id if before_id is not None else 2**62
    exact = await exactly(words)
    if exact and (statuses or channel_id is not None):
        exact = await _kept(exact, statuses, channel_id)
    wanted = await asked_for(words)
    first = exact if before_id is None else []
    if not wanted:
        return SearchPage(first, None, exhausted=True)
    counted = await counted_rarest_first(wanted, before)
    if counted[0].count == 0:
        return SearchPage(first, None, exhausted=True)
    walk = _walk(counted, statuses, channel_id)
    found: list[int] = []
    budget = BUDGET // max(1, len(walk.probes))
    for window in (budget // 4, budget - budget // 4):
        need = limit - len(found) + 1
        hits = [i for i in await walk.hits(before, window, need + len(exact)) if i not in exact]
        found += hits[:need]
        if len(found) > limit:
            return SearchPage(first + found[:limit], found[limit - 1], exhausted=False)
        before, full = await walk.floor(before, window)
        if not full:
            return SearchPage(first + found, None, exhausted=True)
    return SearchPage(first + found, before, exhausted=False)


async def _kept(ids: list[int], statuses: Sequence[str] | None, channel_id: int | None) -> list[int]:
    rows = await db.rows(f"SELECT id, status, channel_id FROM orders WHERE id IN ({db.marks(ids)})", *ids)
    kept = {r[0] for r in rows if (not statuses or r[1] in statuses) and channel_id in (None, r[2])}
    return [i for i in ids if i in kept]
