"""Which of our lines an item of theirs is, and how many pieces of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from engine.domain.x12.documents import Ids
from engine.errors import Unreadable
from engine.ports import UpdateLine

_THEIRS = ("VP", "VN", "VC", "VA", "MG", "MF", "UP", "EN", "UK", "UI")
_PIECES = frozenset({"EA", "PC", "UN", "EACH", ""})
_MOST = 1_000_000_000


class Items(msgspec.Struct, frozen=True):
    """How items are named between us: ``qualifier`` is of the supplier's SKU, ``own`` of ours, ``unit`` what we order by."""

    qualifier: str
    own: str
    unit: str

    def sku(self, ids: Ids, line: int) -> str:
        """The supplier's SKU; "" where it names only the line. Other qualifiers count where there is no line number."""
        if self.qualifier in ids:
            return ids[self.qualifier]
        if line:
            return ""
        return next((ids[kind] for kind in _THEIRS if kind in ids and kind != self.own), "")

    def line(
        self, line: str, ids: Ids, quantity: Decimal, unit: str, place: str, expected: datetime | None = None
    ) -> UpdateLine:
        """A quantity of a line of ours. Raises Unreadable where it is not whole, in other units, or of nothing we can name."""
        number = int(line) if line.isascii() and line.isdigit() and len(line) <= 9 else 0
        sku = self.sku(ids, number)
        if not number and not sku:
            raise Unreadable(
                f"{place}: neither a line number nor an item number of ours ({self.qualifier})", field="LIN03"
            )
        return UpdateLine(sku, self.pieces(quantity, unit, place), number, expected)

    def pieces(self, quantity: Decimal, unit: str, place: str) -> int:
        """The quantity as pieces. Raises Unreadable for parts of a piece, and for units other than those we order by."""
        if unit.upper() != self.unit and not (unit.upper() in _PIECES and self.unit in _PIECES):
            raise Unreadable(
                f"{place}: the quantity is in {unit}, and we order in {self.unit}; how many pieces that is is not known",
                field="unit",
            )
        if quantity != quantity.to_integral_value() or not 0 <= quantity < _MOST:
            raise Unreadable(f"{place}: {quantity} is not a whole number of pieces", field="quantity")
        return int(quantity)
