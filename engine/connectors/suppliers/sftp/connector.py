"""Purchase orders as files over SFTP, each delivered once: ``engine.transports.exchange`` says how, and why ``find`` is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import quote

import msgspec

from engine.connectors.supplier_rows import KINDS, Reader, content_type
from engine.connectors.suppliers.sftp.config import Config
from engine.connectors.suppliers.sftp.document import renderer
from engine.connectors.tables import write_csv
from engine.errors import Misconfigured, NotAuthorised, NotFound, Refused
from engine.ports import Accepted, CancelAnswer, Page, Purchase, Raw, SupplierUpdate
from engine.transports.exchange import Delivery, Pickup, Source, put
from engine.transports.sftp import Login, Sftp


class Connector:
    """See the module. ``check`` and every error name the host."""

    slug: ClassVar[str] = "sftp"
    name: ClassVar[str] = "Files over SFTP"
    docs_url: ClassVar[str] = "https://www.openssh.com/specs.html"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"password", "private_key", "passphrase"})
    can_find: ClassVar[bool] = True
    can_cancel: ClassVar[bool] = True
    stages: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        if not config.orders_dir:
            raise Misconfigured("orders_dir is missing: the directory the supplier takes orders from")
        if not config.password and not config.private_key:
            raise Misconfigured("password and private_key are both missing: one of them is needed to log in")
        self._config = config
        self._render = renderer(config)
        self._reader = Reader(config)
        self._sftp = Sftp(
            Login(
                host=config.host,
                port=config.port,
                username=config.username,
                password=config.password,
                private_key=config.private_key,
                passphrase=config.passphrase,
                host_key=config.host_key,
            ),
            timeout=config.timeout,
        )
        self._delivery = Delivery(
            self._sftp,
            orders_dir=config.orders_dir,
            staging_dir=config.staging_dir,
            extension=config.extension or config.format,
        )
        self._pickup = Pickup(
            self._sftp,
            _sources(config),
            lambda name, mtime: content_type(name, mtime, config.format),
            settle_seconds=config.settle_seconds,
            max_file_bytes=config.max_file_bytes,
            files_per_poll=config.files_per_poll,
        )

    # --- out ----------------------------------------------------------------------------------------------------------

    def render(self, purchase: Purchase) -> bytes:
        """The document, from purchase order and configuration alone. Raises Misconfigured if they do not fit."""
        return self._render(purchase)

    async def stage(self, po_number: str, body: bytes) -> None:
        """The bytes lie at the supplier under a name it ignores. Nothing is staged over an order already delivered."""
        await self._delivery.stage(po_number, body)

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        """The staged file has the name the supplier acts on."""
        return await self._delivery.submit(po_number, body)

    async def find(self, po_number: str) -> Accepted | None:
        """Was it delivered? Exact for attempts that were begun. OutcomeUnknown when the staging directory is gone."""
        return await self._delivery.find(po_number)

    async def request_cancel(self, po_number: str) -> CancelAnswer:
        """A cancel file lies in ``cancels_dir``, once while it is not taken; the answer comes in an acknowledgement file."""
        if not self._config.cancel_files:
            raise Refused(f"{self._sftp.peer} takes no cancel files; cancel {po_number} by telephone or e-mail")
        name = f"cancel-{quote(po_number, safe='')}.csv"
        body = write_csv(["po_number", "action"], [[po_number, "cancel"]])
        try:
            await put(self._sftp, self._config.cancels_dir or self._config.orders_dir, name, body)
        except NotFound as error:
            raise NotAuthorised(f"the cancel request for {po_number} was not delivered. {error.message}") from error
        return CancelAnswer.PENDING

    # --- in -----------------------------------------------------------------------------------------------------------

    async def poll(self, cursor: str | None) -> Page:
        """The files that have stopped growing. The cursor carries those that had not, as they were seen last."""
        return await self._pickup.poll(cursor)

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        """What the file says, whole or not at all. Raises Unreadable naming the file and the line."""
        return self._reader.read(raw)

    async def finish(self, done: Sequence[str]) -> None:
        """The files lie in ``processed/`` beside where they were. One replaced meanwhile stays for the next poll."""
        await self._pickup.finish(done)

    # --- both ---------------------------------------------------------------------------------------------------------

    async def check(self) -> str:
        """Logged in, and every configured directory is there; returns who and where. Raises Misconfigured otherwise."""
        who = await self._sftp.check()
        for directory in (self._config.orders_dir, *(source.directory for source in self._pickup.sources)):
            await self._pickup.listing(directory)
        return f"{who}; orders go to {self._config.orders_dir}"

    async def close(self) -> None:
        """The connection is closed."""
        await self._sftp.close()


def _sources(config: Config) -> list[Source]:
    directories = (config.acks_dir, config.shipments_dir, config.inventory_dir)
    patterns = (config.acks_pattern, config.shipments_pattern, config.inventory_pattern)
    # Stock may go back to what it was, under the same name and in the same bytes, and is news all the same.
    return [
        Source(kind, directory, pattern, repeats=kind == "inventory")
        for kind, directory, pattern in zip(KINDS, directories, patterns, strict=True)
        if directory
    ]
