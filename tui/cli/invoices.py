"""``bluebook invoices``: what suppliers charge, beside what was ordered and shipped."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tui.cli.command import Noun, by
from tui.cli.output import Column, Paper, Shown, listing, said
from tui.plain import local

noun = Noun("invoices", "What suppliers charge, beside what was ordered and shipped.")
Which = Annotated[str, typer.Argument(help="Its id in the list, or the supplier's number.")]


@noun.command("ls", "bluebook invoices ls", "bluebook invoices ls --state differs --supplier ACME", reads=True)
async def ls(
    state: Annotated[str, typer.Option(help="new, matched, waits, differs or accepted.")] = "",
    supplier: Annotated[str, typer.Option(help="Of this supplier alone.")] = "",
    after: Annotated[int, typer.Option(min=0, help="Go on after this id.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
) -> Shown:
    """List suppliers' invoices and credit notes, the newest first, with what does not fit."""
    from engine.services import invoices, listings

    code = (await listings.supplier(supplier)).code if supplier else ""
    rows = await invoices.ls(states=(state,) if state else (), supplier=code, before=after, limit=limit)
    columns = [
        Column("ID", lambda i: i.id, right=True),
        Column("SUPPLIER", lambda i: i.supplier),
        Column("INVOICE", lambda i: _number(i), give=True),
        Column("PURCHASE ORDER", lambda i: i.po_number),
        Column("TOTAL", lambda i: _amount(i.total, i.currency), right=True),
        Column("STATE", lambda i: i.state),
        Column("WHAT DOES NOT FIT", lambda i: i.reason, give=True),
    ]
    empty = "no invoice is so" if state or supplier else "no supplier has sent an invoice yet"
    return listing("invoices", rows, columns, empty=empty, after=str(rows[-1].id) if len(rows) == limit else None)


def _number(view: Any) -> str:
    return f"{view.number} (credit)" if view.credit else view.number


def _amount(minor: int | None, currency: str) -> str:
    from engine.domain import money

    return "" if minor is None else money.show(minor, currency)


@noun.command("show", "bluebook invoices show INV-1001")
async def show(invoice: Which) -> Shown:
    """Show an invoice line by line beside what was ordered and shipped."""
    from engine.services import invoices

    view, lines = await invoices.show(invoice)

    def draw(paper: Paper) -> None:
        paper.line(f"{'credit note' if view.credit else 'invoice'} {view.number}", "bold")
        paper.pairs(
            [
                ("id", view.id), ("supplier", view.supplier), ("purchase order", view.po_number), ("state", view.state),
                ("what does not fit", view.reason), ("total", _amount(view.total, view.currency)),
                ("charges", _amount(view.charges, view.currency) if view.charges else ""), ("received", local(view.received_at)),
                ("accepted by", view.decided_by), ("note", view.note),
            ]
        )  # fmt: skip
        paper.title("Ordered, shipped, charged")
        columns = [
            Column("SKU", lambda line: line.sku, give=True),
            Column("ORDERED", lambda line: line.ordered, right=True),
            Column("SHIPPED", lambda line: line.shipped, right=True),
            Column("CHARGED", lambda line: line.charged, right=True),
            Column("ORDERED AT", lambda line: _amount(line.ordered_at, view.currency), right=True),
            Column("CHARGED AT", lambda line: _amount(line.charged_at, view.currency), right=True),
        ]
        paper.table(columns, lines)

    return Shown({"invoice": view, "lines": lines}, draw)


@noun.command("accept", 'bluebook invoices accept INV-1001 --note "price agreed with Eve"')
async def accept(invoice: Which, note: Annotated[str, typer.Option(help="Why, for the blue book.")] = "") -> Shown:
    """Accept an invoice as it is; it and its Issue are settled."""
    from engine.services import invoices

    view = await invoices.accept(invoice, by(), note)
    return said(f"invoice {view.number} for {view.po_number} is accepted", id=view.id, number=view.number)
