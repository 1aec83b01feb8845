"""An invoice against what was ordered and shipped: what fits, what waits, and the words for what does not."""

from __future__ import annotations

import pytest

from engine.domain.invoices import Bill, Charged, Ordered, compare

LINES = [Ordered(1, "A", 10, 10, 500), Ordered(2, "B", 4, 2, 1250), Ordered(3, "A", 5, 5, 500)]


def bill(*lines: Charged, **changes: object) -> Bill:
    return Bill(**{"number": "I-1", "currency": "USD", "lines": lines, **changes})  # type: ignore[arg-type]


def a(quantity: int, cost: int | None = 500, line: int = 0) -> Charged:
    return Charged(line, "A", quantity, cost)


def b(quantity: int, cost: int | None = 1250, line: int = 0) -> Charged:
    return Charged(line, "B", quantity, cost)


@pytest.mark.parametrize(
    ("given", "differs", "waits"),
    [
        (bill(a(15), b(2), total=10_000), (), ()),
        (bill(a(15), b(2), total=10_500, charges=500), (), ()),
        (bill(a(10, line=1), a(5, line=3)), (), ()),
        (bill(Charged(2, "", 2, 1250)), (), ()),
        (bill(b(3)), (), ("3 × B charged in all, 2 shipped",)),
        (bill(a(16)), ("16 × A charged in all, 15 ordered",), ()),
        (bill(b(1, 1251)), ("B at 12.51 USD, ordered at 12.50 USD",), ()),
        (bill(b(1, 1100)), ("B at 11.00 USD, ordered at 12.50 USD",), ()),
        (bill(b(1, None), total=99), (), ()),
        (bill(a(1), total=700), ("its total is 7.00 USD, its lines and charges come to 5.00 USD",), ()),
        (bill(Charged(0, "Z", 1)), ("it charges 1 × Z, which was not ordered",), ()),
        (bill(Charged(9, "", 1)), ("it charges 1 × line 9, which was not ordered",), ()),
        (bill(a(1), currency="EUR"), ("it is in EUR, ordered in USD",), ()),
        (bill(), ("it lists no pieces to compare",), ()),
        (bill(a(1), credit=True), ("1 × A more credited than charged",), ()),
    ],
)
def test_it_is_compared(given: Bill, differs: tuple[str, ...], waits: tuple[str, ...]) -> None:
    compared, _ = compare(LINES, "USD", given, {}, 0)
    assert (compared.differs, compared.waits) == (differs, waits)


def test_earlier_invoices_count_and_credits_take_back() -> None:
    _, charged = compare(LINES, "USD", bill(a(15)), {}, 0)
    again, _ = compare(LINES, "USD", bill(a(1)), charged, 0)
    assert again.differs == ("16 × A charged in all, 15 ordered",)
    _, charged = compare(LINES, "USD", bill(a(3), credit=True), charged, 0)
    assert charged == {"A": 12}
    assert compare(LINES, "USD", bill(a(3)), charged, 0)[0].differs == ()


@pytest.mark.parametrize(("cost", "fits"), [(1312, True), (1313, False), (1188, True), (1187, False)])
def test_a_cost_may_be_off_by_the_tolerance_either_way(cost: int, fits: bool) -> None:
    assert (compare(LINES, "USD", bill(b(1, cost)), {}, 5)[0].differs == ()) is fits
