"""``bluebook rules``: which lines go to which supplier, whatever the products' policies say."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tui.cli.command import Noun, by, confirm
from tui.cli.output import Column, Paper, Shown, listing, said
from tui.plain import many

noun = Noun("rules", "Which lines go to which supplier.")
Condition = Annotated[str, typer.Option(help="For which lines it holds (CEL), as above.")]
Supplier = Annotated[str, typer.Option(help="Who ships them: code or name.")]
Position = Annotated[int, typer.Option(help="The lowest is asked first.")]

RULES = [
    Column("POSITION", lambda r: r.position, right=True),
    Column("RULE", lambda r: r.name, give=True),
    Column("SUPPLIER", lambda r: r.supplier),
    Column("WHEN", lambda r: r.condition, give=True),
    Column("STATE", lambda r: "ok" if r.enabled else "disabled"),
]


@noun.command("ls", "bluebook rules ls", reads=True)
async def ls() -> Shown:
    """List the rules in the order in which they are asked; the first that holds for a line says who ships it.

    A person's choice on an order goes before every rule, and the rules before the products' policies.
    """
    from engine.services import rules

    return listing("rules", await rules.rules(), RULES, empty="no rules yet; `bluebook rules add` adds one")


@noun.command(
    "add",
    'bluebook rules add "Texas lamps" --supplier ACME \\',
    '    --condition \'order.region == "TX" && line.sku.startsWith("LAMP")\'',
)
async def add(
    name: Annotated[str, typer.Argument(help="What to call it; the blue book names it with every order.")],
    condition: Condition,
    supplier: Supplier,
    position: Position = 100,
) -> Shown:
    """Add a rule; orders that wait and would go elsewhere by it are checked again.

    Conditions know order.number, channel, currency, total, items, shipping, country, region, postal_code, email, rate,
    payment, quantity and skus, and line.sku, title, quantity and price. Money is in minor units: order.total > 50000 is
    more than 500.00. == != < > <= >= compare, && || ! join, "A" in order.skus and .contains("…") search.
    """
    from engine.services import listings, rules

    view = await listings.supplier(supplier)
    again = await rules.add(name, condition, view.id, by(), position=position)
    return said(f"rule {name} is added: {view.code} ships what it holds for; {_again(again)}", name=name, orders=again)


@noun.command("set", 'bluebook rules set "Texas lamps" --supplier NOVA --position 50')
async def set_(
    name: Annotated[str, typer.Argument(help="The rule's name.")],
    condition: Annotated[
        str, typer.Option(help="For which lines it holds from now on (`bluebook rules add --help`).")
    ] = "",
    supplier: Annotated[str, typer.Option(help="Who ships them from now on: code or name.")] = "",
    position: Annotated[int | None, typer.Option(help="The lowest is asked first.")] = None,
) -> Shown:
    """Change a rule; orders that wait and go elsewhere by it are checked again. What is sent stays as it is."""
    from engine.services import listings, rules

    seen = await rules.rule(name)
    view = await listings.supplier(supplier or seen.supplier)
    again = await rules.change(
        name, by(), condition=condition or seen.condition, supplier_id=view.id,
        position=seen.position if position is None else position, seen=seen,
    )  # fmt: skip
    return said(
        f"rule {name} is changed: {view.code} ships what it holds for; {_again(again)}", name=name, orders=again
    )


@noun.command("rm", 'bluebook rules rm "Texas lamps"')
async def rm(
    name: Annotated[str, typer.Argument(help="The rule's name.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Shown:
    """Remove a rule; orders that wait and went somewhere by it are checked again. What is sent stays as it is."""
    from engine.services import rules

    view = await rules.rule(name)
    await confirm(f"Remove rule {name} ({view.condition} → {view.supplier})?", yes)
    again = await rules.remove(name, by())
    return said(f"rule {name} is removed; {_again(again)}", name=name, orders=again)


def _again(orders: int) -> str:
    return (
        f"{many(orders, 'waiting order')} will be checked again" if orders else "no waiting order goes elsewhere by it"
    )


@noun.command(
    "test", 'bluebook rules test "Texas lamps"', "bluebook rules test --condition 'line.quantity > 10' --supplier NOVA"
)
async def try_(
    name: Annotated[str, typer.Argument(help="A rule there is.")] = "",
    condition: Annotated[str, typer.Option(help="Or a condition to be tried (`bluebook rules add --help`).")] = "",
    supplier: Annotated[str, typer.Option(help="With --condition: who would ship.")] = "",
    position: Position = 100,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many lines to list.")] = 50,
) -> Shown:
    """Say for which waiting orders a rule holds and what it does, or would do; nothing is changed."""
    from engine.errors import Invalid
    from engine.services import listings, rules

    if bool(name) == bool(condition) or bool(condition) != bool(supplier):
        raise Invalid("say which rule by its name, or --condition and --supplier", "name")
    if name:
        found = await rules.trial_of(name)
    else:
        view = await listings.supplier(supplier)
        found = await rules.trial(condition, view.id, position=position)
    shown = found.matches[:limit]
    told = (
        f"{many(len(found.matches), 'line')} of {many(found.looked_at, 'waiting order')} would match, "
        f"{many(len(found.changed), 'order')} would go elsewhere"
    )
    data = {
        "message": told, "waiting": found.looked_at, "matched": len(found.matches), "changed": len(found.changed),
        "matches": shown, "undecided": found.undecided,
    }  # fmt: skip
    remarks = [f"{number}: {reason}" for number, reason in list(found.undecided.items())[:10]]
    if len(shown) < len(found.matches):
        remarks.append(f"{len(shown):,} of {len(found.matches):,} lines shown: --limit")

    def draw(paper: Paper) -> None:
        if shown:
            paper.table(MATCHES, shown)
        paper.line(told)

    return Shown(data, draw, remarks=remarks)


def _then(match: Any) -> str:
    return match.then if match.then != match.now else "the same"


MATCHES = [
    Column("ORDER", lambda m: m.order),
    Column("LINE", lambda m: m.line, right=True),
    Column("SKU", lambda m: m.sku, give=True),
    Column("QTY", lambda m: m.quantity, right=True),
    Column("WITHOUT", lambda m: m.now),
    Column("BY THE RULE", _then),
    Column("NOTE", lambda m: m.note, give=True),
]
