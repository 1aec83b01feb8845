"""A list of orders into a file: exactly those it shows, also the ones that are not read yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.errors import Invalid
from engine.services import sheets as service
from engine.services.filters import Filters
from tui import sheets
from tui.plain import many
from tui.widgets.form import Field, FormPane

KINDS: dict[str, service.Kind] = {".csv": "csv", ".json": "json", ".jsonl": "jsonl"}


def pane(filters: Filters, sort: str, called: str) -> FormPane:
    """Where to is asked for: a folder gets ``orders.csv``, a file what its name ends in. ``called`` is what the list is."""
    here = str(Path.cwd())

    async def save(changed: Mapping[str, str]) -> str:
        file, count = await write(filters, sort, changed.get("to", here))
        return f"written: {many(count, 'order')} to {file}"

    fields = [Field("to", "to", here, about="a folder, or a file that ends in .csv, .json or .jsonl")]
    return FormPane(f"Export {called}", fields, save, verb="Export", as_is=True, kept=False)


async def write(filters: Filters, sort: str, to: str) -> tuple[str, int]:
    """The orders that fit are in the file, all or none; which file, and how many. Raises Invalid where it cannot be there."""
    place, kind = _place(to)
    count = 0

    def counted(done: int) -> None:
        nonlocal count
        count = done

    pieces = await service.stream(filters, kind, sort=sort, counted=counted)
    try:
        with sheets.target(str(place)) as out:
            async for piece in pieces:
                out.write(piece.decode())
    except OSError as error:
        raise Invalid(f"{place} cannot be written: {error.strerror or error}", "to") from error
    return str(place), count


def _place(to: str) -> tuple[Path, service.Kind]:
    """The file, and as what it is written. Raises Invalid."""
    place = Path(to.strip()).expanduser().absolute()
    if place.is_dir():
        place /= "orders.csv"
    kind = KINDS.get(place.suffix.lower())
    if kind is None:
        raise Invalid(f"{place} is no folder, and ends neither in .csv nor in .json nor in .jsonl", "to")
    return place, kind
