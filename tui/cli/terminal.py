"""``bluebook tui``: the terminal app."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tui.cli.command import Noun, by


def register(root: Noun) -> None:
    """``bluebook tui`` is a command."""

    @root.command(
        "tui", "bluebook tui", "bluebook tui --readonly", "bluebook tui --view mornings", "bluebook tui --serve"
    )
    async def tui(
        readonly: Annotated[bool, typer.Option("--readonly", help="Look only: nothing can be changed.")] = False,
        screen: Annotated[
            str, typer.Option("--screen", help="Where to begin: queue, history, jobs, channels ….")
        ] = "queue",
        view: Annotated[str, typer.Option("--view", help="The saved view to begin with.")] = "",
        keys: Annotated[Path | None, typer.Option("--keys", help="Other keys. Default: HOME/keys.toml.")] = None,
        serve: Annotated[bool, typer.Option("--serve", help="In a browser tab, on 127.0.0.1 only.")] = False,
        port: Annotated[int, typer.Option("--port", help="For --serve.", min=1, max=65535)] = 8000,
    ) -> int:
        """Work the queue by keyboard: process, resolve, edit, undo, and read the blue book.

        `?` shows the keys. Workers send what is processed: `bluebook worker` runs one. With --serve, whoever can reach
        the port acts as you; it is this machine only.
        """
        from engine.errors import Invalid
        from tui.screens import SCREENS

        if screen not in SCREENS:
            raise Invalid(f"there is no screen {screen!r}; there are {', '.join(SCREENS)}", "screen")
        if serve:
            from tui import serving

            return await serving.serve(port, readonly=readonly, screen=screen)
        served = "TEXTUAL_DRIVER" in os.environ  # by --serve, whose browser tab is the terminal
        if not served and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise Invalid("the terminal app needs a terminal; `bluebook orders ls` lists orders in a pipe", "tui")
        from tui import keys_file
        from tui.app import BluebookApp

        keymap, wrong = keys_file.read(keys or keys_file.path())
        app = BluebookApp(by(), readonly=readonly, start=screen, keymap=keymap, view=view, notes=wrong)
        return await app.run_async() or 0
