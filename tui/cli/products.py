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
    """Say that a supplier offers a product, at which cost; an offer there was is replaced."""
    from engine.domain import money
    from engine.services import listings, setup

    view = await listings.supplier(supplier)
    minor = _cost(cost, view.currency)
    await setup.add_offer(
        view.id, product, sku or product, minor, by(), stock=stock, priority=priority, enabled=not disable
    )
    shown = money.show(minor, view.currency)
    return said(
        f"{view.code} offers {product} as {sku or product} at {shown}", supplier=view.code, sku=product, cost=minor
    )


def _cost(text: str, currency: str) -> int:
    from engine.domain import money
    from engine.errors import Invalid, Unreadable

    try:
        return money.minor(text, currency)
    except Unreadable as error:
        raise Invalid(error.message, "cost") from error


@noun.command("import", "bluebook products import products.csv", "bluebook products import products.csv --dry-run")
async def import_(
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is wrong with it.")] = False,
) -> Shown:
    """Add products and offers from CSV: columns sku, title, policy, supplier, supplier_sku, cost, stock, priority, barcode.

    A product offered by several suppliers has a row for each. Products there are stay as they are but for a barcode that is
    given, offers are replaced.
    A row that is wrong is named and the others are taken.
    """
    from engine.errors import BluebookError
    from engine.services import listings

    rows = sheets.read(file, ("sku",), COLUMNS[1:])
    there = await listings.suppliers()
    # By their very names first, then by those in other letters, where suppliers of before differ only in those.
    suppliers = {name.casefold(): s for s in there for name in (s.name, s.code)}
    suppliers |= {name: s for s in there for name in (s.name, s.code)}
    known = {product.sku async for product in everything()}
    wrong, added, offers = [], 0, 0
    for line, row in rows:
        try:
            new, offered = await _take(row, suppliers, known, dry_run)
        except BluebookError as error:
            wrong.append(f"line {line}: {error.message}")
            continue
        added, offers = added + new, offers + offered
    verb = "would be added" if dry_run else "added"
    return said(
        f"{many(added, 'product')} and {many(offers, 'offer')} {verb}, {many(len(wrong), 'row')} wrong",
        code=3 if wrong else 0, remarks=wrong, products=added, offers=offers, wrong=wrong,
    )  # fmt: skip


async def _take(row: dict[str, str], suppliers: dict[str, Any], known: set[str], dry_run: bool) -> tuple[int, int]:
    from engine.domain.routing import Policy
    from engine.errors import Invalid
    from engine.services import setup

    sku, policy = row["sku"], row.get("policy") or Policy.PRIORITY
    if not sku:
        raise Invalid("the sku is empty", "sku")
    if policy not in list(Policy):
        raise Invalid(f"policy {policy!r} is not one of {', '.join(Policy)}", "policy")
    code = row.get("supplier", "")
    view = suppliers.get(code) or suppliers.get(code.casefold())
    if code and view is None:
        raise Invalid(f"there is no supplier {code!r}", "supplier")
    cost = _cost(row.get("cost") or "0", view.currency) if view else 0
    stock, priority = _whole(row, "stock"), _whole(row, "priority")
    new = sku not in known
    known.add(sku)
    if not dry_run:
        if new:
            await setup.add_product(sku, row.get("title", ""), by(), policy=policy, barcode=row.get("barcode", ""))
        elif row.get("barcode"):
            await setup.set_barcode(sku, row["barcode"], by())
        if view:
            await setup.add_offer(
                view.id, sku, row.get("supplier_sku") or sku, cost, by(), stock=stock, priority=priority
            )
    return int(new), int(view is not None)


def _whole(row: dict[str, str], name: str) -> int | None:
    from engine.errors import Invalid

    text = row.get(name, "")
    if text and not text.isdecimal():
        raise Invalid(f"{name} {text!r} is not a whole number", name)
    return int(text) if text else None


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
