"""Addresses of pages and downloads: what a link is made of, in one place."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote, urlencode

from webui.words import plain


def order(number: str) -> str:
    """The page of an order."""
    return f"/orders/{quote(number, safe='')}"


def orders(params: Mapping[str, str]) -> str:
    """Order History with this query."""
    return with_params("/orders", params)


def invoice(number: int) -> str:
    """The page of a supplier's invoice, by its id."""
    return f"/invoices/{number}"


def invoices(params: Mapping[str, str]) -> str:
    """The list of suppliers' invoices with this query."""
    return with_params("/invoices", params)


def audit(number: str, about: str = "") -> str:
    """What ``?audit=`` says: the blue book of this order; ``about`` a line's id, or ``po.`` and a purchase order's number."""
    return f"{number}:{about}" if about or ":" in number else number


def audited(text: str) -> tuple[str, str]:
    """The order's number and what of it, as ``audit`` wrote them."""
    number, colon, about = text.rpartition(":")
    return (number, about) if colon and (not about or about.isdecimal() or about.startswith("po.")) else (text, "")


def audit_file(number: str, kind: str, about: str = "") -> str:
    """An order's blue book as a file, or what concerns a part of it (``audited``); kind: json or csv."""
    return with_params(f"/export/audit.{kind}", {"order": number, "about": about})


def audit_parts(about: str) -> tuple[int | None, str | None]:
    """The line's id or the purchase order's number that ``about`` means; neither: the whole order."""
    return (int(about) if about.isdecimal() else None, about.removeprefix("po.") if about.startswith("po.") else None)


def payload(number: int) -> str:
    """A raw payload, its secrets masked, as text."""
    return f"/export/payload/{number}.txt"


def purchase_pdf(po_number: str) -> str:
    """A purchase order as PDF."""
    return with_params("/export/purchase-order.pdf", {"po": po_number})


def slip_pdf(number: str) -> str:
    """An order's packing slips as PDF."""
    return with_params("/export/packing-slip.pdf", {"order": number})


KNOWN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dashboard": ("period", "channel"),
        "queue": ("tab", "text", "after"),
        "orders/*": (),
        "channels": (),
        "channels/*": ("section", "connector"),
        "suppliers": (),
        "suppliers/*": ("section", "text", "after", "connector"),
        "mappings": ("tab", "text", "after"),
        "invoices": ("tab", "supplier", "after"),
        "invoices/*": (),
        "rules": ("rule",),
        "jobs": ("tab", "after", "payload"),
        "users": ("user", "add"),
        "account": (),
    }
)
"""What the addresses of pages can ask for, by the page's name, ``name/*`` for those below it; every page knows ``audit``.

Order History has more, and says itself what it does not know.
"""


def strange(page: str, params: Collection[str]) -> str:
    """What the page's address asks for that the page does not know, as a sentence; "" where it knows all."""
    known = (*KNOWN[page], "audit") if page in KNOWN else None
    found = [] if known is None else [name for name in params if name not in known]
    return unknown(found, known or ()) if found else ""


def unknown(names: Sequence[str], known: Sequence[str]) -> str:
    """That a page does not know these parameters, and what may have been meant."""
    return _not_there([f"“{plain(name[:40])}”{_meant(name, known)}" for name in names])


def no_such(name: str, value: str, known: Sequence[str] = ()) -> str:
    """That this parameter of a page's address cannot say this, and what may have been meant."""
    meant = _meant(value, known) or (f" (there are {', '.join(known)})" if known else "")
    return _not_there([f"{plain(name)} “{plain(value[:40])}”{meant}"])


def _meant(word: str, known: Sequence[str]) -> str:
    close = [one for one in known if one.startswith(word)] or difflib.get_close_matches(word, known, 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _not_there(said: Sequence[str]) -> str:
    return f"This page's address asks for something that there is not: {', '.join(said)}; it may be mistyped"


def with_params(path: str, params: Mapping[str, str]) -> str:
    """The path with a query of those that are not empty."""
    query = urlencode({name: value for name, value in params.items() if value}, quote_via=quote)
    return f"{path}?{query}" if query else path


def supplier(code: str) -> str:
    """The page of a supplier."""
    return f"/suppliers/{quote(code, safe='')}"
