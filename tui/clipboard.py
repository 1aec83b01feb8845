"""Copying out of a terminal, over ssh and in tmux too; and what to do where that does not work."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import TYPE_CHECKING

from tui.words import plain

if TYPE_CHECKING:
    from tui.app import BluebookApp

SHOWN = 200


def copy(app: BluebookApp, text: str, what: str) -> None:
    """The text is on the clipboard by OSC 52 where the terminal takes it, and on the screen in any case."""
    app.copy_to_clipboard(text)
    app.say(f"{what} copied: {plain(text)[:SHOWN]}")


def browse(app: BluebookApp, url: str) -> None:
    """The page is open in a browser where there is one to see; else its address is copied and shown."""
    if _has_screen() and webbrowser.open(url):
        app.say(f"opened {plain(url)[:SHOWN]}")
    else:
        copy(app, url, "there is no browser here; the address is")


def _has_screen() -> bool:
    if "SSH_CONNECTION" in os.environ:
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
