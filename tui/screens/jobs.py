"""Jobs: what was given up, what waits, runs and was done; workers; and payloads nobody could read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.services import audit, beats, dropping, inbox, listings, outbox, receive
from engine.services.dashboard import StatusBar
from engine.services.job_subjects import subjects
from tui.plain import ago, local
from tui.screens.table import Item, TableScreen
from tui.widgets.confirm import Confirm
from tui.widgets.form import Field, FormPane
from tui.widgets.rows import Column
from tui.widgets.text import TextPane

_JOB = (
    Column("JOB", 8, right=True), Column("TASK", 18, 1), Column("ABOUT", 18, 1), Column("TRIES", 5, right=True),
    Column("DUE", 8, right=True), Column("ERROR", 20, 4),
)  # fmt: skip
STATES = ("dead", "ready", "claimed", "done")
MOST = 500
WAITING, WORKERS, INBOX = 1, 4, 5
EMPTY = (
    "No job was given up.",
    "No job waits.",
    "No job is under way.",
    "No job was done lately.",
    "No worker was ever seen: nothing is pulled or sent until one runs. `bluebook worker` runs one.",
    "Nothing is parked: every payload could be read.",
)


class JobsScreen(TableScreen):
    """Read again every second: jobs come and go without an order changing."""

    name = "jobs"
    heading = "Jobs"
    tabs = ("Given up", "Waiting", "Running", "Done", "Workers", "Inbox")
    columns = (
        _JOB, _JOB, _JOB, _JOB,
        (
            Column("WORKER", 18, 2), Column("PID", 8, right=True), Column("STATE", 10), Column("SEEN", 8, right=True),
            Column("JOBS DONE", 10, right=True), Column("RUNS SINCE", 18, 1),
        ),
        (
            Column("PAYLOAD", 8, right=True), Column("FROM", 12, 1), Column("THEIR ID", 12, 1), Column("CAME", 8, right=True),
            Column("WHY IT IS PARKED", 24, 4),
        ),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.last: beats.WorkerView | None = None

    async def read(self) -> list[Item]:
        """The rows of the open tab."""
        if self.tab == WORKERS:
            self.last = await beats.last()
            return [(f"{w.host}/{w.pid}", w, _worker(w)) for w in await beats.workers()]
        if self.tab == INBOX:
            names = await listings.sources()
            found = await listings.inbox("parked", limit=MOST)
            return [(row.id, row, _payload(row, names.get((row.source, row.source_id), row.source))) for row in found]
        if self.tab == WAITING:
            # What was tried in vain comes first: of what is only due there may be any number.
            jobs = await outbox.list_jobs("ready", MOST, again=True)
            jobs += await outbox.list_jobs("ready", MOST - len(jobs), again=False)
        else:
            jobs = await outbox.list_jobs(STATES[self.tab], MOST)
        about = await subjects(jobs)
        return [(job.id, job, _job(job, about[job.id].said)) for job in jobs]

    @property
    def empty(self) -> str:  # type: ignore[override]
        """Why there is nothing."""
        if self.tab == WORKERS and self.last is not None:
            return _stopped(self.last)
        return EMPTY[self.tab]

    def show_figures(self, figures: StatusBar) -> None:
        """Every second."""
        super().show_figures(figures)
        if self.pane is None:
            self.app.later(self.loaded)

    # --- actions ------------------------------------------------------------------------------------------------------

    async def act_open(self) -> None:
        """The job, worker or payload in full."""
        item = self.rows.item
        if item is None:
            self.app.say("there is nothing here")
        elif self.tab == INBOX:
            body = await self.app.attempt(audit.payload(item.id), "reading the payload")
            await self.open_pane(TextPane(f"payload {item.id}: {item.reason} {item.field}", body or ""))
        elif self.tab != WORKERS:
            about = f"job {item.id}  {item.task}  {item.key}  {item.attempts} tries, made {local(item.created_at, seconds=True)}"
            await self.open_pane(TextPane(about, item.error or "no error"))

    def why_not_try_it(self) -> str:
        """What can be tried again?"""
        if self.rows.item is None or self.tab in (2, 3, WORKERS):
            return "what was given up or waits, and parked payloads, can be tried again"
        return ""

    async def act_try_it(self) -> None:
        """Due now; a parked payload is read again."""
        item = self.rows.item
        if self.tab == INBOX:
            said = await self.app.attempt(receive.replay(item.id, self.app.by), f"reading payload {item.id} again")
            if said is not None:
                self.app.say(said)
        elif await self.app.attempt(_done(outbox.retry(item.id)), f"retrying job {item.id}"):
            self.app.say(f"job {item.id} is due now", "good")
        await self.load()

    def why_not_drop(self) -> str:
        """What can be dropped?"""
        return self.why_not_try_it().replace("tried again", "dropped")

    async def act_drop(self) -> None:
        """Over without having run, once that is confirmed; a payload needs a reason."""
        item = self.rows.item
        if self.tab == INBOX:

            async def save(changed: Mapping[str, str]) -> str:
                await inbox.ignore(item.id, changed["reason"])
                return f"payload {item.id} needs nothing; it stays in the database"

            await self.open_pane(FormPane(f"Ignore payload {item.id}", [Field("reason", "why")], save, verb="Ignore"))
            return

        means = await self.app.attempt(dropping.consequence(item.id), f"dropping job {item.id}")
        if means is None:
            await self.load()
            return

        async def yes() -> None:
            said = await self.app.attempt(dropping.drop(item.id, self.app.by), f"dropping job {item.id}")
            if said is not None:
                self.app.say(said)
            await self.load()

        await self.open_pane(Confirm(f"Drop job {item.id} ({item.task})? {means}", yes))


async def _done(work: Any) -> bool:
    await work
    return True


def _stopped(last: beats.WorkerView) -> str:
    seen = f"{ago(last.seen_at)} ago, at {local(last.seen_at)}"
    return (
        f"No worker is running: nothing is pulled or sent. The last one, {last.host}/{last.pid}, was seen {seen}. "
        "`bluebook worker` runs one; what is due waits until then, and is not lost."
    )


def _worker(worker: beats.WorkerView) -> tuple[str, ...]:
    state = "alive" if worker.alive else "NOT SEEN"
    return (worker.host, str(worker.pid), state, ago(worker.seen_at), f"{worker.jobs_done:,}", local(worker.started_at))


def _job(job: outbox.JobView, about: str) -> tuple[str, ...]:
    return (str(job.id), job.task, about or job.key, str(job.attempts), ago(job.run_at), job.error)


def _payload(row: inbox.InboxRow, source: str) -> tuple[str, ...]:
    where = f" ({row.field})" if row.field else ""
    return (str(row.id), source, row.external_id, ago(row.received_at), f"{row.reason}{where}")
