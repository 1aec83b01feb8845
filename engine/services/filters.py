"""What a list is narrowed to: the same filters for the terminal's filter line, the browser's URL and the API."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self
from urllib.parse import unquote

import msgspec
from msgspec import inspect

from engine import db
from engine.domain.issues import IssueCode
from engine.domain.states import OrderStatus, PurchaseState
from engine.errors import Invalid
from engine.services import filter_line
from engine.services.filter_line import Candidate


class Filters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Conditions that all hold. Amounts are major units of the order's currency, ends included; ages are seconds.

    ``placed_to`` is the first moment after. ``snoozed``: only those (True), none of those (False), or all (None; the
    queue takes it for False). ``on_hold``: a person stopped it; ``undoable``: it was processed and can still be taken
    back; ``held``: either; ``unsent``: it was processed, and what cannot be taken back any more is not sent yet.
    ``late``: there is an open Issue that the supplier's answer or tracking is overdue.
    ``text``: words an order must all have, the last may be begun only (``search.asked_for``); ``not_text``: beginnings
    of words it must not have. ``skus``, ``trackings``, ``cities`` and ``emails`` are beginnings too (of an e-mail's
    domain as well), any of which will do.

    ``cause``: it has an open Issue with this very cause.
    ``had_…``: it ever had an Issue, open or closed, with one of these codes, opened in this time. ``late_supplier_ids``:
    one of these is late. ``purchase_states``, ``purchase_from`` (made since), ``sent_…`` and ``lead_…`` (seconds from sent
    to shipped, from and up to) are of one and the same purchase order, of one of ``supplier_ids`` where there are any.
    ``auto``: processed by Auto Order Processing.
    """

    statuses: tuple[OrderStatus, ...] = ()
    channel_ids: tuple[int, ...] = ()
    supplier_ids: tuple[int, ...] = ()
    issue_codes: tuple[IssueCode, ...] = ()
    not_channel_ids: tuple[int, ...] = ()
    not_supplier_ids: tuple[int, ...] = ()
    not_issue_codes: tuple[IssueCode, ...] = ()
    has_issue: bool | None = None
    cause: str = ""
    text: str = ""
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    total_min: Decimal | None = None
    total_max: Decimal | None = None
    currency: str = ""
    older_than: int | None = None
    younger_than: int | None = None
    held: bool | None = None
    on_hold: bool | None = None
    undoable: bool | None = None
    unsent: bool | None = None
    snoozed: bool | None = None
    country: str = ""
    late: bool | None = None
    not_text: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    trackings: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    not_skus: tuple[str, ...] = ()
    not_trackings: tuple[str, ...] = ()
    not_cities: tuple[str, ...] = ()
    not_emails: tuple[str, ...] = ()
    auto: bool | None = None
    had_issue_codes: tuple[IssueCode, ...] = ()
    had_from: datetime | None = None
    had_to: datetime | None = None
    late_supplier_ids: tuple[int, ...] = ()
    purchase_states: tuple[PurchaseState, ...] = ()
    purchase_from: datetime | None = None
    sent_from: datetime | None = None
    sent_to: datetime | None = None
    lead_from: int | None = None
    lead_to: int | None = None

    def to_params(self) -> dict[str, str]:
        """The filters as a URL's query: only those that are set, lists joined by commas."""
        params: dict[str, str] = {}
        for name, value in msgspec.to_builtins(self).items():
            if isinstance(value, bool):
                params[name] = str(int(value))
            else:
                params[name] = ",".join(map(_escaped, value)) if isinstance(value, (list, tuple)) else str(value)
        return params

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> Self:
        """The filters of a URL's query; other parameters are left alone. Raises Invalid naming the parameter."""
        found: Any = cls()
        for name in cls.__struct_fields__:
            value = params.get(name, "")
            if not value:
                continue
            many = isinstance(getattr(found, name), tuple)
            try:
                said = [unquote(part) for part in value.split(",")] if many else value
                one = msgspec.convert({name: said}, cls, strict=False)
            except msgspec.ValidationError as error:
                raise Invalid(f"{name}={value} cannot be read: {_wanted(cls, name, value)}", name) from error
            read = getattr(one, name)
            if isinstance(read, datetime) and read.tzinfo is None:
                read = read.replace(tzinfo=UTC)
            found = msgspec.structs.replace(found, **{name: read})
        result: Self = found
        return result

    @classmethod
    def strange(cls, params: Mapping[str, str], besides: Collection[str] = ()) -> list[str]:
        """The parameters that are neither filters nor ``besides``: whoever wrote them meant something that is not done."""
        return [name for name in params if name not in cls.__struct_fields__ and name not in besides]

    @classmethod
    def from_text(cls, text: str, channels: Mapping[str, int], suppliers: Mapping[str, int]) -> Self:
        """The filters a person typed: ``sup:acme err:sku total>100 age>2h !ch:woo lamp``; see ``filter_line.KEYS``.

        Names (channels' names and prefixes; suppliers' names and codes) may be begun only. Raises Invalid naming the word.
        """
        return cls(**filter_line.parse(text, channels, suppliers))


_EITHER = ("statuses", "channel_ids")
_MORE = ("not_channel_ids", "not_supplier_ids", "not_issue_codes", "not_text", "not_skus", "not_trackings", "not_cities",
         "not_emails")  # fmt: skip
_LEAST = ("placed_from", "total_min", "older_than", "had_from", "purchase_from", "sent_from", "lead_from")
_MOST = ("placed_to", "total_max", "younger_than", "had_to", "sent_to", "lead_to")


def both(one: Filters, other: Filters) -> Filters:
    """Orders fit that fit both. Raises Invalid naming what both say and no one list can have: two texts, two countries."""
    plain, found = Filters(), dict[str, Any]()
    for name in Filters.__struct_fields__:
        first, second = getattr(one, name), getattr(other, name)
        if second in (first, getattr(plain, name)):
            found[name] = first
        elif first == getattr(plain, name):
            found[name] = second
        elif name in _EITHER:
            found[name] = tuple(value for value in first if value in second)
        elif name in _MORE:
            found[name] = tuple(dict.fromkeys((*first, *second)))
        elif name in _LEAST or name in _MOST:
            found[name] = (max if name in _LEAST else min)(first, second)
        else:
            raise Invalid(f"{name} is asked for twice, and not alike: say it once", name)
    if any(not found[name] and getattr(one, name) for name in _EITHER):
        # An empty list would ask for all of them, so nothing may fit.
        found |= {name: getattr(one, name) for name in _EITHER} | {"older_than": 1, "younger_than": 0}
    return Filters(**found)


def _wanted(cls: type[Filters], name: str, value: str) -> str:
    """What the parameter may be, in words."""
    described = inspect.type_info(cls)
    assert isinstance(described, inspect.StructType)
    one: Any = next(field.type for field in described.fields if field.name == name)
    if isinstance(one, inspect.UnionType):
        one = next(part for part in one.types if not isinstance(part, inspect.NoneType))
    if isinstance(one, inspect.VarTupleType):
        one = one.item_type
    if isinstance(one, inspect.EnumType):
        known = [str(member.value) for member in one.cls]
        wrong = next((part for part in value.split(",") if unquote(part) not in known), value)
        close = difflib.get_close_matches(wrong, known, 1)
        if len(known) > _MOST_NAMED:
            return f"there is no {wrong!r}" + (f"; did you mean {close[0]}?" if close else "")
        return f"there is no {wrong!r}; there are {', '.join(known)}"
    return _KINDS.get(type(one), "it is no value of this filter")


_MOST_NAMED = 12
_KINDS: dict[type, str] = {
    inspect.IntType: "it takes whole numbers",
    inspect.DecimalType: "it takes an amount, such as 12.50",
    inspect.DateTimeType: "it takes a moment, such as 2026-11-22T14:00:00Z",
    inspect.BoolType: "it is 1 or 0",
}


def _escaped(value: object) -> str:
    return str(value).replace("%", "%25").replace(",", "%2C")


_CHANNELS = "SELECT id, name, prefix FROM channels ORDER BY archived_at IS NOT NULL, name"
_SUPPLIERS = "SELECT id, name, code FROM suppliers ORDER BY archived_at IS NOT NULL, name"


async def from_text(text: str) -> Filters:
    """The same, with the names of the channels and suppliers there are."""
    channels = {typed: number for typed, number, _ in filter_line.names(await db.rows(_CHANNELS))}
    suppliers = {typed: number for typed, number, _ in filter_line.names(await db.rows(_SUPPLIERS))}
    return Filters.from_text(text, channels, suppliers)


async def candidates(text: str) -> list[Candidate]:
    """What the last, half-typed word of a filter line may become, the likeliest first; all keys after a blank."""
    channels = [(typed, about) for typed, _, about in filter_line.names(await db.rows(_CHANNELS))]
    suppliers = [(typed, about) for typed, _, about in filter_line.names(await db.rows(_SUPPLIERS))]
    return filter_line.complete(text, channels, suppliers)
