"""A channel or a supplier is added: the connector is chosen, its settings are asked for, tried, and then saved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from engine.connectors import registry
from engine.errors import BluebookError, Invalid, Misconfigured
from engine.services import authorise, setup
from engine.services.connections import Table
from engine.transports import loopback
from tui import options
from tui.widgets.form import Field, FormPane
from tui.widgets.owner import OwnerPane
from tui.widgets.pick import Picked, PickPane

if TYPE_CHECKING:
    from tui.app import BluebookApp

WHAT = {"channels": "channel", "suppliers": "supplier"}
ASK = "ask"
"""The field that says whether the owner is asked, where there are other ways in."""


def choose(table: Table, then: Callable[[str], Awaitable[None]]) -> PickPane:
    """Which connector? ``then`` is told its slug."""

    kinds = [Picked(slug, kind_of(table, slug).name, slug) for slug in registry.available(table)]

    async def find(text: str) -> list[Picked]:
        return [kind for kind in kinds if text.casefold() in f"{kind.label} {kind.about}".casefold()]

    return PickPane(f"Add a {WHAT[table]}: what is it?", find, then, searches=True)


def kind_of(table: Table, slug: str) -> Any:
    """The connector's class."""
    return registry.channel_type(slug) if table == "channels" else registry.supplier_type(slug)


class Adding:
    """The form for one connector. What does not work is told and nothing is saved; Enter once more saves it untried."""

    def __init__(self, app: BluebookApp, table: Table, slug: str) -> None:
        self.app, self.table, self.slug = app, table, slug
        self.kind = kind_of(table, slug)
        self.tried: dict[str, str] = {}
        self.typed: dict[str, str] = {}
        self.asks = table == "channels" and authorise.asks_owner(self.kind)
        required = {field.name for field in msgspec.structs.fields(self.kind.config_type) if field.required}
        self.must = must = self.asks and authorise.must_ask(self.kind, {})
        # What only the owner's yes brings is typed by nobody; a token that somebody has may be.
        self.brought = set(self.kind.authorise_gives) - required if must else set()

    def form(self, wrong: str = "") -> FormPane:
        """Name first, then what the connector cannot do without, then what it has a value for; as it was typed, if it was."""
        fields = [Field("name", "call it", about="its name in lists", needed=True)]
        if self.table == "suppliers":
            fields.append(Field("code", "code", about="a short word, such as ACME", needed=True))
            fields.append(Field("currency", "currency", "USD", about="of its costs"))
        if self.asks and not self.must:
            fields.append(Field(ASK, "ask its owner", "no", about="yes: in a browser; no: by the credentials below"))
        own = [one for one in msgspec.structs.fields(self.kind.config_type) if one.name not in self.brought]
        own.sort(key=lambda field: not field.required)
        fields += [self._field(field) for field in own]
        pane = FormPane(
            f"Add a {WHAT[self.table]}: {self.kind.name}", fields, self.save, verb="tries it and adds it", as_is=True,
            hint=self._hint() if self.asks else "",
        )  # fmt: skip
        pane.typed, pane.wrong = dict(self.typed), wrong
        return pane

    def _hint(self) -> str:
        """How its owner is asked, and what has to be registered with the app there before."""
        if authorise.comes_back(self.kind, {}):
            there = loopback.address(loopback.PORT)
            return f"Its owner {'is' if self.must else 'can be'} asked in a browser; register {there}"
        return f"Its owner is asked in a browser, unless you write a {self.kind.authorise_gives[0].replace('_', ' ')}"

    def _field(self, field: Any) -> Field:
        secret = field.name in self.kind.secret_fields
        default = "" if field.required else _shown(field)
        needed = field.required and not (self.asks and field.name in self.kind.authorise_gives)
        for_asking = self.asks and not field.required and field.name in self.kind.authorise_needs
        about = "needed to ask its owner" if for_asking else ""
        return Field(f"set.{field.name}", field.name.replace("_", " "), default, secret, about, needed)

    async def save(self, changed: Mapping[str, str]) -> str:
        """It is added; a sentence. Raises Invalid naming the field, or with what trying it said."""
        for name in ("name", "code"):
            if (name == "name" or self.table == "suppliers") and not changed.get(name, "").strip():
                raise Invalid(f"give it a {name}", name)
        values = options.settings(changed)
        if self._asks_now(changed, values):
            return await self._ask(changed["name"].strip(), values, changed)
        self._check(values)
        said = await self._try(values, dict(changed))
        name, by = changed["name"].strip(), self.app.by
        if self.table == "channels":
            await setup.add_channel(name, self.slug, values, by)
        else:
            more = {"currency": changed["currency"].strip().upper()} if "currency" in changed else {}
            await setup.add_supplier(name, changed["code"].strip(), self.slug, values, by, **more)
        return f"{name} is added: {said}"

    def _asks_now(self, changed: Mapping[str, str], values: Mapping[str, Any]) -> bool:
        said = changed.get(ASK, "no").strip().lower()
        if said not in ("yes", "no"):
            raise Invalid("write yes, or no", ASK)
        given = {name: value for name, value in values.items() if value != ""}
        return said == "yes" or (self.asks and authorise.must_ask(self.kind, given))

    async def _ask(self, name: str, values: Mapping[str, Any], changed: Mapping[str, str]) -> str:
        """Its owner is asked, and what was typed is there again where that comes to nothing."""
        given = {setting: value for setting, value in values.items() if value != ""}
        try:
            back = loopback.address(loopback.PORT)
            asked = await authorise.ask(self.slug, given, back, self.app.by, name=name)
        except (Invalid, Misconfigured) as error:
            about = f"set.{error.field}" if error.field and error.field != "name" else error.field
            raise Invalid(error.message, about) from error
        self.typed = dict(changed)

        async def again(wrong: str) -> None:
            await self.app.page.open_pane(self.form(wrong))

        pane = OwnerPane(asked, self.kind, len(changed), again)
        self.app.later(lambda: self.app.page.open_pane(pane))
        return f"{self.kind.name} asks its owner"

    def _check(self, values: dict[str, Any]) -> None:
        for field in msgspec.structs.fields(self.kind.config_type):
            if field.required and not values.get(field.name):
                raise Invalid(f"{field.name.replace('_', ' ')} is needed", f"set.{field.name}")
        try:
            registry.configure(self.kind, values)
        except Misconfigured as error:
            raise Invalid(error.message, f"set.{error.field}" if error.field else None) from error

    async def _try(self, values: Mapping[str, Any], changed: dict[str, str]) -> str:
        if self.tried == changed:
            return "it was not tried (t tries it)"
        self.app.say(f"asking {self.kind.name} …")
        try:
            return await setup.try_settings(self.table, self.slug, values)
        except BluebookError as error:
            self.tried = changed
            self.app.say("not added yet", "warn")
            raise Invalid(f"{error.message}. Nothing is saved; correct it, or Enter adds it as it is", None) from error


def _shown(field: Any) -> str:
    """A default as people write it."""
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
