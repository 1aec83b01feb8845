"""What the terminal app remembers in Bluebook's home: saved views, the theme, and that the hint was seen.

One small JSON file. A file that cannot be read is told and left alone, never overwritten.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from engine.errors import Misconfigured
from engine.settings import settings

FILE = "terminal.json"


class View(msgspec.Struct, frozen=True):
    """A tab with a filter and a sort, by name; ``screen`` is queue or history."""

    name: str
    screen: str
    tab: int
    filter: str
    sort: str


class Remembered(msgspec.Struct, frozen=True):
    """All of it. Views by name, as they are shown."""

    views: tuple[View, ...] = ()
    theme: str = ""
    hinted: bool = False

    def view(self, name: str) -> View | None:
        """The view of this name, or the only one that begins so; None where there is none."""
        wanted = name.strip().casefold()
        exact = [view for view in self.views if view.name.casefold() == wanted]
        begun = [view for view in self.views if view.name.casefold().startswith(wanted)]
        return exact[0] if exact else begun[0] if len(begun) == 1 else None


def path() -> Path:
    """Where it is."""
    return settings().home_path / FILE


def load() -> Remembered:
    """What is remembered; nothing where there is no file. Raises Misconfigured naming a file that cannot be read."""
    try:
        return msgspec.json.decode(path().read_bytes(), type=Remembered)
    except FileNotFoundError:
        return Remembered()
    except (OSError, msgspec.DecodeError) as error:
        raise Misconfigured(f"{path()} cannot be read ({error}); correct it or move it away") from error


def keep(changed: Remembered) -> None:
    """This is remembered from now on. Raises Misconfigured where it cannot be written, or what is there cannot be read."""
    load()
    target = path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{FILE}-")
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(changed), indent=1))
        Path(name).replace(target)
    except OSError as error:
        raise Misconfigured(f"{target} cannot be written: {error.strerror}") from error


def save(view: View) -> None:
    """The view is kept; one of the same name is replaced. Raises Misconfigured."""
    now = load()
    others = [other for other in now.views if other.name.casefold() != view.name.casefold()]
    keep(msgspec.structs.replace(now, views=tuple(sorted([*others, view], key=lambda v: v.name.casefold()))))


def forget(name: str) -> bool:
    """The view of this name is gone; False where there was none. Raises Misconfigured."""
    now = load()
    left = tuple(view for view in now.views if view.name.casefold() != name.strip().casefold())
    if len(left) == len(now.views):
        return False
    keep(msgspec.structs.replace(now, views=left))
    return True
