"""What an edit changes, in the words people use; the paths of the blue book are for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

PATH = re.compile(r"(?:line\.(?P<line>\d+)\.|po\.(?P<po>.+?)\.(?:line\.(?P<part>\d+)\.)?)?(?P<field>\w+)")
TOLD = {"state", "supplier_id", "method_id", "reference", "message"}  # of a purchase order
TOLD_OF_PART = {"quantity", "sku", "canceled"}
UNTOLD = {"allocated", "product_id", "added"}  # of the order and its lines: it follows from the rest

BY_RULES = "whom the rules say"


class Names:
    """The names of suppliers and methods, by id."""

    def __init__(self, suppliers: Mapping[int, str], methods: Mapping[int, str]) -> None:
        self._by_field = {"supplier_id": suppliers, "method_id": methods}

    def of(self, field: str, value: Any) -> Any:
        """The name that ``value`` stands for in that field; itself where it stands for none."""
        return self._by_field.get(field, {}).get(value, value) if isinstance(value, int) else value


async def names() -> Names:
    """The names as they are now."""
    from engine.services import listings

    suppliers = await listings.suppliers(removed=True)
    methods = [method for supplier in suppliers for method in await listings.methods(supplier.id)]
    return Names({s.id: s.code for s in suppliers}, {m.id: m.name for m in methods})


def words(name: str) -> str:
    """An identifier as people read it."""
    return name.replace("_", " ")


def rows(diffs: Sequence[Any], known: Names) -> list[tuple[str, str, str]]:
    """What changes, what it was and what it will be, in words; nothing is "-"."""
    return [(what, _value(before), _value(after)) for diff in diffs for what, before, after in _rows(diff, known)]


def _rows(diff: Any, known: Names) -> list[tuple[str, Any, Any]]:
    found = PATH.fullmatch(diff.path)
    if found is None:  # an Issue: issue.CODE.CAUSE.LINE.PO
        kind, _, rest = diff.path.partition(".")
        return [(f"{words(kind)} {words(rest.partition('.')[0])}", diff.before, diff.after)]
    field = found["field"]
    if field in UNTOLD or (found["po"] and field not in (TOLD_OF_PART if found["part"] else TOLD)):
        return []
    before, after = (known.of(field, value) for value in (diff.before, diff.after))
    if found["po"] and not before and not after:
        return []
    if field == "supplier_id" and not found["po"]:
        before, after = (BY_RULES if value is None else value for value in (before, after))
    line = found["part"] or found["line"]
    what = " ".join(filter(None, (found["po"], f"line {line}" if line else "", words(field.removesuffix("_id")))))
    return _by_field(what, _opened(before), _opened(after))


def _by_field(what: str, before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """One row a field where the value is an address or the like."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [(what, before, after)]
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [(f"{what} {words(name)}", before.get(name), after.get(name)) for name in changed]


def _opened(value: Any) -> Any:
    import msgspec

    if isinstance(value, str) and value[:1] == "{":
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value


def _value(value: Any) -> str:
    import msgspec

    if value is None or value == "":
        return "-"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
