"""No connection is taken for another one: names can be seen and told apart, and no account is connected twice."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

from engine import db
from engine.connectors import registry
from engine.errors import BluebookError, Invalid
from engine.ports_channels import ComparesAccounts
from engine.services import sharing

LONGEST = {"name": 80, "code": 16, "sku": 120, "supplier_sku": 200, "method": 80, "method_name": 120}
_CALLED = {
    "sku": "a SKU", "supplier_sku": "the supplier's SKU", "method": "a method's code", "method_name": "a method's name"
}  # fmt: skip


def written(text: str, what: str, field: str = "") -> str:
    """The text as it is kept, without blanks around it.

    Raises Invalid, naming ``field``, for one in which nothing can be seen, that has control characters, or is too long for
    a ``what`` of ``LONGEST``.
    """
    plain, called = text.strip(), _CALLED.get(what, f"a {what}")
    if any(unicodedata.category(character) == "Cc" for character in plain):
        raise Invalid(f"{called} has no line breaks, tabs or other control characters", field or what)
    if all(unicodedata.category(character)[0] in "CZ" for character in plain):
        raise Invalid(f"{called} cannot be empty", field or what)
    if len(plain) > LONGEST[what]:
        raise Invalid(f"{called} has at most {LONGEST[what]} characters, not {len(plain)}", field or what)
    return plain


async def names(table: Literal["channels", "suppliers"], given: Mapping[str, str], *, but: int = 0) -> None:
    """No other connection (than the one with the id ``but``) is called so, in capital letters or small ones; raises Invalid.

    ``given`` has a name, a code or both. A supplier is found by either, so neither may be another's name or code.
    """
    noun, columns = table[:-1], ("name",) if table == "channels" else ("name", "code")
    for row in await db.rows(f"SELECT id, {', '.join(columns)} FROM {table} ORDER BY id"):
        for field, text in given.items() if int(row[0]) != but else ():
            for column, taken in zip(columns, [str(cell) for cell in row[1:]], strict=True):
                if _folded(text) == _folded(taken):
                    there = f"called {taken}" if column == "name" else f"with the code {taken}"
                    more = "" if text == taken else "; capital letters do not make another name"
                    raise Invalid(f"there is already a {noun} {there}{more}", field)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip().casefold())


async def account(kind: Any, config: Any, *, but: int = 0) -> None:
    """No other channel (than the one with the id ``but``) leads to the same account; raises Invalid naming the one that does.

    A channel that is disabled counts too: once it is enabled, its orders would come twice.
    """
    compares = isinstance(kind, ComparesAccounts)
    if not compares:
        return
    for row in await db.rows(
        "SELECT id, name, settings, secrets, enabled FROM channels WHERE connector = ? AND id <> ? "
        "AND archived_at IS NULL ORDER BY id",
        kind.slug, but,
    ):  # fmt: skip
        try:
            other = registry.configure(kind, sharing.opened("channels", int(row[0]), row[2], row[3]))
            same = kind.same_account(config, other)
        except BluebookError:
            continue  # one that cannot even be opened reads no orders
        if same:
            there = f"the channel {row[1]}{'' if row[4] else ', which is disabled,'}"
            instead = "Change" if row[4] else "Enable"
            raise Invalid(
                f"{there} is connected to this {kind.name} account already, and each order would come twice and ship twice. "
                f"{instead} that one; if two are meant, insist with --same-account on the command line",
                "same_account",
            )
