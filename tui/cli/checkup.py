"""``bluebook doctor``: each finding is ok, warn or fail, with what to do about it."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from tui.cli.command import explain, opened, sqlite_file
from tui.cli.output import Paper, Shown
from tui.plain import ago, many

QUICK = 1_000
LITTLE_BYTES = 1_000_000_000
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``state``: ok, warn or fail; ``code`` is the exit code of a fail."""

    about: str
    state: str
    what: str
    todo: str = ""
    code: int = 3


def ok(about: str, what: str) -> Finding:
    return Finding(about, "ok", what)


def warn(about: str, what: str, todo: str) -> Finding:
    return Finding(about, "warn", what, todo)


def fail(about: str, what: str, todo: str, code: int = 3) -> Finding:
    return Finding(about, "fail", what, todo, code)


async def run(quick: bool) -> Shown:
    """Everything was looked at; a fail of one does not keep the others from being looked at."""
    from engine.errors import BluebookError

    found = [key(), disk()]
    found.append(await broker())
    try:
        async with opened(checked=False):
            from engine.settings import masked_url, settings

            found.insert(0, ok("database", f"{masked_url(settings().database)} answers"))
            found.insert(1, await schema_fits())
            if found[1].state == "ok":
                found += [finding async for finding in inside(quick)]
    except BluebookError as error:
        todo = "bluebook init" if error.exit_code == 4 else "start it, or correct BLUEBOOK_DATABASE_URL"
        found.insert(0, fail("database", error.message, todo, error.exit_code))
    fails = [f.code for f in found if f.state == "fail"]
    code = next((c for c in (5, 4, 3) if c in fails), 0)
    return Shown({"findings": [asdict(f) for f in found], "exit_code": code}, lambda paper: _draw(paper, found), code)


def _draw(paper: Paper, found: list[Finding]) -> None:
    paper.findings([(f.state, f.about, f.what, f.todo) for f in found])
    warns, fails = (sum(f.state == state for f in found) for state in ("warn", "fail"))
    paper.title("all is well" if not warns + fails else f"{many(fails, 'failure')}, {many(warns, 'warning')}")


# --- outside the database ---------------------------------------------------------------------------------------------


def key() -> Finding:
    """Is there a key to open credentials with, and can nobody else read it?"""
    from engine.settings import settings

    if settings().secret_key:
        return ok("key", "from BLUEBOOK_SECRET_KEY")
    path = settings().home_path / "secret.key"
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return fail("key", f"{path} is missing", "restore it from your backup, or `bluebook init` for a new one", 4)
    except OSError as error:
        return fail("key", f"{path}: {error.strerror}", "correct the rights of its folder", 4)
    if os.name == "posix" and mode & 0o077:
        return fail("key", f"{path} can be read by others ({mode:o})", f"chmod 600 {path}", 4)
    return ok("key", f"{path}, readable by its owner only")


def disk() -> Finding:
    """Is there room where the database and the logs are?"""
    from pathlib import Path

    from engine.settings import settings

    file = sqlite_file(settings().database)
    folder = Path(file).parent if file else settings().home_path
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    room = f"{free / 1e9:,.1f} GB free at {folder}"
    if free < LITTLE_BYTES // 10:
        return fail("disk", room, "make room: the database cannot grow")
    return warn("disk", room, "make room soon") if free < LITTLE_BYTES else ok("disk", room)


async def broker() -> Finding:
    """Does the broker answer?"""
    from engine.settings import masked_url, settings

    url = settings().broker
    if url.startswith("sql:"):
        return ok("broker", "sql://, the database itself carries the jobs")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.to_thread(_ask_broker, url)
    except Exception as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        todo = "start it, or correct BLUEBOOK_BROKER_URL; jobs wait in the database meanwhile"
        return fail("broker", f"{masked_url(url)} does not answer: {said}", todo, getattr(error, "exit_code", 5))
    return ok("broker", f"{masked_url(url)} answers")


def _ask_broker(url: str) -> None:
    made = importlib.import_module("workers.broker").make(url)
    try:
        if hasattr(made, "client"):
            made.client.ping()
        else:
            made.connection  # noqa: B018 - connects when it is first asked for
    finally:
        made.close()


# --- inside -----------------------------------------------------------------------------------------------------------


async def schema_fits() -> Finding:
    """Is the schema this version's?"""
    from engine.errors import Misconfigured
    from engine.services import schema

    try:
        await schema.check()
    except Misconfigured as error:
        return fail("schema", error.message, "bluebook db upgrade" if "lacks" in error.message else "", 4)
    return ok("schema", f"up to date ({(await schema.state()).applied[-1]})")


async def inside(quick: bool) -> AsyncIterator[Finding]:
    """What the database tells."""
    for look in (counting, workers, connections, certificates, access, jobs, parked, lambda: orders(quick)):
        found: Callable[[], Awaitable[list[Finding]]] = look
        try:
            for finding in await found():
                yield finding
        except Exception as error:
            message, code = explain(error, "doctor")
            yield fail(getattr(look, "__name__", "orders").strip("<>"), message, "", code if code > 2 else 3)


async def counting() -> list[Finding]:
    """Does the PostgreSQL server count from where the one before it, whose database this was, had come to?"""
    from engine.services import feed

    lacking = await feed.lacking()
    if not lacking:
        return []
    what = (
        f"the database came from a PostgreSQL server that had counted {many(lacking, 'transaction')} more: webhooks, and "
        "programs that ask for changed orders, are told nothing new"
    )
    return [warn("changes", what, "bluebook db catch-up")]


async def workers() -> list[Finding]:
    """Does somebody do the work?"""
    from engine.services import beats, outbox

    seen = await beats.workers()
    alive = [worker for worker in seen if worker.alive]
    due = (await outbox.counts())["due"]
    found = []
    if alive:
        where = ", ".join(sorted({worker.host for worker in alive}))
        found.append(ok("workers", f"{many(len(alive), 'worker')} alive on {where}"))
    elif due:
        found.append(fail("workers", f"none is running and {many(due, 'job')} due", "bluebook worker"))
    else:
        found.append(warn("workers", "none is running: nothing is pulled, sent or pushed", "bluebook worker"))
    last = await beats.last()
    if last is not None and not alive:
        # One that left in good order is none of those seen, and its log has nothing to tell.
        todo = "look into its log" if seen else "bluebook worker"
        found.append(warn("workers", f"{last.host}:{last.pid} was last seen {ago(last.seen_at)} ago", todo))
    return found


def _credentials(table: str, view: Any) -> str:
    """How it is given new credentials, which is what most pauses wait for."""
    from engine.connectors import registry
    from engine.errors import Misconfigured
    from engine.services import authorise

    given = f"; new credentials: `bluebook {table} set {view.name!r} --secret-from-env …`"
    try:
        asks = table == "channels" and authorise.asks_owner(registry.channel_type(view.connector))
    except Misconfigured:  # its package is gone
        return ""
    return f"{given}, or `bluebook channels authorise {view.name!r}`" if asks else given


async def connections() -> list[Finding]:
    """Are the channels and suppliers in use?"""
    from engine.services import listings

    found = []
    views: list[tuple[str, Any]] = [("channels", view) for view in await listings.channels()]
    views += [("suppliers", view) for view in await listings.suppliers()]
    for table, view in views:
        if view.paused_reason:
            todo = f"put it right, then `bluebook {table} resume {view.name!r}`{_credentials(table, view)}"
            found.append(fail(table[:-1], f"{view.name} is paused: {view.paused_reason}", todo))
        elif view.last_error:
            found.append(warn(table[:-1], f"{view.name}: {view.last_error}", f"bluebook {table} test {view.name!r}"))
    if found:
        return found
    if not views:
        return [warn("channels", "no channel and no supplier yet", "bluebook channels add --help")]
    return [ok("channels", f"{many(len(views), 'connection')}, none paused, none failing")]


async def certificates() -> list[Finding]:
    """Does a certificate of an AS2 partner or ours end soon?"""
    from engine.services import messages

    return [
        (fail if one.days < 0 else warn)(
            "certificate", f"{one.supplier}: {one.text}", f"bluebook suppliers set {one.supplier!r}"
        )
        for one in await messages.endings()
    ]


async def access() -> list[Finding]:
    """Does a channel's owner have to let us in anew before long?"""
    from engine.services import authorise

    return [
        (fail if one.days < 0 else warn)(
            "access", f"{one.channel}: {one.text}", f"bluebook channels authorise {one.channel!r}"
        )
        for one in await authorise.endings()
    ]


async def jobs() -> list[Finding]:
    """Was a job given up, or does one wait for another try?"""
    from engine.services import outbox
    from tui.cli.jobs import waiting

    counts, waits = await outbox.counts(), await waiting()
    found = (
        [warn("jobs", waits, "bluebook jobs ls waiting; bluebook sync CHANNEL, once it works again, hastens them")]
        if waits
        else []
    )
    if counts["dead"]:
        return [fail("jobs", f"{many(counts['dead'], 'job')} given up", "bluebook jobs ls, then retry or drop"), *found]
    return found or [ok("jobs", f"none given up, {counts['due']:,} due, {counts['claimed']:,} under way")]


async def parked() -> list[Finding]:
    """Does a payload wait for a person?"""
    from engine.services import listings

    count = await listings.parked_count()
    if count:
        return [fail("inbox", f"{many(count, 'payload')} parked: nobody could read them", "bluebook inbox ls")]
    return [ok("inbox", "no payload is parked")]


async def orders(quick: bool) -> list[Finding]:
    """Is every order what its trail says, and does everything under way have its job?"""
    from engine.services import invariants

    found = await invariants.check(limit=QUICK if quick else None)
    if not found:
        looked = f"the newest {QUICK:,} orders" if quick else "all orders"
        return [ok("orders", f"{looked} agree with their blue books")]
    told = [fail("orders", f"{v.rule}: {v.subject}: {v.what}", "") for v in found[:20]]
    rest = f"{many(len(found), 'violation')}; " if len(found) > 20 else ""
    return [*told, fail("orders", f"{rest}this must not be: please report it", "bluebook audit verify")]
