"""``bluebook mappings``: what a channel's rates and SKUs stand for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from tui import mapping_sheets, sheets
from tui.cli.command import Noun, by
from tui.cli.output import Column, Paper, Shown, listing, said
from tui.plain import many, waiting

V = TypeVar("V")
EVERY = "all"

noun = Noun("mappings", "Rates to shipping methods, channel SKUs to products.")
Channel = Annotated[str, typer.Argument(help="The channel's name, or the beginning of it.")]
File = Annotated[str, typer.Argument(help="A CSV file; - is stdin or stdout.")]


@noun.command("ls", "bluebook mappings ls", "bluebook mappings ls --skus --limit 20", reads=True)
async def ls(
    channel: Annotated[str | None, typer.Option(help="Only those of this channel.")] = None,
    skus: Annotated[bool, typer.Option("--skus", help="List the SKUs that are mapped instead.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many SKUs.")] = 50,
    after: Annotated[str, typer.Option(metavar="CHANNEL/SKU", help="With --skus: only those after this one.")] = "",
) -> Shown:
    """List what is not mapped and holds up orders, then the shipping mappings; with --skus, the SKUs instead."""
    from engine.services import listings

    view = await listings.channel(channel) if channel else None
    if skus:
        return await _skus(view, limit, after)
    rates = [r for r in await listings.unmapped_rates() if view is None or r.channel == view.name]
    unknown = [s for s in await listings.unmapped_skus() if view is None or s.channel == view.name]
    mapped = await listings.mappings(view.id if view else None)

    def draw(paper: Paper) -> None:
        if rates:
            paper.line("Rates that are not mapped", "bold")
            paper.table(RATES, rates)
        if unknown:
            paper.title("SKUs that are not mapped")
            paper.table(UNKNOWN, unknown)
        if rates or unknown:
            paper.title("Shipping mappings")
        paper.table(MAPPED, mapped)

    remarks = []
    if rates:
        first = rates[0]
        remarks.append(f"map one: bluebook mappings ship {first.channel!r} {first.rate!r} {first.supplier} METHOD")
    if len(rates) + len(unknown) > 1:
        remarks.append(
            "or all of them in a file: bluebook mappings export, fill in what is empty, bluebook mappings import"
        )
    if unknown:
        remarks.append(f"map one: bluebook mappings sku {unknown[0].channel!r} {unknown[0].sku!r} PRODUCT")
    if not (rates or unknown or mapped):
        remarks.append("no mappings yet, and none is missed")
    return Shown({"unmapped_rates": rates, "unmapped_skus": unknown, "mappings": mapped}, draw, remarks=remarks)


RATES = [
    Column("ORDERS", lambda r: r.orders, right=True),
    Column("CHANNEL", lambda r: r.channel, give=True),
    Column("RATE", lambda r: r.rate, give=True),
    Column("SUPPLIER", lambda r: r.supplier),
]
UNKNOWN = [
    Column("ORDERS", lambda s: s.orders, right=True),
    Column("CHANNEL", lambda s: s.channel, give=True),
    Column("SKU", lambda s: s.sku, give=True),
    Column("TITLE", lambda s: s.title, give=True),
]
MAPPED = [
    Column("CHANNEL", lambda m: m.channel, give=True),
    Column("RATE", lambda m: m.rate, give=True),
    Column("SUPPLIER", lambda m: m.supplier),
    Column("METHOD", lambda m: m.method, give=True),
    Column("CODE", lambda m: m.method_code, give=True),
    Column("BY", lambda m: m.created_by, give=True),
]


async def _skus(view: Any, limit: int, after: str) -> Shown:
    from engine.services import listings

    start = after.partition("/")
    rows = await listings.listings(view.id if view else None, after=(start[0], start[2]), limit=limit)
    columns = [
        Column("CHANNEL", lambda r: r.channel, give=True),
        Column("SKU", lambda r: r.sku, give=True),
        Column("STANDS FOR", lambda r: _parts(r.components), give=True),
        Column("TITLE", lambda r: r.title, give=True),
    ]
    last = f"{rows[-1].channel}/{rows[-1].sku}" if len(rows) == limit else None
    return listing("listings", rows, columns, empty="no SKU is mapped yet", after=last)


def _parts(components: dict[str, int]) -> str:
    return ", ".join(sku if quantity == 1 else f"{quantity} × {sku}" for sku, quantity in components.items())


@noun.command(
    "ship",
    'bluebook mappings ship Shop "Free Shipping" ACME UPS-GND',
    'bluebook mappings ship all "Free Shipping" ACME,NOVA UPS-GND',
)
async def ship(
    channel: Annotated[str, typer.Argument(help="The channel; several by commas, or all.")],
    rate: Annotated[str, typer.Argument(help="The rate as the customer chose it.")],
    supplier: Annotated[
        str, typer.Argument(help="Whose method: code or name; several by commas, or all that have it.")
    ],
    method: Annotated[str, typer.Argument(help="The method's code, as `bluebook suppliers methods` shows it.")],
) -> Shown:
    """Map a rate to a supplier's shipping method, and check the orders again that wait for it."""
    from engine.services import listings, setup, unseen

    where = await _several(channel, listings.channel, listings.channels)
    who = await _several(supplier, listings.supplier, listings.suppliers)
    lacking = [one for one in who if method not in [m.code for m in await listings.methods(one.id)]]
    if supplier.strip() == EVERY and len(lacking) < len(who):
        who = [one for one in who if one not in lacking]
    elif lacking:
        # Whoever has no such method is refused, before anything is mapped.
        who = lacking
    freed, remarks = 0, []
    for place in where:
        if unknown := await unseen.rate(place.id, rate):
            remarks.append(f"{place.name}: {unknown}")
        for one in who:
            freed += await setup.map_shipping(place.id, rate, one.id, method, by())
    places, codes = ", ".join(place.name for place in where), ", ".join(one.code for one in who)
    return said(
        f"{places}: {rate} goes by {method} at {codes}; {_freed(freed)}", channel=places, rate=rate, supplier=codes,
        method=method, ready=freed, remarks=remarks,
    )  # fmt: skip


async def _several(given: str, one: Callable[[str], Awaitable[V]], every: Callable[[], Awaitable[list[V]]]) -> list[V]:
    """Those named, by commas, or all; a name that has a comma itself counts as such."""
    from engine.errors import NotFound

    if given.strip() == EVERY:
        return await every()
    try:
        return [await one(given)]
    except NotFound:
        if "," not in given:
            raise
    return [await one(name) for name in given.split(",") if name.strip()]


@noun.command(
    "sku", "bluebook mappings sku Shop LAMP-2PACK LAMP-BR=2", "bluebook mappings sku Shop DESK-SET DESK LAMP-BR=2"
)
async def sku(
    channel: Channel,
    sku: Annotated[str, typer.Argument(help="The channel's SKU.")],
    products: Annotated[list[str], typer.Argument(metavar="PRODUCT[=PIECES]", help="What one piece of it stands for.")],
) -> Shown:
    """Say which products a channel's SKU stands for, and check the orders again that wait for it."""
    from engine.services import listings, setup, unseen

    where = await listings.channel(channel)
    unknown = await unseen.sku(where.id, sku)
    components = dict(map(mapping_sheets.part, products))
    freed = await setup.map_sku(where.id, sku, components, by())
    return said(
        f"{where.name}: {sku} stands for {_parts(components)}; {_freed(freed)}", channel=where.name, sku=sku,
        components=components, ready=freed, remarks=[f"{where.name}: {unknown}"] if unknown else [],
    )  # fmt: skip


@noun.command("rm", 'bluebook mappings rm Shop "Free Shipping" --supplier ACME', "bluebook mappings rm Shop LAMP-2PACK")
async def rm(
    channel: Channel,
    what: Annotated[str, typer.Argument(metavar="RATE|SKU", help="The rate, with --supplier; else the channel's SKU.")],
    supplier: Annotated[str | None, typer.Option(help="Whose mapping of the rate: code or name.")] = None,
) -> Shown:
    """Take a mapping back: unsent orders that went by it wait for a person again; what is held and went by it is not sent."""
    from engine.services import listings, unmap

    where = await listings.channel(channel)
    if supplier is None:
        found = await unmap.unmap_sku(where.id, what, by())
    else:
        found = await unmap.unmap_shipping(where.id, what, (await listings.supplier(supplier)).id, by())
    return said(
        f"{where.name}: {found.message}; {waiting(found.waiting)}", channel=where.name, removed=what, supplier=supplier,
        waiting=found.waiting, taken_back=list(found.taken_back),
    )  # fmt: skip


def _freed(count: int) -> str:
    return f"{many(count, 'waiting order')} became ready" if count else "no waiting order became ready by it"


@noun.command("import", "bluebook mappings import mappings.csv")
async def import_(file: File) -> Shown:
    """Map rates and SKUs from CSV: columns kind (rate or sku), channel, rate, supplier, method, sku, product, quantity.

    A kit has a row for each of its products. A row that is wrong is named and the others are taken; one whose method or
    product is empty, as `bluebook mappings export` writes what is missing, is left for another time.
    """
    found = await mapping_sheets.take(file, by())
    told = f"{many(found.done, 'mapping')} set, {many(len(found.wrong), 'row')} wrong{mapping_sheets.left(found.left)}"
    return said(
        f"{told}; {_freed(found.freed)}", code=3 if found.wrong else 0, remarks=found.wrong, mappings=found.done,
        ready=found.freed, empty=found.left, wrong=found.wrong,
    )  # fmt: skip


@noun.command("export", "bluebook mappings export", "bluebook mappings export mappings.csv", reads=True)
async def export(file: File = "-") -> Shown | None:
    """Write what is missing, to be filled in, and all mappings as CSV, as `bluebook mappings import` reads them."""
    rows = [row async for row in mapping_sheets.rows()]
    with sheets.target(file) as out:
        count = sheets.write(mapping_sheets.COLUMNS, rows, out)
    return None if file == "-" else said(f"{many(count, 'row')} written to {file}", rows=count, file=file)
