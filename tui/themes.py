"""How it looks: a dark and a light theme of our own, beside those Textual brings. Colour never carries a meaning alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.theme import Theme

from engine.errors import BluebookError
from tui import views

if TYPE_CHECKING:
    from tui.app import BluebookApp

DARK = Theme(
    name="bluebook", dark=True, primary="#8db4ff", secondary="#c3b1ff", accent="#ffd27a", foreground="#e4e9f2",
    background="#0d1526", surface="#101a2e", panel="#1a2742", boost="#16223a", success="#7fd6a0", warning="#ffcc66",
    error="#ff8f8f",
)  # fmt: skip
LIGHT = Theme(
    name="bluebook-light", dark=False, primary="#1d4ea8", secondary="#5b3fa0", accent="#8a5a00", foreground="#131a26",
    background="#f4f6fb", surface="#ffffff", panel="#dfe6f3", boost="#eaf0fa", success="#1b6b3a", warning="#7a5200",
    error="#a11a1a",
)  # fmt: skip


def register(app: BluebookApp) -> None:
    """Both themes can be chosen; the one that is remembered is, else the dark one."""
    app.register_theme(DARK)
    app.register_theme(LIGHT)
    try:
        remembered = views.load().theme
    except BluebookError as error:
        remembered = ""
        app.say_error(error.message)
    app.theme = remembered if remembered in app.available_themes else DARK.name
