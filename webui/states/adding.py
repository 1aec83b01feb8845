"""Adding a channel or a supplier: a connector is chosen, its settings are asked for, tried, and then saved."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from engine.connectors import fields as config
from engine.connectors import registry
from engine.domain.roles import Permission
from engine.errors import BluebookError, Invalid, Misconfigured
from engine.services import setup
from engine.services.connections import Table
from webui import words
from webui.states import connection
from webui.states.base import Book, on
from webui.states.channels import channel_href
from webui.states.connection import FieldView
from webui.states.suppliers import supplier_href

PREFIX = "set."
"""Before the names of the connector's own settings in the form: some are called as ours are."""


@dataclass
class ConnectorLink:
    """A connector there is."""

    slug: str = ""
    title: str = ""
    href: str = ""


class Adding(Book):
    """The page of adding one. What is typed stays in the form until it is saved, and nowhere else."""

    connectors: list[ConnectorLink] = []
    connector: str = ""
    title: str = ""
    docs: str = ""
    fields: list[FieldView] = []
    more_fields: list[FieldView] = []
    problem: str = ""
    untested: bool = False
    busy: bool = False
    ready: bool = False

    def _table(self) -> Table:
        return "suppliers" if self.router.url.path.startswith("/suppliers") else "channels"

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows the connectors, and the form of the one that its address names."""
        table = self._table()
        self.problem, self.untested, self.busy = "", False, False
        # Beside the loop: every connector is loaded for its name, which takes a second the first time.
        self.connectors = await asyncio.to_thread(_connectors, table)
        self.connector = self.params.get("connector", "")
        self.fields, self.more_fields, self.title, self.docs = [], [], "", ""
        if self.connector:
            try:
                kind = connection.kind_of(table, self.connector)
            except Misconfigured as error:
                self.problem, self.connector = words.sentence(error.message), ""
            else:
                self.title, self.docs = kind.name, kind.docs_url
                self.fields, self.more_fields = connection.parted(connection.field_views(kind, {}, prefix=PREFIX))
        self.ready = True

    @on(Permission.CHANNELS, background=True)
    async def add_channel(self, form: dict[str, Any]) -> Any:
        """The channel is tried and then there; its settings open."""
        made = await self._add("channels", form)
        return made and rx.redirect(channel_href(made.id))

    @on(Permission.SUPPLIERS, background=True)
    async def add_supplier(self, form: dict[str, Any]) -> Any:
        """The supplier is tried and then there; its settings open."""
        made = await self._add("suppliers", form)
        return made and rx.redirect(supplier_href(made.code))

    async def _add(self, table: Table, form: dict[str, Any]) -> Any:
        given = connection.text_of(form)
        async with self:
            by, slug = self.by, self.connector
            self.busy, self.problem, self.untested = True, "", False
        said, made = "", None
        try:
            kind = connection.kind_of(table, slug)
            name, code = given.get("name", "").strip(), given.get("code", "").strip()
            if not name or (table == "suppliers" and not code):
                raise Invalid(
                    "give it a name" if not name else "give it a code: a short word for lists, such as ACME", "name"
                )
            values = config.read(kind, _own(given), {})
            if "untested" not in given:
                said = await self._tried(table, slug, values)
            if table == "channels":
                made = await setup.add_channel(name, slug, values, by)
            else:
                currency = given.get("currency", "").strip().upper() or "USD"
                made = await setup.add_supplier(name, code, slug, values, by, currency=currency)
        except BluebookError as error:
            async with self:
                self.problem = words.sentence(error.message)
        finally:
            async with self:
                self.busy = False
        if made is not None:
            async with self:
                self.say(f"{made.name} is added{f': {said}' if said else ''}.", "good")
        return made

    async def _tried(self, table: Table, slug: str, values: dict[str, Any]) -> str:
        try:
            return await setup.try_settings(table, slug, values)
        except Misconfigured:
            raise
        except BluebookError as error:
            async with self:
                self.untested = True
            raise Invalid(f"it does not work: {error.message}. Nothing was saved", None) from error


def _connectors(table: Table) -> list[ConnectorLink]:
    return [
        ConnectorLink(slug, connection.kind_of(table, slug).name, f"/{table}/new?connector={slug}")
        for slug in registry.available(table)
    ]


def _own(given: dict[str, str]) -> dict[str, str]:
    """The connector's own settings among the form's fields."""
    return {name.removeprefix(PREFIX): text for name, text in given.items() if name.startswith(PREFIX)}
