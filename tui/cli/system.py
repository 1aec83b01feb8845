"""The commands of ``bluebook`` itself: setting up, running workers, pulling now, and looking whether all is well."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any

import typer

from tui.cli.command import Noun, by, opened, sqlite_file
from tui.cli.output import Column, Paper, Shown, listing, said
from tui.plain import many

db = Noun("db", "The database's schema.")
config = Noun("config", "The settings in force.")


def register(root: Noun) -> None:
    """The commands are part of ``bluebook``."""
    root.command("init", "bluebook init", database=False)(init)
    root.command("worker", "bluebook worker", "bluebook worker --processes 4", database=False, logged=False)(worker)
    root.command("sync", "bluebook sync", 'bluebook sync "Demo store"')(sync)
    root.command("doctor", "bluebook doctor", "bluebook doctor --quick --json", database=False, reads=True)(doctor)
    root.command("api", "bluebook api", "bluebook api --port 8080", database=False, serves=True)(api)


def register_demo(root: Noun) -> None:
    """``bluebook demo`` is there too; its module registers itself, with what it needs."""
    demo = importlib.import_module("tui.cli.demo")
    demo.register(root)


async def init() -> Shown:
    """Make Bluebook's folder, key and database; safe to run again."""
    from engine import db as database
    from engine.services import listings
    from engine.settings import masked_url, settings

    conf = settings()
    file = sqlite_file(conf.database)
    fresh = file is not None and not _exists(file)
    done, applied = await prepare()
    async with database.database():
        channels, suppliers = await listings.channels(), await listings.suppliers()
    what = "made" if fresh else "brought up to date" if applied else "kept"
    done.append(f"{what} the database {masked_url(conf.database)}")
    steps = _next_steps(bool(channels), bool(suppliers))

    def draw(paper: Paper) -> None:
        for line in done:
            paper.line(line)
        paper.title("Next")
        for step in steps:
            paper.line(f"  {step}")

    return Shown({"home": str(conf.home_path), "done": done, "applied": applied, "next": steps}, draw)


async def prepare() -> tuple[list[str], list[str]]:
    """Folder, key and database are there, as this version wants them: what was done for the key, and to the schema."""
    from engine import db as database
    from engine import vault
    from engine.services import schedule, schema
    from engine.settings import settings

    conf, done = settings(), []
    if not conf.secret_key:
        made = not _exists(str(conf.home_path / "secret.key"))
        path = vault.make_key_file()
        done.append(f"{'made' if made else 'kept'} the key {path}: back it up, sealed credentials need it")
    async with database.database():
        applied = await schema.upgrade()
        await schedule.ensure()
    return done, applied


def _exists(path: str) -> bool:
    from pathlib import Path

    return Path(path).exists()


def _next_steps(channels: bool, suppliers: bool) -> list[str]:
    steps = []
    if not channels:
        steps.append("bluebook channels add --help     connect a store")
    if not suppliers:
        steps.append("bluebook suppliers add --help    connect a supplier")
    if channels and suppliers:
        steps.append("bluebook sync                    pull the orders now")
    steps.append("bluebook up                      do the work, with the web app and the API")
    steps.append("bluebook doctor                  see whether all is well")
    return steps


def worker(
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many worker processes.")] = 1,
) -> int:
    """Do the work in the background until told to stop: pull, send, listen, push tracking.

    SIGTERM or Ctrl-C finishes what runs and leaves the rest ready; the log is on stderr.
    """
    code: int = importlib.import_module("workers.run").serve(processes)
    return code


async def sync(
    channels: Annotated[list[str] | None, typer.Argument(metavar="CHANNEL", help="Which; all where not given.")] = None,
) -> Shown:
    """Pull orders now, and say what came. Where a channel works again, what waits for another try with it is due now."""
    return await pull(channels or [])


async def pull(names: list[str]) -> Shown:
    """The channels named, or all in use, are pulled; what came from each. One that fails leaves the others alone."""
    from engine.errors import BluebookError, Invalid, NotAuthorised, Refused
    from engine.services import listings, sync

    if names:
        chosen = [await listings.channel(name) for name in names]
        for view in chosen:
            if not view.enabled:
                raise Invalid(f"{view.name} is disabled: `bluebook channels set {view.name!r} --option enabled=true`")
            if view.paused_reason:
                raise Refused(
                    f"{view.name} is paused: {view.paused_reason}. Once that is put right: "
                    f"`bluebook channels resume {view.name!r}`"
                )
    else:
        chosen = [view for view in await listings.channels() if view.enabled and not view.paused_reason]
        if not chosen:
            raise Invalid("there is no channel to pull from; `bluebook channels ls` lists those there are")
    rows: list[dict[str, Any]] = []
    code = 0
    for view in chosen:
        row: dict[str, Any] = {
            "channel": view.name,
            "new": 0,
            "changed": 0,
            "same": 0,
            "parked": 0,
            "hastened": 0,
            "error": "",
            "paused": False,
        }
        try:
            pulled, hastened = await sync.channel(view.id, by())
            row |= {"new": pulled.new, "changed": pulled.changed, "same": pulled.same, "parked": pulled.parked}
            row["hastened"] = hastened
        except BluebookError as error:
            row["error"], code = error.message, max(code, error.exit_code)
            row["paused"] = isinstance(error, NotAuthorised)
        rows.append(row)
    remarks = ["parked payloads wait for a person: `bluebook inbox ls`"] if any(r["parked"] for r in rows) else []
    remarks += [f"{r['channel']}: {many(r['hastened'], 'waiting job')} due now" for r in rows if r["hastened"]]
    remarks += [
        f"{r['channel']} is paused from now on. Once that is put right: `bluebook channels resume {r['channel']!r}`"
        for r in rows
        if r["paused"]
    ]
    shown = listing("channels", rows, _pulled(rows), empty="", remarks=remarks)
    return Shown(shown.data, shown.draw, code, shown.remarks)


def _pulled(rows: list[dict[str, Any]]) -> list[Column]:
    columns = [
        Column("CHANNEL", lambda r: r["channel"], give=True),
        Column("NEW", lambda r: r["new"], right=True),
        Column("CHANGED", lambda r: r["changed"], right=True),
        Column("SAME", lambda r: r["same"], right=True),
        Column("PARKED", lambda r: r["parked"], right=True),
    ]
    if any(row["error"] for row in rows):
        columns.append(Column("ERROR", lambda r: r["error"], give=True))
    return columns


async def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Look at the newest 1,000 orders only.")] = False,
) -> Shown:
    """Look whether all is well: database, key, broker, workers, connections, jobs, inbox, the orders themselves, disk.

    Exit code 0: well or only warnings; 3: something needs a person; 4: a setting is wrong; 5: something does not answer.
    """
    from tui.cli import checkup

    return await checkup.run(quick)


async def api(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any that is free.")] = 8741,
    proxy_hops: Annotated[
        int,
        typer.Option(
            "--proxy-hops",
            min=0,
            max=10,
            help="How many proxies of yours add people's addresses to X-Forwarded-For. Default: the header is not read.",
        ),
    ] = 0,
) -> None:
    """Serve the REST API, and take suppliers' callbacks and answers and channels' webhooks, by HTTP until told to stop.

    The REST API is under /api/v1: /api/docs tells of it to people, /api/openapi.json to programs, and `bluebook tokens add`
    makes the tokens it is called with. GET /health tells how it is.
    """
    from engine.api import app

    async with opened():
        await app.serve(
            host, port, lambda url: print(f"listening on {url}", file=sys.stderr, flush=True), proxy_hops=proxy_hops
        )


@db.command("upgrade", "bluebook db upgrade", database=False)
async def upgrade() -> Shown:
    """Bring the database's schema up to this version; safe to run twice."""
    from engine.services import schedule, schema

    async with opened(checked=False):
        applied = await schema.upgrade()
        await schedule.ensure()
    what = f"applied {', '.join(applied)}" if applied else "the schema is up to date"
    return said(what, applied=applied)


@db.command("check", "bluebook db check", database=False, reads=True)
async def check() -> Shown:
    """Say whether the schema fits this version; exit code 4 where it does not.

    3: the database came from a PostgreSQL server that had counted more transactions (`bluebook db catch-up`).
    """
    from engine.services import feed, schema

    async with opened(checked=False):
        state = await schema.state()
        await schema.check()
        lacking = await feed.lacking()
    fits = said(
        f"the schema fits: {many(len(state.applied), 'migration')}, up to {state.applied[-1]}",
        applied=state.applied, transactions_lacking=lacking,
    )  # fmt: skip
    if not lacking:
        return fits
    lacks = f"the server lacks {many(lacking, 'transaction')}, so webhooks are told nothing: `bluebook db catch-up`"
    return Shown(fits.data, fits.draw, 3, [lacks])


@db.command("catch-up", "bluebook db catch-up")
async def catch_up() -> Shown:
    """Make up for another PostgreSQL server having counted further, after a restore.

    Webhooks and whoever follows the orders know by the server's count of transactions what is new: on a server that has not
    counted as far as the one the database came from, they are told nothing. Here empty transactions are counted until it has,
    some millions a minute. May be stopped, run again, and run beside everything else.
    """
    from engine.services import feed

    began = 0
    async for lacking in feed.catch_up():
        began = began or lacking
        if began and sys.stderr.isatty():
            print(f"\r\033[K{began - lacking:,} of {began:,} transactions", end="", file=sys.stderr, flush=True)
    if began and sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if not began:
        return said("no transactions are lacking", counted=0)
    replay = "what changed while they were lacking is told by `bluebook webhooks replay NAME --since …`"
    return said(f"counted {many(began, 'transaction')}: what changes is told again", remarks=[replay], counted=began)


@config.command("show", "bluebook config show", "bluebook config show --json", database=False, reads=True)
def show() -> Shown:
    """Show the settings in force, secrets masked."""
    from engine.settings import Settings, settings, shown

    values = shown(settings())
    mine, plain = settings(), Settings()

    def draw(paper: Paper) -> None:
        paper.table(
            [
                Column("SETTING", lambda name: name),
                Column("VALUE", lambda name: _plain(values[name]), give=True),
                Column("FROM", lambda name: "default" if getattr(mine, name) == getattr(plain, name) else "set"),
            ],
            list(values),
        )

    return Shown(values, draw, remarks=["set them by BLUEBOOK_<NAME> in the environment, or in bluebook.toml"])


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
