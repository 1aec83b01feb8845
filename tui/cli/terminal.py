"""``bluebook tui``: the terminal app."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tui.cli.command import Noun, by


def register(root: Noun) -> None:
    """``bluebook tui`` is a command."""

    @root.command("tui", "bluebook tui", "bluebook tui --readonly", "bluebook tui --screen history")
    async def tui(
        readonly: Annotated[bool, typer.Option("--readonly", help="Look only: nothing can be changed.")] = False,
        screen: Annotated[
            str, typer.Option("--screen", help="Where to begin: queue, history, jobs, channels ….")
        ] = "queue",
    ) -> int:
        """Work the queue by keyboard: process, resolve, edit, undo, and read the blue book.

        `?` shows the keys. Workers send what is processed: `bluebook worker` runs one.
        """
        from engine.errors import Invalid
        from tui.screens import SCREENS

        if screen not in SCREENS:
            raise Invalid(f"there is no screen {screen!r}; there are {', '.join(SCREENS)}", "screen")
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise Invalid("the terminal app needs a terminal; `bluebook orders ls` lists orders in a pipe", "tui")
        from tui.app import BluebookApp

        return await BluebookApp(by(), readonly=readonly, start=screen).run_async() or 0
