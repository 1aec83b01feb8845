"""Which part of a request is at fault: from msgspec's word for its place to the name a caller knows it by."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from engine.api.rest.problems import Trouble

Place = tuple[str | int, ...]
Check = Callable[[Any], Any]
_NAMED = re.compile(r"Object (?:contains unknown|missing required) field `(.*)`")
_STEP = re.compile(r"\[(\d+)\]|(\[\.\.\.\])|\.?([^.\[]+)")
_SOMEWHERE = "..."


def trouble(error: msgspec.ValidationError, said: Any, check: Check) -> Trouble:
    """The problem, naming the part of ``said`` that is at fault; ``check`` raises the same error for what has it."""
    what, _, where = str(error).partition(" - at `")
    of_a_key = where.startswith("key` in `")
    steps = _steps(where.removeprefix("key` in `").removesuffix("`").removeprefix("$"))
    place = _found((*steps, _SOMEWHERE) if of_a_key else steps, said, str(error), check)
    named = _NAMED.fullmatch(what)
    field = name((*place, named[1]) if named else place)
    return Trouble("invalid", f"{field}: {what[:1].lower()}{what[1:]}" if field else what, field=field)


def name(place: Place) -> str:
    """The place as callers read it: ``lines[2].sku``, ``quantities.1``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def with_nul(said: Any) -> str | None:
    """The name of the first text with a NUL character, None where there is none."""
    rest: list[tuple[Place, Any]] = [((), said)]
    while rest:
        place, value = rest.pop()
        if isinstance(value, str) and "\0" in value:
            return name(place)
        if isinstance(value, Mapping):
            if any("\0" in key for key in value):
                return name(place)
            rest += [((*place, key), part) for key, part in list(value.items())[::-1]]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            rest += [((*place, n), part) for n, part in list(enumerate(value))[::-1]]
    return None


def _steps(path: str) -> Place:
    return tuple(
        int(found[1]) if found[1] else _SOMEWHERE if found[2] else found[3] for found in _STEP.finditer(path)
    )  # fmt: skip


def _found(steps: Place, said: Any, wrong: str, check: Check) -> Place:
    """The steps, and the key of each object that msgspec only says one of is at fault."""
    place: Place = ()
    for step in steps:
        if step == _SOMEWHERE:
            part = _at(said, place)
            if not isinstance(part, Mapping) or not part:
                return place
            step = _culprit(said, place, part, wrong, check)
        place = (*place, step)
    return place


def _culprit(said: Any, place: Place, part: Mapping[str, Any], wrong: str, check: Check) -> str:
    """The first key without which, and those after it, the error is gone: found by halving, as there may be many."""
    keys = list(part)
    low, high = 0, len(keys) - 1
    while low < high:
        middle = (low + high) // 2
        if _says(_with(said, place, {key: part[key] for key in keys[: middle + 1]}), wrong, check):
            high = middle
        else:
            low = middle + 1
    return keys[low]


def _says(some: Any, wrong: str, check: Check) -> bool:
    try:
        check(some)
    except msgspec.ValidationError as error:
        return str(error) == wrong
    return False


def _at(said: Any, place: Place) -> Any:
    for step in place:
        try:
            said = said[step]
        except (KeyError, IndexError, TypeError):
            return None
    return said


def _with(said: Any, place: Place, part: Any) -> Any:
    """The same with this part at the place; nothing that was given is changed."""
    if not place:
        return part
    first, *rest = place
    changed: Any = list(said) if isinstance(said, list) else dict(said)
    changed[first] = _with(said[first], tuple(rest), part)
    return changed
