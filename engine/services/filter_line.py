"""The filter line as people type it: ``sup:acme err:sku total>100 age>2h sku:A-10 !ch:woo !lamp reyes``.

One table of keys says what each takes; reading a line, its errors and the completion of a half-typed word follow from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from engine.domain import money
from engine.domain.issues import ISSUES, IssueCode
from engine.domain.states import OPEN_STATUSES, OrderStatus, PurchaseState
from engine.errors import Invalid, Unreadable

UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
RESOLVE = (OrderStatus.FAILED, OrderStatus.ON_HOLD, OrderStatus.UNRESOLVED)
GROUPS: Mapping[str, tuple[OrderStatus, ...]] = {"open": OPEN_STATUSES, "resolve": RESOLVE}
"""Words that stand for several statuses."""
SPECIALS: Mapping[str, tuple[str, str]] = {
    "held": ("held", "on hold by a person, or held before it is sent"),
    "onhold": ("on_hold", "on hold by a person"),
    "undoable": ("undoable", "held before it is sent: can be taken back"),
    "unsent": ("unsent", "processed, and not sent yet"),
    "late": ("late", "their supplier's answer or tracking is overdue"),
    "snoozed": ("snoozed", "out of sight until later"),
    "auto": ("auto", "processed by Auto Order Processing"),
}
"""What an order may be: the word, the field of ``Filters`` and what it asks for."""
SHORTEST = 2
"""Characters a word that leaves orders out, or is looked up by key, must have."""

_WORD = re.compile(r'[^\s"]*"[^"]*"?|\S+')
_KEYED = re.compile(r"(?P<key>[A-Za-z]+)(?P<sign>:|>=|<=|>|<|=)(?P<value>.*)", re.DOTALL)
_AGE = re.compile(r"(\d{1,6})([mhdw])")
_TOTAL = re.compile(r"(\d{1,12}(?:\.\d{1,4})?)([a-z]{3})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LEAST = Decimal("0.001")
"""Less than the smallest coin: what makes "more than" out of "at least"."""


class Key(msgspec.Struct, frozen=True):
    """A word's beginning, as typed; ``example`` is a whole word, ``about`` what it asks for. ``no``: ! may go before it."""

    name: str
    signs: str
    example: str
    about: str
    no: bool = True


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key("sup", ":", "sup:acme", "supplier, by name or code"),
        Key("ch", ":", "ch:woo", "channel, by name or prefix"),
        Key("err", ":", "err:sku", "open Issue, or err:any"),
        Key("state", ":", "state:ready", "status, or open, resolve"),
        Key("is", ":", "is:late", "held, onhold, undoable, unsent, late, snoozed, auto, a state"),
        Key("total", "><", "total>100", "amount, total<20eur", no=False),
        Key("age", "><", "age>2h", "since it was placed: m, h, d, w", no=False),
        Key("placed", "><", "placed>2026-11-01", "day, in UTC", no=False),
        Key("had", ":><", "had:sku", "Issue it ever had; had>2026-11-01: since then", no=False),
        Key("late", ":", "late:acme", "supplier that is late", no=False),
        Key("po", ":", "po:failed", "state of a purchase order", no=False),
        Key("sent", "><", "sent>2026-11-01", "day a purchase order was sent, in UTC", no=False),
        Key("lead", "><", "lead>24h", "from sent to shipped: m, h, d, w", no=False),
        Key("sku", ":", "sku:A-10", "SKU, or its beginning"),
        Key("track", ":", "track:1Z999", "tracking number, or its beginning"),
        Key("city", ":", "city:berlin", "where it goes, or its beginning"),
        Key("email", ":", "email:dana@", "address, its beginning or its domain"),
        Key("cc", ":", "cc:DE", "country, two letters", no=False),
        Key("cur", ":", "cur:EUR", "currency", no=False),
    )
}
ALIASES = {"st": "state"}


class Candidate(msgspec.Struct, frozen=True):
    """``word`` may stand where the half-typed word stands, from character ``start`` of the line on; ``about`` explains it.

    ``whole``: nothing is missing, so a blank may follow; otherwise it wants a value.
    """

    word: str
    about: str
    start: int
    whole: bool


def parse(text: str, channels: Mapping[str, int], suppliers: Mapping[str, int]) -> dict[str, Any]:
    """The values of ``Filters`` that a line asks for. Raises Invalid whose ``field`` is the word at fault."""
    line = _Line(channels, suppliers)
    for match in _WORD.finditer(text):
        line.take(match[0])
    return {"text": " ".join(line.words), **line.values}


def complete(text: str, channels: Iterable[tuple[str, str]], suppliers: Iterable[tuple[str, str]]) -> list[Candidate]:
    """What the last word of a line may become, the likeliest first; after a blank, all keys.

    ``channels`` and ``suppliers`` are (what is typed, what it means): names and codes. Plain words have no candidates.
    """
    last = None
    for match in _WORD.finditer(text):
        last = match
    typed, start = (last[0], last.start()) if last is not None and last.end() == len(text) else ("", len(text))
    no = typed.startswith("!")
    body = typed[no:]
    keyed = _KEYED.fullmatch(body)
    if keyed is None:
        found = [k for k in KEYS.values() if k.name.startswith(body.casefold()) and (k.no or not no)]
        return [Candidate(f"{'!' * no}{k.name}{k.signs[0]}", f"{k.about}: {k.example}", start, False) for k in found]
    name = keyed["key"].casefold()
    offers = _offers(ALIASES.get(name, name), channels, suppliers)
    wanted = keyed["value"].strip('"').casefold()
    begun = [o for o in offers if o[0].casefold().startswith(wanted)]
    later = [o for o in offers if o not in begun and _word_begins(f"{o[0]} {o[1]}".casefold(), wanted)]
    return [
        Candidate(f"{'!' * no}{keyed['key']}{keyed['sign']}{_quoted(value)}", about, start, True)
        for value, about in [*begun, *later]
    ]


def _word_begins(text: str, wanted: str) -> bool:
    return any(word.startswith(wanted) for word in re.split(r"[\W_]+", text))


def _quoted(value: str) -> str:
    return f'"{value}"' if re.search(r"\s", value) else value


def _offers(
    key: str, channels: Iterable[tuple[str, str]], suppliers: Iterable[tuple[str, str]]
) -> Sequence[tuple[str, str]]:
    if key == "ch":
        return list(channels)
    if key in ("sup", "late"):
        return list(suppliers)
    if key in ("err", "had"):
        every = [(kind.code.value, kind.title) for kind in ISSUES.values()]
        return [("any", "any open Issue"), *every] if key == "err" else every
    if key == "po":
        return [(state.value, state.value.replace("_", " ")) for state in PurchaseState]
    if key not in ("state", "is"):
        return []
    groups = [(name, ", ".join(statuses).replace("_", " ")) for name, statuses in GROUPS.items()]
    states = [*((status.value, status.value.replace("_", " ")) for status in OrderStatus), *groups]
    return states if key == "state" else [*((word, about) for word, (_, about) in SPECIALS.items()), *states]


class _Line:
    """The filter line as far as it has been read."""

    def __init__(self, channels: Mapping[str, int], suppliers: Mapping[str, int]) -> None:
        self.names = {"ch": channels, "sup": suppliers}
        self.values: dict[str, Any] = {}
        self.words: list[str] = []

    def take(self, word: str) -> None:
        """The word is read; raises Invalid naming it."""
        no = word.startswith("!")
        body = word[no:]
        keyed = _KEYED.fullmatch(body)
        try:
            if keyed is None:
                self._plain(no, body.strip('"'))
            else:
                self._keyed(no, keyed["key"].casefold(), keyed["sign"], keyed["value"].strip('"').strip())
        except KeyError as error:
            raise Invalid(f"{word}: {error.args[0]}", word) from error

    def _plain(self, no: bool, value: str) -> None:
        if not no:
            self.words.append(value)
        elif len(value) < SHORTEST:
            raise KeyError("! goes before a word of two letters or more, as in !lamp or !ch:woo")
        else:
            self._add("not_text", (value,))

    def _keyed(self, no: bool, name: str, sign: str, value: str) -> None:
        name = ALIASES.get(name, name)
        key = KEYS.get(name)
        if key is None:
            raise KeyError(
                f"there is no {name} to filter by; there are {', '.join(k + KEYS[k].signs[0] for k in KEYS)} "
                f'and plain words, which are quoted where they look like one of these ("{name}{sign}{value}")'
            )
        if no and not key.no:
            raise KeyError(
                f"! does not go before {name}; " + ("turn its sign round" if ">" in key.signs else "leave it")
            )
        if sign != ":" and key.signs == ":":
            raise KeyError(f"{name} takes a colon, as in {key.example}")
        if not value:
            raise KeyError(f"a value is missing ({key.about}), as in {key.example}")
        read: Callable[[bool, str, str], None] = getattr(self, f"_{name}")
        read(no, sign, value)

    def _add(self, name: str, found: tuple[Any, ...]) -> None:
        self.values[name] = tuple(dict.fromkeys((*self.values.get(name, ()), *found)))

    def _named(self, kind: str, value: str) -> tuple[int, ...]:
        names = {name.casefold(): number for name, number in self.names[kind].items()}
        wanted = value.casefold()
        found = [names[wanted]] if wanted in names else [n for name, n in names.items() if name.startswith(wanted)]
        if not found:
            raise KeyError(f"no name begins so; there are {', '.join(sorted(self.names[kind])) or 'none yet'}")
        return tuple(dict.fromkeys(found))

    def _ch(self, no: bool, _sign: str, value: str) -> None:
        self._add("not_channel_ids" if no else "channel_ids", self._named("ch", value))

    def _sup(self, no: bool, _sign: str, value: str) -> None:
        self._add("not_supplier_ids" if no else "supplier_ids", self._named("sup", value))

    def _err(self, no: bool, _sign: str, value: str) -> None:
        wanted = value.casefold()
        if wanted in ("any", "*"):
            self.values["has_issue"] = not no
            return
        self._add("not_issue_codes" if no else "issue_codes", _codes(wanted))

    def _had(self, _no: bool, sign: str, value: str) -> None:
        if sign == ":":
            self._add("had_issue_codes", _codes(value.casefold()))
        else:
            self._day("had", sign, value)

    def _late(self, _no: bool, _sign: str, value: str) -> None:
        self._add("late_supplier_ids", self._named("sup", value))

    def _po(self, _no: bool, _sign: str, value: str) -> None:
        wanted = value.casefold().replace("-", "_")
        states = tuple(PurchaseState)
        found = tuple(s for s in states if s == wanted) or tuple(s for s in states if s.startswith(wanted))
        if not found:
            raise KeyError(f"a purchase order has no such state; there are {', '.join(states)}")
        self._add("purchase_states", found)

    def _sent(self, _no: bool, sign: str, value: str) -> None:
        self._day("sent", sign, value)

    def _lead(self, _no: bool, sign: str, value: str) -> None:
        self._span("lead_from", "lead_to", "lead", sign, value)

    def _state(self, no: bool, _sign: str, value: str) -> None:
        wanted = value.casefold().replace("-", "_")
        found = (
            GROUPS.get(wanted)
            or tuple(s for s in OrderStatus if s == wanted)
            or tuple(s for s in OrderStatus if s.startswith(wanted))
        )
        if not found:
            raise KeyError(f"no such status; there are {', '.join((*OrderStatus, *GROUPS))}")
        if not no:
            self._add("statuses", found)
            return
        left = tuple(s for s in self.values.get("statuses", tuple(OrderStatus)) if s not in found)
        if not left:
            raise KeyError("no status is left; take back another word")
        self.values["statuses"] = left

    def _is(self, no: bool, _sign: str, value: str) -> None:
        special = SPECIALS.get(re.sub("[-_]", "", value.casefold()))
        if special is not None:
            self.values[special[0]] = not no
        elif value.casefold().replace("-", "_") in (*OrderStatus, *GROUPS):
            self._state(no, "", value)  # people say that an order is ready
        else:
            raise KeyError(f"a state, or {', '.join(SPECIALS)}")

    def _typed(self, name: str, no: bool, value: str) -> None:
        if sum(c.isalnum() for c in value) < SHORTEST:
            raise KeyError("two letters or digits at least")
        self._add(f"not_{name}" if no else name, (value,))

    def _sku(self, no: bool, _sign: str, value: str) -> None:
        self._typed("skus", no, value)

    def _track(self, no: bool, _sign: str, value: str) -> None:
        self._typed("trackings", no, "".join(value.split()).upper())

    def _city(self, no: bool, _sign: str, value: str) -> None:
        self._typed("cities", no, value)

    def _email(self, no: bool, _sign: str, value: str) -> None:
        self._typed("emails", no, value)

    def _cc(self, _no: bool, _sign: str, value: str) -> None:
        if not re.fullmatch("[A-Za-z]{2}", value):
            raise KeyError("a country is two letters, as in cc:DE")
        self.values["country"] = value.upper()

    def _cur(self, _no: bool, _sign: str, value: str) -> None:
        try:
            money.exponent(value.upper())
        except Unreadable as error:
            raise KeyError(error.message) from error
        self.values["currency"] = value.upper()

    def _total(self, _no: bool, sign: str, value: str) -> None:
        match = _TOTAL.fullmatch(value.lower())
        if not match:
            raise KeyError("an amount is written as in total>100, total<=99.50 or total>100eur")
        if match[2]:
            self._cur(False, sign, match[2])
        amount = Decimal(match[1])
        if sign in (":", "=", ">=", ">"):
            self.values["total_min"] = amount + (_LEAST if sign == ">" else 0)
        if sign in (":", "=", "<=", "<"):
            self.values["total_max"] = amount - (_LEAST if sign == "<" else 0)

    def _age(self, _no: bool, sign: str, value: str) -> None:
        self._span("older_than", "younger_than", "age", sign, value)

    def _span(self, least: str, most: str, key: str, sign: str, value: str) -> None:
        match = _AGE.fullmatch(value.lower())
        if not match or sign[0] not in "<>":
            raise KeyError(f"a length of time is written as in {key}>2h or {key}<30m (m, h, d, w)")
        self.values[least if sign[0] == ">" else most] = int(match[1]) * UNITS[match[2]]

    def _placed(self, _no: bool, sign: str, value: str) -> None:
        self._day("placed", sign, value)

    def _day(self, key: str, sign: str, value: str) -> None:
        try:
            day = datetime.fromisoformat(value).replace(tzinfo=UTC) if _DAY.fullmatch(value) else None
        except ValueError:
            day = None
        if day is None or sign == "=":
            raise KeyError(f"a day is written as in {key}>2026-11-01 (from then on) or {key}<2026-12-01 (before)")
        self.values[f"{key}_to" if sign[0] == "<" else f"{key}_from"] = day


def _codes(wanted: str) -> tuple[IssueCode, ...]:
    """The Issues that are called so, or whose codes have the word."""
    short = tuple(k.code for k in ISSUES.values() if k.short.casefold().strip("?") == wanted.strip("?"))
    found = short or tuple(code for code in IssueCode if wanted in code)
    if not found:
        raise KeyError(f"no such Issue; there are {', '.join(IssueCode)}")
    return found


def names(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, int, str]]:
    """(what may be typed, id, what it means) of rows of (id, name, code): names first, then codes no name is like."""
    found = [(int(r[0]), str(r[1]), str(r[2])) for r in rows]
    taken = {name.casefold() for _, name, _ in found}
    yield from ((name, number, code or name) for number, name, code in found)
    seen: set[str] = set()
    for number, name, code in found:
        if code and code.casefold() not in taken | seen:
            seen.add(code.casefold())
            yield code, number, name
