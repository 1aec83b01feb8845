"""Which supplier ships what by the policies that look at the whole order and at the map, and what is said of it."""

from __future__ import annotations

from itertools import combinations, product

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.distance import Apart, Place, apart
from engine.domain.routing import Need, Offer, Plan, plan

A, B, C = 1, 2, 3
CODES = {A: "ACME", B: "BOLT", C: "CORE"}


def offer(supplier: int, sku: int, *, stock: int | None = None, priority: int = 1, cost: int = 100) -> Offer:
    return Offer(supplier, CODES[supplier], sku, f"{CODES[supplier]}-{sku}", cost, stock, priority, True, True)


def need(line: int, sku: int, quantity: int = 1, policy: str = "parcels", **more: int) -> Need:
    return Need(line, sku, f"P{sku}", quantity, 1, policy, **more)


def who(result: Plan) -> list[tuple[int, str, int]]:
    return [(a.need.line, a.offer.supplier, a.quantity) for a in result.assignments]


def why(result: Plan) -> dict[tuple[int, str], str]:
    return {(c.line, c.supplier): c.reason for c in result.candidates}


# --- fewest parcels ---------------------------------------------------------------------------------------------------


def test_one_supplier_with_everything_beats_two_that_come_first() -> None:
    offers = [offer(A, 1), offer(B, 2), offer(C, 1, priority=9), offer(C, 2, priority=9)]
    result = plan([need(1, 1), need(2, 2)], offers)
    assert who(result) == [(1, "CORE", 1), (2, "CORE", 1)]
    assert why(result) == {
        (1, "CORE"): "fewest parcels (1: CORE), stock not told",
        (1, "ACME"): "would be one more parcel than with CORE, stock not told",
        (2, "CORE"): "fewest parcels (1: CORE), stock not told",
        (2, "BOLT"): "would be one more parcel than with CORE, stock not told",
    }


def test_of_as_many_parcels_the_lower_priority_number_wins() -> None:
    offers = [offer(s, sku, priority=p) for (s, p), sku in product([(A, 2), (B, 1)], [1, 2])]
    result = plan([need(1, 1), need(2, 2)], offers)
    assert who(result) == [(1, "BOLT", 1), (2, "BOLT", 1)]


def test_a_supplier_that_ships_anyway_costs_no_parcel() -> None:
    offers = [offer(A, 1), offer(B, 1, priority=5), offer(B, 2), offer(C, 2)]
    chosen = plan([need(1, 1), need(2, 2, chosen=B)], offers)
    assert who(chosen) == [(1, "BOLT", 1), (2, "BOLT", 1)]
    by_cost = plan([need(1, 1), need(2, 2, policy="cost", ruled=B)], offers)
    assert [supplier for _, supplier, _ in who(by_cost)] == ["BOLT", "BOLT"]
    assert why(by_cost)[1, "ACME"].startswith("would be one more parcel")


def test_stock_that_is_too_little_for_both_lines_is_not_counted_twice() -> None:
    offers = [offer(A, 1, stock=5), offer(B, 1, stock=50, priority=2)]
    result = plan([need(1, 1, 4), need(2, 1, 4)], offers)
    assert who(result) == [(1, "BOLT", 4), (2, "BOLT", 4)]


def test_what_nobody_has_whole_is_split_among_few() -> None:
    offers = [offer(A, 1, stock=2), offer(B, 1, stock=3), offer(C, 1, stock=7), offer(B, 2), offer(A, 2)]
    result = plan([need(1, 1, 9), need(2, 2)], offers)
    assert who(result) == [(1, "CORE", 7), (1, "BOLT", 2), (2, "BOLT", 1)]


def test_what_nobody_offers_is_missed_and_the_rest_goes() -> None:
    result = plan([need(1, 1), need(2, 2)], [offer(A, 2)])
    assert who(result) == [(2, "ACME", 1)]
    assert [s.reason for s in result.shortages] == ["no supplier offers it"]


@given(st.lists(st.sets(st.sampled_from([A, B, C]), min_size=1), min_size=1, max_size=5))
def test_no_smaller_set_of_suppliers_could_ship_it(offered: list[set[int]]) -> None:
    needs = [need(line, line) for line, _ in enumerate(offered, 1)]
    offers = [offer(s, line, priority=s) for line, suppliers in enumerate(offered, 1) for s in suppliers]
    result = plan(needs, offers)
    assert len(result.assignments) == len(needs)
    used = {a.offer.supplier_id for a in result.assignments}
    fits = [set(c) for n in range(4) for c in combinations([A, B, C], n) if all(set(c) & s for s in offered)]
    assert len(used) == min(map(len, fits))


# --- nearest warehouse ------------------------------------------------------------------------------------------------

BOSTON = Place("US", "MA", "02108")


def near(customer: Place, **warehouses: Place) -> dict[int, Apart]:
    return {id_: apart(warehouses[code], customer) for id_, code in CODES.items() if code in warehouses}


def test_within_the_us_the_nearer_zip_code_wins_also_across_a_state_line() -> None:
    far, close = Place("US", "MA", "01201"), Place("US", "RI", "02903")  # Pittsfield, Providence
    result = plan(
        [need(1, 1, policy="nearest")], [offer(A, 1), offer(B, 1, priority=9)], None, near(BOSTON, ACME=far, BOLT=close)
    )
    assert who(result) == [(1, "BOLT", 1)]
    assert why(result)[1, "BOLT"] == "nearest warehouse with the stock, 66 km by ZIP code, stock not told"
    assert why(result)[1, "ACME"] == "after BOLT by distance, 179 km by ZIP code, stock not told"


def test_elsewhere_the_region_and_then_the_country_decide_and_no_distance_is_claimed() -> None:
    toronto = Place("CA", "Ontario", "M5V 2T6")
    warehouses = near(
        toronto, ACME=Place("US", "", "14201"), BOLT=Place("CA", "", "V6B 1A1"), CORE=Place("CA", "ON", "")
    )
    offers = [offer(A, 1), offer(B, 1), offer(C, 1, priority=9)]
    result = plan([need(1, 1, policy="nearest")], offers, None, warehouses)
    assert who(result) == [(1, "CORE", 1)]
    said = why(result)
    assert "the same region (ON), no distance known" in said[1, "CORE"]
    assert "the same country (CA), no distance known" in said[1, "BOLT"]
    assert "another country (US), no distance known" in said[1, "ACME"]


def test_one_that_is_measured_does_not_beat_one_of_the_same_region_that_is_not() -> None:
    warehouses = near(BOSTON, ACME=Place("US", "CA", "90001"), BOLT=Place("US", "MA", ""))
    result = plan([need(1, 1, policy="nearest")], [offer(A, 1), offer(B, 1, priority=9)], None, warehouses)
    assert who(result) == [(1, "BOLT", 1)]


def test_as_near_as_is_known_priority_decides_and_says_so() -> None:
    berlin = Place("DE", "", "10115")
    warehouses = near(berlin, ACME=Place("DE", "", "80331"), BOLT=Place("DE", "", "10117"))
    result = plan([need(1, 1, policy="nearest")], [offer(A, 1), offer(B, 1, priority=9)], None, warehouses)
    assert who(result) == [(1, "ACME", 1)]
    assert why(result)[1, "BOLT"].startswith("after ACME by priority, for as near as is known")
    unknown = plan([need(1, 1, policy="nearest")], [offer(A, 1)], None, {})
    assert why(unknown) == {(1, "ACME"): "first by priority, its warehouse is not known, stock not told"}


def test_the_nearest_without_the_stock_says_who_has_it() -> None:
    warehouses = near(BOSTON, ACME=Place("US", "MA", "02110"), BOLT=Place("US", "CA", "90001"))
    result = plan([need(1, 1, 3, policy="nearest")], [offer(A, 1, stock=2), offer(B, 1, stock=9)], None, warehouses)
    assert who(result) == [(1, "BOLT", 3)]
    assert why(result)[1, "ACME"] == "1 km by ZIP code, stock 2 of 3: BOLT has all of it"


def test_places_as_channels_write_them() -> None:
    assert apart(Place("PR", "", "00601"), Place("US", "PR", "00602")).band == 0
    assert apart(Place("US", "", "77429-1234"), Place("US", "Texas", "77429")) == Apart(0, 0, "0 km by ZIP code")
    assert apart(Place("US", "", "77429"), Place("US", "AE", "09012")).km is None  # the military's have no place
    assert apart(Place(), BOSTON).words == "its warehouse is not known"
    assert apart(Place("AU", "", "2000"), Place("AU", "NSW", "2010")).band == 0


# --- stock that is old ------------------------------------------------------------------------------------------------


def test_stock_told_long_ago_comes_after_what_is_known_and_is_said_to_be_old() -> None:
    old = Offer(A, "ACME", 1, "ACME-1", 100, 900, 1, True, True, stale=72)
    result = plan([need(1, 1, 5, "stock")], [old, offer(B, 1, stock=10)])
    assert who(result) == [(1, "BOLT", 5)]
    assert why(result)[1, "ACME"] == "after BOLT by stock, stock 900, told 3 days ago and may be out of date"
    alone = plan([need(1, 1, 5, "stock")], [old])
    assert who(alone) == [(1, "ACME", 5)]  # it is the best that is known
    assert why(alone)[1, "ACME"] == "first by stock, stock 900, told 3 days ago and may be out of date"
