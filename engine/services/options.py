"""What people type for an option of a channel or a supplier, as its column wants it; every front end asks here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from engine.domain import money
from engine.errors import Invalid, Unreadable
from engine.services import listings

Table = Literal["channels", "suppliers"]
EMPTY_IS_NONE = ("auto_limit", "margin_floor")


def typed(table: Table, given: Mapping[str, str]) -> dict[str, Any]:
    """The options by name; raises Invalid naming the one that is wrong. Addresses are parted by commas or lines."""
    view: Any = listings.ChannelView if table == "channels" else listings.SupplierView
    types = {f.name: f.type for f in msgspec.structs.fields(view)}
    found: dict[str, Any] = {}
    for name, text in given.items():
        value: Any = None if text == "" and name in EMPTY_IS_NONE else text
        if name == "alert_addresses":
            value = [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
        try:
            found[name] = msgspec.convert(value, types[name], strict=False) if name in types else text
        except msgspec.ValidationError as error:
            raise Invalid(f"{name}={text}: {error}", name) from error
    return found


def limit(text: str) -> dict[str, Any]:
    """The value limit of Auto Order Processing, written as ``500 USD``; nothing or "none" lifts it. Raises Invalid."""
    if text.strip().lower() in ("", "none"):
        return {"auto_limit": None, "auto_currency": ""}
    amount, _, currency = text.strip().partition(" ")
    if not currency:
        raise Invalid('a limit has a currency, as in "500 USD"', "limit")
    try:
        minor = money.minor(amount.replace(",", ""), currency.strip().upper())
    except Unreadable as error:
        raise Invalid(error.message, "limit") from error
    return {"auto_limit": minor, "auto_currency": currency.strip().upper()}
