"""How documents travel to this supplier: as files that lie somewhere, or as AS2 messages that are posted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from engine.connectors.suppliers.x12.config import Config
from engine.errors import NotAuthorised, NotFound, OutcomeUnknown, TryLater
from engine.ports import Accepted, Page
from engine.transports import ways
from engine.transports.as2.partner import Partner
from engine.transports.exchange import Source, file_name, put


class Way(Protocol):
    """What the connector asks of either."""

    async def stage(self, po_number: str, body: bytes) -> None:
        """What can be prepared without the supplier acting on it is."""

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        """The supplier has the 850."""

    async def find(self, po_number: str) -> Accepted | None:
        """Has it? OutcomeUnknown where that cannot be told."""

    async def send(self, kind: str, subject: str, body: bytes) -> None:
        """The supplier has a document that may be said twice: an 860, a 997."""

    async def poll(self, cursor: str | None) -> Page:
        """What lies there to be read."""

    async def finish(self, done: Sequence[str]) -> None:
        """What was read is put away."""

    async def check(self) -> str:
        """It works; with whom, for people."""

    async def close(self) -> None:
        """Nothing is held open."""


class Files:
    """Files, over any ``FileTransport``: see ``engine.transports.exchange``."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._files = ways.transport(config)
        self._delivery = ways.delivery(config, self._files, orders_dir=config.orders_dir, extension=config.extension)
        self._pickup = ways.pickup(
            config,
            self._files,
            [Source("x12", config.answers_dir, config.answers_pattern)] if config.answers_dir else [],
            lambda name, mtime: f"application/edi-x12; modified={mtime}",
        )

    async def stage(self, po_number: str, body: bytes) -> None:
        """The bytes lie at the supplier under a name it ignores. Nothing is staged over an order already delivered."""
        await self._delivery.stage(po_number, body)

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        """The staged file has the name the supplier acts on."""
        return await self._delivery.submit(po_number, body)

    async def find(self, po_number: str) -> Accepted | None:
        """Was it delivered? Exact for attempts that were begun. OutcomeUnknown when the staging directory is gone."""
        return await self._delivery.find(po_number)

    async def send(self, kind: str, subject: str, body: bytes) -> None:
        """The file lies where the supplier reads, under a name of its own, once while it is not taken."""
        name = quote(subject, safe="")
        if kind == "997":
            name += f"-{hashlib.sha256(body).hexdigest()[:8]}"
        try:
            await put(self._files, self._config.orders_dir, f"{kind}-{name}.{self._config.extension}", body)
        except NotFound as error:
            raise NotAuthorised(f"the {kind} {subject} was not delivered. {error.message}") from error

    async def poll(self, cursor: str | None) -> Page:
        """The files that have stopped growing. The cursor carries those that had not, as they were seen last."""
        return await self._pickup.poll(cursor)

    async def finish(self, done: Sequence[str]) -> None:
        """The files lie in ``processed/`` beside where they were. One replaced meanwhile stays for the next poll."""
        await self._pickup.finish(done)

    async def check(self) -> str:
        """The other side lets us in, and every configured directory is there; returns who and where."""
        who = await self._files.check()
        for directory in (self._config.orders_dir, *(source.directory for source in self._pickup.sources)):
            await self._pickup.listing(directory)
        return who

    async def close(self) -> None:
        """The connection is closed."""
        await self._files.close()


class Messages:
    """AS2 messages. There is nothing to stage and nothing to poll: what they say comes to ``POST /as2/{supplier id}``."""

    def __init__(self, config: Config, partner: Partner) -> None:
        self._extension = config.extension
        self._partner = partner

    async def stage(self, po_number: str, body: bytes) -> None:
        """Nothing lies anywhere before it is posted."""

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        """Their MDN says that they have it."""
        return await self._partner.deliver("850", po_number, body, file_name(po_number, self._extension))

    async def find(self, po_number: str) -> Accepted | None:
        """Has an MDN said so? OutcomeUnknown where it was posted and none came."""
        return await self._partner.found("850", po_number)

    async def send(self, kind: str, subject: str, body: bytes) -> None:
        """Their MDN says that they have it. Unanswered, it is posted again under the same Message-ID."""
        try:
            await self._partner.deliver(kind, subject, body, file_name(f"{kind}-{subject}", self._extension))
        except OutcomeUnknown as error:
            raise TryLater(f"the {kind} {subject}: {error.message}") from error

    async def poll(self, cursor: str | None) -> Page:
        """Nothing: what they say is posted to us."""
        return Page((), cursor)

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing was polled."""

    async def check(self) -> str:
        """Something listens at their address; see ``Partner.check``."""
        return await self._partner.check()

    async def close(self) -> None:
        """Connections are closed."""
        await self._partner.close()
