"""Search by words: names, e-mail, order and PO numbers, SKUs and tracking numbers lead to orders, newest first.

``terms`` holds (term, order id). A search walks the orders of its rarest word from the newest on and probes for the
others, within a budget, so that no search is slow, however common its words; then one may search older orders.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from engine import db

MOST_TERMS = 40
LONGEST = 40
_WORD = re.compile(r"[^\W_]+")
# Letters that Unicode does not take apart into a plain letter and a mark.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"})


def fold(text: str) -> str:
    """The text in lower case and without accents."""
    if text.isascii():
        return text.lower()
    # Twice: "ℌ" is only known to be a capital once it is taken apart.
    taken_apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in taken_apart if not unicodedata.combining(c)).translate(_PLAIN)


def _terms(text: str) -> Iterable[str]:
    for chunk in fold(text).split():
        words = _WORD.findall(chunk)
        if len(words) > 1:
            yield "".join(words)  # "A-1001", "o'brien", "1Z-999": found as one word too
        yield from words


def terms_of(*texts: str) -> set[str]:
    """What an order is to be found by, given its number, names, e-mail, PO numbers, SKUs, tracking numbers …

    Words of two to 40 characters; what is written with punctuation inside (numbers, e-mail) is a term without it too.
    At most 40 terms; the first texts win, so give numbers first.
    """
    found: dict[str, None] = {}
    for text in texts:
        for term in _terms(text):
            if len(term) >= 2:
                found[term[:LONGEST]] = None
                if len(found) == MOST_TERMS:
                    return set(found)
    return set(found)


async def index(pairs: Iterable[tuple[str, int]]) -> None:
    """The orders are found by these terms: (term of ``terms_of``, order id); pairs already there are fine."""
    # Sorted, so that two transactions never wait for one another in opposite orders.
    await db.insert("terms", ("term", "order_id"), sorted(set(pairs)), "ON CONFLICT DO NOTHING")


async def index_order(order_id: int, *texts: str) -> None:
    """The order is found by these texts too."""
    await index((term, order_id) for term in terms_of(*texts))
