"""What stands on a printed paper, before anyone thinks of pages: headings, addresses, facts, lines, a note."""

from __future__ import annotations

import msgspec


class Column(msgspec.Struct, frozen=True):
    """A column of the lines: its title, its share of the width, and whether its cells stand at the right."""

    title: str
    share: float
    right: bool = False


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One paper. ``number`` is also its barcode; ``stamp`` is what must not be overlooked ("NOT SENT"), or ""."""

    title: str
    number: str
    stamp: str = ""
    address_title: str
    address: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    sums: tuple[tuple[str, str], ...] = ()
    note: str = ""
    letter: bool = False
    """On US Letter; else on A4."""
