"""What channels and suppliers have in common on the web: how they stand, and what their connectors want to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from engine.connectors import fields as config
from engine.connectors import registry
from engine.connectors.fields import ConfigField
from engine.errors import BluebookError, Invalid
from engine.services import connections, removing, setup
from engine.services.connections import Table
from engine.services.lifecycle import Actor
from engine.services.listings import ChannelView, SupplierView
from webui import words

SECRETS = ("secret", "secret-long")
_TONES = {"ok": "good", "paused": "warn", "failing": "bad", "disabled": "done", "removed": "done"}
_WORDS = {"ok": "Works", "paused": "Paused", "failing": "Failing", "disabled": "Disabled", "removed": "Removed"}


@dataclass
class Standing:
    """How a channel or a supplier stands."""

    id: int = 0
    name: str = ""
    href: str = ""
    connector: str = ""
    state: str = ""
    tone: str = ""
    reason: str = ""
    enabled: bool = True
    paused: bool = False
    heard: str = ""
    heard_iso: str = ""


@dataclass
class FieldView:
    """A setting of a connector as a form shows it. Of a secret only whether it is set is known here.

    ``more``: the connector can do without, so it stands among further settings.
    """

    name: str = ""
    label: str = ""
    kind: str = "text"
    value: str = ""
    hint: str = ""
    required: bool = False
    choices: list[str] = field(default_factory=list)
    more: bool = False


@dataclass
class PartLink:
    """A section of the settings."""

    id: str = ""
    title: str = ""
    href: str = ""


def kind_of(table: Table, slug: str) -> Any:
    """The connector's class; raises Misconfigured where there is none."""
    return registry.channel_type(slug) if table == "channels" else registry.supplier_type(slug)


def standing(view: ChannelView | SupplierView, heard: Any, href: str) -> Standing:
    """How it stands, in words."""
    reason = view.paused_reason or view.last_error
    return Standing(
        view.id, words.plain(view.name), href, view.connector, _WORDS[view.state], _TONES[view.state],
        words.plain(reason if view.state != "ok" else view.warning), view.enabled, bool(view.paused_reason),
        "never" if heard is None else f"{words.ago(heard)} ago", words.iso(heard),
    )  # fmt: skip


def shown(view: ChannelView | SupplierView, kind: Any) -> dict[str, str]:
    """The connector's settings as they are written, secrets left out."""
    return {
        name: config.written(value) for name, value in view.settings.items() if name not in kind.secret_fields
    }  # fmt: skip


def field_views(
    kind: Any, settings: Mapping[str, str], is_set: Mapping[str, Any] | None = None, prefix: str = ""
) -> list[FieldView]:
    """The connector's settings as a form, their names after the prefix; ``is_set`` None: nothing is saved yet."""
    found = [_field(one, settings, is_set) for one in config.fields(kind)]
    for one in found:
        one.name = f"{prefix}{one.name}"
    return found


def _field(one: ConfigField, settings: Mapping[str, str], is_set: Mapping[str, Any] | None) -> FieldView:
    hint, kind = "", str(one.kind)
    if one.secret:
        kind = "secret-long" if one.kind == "long" else "secret"
        if is_set is not None:
            hint = "set; it is replaced when something is typed here" if is_set.get(one.name) else "not set"
    elif one.kind == "json":
        hint = "as JSON"
    hint = "; ".join(part for part in (one.about, hint) if part)
    required = one.required and is_set is None
    value = "" if one.secret else settings.get(one.name, one.default)
    return FieldView(
        one.name,
        one.label.capitalize(),
        kind,
        value,
        hint,
        required,
        list(one.choices),
        not (one.required or one.secret),
    )


def parted(fields: list[FieldView]) -> tuple[list[FieldView], list[FieldView]]:
    """What a connector needs, and what it can do without."""
    return [one for one in fields if not one.more], [one for one in fields if one.more]


def text_of(form: Mapping[str, Any]) -> dict[str, str]:
    """What a form sent, as text."""
    return {str(name): str(value) for name, value in form.items() if value is not None}


async def save_credentials(
    table: Table, view: ChannelView | SupplierView, loaded: Sequence[FieldView], form: Mapping[str, Any], by: Actor,
    since: int,
) -> str:  # fmt: skip
    """What the form changes of the connector's settings that it was ``loaded`` with is saved; a sentence.

    Raises Invalid, Misconfigured; Overtaken, where others changed the same after the change of settings ``since``.
    """
    kind = kind_of(table, view.connector)
    changed = config.read(kind, text_of(form), {one.name: one.value for one in loaded if one.kind not in SECRETS})
    if not changed:
        return f"{view.name}: nothing was changed."
    await setup.update(table, view.id, by, values=changed, since=since)
    return f"{view.name}: {', '.join(name.replace('_', ' ') for name in changed)} saved."


async def test(table: Table, view: ChannelView | SupplierView) -> tuple[str, str]:
    """Whether the connection works, in words, and the tone of that."""
    try:
        said = await setup.test_connection(table, view.id)
    except BluebookError as error:
        return f"It does not work: {error.message}", "bad"
    return f"It works: {said}", "good"


async def resume(table: Table, view: ChannelView | SupplierView, by: Actor) -> str:
    """It is used again; a sentence."""
    freed = await connections.resume(table, view.id, by)
    return f"{view.name} is used again" + (f"; {words.many(freed, 'waiting order')} go on." if freed else ".")


async def pause(table: Table, view: ChannelView | SupplierView, form: Mapping[str, Any], by: Actor) -> str:
    """It is not used until somebody resumes it; a sentence."""
    why = text_of(form).get("reason", "").strip()[:300]
    await setup.update(table, view.id, by, paused_reason=why or f"paused by {by.name}")
    return f"{view.name} is paused until somebody resumes it."


async def rename(
    table: Table, view: ChannelView | SupplierView, form: Mapping[str, Any], by: Actor, since: int
) -> str:  # fmt: skip
    """It is called otherwise from now on; a sentence. Raises Invalid; Overtaken, where others renamed it after ``since``."""
    name = text_of(form).get("name", "").strip()
    if name == words.plain(view.name):  # as the form shows it
        return f"{view.name}: nothing was changed."
    await setup.update(table, view.id, by, name=name, since=since)
    return f"{view.name} is called {name} now."


async def enable(table: Table, view: ChannelView | SupplierView, yes: bool, by: Actor) -> str:
    """It is in use, or no longer; a sentence."""
    await setup.update(table, view.id, by, enabled=yes)
    return f"{view.name} is {'enabled' if yes else 'disabled'}."


async def remove(table: Table, view: ChannelView | SupplierView, form: Mapping[str, Any], by: Actor) -> str:
    """It is used no more and in no list, where its name was typed; a sentence. Raises Invalid, Refused."""
    if text_of(form).get("typed", "").strip().casefold() != words.plain(view.name).casefold():
        raise Invalid(f"type {words.plain(view.name)}, its name, so that no other is removed; nothing was changed")
    return f"{await removing.remove(table, view.id, by)}."


def second_part(path: str) -> str:
    """What stands behind the section in the address: ``ACME`` of ``/suppliers/ACME``; "" on the section's own page."""
    parts = path.strip("/").split("/")
    return unquote(parts[1]) if len(parts) > 1 else ""
