"""Which supplier ships what: pure rules over what is known, with the reason for every choice.

A need is a quantity of one product for one order line. It goes to the supplier a person chose, else to the one a rule
names, else to the product's offers in the order of its policy; where the first has too little stock the need is split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import combinations

import msgspec

from engine.domain.distance import Apart


class Policy(StrEnum):
    """How a product's offers are ordered; ties go to the lower priority number, then the lower supplier id."""

    PRIORITY = "priority"
    COST = "cost"
    STOCK = "stock"
    PARCELS = "parcels"
    NEAREST = "nearest"


MOST_COMPARED = 12
"""Of how many suppliers every combination is tried for the fewest parcels; mostly one or two do."""
_UNKNOWN = Apart(3, None, "its warehouse is not known")


class Offer(msgspec.Struct, frozen=True):
    """A supplier's offer. ``stock`` None: not told, taken as enough. ``cost`` is minor units, 1 piece.

    ``stale``: the stock was told so many hours ago that it is not to be relied on; 0: it is.
    """

    supplier_id: int
    supplier: str
    product_id: int
    supplier_sku: str
    cost: int
    stock: int | None
    priority: int
    enabled: bool
    supplier_enabled: bool
    stale: int = 0


class Need(msgspec.Struct, frozen=True):
    """``quantity`` pieces of a product for order line ``line`` (its position)."""

    line: int
    product_id: int
    sku: str
    quantity: int
    per_unit: int
    policy: str
    title: str = ""
    chosen: int | None = None
    ruled: int | None = None
    rule: str = ""


class Assignment(msgspec.Struct, frozen=True):
    """So many pieces of a need go to this offer."""

    need: Need
    offer: Offer
    quantity: int


class Candidate(msgspec.Struct, frozen=True):
    """An offer that was looked at, whether it won, and why or why not."""

    line: int
    sku: str
    supplier: str
    won: int
    reason: str


class Shortage(msgspec.Struct, frozen=True):
    """A need nobody can meet; ``disabled`` where a supplier that is switched off could have."""

    need: Need
    missing: int
    disabled: str
    reason: str


class Plan(msgspec.Struct):
    """Who ships what, what nobody can ship, and every candidate with its reason."""

    assignments: list[Assignment] = msgspec.field(default_factory=list)
    shortages: list[Shortage] = msgspec.field(default_factory=list)
    candidates: list[Candidate] = msgspec.field(default_factory=list)


class _Ranks:
    """What the policies go by, for one order: how far warehouses are, and which suppliers have a parcel to pack anyway."""

    def __init__(self, near: Mapping[int, Apart]) -> None:
        self._near = near
        self.together: dict[int, str] = {}  # supplier id -> code
        self.distance: dict[int, tuple[int, int]] = {}  # supplier id -> what the last need's offers were compared by

    def apart(self, offer: Offer) -> Apart:
        """How far the offer's warehouse is from the customer."""
        return self._near.get(offer.supplier_id, _UNKNOWN)

    def sort(self, offers: list[Offer], policy: str) -> None:
        """The offers are in the order of the policy, the best first; ties go by priority."""
        offers.sort(key=_by_priority)
        if policy == Policy.COST:
            offers.sort(key=lambda o: o.cost)
        elif policy == Policy.STOCK:
            offers.sort(key=lambda o: (bool(o.stale), -(o.stock if o.stock is not None else 1 << 40)))
        elif policy == Policy.PARCELS:
            offers.sort(key=lambda o: o.supplier_id not in self.together)
        elif policy == Policy.NEAREST:
            # Kilometres count where they are known of every warehouse in the customer's country: a measured one is not
            # known to be nearer or farther than one of which only the region is.
            measured = all(self.apart(o).km is not None for o in offers if self.apart(o).band <= 1)
            self.distance = {o.supplier_id: self._distance(o, measured) for o in offers}
            offers.sort(key=lambda o: self.distance[o.supplier_id])

    def _distance(self, offer: Offer, measured: bool) -> tuple[int, int]:
        band, km, _ = self.apart(offer)
        return (0, km or 0) if measured and band <= 1 else (band, 0)


def _by_priority(offer: Offer) -> tuple[int, int, int]:
    return (offer.priority, offer.cost, offer.supplier_id)


def _why_not(offer: Offer, need: Need) -> str:
    if not offer.supplier_enabled:
        return "supplier is disabled"
    if not offer.enabled:
        return "offer is disabled"
    if need.chosen is not None and offer.supplier_id != need.chosen:
        return "another supplier was chosen by a person"
    if need.chosen is None and need.ruled is not None and offer.supplier_id != need.ruled:
        return f"rule {need.rule} names another supplier"
    return ""


def plan(
    needs: Sequence[Need],
    offers: Sequence[Offer],
    taken: dict[tuple[int, int], int] | None = None,
    near: Mapping[int, Apart] | None = None,
) -> Plan:
    """Who ships what. ``taken`` is stock already promised in the same batch, by (supplier, product); it is added to.

    ``near`` is how far each supplier's warehouse is from the customer, for needs whose policy is the nearest.
    """
    result = Plan()
    promised = taken if taken is not None else {}
    ranks = _Ranks(near or {})
    free = [need for need in needs if need.policy == Policy.PARCELS and need.chosen is None and need.ruled is None]
    for need in needs:
        if not free or need not in free:
            _plan_one(need, offers, promised, ranks, result)
    if free:
        _plan_few(free, offers, promised, ranks, result)
        places = {(need.line, need.sku): place for place, need in enumerate(needs)}
        result.assignments.sort(key=lambda a: places[a.need.line, a.need.sku])
        result.candidates.sort(key=lambda c: places[c.line, c.sku])
    return result


def _plan_one(
    need: Need, offers: Sequence[Offer], promised: dict[tuple[int, int], int], ranks: _Ranks, result: Plan
) -> None:
    usable: list[Offer] = []
    disabled = ""
    for offer in offers:
        if offer.product_id != need.product_id:
            continue
        reason = _why_not(offer, need)
        if reason:
            result.candidates.append(Candidate(need.line, need.sku, offer.supplier, 0, reason))
            if not (offer.supplier_enabled and offer.enabled):
                disabled = disabled or offer.supplier
        else:
            usable.append(offer)
    ranks.sort(usable, need.policy)
    _fill(need, usable, promised, result, disabled, ranks)


# --- the fewest parcels -----------------------------------------------------------------------------------------------


def _plan_few(
    needs: list[Need], offers: Sequence[Offer], promised: dict[tuple[int, int], int], ranks: _Ranks, result: Plan
) -> None:
    """The needs go to as few suppliers as can be, beside those that ship something of the order anyway."""
    usable = {need: [o for o in offers if o.product_id == need.product_id and not _why_not(o, need)] for need in needs}
    whole = [need for need in needs if any(_has(o, need, promised) for o in usable[need])]
    # What must be split, or cannot be shipped, is settled first: its suppliers pack a parcel whatever else is decided.
    for need in needs:
        ranks.together = {a.offer.supplier_id: a.offer.supplier for a in result.assignments}
        if need not in whole:
            _plan_one(need, offers, promised, ranks, result)
    ranks.together = {a.offer.supplier_id: a.offer.supplier for a in result.assignments}
    ranks.together |= _fewest({need: usable[need] for need in whole}, promised, set(ranks.together))
    for need in whole:
        _plan_one(need, offers, promised, ranks, result)


def _fewest(
    usable: Mapping[Need, list[Offer]], promised: Mapping[tuple[int, int], int], anyway: set[int]
) -> dict[int, str]:
    """The smallest set of suppliers, beside those that ship anyway, that can ship all the needs, each from one of them."""
    could: dict[int, int] = {}
    names: dict[int, str] = {}
    for need, offers in usable.items():
        for offer in offers:
            if offer.supplier_id not in anyway and _has(offer, need, promised):
                could[offer.supplier_id] = could.get(offer.supplier_id, 0) + 1
                names[offer.supplier_id] = offer.supplier
    compared = sorted(could, key=lambda supplier: (-could[supplier], supplier))[:MOST_COMPARED]
    for size in range(len(compared) + 1):
        found = [
            (worth, more)
            for more in combinations(sorted(compared), size)
            if (worth := _worth(usable, promised, anyway.union(more))) is not None
        ]
        if found:
            return {supplier: names[supplier] for supplier in min(found)[1]}
    return {}


def _worth(
    usable: Mapping[Need, list[Offer]], promised: Mapping[tuple[int, int], int], suppliers: set[int]
) -> tuple[int, int] | None:
    """The priorities and the costs these suppliers would ship all the needs at, summed; None where they cannot."""
    given = dict(promised)
    priorities = costs = 0
    for need, offers in usable.items():
        having = [o for o in offers if o.supplier_id in suppliers and _has(o, need, given)]
        if not having:
            return None
        best = min(having, key=_by_priority)
        _promise(best, need.quantity, given)
        priorities, costs = priorities + best.priority, costs + best.cost * need.quantity
    return priorities, costs


def _has(offer: Offer, need: Need, promised: Mapping[tuple[int, int], int]) -> bool:
    free = _available(offer, promised)
    return free is None or free >= need.quantity


def _promise(offer: Offer, quantity: int, promised: dict[tuple[int, int], int]) -> None:
    key = (offer.supplier_id, offer.product_id)
    promised[key] = promised.get(key, 0) + quantity


# --- filling ----------------------------------------------------------------------------------------------------------


def _available(offer: Offer, promised: Mapping[tuple[int, int], int]) -> int | None:
    if offer.stock is None:
        return None
    return max(0, offer.stock - promised.get((offer.supplier_id, offer.product_id), 0))


def _fill(
    need: Need, usable: list[Offer], promised: dict[tuple[int, int], int], result: Plan, disabled: str, ranks: _Ranks
) -> None:
    # One parcel is better than two: the first that has all of it wins; only where none has is the need split.
    # A person's choice holds whatever the stock is said to be: the supplier will say when it ships.
    quantity = missing = need.quantity
    having = [(offer, _available(offer, promised)) for offer in usable]
    whole = None
    for offer, free in having:
        if free is None or free >= quantity or need.chosen is not None:
            whole = offer
            break
    if whole is None and need.policy == Policy.PARCELS:
        having.sort(key=lambda pair: (pair[0].supplier_id not in ranks.together, -(pair[1] or 0)))
    for offer, free in having:
        if whole is not None:
            share = quantity if offer is whole else 0
        else:
            # Kits are split by whole pieces of the kit, so that no half kit waits for its other half.
            share = min(missing, free or 0) // need.per_unit * need.per_unit
        if share:
            _promise(offer, share, promised)
            missing -= share
        result.candidates.append(
            Candidate(need.line, need.sku, offer.supplier, share, _reason(offer, need, free, share, whole, ranks))
        )
        if share:
            result.assignments.append(Assignment(need, offer, share))
    if missing:
        reason = f"{missing} of {need.quantity} not in stock" if usable else _nobody(need, disabled)
        result.shortages.append(Shortage(need, missing, disabled if not usable else "", reason))


def _nobody(need: Need, disabled: str) -> str:
    if disabled:
        return f"only {disabled} offers it, which is disabled"
    if need.chosen is not None:
        return "the supplier a person chose does not offer it"
    return f"the supplier of rule {need.rule} does not offer it" if need.ruled is not None else "no supplier offers it"


def _reason(offer: Offer, need: Need, free: int | None, share: int, whole: Offer | None, ranks: _Ranks) -> str:
    short = f" of {need.quantity}" if free is not None and free < need.quantity else ""
    stock = "stock not told" if free is None else f"stock {free}{short}"
    if offer.stale:
        stock += f", told {_age(offer.stale)} ago and may be out of date"
    if need.policy == Policy.NEAREST:
        stock = f"{ranks.apart(offer).words}, {stock}"
    if share:
        why = "chosen by a person" if need.chosen else f"rule {need.rule}" if need.ruled else _first(offer, need, ranks)
        return f"{why}, {stock}" if share == need.quantity else f"{share} of {need.quantity}, {stock}"
    if whole is None:
        return stock
    if free is not None and free < need.quantity:
        return f"{stock}: {whole.supplier} has all of it"
    if need.policy == Policy.PARCELS and offer.supplier_id not in ranks.together:
        return f"would be one more parcel than with {whole.supplier}, {stock}"
    by = need.policy
    if need.policy == Policy.PARCELS:
        by = "priority, for as many parcels"
    elif need.policy == Policy.NEAREST:
        nearer = ranks.distance[whole.supplier_id] < ranks.distance[offer.supplier_id]
        by = "distance" if nearer else "priority, for as near as is known"
    return f"after {whole.supplier} by {by}, {stock}"


def _age(hours: int) -> str:
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"


def _first(offer: Offer, need: Need, ranks: _Ranks) -> str:
    if need.policy == Policy.PARCELS:
        count = len(ranks.together)
        whose = " and ".join(sorted(ranks.together.values()))
        return f"fewest parcels ({count}: {whose})" if count else "fewest parcels"
    if need.policy == Policy.NEAREST:
        return "nearest warehouse with the stock" if ranks.apart(offer).band < 3 else "first by priority"
    return f"first by {need.policy}"
