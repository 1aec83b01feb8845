"""Routing rules: what they are, adding, changing and removing them, and what one would do to the orders that wait."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from tortoise.exceptions import IntegrityError

from engine import clock, db
from engine.domain import conditions, routing
from engine.domain.states import OPEN_STATUSES
from engine.errors import Invalid, NotFound
from engine.models import Rule
from engine.services import loading, outbox, route, settings_book
from engine.services.casefile import Case, LineRecord
from engine.services.catalog import Catalog, RuleRow
from engine.services.lifecycle import Actor
from engine.services.outbox import NewJob

BATCH = 200


class RuleView(msgspec.Struct, frozen=True):
    """A rule; those with the lowest ``position`` are asked first. ``supplier`` is its code."""

    name: str
    position: int
    condition: str
    supplier: str
    enabled: bool


class Match(msgspec.Struct, frozen=True):
    """A line the condition holds for: who ships it as things stand (``now``), who would by the rule (``then``), and why."""

    order_id: int
    order: str
    line: int
    sku: str
    quantity: int
    now: str
    then: str
    note: str


class Trial(msgspec.Struct):
    """What a rule would do: orders looked at, the lines it holds for, and orders for which it cannot be decided."""

    looked_at: int = 0
    matches: list[Match] = msgspec.field(default_factory=list)
    undecided: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def changed(self) -> list[int]:
        """The ids of the orders that would go elsewhere."""
        return list(dict.fromkeys(match.order_id for match in self.matches if match.now != match.then))


async def rules() -> list[RuleView]:
    """Every rule, in the order in which they are asked."""
    found = await db.rows(
        "SELECT r.name, r.position, r.condition, s.code, r.enabled FROM rules AS r "
        "JOIN suppliers AS s ON s.id = r.supplier_id ORDER BY r.position, r.id"
    )
    return [RuleView(r[0], r[1], r[2], r[3], bool(r[4])) for r in found]


async def rule(name: str) -> RuleView:
    """The rule of this name; raises NotFound naming those there are."""
    known = await rules()
    for view in known:
        if view.name == name:
            return view
    listed = ", ".join(repr(view.name) for view in known) or "none yet"
    raise NotFound(f"there is no rule {name!r}; there are: {listed}")


async def add(name: str, condition: str, supplier_id: int, by: Actor, *, position: int = 100) -> int:
    """Lines for which the condition (CEL) holds go to the supplier; how many waiting orders are checked again for it.

    Raises Invalid for a condition that cannot be read, or asks what is not known.
    """
    name = name.strip()
    if not name:
        raise Invalid("a rule has a name", "name")
    found = await trial(condition, supplier_id, position=position)
    try:
        async with db.transaction():
            made = await Rule.create(
                name=name, condition=condition, supplier_id=supplier_id, position=position, created_at=clock.now()
            )
            after = {"condition": condition, "supplier": supplier_id, "position": position}
            await settings_book.note(by, "rule:add", name, subject=f"rule {made.id}", before={}, after=after)
            await _check_again(found.changed)
    except IntegrityError as error:
        raise Invalid(
            f"there is already a rule {name!r}: change that one, or give this one another name", "name"
        ) from error
    return len(found.changed)


async def change(
    name: str, by: Actor, *, condition: str, supplier_id: int, position: int, seen: RuleView | None = None
) -> int:
    """The rule says this from now on; how many waiting orders are checked again for it. What is sent stays as it is.

    ``seen``: how the rule was when it was looked at. Raises Invalid where others changed it since, and as ``add`` does;
    NotFound.
    """
    view = await rule(name)
    again = (await trial_of(name)).changed
    again += (await trial(condition, supplier_id, position=position, name=name)).changed
    async with db.transaction():
        await settings_book.alone()
        now = await rule(name)
        if now != (seen or view):
            raise Invalid(f"{_described(now)} since others changed it; look, and save again to set yours", "condition")
        row = await db.row("SELECT id, supplier_id FROM rules WHERE name = ?", name)
        assert row is not None
        before = {"condition": now.condition, "supplier": row[1], "position": now.position}
        after = {"condition": condition, "supplier": supplier_id, "position": position}
        if before == after:
            return 0
        await db.run(
            "UPDATE rules SET condition = ?, supplier_id = ?, position = ? WHERE id = ?",
            condition,
            supplier_id,
            position,
            row[0],
        )
        await settings_book.note(by, "rule:change", name, subject=f"rule {row[0]}", before=before, after=after)
        await _check_again(list(dict.fromkeys(again)))
    return len(set(again))


def _described(view: RuleView) -> str:
    return f"rule {view.name} sends to {view.supplier} what “{view.condition}” holds for, at position {view.position},"


async def remove(name: str, by: Actor) -> int:
    """The rule is gone; how many waiting orders are checked again for it. What is sent stays as it is."""
    view = await rule(name)
    found = await trial_of(name)
    async with db.transaction():
        row = await Rule.get(name=name)
        await row.delete()
        before = {"condition": view.condition, "supplier": view.supplier, "position": view.position}
        await settings_book.note(by, "rule:remove", name, subject=f"rule {row.id}", before=before, after={})
        await _check_again(found.changed)
    return len(found.changed)


async def _check_again(order_ids: Sequence[int]) -> None:
    await outbox.put([NewJob(f"check:{order_id}", "orders.check", order_id) for order_id in order_ids])


# --- trying -----------------------------------------------------------------------------------------------------------


async def trial_of(name: str) -> Trial:
    """What a rule there is does to the orders that wait, compared with there being none; raises NotFound."""
    view = await rule(name)
    supplier = await db.value("SELECT supplier_id FROM rules WHERE name = ?", name)
    return await trial(view.condition, supplier, position=view.position, name=name)


async def trial(condition: str, supplier_id: int, *, position: int = 100, name: str = "") -> Trial:
    """What a rule with this condition would do to the orders that wait, as they stand; nothing is changed.

    ``name``: it takes the place of the rule of this name. Raises Invalid for a condition that cannot be used.
    """
    if not condition.strip():
        raise Invalid("a rule without a condition would take every line: say when it holds", "condition")
    conditions.check(condition, "order", "line")
    rows = await db.rows("SELECT name, condition, supplier_id, position, enabled, id FROM rules ORDER BY position, id")
    others = [row for row in rows if row[0] != name]
    tried = RuleRow(name or "(this rule)", condition, supplier_id)
    # Those of one position are asked in the order in which they were made: a new one after the others.
    place = next(((position, row[5]) for row in rows if row[0] == name), (position + 1, 0))
    ahead = [row for row in others if (row[3], row[5]) < place]
    before = [RuleRow(*tuple(row)[:3]) for row in others if row[4]]
    cut = sum(1 for row in ahead if row[4])
    after = [*before[:cut], tried, *before[cut:]]
    result = Trial()
    ids = await db.rows(
        f"SELECT id FROM orders WHERE status IN ({db.marks(OPEN_STATUSES)}) ORDER BY placed_at, id",
        *(str(status) for status in OPEN_STATUSES),
    )
    for start in range(0, len(ids), BATCH):
        cases = await loading.load([int(row[0]) for row in ids[start : start + BATCH]])
        known = await route.catalog_for(cases)
        for case in cases:
            _try(case, known, before, after, tried, result)
    result.looked_at = len(ids)
    return result


def _try(
    case: Case, known: Catalog, before: list[RuleRow], after: list[RuleRow], tried: RuleRow, result: Trial
) -> None:
    try:
        lines = [line for line in case.lines if _holds(case, line, known, tried)]
    except Invalid as error:
        result.undecided[case.order.number] = error.message
        return
    if not lines:
        return
    for po in case.drafts():
        case.purchases.remove(po)
    plans = [route.plan(case, msgspec.structs.replace(known, rules=rules), {}).plan for rules in (before, after)]
    for line in lines:
        now, then = (_who(found, line) for found in plans)
        if now or then:  # else all of it is sent, or nobody knows what it is
            result.matches.append(
                Match(
                    case.order.id, case.order.number, line.position, line.sku, line.quantity, now, then,
                    _note(plans[1], line, known, tried),
                )
            )  # fmt: skip


def _holds(case: Case, line: LineRecord, known: Catalog, tried: RuleRow) -> bool:
    facts = {"order": route.order_facts(case, known), "line": route.line_facts(line)}
    return conditions.holds(tried.condition, facts)


def _who(plan: routing.Plan, line: LineRecord) -> str:
    shares = [f"{a.offer.supplier} {a.quantity}" for a in plan.assignments if a.need.line == line.position]
    missing = sum(s.missing for s in plan.shortages if s.need.line == line.position)
    return ", ".join([*shares, *([f"nobody {missing}"] if missing else [])])


def _note(plan: routing.Plan, line: LineRecord, known: Catalog, tried: RuleRow) -> str:
    if line.supplier_id is not None:
        return f"a person chose {known.suppliers[line.supplier_id].code}, which goes first"
    needs = [*(a.need for a in plan.assignments), *(s.need for s in plan.shortages)]
    of_line = [need.rule for need in needs if need.line == line.position]
    first = next((rule for rule in of_line if rule and rule != tried.name), "")
    if first:
        return f"rule {first} comes first"
    return "; ".join(s.reason for s in plan.shortages if s.need.line == line.position)
