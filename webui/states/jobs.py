"""Jobs: what needs attention, what waits, runs and was done; who does the work; and payloads nobody could read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from engine.services import beats, dropping, inbox, listings, outbox, payloads, receive
from engine.services.beats import WorkerView
from engine.services.inbox import InboxRow
from engine.services.job_subjects import Subject, subjects, what
from engine.services.outbox import JobView
from webui import links, live, words
from webui.states.base import PAGES, Book, on
from webui.states.channels import channel_href
from webui.states.suppliers import supplier_href

TABS = {
    "attention": ("Needs attention", "dead"), "waiting": ("Waiting", "ready"), "running": ("Running", "claimed"),
    "done": ("Done", "done"), "inbox": ("Inbox", ""),
}  # fmt: skip
PAGE = 50
SHOWN = 20_000
"""Characters of a payload that the page shows."""
EVERY_SECONDS = 1.5


@dataclass
class TabLink:
    """A tab with how many there are, "" where that is not counted."""

    id: str = ""
    title: str = ""
    href: str = ""
    count: str = ""


@dataclass
class JobRow:
    """A job as the list shows it. ``again``: may it be tried again or dropped?"""

    id: int = 0
    what: str = ""
    about: str = ""
    about_href: str = ""
    tries: int = 0
    error: str = ""
    due: str = ""
    due_iso: str = ""
    again: bool = False


@dataclass
class WorkerRow:
    """A worker process."""

    id: str = ""
    alive: bool = True
    seen: str = ""
    seen_iso: str = ""
    done: str = ""
    since: str = ""


@dataclass
class PayloadRow:
    """A payload nobody could read."""

    id: int = 0
    source: str = ""
    theirs: str = ""
    reason: str = ""
    place: str = ""
    came: str = ""
    came_iso: str = ""
    href: str = ""


@dataclass
class Payload:
    """A payload that is looked at."""

    id: int = 0
    about: str = ""
    text: str = ""
    cut: bool = False
    masked: bool = False


class Jobs(Book):
    """The tab that the address names; read again every second and a half, for jobs come and go without an order changing."""

    tab: str = "attention"
    tabs: list[TabLink] = []
    rows: list[JobRow] = []
    workers: list[WorkerRow] = []
    last_seen: str = ""
    parked: list[PayloadRow] = []
    next: str = ""
    payload: Payload = Payload()
    dropping: int = 0
    consequence: str = ""
    ignoring: int = 0
    problem: str = ""
    ready: bool = False
    _turn: int = 0
    _after: int | None = None

    @on(Permission.VIEW)
    async def load(self) -> Any:
        """The page shows the tab, and the payload, that its address names."""
        self.tab = self.asked("tab", TABS)
        self._after = self.asked_number("after") or None
        self.dropping = self.ignoring = 0
        self.problem = ""
        await self._read()
        await self._open_payload()
        self.ready = True
        return Jobs.watch

    @on(Permission.VIEW, background=True)
    async def watch(self) -> Any:
        """The list is read again and again until the tab shows something else."""
        async with self:
            self._turn += 1
            turn, tab = self._turn, self.router.session.client_token
        while live.is_open(tab):
            await asyncio.sleep(EVERY_SECONDS)
            if self._turn != turn or self.section != "jobs":
                return
            yield Jobs.reread

    @on(Permission.VIEW)
    async def reread(self) -> None:
        """What changed of the list is shown."""
        if self.ready and not self.lost:
            await self._read()

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """Read by itself soon enough."""

    async def _read(self) -> None:
        counts = await outbox.counts()
        numbers = {"attention": counts["dead"], "waiting": counts["ready"], "running": counts["claimed"],
                   "inbox": await listings.parked_count()}  # fmt: skip
        tabs = [
            TabLink(name, title, links.with_params("/jobs", {"tab": "" if name == "attention" else name}),
                    f"{numbers[name]:,}" if name in numbers else "")
            for name, (title, _) in TABS.items()
        ]  # fmt: skip
        workers = [_worker(one, self.zone) for one in await beats.workers()]
        last = None if workers else await beats.last()
        rows, parked, following = await (self._payloads() if self.tab == "inbox" else self._jobs())
        for name, value in (
            ("tabs", tabs),
            ("workers", workers),
            ("last_seen", _last_seen(last, self.zone)),
            ("rows", rows),
            ("parked", parked),
            ("next", following),
        ):
            if getattr(self, name) != value:
                setattr(self, name, value)

    async def _jobs(self) -> tuple[list[JobRow], list[PayloadRow], str]:
        found = await outbox.list_jobs(TABS[self.tab][1], PAGE + 1, self._after)
        about = await subjects(found[:PAGE])
        rows = [_job(one, about[one.id], self.zone) for one in found[:PAGE]]
        return rows, [], self._next(found[PAGE - 1].id if len(found) > PAGE else 0)

    async def _payloads(self) -> tuple[list[JobRow], list[PayloadRow], str]:
        names = await listings.sources()
        found = await listings.inbox("parked", limit=PAGE + 1, before=self._after)
        rows = [_payload(one, names.get((one.source, one.source_id), one.source), self.zone) for one in found[:PAGE]]
        return [], rows, self._next(found[PAGE - 1].id if len(found) > PAGE else 0)

    def _next(self, last: int) -> str:
        return links.with_params("/jobs", {"tab": self.tab, "after": str(last)}) if last else ""

    async def _open_payload(self) -> None:
        wanted = self.asked_number("payload")
        if not wanted:
            self.payload = Payload()
            return
        found = await payloads.shown(wanted, at_most=SHOWN)
        about = f"{found.content_type or found.kind}, {found.size:,} bytes, received {found.received_at}"
        self.payload = Payload(found.id, words.plain(about), words.plain(found.text), found.cut, found.masked)

    @on(Permission.VIEW)
    def close_payload(self) -> Any:
        """The list is shown without the payload."""
        return rx.redirect(links.with_params("/jobs", {"tab": "inbox", "after": self.params.get("after", "")}))

    # --- acts ---------------------------------------------------------------------------------------------------------

    @on(Permission.JOBS)
    async def retry(self, job_id: int) -> None:
        """The job is due now."""
        await outbox.retry(job_id)
        self.say(f"Job {job_id} is due now.", "good")
        await self._read()

    @on(Permission.JOBS)
    async def ask_drop(self, job_id: int) -> None:
        """Whether the job is to be dropped is asked, with what that means; 0: no longer."""
        self.dropping = 0
        if job_id:
            self.consequence = words.plain(await dropping.consequence(job_id))
            self.dropping = job_id

    @on(Permission.JOBS)
    async def drop(self) -> None:
        """The job is over without having run."""
        job_id, self.dropping = self.dropping, 0
        said = await dropping.drop(job_id, self.by)
        self.say(words.sentence(said))
        await self._read()

    @on(Permission.INBOX)
    async def replay(self, payload_id: int) -> None:
        """The payload was read again as it was received."""
        self.say(await receive.replay(payload_id, self.by))
        await self._read()

    @on(Permission.INBOX)
    def ask_ignore(self, payload_id: int) -> None:
        """Why the payload needs nothing is asked; 0: no longer."""
        self.ignoring, self.problem = payload_id, ""

    @on(Permission.INBOX)
    async def ignore(self, form: dict[str, Any]) -> None:
        """The payload needs nothing more, for the reason given."""
        reason = str(form.get("reason", "")).strip()[:500]
        if not reason:
            self.problem = "Say why, for the others."
            return
        payload_id, self.ignoring = self.ignoring, 0
        await inbox.ignore(payload_id, f"{reason} ({self.by.name})")
        self.say(f"Payload {payload_id} needs nothing; it stays in the database.")
        await self._read()


PAGES["jobs"] = Jobs.heard


def _href(about: Subject) -> str:
    return {
        "order": links.order(about.key), "channel": channel_href(int(about.key)) if about.kind == "channel" else "",
        "supplier": supplier_href(about.key), "payload": f"/jobs?tab=inbox&payload={about.key}",
    }.get(about.kind, "")  # fmt: skip


def _job(job: JobView, about: Subject, zone: str) -> JobRow:
    moment = job.finished_at if job.state in ("done", "dead") and job.finished_at else job.lease_until or job.run_at
    if job.state == "ready":
        moment = job.run_at
    return JobRow(
        job.id, what(job.task), words.plain(about.name) or job.key, _href(about), job.attempts,
        words.plain(job.error), words.day_and_time(moment, zone), words.iso(moment), job.state in ("dead", "ready"),
    )  # fmt: skip


def _worker(one: WorkerView, zone: str) -> WorkerRow:
    return WorkerRow(
        f"{one.host}, {one.pid}", one.alive, f"{words.ago(one.seen_at)} ago", words.iso(one.seen_at), f"{one.jobs_done:,}",
        words.day_and_time(one.started_at, zone),
    )  # fmt: skip


def _last_seen(last: WorkerView | None, zone: str) -> str:
    if last is None:
        return "None was ever seen."
    return f"The last one, {last.host}, {last.pid}, was seen at {words.day_and_time(last.seen_at, zone)}."


def _payload(row: InboxRow, source: str, zone: str) -> PayloadRow:
    came = row.received_at
    return PayloadRow(
        row.id, words.plain(source), words.plain(row.external_id), words.plain(row.reason), words.plain(row.field),
        words.day_and_time(came, zone), words.iso(came), f"/jobs?tab=inbox&payload={row.id}",
    )  # fmt: skip
