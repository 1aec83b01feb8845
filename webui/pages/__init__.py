"""The pages, each with its address; ``ALL`` is what the app serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import reflex as rx


class Page(NamedTuple):
    """A page: its address, its title, what it shows and what is read when it opens."""

    route: str
    title: str
    content: Callable[[], rx.Component]
    load: Any = None


def every_page() -> list[Page]:
    """All pages of the app."""
    from webui.pages import account, missing, orders, users

    return [*orders.PAGES, *users.PAGES, *account.PAGES, *missing.PAGES]
