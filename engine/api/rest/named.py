"""Channels and suppliers as requests name them: by id, by whole name, suppliers by code too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeVar

from msgspec import Meta

from engine.errors import Invalid
from engine.services import listings
from engine.services.listings import ChannelView, SupplierView

ChannelRef = Annotated[str, Meta(min_length=1, max_length=200, description="A channel: its id or its name.")]
SupplierRef = Annotated[str, Meta(min_length=1, max_length=200, description="A supplier: its id, code or name.")]
V = TypeVar("V", ChannelView, SupplierView)


async def channel(which: str, field: str = "channel") -> ChannelView:
    """The channel; raises Invalid naming those there are."""
    return _one(which, [(view, (view.name,)) for view in await listings.channels()], field)


async def supplier(which: str, field: str = "supplier") -> SupplierView:
    """The supplier; raises Invalid naming those there are."""
    return _one(which, [(view, (view.code, view.name)) for view in await listings.suppliers()], field)


def _one(which: str, known: Iterable[tuple[V, tuple[str, ...]]], field: str) -> V:
    rows = list(known)
    wanted = which.strip()
    for view, called in rows:
        if wanted == str(view.id) or wanted in called:
            return view
    for view, called in rows:
        if wanted.casefold() in [name.casefold() for name in called]:
            return view
    listed = ", ".join(names[0] for _, names in rows) or "none yet"
    raise Invalid(f"there is no {field} {which!r}; there are: {listed}", field)
