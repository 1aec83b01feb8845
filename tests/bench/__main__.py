"""``make bench``: ours and its raw floor side by side in one run, as a table and as JSON under ``bench/results``.

``--quick`` takes small numbers (two minutes); the full run reads 1,000,000 orders on each database (half an hour).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from engine import settings, vault
from tests.bench import big_order, edi, hooks, intake, pipeline, polls, reading, terminal, triage, web
from tests.support import databases

ROOT = Path(__file__).parent.parent.parent
PARTS = ("intake", "pipeline", "edi", "hooks", "polls", "reading", "terminal", "web", "big_order", "triage")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be given again")
    parser.add_argument("--no-postgres", action="store_true", help="SQLite only")
    return parser.parse_args()


@contextmanager
def _postgres(wanted: bool) -> Iterator[str | None]:
    """The URL of a new empty PostgreSQL database, dropped afterwards; None where there is no server."""
    if not wanted or databases.elsewhere(databases.postgres_trouble()):
        yield None
        return
    url = databases.elsewhere(databases.postgres_template())
    try:
        yield url
    finally:
        databases.elsewhere(databases.drop(url))


def main() -> int:
    """Every part was measured, printed and written down."""
    options = _arguments()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed app does not compile itself at every start
    parts = options.only or PARTS
    folder = Path(tempfile.mkdtemp(prefix="bluebook-bench-"))
    settings.force(settings.Settings(home=str(folder)))
    results: dict[str, Any] = {"about": _about(options)}
    try:
        if "intake" in parts:
            results["intake"] = _intake(folder, 1000 if options.quick else 20_000, not options.no_postgres)
        if "pipeline" in parts:
            results["pipeline"] = _pipeline(folder, 500 if options.quick else 3000, not options.no_postgres)
        if "edi" in parts:
            results["edi"] = edi.run(folder / "edi", 200 if options.quick else 2000)
        if "hooks" in parts:
            results["hooks"] = _hooks(folder / "hooks", options.quick)
        if "polls" in parts:
            results["polls"] = polls.run(folder / "polls", 500 if options.quick else 10_000)
        if "reading" in parts:
            results["reading"] = {}
        for part in ("terminal", "web"):
            if part in parts:
                results[part] = {}
        _over_many(folder, options, results)
        if "big_order" in parts:
            results["big_order"] = big_order.run(folder / "big")
        if "triage" in parts:
            results["triage"] = triage.run(folder / "triage")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _show(results)
    target = ROOT / "bench" / "results"
    target.mkdir(parents=True, exist_ok=True)
    file = target / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(results, indent=1))
    print(f"written to {file.relative_to(ROOT)}")
    return 0


def _about(options: argparse.Namespace) -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: version(name) for name in ("tortoise-orm", "aiohttp", "dramatiq", "msgspec")},
        "quick": options.quick,
    }


def _intake(folder: Path, orders: int, postgres: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for processes in (1, 2):
        home = folder / f"intake{processes}"
        home.mkdir()
        title = f"{processes} process{'es' if processes > 1 else ''}"
        ours, floor = f"sqlite://{home}/intake.db", f"sqlite://{home}/floor.db"
        made[f"sqlite, {title}"] = asyncio.run(intake.run(ours, floor, orders, home, processes))
        with _postgres(postgres) as server, _postgres(postgres) as other:
            if server and other:
                made[f"postgres, {title}"] = asyncio.run(intake.run(server, other, orders, home, processes))
    return made


def _pipeline(folder: Path, orders: int, postgres: bool) -> dict[str, Any]:
    home = folder / "pipeline"
    home.mkdir()
    settings.force(settings.Settings(home=str(home)))
    made = {"sqlite": asyncio.run(pipeline.run(f"sqlite:///{home}/pipeline.db", home, orders))}
    with _postgres(postgres) as url:
        if url:
            (home / "floor.sqlite3").unlink()
            made["postgres"] = asyncio.run(pipeline.run(url, home, orders))
    return made


def _hooks(home: Path, quick: bool) -> dict[str, Any]:
    home.mkdir()
    settings.force(settings.Settings(home=str(home)))
    vault.make_key_file()
    return hooks.run(f"sqlite://{home}/hooks.db", home, *((2_000, 2_000) if quick else (10_000, 20_000)))


def _over_many(folder: Path, options: argparse.Namespace, results: dict[str, Any]) -> None:
    """Reading at every scale, and the terminal app at the largest: on the same orders, which take minutes to make."""
    scales = (1_000, 20_000) if options.quick else (1_000, 100_000, 1_000_000)
    for orders in scales if "reading" in results else scales[-1:] if results.keys() & {"terminal", "web"} else ():
        file = folder / f"orders{orders}.db"
        _over(f"sqlite {orders}", f"sqlite:///{file}", orders, folder, results, last=orders == scales[-1])
        file.unlink()
        with _postgres(not options.no_postgres) as server:
            if server:
                _over(f"postgres {orders}", server, orders, folder, results, last=orders == scales[-1])


def _over(name: str, url: str, orders: int, folder: Path, results: dict[str, Any], *, last: bool) -> None:
    asyncio.run(reading.fill(url, orders))
    if "reading" in results:
        results["reading"][name] = msgspec.to_builtins(asyncio.run(reading.run(url, orders)))
    for part, measure in (("terminal", terminal.run), ("web", web.run)):
        if part in results and last:
            home = folder / part
            home.mkdir(exist_ok=True)
            settings.force(settings.Settings(home=str(home), database_url=url))
            vault.make_key_file()
            results[part][name] = measure(url, home)
            # Making the orders took minutes: should a later part fail, this is not lost.
            print(f"{part}, {name}: {json.dumps(results[part][name])}", flush=True)


def _show(results: dict[str, Any]) -> None:
    console = Console(width=110)
    about = results["about"]
    console.print(f"{about['at']}  commit {about['commit']}  {about['machine']}  Python {about['python']}")
    for part in ("intake", "pipeline"):
        if part in results:
            table = Table(title=f"{part}: orders a second", title_justify="left")
            for name in ("database", "orders", "ours", "floor", "ratio", "CPU ms/order", "memory MB"):
                table.add_column(name, justify="left" if name == "database" else "right")
            for database, found in results[part].items():
                more = [f"{found[k]:.1f}" if k in found else "" for k in ("cpu_ms_per_order", "memory_mb")]
                table.add_row(
                    database, f"{found['orders']:,}", f"{found['ours_per_s']:,.0f}", f"{found['floor_per_s']:,.0f}",
                    f"{found['ratio']:.2f}", *more,
                )  # fmt: skip
            console.print(table)
    if "edi" in results:
        table = Table(title="edi: a second", title_justify="left")
        for name in ("what", "count", "ours", "floor", "ratio", "s for 10 MB"):
            table.add_column(name, justify="left" if name == "what" else "right")
        for what, found in results["edi"].items():
            table.add_row(
                what, f"{found['count']:,}", f"{found['ours_per_s']:,.0f}", f"{found['floor_per_s']:,.0f}",
                f"{found['ratio']:.3f}", f"{found['seconds_for_10_mb']:.1f}",
            )  # fmt: skip
        console.print(table)
    if "hooks" in results:
        _show_goals(
            console, f"webhooks over {hooks.CONNECTIONS} connections", {"sqlite": results["hooks"]}, hooks.GOALS
        )  # fmt: skip
    if "polls" in results:
        _show_polls(console, results["polls"])
    if "reading" in results:
        table = Table(title="reading: p95 in ms", title_justify="left")
        table.add_column("what")
        for column in results["reading"]:
            table.add_column(column, justify="right")
        names = [one["name"] for one in next(iter(results["reading"].values()))]
        for name in names:
            cells = []
            for found in results["reading"].values():
                one = next(m for m in found if m["name"] == name)
                cells.append(f"{one['p95']:.1f}" + (" !" if one["p95"] > one["goal"] else ""))
            table.add_row(name, *cells)
        console.print(table)
    if "terminal" in results:
        _show_goals(console, "terminal app, while 50 orders a second arrive", results["terminal"], terminal.GOALS)
    if "web" in results:
        _show_goals(console, f"web app; memory with {web.TABS} tabs", results["web"], web.GOALS)
    if "big_order" in results:
        _show_goals(
            console, f"an order of {big_order.LINES} lines and {big_order.EVENTS:,} events, in ms",
            {"ms": results["big_order"]}, big_order.GOALS,
        )  # fmt: skip
    if "triage" in results:
        found = results["triage"]
        console.print(
            f"triage: {found['orders']} orders, {found['orders_per_minute']:.0f} a minute, {found['keys_per_order']:.2f} keys an "
            f"order, the app's share of the time {found['app_share_percent']:.1f}%"
        )


def _show_polls(console: Console, results: dict[str, dict[str, float]]) -> None:
    table = Table(title=f"polls of {next(iter(results.values()))['orders']:,} orders", title_justify="left")
    for name in ("channel", "requests", "s", "orders/s", "CPU ms/order", "floor", "ratio", "MB before", "MB"):
        table.add_column(name, justify="left" if name == "channel" else "right")
    for kind, found in results.items():
        table.add_row(
            kind, f"{found['requests']:,}", f"{found['seconds']:.1f}", f"{found['orders_per_s']:,.0f}",
            f"{found['cpu_ms_per_order']:.2f}", f"{found['floor_cpu_ms_per_order']:.2f}", f"{found['ratio']:.3f}",
            f"{found['memory_before_mb']:.0f}", f"{found['memory_mb']:.0f}",
        )  # fmt: skip
    console.print(table)


def _show_goals(
    console: Console, title: str, results: dict[str, dict[str, float]], goals: dict[str, float | None]
) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for column in results:
        table.add_column(column, justify="right")
    for name, goal in goals.items():
        found = [one[name] for one in results.values()]
        missed = ["" if goal is None or value <= goal else " !" for value in found]
        table.add_row(name.replace("_", " "), *[f"{v:.1f}{m}" for v, m in zip(found, missed, strict=True)])
    console.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
