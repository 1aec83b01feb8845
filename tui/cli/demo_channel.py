"""``bluebook demo channel``: a channel on this machine, to try yours with before a real one is connected."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from engine import loops

EXAMPLES = (
    "bluebook demo channel shopify",
    "bluebook demo channel amazon --orders 20 --every 10",
    "bluebook demo channel ebay --wishes 2",
    "bluebook demo channel walmart --fault throttle --fault error-after=0.1",
)
LOOK_SECONDS = 0.5


def register(group: typer.Typer) -> None:
    """``channel`` is a command of the demo's group."""
    from tui.cli import command

    lines = "\n".join(f"  {line}" for line in EXAMPLES)
    text = f"{inspect.cleandoc(channel.__doc__ or '')}\n\n\b\nExamples:\n{lines}"
    short = (channel.__doc__ or "").strip().partition("\n")[0]
    command.EXAMPLES.extend(command.Example(line, reads=False) for line in EXAMPLES)
    group.command("channel", help=text, short_help=short, context_settings=command.HELP, cls=command.Command)(channel)


def channel(
    kind: Annotated[str, typer.Argument(help="Which kind: shopify, amazon, ebay, walmart …")],
    orders: Annotated[int, typer.Option("--orders", min=0, help="Orders that are there at once.")] = 5,
    wishes: Annotated[int, typer.Option("--wishes", min=0, help="How many of their customers ask to cancel.")] = 0,
    every: Annotated[float, typer.Option("--every", min=0, help="Another order every so many seconds; 0: none.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="NAME[=SHARE]", help="What goes wrong with a share of requests (0.2)."),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="Where it listens; 0: wherever is room.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Say everything in JSON, a document a line.")] = False,
) -> None:
    """Run a channel to try yours with: customers buy there, and what it is told is told here. Until Ctrl-C.

    It speaks its vendor's protocol and keeps its rules. Enter places another order, where a person sits at the terminal.
    """
    from engine.errors import BluebookError

    try:
        asyncio.run(_serve(kind, (orders, wishes), every, fault or [], port, as_json))
    except BluebookError as error:
        print(f"Error: {error.message}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt:
        return


async def _serve(kind: str, orders: tuple[int, int], every: float, faults: list[str], port: int, as_json: bool) -> None:
    from engine.demo import stall
    from engine.errors import Misconfigured

    made, wrong = stall.sim_of(kind)(), stall.chances(faults)
    over = asyncio.Event()
    for stop in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows interrupts by itself
            asyncio.get_running_loop().add_signal_handler(stop, over.set)
    try:
        await made.start(port)
    except OSError as error:
        raise Misconfigured(f"port {port} cannot be listened at: {error.strerror or error}") from error
    try:
        customers = stall.Stall(made)
        placed = customers.place(orders[0], wishes=orders[1])
        _say_how(kind, made, placed, as_json)
        made.always(wrong)
        with _enter() as pressed:
            await _watch(customers, every, pressed, over, as_json)
    finally:
        await made.stop()


def _say_how(kind: str, made: Any, placed: list[str], as_json: bool) -> None:
    settings, secrets = made.settings(), made.secrets()
    if as_json:
        _tell({"connector": kind, "url": made.url, "settings": settings | secrets, "orders": placed})
        return
    # Secrets are not taken as arguments, which others can see: that these are none, the command cannot know.
    before = "".join(f"DEMO_{name.upper()}={shlex.quote(value)} " for name, value in secrets.items())
    given = [f"--set {shlex.quote(f'{name}={_written(value)}')}" for name, value in settings.items()]
    given += [f"--secret-from-env {name}=DEMO_{name.upper()}" for name in secrets]
    print(
        f"A demo channel of kind {kind} is at {made.url}, with {len(placed)} orders. Connect it from another terminal:"
    )
    print(f"  {before}bluebook channels add 'Demo {kind}' --connector {kind} {' '.join(given)}", flush=True)


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _tell(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


async def _watch(customers: Any, every: float, pressed: asyncio.Event, over: asyncio.Event, as_json: bool) -> None:
    due = time.monotonic() + every
    while not over.is_set():
        count = int(bool(every) and time.monotonic() >= due) + int(pressed.is_set())
        if every and time.monotonic() >= due:
            due += every
        pressed.clear()
        for order in customers.place(count):
            _tell({"order": order, "state": "placed"}) if as_json else _line(f"order {order} was placed")
        for one in customers.news():
            if as_json:
                _tell({name: value for name in one.__struct_fields__ if (value := getattr(one, name))})
            else:
                _line(one.text)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await over.wait()


def _line(text: str) -> None:
    from tui.plain import clean

    print(f"{time.strftime('%H:%M:%S')}  {clean(text)}", flush=True)


@contextlib.contextmanager
def _enter() -> Iterator[asyncio.Event]:
    """Set when somebody presses Enter; never where nobody sits there."""
    pressed, loop = asyncio.Event(), asyncio.get_running_loop()
    if not sys.stdin.isatty():
        yield pressed
        return

    def read() -> None:
        if not sys.stdin.readline():
            loop.remove_reader(descriptor)  # the terminal is gone
        pressed.set()

    descriptor = sys.stdin.fileno()
    try:
        loops.hear(descriptor, read)
    except NotImplementedError:  # Windows has none for terminals
        yield pressed
        return
    print("Enter places another order.", file=sys.stderr)
    try:
        yield pressed
    finally:
        loop.remove_reader(descriptor)
