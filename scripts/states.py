"""``python -m scripts.states`` writes docs/states.md from ``engine.domain.states``; a test fails where it is stale."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engine.domain.states import INITIAL, TRANSITIONS, Axis, OrderStatus, Transition

PAGE = Path(__file__).parents[1] / "docs" / "states.md"
TITLES = {
    Axis.PURCHASE: ("Purchase order", "Where a purchase order stands between us and its supplier."),
    Axis.PUSH: ("Tracking push", "Does the channel know the parcel's tracking?"),
    Axis.TRANSIT: ("Transit", "Where a parcel is."),
}
STATUSES = {
    OrderStatus.CANCELED: "nothing is shipped and nothing is open",
    OrderStatus.FAILED: "a purchase order failed, was rejected or is unknown, and nothing else covers its quantity",
    OrderStatus.ON_HOLD: "a person stopped it before everything was sent",
    OrderStatus.UNRESOLVED: "something is unsent, and an Issue stands in its way: Resolve",
    OrderStatus.READY: "something is unsent, and nothing stands in its way: Process",
    OrderStatus.PARTIALLY_SHIPPED: "everything is with the suppliers, and some of it is on its way",
    OrderStatus.PROCESSED: "everything is with the suppliers",
    OrderStatus.COMPLETED: "all is shipped, and the channel confirmed every parcel",
    OrderStatus.SHIPPED: "all is shipped, and a push to the channel is not confirmed yet",
}
"""In the order in which ``order_status`` decides."""


def page() -> str:
    """The whole page."""
    parts = [
        "# States",
        (
            "Made from `engine/domain/states.py` by `python -m scripts.states`; a test fails where it is stale. Every move is "
            "one row of one table, and `engine.services.lifecycle.move` is the only writer of a state: it checks the table, "
            "and writes the change, its audit event and its follow-up job in one transaction."
        ),
    ]
    for axis, (title, about) in TITLES.items():
        moves = [t for t in TRANSITIONS.values() if t.axis is axis]
        parts += [f"## {title}", about, _diagram(axis, moves), _table(moves)]
    rows = [f"| {status} | {why} |" for status, why in STATUSES.items()]
    parts += [
        "## Order",
        "An order's status is never set: `order_status` derives it from the order's parts, and the first that fits counts.",
        "\n".join(["| status | when |", "|---|---|", *rows]),
    ]
    return "\n\n".join(parts) + "\n"


def _diagram(axis: Axis, moves: Iterable[Transition]) -> str:
    edges: dict[tuple[str, str], list[str]] = {}
    for move in moves:
        for source in sorted(move.sources):
            for target in sorted(move.targets()):
                edges.setdefault((source, target), []).append(move.name)
    lines = [f"    [*] --> {INITIAL[axis]}", *(f"    {a} --> {b}: {', '.join(n)}" for (a, b), n in edges.items())]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _table(moves: Iterable[Transition]) -> str:
    rows = [
        f"| {move.name} | {', '.join(sorted(move.sources))} | {move.target or 'the state before'} | {move.why} | "
        f"{f'`{move.job}`' if move.job else ''} |"
        for move in moves
    ]
    return "\n".join(["| move | from | to | why | job |", "|---|---|---|---|---|", *rows])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE}")
