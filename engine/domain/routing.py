"""Which supplier ships what: pure rules over what is known, with the reason for every choice.

A need is a quantity of one product for one order line. It goes to the supplier a person chose, else to the one a rule
names, else to the product's offers in the order of its policy; where the first has too little stock the need is split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Policy(StrEnum):
    """How a product's offers are ordered; ties go to the lower priority number, then the lower supplier id."""

    PRIORITY = "priority"
    COST = "cost"
    STOCK = "stock"


@dataclass(frozen=True, slots=True)
class Offer:
    """A supplier's offer. ``stock`` None: not told, taken as enough. ``cost`` is minor units, 1 piece."""

    supplier_id: int
    supplier: str
    product_id: int
    supplier_sku: str
    cost: int
    stock: int | None
    priority: int
    enabled: bool
    supplier_enabled: bool


@dataclass(frozen=True, slots=True)
class Need:
    """``quantity`` pieces of a product for order line ``line`` (its position)."""

    line: int
    product_id: int
    sku: str
    quantity: int
    per_unit: int
    policy: str
    chosen: int | None = None
    ruled: int | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """So many pieces of a need go to this offer."""

    need: Need
    offer: Offer
    quantity: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer that was looked at, whether it won, and why or why not."""

    line: int
    sku: str
    supplier: str
    won: int
    reason: str


@dataclass(frozen=True, slots=True)
class Shortage:
    """A need nobody can meet; ``disabled`` where a supplier that is switched off could have."""

    need: Need
    missing: int
    disabled: str
    reason: str


@dataclass(slots=True)
class Plan:
    """Who ships what, what nobody can ship, and every candidate with its reason."""

    assignments: list[Assignment] = field(default_factory=list)
    shortages: list[Shortage] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)


def _rank(offer: Offer, policy: str) -> tuple[int, int, int]:
    if policy == Policy.COST:
        return (offer.cost, offer.priority, offer.supplier_id)
    if policy == Policy.STOCK:
        return (-(offer.stock if offer.stock is not None else 1 << 40), offer.priority, offer.supplier_id)
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


def plan(needs: Sequence[Need], offers: Sequence[Offer], taken: dict[tuple[int, int], int] | None = None) -> Plan:
    """Who ships what. ``taken`` is stock already promised in the same batch, by (supplier, product); it is added to."""
    result = Plan()
    promised = taken if taken is not None else {}
    for need in needs:
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
        usable.sort(key=lambda offer: _rank(offer, need.policy))
        _fill(need, usable, promised, result, disabled)
    return result


def _available(offer: Offer, promised: dict[tuple[int, int], int]) -> int | None:
    if offer.stock is None:
        return None
    return max(0, offer.stock - promised.get((offer.supplier_id, offer.product_id), 0))


def _fill(need: Need, usable: list[Offer], promised: dict[tuple[int, int], int], result: Plan, disabled: str) -> None:
    # One parcel is better than two: the first that has all of it wins; only where none has is the need split.
    # A person's choice holds whatever the stock is said to be: the supplier will say when it ships.
    chosen = need.chosen is not None
    whole = next((o for o in usable if chosen or (a := _available(o, promised)) is None or a >= need.quantity), None)
    missing = need.quantity
    for offer in usable:
        free = _available(offer, promised)
        if whole is not None:
            share = need.quantity if offer is whole else 0
        else:
            # Kits are split by whole pieces of the kit, so that no half kit waits for its other half.
            share = min(missing, free or 0) // need.per_unit * need.per_unit
        if share:
            promised[offer.supplier_id, offer.product_id] = (
                promised.get((offer.supplier_id, offer.product_id), 0) + share
            )
            missing -= share
        result.candidates.append(
            Candidate(need.line, need.sku, offer.supplier, share, _reason(offer, need, free, share, whole))
        )
        if share:
            result.assignments.append(Assignment(need, offer, share))
    if missing:
        reason = (
            "no supplier offers it" if not usable and not disabled else f"{missing} of {need.quantity} not in stock"
        )
        if not usable and disabled:
            reason = f"only {disabled} offers it, which is disabled"
        result.shortages.append(Shortage(need, missing, disabled if not usable else "", reason))


def _reason(offer: Offer, need: Need, free: int | None, share: int, whole: Offer | None) -> str:
    stock = "stock not told" if free is None else f"stock {free} of {need.quantity}"
    if share:
        why = "chosen by a person" if need.chosen else f"rule {need.rule}" if need.ruled else f"first by {need.policy}"
        return f"{why}, {stock}" if share == need.quantity else f"{share} of {need.quantity}, {stock}"
    if whole is not None and free is not None and free < need.quantity:
        return f"{stock}: {whole.supplier} has all of it"
    return f"after {whole.supplier} by {need.policy}, {stock}" if whole else stock
