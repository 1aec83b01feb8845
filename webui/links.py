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


def with_params(path: str, params: Mapping[str, str]) -> str:
    """The path with a query of those that are not empty."""
    query = urlencode({name: value for name, value in params.items() if value}, quote_via=quote)
    return f"{path}?{query}" if query else path


def supplier(code: str) -> str:
    """The page of a supplier."""
    return f"/suppliers/{quote(code, safe='')}"
