"""What the demo channels have in common: sales come in, the vendor's API shows them, faults fall on its requests.

A channel is a subclass in a module of its own, named by the connector's slug. Tests drive it by the verbs here, so that
one set of cases can be run against every channel, and hear every exchange, so that each can be held against the vendor's
own description.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
from aiohttp import web

from engine.domain.addresses import Address

SHIP_TO = Address(
    name="Ada Byron", line1="1 Main Street", city="Springfield", region="IL", postal_code="62701", country="US",
    phone="+12175550100",
)  # fmt: skip


class SaleLine(msgspec.Struct, frozen=True):
    """What somebody bought; ``unit_price`` in minor units of the sale's currency."""

    sku: str
    quantity: int = 1
    unit_price: int = 1450
    title: str = "Stoneware mug"


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """An order as a customer places it. ``shipping`` is what is paid for ``rate``, in minor units."""

    lines: tuple[SaleLine, ...]
    ship_to: Address = SHIP_TO
    email: str = "ada@example.com"
    currency: str = "USD"
    rate: str = "Free Shipping"
    shipping: int = 0
    note: str = ""
    paid: bool = True
    placed_at: datetime | None = None


class SimParcel(msgspec.Struct, frozen=True):
    """A parcel as the channel has it: ``lines`` are pieces by SKU, empty where the channel does not keep them."""

    tracking_number: str
    carrier: str = ""
    lines: Mapping[str, int] = {}


class ChannelFault(StrEnum):
    """What goes wrong with a request. "After" means that what was asked for was done all the same."""

    NONE = "none"  # a place in a script where nothing goes wrong
    DENY = "deny"  # 401
    THROTTLE = "throttle"  # too many requests, in the vendor's way
    ERROR_BEFORE = "error-before"  # 500, nothing done
    ERROR_AFTER = "error-after"  # 500, done all the same
    LATE = "late"  # done, and answered later than anyone waits
    HANG_UP = "hang-up"  # done, and hangs up without a word
    HALF_ANSWER = "half-answer"  # half of the body, sent as if it were all
    SLOW = "slow"  # dribbles the body


class Exchange(msgspec.Struct, frozen=True):
    """A request and its answer, as they were on the wire (before a fault spoiled the answer)."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes


Handler = Callable[[web.Request], Awaitable[web.Response]]


class ChannelSim(ABC):
    """A channel on loopback, from ``start`` to ``stop``. ``moment`` is its clock, which tests move by ``pass_time``."""

    slug: str
    partials = True  # takes parcels of some lines
    refunds = True  # takes pieces back before they are sent
    # What the cases of engine.demo.contract have to know besides.
    breaks = True  # something goes wrong with its requests when asked to
    rereads = True  # an order can be read again by its id
    tells_changes = True  # an order that was changed comes again by itself
    stays_open = True  # an order is not shipped before its last parcel
    counts_pieces = True  # refuses a parcel of more pieces than are open
    sells_unpaid = True  # shows orders that are not paid yet
    pays = False  # and ``pay`` pays them
    renews = False  # tokens end there, and others are given
    lists = False  # tells what is offered, which is the demo's catalogue
    wishes = False  # customers can ask there to cancel, by ``ask_to_cancel``
    vanishes = False  # orders can be removed by ``vanish``
    currencies: tuple[str, ...] = ("USD", "JPY", "KWD")
    small_pages: Mapping[str, object] = {"page_size": 2}
    """Settings by which a walk has many pages; those its connector does not know are left out."""

    def __init__(self, *, seed: int = 0, late: float = 60.0, retry_after: int = 1) -> None:
        self.rng = random.Random(seed)  # noqa: S311  repeatable, not secret
        self.late, self.retry_after = late, retry_after
        self.heard: list[Callable[[Exchange], None]] = []
        self.counts: Counter[str] = Counter()
        self.url = ""
        self._ahead = timedelta()
        self._still: datetime | None = None
        self._script: dict[str, deque[ChannelFault]] = {}
        self._always: dict[ChannelFault, float] = {}
        self._runner: web.AppRunner | None = None

    # --- its clock

    def moment(self) -> datetime:
        """What time it is there."""
        return (self._still or datetime.now(UTC)) + self._ahead

    def stand_still(self) -> None:
        """Its clock stops at a full second and goes on by ``pass_time`` alone."""
        self._still = datetime.now(UTC).replace(microsecond=0)

    def pass_time(self, by: timedelta) -> None:
        """Its clock goes on by so much."""
        self._ahead += by

    # --- what happens there

    @abstractmethod
    def place(self, sale: Sale) -> str:
        """Somebody bought this; the order's id as the API has it."""

    @abstractmethod
    def cancel(self, external_id: str) -> None:
        """The whole order is canceled there."""

    @abstractmethod
    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        """So many pieces of a line will not be wanted, and are paid back. Raises NotImplementedError where not ``refunds``."""

    @abstractmethod
    def touch(self, external_id: str, *, note: str) -> None:
        """Somebody edits the order there, which changes when it was last changed."""

    def pay(self, external_id: str) -> None:
        """An order that was placed unpaid is paid; where ``pays``."""
        raise NotImplementedError

    def ask_to_cancel(self, external_id: str, reason: str = "") -> None:
        """The customer asks not to be sent what has not shipped; where ``wishes``. ``reason`` in the channel's words."""
        raise NotImplementedError

    def vanish(self, external_id: str) -> None:
        """The order is there no more, not even as a canceled one; where ``vanishes``."""
        raise NotImplementedError

    @abstractmethod
    def parcels(self, external_id: str) -> list[SimParcel]:
        """What the channel has been told of, each once."""

    @abstractmethod
    def state(self, external_id: str) -> str:
        """Where the order stands there: pending, open, partially_shipped, shipped or canceled."""

    # --- how it is connected

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """How to connect to it, but for the secrets."""

    @abstractmethod
    def secrets(self) -> dict[str, str]:
        """The secrets that a connection to it needs."""

    # --- the wire

    @abstractmethod
    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """Its API: (method, path as aiohttp wants it, the operation's name, handler). Token endpoints too."""

    def named(self, operation: str, body: bytes) -> str:
        """The operation of a request, where one address has many."""
        return operation

    def throttled(self) -> web.Response:
        """How it says that there were too many requests."""
        return web.json_response({"error": "slow down"}, status=429, headers={"Retry-After": str(self.retry_after)})

    def denied(self) -> web.Response:
        """How it says that it does not know who asks."""
        return web.json_response({"error": "unauthorized"}, status=401)

    def script(self, operation: str, *faults: ChannelFault) -> None:
        """The next requests for an operation meet these faults, one each; ``*`` is any operation but the token's."""
        self._script.setdefault(operation, deque()).extend(faults)

    def calm(self) -> None:
        """From here on nothing goes wrong."""
        self._script.clear()
        self._always.clear()

    def always(self, chances: Mapping[ChannelFault, float]) -> None:
        """From here on requests meet these faults by chance, those for tokens excepted."""
        self._always = dict(chances)

    async def start(self, port: int = 0) -> str:
        """It listens on loopback; its address."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        for method, path, operation, handler in self.routes():
            app.router.add_route(method, path, self._wrapped(operation, handler))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Nothing listens any more; what is sold there stays."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _draw(self, operation: str) -> ChannelFault:
        for name in (operation, *(["*"] if not operation.startswith("token") else [])):
            if queue := self._script.get(name):
                fault = queue.popleft()
                break
        else:
            if not self._always or operation.startswith("token"):
                return ChannelFault.NONE
            rest = max(0.0, 1.0 - sum(self._always.values()))
            (fault,) = self.rng.choices([*self._always, ChannelFault.NONE], [*self._always.values(), rest])
        if fault is not ChannelFault.NONE:
            self.counts[f"{operation}.{fault.value}"] += 1
        return fault

    def _wrapped(self, operation: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            name = self.named(operation, body)
            fault = self._draw(name)
            self.counts[name] += 1
            if fault is ChannelFault.ERROR_BEFORE:
                return web.Response(status=500, text="internal error")
            if fault is ChannelFault.THROTTLE:
                answer = self.throttled()
            elif fault is ChannelFault.DENY:
                answer = self.denied()
            else:
                answer = await handler(request)
            content = answer.body if isinstance(answer.body, bytes) else b""
            said = Exchange(
                request.method,
                str(request.url),
                dict(request.headers),
                body,
                answer.status,
                dict(answer.headers),
                content,
            )
            for listener in self.heard:
                listener(said)
            return await self._spoiled(request, fault, answer, content)

        return handle

    async def _spoiled(
        self, request: web.Request, fault: ChannelFault, answer: web.Response, content: bytes
    ) -> web.StreamResponse:
        if fault is ChannelFault.ERROR_AFTER:
            return web.Response(status=500, text="internal error")
        if fault is ChannelFault.HANG_UP:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        if fault is ChannelFault.LATE:
            await asyncio.sleep(self.late)
        if fault is ChannelFault.HALF_ANSWER:
            return web.Response(
                status=answer.status, body=content[: len(content) // 2], content_type=answer.content_type
            )
        if fault is ChannelFault.SLOW:
            return await _dribbled(request, answer, content)
        return answer


async def _dribbled(request: web.Request, answer: web.Response, content: bytes) -> web.StreamResponse:
    slow = web.StreamResponse(status=answer.status, headers={"Content-Length": str(len(content))})
    slow.content_type = answer.content_type
    await slow.prepare(request)
    step = max(1, len(content) // 8)
    for start in range(0, len(content), step):
        await slow.write(content[start : start + step])
        await asyncio.sleep(0.02)
    await slow.write_eof()
    return slow
