"""The secrets that messages to webhooks are signed with: made, sealed, and changed for others.

By the Standard Webhooks scheme a message has a signature for each secret that counts, so whoever verifies it needs only one
of them, and has time to take over the new one.
"""

from __future__ import annotations

import base64
import secrets
from datetime import datetime, timedelta
from typing import cast

import msgspec
import standardwebhooks

from engine import clock, db, vault
from engine.errors import Invalid, Misconfigured
from engine.models import Webhook

HOURS = 24
"""How long a former secret is still signed with, where nothing else is said."""
LONGEST_HOURS = 720
MOST = 4
"""So many former ones at once: each is another signature on every message."""


async def put(row: Webhook) -> str:
    """The webhook has a secret of its own, and no former one; the secret."""
    return await _save(row, [])


async def change(row: Webhook, hours: int) -> tuple[str, datetime | None]:
    """The webhook has another secret; the secret, and until when the one before it counts too (None: no more at all).

    ``hours`` 0 ends all former ones. Raises Invalid, and Misconfigured where the one before can no longer be read.
    """
    if not 0 <= hours <= LONGEST_HOURS:
        raise Invalid(f"a former secret counts for 1 to {LONGEST_HOURS} hours, not {hours}", "hours")
    if not hours:
        return await _save(row, []), None
    kept = _current(row)
    if len(kept) == MOST:
        raise Invalid(
            f"{row.name} has {MOST} former secrets already; wait until one of them has ended, or end them all: "
            f"`bluebook webhooks rotate {row.name} --at-once`", "hours",
        )  # fmt: skip
    try:
        former = _opened(row.secret, row, "secret")
    except Misconfigured as error:
        raise Misconfigured(
            f"{error.message}; `bluebook webhooks rotate {row.name} --at-once` makes another, and none is kept"
        ) from error
    until = clock.now() + timedelta(hours=hours)
    return await _save(row, [*kept, [_sealed(former, row, "former_secrets"), clock.micros(until)]]), until


async def _save(row: Webhook, former: list[list[str | int]]) -> str:
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    row.update_from_dict({"secret": _sealed(secret, row, "secret"), "former_secrets": former})
    await row.save(update_fields=["secret", "former_secrets"])
    return secret


def until(row: Webhook) -> datetime | None:
    """When the last former secret ends; None where there is none."""
    ends = [int(end) for _, end in _current(row)]
    return clock.moment(max(ends)) if ends else None


async def forget(row: Webhook) -> None:
    """Former secrets that have ended are kept no longer."""
    left = _current(row)
    if len(left) < len(row.former_secrets):
        # Not where somebody changes the secret just now: the next to look forgets them.
        await db.run(
            "UPDATE webhooks SET former_secrets = ? WHERE id = ? AND former_secrets = ?",
            _text(left), row.id, _text(row.former_secrets),
        )  # fmt: skip


def signatures(row: Webhook, message_id: str, at: datetime, body: bytes) -> str:
    """What ``webhook-signature`` says: one for each secret that counts now, the oldest first.

    So who looks at the first one only, against the scheme, has until the end of the former secret and not until its change.
    """
    counting = [_opened(str(sealed), row, "former_secrets") for sealed, _ in _current(row)]
    counting.append(_opened(row.secret, row, "secret"))
    return " ".join(standardwebhooks.Webhook(secret).sign(message_id, at, body.decode()) for secret in counting)


def _current(row: Webhook) -> list[list[str | int]]:
    now, kept = clock.micros(clock.now()), cast("list[list[str | int]]", row.former_secrets)
    return [former for former in kept if int(former[1]) > now]


def _sealed(secret: str, row: Webhook, field: str) -> str:
    return vault.seal(secret, table="webhooks", row=str(row.id), field=field)


def _opened(sealed: str, row: Webhook, field: str) -> str:
    return vault.open_sealed(sealed, table="webhooks", row=str(row.id), field=field)


def _text(document: object) -> str:
    return msgspec.json.encode(document).decode()
