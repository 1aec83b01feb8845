"""Mappings in and out as CSV files; what is in them, the engine knows (``engine.services.mapping_sheets``)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from tui import sheets
from tui.plain import many

if TYPE_CHECKING:
    from engine.services.lifecycle import Actor
    from engine.services.mapping_sheets import Taken

COLUMNS = ("kind", "channel", "rate", "supplier", "method", "sku", "product", "quantity")


def part(text: str) -> tuple[str, int]:
    """``LAMP-BR=2`` is two of a product, ``LAMP-BR`` one; raises Invalid."""
    from engine.services import mapping_sheets

    return mapping_sheets.part(text)


def left(count: int) -> str:
    """``; 3 rows still empty``, or nothing."""
    return f"; {many(count, 'row')} still empty" if count else ""


async def take(path: str, by: Actor) -> Taken:
    """Every mapping of the file is set; a row that is wrong is told and the others are taken. Raises Invalid for no such CSV."""
    from engine.services import mapping_sheets

    return await mapping_sheets.take(sheets.read(path, mapping_sheets.NEEDED, mapping_sheets.KNOWN), by)


async def rows() -> AsyncIterator[list[Any]]:
    """What is missing and every mapping, as ``take`` reads it."""
    from engine.services import mapping_sheets

    async for row in mapping_sheets.rows():
        yield row
