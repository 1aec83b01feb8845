"""Purchase orders as files, each delivered once: ``engine.transports.exchange`` says how, and why ``find`` is exact.

The files travel by SFTP, FTPS, FTP or a folder (``engine.transports.ways``) and look as saved templates say (``Layout``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

import msgspec

from engine.connectors.suppliers.files.config import INCOMING, KINDS, Config
from engine.connectors.suppliers.files.document import renderer
from engine.connectors.suppliers.files.mapping import FileReader
from engine.connectors.tables import write_csv
from engine.errors import Misconfigured, NotAuthorised, NotFound, Refused
from engine.ports import Accepted, CancelAnswer, Page, Parts, Purchase, Raw, SupplierUpdate, Tried
from engine.transports import ways
from engine.transports.exchange import Source, put


class Connector:
    """See the module. ``check`` and every error name the host."""

    slug: ClassVar[str] = "files"
    name: ClassVar[str] = "Files (SFTP, FTPS, FTP, folder)"
    docs_url: ClassVar[str] = "https://www.openssh.com/specs.html"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = ways.SECRETS
    can_find: ClassVar[bool] = True
    can_cancel: ClassVar[bool] = True
    stages: ClassVar[bool] = True
    template_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(KINDS, ())

    def __init__(self, config: Config) -> None:
        if unknown := set(config.layouts) - set(KINDS):
            raise Misconfigured(f"layouts: there is no {sorted(unknown)[0]!r}; there are: {', '.join(KINDS)}")
        self._config = config
        self._render = renderer(config)
        self._reader = FileReader(config)
        self._files = ways.transport(config)
        extension = config.extension or _ENDINGS[config.layout("orders").format or config.format]
        self._delivery = ways.delivery(config, self._files, orders_dir=config.orders_dir, extension=extension)
        self._pickup = ways.pickup(config, self._files, _sources(config), self._reader.content_type)

    # --- out ----------------------------------------------------------------------------------------------------------

    def render(self, purchase: Purchase) -> bytes:
        """The document, from purchase order and configuration alone. Raises Invalid if they do not fit."""
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
            raise Refused(f"{self._files.peer} takes no cancel files; cancel {po_number} by telephone or e-mail")
        name = f"cancel-{quote(po_number, safe='')}.csv"
        body = write_csv(["po_number", "action"], [[po_number, "cancel"]])
        try:
            await put(self._files, self._config.cancels_dir or self._config.orders_dir, name, body)
        except NotFound as error:
            raise NotAuthorised(f"the cancel request for {po_number} was not delivered. {error.message}") from error
        return CancelAnswer.PENDING

    # --- in -----------------------------------------------------------------------------------------------------------

    async def poll(self, cursor: str | None) -> Page:
        """The files that have stopped growing. The cursor carries those that had not, as they were seen last."""
        return await self._pickup.poll(cursor)

    def read_parts(self, raw: Raw) -> Parts:
        """What the file says. Of stock and invoices the good rows count, of all else the whole file or nothing."""
        return self._reader.read_parts(raw)

    def try_file(self, kind: str, name: str, body: bytes) -> Tried:
        """Every row of a sample and every reason why one could not be used. Raises Invalid for an unknown kind."""
        return self._reader.try_file(kind, name, body)

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        """What the file says, whole or not at all. Raises Unreadable naming the file and the line."""
        return self._reader.read(raw)

    async def finish(self, done: Sequence[str]) -> None:
        """The files lie in ``processed/`` beside where they were. One replaced meanwhile stays for the next poll."""
        await self._pickup.finish(done)

    # --- both ---------------------------------------------------------------------------------------------------------

    async def check(self) -> str:
        """Logged in, and every configured directory is there; returns who and where. Raises Misconfigured otherwise."""
        who = await self._files.check()
        for directory in (self._config.orders_dir, *(source.directory for source in self._pickup.sources)):
            await self._pickup.listing(directory)
        return f"{who}; orders go to {self._config.orders_dir}"

    async def close(self) -> None:
        """The connection is closed."""
        await self._files.close()


_ENDINGS = {"csv": "csv", "fixed": "txt", "json": "json", "xml": "xml"}


def _sources(config: Config) -> list[Source]:
    # Stock may go back to what it was, under the same name and in the same bytes, and is news all the same.
    return [
        Source(kind, directory, getattr(config, f"{kind}_pattern"), repeats=kind == "inventory")
        for kind in INCOMING
        if (directory := getattr(config, f"{kind}_dir"))
    ]
