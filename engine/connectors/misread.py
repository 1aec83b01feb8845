"""What is wrong with a connector's settings, said to whoever wrote them: as they write them, and not in words of types."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from engine.errors import Misconfigured
from engine.ports import Channel, Supplier

Kind = type[Channel] | type[Supplier]
_PLACE = re.compile(r"^(.*?)(?: - at `(?:\w+` in `)?\$\.?([^`]*)`)?$", re.DOTALL)
_GOT = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_PLAIN = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "yes or no", "array": "a list", "object": "an object",
    "null": "empty",
}  # fmt: skip
_LONGEST = 60


def unknown(kind: Kind, values: Mapping[str, Any]) -> Misconfigured | None:
    """That there is no setting of such a name, with those it may be meant for; None where all are known."""
    known = kind.config_type.__struct_fields__
    wrong = sorted(set(values) - set(known))
    if not wrong:
        return None
    close = difflib.get_close_matches(wrong[0].replace(" ", "_").lower(), known, 1)
    meant = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"
    return Misconfigured(f"{kind.name} has no setting called {', '.join(wrong)}{meant}", wrong[0])


def explained(kind: Kind, values: Mapping[str, Any], error: msgspec.ValidationError) -> Misconfigured:
    """What the error is about, with the field: unknown names first, since what is missing may be what they mean."""
    if (stray := unknown(kind, values)) is not None:
        return stray
    described = inspect.type_info(kind.config_type)
    assert isinstance(described, inspect.StructType)
    missing = [field.name for field in described.fields if field.required and field.name not in values]
    if missing:
        return Misconfigured(f"{kind.name} needs {_listed(missing)}", missing[0])
    found = _PLACE.match(str(error))
    said, path = (found[1], found[2] or "") if found else (str(error), "")
    field = next((one for one in described.fields if one.name == path), None)
    if field is None:  # inside of a setting that has a structure, or what the connector itself says of several
        where = f"{path}: " if path else ""
        top = re.match(r"\w+", path)
        return Misconfigured(f"{kind.name}: {where}{_plainly(said)}", top[0] if top else None)
    value = values[field.name]
    if value in ("", None):
        return Misconfigured(f"{kind.name}: {field.name} cannot be empty", field.name)
    given = "" if field.name in kind.secret_fields else f", not {_short(value)}"
    return Misconfigured(f"{kind.name}: {field.name} is {_meant(field.type, said)}{given}", field.name)


def _meant(described: Any, said: str) -> str:
    """What a setting of this type is."""
    if isinstance(described, inspect.Metadata):
        return _meant(described.type, said)
    if isinstance(described, inspect.UnionType):
        rest = [part for part in described.types if not isinstance(part, inspect.NoneType)]
        return _meant(rest[0], said) if len(rest) == 1 else _plainly(said)
    if isinstance(described, inspect.BoolType):
        return "true or false"
    if isinstance(described, inspect.IntType | inspect.FloatType):
        return ("a whole number" if isinstance(described, inspect.IntType) else "a number") + _range(described)
    if isinstance(described, inspect.StrType):
        return _text(described)
    if isinstance(described, inspect.LiteralType):
        return f"one of {', '.join(str(value) for value in described.values)}"
    if isinstance(described, inspect.EnumType):
        return f"one of {', '.join(str(member.value) for member in described.cls)}"
    return "written as JSON"


def _range(number: inspect.IntType | inspect.FloatType) -> str:
    least, most = number.ge, number.le
    if least is not None and most is not None:
        return f" from {least:,g} to {most:,g}"
    told = [
        f"{word} {limit:,g}"
        for word, limit in (("at least", least), ("above", number.gt), ("at most", most), ("below", number.lt))
        if limit is not None
    ]
    return f", {' and '.join(told)}" if told else ""


def _text(text: inspect.StrType) -> str:
    if text.pattern is None:
        longest = f" of at most {text.max_length} characters" if text.max_length is not None else ""
        return f"text{longest}"
    if "https?://" in text.pattern:
        return "an address that begins with http:// or https://"
    if r"\d{4}-\d{2}-\d{2}" in text.pattern:
        return "a day, as in 2026-03-01"
    return f"text of the form {text.pattern}"


def _plainly(said: str) -> str:
    """What msgspec says, as far as that can be made plain."""
    if got := _GOT.fullmatch(said):
        expected = " or ".join(_PLAIN.get(part.strip(), part.strip()) for part in got[1].split("|"))
        return f"{expected} is expected, not {_PLAIN.get(got[2], got[2])}"
    said = re.sub(r"Object missing required field `([^`]+)`", r"\1 is missing", said)
    said = re.sub(r"Object contains unknown field `([^`]+)`", r"there is no setting called \1", said)
    return said.replace("`", "")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
