"""What a purchase order looks like on a supplier's wire, and what its answers mean: JMESPath, compiled once.

The defaults speak the dialect of ``engine.demo.supplier_http``. A supplier with another shape needs other expressions
and no code. Language: https://jmespath.org/specification.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError, ParseError
from jmespath.functions import Functions

from engine.connectors.suppliers.rest import quick
from engine.connectors.suppliers.rest.presets import PRESETS, coded, plain
from engine.domain import money
from engine.errors import BluebookError, Misconfigured, Unreadable
from engine.ports import Address, Purchase, PurchaseLine, Raw, SupplierUpdate, UpdateKind, UpdateLine

REQUEST = (
    "{po_number: po_number, order_number: order_number, currency: currency, placed_at: placed_at,"
    " ship_method: method_code, ship_to: ship_to, note: note, total: total,"
    " lines: lines[].{line: line, sku: supplier_sku, title: title, quantity: quantity, unit_cost: unit_cost}}"
)
UPDATE: dict[str, str] = {
    "kind": "status",
    "key": "id",
    "po_number": "po_number",
    "occurred_at": "occurred_at",
    "lines": "lines[].{line: line, supplier_sku: sku, quantity: quantity, expected_at: expected_at,"
    " unit_cost: unit_cost}",
    "currency": "currency",
    "reference": "reference",
    "message": "message",
    "carrier": "carrier",
    "service": "service",
    "tracking_number": "tracking_number",
}
STATUSES: dict[str, UpdateKind | None] = {
    "acknowledged": UpdateKind.ACKNOWLEDGED,
    "backordered": UpdateKind.BACKORDERED,
    "rejected": UpdateKind.REJECTED,
    "shipped": UpdateKind.SHIPPED,
    "canceled": UpdateKind.CANCELED,
    "cancel_refused": UpdateKind.CANCEL_REFUSED,
    "inventory": UpdateKind.INVENTORY,
}
WHOLE_ORDER = frozenset({UpdateKind.ACKNOWLEDGED, UpdateKind.REJECTED, UpdateKind.CANCELED, UpdateKind.CANCEL_REFUSED})
_OURS = frozenset({"accept", "content-type", "content-length", "host", "idempotency-key"})
Path = Annotated[str, msgspec.Meta(pattern="^/")]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach one supplier and how it spells things, the latter as JMESPath expressions."""

    base_url: Annotated[str, msgspec.Meta(pattern="^https?://[^/]+")]
    name: str = "Supplier"
    auth: Literal["header", "basic", "oauth2"] = "header"
    auth_header: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]+$")] = "Authorization"
    auth_scheme: str = "Bearer"  # "" sends the bare key or token, as X-API-Key wants it
    api_key: str = ""  # header
    username: str = ""  # basic
    password: str = ""
    token_url: Annotated[str, msgspec.Meta(pattern="^(https?://[^/]+.*)?$")] = ""  # oauth2: client credentials
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""
    client_auth: Literal["basic", "body"] = "basic"
    method: Literal["POST", "PUT"] = "POST"
    submit_path: Path = "/orders"
    find_path: Path = "/orders/{po_number}"
    updates_path: Path = "/updates"
    cancel_path: Path = "/orders/{po_number}/cancel"
    status_path: Annotated[str, msgspec.Meta(pattern="^(/.*)?$")] = ""  # asked for each open order, instead of a feed
    status_seconds: Annotated[float, msgspec.Meta(ge=1, le=604_800)] = 900.0  # between two rounds of questions
    status_most: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50  # questions in one poll
    timeout: Annotated[float, msgspec.Meta(gt=0, le=300)] = 20.0
    connections: Annotated[int, msgspec.Meta(ge=1, le=256)] = 64
    page_size: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200
    can_find: bool = True
    can_cancel: bool = True

    request: str = REQUEST
    answer_reference: str = "reference"
    answer_po_number: str = "po_number"
    error_message: str = "error.message || message || error"
    updates_items: str = "updates"
    updates_next: str = "next"
    status_items: str = "@"  # in the answer of status_path: one update, a list of them, or nothing
    update: dict[str, str] = msgspec.field(default_factory=dict)  # replaces single entries of UPDATE; "" drops one
    status_map: dict[str, UpdateKind | None] = msgspec.field(
        default_factory=lambda: dict(STATUSES)
    )  # None: say nothing
    without_lines: frozenset[UpdateKind] = WHOLE_ORDER  # kinds that may come without lines and mean the whole order
    cancel_status: str = "status"
    cancel_map: dict[str, Literal["canceled", "refused", "pending"]] = msgspec.field(
        default_factory=lambda: {"canceled": "canceled", "refused": "refused", "pending": "pending"}
    )
    currency: str = "USD"  # of costs in updates that do not say

    callback_secret: str = ""
    callback_timestamp_header: str = "X-Timestamp"
    callback_signature_header: str = "X-Signature"

    preset: Literal["none", "amazon_vendor_df"] = "none"
    constants: dict[str, str] = msgspec.field(default_factory=dict)  # for request: constants.<name>
    po_number_form: Literal["as_is", "alphanumeric"] = "as_is"

    def __post_init__(self) -> None:
        self._take_preset()
        self._authorised()
        asked = {
            "find_path": self.find_path if self.can_find else "",
            "cancel_path": self.cancel_path if self.can_cancel else "",
            "status_path": self.status_path,
        }
        for setting, path in asked.items():
            if path and "{po_number}" not in path:
                raise ValueError(f"{setting}: {path} does not say where the number goes: write {{po_number}} into it")

    def _take_preset(self) -> None:
        preset = PRESETS.get(self.preset)
        if preset is None:
            return
        if missing := [name for name in preset.constants if not self.constants.get(name)]:
            raise ValueError(f"constants: {self.preset} needs {', '.join(missing)}")
        for field in msgspec.structs.fields(type(self)):
            if field.name not in preset.settings:
                continue
            mine, theirs = getattr(self, field.name), preset.settings[field.name]
            unset = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
            if isinstance(theirs, dict):
                theirs = theirs | (mine if mine != unset else {})
            elif mine != unset:
                continue
            msgspec.structs.force_setattr(self, field.name, theirs)

    def _authorised(self) -> None:
        needed = {"header": ("api_key",), "basic": ("username",), "oauth2": ("token_url", "client_id", "client_secret")}
        for setting in needed[self.auth]:
            if not getattr(self, setting):
                raise ValueError(f"{setting}: auth is {self.auth}, which needs it, and it is empty")
        if self.auth_header.lower() in _OURS:
            raise ValueError(f"auth_header: {self.auth_header} says something else in every request; name another")
        if not f"{self.auth_scheme} {self.api_key if self.auth == 'header' else ''}".isprintable():
            raise ValueError("api_key or auth_scheme: there are characters in it that a header cannot carry")
        if self.auth == "basic" and ":" in self.username:
            raise ValueError("username: HTTP basic ends the name at the first colon, so it cannot have one")

    @property
    def answers_within(self) -> float | None:
        """Seconds after which a request gets no answer any more; None where nobody is asked what became of it."""
        return self.timeout if self.can_find else None


def _functions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("type") == "function_expression":
            yield node["value"]
        for child in node.get("children", ()):
            yield from _functions(child)


class Expression:
    """One compiled setting. Raises Misconfigured, naming the setting and the position, when it cannot be compiled."""

    def __init__(self, setting: str, text: str) -> None:
        self.setting = setting
        try:
            self._compiled = jmespath.compile(text)
        except ParseError as error:
            raise Misconfigured(
                f"{setting}: the expression cannot be read at position {error.lex_position}: {text!r}"
            ) from error
        except JMESPathError as error:
            raise Misconfigured(f"{setting}: the expression is empty (position 0)") from error
        self._quick = quick.compiled(self._compiled.parsed)
        for name in _functions(self._compiled.parsed):
            if name not in Functions.FUNCTION_TABLE:
                raise Misconfigured(f"{setting}: there is no function {name}() (position {text.find(name)})")

    def of(self, document: Any) -> Any:
        """What the expression finds, None for nothing; raises Unreadable when the values do not suit its functions."""
        if self._quick is not None:
            return self._quick(document)
        try:
            return self._compiled.search(document)
        except JMESPathError as error:
            raise Unreadable(f"{self.setting}: {error}", field=self.setting) from error


def text(value: Any, field: str) -> str:
    """The value as text: "" for nothing, digits for a whole number; raises Unreadable for anything else."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Unreadable(f"{field} should be text and is {value!r}", field=field)


def _whole(value: Any, field: str) -> int:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise Unreadable(f"{field} should be a whole number and is {value!r}", field=field)


def _moment(value: Any, field: str) -> datetime:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    raise Unreadable(f"{field} should be an ISO 8601 time with its offset and is {value!r}", field=field)


def _cost(value: Any, currency: str, field: str) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unreadable(f"{field} should be an amount and is {value!r}", field=field)
    try:
        # repr() of a float is the shortest text that means it, which is what stood in the JSON.
        return money.minor(Decimal(repr(value)) if isinstance(value, float) else value, currency)
    except (BluebookError, ArithmeticError, ValueError) as error:
        raise Unreadable(f"{field} should be an amount in {currency} and is {value!r}", field=field) from error


def document(purchase: Purchase) -> dict[str, Any]:
    """The purchase as the ``request`` expression sees it.

    As ``Purchase``, with every address field present, and money as decimal text in major units: ``unit_cost`` and
    ``amount`` per line, ``total`` for all (``unit_cost_minor`` keeps the integer).
    """
    built: dict[str, Any] = msgspec.to_builtins(purchase)
    built["ship_to"] = msgspec.structs.asdict(purchase.ship_to)
    built["lines"] = list(built["lines"])  # JMESPath knows no tuples
    total = 0
    for line, source in zip(built["lines"], purchase.lines, strict=True):
        amount = source.unit_cost * source.quantity
        total += amount
        line["unit_cost_minor"] = source.unit_cost
        line["unit_cost"] = _major(source.unit_cost, purchase.currency)
        line["amount"] = _major(amount, purchase.currency)
    built["total"] = _major(total, purchase.currency)
    return built


def _major(minor: int, currency: str) -> str:
    return format(money.major(minor, currency), "f")


def _mentions(value: Any, wanted: str) -> bool:
    if isinstance(value, dict):
        return any(_mentions(item, wanted) for item in value.values())
    if isinstance(value, list):
        return any(_mentions(item, wanted) for item in value)
    return isinstance(value, str) and wanted in value


PROBE = Purchase(
    po_number="PROBE-1",
    order_number="PROBE",
    currency="USD",
    ship_to=Address(name="A. Probe", line1="1 Main St", city="Austin", region="TX", postal_code="78701", country="US"),
    method_code="GROUND",
    method_name="Ground",
    placed_at=datetime(2024, 1, 1, tzinfo=UTC),
    lines=(
        PurchaseLine(
            line=1, supplier_sku="PROBE-SUPPLIER-SKU", sku="PROBE-SKU", title="Probe", quantity=2, unit_cost=125
        ),
    ),
)


class Asked(msgspec.Struct, frozen=True):
    """Which purchase order a question was about ("": not known), and when it was answered."""

    po_number: str
    at: datetime


class SupplierMapping:
    """Both directions of one supplier's dialect. Raises Misconfigured naming the expression that cannot work."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._preset = PRESETS.get(config.preset)
        self._request = Expression("request", config.request)
        self.answer_reference = Expression("answer_reference", config.answer_reference)
        self.answer_po_number = Expression("answer_po_number", config.answer_po_number)
        self.error_message = Expression("error_message", config.error_message)
        self.updates_items = Expression("updates_items", config.updates_items)
        self.updates_next = Expression("updates_next", config.updates_next)
        self.status_items = Expression("status_items", config.status_items)
        self.cancel_status = Expression("cancel_status", config.cancel_status)
        if unknown := sorted(config.update.keys() - UPDATE.keys()):
            raise Misconfigured(f"update: there is no field {unknown[0]!r}; there are: {', '.join(UPDATE)}")
        merged: Mapping[str, str] = {**UPDATE, **config.update}
        self._update = {field: Expression(f"update.{field}", path) for field, path in merged.items() if path}
        for field in ("kind", "key", "po_number", "occurred_at"):
            if field not in self._update:
                raise Misconfigured(f"update.{field}: every update needs it, so it cannot be empty (position 0)")
        if b"PROBE-SUPPLIER-SKU" not in self.render(PROBE):
            raise Misconfigured("request: the JSON it builds does not contain the lines' supplier_sku; add it")

    def render(self, purchase: Purchase) -> bytes:
        """The JSON to send, keys sorted, so that one purchase is the same bytes every time.

        Raises Misconfigured when the expression drops the po_number: without it nothing could be found again.
        """
        seen = document(purchase)
        seen["po_number"] = self.number_out(purchase.po_number)
        if self._config.constants:
            seen["constants"] = self._config.constants
        if self._preset:
            for line in seen["lines"]:
                line["currency"] = purchase.currency  # an expression for a line does not see the purchase
        try:
            built = self._request.of(seen)
        except Unreadable as error:
            raise Misconfigured(error.message) from error
        if not _mentions(built, self.number_out(purchase.po_number)):
            raise Misconfigured("request: the JSON it builds does not contain the po_number; add it")
        return msgspec.json.encode(built, order="deterministic")

    def number_out(self, po_number: str) -> str:
        """The number as it stands in what we send and ask."""
        return coded(po_number) if self._config.po_number_form == "alphanumeric" else po_number

    def number_in(self, said: Any, setting: str) -> str:
        """The number that an answer or update names, as it is ours; "" for none. Raises Unreadable."""
        number = text(said, setting)
        return plain(number) if self._config.po_number_form == "alphanumeric" else number

    def answered(self, answer: Any) -> str:
        """The purchase order that an answer to submit or look-up is about; "" for none. Raises Unreadable."""
        return self.number_in(self.answer_po_number.of(answer), "answer_po_number")

    def apart(self, item: Any) -> list[Any]:
        """The single updates in one that was received: itself, unless the preset's dialect puts many into one."""
        return self._preset.apart(item) if self._preset else [item]

    def picked(self, item: Any) -> dict[str, Any]:
        """What the ``update`` expressions find in one update, by field, as it stands there. Raises Unreadable."""
        return {field: found for field in self._update if (found := self._pick(item, field)) is not None}

    def separate(self, item: Any) -> Raw:
        """One update as a payload to store. Without a key of its own it is known by its content."""
        body = msgspec.json.encode(item, order="deterministic")
        try:
            po_number = self.number_in(self._pick(item, "po_number"), "po_number")
            key = text(self._pick(item, "key"), "key")
        except Unreadable:  # reading the stored payload will say so again, to a person
            po_number = key = ""
        return Raw(external_id=po_number, body=body, delivery_id=key or hashlib.sha256(body).hexdigest())

    def read(self, body: bytes) -> tuple[SupplierUpdate, ...]:
        """What a stored payload says: one update, or a list of them. Raises Unreadable; see ``Supplier.read``."""
        try:
            decoded = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise Unreadable(f"the update is not JSON: {error}") from error
        items = decoded if isinstance(decoded, list) else [decoded]
        single = [update for item in items for update in self.apart(item)]
        return tuple(update for item in single if (update := self.one(item)) is not None)

    def read_status(self, body: bytes, asked: Asked) -> tuple[SupplierUpdate, ...]:
        """What a stored answer to the question about one purchase order says; its updates are known by their content."""
        try:
            found = self.status_items.of(msgspec.json.decode(body))
        except msgspec.DecodeError as error:
            raise Unreadable(f"the answer about {asked.po_number} is not JSON: {error}") from error
        items = found if isinstance(found, list) else [] if found is None else [found]
        single = [update for item in items for update in self.apart(item)]
        return tuple(update for item in single if (update := self.one(item, asked)) is not None)

    def _pick(self, item: Any, field: str) -> Any:
        return self._update[field].of(item) if field in self._update else None

    def _text(self, item: Any, field: str) -> str:
        return text(self._pick(item, field), field)

    def one(self, item: Any, asked: Asked | None = None) -> SupplierUpdate | None:
        """What one update says, None where ``status_map`` has null for it. ``asked``: it answers a question of ours."""
        if not isinstance(item, dict):
            raise Unreadable(f"an update should be an object and is {item!r:.100}")
        key, po_number, status = (self._text(item, field) for field in ("key", "po_number", "kind"))
        po_number = self.number_in(po_number, "po_number")
        if asked is not None:
            key, po_number = "by its content", po_number or asked.po_number
            if asked.po_number and po_number != asked.po_number:
                raise Unreadable(f"asked about {asked.po_number}, it answered about {po_number}", field="po_number")
        what = f"update {key or '?'} for purchase order {po_number or '?'}"
        if status not in self._config.status_map:
            raise Unreadable(f"{what}: the status {status!r} is not in the status table; add it there", field="kind")
        kind = self._config.status_map[status]
        if kind is None:
            return None
        if not key:
            raise Unreadable(f"{what}: it has no key of its own", field="key")
        if kind is UpdateKind.INVENTORY:
            po_number = ""
        elif not po_number:
            raise Unreadable(f"{what}: it does not say which purchase order it is about", field="po_number")
        lines = self._lines(item)
        if not lines and kind not in self._config.without_lines:
            raise Unreadable(f"{what}: {kind.value} without lines says nothing about how much", field="lines")
        when = self._pick(item, "occurred_at")
        at = asked.at if asked is not None and when is None else _moment(when, "occurred_at")
        if asked is not None:
            key = _content_key(kind, po_number, lines, self._text(item, "tracking_number"), when)
        return SupplierUpdate(
            kind=kind,
            key=key,
            po_number=po_number,
            occurred_at=at,
            lines=lines if kind is UpdateKind.INVENTORY else _counted(lines, what),
            reference=self._text(item, "reference"),
            message=self._text(item, "message"),
            carrier=self._text(item, "carrier"),
            service=self._text(item, "service"),
            tracking_number=self._text(item, "tracking_number"),
        )

    def _lines(self, item: Any) -> tuple[UpdateLine, ...]:
        found = self._pick(item, "lines")
        if found is None:
            return ()
        if not isinstance(found, list):
            raise Unreadable(f"lines should be a list and is {found!r:.100}", field="lines")
        currency = self._text(item, "currency") or self._config.currency
        return tuple(_line(entry, f"lines[{index}]", currency) for index, entry in enumerate(found))


def _content_key(
    kind: UpdateKind, po_number: str, lines: tuple[UpdateLine, ...], tracking_number: str, when: Any
) -> str:
    """The same for the same thing said again. A parcel is known by its number and what is in it, whatever else is told of it
    later; anything else also by its time, as a state may come back."""
    said = (kind, po_number, tracking_number, lines, None if tracking_number else when)
    return "status:" + hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()


def _line(entry: Any, field: str, currency: str) -> UpdateLine:
    if not isinstance(entry, dict):
        raise Unreadable(f"{field} should be an object and is {entry!r:.100}", field=field)
    sku = text(entry.get("supplier_sku"), f"{field}.supplier_sku")
    number = 0 if entry.get("line") is None else _whole(entry["line"], f"{field}.line")
    if not sku and not number:
        raise Unreadable(f"{field} names neither a line nor a SKU", field=field)
    expected = entry.get("expected_at")
    return UpdateLine(
        supplier_sku=sku,
        quantity=_whole(entry.get("quantity"), f"{field}.quantity"),
        line=number,
        expected_at=_moment(expected, f"{field}.expected_at") if expected else None,
        unit_cost=_cost(entry.get("unit_cost"), currency, f"{field}.unit_cost"),
    )


def _counted(lines: tuple[UpdateLine, ...], what: str) -> tuple[UpdateLine, ...]:
    """The lines with a quantity. None left would read as "everything", so that is Unreadable."""
    counted = tuple(line for line in lines if line.quantity)
    if lines and not counted:
        raise Unreadable(f"{what}: every quantity in it is zero", field="lines")
    return counted
