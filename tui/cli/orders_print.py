"""``bluebook orders``: on paper."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tui.cli.orders import noun
from tui.cli.output import Shown, said
from tui.plain import many

Pdf = Annotated[str, typer.Option("--pdf", metavar="FILE", help="The PDF file to write; - is stdout.")]


@noun.command(
    "slip", "bluebook orders slip 1001 --pdf slip.pdf", "bluebook orders slip 1001 1002 1003 --pdf slips.pdf", reads=True
)  # fmt: skip
async def slip(
    orders: Annotated[list[str], typer.Argument(metavar="ORDER", help="The orders' numbers.")], pdf: Pdf
) -> Shown | None:
    """Print packing slips as PDF, without prices: one a parcel, and one for what each supplier has still to ship.

    With `--pdf -` they go to stdout, as in `bluebook orders slip 1001 --pdf - | lpr`.
    """
    from engine.services import listings, paper

    _writable(pdf)
    numbers = list(dict.fromkeys(orders))
    ids = await listings.order_ids(numbers)
    printed = await (paper.packing_slip(ids[0]) if len(ids) == 1 else paper.packing_slips(ids))
    return _written(printed, pdf, f"packing slips of {many(len(ids), 'order')}", orders=numbers)


@noun.command("po", "bluebook orders po 1001-1 --pdf po.pdf", reads=True)
async def po(
    po_number: Annotated[str, typer.Argument(metavar="PO", help="The purchase order's number.")], pdf: Pdf
) -> Shown | None:
    """Print a purchase order as PDF: the supplier's SKUs and costs, where it goes, and its barcode."""
    from engine.services import paper

    _writable(pdf)
    return _written(await paper.purchase_order(po_number), pdf, f"purchase order {po_number}", po_number=po_number)


def _writable(file: str) -> None:
    from engine.errors import Invalid

    if file == "-" and sys.stdout.isatty():
        message = "a PDF would only confuse the terminal; write it to a file (--pdf slip.pdf), or pipe it on"
        raise Invalid(message, "pdf")


def _written(printed: bytes, file: str, what: str, **data: object) -> Shown | None:
    """A file appears whole or not at all."""
    if file == "-":
        sys.stdout.buffer.write(printed)
        sys.stdout.buffer.flush()
        return None
    final = Path(file).expanduser()
    part = final.with_name(f".{final.name}.part")
    try:
        part.write_bytes(printed)
        part.replace(final)
    finally:
        part.unlink(missing_ok=True)
    return said(f"{what} written to {file}", file=file, **data)
