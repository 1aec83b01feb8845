"""Money as integer minor units: read from what the other side wrote, shown to people, never rounded."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel.numbers import get_currency_precision, is_currency

from engine.errors import Unreadable

LARGEST = 2**63 - 1
"""The largest amount, in minor units, that both databases can hold."""

# CLDR, which babel follows, says how prices are usually written; ISO 4217 says what banks and channels send. They
# differ in currencies whose small coins are gone. Stored amounts must follow ISO, or 10.50 RSD could not be read.
# https://www.six-group.com/en/products-services/financial-information/data-standards.html
_ISO_EXPONENTS = {"IQD": 3} | dict.fromkeys(
    ("AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SLL", "SOS", "SYP", "YER"), 2
)
_NO_CURRENCY = frozenset({"XXX", "XTS"})  # "none" and "testing": codes in which nothing is ever paid
_CODE = re.compile(r"[A-Z]{3}", re.ASCII)
_LONGEST = 100  # characters of a text that is an amount, spaces included, since amounts are kept at hand
_AMOUNT = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{1,40})?|\.\d{1,40})", re.ASCII)


@lru_cache(maxsize=512)
def _known_exponent(currency: str) -> int | None:
    if not _CODE.fullmatch(currency) or currency in _NO_CURRENCY or not is_currency(currency):
        return None
    return _ISO_EXPONENTS.get(currency, get_currency_precision(currency))


def exponent(currency: str) -> int:
    """How many decimals the ISO 4217 currency has: 2 for USD, 0 for JPY. Raises Unreadable for an unknown code."""
    found = _known_exponent(currency) if isinstance(currency, str) else None
    if found is None:
        message = (
            f"{_quoted(currency)} is not a currency code of ISO 4217 (USD, EUR …); correct it where the order is from."
        )
        raise Unreadable(message, field="currency")
    return found


def minor(amount: str | int | Decimal, currency: str) -> int:
    """The amount, given in major units ("148.20", 148, Decimal), as minor units of ``currency`` (14820). Exact.

    Raises Unreadable for floats, text that is not a plain number with a decimal point ("1,234.50", "1e3", ""), NaN,
    more decimals than the currency has, and amounts that do not fit in 64 bits.
    """
    # The same prices come again and again, and a Decimal is slow to take apart.
    return (_minor_of_text if type(amount) is type(currency) is str else _minor)(amount, currency)


@lru_cache(maxsize=8192)
def _minor_of_text(amount: str, currency: str) -> int:
    return _minor(amount, currency)


def _minor(amount: str | int | Decimal, currency: str) -> int:
    places = exponent(currency)
    number = _decimal(amount)
    if not number.is_finite():
        raise Unreadable(f"{_quoted(amount)} is not an amount of money.", field="amount")
    if number.is_zero():
        return 0
    if number.adjusted() + places > 18:
        raise _too_large(currency)
    sign, digits, _ = number.as_tuple()
    whole = max(number.adjusted() + places + 1, 0)  # how many leading digits stand for whole minor units
    if any(digits[whole:]):
        message = f"{_quoted(amount)} has more decimals than {currency} has ({places}); nothing is rounded here."
        raise Unreadable(message, field="amount")
    value = int("".join(map(str, digits[:whole])).ljust(whole, "0") or "0")
    return _within(-value if sign else value, currency)


def major(minor: int, currency: str) -> Decimal:
    """The exact amount in major units: 14820 USD is Decimal("148.20"). Raises Unreadable beyond 64 bits."""
    places = exponent(currency)
    value = _within(minor, currency)
    return Decimal((int(value < 0), tuple(map(int, str(abs(value)))), -places))


def show(minor: int, currency: str) -> str:
    """The amount for people, the same in every locale: "1,148.20 USD", "1,500 JPY", "-3.00 EUR"."""
    return f"{major(minor, currency):,f} {currency}"


def _decimal(amount: Any) -> Decimal:
    if isinstance(amount, Decimal):
        return amount
    if isinstance(amount, int) and not isinstance(amount, bool):
        if abs(amount) > LARGEST:  # refused in any currency; a Decimal of it might have millions of digits
            return Decimal("1E+40")
        return Decimal(amount)
    if isinstance(amount, str):
        if len(amount) <= _LONGEST and _AMOUNT.fullmatch(amount.strip()):
            return Decimal(amount.strip())
        message = f"{_quoted(amount)} is not an amount: digits and one decimal point are expected, as in 1234.50."
        raise Unreadable(message, field="amount")
    message = f"An amount of money came as {type(amount).__name__}; only text, whole numbers and Decimal are exact."
    raise Unreadable(message, field="amount")


def _within(value: int, currency: str) -> int:
    if not -LARGEST - 1 <= value <= LARGEST:
        raise _too_large(currency)
    return value


def _too_large(currency: str) -> Unreadable:
    return Unreadable(f"An amount in {currency} is larger than any that can be stored (64 bits).", field="amount")


def _quoted(value: object) -> str:
    """The value in quotes for a message, at most 40 characters of it, so that a message stays readable."""
    text = value if isinstance(value, str) else str(value)[:60]
    return repr(text if len(text) <= 40 else text[:40] + "…")
