"""What a list is narrowed to: the same filters for the terminal's filter line, the browser's URL and the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

import msgspec

from engine import db
from engine.domain import money
from engine.domain.issues import ISSUES, IssueCode
from engine.domain.states import OrderStatus
from engine.errors import Invalid, Unreadable

UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
KEYS = "sup: ch: err: st: is: cc: cur: total age placed"
_TOKEN = re.compile(r'(?P<no>!?)(?:(?P<key>[a-z]+)(?P<sign>:|>=|<=|>|<|=))?(?P<value>"[^"]*"|\S+)')
_AGE = re.compile(r"(\d{1,6})([mhdw])")
_TOTAL = re.compile(r"(\d+(?:\.\d+)?)([a-z]{3})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LEAST = Decimal("0.001")
"""Less than the smallest coin: what makes "more than" out of "at least"."""

LATE_ISSUES = (IssueCode.NO_ACK_IN_TIME, IssueCode.NO_TRACKING_IN_TIME)


class Filters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Conditions that all hold. Amounts are major units of the order's currency, ends included; ages are seconds.

    ``placed_to`` is the first moment after. ``snoozed``: only those (True), none of those (False), or all (None; the
    queue takes it for False). ``late``: the supplier's answer or tracking is overdue.
    """

    statuses: tuple[OrderStatus, ...] = ()
    channel_ids: tuple[int, ...] = ()
    supplier_ids: tuple[int, ...] = ()
    issue_codes: tuple[IssueCode, ...] = ()
    not_channel_ids: tuple[int, ...] = ()
    not_supplier_ids: tuple[int, ...] = ()
    not_issue_codes: tuple[IssueCode, ...] = ()
    has_issue: bool | None = None
    text: str = ""
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    total_min: Decimal | None = None
    total_max: Decimal | None = None
    currency: str = ""
    older_than: int | None = None
    younger_than: int | None = None
    held: bool | None = None
    snoozed: bool | None = None
    country: str = ""
    late: bool | None = None

    def to_params(self) -> dict[str, str]:
        """The filters as a URL's query: only those that are set, lists joined by commas."""
        params: dict[str, str] = {}
        for name, value in msgspec.to_builtins(self).items():
            if isinstance(value, bool):
                params[name] = str(int(value))
            else:
                params[name] = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
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
                one = msgspec.convert({name: value.split(",") if many else value}, cls, strict=False)
            except msgspec.ValidationError as error:
                raise Invalid(f"{name}={value}: {error}", name) from error
            read = getattr(one, name)
            if isinstance(read, datetime) and read.tzinfo is None:
                read = read.replace(tzinfo=UTC)
            found = msgspec.structs.replace(found, **{name: read})
        result: Self = found
        return result

    @classmethod
    def from_text(cls, text: str, channels: Mapping[str, int], suppliers: Mapping[str, int]) -> Self:
        """The filters a person typed: ``sup:acme err:sku total>100 age>2h !ch:woo lamp``.

        Names (channels' names; suppliers' names and codes) may be begun only. Raises Invalid naming the word.
        """
        line = _Line(channels, suppliers)
        for match in _TOKEN.finditer(text.strip()):
            line.take(match["no"] == "!", match["key"] or "", match["sign"] or "", match["value"].strip('"'), match[0])
        return cls(text=" ".join(line.words), **line.values)


async def from_text(text: str) -> Filters:
    """The same, with the names of the channels and suppliers there are."""
    channels = {str(r[1]): int(r[0]) for r in await db.rows("SELECT id, name FROM channels")}
    suppliers: dict[str, int] = {}
    for number, name, code in [tuple(r) for r in await db.rows("SELECT id, name, code FROM suppliers")]:
        suppliers |= {name: number, code: number}
    return Filters.from_text(text, channels, suppliers)


class _Line:
    """The filter line as far as it has been read."""

    def __init__(self, channels: Mapping[str, int], suppliers: Mapping[str, int]) -> None:
        self.names = {"ch": channels, "sup": suppliers}
        self.values: dict[str, Any] = {}
        self.words: list[str] = []

    def take(self, no: bool, key: str, sign: str, value: str, word: str) -> None:
        read: Callable[[bool, str, str, str], None] | None = getattr(self, f"_{key}", None) if key else None
        if key and read is None:
            raise Invalid(f"{word}: there is no {key} to filter by; there are {KEYS} and plain words", word)
        if read is None:
            if no:
                raise Invalid(f"{word}: ! goes before ch:, sup:, err:, st: and is:, not before a plain word", word)
            self.words.append(value)
            return
        try:
            read(no, sign, value, word)
        except KeyError as error:
            raise Invalid(f"{word}: {error.args[0]}", word) from error

    def _add(self, name: str, found: tuple[Any, ...]) -> None:
        self.values[name] = tuple(dict.fromkeys((*self.values.get(name, ()), *found)))

    def _named(self, kind: str, value: str) -> tuple[int, ...]:
        names = {name.casefold(): number for name, number in self.names[kind].items()}
        wanted = value.casefold()
        found = [names[wanted]] if wanted in names else [n for name, n in names.items() if name.startswith(wanted)]
        if not found:
            raise KeyError(f"no name begins so; there are {', '.join(sorted(self.names[kind])) or 'none yet'}")
        return tuple(dict.fromkeys(found))

    def _ch(self, no: bool, _sign: str, value: str, _word: str) -> None:
        self._add("not_channel_ids" if no else "channel_ids", self._named("ch", value))

    def _sup(self, no: bool, _sign: str, value: str, _word: str) -> None:
        self._add("not_supplier_ids" if no else "supplier_ids", self._named("sup", value))

    def _err(self, no: bool, _sign: str, value: str, _word: str) -> None:
        wanted = value.casefold()
        if wanted in ("any", "*"):
            self.values["has_issue"] = not no
            return
        short = tuple(k.code for k in ISSUES.values() if k.short.casefold().strip("?") == wanted.strip("?"))
        found = short or tuple(code for code in IssueCode if wanted in code)
        if not found:
            raise KeyError(f"no such Issue; there are {', '.join(IssueCode)}")
        self._add("not_issue_codes" if no else "issue_codes", found)

    def _st(self, no: bool, _sign: str, value: str, _word: str) -> None:
        wanted = value.casefold().replace("-", "_")
        found = tuple(s for s in OrderStatus if s == wanted) or tuple(s for s in OrderStatus if s.startswith(wanted))
        if not found:
            raise KeyError(f"no such status; there are {', '.join(OrderStatus)}")
        if no:
            before = self.values.get("statuses", tuple(OrderStatus))
            self.values["statuses"] = tuple(s for s in before if s not in found)
        else:
            self._add("statuses", found)

    def _is(self, no: bool, _sign: str, value: str, _word: str) -> None:
        if value not in ("held", "late", "snoozed"):
            raise KeyError("an order is held, late or snoozed")
        self.values[value] = not no

    def _cc(self, _no: bool, _sign: str, value: str, _word: str) -> None:
        if not re.fullmatch("[A-Za-z]{2}", value):
            raise KeyError("a country is two letters, as in cc:DE")
        self.values["country"] = value.upper()

    def _cur(self, _no: bool, _sign: str, value: str, _word: str) -> None:
        try:
            money.exponent(value.upper())
        except Unreadable as error:
            raise KeyError(error.message) from error
        self.values["currency"] = value.upper()

    def _total(self, _no: bool, sign: str, value: str, word: str) -> None:
        match = _TOTAL.fullmatch(value.lower())
        if not match:
            raise KeyError("an amount is written as in total>100, total<=99.50 or total>100eur")
        if match[2]:
            self._cur(False, sign, match[2], word)
        amount = Decimal(match[1])
        if sign in (":", "=", ">=", ">"):
            self.values["total_min"] = amount + (_LEAST if sign == ">" else 0)
        if sign in (":", "=", "<=", "<"):
            self.values["total_max"] = amount - (_LEAST if sign == "<" else 0)

    def _age(self, _no: bool, sign: str, value: str, _word: str) -> None:
        match = _AGE.fullmatch(value.lower())
        if not match or sign[0] not in "<>":
            raise KeyError("an age is written as in age>2h or age<30m (m, h, d, w)")
        self.values["older_than" if sign[0] == ">" else "younger_than"] = int(match[1]) * UNITS[match[2]]

    def _placed(self, _no: bool, sign: str, value: str, _word: str) -> None:
        try:
            day = datetime.fromisoformat(value).replace(tzinfo=UTC) if _DAY.fullmatch(value) else None
        except ValueError:
            day = None
        if day is None:
            raise KeyError("a day is written as in placed>2026-11-01 (from then on) or placed<2026-12-01 (before)")
        self.values["placed_to" if sign[0] == "<" else "placed_from"] = day
