"""``bluebook inbox``: payloads as they came in; those that could not be read wait here for a person."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tui.cli.command import Noun, by
from tui.cli.output import Column, Paper, Shown, listing, said
from tui.plain import ago, clean, local

noun = Noun("inbox", "Raw payloads as received, those nobody could read first.")
Id = Annotated[int, typer.Argument(help="The payload's id, as `bluebook inbox ls` shows it.")]


@noun.command("ls", "bluebook inbox ls", "bluebook inbox ls done --limit 5 --json", reads=True)
async def ls(
    state: Annotated[str, typer.Argument(help="parked, stored, done, superseded or ignored")] = "parked",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    after: Annotated[int | None, typer.Option(help="Only those received before this one.")] = None,
) -> Shown:
    """List payloads, newest first; without a state, those that are parked and wait for a person."""
    from engine.services import listings

    rows = await listings.inbox(state, limit=limit, before=after)
    names = await listings.sources()
    columns = [
        Column("ID", lambda r: r.id, right=True),
        Column("AGE", lambda r: ago(r.received_at), right=True),
        Column("FROM", lambda r: names.get((r.source, r.source_id), r.source), give=True),
        Column("ABOUT", lambda r: r.external_id, give=True),
        Column("REASON", lambda r: r.reason or r.state, give=True),
    ]
    last = str(rows[-1].id) if len(rows) == limit else None
    return listing("payloads", rows, columns, empty=f"no payload is {state}", after=last)


@noun.command("show", "bluebook inbox show 1", reads=True)
async def show(payload: Id) -> Shown:
    """Show what a payload is, what became of it, and the beginning of its body."""
    from engine.services import inbox as service

    row, raw = await service.show(payload)
    beginning = raw.body[:2000].decode("utf-8", "replace")

    def draw(paper: Paper) -> None:
        paper.pairs(
            [
                ("payload", row.id), ("from", f"{row.source} {row.source_id}"), ("about", row.external_id),
                ("received", local(row.received_at, seconds=True)), ("state", row.state), ("reason", row.reason),
                ("field", row.field), ("size", f"{row.size:,} bytes, {raw.content_type}"),
            ]
        )  # fmt: skip
        paper.title("Body")
        paper.line(beginning + ("…" if len(raw.body) > 2000 else ""))

    return Shown({"payload": row, "content_type": raw.content_type, "body": beginning}, draw)


@noun.command("body", "bluebook inbox body 1", "bluebook inbox body 1 > payload.json", reads=True)
async def body(payload: Id) -> Shown:
    """Write a payload's body, byte for byte as it came, to stdout."""
    from engine.services import inbox as service

    _, raw = await service.show(payload)

    def draw(paper: Paper) -> None:
        if sys.stdout.isatty():
            paper.line(clean(raw.body.decode("utf-8", "replace")))
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(raw.body)

    return Shown({"id": payload, "content_type": raw.content_type, "body": raw.body.decode("utf-8", "replace")}, draw)


@noun.command("replay", "bluebook inbox replay 12")
async def replay(payload: Id) -> Shown:
    """Read a payload again as it was received: after an update, or once what it needs is set up."""
    from engine.services import inbox as service
    from engine.services import receive

    outcome = await receive.replay(payload, by())
    row, _ = await service.show(payload)
    return said(outcome, code=3 if row.state == "parked" else 0, id=payload, state=row.state)


@noun.command("ignore", 'bluebook inbox ignore 12 --reason "test order"')
async def ignore(payload: Id, reason: Annotated[str, typer.Option(help="Why it needs nothing.")] = "") -> Shown:
    """Mark a parked payload as needing nothing; it stays in the database, with the reason."""
    from engine.services import inbox as service

    await service.ignore(payload, reason)
    return said(f"payload {payload} is ignored", id=payload)
