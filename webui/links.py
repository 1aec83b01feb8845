"""Addresses of pages and downloads: what a link is made of, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode


def order(number: str) -> str:
    """The page of an order."""
    return f"/orders/{quote(number, safe='')}"


def orders(params: Mapping[str, str]) -> str:
    """Order History with this query."""
    return with_params("/orders", params)


def audit(number: str, about: str = "") -> str:
    """What ``?audit=`` says: the blue book of this order; ``about`` a line's id, or ``po.`` and a purchase order's number."""
    return f"{number}:{about}" if about or ":" in number else number


def audited(text: str) -> tuple[str, str]:
    """The order's number and what of it, as ``audit`` wrote them."""
    number, colon, about = text.rpartition(":")
    return (number, about) if colon and (not about or about.isdecimal() or about.startswith("po.")) else (text, "")


def audit_file(number: str, kind: str) -> str:
    """An order's blue book as a file; kind: json or csv."""
    return with_params(f"/export/audit.{kind}", {"order": number})


def payload(number: int) -> str:
    """A raw payload, its secrets masked, as text."""
    return f"/export/payload/{number}.txt"


def purchase_pdf(po_number: str) -> str:
    """A purchase order as PDF."""
    return with_params("/export/purchase-order.pdf", {"po": po_number})


def slip_pdf(number: str) -> str:
    """An order's packing slips as PDF."""
    return with_params("/export/packing-slip.pdf", {"order": number})


def with_params(path: str, params: Mapping[str, str]) -> str:
    """The path with a query of those that are not empty."""
    query = urlencode({name: value for name, value in params.items() if value}, quote_via=quote)
    return f"{path}?{query}" if query else path


def supplier(code: str) -> str:
    """The page of a supplier."""
    return f"/suppliers/{quote(code, safe='')}"
