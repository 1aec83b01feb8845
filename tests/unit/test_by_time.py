"""A walk by time finds everything, however the channel sorts and whatever changes meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine.connectors.by_time import DEEPEST, Place, Walk
from engine.errors import Invalid

MILLIS = Walk("eBay", timedelta(milliseconds=1), timedelta(days=90), timedelta(days=700))
SECONDS = Walk("Etsy", timedelta(seconds=1), timedelta(days=90))
START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MS = timedelta(milliseconds=1)
Sort = Callable[[dict[int, datetime]], list[int]]


class Book:
    """Orders by number and when they changed; the clock is its own."""

    def __init__(self, sort: Sort, walk: Walk = MILLIS) -> None:
        self.orders: dict[int, datetime] = {}
        self.sort, self.way, self.now, self.asked = sort, walk, START, 0

    def ask(self, place: Place, size: int) -> tuple[list[int], int]:
        """A page of the stretch and how many there are in all."""
        self.asked += 1
        assert self.way.alone(place) or place.skip <= DEEPEST, "so deep an offset is refused"
        last = place.until or self.now
        assert place.until is None or place.at < last <= self.now, "channels refuse this stretch"
        tick = self.way.tick
        assert place.at == START + (place.at - START) // tick * tick, "between two ticks"
        found = self.sort({one: at for one, at in self.orders.items() if place.at <= at <= last})
        return found[place.skip : place.skip + size], len(found)

    def walk(self, size: int, since: datetime | None = None, meanwhile: Callable[[], None] = lambda: None) -> set[int]:
        seen: set[int] = set()
        place: Place | None = self.way.begin(since, self.now)
        for _ in range(2_000):
            assert place is not None
            page, total = self.ask(place, size)
            dates = [self.orders[one] for one in page]
            if self.way.fits(place, total, size):
                seen |= set(page)
            after = self.way.following(place, total, size, dates, self.now)
            if after is None:
                return seen
            place = self.way.resume(msgspec.json.encode(after).decode())
            assert place == after
            meanwhile()
        raise AssertionError("the walk does not end")


def _oldest_first(orders: dict[int, datetime]) -> list[int]:
    return sorted(orders, key=lambda one: (orders[one], one))


def _newest_first(orders: dict[int, datetime]) -> list[int]:
    return _oldest_first(orders)[::-1]


def _by_number(orders: dict[int, datetime]) -> list[int]:
    return sorted(orders)


WALKS = pytest.mark.parametrize("walk", [MILLIS, SECONDS], ids=["millis", "seconds"])
SORTS = pytest.mark.parametrize("sort", [_oldest_first, _newest_first, _by_number])


@WALKS
@SORTS
@pytest.mark.parametrize("seed", range(12))
def test_everything_is_found_while_it_changes(sort: Sort, seed: int, walk: Walk) -> None:
    rng = random.Random(seed)
    book = Book(sort, walk)
    book.now = START + timedelta(days=80)
    for _ in range(rng.randint(1, 4)):  # quiet weeks, and bursts of many in a tick
        at = START + timedelta(seconds=rng.uniform(0, 80 * 86_400)) // walk.tick * walk.tick
        for _ in range(rng.choice((1, 3, 11, 25))):
            book.orders[len(book.orders)] = min(at + rng.choice((0, 0, 1, 500)) * walk.tick, book.now)
    before = set(book.orders)

    def meanwhile() -> None:
        book.now += timedelta(seconds=1)
        if book.asked < 40:
            for one in rng.sample(sorted(book.orders), rng.randint(0, 2)):
                book.orders[one] = book.now
            if rng.random() < 0.3:
                book.orders[len(book.orders)] = book.now

    assert before <= book.walk(rng.choice((2, 3, 5)), meanwhile=meanwhile)


@SORTS
def test_a_quiet_poll_is_one_question(sort: Sort) -> None:
    book = Book(sort)
    book.orders = {1: START - timedelta(minutes=5), 2: START - timedelta(minutes=1), 3: START - timedelta(days=2)}
    assert book.walk(200, START - timedelta(minutes=10)) == {1, 2}
    assert book.asked == 1


@pytest.mark.parametrize("sort", [_oldest_first, _newest_first])
@pytest.mark.parametrize("days", [85, 1])
def test_many_orders_take_few_more_questions_than_pages(sort: Sort, days: int) -> None:
    rng = random.Random(3)
    book = Book(sort)
    book.now = START + timedelta(days=90)
    begin = book.now - timedelta(days=days)
    book.orders = {one: begin + timedelta(seconds=rng.uniform(0, days * 86_000)) // MS * MS for one in range(10_000)}
    assert book.walk(200) == set(range(10_000))
    assert book.asked <= 100  # 50 pages


def test_what_is_dated_ahead_of_our_clock_is_found() -> None:
    book = Book(_oldest_first)
    ours = book.now
    book.now += timedelta(minutes=3)
    book.orders = {one: ours + timedelta(seconds=one) for one in range(1, 20)}
    seen: set[int] = set()
    place: Place | None = MILLIS.begin(ours - timedelta(minutes=1), ours)
    while place is not None:
        page, total = book.ask(place, 4)
        seen |= set(page) if MILLIS.fits(place, total, 4) else set()
        place = MILLIS.following(place, total, 4, [book.orders[one] for one in page], ours)
    assert seen == set(range(1, 20))


def test_a_walk_goes_no_further_back_than_the_channel_allows() -> None:
    assert MILLIS.begin(START - timedelta(days=2_000), START).at == START - timedelta(days=700)
    assert SECONDS.begin(START - timedelta(days=2_000), START).at == START - timedelta(days=2_000)
    assert MILLIS.begin(None, START + timedelta(microseconds=1_999)).at == START - timedelta(days=90) + MS
    assert SECONDS.begin(START + timedelta(milliseconds=1_999), START).at == START + timedelta(seconds=1)


def test_a_cursor_of_another_is_invalid() -> None:
    with pytest.raises(Invalid, match="Etsy"):
        SECONDS.resume('{"page": 3}')
