"""The pages, each with its address."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple

import reflex as rx


class Page(NamedTuple):
    """A page: its address, its title (tabs and history are told apart by it), what it shows and what is read when it
    opens: a handler, or several."""

    route: str
    title: Any
    content: Callable[[], rx.Component]
    load: Any = ()


def every_page() -> list[Page]:
    """All pages of the app: the ``PAGES`` of every module here."""
    found: list[Page] = []
    for module in pkgutil.iter_modules(__path__):
        found += importlib.import_module(f"{__name__}.{module.name}").PAGES
    return found
