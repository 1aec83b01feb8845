"""How the terminal app says things: ages, amounts, states. Every state is a word; colour only repeats it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from engine import clock
from engine.domain import money
from engine.domain.states import OrderStatus
from engine.settings import settings
from tui.plain import clean, many, span

if TYPE_CHECKING:
    from engine.services.history import OrderRow
    from engine.services.intake import Pulled
    from engine.services.unsent import Waits

LEAST_RATE = 4
_STATES = {
    OrderStatus.CANCELED: ("CANCELED", "dim"),
    OrderStatus.FAILED: ("FAILED", "bad"),
    OrderStatus.ON_HOLD: ("ON HOLD", "warn"),
    OrderStatus.UNRESOLVED: ("RESOLVE", "warn"),
    OrderStatus.READY: ("READY", "good"),
    OrderStatus.COMPLETED: ("DONE", "dim"),
}


def age(moment: datetime) -> str:
    """How long ago, in the largest unit: 3h."""
    return span(max((clock.now() - moment).total_seconds(), 0.0))


def plain(text: str) -> str:
    """The text on one line, without what would steer a terminal."""
    return clean(text, one_line=True)


def line(text: str) -> str:
    """The same, with its spaces kept: for what we have laid out ourselves."""
    return clean(text.replace("\n", " "))


def amount(minor: int, currency: str, *, code: bool = True) -> str:
    """The amount: ``148.20 USD``, or without the currency's code."""
    said = money.show(minor, currency)
    return said if code else said.rpartition(" ")[0]


def countdown(release_at: datetime | None) -> int | None:
    """Whole seconds until a held order is sent, 0 once it is due; None where it is not held."""
    if release_at is None:
        return None
    left = (release_at - clock.now()).total_seconds()
    return max(int(left + 0.999), 0)


def state(row: OrderRow) -> tuple[str, str]:
    """The word for where an order stands, and its tone: good, warn, bad, busy or dim."""
    left = countdown(row.release_at)
    if row.status == OrderStatus.PROCESSED and left:
        return f"HELD {left}s", "busy"
    if row.held:
        return "ON HOLD", "warn"
    if row.issues:
        more = f"+{len(row.issues) - 1}" if len(row.issues) > 1 else ""
        tone = "bad" if row.status == OrderStatus.FAILED else "warn"
        return f"{row.issues[0]}{more}", tone
    word, tone = _STATES.get(row.status, (row.status.replace("_", " ").upper(), "busy"))
    return word, tone


def suppliers(row: OrderRow) -> str:
    """``ACME 2 NOVA 1``, with ``? 1`` for what no supplier has yet."""
    return " ".join(f"{part.code} {part.quantity}" for part in row.suppliers)


def shipping(row: OrderRow, room: int) -> str:
    """``Free Shipping → UPS Ground``; ``?`` where no method is mapped. Where there is little room the rate gives way first."""
    methods = ", ".join(row.methods) or "?"
    rate = row.shipping_rate or "no rate"
    left = room - cell_len(methods) - 3
    if left < cell_len(rate):
        rate = f"{rate[: left - 1].rstrip()}…" if left > LEAST_RATE else ""
    return f"{rate} → {methods}" if rate else methods


def pulled(channel: str, found: Pulled, hastened: int) -> str:
    """What came of pulling from a channel."""
    due = f"; {many(hastened, 'waiting job')} due now" if hastened else ""
    return f"{channel}: {found.new} new, {found.changed} changed, {found.parked} parked{due}"


def waits(found: Waits, *, brief: bool = False) -> str:
    """Why a purchase order could not be sent yet, and when that is tried again."""
    left = countdown(found.next_at)
    again = f"tried again in {span(left)}" if left else "tried again now"
    return f"not sent yet, {again}: {found.reason}" if brief else f"not sent yet: {found.reason}; {again}, by itself"


def shortened(number: str, width: int) -> str:
    """An order's number in at most so many cells. A channel's numbers differ at their end, so more of that stays."""
    if cell_len(number) <= width or width < 3:
        return number
    begin = (width - 1) // 3
    room = width - 1 - begin
    end = number[-room:]
    while cell_len(end) > room:
        end = end[1:]
    return f"{set_cell_size(number, begin)}…{end}"


def undo_seconds() -> float:
    """How long Process can be undone."""
    return settings().undo_seconds
