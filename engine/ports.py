"""What the engine asks of a channel and of a supplier, and the payload types that cross that line.

A connector is a package ``engine/connectors/{channels,suppliers}/<slug>`` whose ``connector`` module has a class
named ``Connector`` that satisfies one of the protocols here. Connectors hold no state the database should hold:
cursors come in as arguments and go out in pages.

Every payload is stored raw before ``read`` interprets it, so ``read`` is pure and can be run again years later.
Money is integer minor units of ``currency``. Times are aware UTC. Errors are those of ``engine.errors`` and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

import msgspec

from engine.domain.addresses import Address as Address  # lives in the domain; part of this contract
from engine.errors import BluebookError
from engine.ports_channels import CancelWish as CancelWish
from engine.ports_people import (
    SAID as SAID,  # what suppliers offer whose people read what we send; part of this contract
)
from engine.ports_people import Enclosed as Enclosed
from engine.ports_people import Encloses as Encloses
from engine.ports_people import Reminder as Reminder
from engine.ports_people import Reminds as Reminds


class Raw(msgspec.Struct, frozen=True):
    """One payload exactly as received. ``external_id`` names the order or document; ``delivery_id`` makes receipt idempotent.

    The same bytes of the same ``document`` are the same payload; where it is empty, the external_id says what they are of.
    """

    external_id: str
    body: bytes
    content_type: str = "application/json"
    delivery_id: str | None = None
    document: str = ""


class Rejected(msgspec.Struct, frozen=True):
    """A part of a page that could not even be separated into payloads (a CSV row, say): parked with its reason.

    ``lines`` are the numbers of its lines in what was read, where it has lines.
    """

    raw: Raw
    reason: str
    field: str | None = None
    lines: tuple[int, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """Some payloads in a stable order. ``next`` is the cursor of the following page, None at the end.

    ``done`` is handed back to ``finish`` once everything in the page is stored (files to move, messages to flag).
    """

    items: tuple[Raw, ...]
    next: str | None = None
    rejected: tuple[Rejected, ...] = ()
    done: tuple[str, ...] = ()


# --- What comes in by HTTP --------------------------------------------------------------------------------------------


class Hook(msgspec.Struct, frozen=True):
    """What a genuine call to our address means. Nothing in it: a ping, to be answered and no more.

    ``raw`` is a payload to store and read. ``refresh`` are external ids of a channel's orders to be read again from it;
    ``delivery_id`` then tells a delivery that was seen before.
    """

    raw: Raw | None = None
    refresh: tuple[str, ...] = ()
    delivery_id: str = ""


@runtime_checkable
class TakesHooks(Protocol):
    """A connector of either kind whose other side can call us; optional."""

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Hook:
        """What the call means, once its signature over the raw body was found right in constant time. Pure.

        Raises Refused for a call that is not genuine or too old, Unreadable, and Misconfigured without a secret.
        """


# --- Channels ---------------------------------------------------------------------------------------------------------


class Payment(StrEnum):
    """Has the customer paid? Anything a connector cannot place here is ``Unreadable``."""

    PAID = "paid"
    UNPAID = "unpaid"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"


class ChannelState(StrEnum):
    """Where the order stands at the channel."""

    OPEN = "open"  # to be shipped by us
    PENDING = "pending"  # not payable or not released yet: we wait
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    CANCELED = "canceled"


class ChannelLine(msgspec.Struct, frozen=True):
    """One line. ``quantity`` is what was ordered at first; ``canceled`` what the channel has canceled or refunded since."""

    external_id: str
    sku: str
    title: str
    quantity: int
    unit_price: int
    canceled: int = 0
    shipped: int = 0


class ChannelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the channel tells it. ``number`` is what the customer sees, ``external_id`` what the API wants.

    ``waits_for`` is why it is PENDING, where the channel says it (a hold, a date …). ``cancel_wish`` leaves it OPEN.
    """

    external_id: str
    number: str
    state: ChannelState
    payment: Payment
    placed_at: datetime
    updated_at: datetime
    currency: str
    total: int
    lines: tuple[ChannelLine, ...]
    ship_to: Address
    bill_to: Address | None = None
    email: str = ""
    shipping_rate: str = ""
    shipping_total: int = 0
    tax_total: int = 0
    discount_total: int = 0
    note: str = ""
    fraud: str | None = None
    waits_for: str = ""
    cancel_wish: CancelWish | None = None


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One shipment to tell a channel about. ``key`` is ours and the same on every attempt.

    ``lines`` are (channel line id, quantity). ``last`` is true when nothing of the order remains to be shipped after it.
    ``also`` are the numbers of earlier parcels that the channel refused as INCOMPLETE_PARCEL and this one completes; those
    it refused as NO_WHOLE_PIECE it has no place for.
    """

    key: str
    order_external_id: str
    carrier: str
    carrier_name: str
    tracking_number: str
    tracking_url: str
    service: str
    shipped_at: datetime
    lines: tuple[tuple[str, int], ...]
    last: bool
    also: tuple[str, ...] = ()


class ChannelParcel(msgspec.Struct, frozen=True):
    """A shipment as the channel has it, read back. ``key`` is ours where the channel can carry it, else None."""

    tracking_number: str
    key: str | None = None
    reference: str = ""


class Channel(Protocol):
    """A place where things are sold."""

    slug: ClassVar[str]
    name: ClassVar[str]
    docs_url: ClassVar[str]
    config_type: ClassVar[type[msgspec.Struct]]
    secret_fields: ClassVar[frozenset[str]]

    def __init__(self, config: Any) -> None:
        """``config`` is an instance of ``config_type``. Opens nothing; connections are made on first use."""

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """One page of orders changed at or after ``since``; ``cursor`` continues a walk. Stable order, overlap is welcome."""

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """These orders as they stand now (the open-order rescan). Ones that no longer exist are simply missing."""

    def read(self, raw: Raw) -> ChannelOrder:
        """What the payload says. Pure. Raises Unreadable with the field that is wrong; never guesses."""

    async def push_tracking(self, parcel: Parcel) -> str:
        """The channel knows this parcel; returns its reference. Calling it twice with one ``key`` leaves one parcel."""

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The parcels the channel now has, by order external id. Orders it does not know are missing from the answer."""

    async def finish(self, done: Sequence[str]) -> None:
        """The pages these tokens came from are stored: move the files, flag the messages. Idempotent."""

    async def check(self) -> str:
        """The connection works; returns a line a person can read (which store, which user)."""

    async def close(self) -> None:
        """Connections are closed."""


@runtime_checkable
class HasOrderPages(Protocol):
    """A channel whose orders have a page of their own where its people work; optional. The class itself is asked."""

    @staticmethod
    def order_page(settings: Mapping[str, Any], external_id: str) -> str:
        """The address of that page, from the settings that are no secrets; "" where they do not say it. Pure."""


@runtime_checkable
class PushesMany(Protocol):
    """A channel that can be told of many parcels in few calls; optional, beside ``push_tracking``."""

    async def push_many(self, parcels: Sequence[Parcel]) -> dict[str, str | BluebookError]:
        """By parcel key: the channel's reference, or the error ``push_tracking`` would have raised for that parcel.

        At most one parcel of an order in a call. Idempotent by key, also after a call that was broken off. Raises only
        when nothing at all can be said.
        """


# --- Suppliers --------------------------------------------------------------------------------------------------------


class PurchaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a purchase order. ``line`` counts from 1 and is how the supplier names it back to us."""

    line: int
    supplier_sku: str
    sku: str
    title: str
    quantity: int
    unit_cost: int


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase order as it is to be sent. ``po_number`` is the idempotency key and must be on the wire."""

    po_number: str
    order_number: str
    currency: str
    ship_to: Address
    method_code: str
    method_name: str
    placed_at: datetime
    lines: tuple[PurchaseLine, ...]
    note: str = ""


class Accepted(msgspec.Struct, frozen=True):
    """The supplier has the purchase order. ``reference`` is its own number for it, where it gave one."""

    reference: str = ""
    detail: str = ""


class UpdateKind(StrEnum):
    """What a supplier can tell us about a purchase order."""

    ACKNOWLEDGED = "acknowledged"
    BACKORDERED = "backordered"
    REJECTED = "rejected"
    SHIPPED = "shipped"
    CANCELED = "canceled"
    CANCEL_REFUSED = "cancel_refused"
    RECEIVED = "received"  # its system has read it; that it will ship is another matter
    UNDELIVERED = "undelivered"  # what we sent came back: it never reached the supplier
    DOUBTFUL = "doubtful"  # part of what we sent came back: it may have reached the supplier or not
    NOTED = "noted"  # to be known, and no more: neither that it has arrived nor that it has not
    INVOICED = "invoiced"
    INVENTORY = "inventory"


class UpdateLine(msgspec.Struct, frozen=True):
    """A quantity of one line: by ``line`` number where the supplier keeps it (else 0), by supplier SKU otherwise."""

    supplier_sku: str
    quantity: int
    line: int = 0
    expected_at: datetime | None = None
    unit_cost: int | None = None  # in INVENTORY updates: the supplier's present cost


class InvoiceLine(msgspec.Struct, frozen=True):
    """What is charged for one line: pieces, and the cost of one in minor units, None where the invoice does not say."""

    supplier_sku: str
    quantity: int
    unit_cost: int | None = None
    line: int = 0


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier's invoice for one purchase order, or its credit note. Amounts are minor units of ``currency``.

    ``total`` None: not said. ``charges`` are freight, taxes and allowances together, as far as it says them. ``unclear`` is why
    its lines could not be read, where they could not.
    """

    number: str
    currency: str
    lines: tuple[InvoiceLine, ...]
    total: int | None = None
    charges: int = 0
    credit: bool = False
    unclear: str = ""


class SupplierUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a supplier says. ``key`` identifies it at the supplier, so that hearing it twice changes nothing twice.

    No ``lines`` means all that is still open of the purchase order. For INVENTORY, lines are stock and po_number is "".
    ``control`` instead of a po_number: it speaks of the document we sent under that number (``NumbersDocuments``).
    ``invoice`` is what an INVOICED update says, where it says more than its message.
    """

    kind: UpdateKind
    key: str
    po_number: str
    occurred_at: datetime
    lines: tuple[UpdateLine, ...] = ()
    reference: str = ""
    message: str = ""
    carrier: str = ""
    service: str = ""
    tracking_number: str = ""
    control: int = 0
    invoice: Invoice | None = None


class CancelAnswer(StrEnum):
    """What the supplier says to a cancel request at once. PENDING: the answer comes later as an update, and without
    one it is asked again after ``engine.services.cancel.ASK_AGAIN``."""

    CANCELED = "canceled"
    REFUSED = "refused"
    PENDING = "pending"


class Supplier(Protocol):
    """Someone who ships for us."""

    slug: ClassVar[str]
    name: ClassVar[str]
    docs_url: ClassVar[str]
    config_type: ClassVar[type[msgspec.Struct]]
    secret_fields: ClassVar[frozenset[str]]
    can_find: ClassVar[bool]
    can_cancel: ClassVar[bool]
    stages: ClassVar[bool]

    def __init__(self, config: Any) -> None:
        """``config`` is an instance of ``config_type``. Opens nothing; connections are made on first use."""

    def render(self, purchase: Purchase) -> bytes:
        """The bytes that will go out. Pure: the same purchase gives the same bytes on every attempt."""

    async def stage(self, po_number: str, body: bytes) -> None:
        """Whatever can be prepared without the supplier acting on it (a file under a temporary name). Idempotent.

        Runs before the attempt is recorded as begun, and only where ``stages``. Raises TryLater or NotAuthorised.
        """

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        """The supplier has the purchase order.

        Raises TryLater (nothing left the house, or a 429), Refused, OutcomeUnknown (it left; no answer), NotAuthorised.
        """

    async def find(self, po_number: str) -> Accepted | None:
        """Does the supplier have this purchase order? None is a definite no. Only called where ``can_find``."""

    async def poll(self, cursor: str | None) -> Page:
        """What the supplier has to say since ``cursor`` (an opaque text this connector made). Overlap is welcome.

        ``Page.next`` is the cursor to keep, also when there was nothing; an unchanged cursor and no items means: up to date.
        """

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        """What the payload says. Pure. Raises Unreadable; an unknown status is never taken for a known one."""

    async def finish(self, done: Sequence[str]) -> None:
        """The pages these tokens came from are stored: move the files away. Idempotent."""

    async def request_cancel(self, po_number: str) -> CancelAnswer:
        """The supplier was asked to cancel. Idempotent. Raises Refused where ``can_cancel`` is false."""

    async def check(self) -> str:
        """The connection works; returns a line a person can read."""

    async def close(self) -> None:
        """Connections are closed."""


@runtime_checkable
class AsksAbout(Protocol):
    """A supplier without a feed of updates, which is asked about each purchase order that is open there; optional.

    ``ask_every``: seconds from the beginning of one round of questions to that of the next, 0 where ``poll`` has a feed.
    ``ask_most``: purchase orders in one poll.
    """

    ask_every: float
    ask_most: int

    async def ask(self, po_numbers: Sequence[str]) -> Page:
        """What it says of each; one that got no answer is left out, its turn comes again. Raises where none got one."""


# --- Suppliers whose documents are numbered ---------------------------------------------------------------------------


@runtime_checkable
class NumbersDocuments(Protocol):
    """A supplier whose documents carry control numbers, unique and rising with each partner; optional, beside the above.

    ``partner`` names the two ends the numbers are between, so that they go on where a connection is made anew.
    """

    partner: str
    first_number: int
    receipt_hours: float

    def number(self, body: bytes, number: int, at: datetime) -> bytes:
        """A rendered document with its number and the time that was given out. Pure."""

    def render_cancel(self, purchase: Purchase) -> bytes:
        """The request to cancel it, not numbered yet. Pure. Raises Refused where the supplier takes none."""

    async def send_cancel(self, po_number: str, body: bytes) -> CancelAnswer:
        """``request_cancel`` with the numbered request. Idempotent."""

    def receipts(self, raw: Raw) -> tuple[bytes, ...]:
        """What is owed for having received this, not numbered yet; nothing where nothing is owed. Pure, never raises."""

    async def send_receipt(self, number: int, body: bytes) -> None:
        """The numbered receipt is with the supplier. Idempotent."""


class Parts(msgspec.Struct, frozen=True):
    """What could be read of a payload, and why the rest could not: it is parked, and what could be read counts."""

    updates: tuple[SupplierUpdate, ...]
    problems: tuple[str, ...] = ()
    field: str = ""


@runtime_checkable
class ReadsInParts(Protocol):
    """A supplier whose payloads hold many documents, so that a bad one must not keep the others; optional."""

    def read_parts(self, raw: Raw) -> Parts:
        """``read``, document by document. Pure, never raises."""


# --- Suppliers whose files look as templates say ----------------------------------------------------------------------


class Tried(msgspec.Struct, frozen=True):
    """A sample as it would be read. ``rows`` are (place, what it says), ``problems`` name place and reason of what is not."""

    rows: tuple[tuple[str, dict[str, str]], ...]
    updates: tuple[SupplierUpdate, ...]
    problems: tuple[str, ...]


@runtime_checkable
class HasTemplates(Protocol):
    """A supplier whose documents have a layout that people set; optional.

    By kind of document, the settings that its layout is made of; where there are none named, it is the kind's own entry under
    the setting ``layouts``.
    """

    template_kinds: ClassVar[Mapping[str, tuple[str, ...]]]

    def try_file(self, kind: str, name: str, body: bytes) -> Tried:
        """What a file of this kind says, row by row, with all that is wrong with it. Pure, raises Invalid for the kind."""
