"""What a connector wants to be told, field by field: forms and questions are made from its own configuration type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import inspect

from engine.errors import Invalid
from engine.ports import Channel, Supplier

Kind = Literal["text", "long", "number", "flag", "choice", "json"]
_LONG = 60
_NUMBERS = (inspect.IntType, inspect.FloatType, inspect.DecimalType)
_STRUCTURED = (inspect.DictType, inspect.ListType, inspect.VarTupleType, inspect.TupleType, inspect.SetType,
               inspect.FrozenSetType, inspect.StructType)  # fmt: skip


class ConfigField(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. ``default`` is as people write it, "" for a secret; ``choices`` are all there are, for a choice; ``about``
    says what is meant and where it is found, by the ``msgspec.Meta(description=…)`` of the type.

    ``kind`` json: lists and objects, written as JSON.
    """

    name: str
    label: str
    kind: Kind
    required: bool
    secret: bool
    default: str = ""
    choices: tuple[str, ...] = ()
    about: str = ""


def fields(connector: type[Channel] | type[Supplier]) -> tuple[ConfigField, ...]:
    """The connector's settings: what it cannot do without, then its secrets, side by side, then what has a default."""
    found = [_field(field, field.name in connector.secret_fields) for field in _own(connector)]
    return tuple(
        sorted(found, key=lambda field: (1, not field.required) if field.secret else (2 * (not field.required), 0))
    )


def _own(connector: type[Channel] | type[Supplier]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(connector.config_type)
    assert isinstance(described, inspect.StructType)
    return described.fields


def _field(field: inspect.Field, secret: bool) -> ConfigField:
    default = "" if field.required or secret else written(_default(field))
    kind, choices = _kind(field.type)
    if kind == "text" and (
        len(default) > _LONG or "\n" in default or field.name.endswith(("private_key", "certificate"))
    ):
        kind = "long"  # a key in PEM has lines, which a field of one line would lose
    return ConfigField(
        name=field.name, label=field.name.replace("_", " "), kind=kind, required=field.required, secret=secret,
        default=default, choices=choices, about=_about(field.type),
    )  # fmt: skip


def _about(described: Any) -> str:
    schema = described.extra_json_schema if isinstance(described, inspect.Metadata) else None
    return str((schema or {}).get("description", ""))


def _default(field: inspect.Field) -> Any:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def _kind(described: Any) -> tuple[Kind, tuple[str, ...]]:
    if isinstance(described, inspect.Metadata):
        return _kind(described.type)
    if isinstance(described, inspect.UnionType):
        rest = [part for part in described.types if not isinstance(part, inspect.NoneType)]
        return _kind(rest[0]) if len(rest) == 1 else ("text", ())
    if isinstance(described, inspect.BoolType):
        return "flag", ()
    if isinstance(described, _NUMBERS):
        return "number", ()
    if isinstance(described, inspect.LiteralType):
        return "choice", tuple(str(value) for value in described.values)
    if isinstance(described, inspect.EnumType):
        return "choice", tuple(str(member.value) for member in described.cls)
    return ("json" if isinstance(described, _STRUCTURED) else "text"), ()


def written(value: Any) -> str:
    """A setting's value as people write it: text as it is, yes and no as true and false, lists and objects as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def read(
    connector: type[Channel] | type[Supplier], given: Mapping[str, str], shown: Mapping[str, str]
) -> dict[str, Any]:
    """What a filled form changes of what it had ``shown``, as ``registry.configure`` takes it; raises Invalid naming the field.

    ``given`` is as browsers send it: a flag that is not ticked is missing. A secret that was left empty stays as it is.
    """
    found: dict[str, Any] = {}
    for field in fields(connector):
        text = given.get(field.name, "").replace("\r\n", "\n")
        if field.kind == "flag":
            text = "true" if field.name in given else "false"
        if not field.secret and field.kind != "long":
            text = text.strip()
        before = "" if field.secret else shown.get(field.name, field.default)
        if text == before or (field.kind in ("json", "number") and not text):
            continue
        found[field.name] = _decoded(field, text) if field.kind == "json" else text
    return found


def _decoded(field: ConfigField, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Invalid(f"{field.label} is written as JSON, and this is none: {error}", field.name) from error
