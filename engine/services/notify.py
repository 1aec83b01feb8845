"""Notify: people are told by e-mail of orders that wait for them, of connections that are paused, and of certificates and
access that end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog

from engine import clock, db
from engine.domain.issues import ISSUES, IssueCode
from engine.errors import Misconfigured, Refused, TryLater
from engine.services import catalog
from engine.services.outbox import Dead, Done, Job, Outcome, Retry
from engine.settings import settings
from engine.transports import smtp

log = structlog.get_logger(__name__)
MOST = 50


class Mail(msgspec.Struct, frozen=True):
    """What is to be sent, and to whom."""

    to: list[str]
    subject: str
    text: str


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """The mails the jobs ask for are sent. Without a mail server they are logged, and that is that."""
    return {job.id: await _one(job) for job in jobs}


async def _one(job: Job) -> Outcome:
    now = clock.micros(clock.now())
    alert = job.args.get("kind") == "auto_failed"
    match job.args.get("kind"):
        case "auto_failed":
            mail = await _auto_failed(job.subject_id)
        case "late":
            mail = await _late(job.subject_id, IssueCode(job.args["code"]))
        case "ending":
            mail = await _ending(job.subject_id, job.args)
        case "access":
            mail = await _access(job.subject_id, job.args)
        case _:
            mail = await _paused(job.subject_id, job.args)
    if mail is None:
        return Done()
    try:
        await smtp.send(settings(), mail.to, mail.subject, mail.text)
    except Misconfigured as error:
        log.warning("mail not sent", reason=error.message, to=mail.to, subject=mail.subject)
        return Done()
    except TryLater as error:
        return Retry(error.retry_after, error.message)
    except Refused as error:
        return Dead(error.message)
    if alert:
        await db.run("UPDATE channels SET alerted_at = ? WHERE id = ?", now, job.subject_id)
    return Done()


async def _auto_failed(channel_id: int) -> Mail | None:
    """The orders of a channel that stopped since the people were last told, with the reason of each."""
    channel = (await catalog.channels()).get(channel_id)
    if channel is None or not channel.alert_addresses:
        return None
    since = await db.value("SELECT alerted_at FROM channels WHERE id = ?", channel_id) or 0
    found = await db.rows(
        "SELECT o.number, i.code, i.message FROM issues i JOIN orders o ON o.id = i.order_id "
        "WHERE i.closed_at IS NULL AND i.opened_at >= ? AND o.channel_id = ? AND o.status IN ('unresolved', 'failed') "
        "ORDER BY i.id LIMIT ?",
        since, channel_id, MOST + 1,
    )  # fmt: skip
    waiting = await db.rows(
        "SELECT number FROM orders WHERE channel_id = ? AND status = 'ready' AND received_at >= ? ORDER BY id LIMIT ?",
        channel_id, since, MOST + 1,
    )  # fmt: skip
    if not found and not waiting:
        return None
    lines = [f"Auto Order Processing of {channel.name} left these orders to a person.", ""]
    for number, code, message in found[:MOST]:
        kind = ISSUES[IssueCode(code)]
        lines += [f"{number}  {kind.title}: {message}", f"    {kind.todo}"]
    lines += [f"{r[0]}  above the channel's limits: look at it and process it" for r in waiting[:MOST]]
    if len(found) > MOST or len(waiting) > MOST:
        lines.append("… and more")
    lines += ["", "They are in the queue under Resolve; `bluebook orders resolve NUMBER` shows what each needs."]
    count = len({r[0] for r in found} | {r[0] for r in waiting})
    subject = f"{channel.name}: {count} order{'s' if count > 1 else ''} failed to auto-process"
    return Mail(channel.alert_addresses, subject, "\n".join(lines))


async def _paused(row_id: int, args: dict[str, Any]) -> Mail | None:
    """A connection was paused: everyone who gets alerts is told."""
    table = "channels" if args.get("table") == "channels" else "suppliers"
    name = await db.value(f"SELECT name FROM {table} WHERE id = ?", row_id)
    addresses = sorted({a for channel in (await catalog.channels()).values() for a in channel.alert_addresses})
    if name is None or not addresses:
        return None
    noun = table[:-1]
    text = (
        f"The {noun} {name} does not accept Bluebook's credentials, so its connection is paused.\n\n"
        f"{args.get('reason', '')}\n\nNothing is lost: what is due waits. Give new credentials with "
        f"`bluebook {table} set {name} …`, then `bluebook {table} resume {name}`.\n"
    )
    return Mail(addresses, f"{name}: credentials not accepted, connection paused", text)


async def _late(po_id: int, code: IssueCode) -> Mail | None:
    """A supplier owes something: the people of the order's channel are told to ask it."""
    found = await db.row(
        "SELECT p.po_number, o.number, o.channel_id, s.name FROM purchase_orders p JOIN orders o ON o.id = p.order_id "
        "JOIN suppliers s ON s.id = p.supplier_id WHERE p.id = ?",
        po_id,
    )
    channel = (await catalog.channels()).get(int(found[2])) if found is not None else None
    if found is None or channel is None or not channel.alert_addresses:
        return None
    po_number, order, _, supplier = found
    kind = ISSUES[code]
    text = (
        f"{kind.title}: {supplier} has had purchase order {po_number} of order {order} and is late.\n\n{kind.todo}\n\n"
        f"It is in the queue under Resolve; `bluebook orders resolve {order}` shows it.\n"
    )
    return Mail(channel.alert_addresses, f"{supplier}: {po_number} is late ({kind.title.lower()})", text)


async def _ending(row_id: int, args: dict[str, Any]) -> Mail | None:
    """A certificate of a supplier's connection ends soon: everyone who gets alerts is told."""
    name = await db.value("SELECT name FROM suppliers WHERE id = ?", row_id)
    addresses = sorted({a for channel in (await catalog.channels()).values() for a in channel.alert_addresses})
    if name is None or not addresses:
        return None
    text = (
        f"{name}: {args.get('text', '')}.\n\nWhen it has ended, nothing is sent to {name} and nothing of theirs is accepted. "
        f"`bluebook suppliers set {name} …` takes the next one beside the present; both count while they are valid.\n"
    )
    return Mail(addresses, f"{name}: a certificate ends soon", text)


async def _access(channel_id: int, args: dict[str, Any]) -> Mail | None:
    """A channel's owner has to let us in anew before long: everyone who gets alerts is told."""
    channels = await catalog.channels()
    addresses = sorted({a for channel in channels.values() for a in channel.alert_addresses})
    if channel_id not in channels or not addresses:
        return None
    name = channels[channel_id].name
    text = (
        f"{name}: {args.get('text', '')}.\n\nWhen it has ended, no order comes from {name} and no tracking goes back. "
        f"`bluebook channels authorise '{name}'` asks its owner again, which takes a minute; nothing stops meanwhile.\n"
    )
    return Mail(addresses, f"{name}: access ends soon", text)
