from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain import money
from engine.errors import BluebookError, Unreadable

UNHURRIED = settings(deadline=None)  # the first example also loads the tables

CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KWD", "IQD", "RSD", "CLF", "CAD", "XAF", "HUF"])
STORABLE = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("currency", "places"),
    [("USD", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("BHD", 3), ("KWD", 3), ("IQD", 3), ("RSD", 2), ("CLF", 4)],
)
def test_exponent_follows_iso_4217(currency: str, places: int) -> None:
    assert money.exponent(currency) == places


@pytest.mark.parametrize("currency", ["", "usd", "US", "ABC", "XXX", "XTS", "DOLLAR", "US$", "ÜSD", "USD\n"])
def test_unknown_currency_is_refused_by_name(currency: str) -> None:
    with pytest.raises(Unreadable) as caught:
        money.exponent(currency)
    assert repr(currency) in caught.value.message
    assert caught.value.field == "currency"


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("148.20", "USD", 14820),
        ("148.2", "USD", 14820),
        (" 148 ", "USD", 14800),
        (".50", "USD", 50),
        ("-3.05", "EUR", -305),
        ("+3.05", "EUR", 305),
        ("148.2000", "USD", 14820),  # trailing zeros add no value
        ("1500", "JPY", 1500),
        ("1500.00", "JPY", 1500),
        ("1.234", "KWD", 1234),
        (12, "USD", 1200),
        (Decimal("0.01"), "USD", 1),
        (Decimal("1E+3"), "USD", 100000),
        (Decimal("0E+999999"), "USD", 0),
        (Decimal("-0.00"), "USD", 0),
        ("92233720368547758.07", "USD", 2**63 - 1),
        ("-92233720368547758.08", "USD", -(2**63)),
    ],
)
def test_minor_is_exact(amount: str | int | Decimal, currency: str, expected: int) -> None:
    assert money.minor(amount, currency) == expected


@pytest.mark.parametrize(
    "amount",
    [
        "",
        " ",
        "1,234.50",
        "1.234,50",
        "1e3",
        "0x10",
        "NaN",
        "Infinity",
        "12.345",
        "$12",
        "1_000",
        "5.",
        "١٢",
        "--1",
        "1 2",
        f"{'1.00':>101}",
    ],
)
def test_text_that_is_no_plain_amount_is_refused(amount: str) -> None:
    with pytest.raises(Unreadable) as caught:
        money.minor(amount, "USD")
    assert caught.value.field == "amount"


@pytest.mark.parametrize("amount", [1.5, True, None, b"1", [1], Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")])
def test_what_is_not_exact_is_refused(amount: object) -> None:
    with pytest.raises(Unreadable):
        money.minor(amount, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "amount",
    ["92233720368547758.08", "9" * 40, "9" * 5000, 10**30, 1 << 20000, Decimal("1E+999999"), Decimal(10) ** 17],
    ids=lambda amount: type(amount).__name__,
)
def test_amounts_beyond_64_bits_are_refused(amount: str | int | Decimal) -> None:
    with pytest.raises(Unreadable):
        money.minor(amount, "USD")


@pytest.mark.parametrize("amount", [Decimal("1E-999999"), Decimal("1." + "0" * 300 + "1"), "0.001"])
def test_nothing_is_rounded(amount: str | Decimal) -> None:
    with pytest.raises(Unreadable, match="more decimals"):
        money.minor(amount, "USD")


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (14820, "USD", "148.20 USD"),
        (123456789, "EUR", "1,234,567.89 EUR"),
        (1500, "JPY", "1,500 JPY"),
        (-5, "USD", "-0.05 USD"),
        (0, "USD", "0.00 USD"),
        (1234567, "KWD", "1,234.567 KWD"),
    ],
)
def test_show_is_the_same_in_every_locale(minor: int, currency: str, text: str) -> None:
    assert money.show(minor, currency) == text


def test_major_beyond_64_bits_is_refused() -> None:
    with pytest.raises(Unreadable):
        money.major(2**63, "USD")


@UNHURRIED
@given(STORABLE, CURRENCIES)
def test_major_and_minor_are_inverse(value: int, currency: str) -> None:
    assert money.minor(money.major(value, currency), currency) == value
    assert money.minor(str(money.major(value, currency).__format__("f")), currency) == value


@UNHURRIED
@given(STORABLE, CURRENCIES)
def test_what_is_shown_can_be_read_again(value: int, currency: str) -> None:
    amount, code = money.show(value, currency).split(" ")
    assert code == currency
    assert money.minor(amount.replace(",", ""), currency) == value


@UNHURRIED
@given(st.text() | st.decimals() | st.integers() | st.floats() | st.none(), st.text(max_size=5) | CURRENCIES)
def test_only_our_own_errors_are_raised(amount: object, currency: str) -> None:
    try:
        value = money.minor(amount, currency)  # type: ignore[arg-type]
    except BluebookError:
        return
    assert money.major(value, currency) == Decimal(amount)  # type: ignore[arg-type]
