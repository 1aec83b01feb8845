"""No connection is taken for another one: no account is connected twice unless somebody insists."""

from __future__ import annotations

from typing import Any

from engine import db
from engine.connectors import registry
from engine.errors import BluebookError, Invalid
from engine.ports_channels import ComparesAccounts
from engine.services import sharing


async def account(kind: Any, config: Any, *, but: int = 0) -> None:
    """No other channel (than the one with the id ``but``) leads to the same account; raises Invalid naming the one that does.

    A channel that is disabled counts too: once it is enabled, its orders would come twice.
    """
    compares = isinstance(kind, ComparesAccounts)
    if not compares:
        return
    for row in await db.rows(
        "SELECT id, name, settings, secrets, enabled FROM channels WHERE connector = ? AND id <> ? ORDER BY id",
        kind.slug, but,
    ):  # fmt: skip
        try:
            other = registry.configure(kind, sharing.opened("channels", int(row[0]), row[2], row[3]))
            same = kind.same_account(config, other)
        except BluebookError:
            continue  # one that cannot even be opened reads no orders
        if same:
            there = f"the channel {row[1]}{'' if row[4] else ', which is disabled,'}"
            raise Invalid(
                f"{there} is connected to this {kind.name} account already, and each order would come twice and ship twice. "
                "Change or enable that one; if two are meant, insist with --same-account on the command line",
                "same_account",
            )
