"""The options of a channel or a supplier: which may be set, what each may be, and what people type for it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from engine.domain import conditions, money
from engine.errors import Invalid, Unreadable

Table = Literal["channels", "suppliers"]


class Whole(NamedTuple):
    """An option that is a whole number; ``about`` says what a number means that means something else."""

    least: int
    most: int
    about: str = ""
    none: bool = False


_MONTH, _YEAR = 30 * 86_400, 366 * 24
_POLLED = Whole(0, _MONTH, "seconds, 0: only when asked")
_HOURS = Whole(0, _YEAR, "hours")
WHOLE: Mapping[Table, Mapping[str, Whole]] = MappingProxyType(
    {
        "channels": {
            "poll_seconds": _POLLED,
            "overlap_seconds": Whole(0, _MONTH, "seconds"),
            "rescan_seconds": Whole(0, _MONTH, "seconds, 0: never"),
            "stale_days": Whole(0, 3650, "days, 0: never"),
            "margin_floor": Whole(0, 100, "percent, empty for none", none=True),
            "auto_limit": Whole(0, 10**12, "minor units of auto_currency, empty for none", none=True),
            "listings_seconds": Whole(0, _MONTH, "seconds, 0: only when asked"),
        },
        "suppliers": {
            "poll_seconds": _POLLED,
            "priority": Whole(0, 1_000_000, "the lower comes first"),
            "concurrency": Whole(1, 1000, "orders sent at once"),
            "settle_seconds": Whole(0, 86_400, "seconds"),
            "ack_hours": _HOURS,
            "tracking_hours": _HOURS,
            "stock_hours": Whole(0, _YEAR, "hours, 0: any age"),
            "cost_tolerance": Whole(0, 100, "percent"),
        },
    }
)
_FLAGS = ("enabled", "auto_process", "po_box_allowed")
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
OFFERED: Mapping[Table, frozenset[str]] = MappingProxyType(
    {
        "channels": frozenset(
            {*WHOLE["channels"], "prefix", "enabled", "auto_process", "auto_currency", "auto_condition", "alert_addresses"}
        ),
        "suppliers": frozenset(
            {*WHOLE["suppliers"], "code", "enabled", "currency", "po_box_allowed", "work_hours", "work_timezone", "holidays",
             "warehouse_country", "warehouse_region", "warehouse_postal_code"}
        ),
    }
)  # fmt: skip
"""What people may set; the other columns are our own notes. A name is given otherwise."""
_OURS = frozenset({"paused_reason"})
PREFIX_LENGTH = 16


def typed(table: Table, given: Mapping[str, str]) -> dict[str, Any]:
    """The options by name, as their columns want them; raises Invalid naming the one that is wrong or that there is not.

    Addresses are parted by commas or lines.
    """
    return checked(table, {name: _read(table, name, text) for name, text in given.items()}, ours=frozenset({"name"}))


def _read(table: Table, name: str, text: str) -> Any:
    plain = text.strip()
    if name == "alert_addresses":
        return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
    if name in _FLAGS and plain.lower() in _YES + _NO:
        return plain.lower() in _YES
    if (whole := WHOLE[table].get(name)) is not None:
        # So long a number is none: a column could not hold it, and reading it takes long.
        if re.fullmatch(r"[+-]?\d{1,18}", plain, re.ASCII):
            return int(plain)
        return None if whole.none and not plain else text
    return text


def checked(table: Table, options: Mapping[str, Any], *, ours: frozenset[str] = _OURS) -> dict[str, Any]:
    """The options as they are kept. Raises Invalid, naming the one, for what there is not and what it cannot be.

    ``ours`` may be set too: what is not people's to set by an option.
    """
    known, found = OFFERED[table], dict(options)
    for name, value in options.items():
        if name not in known and name not in ours:
            close = difflib.get_close_matches(name, known, 1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise Invalid(f"there is no option called {name}{meant}; there are {', '.join(sorted(known))}", name)
        if name in _FLAGS and not isinstance(value, bool):
            raise Invalid(f"{name} is yes or no, not {value!r}", name)
        if (whole := WHOLE[table].get(name)) is not None:
            _in_range(name, value, whole)
        elif name in ("currency", "auto_currency"):
            found[name] = _currency(name, str(value).strip().upper())
        elif name == "alert_addresses":
            _mailable(value)
        elif name == "auto_condition" and value:
            conditions.check(value, "order")
        elif name == "prefix":
            found[name] = _prefix(str(value).strip())
    return found


def _in_range(name: str, value: Any, whole: Whole) -> None:
    if value is None and whole.none:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not whole.least <= value <= whole.most:
        raise Invalid(
            f"{name} is a whole number from {whole.least:,} to {whole.most:,} ({whole.about}), not {value!r}",
            name,
        )


def _currency(name: str, code: str) -> str:
    if code or name == "currency":
        try:
            money.exponent(code)
        except Unreadable as error:
            raise Invalid(f"{name} is a currency's code of three letters, such as USD, not {code!r}", name) from error
    return code


def _mailable(addresses: Any) -> None:
    for address in addresses:
        # One that cannot be mailed would only show when nobody hears of an order that waits.
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", address.strip()):
            raise Invalid(f"{address!r} is not an e-mail address", "alert_addresses")


def _prefix(text: str) -> str:
    if len(text) > PREFIX_LENGTH or not text.isprintable():
        raise Invalid(f"a prefix has at most {PREFIX_LENGTH} letters, digits or signs, not {text!r}", "prefix")
    return text


def limit(text: str) -> dict[str, Any]:
    """The value limit of Auto Order Processing, written as ``500 USD``; nothing or "none" lifts it.

    Raises Invalid, also for what people of two countries would read in two ways: ``1,500 USD``, ``1.500 USD``.
    """
    if text.strip().lower() in ("", "none"):
        return {"auto_limit": None, "auto_currency": ""}
    amount, _, currency = text.strip().partition(" ")
    currency = currency.strip().upper()
    if not currency:
        raise Invalid('a limit has a currency, as in "500 USD"', "limit")
    try:
        minor = money.minor(_one_way(amount, money.exponent(currency)), currency)
        most = money.show(_LIMIT.most, currency)
    except Unreadable as error:
        raise Invalid(error.message, "limit") from error
    if not _LIMIT.least <= minor <= _LIMIT.most:
        raise Invalid(f"a value limit is from 0 to {most}, not {money.show(minor, currency)}", "limit")
    return {"auto_limit": minor, "auto_currency": currency}


_LIMIT = WHOLE["channels"]["auto_limit"]
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+", re.ASCII)
_GROUPED_AND_POINT = re.compile(_GROUPED.pattern + r"\.\d+", re.ASCII)
_POINT_AND_THREE = re.compile(r"[+-]?\d{1,3}\.\d{3}", re.ASCII)


def _one_way(amount: str, places: int) -> str:
    """The amount without marks of thousands, where nobody can take these for decimals; raises Invalid where somebody can."""
    if _GROUPED_AND_POINT.fullmatch(amount) or (not places and _GROUPED.fullmatch(amount)):
        return amount.replace(",", "")
    if "," in amount or (_POINT_AND_THREE.fullmatch(amount) and places < len("000")):
        example = "1500.50" if places else "1500"
        raise Invalid(
            f"{amount!r} can be read in two ways: write thousands without a mark and decimals after a point, as in {example}",
            "limit",
        )
    return amount
