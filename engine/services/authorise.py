"""Being let in by an owner in a browser (OAuth 2), and telling people before that ends.

``begin`` makes the address of the question, ``finish`` turns what came back into settings, ``renew`` gives those to a channel
that is there already and lets it go on. How the answer comes back is the front door's: one that waits for it where it asked
keeps what it ``Asked``; one that does not, such as a web page, has it kept by ``ask`` until ``answer``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from engine import clock, db
from engine.connectors import misread, registry
from engine.errors import BluebookError, Invalid, Misconfigured, NotAuthorised, Refused
from engine.ports_channels import Authorises
from engine.services import catalog, connections, distinct, outbox, setup, sharing
from engine.services.lifecycle import Actor
from engine.services.listings import ChannelView
from engine.services.outbox import Job, NewJob, Outcome

TELL_AT = (14, 7, 3, 2, 1, 0, -1)
"""With so many days left people are told by mail; looked at once a day."""


OPEN_FOR = timedelta(minutes=30)
"""A question that was not answered by then is asked anew."""
MOST_OPEN = 100


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


def must_ask(kind: Any, values: Mapping[str, Any]) -> bool:
    """Is there no way in but the owner's yes, as far as these settings go?"""
    required = [field.name for field in msgspec.structs.fields(kind.config_type) if field.required]
    return asks_owner(kind) and any(name not in values for name in required if name in kind.authorise_gives)


def wanted(view: ChannelView) -> bool:
    """Is the channel's owner to be asked anew: was our access refused, or does it end before long?"""
    refused = bool(view.paused_reason) and view.paused_reason == view.last_error  # a person's pause leaves no error
    if not (refused or view.warning):
        return False
    try:
        return asks_owner(registry.channel_type(view.connector))
    except Misconfigured:  # its package is gone
        return False


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


async def check(kind: Any, values: Mapping[str, Any], name: str | None = None) -> None:
    """What is given can stand: a channel can be called ``name``, and each setting is one of the connector's, as it wants it.

    Asked before an owner is, whose yes would be lost. Raises Invalid about the name, Misconfigured naming a setting.
    """
    if name is not None:
        await distinct.names("channels", {"name": distinct.written(name, "name")})
    registry.demand_known(kind, values)
    for setting, value in values.items():
        check_setting(kind, setting, value)


def check_setting(kind: Any, name: str, value: Any) -> None:
    """The connector takes the value for this setting, whatever the others are. Raises Misconfigured naming it."""
    fields = {field.name: field for field in msgspec.structs.fields(kind.config_type)}
    alone = msgspec.defstruct("Setting", [(name, fields[name].type)])
    try:
        msgspec.convert({name: value}, alone, strict=False)
    except msgspec.ValidationError as error:
        raise misread.explained(kind, dict.fromkeys(fields, "") | {name: value}, error) from error


def begin(kind: Any, settings: Mapping[str, Any], redirect_uri: str, state: str) -> Asked:
    """The question. Raises Refused for a connector that has none, Invalid naming settings that are missing."""
    demand(kind)
    if missing := needs(kind, settings):
        raise Invalid(f"{kind.name} needs {', '.join(missing)} first; see {kind.docs_url}", missing[0])
    verifier = secrets.token_urlsafe(64)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    url = kind.authorise_url(settings, redirect_uri, state, challenge)
    return Asked(url, redirect_uri, state, verifier, dict(settings))


def comes_back(kind: Any, settings: Mapping[str, Any]) -> bool:
    """Will the question say itself where to come back to, as far as these settings tell? Asked before all of them are there."""
    standing_in = {name: settings.get(name) or "x" for name in kind.authorise_needs}
    try:
        return begin(kind, {**settings, **standing_in}, "https://bluebook.invalid/", "x").returns
    except BluebookError:
        return True


def pasted(text: str) -> dict[str, str]:
    """The answer in an address that a browser was sent back to. Raises Invalid."""
    try:
        query = urlsplit(text.strip()).query
    except ValueError:  # a bracket that is never closed
        query = ""
    answer = dict(parse_qsl(query, keep_blank_values=True))
    if "state" not in answer:
        raise Invalid(
            "that is not the address the browser was sent back to: look for one that goes on behind a question mark with "
            "code=…&state=… or the like, and paste all of it", "address",
        )  # fmt: skip
    return answer


def recognise(kind: Any, asked: Asked, answer: Mapping[str, str]) -> None:
    """The answer is to this question. Raises NotAuthorised."""
    if not hmac.compare_digest(answer.get("state", "").encode(), asked.state.encode()):
        raise NotAuthorised(f"{kind.name}: this answers another question than the one just asked; begin again")


async def finish(kind: Any, asked: Asked, answer: Mapping[str, str]) -> dict[str, str]:
    """The settings the owner's yes is worth. Raises NotAuthorised, and what the connector raises."""
    recognise(kind, asked, answer)
    gained: dict[str, str] = await kind.redeem(asked.settings, answer, asked.redirect_uri, asked.verifier)
    return {name: value for name, value in gained.items() if name in kind.authorise_gives}


async def renew(channel_id: int, values: Mapping[str, Any], by: Actor) -> tuple[str, int]:
    """The channel has these settings, answers, and is used again if it was paused: its answer, and how many orders go on."""
    await setup.update("channels", channel_id, by, values=values)
    line = await setup.test_connection("channels", channel_id)
    paused = await db.value("SELECT paused_reason FROM channels WHERE id = ?", channel_id)
    return line, await connections.resume("channels", channel_id, by) if paused else 0


# --- questions whose answer comes to whoever it finds --------------------------------------------------------------------


class Question(msgspec.Struct, frozen=True):
    """What is to be done with the owner's yes: ``given`` are settings for the channel ``channel_id``, or for a new one."""

    asked: Asked
    kind: Any
    name: str
    channel_id: int
    given: dict[str, Any]
    by: str
    until: datetime


class LetIn(msgspec.Struct, frozen=True):
    """A channel that we were let into: what it answered, or what went wrong when it was tried; ``freed`` orders go on."""

    channel_id: int
    name: str
    answer: str = ""
    problem: str = ""
    freed: int = 0


_open: dict[str, Question] = {}  # in this process alone, for there are secrets in it that nobody has saved yet


async def ask(
    connector: str, given: Mapping[str, Any], redirect_uri: str, by: Actor, *, name: str = "", channel_id: int = 0
) -> Asked:
    """The owner is asked, for a channel that is there or for one to be added as ``name``; ``answer`` takes what comes back.

    Raises what ``begin`` and ``check`` raise.
    """
    kind: Any = registry.channel_type(connector)
    present = await setup.present_of("channels", channel_id) if channel_id else {}
    await check(kind, given, None if channel_id else name)
    asked = begin(kind, {**present, **given}, redirect_uri, new_state())
    now = clock.now()
    for state in [*(state for state, one in _open.items() if one.until < now), *list(_open)[: 1 - MOST_OPEN]]:
        _open.pop(state, None)
    _open[asked.state] = Question(asked, kind, name, channel_id, dict(given), by.name, now + OPEN_FOR)
    return asked


async def answer(said: Mapping[str, str], by: Actor) -> LetIn:
    """The owner's yes to a question of this process is worth a channel: added, or renewed and in use again.

    Each question is answered once, to whoever asked it. Raises NotAuthorised, and what the connector raises.
    """
    state = said.get("state", "")
    question = _open.get(state)
    if question is None or question.until < clock.now() or question.by != by.name:
        raise NotAuthorised("this answers no question that you asked here in the last half an hour; begin again")
    del _open[state]
    gained = {**question.given, **await finish(question.kind, question.asked, said)}
    if question.channel_id:
        name = str(await db.value("SELECT name FROM channels WHERE id = ?", question.channel_id))
        try:
            line, freed = await renew(question.channel_id, gained, by)
        except BluebookError as error:
            return LetIn(question.channel_id, name, problem=error.message)
        return LetIn(question.channel_id, name, line, freed=freed)
    made = await setup.add_channel(question.name, question.kind.slug, gained, by)
    try:
        line = await setup.test_connection("channels", made.id)
    except BluebookError as error:
        return LetIn(made.id, made.name, problem=error.message)
    return LetIn(made.id, made.name, line)


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
