"""``bluebook orders``: what is done to them, each by one service."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from engine.services.diffs import names
from tui.cli import connection, diffs, order_view
from tui.cli.command import by, confirm
from tui.cli.orders import Number, noun
from tui.cli.output import Column, Paper, Shown, said
from tui.plain import ago, local, many, words

Numbers = Annotated[list[str] | None, typer.Argument(metavar="ORDER", help="The orders' numbers.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the blue book.")]
MOST = 250


@noun.command(
    "process", "bluebook orders process 1001 1002", "bluebook orders process --all-matching 'st:ready sup:acme' --dry-run",
    "bluebook orders process --all-matching st:ready --most 500 --yes",
)  # fmt: skip
async def process(
    orders: Numbers = None,
    all_matching: Annotated[
        str | None, typer.Option(metavar="FILTER", help="All open orders that fit this filter.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="Refuse where more orders than this fit.")] = MOST,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    yes: Yes = False,
) -> Shown:
    """Process orders: their purchase orders are held for the undo window, and then sent by a worker.

    `bluebook orders undo` takes them back until then. Orders that cannot be processed are named with the reason, and the
    exit code is 3.
    """
    from engine.services import preview as previews
    from engine.services import process as service

    ids, unknown = await _chosen(orders, all_matching, most)
    if dry_run or all_matching is not None:
        preview = await previews.preview(ids)
        preview.left_out += [previews.LeftOut(number, "unknown", reason) for number, reason in unknown.items()]
        shown = Shown(preview, lambda paper: _summary(paper, preview), 3 if preview.left_out and orders else 0)
        if dry_run or not preview.ready:
            return shown
        if not yes:
            _summary(Paper(sys.stderr), preview)
        await confirm(f"Process {many(len(preview.ready), 'order')}?", yes)
        ids = preview.ready
    none = [service.Outcome(0, number, False, reason) for number, reason in unknown.items()]
    return await _processed([*await service.process(ids, by()), *none])


async def _chosen(
    numbers: Sequence[str] | None, all_matching: str | None, most: int
) -> tuple[list[int], dict[str, str]]:
    from engine.domain.states import OPEN_STATUSES
    from engine.errors import Invalid
    from engine.services import history, listings

    if bool(numbers) == (all_matching is not None):
        raise Invalid("say which orders: their numbers, or --all-matching FILTER", "orders")
    if numbers:
        return await listings.known_orders(list(dict.fromkeys(numbers)))
    filters = await history.from_text(all_matching or "")
    if not filters.statuses:
        import msgspec

        filters = msgspec.structs.replace(filters, statuses=OPEN_STATUSES)
    ids = await history.ids_matching(filters, most + 1, sort="placed")
    if len(ids) > most:
        raise Invalid(f"more than {most:,} orders fit; narrow the filter, or raise --most", "most")
    return ids, {}


def _summary(paper: Paper, preview: Any) -> None:
    left = ", ".join(f"{count} {short}" for short, count in preview.reasons().items())
    paper.line(f"{many(len(preview.ready), 'order')} will be held and sent, {len(preview.left_out):,} left out")
    totals = ", ".join(order_view.amount(total, currency) for currency, total in preview.totals.items())
    largest = f"{preview.largest[0]} {order_view.amount(*preview.largest[1:])}" if preview.largest else ""
    paper.pairs(
        [
            ("totals", totals), ("largest", largest), ("oldest", ago(preview.oldest) if preview.oldest else ""),
            *[(share.supplier, _share(share)) for share in preview.suppliers],
            ("left out", left),
        ]
    )  # fmt: skip
    if preview.left_out:
        columns = [
            Column("ORDER", lambda o: o.number), Column("WHY NOT", lambda o: o.short),
            Column("IN FULL", lambda o: o.reason, give=True),
        ]  # fmt: skip
        paper.table(columns, preview.left_out[:20])


def _share(share: Any) -> str:
    return f"{many(share.purchase_orders, 'purchase order')}, {order_view.amount(share.cost, share.currency)}"


async def _processed(outcomes: Sequence[Any]) -> Shown:
    from engine.services import beats

    done = [outcome for outcome in outcomes if outcome.done]
    until = max((outcome.release_at or 0 for outcome in done), default=0)
    remarks = []
    if done and not any(worker.alive for worker in await beats.workers()):
        remarks.append("no worker is running, so nothing is sent yet: `bluebook worker`")

    def draw(paper: Paper) -> None:
        for outcome in outcomes:
            if outcome.done:
                until_then = local(outcome.release_at, seconds=True)[11:]
                paper.line(f"{outcome.number}  held until {until_then}: {', '.join(outcome.po_numbers)}")
            else:
                paper.line(f"{outcome.number}  not processed: {outcome.message}", "yellow")
        if done:
            first = " ".join(outcome.number for outcome in done[:3]) + (" …" if len(done) > 3 else "")
            paper.line(f"{many(len(done), 'order')} held; until then `bluebook orders undo {first}` takes back")

    data = {"held_until": _moment(until), "outcomes": _told(outcomes)}
    return Shown(data, draw, 0 if len(done) == len(outcomes) else 3, remarks)


def _told(outcomes: Sequence[Any]) -> list[dict[str, Any]]:
    import msgspec

    return [msgspec.structs.asdict(one) | {"release_at": _moment(one.release_at)} for one in outcomes]


def _moment(micros: int | None) -> datetime | None:
    from engine import clock

    return clock.moment(micros) if micros else None


@noun.command("undo", "bluebook orders undo 1001 1002")
async def undo(orders: Annotated[list[str], typer.Argument(metavar="ORDER", help="The orders' numbers.")]) -> Shown:
    """Take back what is held and not yet sent: it is a draft again."""
    from engine.services import listings
    from engine.services import process as service

    ids, unknown = await listings.known_orders(list(dict.fromkeys(orders)))
    none = [service.Outcome(0, number, False, reason) for number, reason in unknown.items()]
    outcomes = [*await service.undo(ids, by()), *none]

    def draw(paper: Paper) -> None:
        for outcome in outcomes:
            numbers = f": {', '.join(outcome.po_numbers)}" if outcome.po_numbers else ""
            paper.line(f"{outcome.number}  {outcome.message}{numbers}", "" if outcome.done else "yellow")

    return Shown({"outcomes": _told(outcomes)}, draw, 0 if all(outcome.done for outcome in outcomes) else 3)


@noun.command(
    "edit", "bluebook orders edit 1001 --quantity 1=2", "bluebook orders edit 1001 --address postal_code=10115 --yes",
    "bluebook orders edit 1001 --supplier 2=NOVA --method NOVA=EXP",
)  # fmt: skip
async def edit(
    order: Number,
    quantity: Annotated[
        list[str] | None, typer.Option(metavar="LINE=PIECES", help="Pieces wanted; 0 drops the line.")
    ] = None,
    sku: Annotated[list[str] | None, typer.Option(metavar="LINE=SKU", help="Another SKU for a line.")] = None,
    supplier: Annotated[
        list[str] | None, typer.Option(metavar="LINE=CODE", help="Who ships a line; empty: by the rules.")
    ] = None,
    address: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="A field of the address, phone or email.")
    ] = None,
    method: Annotated[list[str] | None, typer.Option(metavar="SUPPLIER=CODE", help="How a supplier ships it.")] = None,
    note: Annotated[str | None, typer.Option(help="The order's note.")] = None,
    reason: Reason = "",
    yes: Yes = False,
) -> Shown:
    """Edit an order before it is sent; what would change is shown first."""
    import msgspec

    from engine.errors import Invalid
    from engine.services import edit as service
    from engine.services import listings, told

    lines = _by_line(quantity, "--quantity")
    wrong = next((text for text in lines.values() if not text.isdecimal()), None)
    if wrong is not None:
        raise Invalid(f"{wrong!r} is not a number of pieces", "quantity")
    changes = service.Changes(
        quantities={line: int(text) for line, text in lines.items()}, skus=_by_line(sku, "--sku"),
        suppliers=dict(_by_line(supplier, "--supplier")), address=connection.pairs(address, "--address"),
        methods=connection.pairs(method, "--method"), note=note,
    )  # fmt: skip
    [order_id] = await listings.order_ids([order])
    known = await names()
    if not yes:
        diffs.draw(Paper(sys.stderr), await service.preview(order_id, changes), known)
        await confirm(f"Change order {order} so?", yes)
    edited = await service.apply(order_id, changes, by(), reason)

    def draw(paper: Paper) -> None:
        paper.line(f"{edited.message}; it is {words(edited.status)}")
        if yes:  # else it was just shown
            diffs.draw(paper, edited.diffs, known)
        for issue in edited.issues:
            paper.line(f"  {issue.title}: {issue.message}", "yellow")

    return Shown(msgspec.structs.replace(edited, diffs=told.diffs(edited.diffs)), draw)


def _by_line(given: Sequence[str] | None, option: str) -> dict[int, str]:
    from engine.errors import Invalid

    found = {}
    for line, value in connection.pairs(given, option).items():
        if not line.isdecimal():
            raise Invalid(f"{option} {line}={value}: lines are numbered, as in {option} 1=…", option)
        found[int(line)] = value
    return found


@noun.command(
    "cancel", 'bluebook orders cancel 1001 --reason "customer called" --yes', "bluebook orders cancel --po 1001-2",
    'bluebook orders cancel 1001 --tell-channel --reason "out of stock"',
)  # fmt: skip
async def cancel(
    order: Annotated[str | None, typer.Argument(help="The order's number.")] = None,
    po: Annotated[str | None, typer.Option(help="Only this purchase order.")] = None,
    tell_channel: Annotated[
        bool, typer.Option("--tell-channel", help="The channel cancels it too, where it can be told to.")
    ] = False,
    reason: Reason = "",
    yes: Yes = False,
) -> Shown:
    """Cancel an order: what is not sent is dropped, and for what is sent the supplier is asked.

    --tell-channel: the channel is told as well, so that the customer hears of it and is paid back. It is told of what surely
    does not ship: at once of what is not sent, else when the supplier has agreed. If it refuses, the order has an Issue.
    """
    from engine.errors import Invalid
    from engine.services import cancel as service
    from engine.services import listings

    if bool(order) == bool(po):
        raise Invalid("say which order, or which purchase order by --po", "order")
    ids = await listings.order_ids([order]) if order else []
    await confirm(f"Cancel order {order}?" if order else f"Ask the supplier to cancel {po}?", yes)
    said_so = {"reason": reason, "tell_channel": tell_channel}
    message = await (
        service.cancel_order(ids[0], by(), **said_so) if ids else service.request(po or "", by(), **said_so)
    )
    return said(message, order=order, po_number=po)


@noun.command("hold", 'bluebook orders hold 1001 --reason "customer is away"')
async def hold(order: Number, reason: Annotated[str, typer.Option(help="Why; others see it.")]) -> Shown:
    """Hold an order back: it is not sent before it is released."""
    from engine.services import hold as service
    from engine.services import listings

    [order_id] = await listings.order_ids([order])
    await service.hold(order_id, reason, by())
    return said(f"order {order} is on hold: {reason}", order=order)


@noun.command("release", "bluebook orders release 1001")
async def release(order: Number) -> Shown:
    """Let an order on hold go on; it is checked again."""
    from engine.services import history, listings
    from engine.services import hold as service

    [order_id] = await listings.order_ids([order])
    await service.release(order_id, by())
    [row] = await history.rows_of([order_id])
    return said(f"order {order} is no longer on hold; it is {words(row.status)}", order=order, status=row.status)


_SPAN = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@noun.command("snooze", "bluebook orders snooze 1001 2h", "bluebook orders snooze 1001 0")
async def snooze(
    order: Number, how_long: Annotated[str, typer.Argument(help="30m, 2h, 3d, 1w; 0 brings it back.")]
) -> Shown:
    """Put an order out of the queue's sight for a while."""
    from engine.errors import Invalid
    from engine.services import hold as service
    from engine.services import listings

    match = _SPAN.fullmatch(how_long.lower())
    if match is None and how_long != "0":
        raise Invalid(f"{how_long!r} is no length of time; write it as 30m, 2h, 3d or 1w, or 0", "how_long")
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    [order_id] = await listings.order_ids([order])
    await service.snooze(order_id, seconds, by())
    return said(f"order {order} is {f'out of sight for {how_long}' if seconds else 'back in the queue'}", order=order)
