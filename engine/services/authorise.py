"""Being let in by an owner in a browser (OAuth 2), and telling people before that ends.

``begin`` makes the address of the question, ``finish`` turns what came back into settings, ``renew`` gives those to a channel
that is there already and lets it go on. How the answer comes back is the front door's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from engine import clock, db
from engine.errors import Invalid, NotAuthorised, Refused
from engine.ports_channels import Authorises
from engine.services import catalog, connections, outbox, setup, sharing
from engine.services.lifecycle import Actor
from engine.services.outbox import Job, NewJob, Outcome

TELL_AT = (14, 7, 3, 2, 1, 0, -1)
"""With so many days left people are told by mail; looked at once a day."""


class Asked(msgspec.Struct, frozen=True):
    """A question to an owner: ``url`` is where it is answered, the rest is what the answer is checked and redeemed with."""

    url: str
    redirect_uri: str
    state: str
    verifier: str
    settings: dict[str, Any]

    @property
    def returns(self) -> bool:
        """Does the question itself say where to come back to? Else that is registered with the other side."""
        return self.redirect_uri in dict(parse_qsl(urlsplit(self.url).query)).values()


def new_state() -> str:
    """What only the answer to our own question can know."""
    return secrets.token_urlsafe(32)


def asks_owner(kind: object) -> bool:
    """Is this connector's owner asked in a browser?"""
    return isinstance(kind, Authorises)


def demand(kind: Any) -> None:
    """Raises Refused for a connector whose owner is not asked in a browser."""
    if not asks_owner(kind):
        raise Refused(
            f"{kind.name} is not let in by a browser; its credentials are settings, given by --secret-from-env"
        )


def needs(kind: Any, settings: Mapping[str, Any]) -> list[str]:
    """The settings that must be there before the owner is asked, and are not."""
    wanted = kind.authorise_needs if asks_owner(kind) else ()
    return [name for name in wanted if settings.get(name) in (None, "")]


def begin(kind: Any, settings: Mapping[str, Any], redirect_uri: str, state: str) -> Asked:
    """The question. Raises Refused for a connector that has none, Invalid naming settings that are missing."""
    demand(kind)
    if missing := needs(kind, settings):
        raise Invalid(f"{kind.name} needs {', '.join(missing)} first; see {kind.docs_url}", missing[0])
    verifier = secrets.token_urlsafe(64)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    url = kind.authorise_url(settings, redirect_uri, state, challenge)
    return Asked(url, redirect_uri, state, verifier, dict(settings))


def pasted(text: str) -> dict[str, str]:
    """The answer in an address that a browser was sent back to. Raises Invalid."""
    query = urlsplit(text.strip()).query
    answer = dict(parse_qsl(query, keep_blank_values=True))
    if not answer:
        raise Invalid(
            "that is not the address the browser was sent back to: it goes on behind a question mark", "address"
        )
    return answer


async def finish(kind: Any, asked: Asked, answer: Mapping[str, str]) -> dict[str, str]:
    """The settings the owner's yes is worth. Raises NotAuthorised, and what the connector raises."""
    if not hmac.compare_digest(answer.get("state", "").encode(), asked.state.encode()):
        raise NotAuthorised(f"{kind.name}: this answers another question than the one just asked; begin again")
    gained: dict[str, str] = await kind.redeem(asked.settings, answer, asked.redirect_uri, asked.verifier)
    return {name: value for name, value in gained.items() if name in kind.authorise_gives}


async def renew(channel_id: int, values: Mapping[str, Any], by: Actor) -> tuple[str, int]:
    """The channel has these settings, answers, and is used again if it was paused: its answer, and how many orders go on."""
    await setup.update("channels", channel_id, by, values=values)
    line = await setup.test_connection("channels", channel_id)
    paused = await db.value("SELECT paused_reason FROM channels WHERE id = ?", channel_id)
    return line, await connections.resume("channels", channel_id, by) if paused else 0


# --- before it ends ---------------------------------------------------------------------------------------------------


class Ending(msgspec.Struct, frozen=True):
    """A channel whose owner has to say yes anew, and how many days are left."""

    channel_id: int
    channel: str
    text: str
    days: int


async def endings() -> list[Ending]:
    """The channels in use that we are let into for no longer than ``sharing.EARLY_DAYS``, soonest first."""
    ends, found = await sharing.access_ends(), []
    for channel in (await catalog.channels()).values():
        until = ends.get(channel.id)
        if not channel.enabled or until is None or not (when := sharing.soon(until)):
            continue
        days = (until - clock.now()).days
        text = f"the access its owner gave {when} ({until:%Y-%m-%d})"
        found.append(Ending(channel.id, channel.name, text, days))
    return sorted(found, key=lambda one: one.days)


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """People are told whose access ends soon, on some days only; what is granted to nobody any more is gone."""
    await sharing.forget_unused()
    told = [one for one in await endings() if one.days in TELL_AT]
    if told:
        async with db.transaction():
            for one in told:
                args = {"kind": "access", "text": one.text}
                await outbox.put([NewJob(f"access:{one.channel_id}", "notify.send", one.channel_id, None, args)])
    return None
