"""``bluebook plugins``: connectors, those that packages brought among them, and the beginning of a new one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tui.cli.command import Noun
from tui.cli.output import Column, Paper, Shown, listing

noun = Noun("plugins", "Connectors: what is here, and how to begin a new one.")


class New(StrEnum):
    """What a new package can bring."""

    CHANNEL = "channel"
    SUPPLIER = "supplier"


@noun.command("ls", "bluebook plugins ls", "bluebook plugins ls --json", reads=True, database=False)
def ls() -> Shown:
    """List every connector, with the package that brought it."""
    from engine.services import plugins

    columns = [
        Column("KIND", lambda one: one.kind.removesuffix("s")),
        Column("CONNECTOR", lambda one: one.slug),
        Column("NAME", lambda one: one.name),
        Column("PACKAGE", lambda one: one.package, give=True),
        Column("PROBLEM", lambda one: one.problem, fold=True),
    ]
    return listing("plugins", plugins.connectors(), columns, empty="there is no connector")


@noun.command(
    "new", "bluebook plugins new channel corner_shop", 'bluebook plugins new supplier acme --title "Acme Supply" --folder ~/src',
    database=False,
)  # fmt: skip
def new(
    kind: Annotated[New, typer.Argument(help="What it connects: channel or supplier.")],
    name: Annotated[str, typer.Argument(help="Its name in commands: small letters, digits and _.")],
    title: Annotated[str, typer.Option("--title", help="What people call it. Default: made of the name.")] = "",
    folder: Annotated[Path, typer.Option("--folder", help="Where its folder is made.")] = Path(),
) -> Shown:
    """Write a connector with its tests as a package of its own, to be adapted to what the other side speaks."""
    from engine.services import plugins

    begin = plugins.new_channel if kind is New.CHANNEL else plugins.new_supplier
    written = begin(name, title, folder.expanduser())
    top = written[0].parent

    def draw(paper: Paper) -> None:
        for path in written:
            paper.line(path)
        paper.line(
            f"\nThe tests run by `python -m pytest` in {top}; its README.md says what to adapt and how to install it."
        )

    return Shown({"kind": kind.value, "folder": str(top), "files": [str(path) for path in written]}, draw)
