"""A numbered list of what can be chosen, drawn."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from engine.services.choices import Choice
from tui import words


def drawn(found: Sequence[Choice], here: int, *, most: int) -> Text:
    """The list, with the one under the cursor marked; as many as have room, the cursor among them."""
    text = Text(no_wrap=True, overflow="ellipsis")
    first = max(0, min(here - most + 1, len(found) - most))
    for n, choice in list(enumerate(found))[first : first + most]:
        number = str(n + 1) if n < 9 else " "
        text.append(f" {'>' if n == here else ' '} {number}  ", "bold" if n == here else "")
        text.append(words.line(choice.label), "bold" if n == here else "")
        text.append(f"   {words.line(choice.details)}\n" if choice.details else "\n", "dim")
    text.rstrip()
    return text
