"""``bluebook orders resolve``: why an order waits, what most likely helps, and doing it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tui.cli import order_view
from tui.cli.command import by
from tui.cli.orders import Number, noun
from tui.cli.output import Column, Paper, Shown
from tui.plain import many, words

KEYS = {
    "method": ("map_shipping", "method"), "sku": ("map_sku", "product"), "product": ("map_sku", "product"),
    "supplier": ("choose_supplier", "supplier"),
}  # fmt: skip
WORDS = {
    "waive": "waive", "drop": "drop_line", "retry": "retry", "ask": "ask_supplier", "cancel": "cancel",
    "accepted": "mark_accepted", "refused": "mark_refused", "acknowledge": "acknowledge", "read": "acknowledge",
}  # fmt: skip


@noun.command(
    "resolve", "bluebook orders resolve 1001", "bluebook orders resolve 1001 --with 1",
    "bluebook orders resolve 1001 --issue 2 --with method=UPS-GND --once",
    "bluebook orders resolve 1001 --with postal_code=10115 --with city=Berlin",
)  # fmt: skip
async def resolve(
    order: Number,
    issue: Annotated[int | None, typer.Option(help="Which, by its number in the list; the first where there is one.")] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="WHAT",
            help="A suggestion's number, or method=CODE, sku=PRODUCT, supplier=CODE, FIELD=VALUE, waive, drop, retry, ask, "
            "accepted, refused, acknowledge, cancel.",
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="For this order only: do not remember it.")] = False,
    note: Annotated[str, typer.Option(help="Why, or whom you asked; it is kept in the blue book.")] = "",
    find: Annotated[str, typer.Option(help="Suggest products like this instead.")] = "",
) -> Shown:  # fmt: skip
    """Resolve what an order waits for; without --with, list it with suggestions.

    What is said is remembered for next time, and all waiting orders with the same cause are checked again.
    """
    from engine.errors import Invalid
    from engine.services import listings
    from engine.services import resolve as service

    [order_id] = await listings.order_ids([order])
    issues = await service.order_issues(order_id)
    if issue is not None and not 1 <= issue <= len(issues):
        raise Invalid(f"order {order} has {many(len(issues), 'open issue')}, and no number {issue}", "issue")
    if with_ is None:
        chosen = issues if issue is None else [issues[issue - 1]]
        told = [await service.suggestions(one.id, find) for one in chosen]
        return _listed(order, [issues.index(one) + 1 for one in chosen], chosen, told)
    if not issues:
        raise Invalid(f"order {order} waits for nothing", "order")
    if issue is None and len(issues) > 1:
        raise Invalid(f"order {order} has {len(issues)} open issues: say which by --issue", "issue")
    found = issues[(issue or 1) - 1]
    how, args = await _answer(found, with_, find)
    if note:
        args["reason" if how == "cancel" else "note"] = note
    resolved = await service.resolve(found.id, how, {**args, "remember": not once}, by())
    return _done(resolved)


async def _answer(issue: Any, given: list[str], find: str) -> tuple[str, dict[str, Any]]:
    """The resolution meant, and what it takes; raises Invalid."""
    from engine.errors import Invalid
    from engine.services import resolve as service

    if len(given) == 1 and given[0].isdecimal():
        told = await service.suggestions(issue.id, find)
        number = int(given[0])
        if not 1 <= number <= len(told.choices):
            raise Invalid(f"there are {many(len(told.choices), 'suggestion')}, and no number {number}", "with")
        return _of_choice(issue, told, told.choices[number - 1])
    pairs = dict(text.partition("=")[::2] for text in given if "=" in text)
    plain = [text for text in given if "=" not in text]
    if plain:
        if len(given) > 1 or plain[0] not in WORDS:
            raise Invalid(f"--with {plain[0]}: there are {', '.join(WORDS)}, or NAME=VALUE", "with")
        return WORDS[plain[0]], {}
    if any(name in KEYS for name in pairs):
        if len(pairs) > 1:
            raise Invalid(f"--with {given[0]} goes alone", "with")
        [(name, value)] = pairs.items()
        how, argument = KEYS[name]
        return how, {argument: _product(value) if how == "map_sku" else value}
    return "fix_address", pairs


def _product(text: str) -> Any:
    """One product, or a kit written as ``LAMP=2+SHADE``."""
    if "=" not in text and "+" not in text:
        return text
    parts = [part.rpartition("=") if "=" in part else (part, "=", "1") for part in text.split("+")]
    return {name.strip(): int(pieces) if pieces.isdecimal() else 0 for name, _, pieces in parts}


def _of_choice(issue: Any, told: Any, choice: Any) -> tuple[str, dict[str, Any]]:
    if choice.field:
        return "fix_address", {choice.field: choice.value}
    if issue.code == "missing_shipping_mapping":
        return "map_shipping", {"method": choice.value}
    if issue.code == "unmapped_sku":
        return "map_sku", {"product": choice.value}
    return "choose_supplier", {"supplier": choice.value} | ({"line": choice.line} if choice.line else {})


def _listed(order: str, numbers: list[int], issues: list[Any], told: list[Any]) -> Shown:
    shorter = {resolution: word for word, resolution in reversed(WORDS.items())}

    def draw(paper: Paper) -> None:
        if not issues:
            paper.line(f"order {order} waits for nothing")
        for number, issue, help_ in zip(numbers, issues, told, strict=True):
            where = issue.po_number or (f"line {issue.line}" if issue.line else "")
            paper.line(f"{number}  {issue.title}{f' ({where})' if where else ''}: {issue.message}", "bold")
            paper.line(f"   {issue.todo}")
            if help_.choices:
                paper.table(CHOICES, list(enumerate(help_.choices, 1)))
            names = NAMES | ({"fix_address": f"{issue.field.rpartition('.')[2]}=VALUE"} if issue.field else {})
            ways = [shorter.get(way) or names.get(way, way) for way in issue.resolutions]
            one = f" --issue {number}" if len(issues) > 1 else ""
            paper.line(
                f"   bluebook orders resolve {order}{one} --with {' | '.join((['1'] if help_.choices else []) + ways)}"
            )
            if help_.waiting:
                paper.line(f"   {many(help_.waiting, 'other order')} waiting for the same")
            if help_.waiting and help_.frees_all:
                paper.line(f"   {help_.frees_all}")
            paper.line()

    data = [
        {"number": n, "issue": issue, "suggestions": t.choices, "waiting": t.waiting}
        for n, issue, t in zip(numbers, issues, told, strict=True)
    ]
    return Shown({"order": order, "issues": data}, draw)


NAMES = {
    "map_shipping": "method=CODE", "map_sku": "sku=PRODUCT", "choose_supplier": "supplier=CODE", "fix_address": "FIELD=VALUE",
}  # fmt: skip
CHOICES = [
    Column("  ", lambda c: f"  {c[0]}", right=True),
    Column("CHOOSE", lambda c: f"{c[1].field}={c[1].value}" if c[1].field else c[1].value, give=True),
    Column("WHICH IS", lambda c: c[1].label, give=True),
    Column("BECAUSE", lambda c: c[1].reason, give=True),
    Column("COST", lambda c: order_view.amount(c[1].cost, c[1].currency) if c[1].currency else "", right=True),
    Column("STOCK", lambda c: c[1].stock, right=True),
]


def _done(resolved: Any) -> Shown:
    def draw(paper: Paper) -> None:
        paper.line(f"{resolved.message}; order {resolved.number} is {words(resolved.status)}")
        if resolved.became_ready:
            paper.line(f"{many(resolved.became_ready, 'other order')} became ready by it")
        for issue in resolved.remaining:
            paper.line(f"  still: {issue.title}: {issue.message}", "yellow")

    return Shown(resolved, draw)
