"""``bluebook audit``: the blue book, who did what to an order and when."""

from __future__ import annotations

import io
import sys
from typing import Annotated, Any

import typer

from tui import sheets
from tui.cli.command import Noun
from tui.cli.output import Column, Paper, Shown, listing, said
from tui.plain import local, many

noun = Noun("audit", "The blue book: every step of every order, verifiable.")
Number = Annotated[str, typer.Argument(help="An order's number, or: settings.")]


@noun.command(
    "show", "bluebook audit show 1001", "bluebook audit show 1001 --subject po.1001-1", "bluebook audit show settings",
    reads=True,
)  # fmt: skip
async def show(
    order: Number,
    subject: Annotated[str | None, typer.Option(help="Only what concerns this: line.2, po.1001-1 …")] = None,
    values: Annotated[bool, typer.Option("--values", help="With the values before and after.")] = False,
) -> Shown:
    """Show an order's events from the first to the last; or those of the settings."""
    from engine.services import audit, told

    events = await audit.show(order, subject=subject)
    columns = [
        Column("#", lambda e: e.seq, right=True),
        Column("TIME", lambda e: e.at.astimezone().strftime("%d %b %H:%M:%S")),
        Column("ACTOR", _actor, give=True),
        Column("ABOUT", lambda e: _about(e.subject), give=True),
        Column("WHAT", _what, fold=True),
    ]
    data = [told.event(event) for event in events]
    shown = listing("events", events, columns, empty="nothing is written about it", data=data)
    if not values:
        return shown

    def draw(paper: Paper) -> None:
        for event in events:
            paper.line(
                f"{event.seq}  {local(event.at, seconds=True)}  {event.actor} ({event.source})  {event.action}", "bold"
            )
            paper.line(f"   {event.message}")
            for path in sorted({*event.before, *event.after}):
                paper.line(f"   {path}: {_value(event.before.get(path))} → {_value(event.after.get(path))}")
            if event.cause:
                paper.line(f"   because of {event.cause}", "dim")

    return Shown(shown.data, draw, remarks=shown.remarks)


def _actor(event: Any) -> str:
    return f"worker/{event.source}" if event.actor == "worker" != event.source else str(event.actor)


def _about(subject: str) -> str:
    kind, _, name = subject.partition(".")
    # A parcel's key is long and says nothing to people; its purchase order does.
    return f"parcel of {name.partition('.')[0]}" if kind == "shipment" else f"{kind} {name}".strip()


def _what(event: Any) -> str:
    action = event.action.rpartition(":")[2].replace("_", " ")
    return f"{action}: {event.message}" if event.message else action


def _value(value: Any) -> str:
    import msgspec

    return "nothing" if value is None else msgspec.json.encode(value).decode()


@noun.command("verify", "bluebook audit verify", "bluebook audit verify 1001", reads=True)
async def verify(
    order: Annotated[str | None, typer.Argument(help="An order's number, or: settings. Not given: everything.")] = None,
) -> Shown:
    """Verify that no event was changed, added or taken away, and that they lead to the orders as they are."""
    from engine.services import audit

    which = None if order is None else await audit.order_id(order)
    progress = _progress if sys.stderr.isatty() and order is None else None
    found = await audit.verify(which, progress=progress)
    looked = f"{many(found.orders, 'order')} and {many(found.events, 'event')} verified"
    if progress:
        print("\r\033[K", end="", file=sys.stderr)
    if not found.problems:
        return said(f"{looked}: nothing is wrong", orders=found.orders, events=found.events, problems=[])

    def draw(paper: Paper) -> None:
        paper.line(f"{looked}: {many(len(found.problems), 'problem')}", "red")
        paper.table(
            [
                Column("ORDER", lambda p: p.order), Column("EVENT", lambda p: p.seq or "", right=True),
                Column("WHAT IS WRONG", lambda p: p.what, give=True),
            ],
            found.problems,
        )  # fmt: skip

    return Shown({"orders": found.orders, "events": found.events, "problems": found.problems}, draw, code=3)


def _progress(done: int, of: int) -> None:
    print(f"\r{done:,} of {of:,} orders", end="", file=sys.stderr, flush=True)


@noun.command("export", "bluebook audit export 1001", "bluebook audit export 1001 trail.csv --format csv", reads=True)
async def export(
    order: Number,
    file: Annotated[str, typer.Argument(help="Where to; - is stdout.")] = "-",
    format: Annotated[str, typer.Option(help="json, jsonl or csv")] = "json",
    payloads: Annotated[bool, typer.Option("--payloads", help="With the raw payloads, secrets masked.")] = False,
) -> Shown | None:
    """Write an order's events for others to read."""
    from engine.services import audit

    # Into memory first, so that an order that is not there leaves no file behind.
    whole = io.StringIO()
    count = await audit.export(order, format, whole, payloads=payloads)  # type: ignore[arg-type]
    with sheets.target(file) as out:
        out.write(whole.getvalue())
    return None if file == "-" else said(f"{many(count, 'event')} written to {file}", events=count, file=file)
