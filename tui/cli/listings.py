"""``bluebook listings``: what channels say they sell, and how much of it is mapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from tui.cli.command import Noun, by
from tui.cli.output import Column, Paper, Shown, said
from tui.plain import many

noun = Noun("listings", "What channels sell: imported, compared with what is mapped.")
ChannelArg = Annotated[str | None, typer.Argument(help="The channel's name, or the beginning of it. Default: all.")]


@noun.command("import", "bluebook listings import", "bluebook listings import Shop")
async def import_(channel: ChannelArg = None) -> Shown:
    """Read what channels offer now; workers do it once a day by themselves (`listings_seconds` of a channel)."""
    from engine.errors import BluebookError, Invalid
    from engine.services import listings, offered

    view = await listings.channel(channel) if channel else None
    wanted = [one for one in await offered.coverage() if one.offers and view is None]
    lines, failed, found = [], [], {}
    for channel_id, name in [(view.id, view.name)] if view else [(one.channel_id, one.channel) for one in wanted]:
        try:
            said_ = await offered.refresh(channel_id, by())
        except BluebookError as error:
            if view is not None:
                raise
            failed.append(f"{name}: {error.message}")
            continue
        found[name] = said_
        lines.append(f"{name}: {many(said_.found, 'listing')}, {said_.new:,} new, {said_.gone:,} gone")
    if not (lines or failed):
        message = "none of the channels tells what is offered there"
        raise Invalid(message, "channel")

    def draw(paper: Paper) -> None:
        for line in lines:
            paper.line(line)

    hint = [] if failed else ["what is not mapped: bluebook listings ls"]
    return Shown({"imported": found}, draw, code=3 if failed else 0, remarks=failed or hint)


@noun.command("coverage", "bluebook listings coverage", "bluebook listings coverage --json", reads=True)
async def coverage() -> Shown:
    """Say of each channel how many of its listings are not mapped, and how many orders wait for it."""
    from engine.services import offered

    rows = await offered.coverage()

    def draw(paper: Paper) -> None:
        for one in rows:
            paper.line(f"{one.channel}: {one.sentence}")
        if not rows:
            paper.line("no channels yet; `bluebook channels add` adds one")

    remarks = [f"{one.channel}: {one.error}" for one in rows if one.error]
    return Shown({"coverage": rows}, draw, remarks=remarks)


@noun.command("ls", "bluebook listings ls", "bluebook listings ls --limit 20", reads=True)
async def ls(
    channel: ChannelArg = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    after: Annotated[str, typer.Option(metavar="CHANNEL/SKU", help="Only those after this one.")] = "",
) -> Shown:
    """List the SKUs that stand for no product, those that orders wait for first, with what each most likely is."""
    from engine.services import listings, offered

    view = await listings.channel(channel) if channel else None
    name, _, sku = after.partition("/")
    rows = await offered.unmapped(view.id if view else None, after=(name, sku) if after else None, limit=limit)
    found = await offered.proposals(rows)
    columns = [
        Column("ORDERS", lambda one: one.orders, right=True),
        Column("CHANNEL", lambda one: one.channel, give=True),
        Column("SKU", lambda one: one.sku, give=True),
        Column("TITLE", lambda one: one.title, give=True),
        Column("IS PERHAPS", lambda one: _parts(one.components), give=True),
        Column("BECAUSE", lambda one: one.reason, fold=True),
    ]
    covered = [one for one in await offered.coverage() if view is None or one.channel_id == view.id]
    following = f"{rows[-1].channel}/{rows[-1].sku}" if len(rows) == limit and not rows[-1].orders else None

    def draw(paper: Paper) -> None:
        paper.table(columns, found)

    remarks = [f"{one.channel}: {one.sentence}" for one in covered]
    sure = next((one.channel for one in found if one.sure), None)
    if sure is not None:
        remarks.append(f"map what is beyond doubt: bluebook listings map {sure!r}")
    if following:
        remarks.append(f"more: --after {following!r}")
    return Shown({"unmapped": found, "next": following}, draw, remarks=remarks)


@noun.command("map", "bluebook listings map Shop")
async def map_(
    channel: Annotated[str, typer.Argument(help="The channel's name, or the beginning of it.")],
) -> Shown:
    """Map every SKU of a channel that is beyond doubt: the same SKU as a product or at another channel, the same barcode.

    What is only alike stays for a person: `bluebook mappings sku CHANNEL SKU PRODUCT`.
    """
    from engine.services import listings, offered

    view = await listings.channel(channel)
    taken = await offered.take_sure(view.id, by())
    return said(
        f"{view.name}: {many(len(taken.skus), 'SKU')} mapped; {_ready(taken.freed)}", channel=view.name, skus=list(taken.skus),
        ready=taken.freed, remarks=await _what_next(view.id, view.name),
    )  # fmt: skip


async def _what_next(channel_id: int, name: str) -> list[str]:
    """What is to be done about what is still not mapped."""
    from engine.services import listings, offered

    (covered,) = [one for one in await offered.coverage() if one.channel_id == channel_id]
    if covered.at is None and covered.offers:
        return [f"its listings are not imported yet: bluebook listings import {name!r}"]
    left = covered.unmapped - covered.without_sku
    if left <= 0:
        return []
    which = f"{many(left, 'listing')} of it {'fits' if left == 1 else 'fit'} no product beyond doubt"
    why = (
        which if await listings.products(limit=1) else f"there are no products yet, so {many(left, 'listing')} fit none"
    )
    return [
        f"{why}; make products of them: bluebook listings products {name!r}, or look at each: bluebook listings ls {name!r}"
    ]


def _ready(freed: int) -> str:
    return f"{many(freed, 'waiting order')} became ready" if freed else "no waiting order became ready by it"


@noun.command("products", "bluebook listings products", "bluebook listings products Shop --dry-run")
async def products(
    channel: ChannelArg = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be made.")] = False,
) -> Shown:
    """Make a product of each listing whose SKU is none yet, with its title and barcode, and map it.

    The same SKU at several channels is one product. Nothing that exists is changed. Who ships it, and what it costs there, is
    said afterwards: `bluebook products offer`, or `bluebook products import`.
    """
    from engine.services import listings, offered_products

    view = await listings.channel(channel) if channel else None
    if dry_run:
        return _planned(await offered_products.plan(view.id if view else None))
    made = await offered_products.make(by(), view.id if view else None)
    remarks = _unfit(made.unfit)
    if made.products:
        remarks.append(f"say who ships them: bluebook products offer {made.products[0]!r} --supplier CODE --cost COST")
    elif not made.mapped:
        remarks.append("listings are made products once they are imported: bluebook listings import")
    return said(
        f"{many(len(made.products), 'product')} made, {many(made.mapped, 'SKU')} mapped; {_ready(made.freed)}",
        products=list(made.products), mapped=made.mapped, ready=made.freed, unfit=list(made.unfit), remarks=remarks,
    )  # fmt: skip


def _planned(found: Any) -> Shown:
    columns = [
        Column("SKU", lambda one: one.sku),
        Column("TITLE", lambda one: one.title, give=True),
        Column("BARCODE", lambda one: one.barcode),
        Column("AT", lambda one: ", ".join(one.channels), give=True),
    ]

    def draw(paper: Paper) -> None:
        if found.products:
            paper.table(columns, found.products)
        paper.line(f"{many(len(found.products), 'product')} would be made; nothing is yet")

    return Shown({"products": found.products, "unfit": found.unfit}, draw, remarks=_unfit(found.unfit))


def _unfit(skus: Sequence[str]) -> list[str]:
    if not skus:
        return []
    return [
        f"{many(len(skus), 'SKU')} can be no product's, being too long or with blanks around: {', '.join(map(repr, skus[:3]))}"
    ]


def _parts(components: dict[str, int]) -> str:
    return " + ".join(sku if pieces == 1 else f"{pieces} × {sku}" for sku, pieces in components.items())
