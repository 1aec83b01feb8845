"""What some channels offer beside ``engine.ports.Channel``. Each is optional; the engine asks by ``isinstance``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from engine.ports import Page


@runtime_checkable
class Acknowledges(Protocol):
    """A channel that wants to hear that an order has arrived with us."""

    async def acknowledge(self, external_id: str) -> None:
        """The channel knows that we work on the order. Idempotent. Raises as ``push_tracking`` does."""


class CancelWish(msgspec.Struct, frozen=True):
    """The customer asks not to be sent what was ordered, and nobody has answered yet: a wish, and no cancellation.

    ``reason`` is theirs, "" where it is not told. ``lines`` are the ids of the lines it is about; none: all of the order.
    """

    reason: str = ""
    lines: tuple[str, ...] = ()


@runtime_checkable
class CancelsOrders(Protocol):
    """A channel where the seller can cancel what will not be shipped."""

    async def cancel_order(self, external_id: str, lines: Sequence[tuple[str, int]], reason: str) -> None:
        """The channel has taken the cancellation of so many pieces more of these lines (its line ids); no lines: of all
        that is open. That it was done shows when the order is read again, which is also done before this is told once more.

        Raises Refused where the channel does not let us (parts of an order, an order that has shipped …).
        """


class ListedItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something offered at a channel. ``sku`` is what its orders' lines will say; "" where the channel has none.

    ``barcode`` is a UPC, EAN or ISBN as the channel has it. ``active`` false: nobody can buy it now.
    """

    external_id: str
    sku: str
    title: str
    barcode: str = ""
    active: bool = True


class ListedPage(msgspec.Struct, frozen=True):
    """Some of what is offered. ``next`` is the cursor of the following page, None at the end."""

    items: tuple[ListedItem, ...]
    next: str | None = None


@runtime_checkable
class HasListings(Protocol):
    """A channel that tells what is offered there."""

    async def listed(self, cursor: str | None) -> ListedPage:
        """One page of everything offered, in a stable order."""


@runtime_checkable
class Scarce(Protocol):
    """A channel that can be asked so seldom that a long walk takes hours. The class itself is asked.

    ``poll_seconds`` and ``rescan_seconds`` are how often it can be polled and its open orders be read again for good, and what
    a new channel is set to. ``walk_lasts``: so long a walk's cursor stays good; a poll that found no rate left goes on there
    at the next.
    """

    poll_seconds: ClassVar[int]
    rescan_seconds: ClassVar[int]
    walk_lasts: ClassVar[timedelta]


@runtime_checkable
class TellsWholeOrders(Protocol):
    """A channel that knows no parts of orders: the first parcel it hears of makes all of the order shipped there.

    It is told of an order's parcels once nothing of the order is left to be shipped. The class itself is asked.
    """

    tells_whole_orders: ClassVar[bool]


@runtime_checkable
class ComparesAccounts(Protocol):
    """A channel whose settings show which account they lead to, so that none is connected twice. The class itself is asked."""

    @staticmethod
    def same_account(one: Any, other: Any) -> bool:
        """Would these two configurations read the same orders, as far as can be told without asking? In doubt, no. Pure."""


@runtime_checkable
class TakesFiles(Protocol):
    """A channel into which orders can be pushed as a file, without its lying anywhere."""

    def orders_in(self, name: str, body: bytes) -> Page:
        """All orders of the file on one page; what no order can be made of is ``rejected`` with its reason. Pure.

        Raises Unreadable for what has no orders at all.
        """


@runtime_checkable
class Scoped(Protocol):
    """A channel whose credentials are for certain things only. The class itself is asked."""

    scopes: ClassVar[tuple[str, ...]]


@runtime_checkable
class HasWaysIn(Protocol):
    """A channel that can be entered by one of several credentials. The class itself is asked.

    ``ways_in`` are the settings of each way, beside those that are required whichever it is.
    """

    ways_in: ClassVar[tuple[tuple[str, ...], ...]]


@runtime_checkable
class Authorises(Protocol):
    """A channel that its owner lets us into in a browser (OAuth 2 with a redirect to us). The class itself is asked.

    ``authorise_needs`` are the settings that must be there before (client id, shop address …); ``authorise_gives`` those
    that ``redeem`` returns.
    """

    authorise_needs: ClassVar[tuple[str, ...]]
    authorise_gives: ClassVar[tuple[str, ...]]

    @staticmethod
    def authorise_url(settings: Mapping[str, Any], redirect_uri: str, state: str, challenge: str) -> str:
        """Where the owner says yes. ``challenge`` is the S256 code challenge, for those that know PKCE. Pure."""

    @staticmethod
    async def redeem(
        settings: Mapping[str, Any], answer: Mapping[str, str], redirect_uri: str, verifier: str
    ) -> dict[str, str]:
        """Settings (secrets among them) in exchange for the query the owner came back with. Its state was found right.

        Raises NotAuthorised where the owner said no or the channel does not take the code.
        """


@runtime_checkable
class FetchesKeys(Protocol):
    """A channel whose calls to us are signed with keys that it publishes; optional, beside ``TakesHooks``."""

    async def learn(self, headers: Mapping[str, str]) -> None:
        """``verify_hook`` has the key that the call says it is signed with, if the channel knows of it. Asked before it.

        Raises Refused for a call that names no key, and TryLater.
        """


@runtime_checkable
class ProvesAddress(Protocol):
    """A channel that asks whether an address is ours before it calls there; optional, beside ``TakesHooks``."""

    def prove(self, query: Mapping[str, str]) -> dict[str, str]:
        """The answer, as JSON, to the query that it asks with. Pure. Raises Refused, and Misconfigured without a secret."""
