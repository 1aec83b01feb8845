"""``bluebook jobs``: what is due, what runs, and what was given up and waits for a person."""

from __future__ import annotations

from typing import Annotated

import typer

from tui.cli.command import Noun, by
from tui.cli.output import Column, Shown, listing, said
from tui.plain import ago, many

noun = Noun("jobs", "What is due, under way, or given up.")
STATES: dict[str, tuple[str, bool | None]] = {
    "ready": ("ready", None), "waiting": ("ready", True), "claimed": ("claimed", None), "done": ("done", None),
    "given-up": ("dead", None),
}  # fmt: skip
"""What people say, what is stored, and whether only those that were tried already."""


@noun.command(
    "ls", "bluebook jobs ls", "bluebook jobs ls waiting", "bluebook jobs ls ready --limit 20 --json", reads=True
)
async def ls(
    state: Annotated[
        str, typer.Argument(help="ready, waiting (for another try), claimed (under way), done or given-up")
    ] = "given-up",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    after: Annotated[int | None, typer.Option(help="Only those after this job.")] = None,
) -> Shown:
    """List jobs in a state; without one, those that were given up and wait for a person.

    What waits for another try, because a channel or supplier is down, is told of either way.
    """
    import msgspec

    from engine.errors import Invalid
    from engine.services import outbox
    from engine.services.job_subjects import subjects

    if state not in STATES:
        raise Invalid(f"jobs are {', '.join(STATES)}, not {state!r}", "state")
    stored, tried = STATES[state]
    rows = await outbox.list_jobs(stored, limit, after, again=tried)
    about = await subjects(rows)
    data = [msgspec.structs.asdict(job) | {"state": state, "about": about[job.id].said} for job in rows]
    counts = await outbox.counts()
    columns = [
        Column("ID", lambda j: j.id, right=True),
        Column("TASK", lambda j: j.task),
        Column("ABOUT", lambda j: about[j.id].said or j.subject_id or "", give=True),
        Column("TRIES", lambda j: j.attempts, right=True),
        Column("DUE", lambda j: ago(j.run_at), right=True),
        Column("ERROR", lambda j: j.error, give=True),
    ]
    told = f"{counts['due']:,} due, {counts['claimed']:,} under way, {counts['dead']:,} given up"
    waits = await waiting()
    remarks = [told, f"{waits}: bluebook jobs ls waiting"] if waits and state != "waiting" else [told]
    last = str(rows[-1].id) if len(rows) == limit else None
    empty = "no job waits for another try" if state == "waiting" else f"no job is {state.replace('-', ' ')}"
    return listing("jobs", rows, columns, empty=empty, after=last, data=data, remarks=remarks)


async def waiting() -> str:
    """How many jobs wait for another try, since when, what the oldest is about, and why; "" where none does."""
    from engine.services import outbox
    from engine.services.job_subjects import subjects

    found = await outbox.again()
    if found.oldest is None:
        return ""
    job = found.oldest
    about = (await subjects([job]))[job.id].said
    which = f"{job.task} {about}".strip()
    one = "waits" if found.count == 1 else "wait"
    return (
        f"{many(found.count, 'job')} {one} for another try, the oldest for {ago(job.created_at)} ({which}: {job.error})"
    )


@noun.command("retry", "bluebook jobs retry 4711", "bluebook jobs retry --all")
async def retry(
    jobs: Annotated[list[int] | None, typer.Argument(help="Ids, as `bluebook jobs ls` shows them.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Every job that was given up.")] = False,
) -> Shown:
    """Run jobs again: those that were given up, or wait for their time, are due now."""
    from engine.services import outbox

    ids = await _chosen(jobs, all)
    for job in ids:
        await outbox.retry(job)
    return said(f"{many(len(ids), 'job')} due now", jobs=ids)


@noun.command("drop", "bluebook jobs drop 4711")
async def drop(
    jobs: Annotated[list[int], typer.Argument(help="Ids, as `bluebook jobs ls` shows them.")],
) -> Shown:
    """Give jobs up for good: they are over without having run, and the blue book of the order they are about says so.

    What has to be done all the same, as to send a purchase order that is queued, is refused, with what to do instead.
    """
    from engine.services import dropping

    who = by()
    done = [await dropping.drop(job, who) for job in jobs]
    return said("; ".join(done), jobs=jobs)


async def _chosen(jobs: list[int] | None, every: bool) -> list[int]:
    from engine.errors import Invalid
    from engine.services import outbox

    if bool(jobs) == every:
        raise Invalid("say which jobs, or --all", "jobs")
    return jobs or [job.id for job in await outbox.list_jobs("dead", 10_000)]
