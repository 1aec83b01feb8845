"""``bluebook orders``: looking at them. What is done to them is in ``orders_act`` and ``orders_resolve``."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from tui import sheets
from tui.cli import order_view
from tui.cli.command import Noun
from tui.cli.output import Column, Paper, Shown, listing, said
from tui.plain import ago, many, words

noun = Noun("orders", "Look at orders, process, resolve, edit, cancel.")
Filter = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILTER", help="st: ch: sup: err: is: cc: cur: total> age> placed> and plain words."),
]  # fmt: skip
Number = Annotated[str, typer.Argument(help="The order's number.")]


@noun.command(
    "ls", "bluebook orders ls st:ready", "bluebook orders ls 'total>100' 'age>2h' '!sup:acme'",
    "bluebook orders ls --tab resolve --limit 20 --json", reads=True,
)  # fmt: skip
async def ls(
    filter: Filter = None,
    tab: Annotated[str, typer.Option(help="Only what waits for someone: ready, resolve or all of it.")] = "",
    sort: Annotated[str, typer.Option(help="placed, number, total or state; - before it for the largest first.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    after: Annotated[str, typer.Option(metavar="PLACE", help="Go on from here: what the last page said.")] = "",
) -> Shown:
    """List orders, the newest first; with --tab, those that wait for someone, the oldest first.

    Filters combine: `state:ready ch:woo sup:acme err:sku total>100 age>2h placed>2026-11-01 sku:A-10 track:1Z city:berlin
    email:dana@ cc:DE lamp`, ! before one leaves those out.
    """
    from engine.errors import Invalid
    from engine.services import history

    filters = await history.from_text(" ".join(filter or ()))
    if tab and tab not in history.TABS:
        raise Invalid(f"there is no tab {tab!r}; there are {', '.join(history.TABS)}", "tab")
    if tab:
        filters = history.in_queue(tab, filters)  # type: ignore[arg-type]
    cursor = history.Cursor.parse(after) if after else None
    page = await history.list_orders(filters, sort=sort or ("placed" if tab else "-placed"), after=cursor, limit=limit)
    remarks = ["few orders fit; older ones were not tried yet"] if page.partial else []
    columns = [
        Column("ORDER", lambda o: o.number),
        Column("AGE", lambda o: ago(o.placed_at), right=True),
        Column("CHANNEL", order_view.at_store, give=True),
        Column("CUSTOMER", lambda o: o.customer, give=True),
        Column("QTY", lambda o: o.quantity, right=True),
        Column("SUPPLIERS", lambda o: " ".join(f"{p.code} {p.quantity}" for p in o.suppliers), give=True),
        *([Column("SHIP", _ship, give=True)] if Paper().roomy else []),
        Column("TOTAL", lambda o: order_view.amount(o.total, o.currency), right=True),
        Column("STATE", state),
    ]
    return listing(
        "orders", page.rows, columns, empty="no orders fit" if filter or tab else "no orders yet; `bluebook sync` pulls them",
        after=page.next.text() if page.next else None, remarks=remarks,
    )  # fmt: skip


def _ship(order: Any) -> str:
    return f"{order.shipping_rate or '-'} → {', '.join(order.methods) or '?'}"


def state(order: Any) -> str:
    """The status in a word or, where it needs a person, why."""
    if order.status == "unresolved" and order.issues:
        return " ".join(order.issues[:2]) + ("…" if len(order.issues) > 2 else "")
    return words(order.status)


@noun.command("show", "bluebook orders show 1001", "bluebook orders show 1001 --json", reads=True)
async def show(order: Number) -> Shown:
    """Show an order with everything: why it waits, lines, purchase orders, tracking, totals."""
    from engine.services import history

    page = await history.order_page(order)
    return Shown(page, lambda paper: order_view.draw(paper, page))


@noun.command("explain", "bluebook orders explain 1001", reads=True)
async def explain(order: Number) -> Shown:
    """Explain who would ship what is not sent yet: every supplier, and why it wins or loses."""
    from engine.services import listings, route

    [order_id] = await listings.order_ids([order])
    rows = await route.explain(order_id)
    columns = [
        Column("LINE", lambda r: r["line"], right=True),
        Column("SKU", lambda r: r["sku"], give=True),
        Column("SUPPLIER", lambda r: r["supplier"]),
        Column("SHIPS", lambda r: r["quantity"] or "-", right=True),
        Column("WHY", lambda r: r["reason"], give=True),
    ]
    return listing(
        "candidates", rows, columns, empty="nothing is left to route: all of it is sent, or no SKU is mapped"
    )


@noun.command(
    "export", "bluebook orders export st:shipped --format csv", "bluebook orders export ch:demo --file orders.csv",
    "bluebook orders export is:late --columns number,suppliers,age_hours", reads=True,
)  # fmt: skip
async def export(
    filter: Filter = None,
    format: Annotated[str, typer.Option(help="csv, json or jsonl (one order a line)")] = "csv",
    file: Annotated[str, typer.Option(help="Where to; - is stdout.")] = "-",
    limit: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many at most.")] = 10_000_000,
    columns: Annotated[str, typer.Option(help="Of CSV: which, by commas; a wrong one names those there are.")] = "",
    bom: Annotated[bool, typer.Option("--bom", help="Begin CSV as Excel wants it for UTF-8.")] = False,
) -> Shown | None:
    """Write all orders that fit, the newest first; in CSV no cell can be taken for a formula."""
    from engine.errors import Invalid
    from engine.services import history
    from engine.services import sheets as service

    for word in filter or ():
        if word.startswith(("/", "./", "../", "~")) or word.lower().endswith((".csv", ".json", ".jsonl", ".txt")):
            raise Invalid(f"{word} looks like a file, and here stands which orders: write --file {word}", "filter")
    filters = await history.from_text(" ".join(filter or ()))
    count = 0

    def counted(done: int) -> None:
        nonlocal count
        count = done

    names = [name.strip() for name in columns.split(",") if name.strip()]
    pieces = await service.stream(
        filters, format, columns=names, limit=limit, bom=bom, counted=counted,  # type: ignore[arg-type]
    )  # fmt: skip
    with sheets.target(file) as out:
        async for piece in pieces:
            out.write(piece.decode())
    if count == limit:
        print(f"stopped at {limit:,}: --limit", file=sys.stderr)
    return None if file == "-" else said(f"{many(count, 'order')} written to {file}", orders=count, file=file)
