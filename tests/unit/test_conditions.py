"""What people are told of a condition that is wrong: where, and what to write instead; never a parser's list of tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain import conditions
from engine.errors import Invalid

FACTS = {"order": dict(conditions.ORDER), "line": dict(conditions.LINE)}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('order.country = "US"', "at character 15: write == for “equals”"),
        ("order.country == 'US' and order.total > 5", "at character 23: write && for “and”"),
        ("not order.total > 1", "write ! for “not”"),
        ('order.country <> "US"', "write != for “is not”"),
        ("order.country == “US”", "at character 18: “ does not quote; write ' or \""),
        ('order.country == "US', 'at character 18: the text that begins here has no closing "'),
        ("order.total >", "something is missing after '>'"),
        ("order.total > 1 &&", "something is missing after '&&'"),
        ('line.sku.startsWith("A"', "a ) is missing"),
        ("order.total 5", "at character 13: '5' does not belong here"),
        ("order.total > €5", "at character 15: '€' does not belong here"),
        ("order.total > 1 ||\n order.items = 1", "in line 2, at character 14: write =="),
        ("order.total > 99999999999999999999", "at character 15: invalid int literal"),
        ("order.totl > 1", "at character 1: an order has no 'totl' (did you mean order.total?)"),
        ("line.quantity > 1 && line.cost > 1", "at character 22: a line has no 'cost'"),
        ("total > 1", "'total' at character 1 is not known: write order.total"),
        ("order.country == US", "'US' at character 18 is not known: text is written in quotes"),
        ("order.number.foo()", "there is no function 'foo' (character 14)"),
        ('order.total > "5"', "text is written in quotes, numbers without"),
        ("order.total", "gives a number and not yes or no"),
        ("1" * 2001, "at most 2000 characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(condition: str, said: str) -> None:
    with pytest.raises(Invalid) as raised:
        conditions.check(condition, "order", "line")
    assert said in raised.value.message
    for token in ("EOF", "expecting", "<input>", "IDENTIFIER", "NUM_INT", "Traceback"):
        assert token not in raised.value.message


@pytest.mark.parametrize(
    "condition",
    ["", "  ", "true", 'order.total > 50000 && order.country in ["US", "CA"]', '"LAMP-BR" in order.skus',
     "order.skus.exists(s, s.startsWith('LAMP'))", "order.rate == 'order.foo = bar'",
     "order.skus[3] == 'A'", "line.price / order.shipping > 3"],
)  # fmt: skip
def test_what_can_be_decided_passes(condition: str) -> None:
    conditions.check(condition, "order", "line")


def test_a_channels_condition_is_not_about_lines() -> None:
    with pytest.raises(Invalid, match="at character 24 the condition asks about the line, but it is about the order"):
        conditions.check("order.total > 5000 && (line.quantity > 1)", "order")


@pytest.mark.parametrize("condition", ["order.skus[3] == 'A'", "order.total / 0 > 1", "order.nothing == 1"])
def test_what_cannot_be_decided_of_an_order_says_so_and_breaks_nothing(condition: str) -> None:
    with pytest.raises(Invalid, match="cannot be decided"):
        conditions.holds(condition, FACTS)


PIECES = [
    "order.total",
    "line.sku",
    "==",
    "=",
    "&&",
    "and",
    ">",
    "1",
    "'A'",
    '"',
    "(",
    ")",
    "[",
    "]",
    "!",
    "“",
    "\n",
    "in",
    ".",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_whatever_is_written_is_decided_or_explained(pieces: list[str]) -> None:
    condition, said = " ".join(pieces), ""
    try:
        conditions.check(condition, "order", "line")
        conditions.holds(condition, FACTS)
    except Invalid as error:
        said = error.message
    assert "expecting" not in said
    assert "<input>" not in said
