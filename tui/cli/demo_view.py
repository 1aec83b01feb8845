"""How the demo looks: one screen that fits the terminal while it runs, and a summary that stays when it is over."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tui.plain import clean, local, many, words

if TYPE_CHECKING:
    from engine.demo.watch import Fix, Happened, Progress, Summary

SOURCES = {"person": "magenta", "supplier": "green", "channel": "cyan", "rule": "yellow", "worker": "blue"}
LABEL = 20


def frame(progress: Progress, width: int, height: int, lines: Sequence[str] = ()) -> RenderableType:
    """The whole screen, exactly as high as the terminal or less; ``lines`` are what to try, once everything is done."""
    top: list[RenderableType] = [_head(progress, width), Text(f" {progress.note}", "italic", no_wrap=True), Text()]
    if progress.phase == "starting":
        return Group(*top)
    to_try = [Text(), *(_line(line) for line in lines)] if progress.phase == "open" else []
    # In a low terminal what to try counts for more than what was done.
    for part in (_stages(progress, width), _fixes(progress.fixes)):
        if len(top) + len(part) + len(to_try) <= height:
            top += part
    top += to_try
    left = height - len(top) - 2
    if left >= 2:
        top += [Text(), Rule("the blue book, as it is written", style="dim", characters="─"), *_events(progress, left)]
    return Group(*top[:height])


def _line(line: str) -> Text:
    return Text(line, "bold" if not line.startswith("   ") else "", no_wrap=True, overflow="fold")


def _head(progress: Progress, width: int) -> Text:
    right = f"{progress.seconds:5.1f} s  {progress.rate:4.1f} orders/s " if progress.phase != "starting" else ""
    left = " Bluebook demo"
    text = Text(left, "bold", no_wrap=True)
    text.append(" " * max(1, width - len(left) - len(right)) + right, "bold cyan")
    return text


def _stages(progress: Progress, width: int) -> list[Text]:
    now, of = progress.counts, progress.of
    purchases, parcels = max(now.purchases, 1), max(now.parcels, 1)
    by_supplier = " · ".join(f"{s.code} {s.sent}" for s in now.suppliers)
    waiting = f"{now.waiting} waiting" if now.waiting else "all resolved" if now.troubled else ""
    rows = (
        ("Placed in the store", progress.placed, of, "", "cyan"),
        ("Pulled and checked", now.pulled, of, "", "cyan"),
        ("Needed a person", now.troubled, of, waiting, "yellow"),
        ("Processed", now.processed, of, "", "blue"),
        ("Purchase orders sent", now.sent, purchases, by_supplier, "blue"),
        ("Acknowledged", now.acknowledged, purchases, "by the suppliers", "magenta"),
        ("Shipped", now.shipped, purchases, f"in {many(now.parcels, 'parcel')}", "magenta"),
        ("Tracking confirmed", now.confirmed, parcels, "read back from the store", "green"),
        ("Completed", now.completed, of, "", "green"),
    )
    return [_bar(width, *row) for row in rows]


def _bar(width: int, label: str, count: int, of: int, note: str, colour: str) -> Text:
    space = max(8, width - LABEL - 8 - 28)
    full = min(space, -(-space * count // of)) if of else 0
    text = Text(f" {label:<{LABEL}} ", no_wrap=True, overflow="ellipsis")
    text.append("━" * full, colour)
    text.append("─" * (space - full), "dim")
    text.append(f" {count:>5} ", "bold" if count else "dim")
    text.append(note, "dim")
    return text


def _fixes(fixes: Sequence[Fix]) -> list[Text]:
    if not fixes:
        return []
    found = [Text()]
    for fix in fixes:
        text = Text(" ✓ ", "bold green", no_wrap=True, overflow="ellipsis")
        text.append(fix.what, "default not bold")
        text.append(f"  {fix.cleared} ready", "bold green")
        text.append(" · saved for next time" if fix.saved else "", "dim not bold")
        found.append(text)
    return found


def _events(progress: Progress, most: int) -> list[Text]:
    return [_event(event) for event in progress.events[-most:]]


def _event(event: Happened) -> Text:
    text = Text(f" {local(event.at, seconds=True)[11:]}  ", "dim", no_wrap=True, overflow="ellipsis")
    about = event.subject.split(".")[1] if event.subject.startswith(("po.", "shipment.")) else event.number
    text.append(f"{about:<8} ", "bold not dim")
    text.append(f"{clean(event.actor, one_line=True):<8} ", f"{SOURCES.get(event.source, 'default')} not dim")
    text.append(clean(_says(event.action, event.message), one_line=True), "default not dim")
    return text


def _says(action: str, message: str) -> str:
    verb = words(action.rpartition(":")[2])
    return f"{verb}: {message}" if message else verb


# --- what to try ------------------------------------------------------------------------------------------------------


def program() -> str:
    """How ``bluebook`` is called from here: by name where it is on the path, else by where it is."""
    if shutil.which("bluebook"):
        return "bluebook"
    beside = Path(sys.executable).parent / "bluebook"
    try:
        return shlex.quote(str(beside.relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(beside))


def lines_to_try(home: str, number: str) -> list[str]:
    """Lines that can be pasted into another terminal to look at the demo's orders."""
    bluebook = program()
    found = [f"export BLUEBOOK_HOME={shlex.quote(home)}"]
    elsewhere = [name for name in ("BLUEBOOK_DATABASE_URL", "BLUEBOOK_CONFIG") if os.environ.get(name)]
    if elsewhere:
        found.append(f"unset {' '.join(elsewhere)}")
    return [*found, f"{bluebook} orders ls", f"{bluebook} orders show {number}", f"{bluebook} audit show {number}"]


def open_lines(home: str, number: str, store_url: str, next_ready: str, seconds: int | None = None) -> list[str]:
    """What the screen says when everything is done and still runs; ``next_ready`` is an order that can be processed.

    ``seconds``: so soon the terminal app opens by itself.
    """
    opening = f" (opens in {seconds} s)" if seconds is not None else ""
    lines = lines_to_try(home, number)
    if next_ready:
        lines[-1] = f"{program()} orders process {next_ready}"
    return [
        " Everything is running. In another terminal, try:",
        *(f"   {line}" for line in lines),
        f"   curl {store_url}/demo/state      (the store's own account)",
        f" Enter  work the queue yourself{opening}     n  five more orders     q  stop",
    ]


# --- the summary ------------------------------------------------------------------------------------------------------


def summary(found: Summary) -> RenderableType:
    """How it ended, for people."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    rate = found.completed / found.seconds if found.seconds else 0.0
    table.add_row("orders", f"{found.completed} of {found.orders} completed in {found.seconds} s ({rate:.1f}/s)")
    table.add_row("purchase orders", ", ".join(f"{code} {count}" for code, count in found.purchase_orders.items()))
    table.add_row("parcels", f"{found.parcels}; the store confirmed the tracking of {found.confirmed}")
    for number, fix in enumerate(found.fixes):
        saved = ", saved for next time" if fix.saved else ""
        table.add_row("" if number else "resolved", f"{fix.what}: {many(fix.cleared, 'order')} ready{saved}")
    problems = [f"{p.order}: {p.what}" for p in found.audit.problems[:3]]
    verdict = "verified" if not problems else f"NOT as it was written: {'; '.join(problems)}"
    table.add_row("audit", f"{many(found.audit.events, 'event')}, {verdict}")
    if found.unfinished:
        names = [f"{number} ({words(status)})" for number, status in list(found.unfinished.items())[:8]]
        table.add_row("not completed", ", ".join(names), style="red")
    return table


def example(found: Summary) -> RenderableType:
    """The blue book of one order."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for style in ("dim", "", "", ""):
        table.add_column(no_wrap=not style and len(table.columns) < 3, style=style, overflow="fold")
    for event in found.example:
        about = event.subject.split(".")[1] if event.subject.startswith(("po.", "shipment.")) else found.example_number
        moment = event.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
        table.add_row(moment, about, clean(event.actor, one_line=True), clean(_says(event.action, event.message)))
    return table
