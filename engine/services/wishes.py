"""A customer's wish to cancel, as the channel told it last: which lines it is about, and what people read of it."""

from __future__ import annotations

import msgspec

from engine.domain.states import COMMITTED, PurchaseState
from engine.ports import CancelWish
from engine.services import derived
from engine.services.casefile import Case, LineRecord


def stored(wish: CancelWish | None) -> str | None:
    """How the order keeps it."""
    return msgspec.json.encode(wish).decode() if wish is not None else None


def read(kept: str | None) -> CancelWish | None:
    """What ``stored`` has made."""
    return msgspec.json.decode(kept, type=CancelWish) if kept else None


def about(case: Case) -> list[LineRecord]:
    """The lines its customer wants no more, of which something is wanted here and has not shipped; none without a wish."""
    wish = read(case.order.cancel_wish)
    if wish is None:
        return []
    named = {external_id[:120] for external_id in wish.lines}
    return [line for line in _wanted(case) if not named or line.external_id in named]


def _wanted(case: Case) -> list[LineRecord]:
    found = derived.quantities(case)
    return [line for line in case.lines if line.wanted > found[line.position].shipped]


def words(case: Case) -> str:
    """What is wished and why, and the purchase orders that suppliers have of it; "" where there is nothing to be decided."""
    wish, lines = read(case.order.cancel_wish), about(case)
    if wish is None or not lines:
        return ""
    said = "all of it" if len(lines) == len(_wanted(case)) else ", ".join(line.sku or line.title for line in lines)
    said += f", “{wish.reason}”" if wish.reason else ""
    sent = [po.po_number for po in case.purchases if po.open and _has(po.state) and _serves(case, po.po_number, lines)]
    if sent:
        said += f"; {', '.join(sent)} was sent, so that canceling asks the supplier"
    return said


def _has(state: str) -> bool:
    """The supplier has it, or may have it."""
    return state in COMMITTED or state == PurchaseState.OUTCOME_UNKNOWN


def _serves(case: Case, po_number: str, lines: list[LineRecord]) -> bool:
    return any(po.po_number == po_number for line in lines for po, _ in case.serving(line))
