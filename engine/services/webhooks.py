"""Webhooks out: others are told of what happens to orders, signed as https://www.standardwebhooks.com describes.

What is told is read from the blue book behind a cursor, so nothing is told that was not committed and nothing that was is
left out. Each delivery is a job of its own: it is tried again for three days, in no order promised; ``sequence`` says which of
two is the later one. The same event has the same ``webhook-id`` however often it is sent.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog
from tortoise.exceptions import IntegrityError

from engine import clock, db
from engine.domain.states import OrderStatus
from engine.errors import BluebookError, Invalid, NotFound, Refused, TryLater
from engine.models import Webhook
from engine.services import distinct, feed, outbox, schedule, settings_book, webhook_secrets
from engine.services.feed import Event
from engine.services.lifecycle import Actor
from engine.services.outbox import Dead, Done, Job, NewJob, Outcome, Retry
from engine.services.webhook_lines import LINES
from engine.transports.http import Answer, HttpClient

RECEIVED, PARCEL, TEST = "order.received", "shipment.announced", "webhook.test"
EVENTS = (RECEIVED, *(f"order.{status.value}" for status in OrderStatus), PARCEL)
"""What can be told: an order's arrival, each status it comes into, and each parcel."""
ALL = "all"
AGAIN = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds to wait after each attempt that failed; after the last a person is left to replay it."""
_TOGETHER = 500
_LONGEST_URL = 500
_PARCEL = re.compile(r"shipment\.(.+)\.tracking_number")

log = structlog.get_logger(__name__)


class WebhookView(msgspec.Struct, frozen=True):
    """A webhook as people see it. ``waiting`` and ``given_up`` count its deliveries.

    ``former_until``: when the last of its former secrets ends, None where only the present one counts.
    """

    id: int
    name: str
    url: str
    events: list[str]
    enabled: bool
    answered_at: datetime | None
    last_error: str
    waiting: int
    given_up: int
    former_until: datetime | None


class Message(msgspec.Struct, frozen=True):
    """What is told, under the id it has on every attempt."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]

    def body(self) -> bytes:
        """The bytes that are signed and sent."""
        return msgspec.json.encode({"type": self.type, "timestamp": self.timestamp, "data": self.data})


# --- setting them up --------------------------------------------------------------------------------------------------


async def webhooks() -> list[WebhookView]:
    """Every webhook, by name."""
    counted: dict[tuple[int, str], int] = {
        (int(r[0]), str(r[1])): int(r[2])
        for r in await db.rows(
            "SELECT subject_id, state, COUNT(*) FROM outbox WHERE task = 'webhooks.send' AND state <> 'done' "
            "GROUP BY subject_id, state"
        )
    }
    return [
        WebhookView(
            row.id, row.name, row.url, list(row.events), row.enabled, row.answered_at, row.last_error,
            counted.get((row.id, "ready"), 0) + counted.get((row.id, "claimed"), 0), counted.get((row.id, "dead"), 0),
            webhook_secrets.until(row),
        )
        for row in await Webhook.all().order_by("name")
    ]  # fmt: skip


async def webhook(name: str) -> WebhookView:
    """The webhook of this name; raises NotFound naming those there are."""
    known = await webhooks()
    for view in known:
        if view.name == name:
            return view
    listed = ", ".join(view.name for view in known) or "none yet"
    raise NotFound(f"there is no webhook {name!r}; there are: {listed}")


async def add(name: str, url: str, events: Sequence[str], by: Actor) -> str:
    """The address is told of these events from now on; the secret it verifies them with, shown this once.

    Raises Invalid for a name that is taken, an address that cannot be called, and an event there is not.
    """
    name, url, wanted = distinct.written(name, "name"), _callable(url), _known(events)
    try:
        async with db.transaction():
            row = await Webhook.create(
                name=name, url=url, events=wanted, cursor=await feed.latest(), created_at=clock.now()
            )
            secret = await webhook_secrets.put(row)
            await _note(by, "add", row, {}, {"url": url, "events": wanted, "secret": "***"})
    except IntegrityError as error:
        raise _taken(name) from error
    await schedule.ensure()
    return secret


def _taken(name: str) -> Invalid:
    return Invalid(f"there is already a webhook {name}", "name")


def _callable(text: str) -> str:
    url = text.strip()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid(f"{url!r} is no address to call; write it as https://…", "url")
    if parts.username or parts.password:
        raise Invalid("leave the password out of the address: what is sent is signed, which is how it is known", "url")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise Invalid(
            f"{parts.hostname} is another machine, and customers' orders go over networks by https only", "url"
        )
    if len(url) > _LONGEST_URL:
        raise Invalid(f"an address has at most {_LONGEST_URL} characters, not {len(url)}", "url")
    return url


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _known(events: Sequence[str]) -> list[str]:
    if not events or ALL in events:
        return list(EVENTS)
    wanted = list(dict.fromkeys(events))
    for name in wanted:
        if name not in EVENTS:
            raise Invalid(
                f"there is no event {name!r}; there are: {', '.join(EVENTS)}, and {ALL} for every one", "events"
            )
    return wanted


async def change(
    name: str, by: Actor, *, url: str | None = None, events: Sequence[str] | None = None, called: str | None = None
) -> list[str]:
    """What is given is so from now on, and the rest as it was: also how far it has been told, and what waits; what changed.

    What waits goes to a new address, at once. Raises NotFound, and Invalid as ``add`` does.
    """
    wanted: dict[str, Any] = {}
    if called is not None:
        wanted["name"] = distinct.written(called, "name")
    if url is not None:
        wanted["url"] = _callable(url)
    if events is not None:
        wanted["events"] = _known(events)
    try:
        async with db.transaction():
            row = await _held(name)
            before = {key: getattr(row, key) for key, value in wanted.items() if getattr(row, key) != value}
            if not before:
                return []
            after = {key: wanted[key] for key in before}
            await _note(by, "change", row, before, after)
            new = after | ({"last_error": ""} if "url" in after else {})  # that was the former address's
            await row.update_from_dict(new).save(update_fields=list(new))
            if "url" in after and row.enabled:
                await _due_now(row.id)
    except IntegrityError as error:
        raise _taken(wanted.get("name", name)) from error
    return list(after)


async def rotate(name: str, by: Actor, *, hours: int = webhook_secrets.HOURS) -> tuple[str, datetime | None]:
    """Messages are signed with a new secret, shown this once, and for so many hours with the former one too (0: not).

    The secret, and until when the former one counts. Raises NotFound, and what ``webhook_secrets.change`` raises.
    """
    async with db.transaction():
        row = await _held(name)
        was = webhook_secrets.until(row)
        secret, until = await webhook_secrets.change(row, hours)
        before = {"secret": "***", "former_until": was.isoformat() if was else None}
        after = {"secret": "***", "former_until": until.isoformat() if until else "at once"}
        await _note(by, "rotate", row, before, after)
    return secret, until


async def _held(name: str) -> Webhook:
    """The webhook, which nobody else changes before the present transaction ends; raises NotFound."""
    await settings_book.alone()
    return await Webhook.get(id=(await webhook(name)).id)


async def remove(name: str, by: Actor) -> None:
    """The address is told nothing more, also not what it had yet to be told. Raises NotFound."""
    view = await webhook(name)
    async with db.transaction():
        row = await Webhook.get(id=view.id)
        await row.delete()
        await db.run(
            "DELETE FROM outbox WHERE task = 'webhooks.send' AND subject_id = ? AND state IN ('ready', 'dead')", view.id
        )
        await _note(by, "remove", row, {"url": row.url, "events": row.events}, {})
    await schedule.ensure()


async def switch(name: str, on: bool, by: Actor) -> None:
    """It is told again, from where it was, or no more until it is switched on. Raises NotFound."""
    await _switch((await webhook(name)).id, on, by)


async def _switch(webhook_id: int, on: bool, by: Actor) -> None:
    async with db.transaction():
        # Several calls may be answered 410 at once: one of them pauses it.
        moved = await db.run(
            "UPDATE webhooks SET enabled = ?, last_error = '' WHERE id = ? AND enabled <> ?", on, webhook_id, on
        )
        if moved:
            if on:
                await _due_now(webhook_id)
            row = await Webhook.get(id=webhook_id)
            await _note(by, "resume" if on else "pause", row, {"enabled": not on}, {"enabled": on})
    await schedule.ensure()


async def _due_now(webhook_id: int) -> None:
    await db.run(
        "UPDATE outbox SET run_at = ?, attempts = 0, relayed_at = NULL WHERE task = 'webhooks.send' "
        "AND subject_id = ? AND state = 'ready'",
        clock.micros(clock.now()), webhook_id,
    )  # fmt: skip


async def _note(by: Actor, action: str, row: Webhook, before: dict[str, Any], after: dict[str, Any]) -> None:
    subject = f"webhook {row.id}"
    await settings_book.note(by, f"webhook:{action}", row.name, subject=subject, before=before, after=after)


async def test(name: str) -> str:
    """The address took a message that says nothing; a line on its answer. Raises what sending raises."""
    view = await webhook(name)
    said = Message(
        f"msg_test_{secrets.token_hex(8)}", TEST, clock.now().isoformat(), {"message": "Bluebook can be heard."}
    )
    async with LINES.turn(view.id) as line:
        answer = await _post(line.client(view.name), await Webhook.get(id=view.id), said)
    return f"{view.url} took it ({answer.status})"


# --- what happened ----------------------------------------------------------------------------------------------------


async def run_collect_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """What happened since has its deliveries."""
    for row in await Webhook.all():
        await webhook_secrets.forget(row)
        if row.enabled:
            await collect(row)
    return None


async def collect(row: Webhook) -> int:
    """Everything in the blue book behind the webhook's cursor has its delivery, once; how many."""
    count, cursor = 0, row.cursor
    while True:
        found, following, more = await feed.events(cursor, _TOGETHER)
        jobs = await _deliveries(row.id, row.events, found)
        async with db.transaction():
            # The events too: what happened since they were changed is not to be passed over as not wanted.
            moved = await db.run(
                "UPDATE webhooks SET cursor = ? WHERE id = ? AND cursor = ? AND events = ?",
                following, row.id, cursor, msgspec.json.encode(row.events).decode(),
            )  # fmt: skip
            if not moved:
                return count  # another worker was here, or whoever changed the events
            await outbox.put(jobs)
        count, cursor = count + len(jobs), following
        if not more:
            return count


async def replay(name: str, by: Actor, *, since: datetime | None = None, order: str = "") -> int:
    """What happened since then, or to one order, is told once more under its old ids; how many messages.

    Those that wait anyway are not doubled, and those that were given up are so no more. Raises NotFound, Invalid.
    """
    view = await webhook(name)
    if (since is None) == (not order):
        raise Invalid("say since when, or which order", "since")
    if not view.enabled:
        raise Invalid(f"{name} is paused; `bluebook webhooks resume {name}` first", "name")
    where, value = "at >= ?", clock.micros(since) if since else 0
    if order:
        value = await db.value("SELECT id FROM orders WHERE number = ?", order)
        if value is None:
            raise NotFound(f"there is no order {order}")
        where = "order_id = ?"
    count, after = 0, 0
    while True:
        found = [
            Event(*row)
            for row in await db.rows(
                f"SELECT id, order_id, seq, at, before, after FROM audit_events WHERE {where} AND order_id > 0 AND id > ? "
                "ORDER BY id LIMIT ?",
                value, after, _TOGETHER,
            )
        ]  # fmt: skip
        if not found:
            break
        jobs = await _deliveries(view.id, view.events, found)
        async with db.transaction():
            await _revoke([job.key for job in jobs])
            await outbox.put(jobs)
        count, after = count + len(jobs), found[-1].id
    async with db.transaction():
        after_ = {"messages": count} | ({"order": order} if order else {"since": str(since)})
        await _note(by, "replay", await Webhook.get(id=view.id), {}, after_)
    return count


async def _revoke(keys: Sequence[str]) -> None:
    # A message is told anew in a job of its own; the one that was given up would be listed for ever.
    if keys:
        wanted = db.padded(keys)
        await db.run(f"DELETE FROM outbox WHERE state = 'dead' AND key IN ({db.marks(wanted)})", *wanted)


async def _deliveries(webhook_id: int, wanted: Sequence[str], events: Sequence[Event]) -> list[NewJob]:
    told = [(event, what, more) for event in events for what, more in _meanings(event) if what in wanted]
    orders = await _orders({event.order_id for event, _, _ in told})
    jobs = []
    for event, what, more in told:
        if event.order_id not in orders:
            continue
        number = more.get("shipment", {}).get("key", what)
        data = {"sequence": event.seq, **orders[event.order_id], **more}
        said = Message(
            f"msg_{event.order_id}_{event.seq}_{_short(number)}", what, clock.moment(event.at).isoformat(), data
        )
        jobs.append(
            NewJob(
                f"webhook:{webhook_id}:{said.id}"[:200], "webhooks.send", webhook_id, None, msgspec.to_builtins(said)
            )
        )
    return jobs


def _short(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text)[:60]


def _meanings(event: Event) -> Iterable[tuple[str, dict[str, Any]]]:
    """What an event of the blue book is called outside, with what only it knows."""
    after: dict[str, Any] = msgspec.json.decode(event.after)
    if "status" in after:
        before = msgspec.json.decode(event.before).get("status")
        # An order that was not checked yet has no status: "" in the blue book, null outside.
        status, previous = after["status"] or None, before or None
        if before is None:
            yield RECEIVED, {"status": status, "previous_status": None}
        if status is not None:
            yield f"order.{status}", {"status": status, "previous_status": previous}
    for path, number in after.items():
        if (found := _PARCEL.fullmatch(path)) and number:
            prefix = path.removesuffix("tracking_number")
            parcel = {"key": found[1], "tracking_number": number}
            parcel |= {name: after.get(prefix + name, "") for name in ("carrier", "carrier_name", "service")}
            yield PARCEL, {"shipment": parcel}


async def _orders(ids: set[int]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    if ids:
        wanted = sorted(ids)
        for row in await db.rows(
            "SELECT o.id, o.number, o.external_id, c.name, o.placed_at, o.currency, o.total FROM orders o "
            f"JOIN channels c ON c.id = o.channel_id WHERE o.id IN ({db.marks(wanted)})",
            *wanted,
        ):
            found[int(row[0])] = {
                "order": row[1], "order_id": row[0], "channel_order_id": row[2], "channel": row[3],
                "placed_at": clock.moment(row[4]).isoformat(), "currency": row[5], "total_minor_units": row[6],
            }  # fmt: skip
    return found


# --- telling ----------------------------------------------------------------------------------------------------------


async def _post(client: HttpClient, row: Webhook, said: Message) -> Answer:
    body, now = said.body(), clock.now()
    headers = {
        "Content-Type": "application/json", "User-Agent": "Bluebook", "webhook-id": said.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": webhook_secrets.signatures(row, said.id, now, body),
    }  # fmt: skip
    # To be told twice changes nothing at the other side, which knows the id: an answer that is lost is asked for again.
    return await client.call("POST", row.url, effect=False, headers=headers, body=body)


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """The messages of these jobs were sent, to each webhook as many at once as ``webhook_lines`` lets through."""
    # All are heard to the end, also where one of them fails: the jobs are then run anew, and not while these still are.
    results: dict[int, Outcome] = {}
    for job, result in zip(jobs, await asyncio.gather(*map(_deliver, jobs), return_exceptions=True), strict=True):
        if isinstance(result, BaseException):
            raise result
        results[job.id] = result
    return results


async def _deliver(job: Job) -> Outcome:
    async with LINES.turn(job.subject_id) as line:
        # Read now and not before the wait: meanwhile it may have been paused, by 410 Gone for one.
        row = await Webhook.get_or_none(id=job.subject_id)
        if row is None:
            return Done()  # taken away: nobody is to be told
        if not row.enabled:
            return Retry(AGAIN[-1], "the webhook is paused")
        try:
            await _post(line.client(row.name), row, msgspec.convert(job.args, Message))
        except BluebookError as error:
            return await _failed(row, job, error)
        # Not where it was paused meanwhile: why it was is the last thing to say about it.
        await db.run(
            "UPDATE webhooks SET answered_at = ?, last_error = CASE WHEN enabled THEN '' ELSE last_error END WHERE id = ?",
            clock.micros(clock.now()), row.id,
        )  # fmt: skip
        return Done()


async def _failed(row: Webhook, job: Job, error: BluebookError) -> Outcome:
    log.warning("a webhook was not delivered", webhook=row.name, message=job.args.get("id"), error=error.message)
    if not await Webhook.exists(id=row.id, url=row.url):
        return Retry(0.0, error.message)  # it has another address by now, or is gone
    await db.run("UPDATE webhooks SET last_error = ? WHERE id = ? AND enabled = ?", error.message, row.id, True)
    if isinstance(error, Refused) and error.code == "410":
        # Gone, says whoever answers there: the standard's way to be left alone.
        await _switch(row.id, False, Actor("worker", "worker", "webhooks.send"))
        await db.run("UPDATE webhooks SET last_error = ? WHERE id = ?", error.message, row.id)
        return Retry(AGAIN[-1], error.message)  # ``_switch`` makes it due, as it does what came later
    if job.attempts >= len(AGAIN):
        return Dead(f"{error.message}; `bluebook webhooks replay` tells it again")
    wait = float(AGAIN[job.attempts])
    if isinstance(error, TryLater) and error.retry_after is not None:
        wait = max(wait, error.retry_after)
    return Retry(wait, error.message)
