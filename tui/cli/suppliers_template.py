"""``bluebook suppliers template``: how a supplier's documents look, tried before it is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tui.cli.command import by
from tui.cli.output import Column, Paper, Shown, said
from tui.cli.suppliers import Name, noun

NEEDS_A_PERSON = 3
MOST_SHOWN = 20


@noun.command(
    "template",
    "bluebook suppliers template ACME",
    "bluebook suppliers template ACME orders --po 1001-1",
    "bluebook suppliers template ACME acks --read ack.csv --layout acks.json",
    "bluebook suppliers template ACME acks --read ack.csv --layout acks.json --save",
    "bluebook suppliers template NOVA updates --read page.json",
)
async def template(
    supplier: Name,
    kind: Annotated[str, typer.Argument(help="What to look at, such as orders; without it, all there are.")] = "",
    layout: Annotated[Path | None, typer.Option(help="A layout to try, as JSON; else the saved one.")] = None,
    po: Annotated[str, typer.Option(help="Show this purchase order instead of the sample.")] = "",
    read: Annotated[Path | None, typer.Option(help="A sample file of the supplier's to read.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the layout, if all of the sample can be read.")] = False,
) -> Shown:
    """Show how a supplier's documents look: a purchase order as it would leave, a file as it would be read.

    Nothing is sent or applied. Ends with 3 where a row of the sample could not be used; each is shown with line and reason.
    """
    from engine.errors import Invalid
    from engine.services import listings, templates

    view = await listings.supplier(supplier)
    if not kind:
        return _saved(view, await templates.show(view.id))
    if save and layout is None:
        raise Invalid("give the layout to save: --layout FILE", "layout")
    given = _json(layout) if layout else None
    if kind == "orders":
        shown = _drafted(await templates.draft(view.id, layout=given, po_number=po))
    elif read is not None:
        shown = _tried(await templates.read(view.id, kind, read.name, _bytes(read), layout=given))
    elif not save:
        raise Invalid(f"give a sample of the {kind}: --read FILE", "read")
    else:
        shown = None
    if not save:
        assert shown is not None
        return shown
    if shown is not None and shown.code:
        raise Invalid(f"the sample cannot be read by this layout, so it was not saved: {_first(shown)}", "layout")
    await templates.save(view.id, kind, given or {}, by())
    return said(f"{view.code}: its {kind} look so from now on", supplier=view.code, kind=kind)


def _first(shown: Shown) -> str:
    return str(shown.data.problems[0])


def _saved(view: Any, found: Any) -> Shown:
    def draw(paper: Paper) -> None:
        for kind in found.kinds:
            paper.title(kind)
            paper.line(_pretty(found.saved[kind]) if kind in found.saved else "as the connection's settings say")

    return Shown({"supplier": view.code, "layouts": found.saved}, draw)


def _pretty(value: Any) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _drafted(found: Any) -> Shown:
    def draw(paper: Paper) -> None:
        # JSON leaves in one line, which nobody can read; --json has the text as it leaves.
        for line in _readable(found.text).splitlines():
            paper.line(line)

    return Shown(found, draw)


def _readable(text: str) -> str:
    import msgspec

    if "\n" in text.strip():
        return text
    try:
        return msgspec.json.format(text, indent=2)
    except msgspec.DecodeError:
        return text


def _tried(found: Any) -> Shown:
    def draw(paper: Paper) -> None:
        names = list(dict.fromkeys(name for _, values in found.rows[:MOST_SHOWN] for name in values))
        columns = [Column("PLACE", lambda row: row[0])]
        columns += [Column(name.upper(), lambda row, name=name: row[1].get(name, ""), give=True) for name in names]
        paper.table(columns, found.rows[:MOST_SHOWN])
        if len(found.rows) > MOST_SHOWN:
            paper.line(f"and {len(found.rows) - MOST_SHOWN:,} rows more")
        paper.title("What it says")
        for update in found.updates[:MOST_SHOWN]:
            paper.line(_words(update))
        if found.problems:
            paper.title("What cannot be used")
        for problem in found.problems:
            paper.line(problem)
        rows = f"{len(found.rows):,} row{'' if len(found.rows) == 1 else 's'}"
        paper.line(f"{rows}, {len(found.updates):,} updates, {len(found.problems):,} problems")

    return Shown(found, draw, NEEDS_A_PERSON if found.problems else 0)


def _words(update: Any) -> str:
    lines = update.invoice.lines if update.invoice else update.lines
    pieces = ", ".join(f"{line.quantity} × {line.supplier_sku or f'line {line.line}'}" for line in lines[:10])
    parts = (update.kind.value, update.po_number, pieces, update.tracking_number, update.message)
    return "  ".join(part for part in parts if part)


def _bytes(file: Path) -> bytes:
    from engine.errors import Invalid, NotFound

    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {file}") from error
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}", "file") from error


def _json(file: Path) -> dict[str, Any]:
    import msgspec

    from engine.errors import Invalid

    try:
        return msgspec.json.decode(_bytes(file), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Invalid(f"{file} is not a layout in JSON: {error}", "layout") from error
