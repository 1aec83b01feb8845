"""``bluebook products``: our own SKUs and who offers them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer

from tui import sheets
from tui.cli.command import Noun, by
from tui.cli.output import Column, Shown, listing, said
from tui.plain import many

noun = Noun("products", "Your own SKUs and which suppliers offer them.")
COLUMNS = ("sku", "title", "policy", "supplier", "supplier_sku", "cost", "stock", "priority", "barcode")
Policy_ = Annotated[
    str, typer.Option("--policy", help="How its supplier is chosen: priority, cost, stock, parcels or nearest.")
]
File = Annotated[str, typer.Argument(help="A CSV file; - is stdin or stdout.")]


@noun.command("ls", "bluebook products ls", "bluebook products ls lamp --limit 20", reads=True)
async def ls(
    text: Annotated[str, typer.Argument(help="Only those whose SKU or title has it.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    after: Annotated[str, typer.Option(help="Only SKUs after this one.")] = "",
) -> Shown:
    """List products by SKU, with the suppliers that offer them."""
    from engine.services import listings

    rows = await listings.products(text, after=after, limit=limit)
    columns = [
        Column("SKU", lambda p: p.sku, give=True),
        Column("TITLE", lambda p: p.title, give=True),
        Column("BARCODE", lambda p: p.barcode),
        Column("POLICY", lambda p: p.policy),
        Column("OFFERS", lambda p: ", ".join(map(_offer, p.offers)) or "none", give=True),
    ]
    empty = f"no product has {text!r}" if text else "no products yet; `bluebook products add` or `import` adds some"
    return listing("products", rows, columns, empty=empty, after=rows[-1].sku if len(rows) == limit else None)


def _offer(offer: Any) -> str:
    from engine.domain import money

    stock = "" if offer.stock is None else f" ×{offer.stock}"
    stock += f" (told {offer.stale} h ago)" if offer.stale else ""
    return f"{offer.supplier} {money.show(offer.cost, offer.currency)}{stock}{'' if offer.enabled else ' (off)'}"


@noun.command("add", 'bluebook products add LAMP-BR "Wall lamp, brass" --barcode 4006381333931')
async def add(
    sku: Annotated[str, typer.Argument(help="Your own SKU.")],
    title: Annotated[str, typer.Argument(help="What it is.")] = "",
    policy: Policy_ = "priority",
    barcode: Annotated[str, typer.Option(help="Its UPC, EAN or ISBN.")] = "",
) -> Shown:
    """Add a product."""
    from engine.services import setup

    row = await setup.add_product(sku, title, by(), policy=policy, barcode=barcode)
    hint = f"bluebook products offer {sku} --supplier CODE --cost 9.90"
    return said(f"{sku} is added; say who ships it with `{hint}`", id=row.id, sku=sku)


@noun.command("policy", "bluebook products policy LAMP-BR nearest")
async def policy(
    sku: Annotated[str, typer.Argument(help="Your own SKU.")],
    policy: Annotated[str, typer.Argument(help="priority, cost, stock, parcels or nearest.")],
) -> Shown:
    """Say by what a product's supplier is chosen.

    priority: the lowest number. cost: the lowest cost. stock: the most in stock. parcels: as few suppliers for the order
    as can be. nearest: the warehouse nearest to the customer, in kilometres within the US (`bluebook suppliers set CODE
    --option warehouse_country=US --option warehouse_postal_code=77429`) and by region or country elsewhere.
    """
    from engine.services import setup

    await setup.set_policy(sku, policy, by())
    return said(f"{sku} goes by {policy} from the next check on", sku=sku, policy=policy)


@noun.command("barcode", "bluebook products barcode LAMP-BR 4006381333931")
async def barcode(
    sku: Annotated[str, typer.Argument(help="Your own SKU.")],
    barcode: Annotated[str, typer.Argument(help="UPC, EAN or ISBN; nothing: it has none.")] = "",
) -> Shown:
    """Say which barcode a product has, so that channels' listings are recognised by it."""
    from engine.services import setup

    await setup.set_barcode(sku, barcode, by())
    return said(f"{sku} has the barcode {barcode}" if barcode else f"{sku} has no barcode", sku=sku, barcode=barcode)


@noun.command("offer", "bluebook products offer LAMP-BR --supplier ACME --sku A-1 --cost 19.20")
async def offer(
    product: Annotated[str, typer.Argument(help="Your own SKU.")],
    supplier: Annotated[str, typer.Option(help="Who offers it: code or name.")],
    cost: Annotated[str, typer.Option(help="In the supplier's currency.")],
    sku: Annotated[str, typer.Option(help="The supplier's SKU; the same as yours where not given.")] = "",
    stock: Annotated[int | None, typer.Option(min=0, help="Pieces in stock; not given: enough.")] = None,
    priority: Annotated[int | None, typer.Option(help="Before the supplier's own; the lowest comes first.")] = None,
    disable: Annotated[bool, typer.Option("--disable", help="No longer offered.")] = False,
) -> Shown:
    """Say that a supplier offers a product, at which cost; an offer there was is replaced.

    Orders that waited for it are checked again.
    """
    from engine.domain import money
    from engine.services import listings, offer_sheets

    view = await listings.supplier(supplier)
    minor = offer_sheets.cost(cost, view.currency)
    values = {"cost": minor, "stock": stock, "priority": priority, "enabled": not disable}
    orders = await offer_sheets.put(view, product, sku, values, by())
    shown = f"{view.code} offers {product} as {sku or product} at {money.show(minor, view.currency)}"
    return said(
        f"{shown}; {orders.said}" if orders.said else shown, supplier=view.code, sku=product, cost=minor,
        became_ready=orders.ready, checked_later=orders.later,
    )  # fmt: skip


@noun.command("import", "bluebook products import products.csv", "bluebook products import products.csv --dry-run")
async def import_(
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is wrong with it.")] = False,
) -> Shown:
    """Add products and offers from CSV: columns sku, title, policy, supplier, supplier_sku, cost, stock, priority, barcode.

    A product offered by several suppliers has a row for each. Products there are stay as they are but for a barcode that is
    given, offers are replaced.
    A row that is wrong is named and the others are taken. Orders that waited for what is offered now are checked again.
    """
    from engine.services import offer_sheets

    found = await offer_sheets.take(sheets.read(file, offer_sheets.NEEDED, offer_sheets.KNOWN), by(), dry_run=dry_run)
    verb = "would be added" if dry_run else "added"
    told = f"{many(found.products, 'product')} and {many(found.offers, 'offer')} {verb}, {many(len(found.wrong), 'row')} wrong"
    return said(
        f"{told}; {found.orders.said}" if found.orders.said else told, code=3 if found.wrong else 0, remarks=found.wrong,
        products=found.products, offers=found.offers, wrong=found.wrong, became_ready=found.orders.ready,
        checked_later=found.orders.later,
    )  # fmt: skip


async def everything() -> AsyncIterator[Any]:
    """Every product, by SKU."""
    from engine.services import listings

    after = ""
    while page := await listings.products(after=after, limit=listings.LARGEST_PAGE):
        for product in page:
            yield product
        after = page[-1].sku


@noun.command("export", "bluebook products export", "bluebook products export products.csv", reads=True)
async def export(file: File = "-") -> Shown | None:
    """Write all products and offers as CSV, as `bluebook products import` reads them."""
    from engine.domain import money

    rows = []
    async for p in everything():
        for o in p.offers or (None,):
            offered = [o.supplier, o.sku, money.major(o.cost, o.currency), o.stock, o.priority] if o else [None] * 5
            rows.append([p.sku, p.title, p.policy, *offered, p.barcode])
    with sheets.target(file) as out:
        count = sheets.write(COLUMNS, rows, out)
    return None if file == "-" else said(f"{many(count, 'row')} written to {file}", rows=count, file=file)
