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
from engine.ports_channels import Scoped
from engine.services import authorise, setup
from engine.services.connections import Table
from webui import words
from webui.states import connection, owner
from webui.states.base import Book, on
from webui.states.channels import channel_href
from webui.states.connection import FieldView
from webui.states.owner import OwnerQuestion
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
    scopes: str = ""
    fields: list[FieldView] = []
    more_fields: list[FieldView] = []
    problem: str = ""
    untested: bool = False
    asks_owner: bool = False
    must_ask: bool = False
    question: OwnerQuestion = OwnerQuestion()
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
        self.question, self.asks_owner, self.must_ask = OwnerQuestion(), False, False
        self.fields, self.more_fields, self.title, self.docs = [], [], "", ""
        if self.connector:
            try:
                kind = connection.kind_of(table, self.connector)
            except Misconfigured as error:
                self.problem, self.connector = words.sentence(error.message), ""
            else:
                self.title, self.docs = kind.name, kind.docs_url
                self.scopes = " ".join(kind.scopes) if isinstance(kind, Scoped) else ""
                self.asks_owner, self.must_ask = authorise.asks_owner(kind), authorise.must_ask(kind, {})
                self.fields, self.more_fields = connection.parted(_asked_for(kind))
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

    @on(Permission.CHANNELS, background=True)
    async def take_answer(self, form: dict[str, Any]) -> Any:
        """The channel that its owner let us into is there; its settings open."""
        found = await owner.taken(self, form)
        return found and rx.redirect(channel_href(found.channel_id))

    async def _add(self, table: Table, form: dict[str, Any]) -> Any:
        given = connection.text_of(form)
        async with self:
            by, slug, origin = self.by, self.connector, str(self.router.headers.origin)
            self.busy, self.problem, self.untested = True, "", False
        said, made, question = "", None, OwnerQuestion()
        try:
            kind = connection.kind_of(table, slug)
            name, code = given.get("name", "").strip(), given.get("code", "").strip()
            if not name or (table == "suppliers" and not code):
                raise Invalid(
                    "give it a name" if not name else "give it a code: a short word for lists, such as ACME", "name"
                )
            values = config.read(kind, _own(given), {})
            asking = table == "channels" and "owner" in given
            if not asking and "untested" not in given:
                said = await self._tried(table, slug, values)
            if asking:
                question = await owner.ask(slug, values, origin, by, name=name)
            elif table == "channels":
                made = await setup.add_channel(name, slug, values, by)
            else:
                currency = given.get("currency", "").strip().upper() or "USD"
                made = await setup.add_supplier(name, code, slug, values, by, currency=currency)
        except BluebookError as error:
            async with self:
                self.problem = words.sentence(error.message)
        finally:
            async with self:
                self.busy, self.question = False, question
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


def _asked_for(kind: Any) -> list[FieldView]:
    """The connector's settings: what its owner is asked with stands among those it needs, what the yes brings is not typed."""
    found = connection.field_views(kind, {}, prefix=PREFIX)
    if not authorise.asks_owner(kind):
        return found
    brought = kind.authorise_gives if authorise.must_ask(kind, {}) else ()
    needed = [f"{PREFIX}{name}" for name in kind.authorise_needs]
    for one in found:
        one.more = one.more and one.name not in needed
    found.sort(key=lambda one: needed.index(one.name) if one.name in needed else len(needed))
    return [one for one in found if one.name.removeprefix(PREFIX) not in brought]


def _own(given: dict[str, str]) -> dict[str, str]:
    """The connector's own settings among the form's fields."""
    return {name.removeprefix(PREFIX): text for name, text in given.items() if name.startswith(PREFIX)}
