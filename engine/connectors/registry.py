"""Finding a connector by its slug, without importing the others."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeGuard, TypeVar, cast

import msgspec

from engine.connectors import misread
from engine.errors import Misconfigured
from engine.ports import Channel, Supplier

P = TypeVar("P")
# What a connector was called when connections were made by it; they keep the name and go on working.
_FORMER = {("suppliers", "sftp"): "files"}
_lent: dict[tuple[str, str], Any] = {}


@contextmanager
def lent(kind: str, connector: Any) -> Iterator[None]:
    """Within, the connector is found by its slug in this process, as if a package had brought it: one not installed yet."""
    key = (kind, connector.slug)
    _lent[key] = connector
    try:
        yield
    finally:
        del _lent[key]


def _load(kind: str, slug: str) -> Any:
    if (kind, slug) in _lent:
        return _lent[kind, slug]
    slug = _FORMER.get((kind, slug), slug)
    if slug in slugs(kind):
        return importlib.import_module(f"engine.connectors.{kind}.{slug}.connector").Connector
    for point in entry_points(group=f"bluebook.{kind}", name=slug):
        try:
            return point.load()
        except Exception as error:  # whatever a stranger's module raises while it is imported
            package = point.dist.name if point.dist else point.value
            raise Misconfigured(f"the connector {slug} of {package} cannot be loaded: {error!r}") from error
    raise Misconfigured(f"there is no {kind[:-1]} connector called {slug!r}; there are: {', '.join(slugs(kind))}")


@cache  # they are of this version, and steps of single orders ask
def slugs(kind: str) -> tuple[str, ...]:
    """The built-in connectors of a kind (``channels`` or ``suppliers``), sorted."""
    package = importlib.import_module(f"engine.connectors.{kind}")
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg))


def available(kind: str) -> list[str]:
    """Every connector of a kind that is here, sorted: the built-in ones, and those that packages brought."""
    return sorted({*slugs(kind), *(point.name for point in entry_points(group=f"bluebook.{kind}"))})


def channel_type(slug: str) -> type[Channel]:
    """The channel connector's class; raises Misconfigured when there is none."""
    return cast("type[Channel]", _load("channels", slug))


def tells_listings(slug: str) -> bool:
    """Does a channel of this connector tell what is offered there (``HasListings``)? False where it cannot be loaded."""
    try:
        return hasattr(channel_type(slug), "listed")
    except Misconfigured:
        return False


def supplier_type(slug: str) -> type[Supplier]:
    """The supplier connector's class; raises Misconfigured when there is none."""
    return cast("type[Supplier]", _load("suppliers", slug))


def offers(connector: Any, port: type[P]) -> TypeGuard[P]:
    """Does the connector have what the port asks for? For the paths of every order, where ``isinstance`` takes too long."""
    asked = (type(connector), port)
    if asked not in _offered:
        _offered[asked] = isinstance(connector, port)
    return _offered[asked]


_offered: dict[tuple[type, type], bool] = {}


def configure(kind: type[Channel] | type[Supplier], values: dict[str, Any]) -> Any:
    """The connector's checked configuration; raises Misconfigured naming the field that is wrong.

    Names that are not known are left out: what a connection was once told, a newer connector may not know (``demand_known``).
    """
    try:
        return msgspec.convert(values, kind.config_type, strict=False)
    except msgspec.ValidationError as error:
        raise misread.explained(kind, values, error) from error


def demand_known(kind: type[Channel] | type[Supplier], values: Mapping[str, Any]) -> None:
    """The connector has settings of all these names; raises Misconfigured with the nearest of those there are."""
    if (stray := misread.unknown(kind, values)) is not None:
        raise stray
