"""``bluebook demo``: a store, two suppliers and a worker on this machine, and orders that go all the way, to look at."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine import loops
from tui.cli import demo_channel, demo_supplier
from tui.cli.demo_web import DemoWeb

if TYPE_CHECKING:
    from rich.console import Console

    from engine.demo.run import Demo
    from engine.demo.watch import Progress, Summary
    from tui.app import BluebookApp
    from tui.cli.command import Noun

MORE = 5
OPENS_AFTER = 6.0
"""Seconds to look at how it went before the terminal app opens over it."""
TO_READ = 3.0
"""Seconds that are left to read what came last."""
EXAMPLES = ("bluebook demo", "bluebook demo --orders 200", "bluebook demo --fast --json")


def register(root: Noun) -> None:
    """``bluebook demo`` is a command. It opens a database of its own, and must know of --json before it begins."""
    from tui.cli import command

    lines = "\n".join(f"  {line}" for line in EXAMPLES)
    text = f"{inspect.cleandoc(demo.__doc__ or '')}\n\n\b\nExamples:\n{lines}"
    short = (demo.__doc__ or "").strip().partition("\n")[0]
    command.EXAMPLES.extend(command.Example(line, reads=False) for line in EXAMPLES)
    group = typer.Typer(rich_markup_mode=None, add_completion=False)
    group.callback(invoke_without_command=True, help=text, short_help=short, context_settings=command.HELP)(demo)
    demo_supplier.register(group)
    demo_channel.register(group)
    root.app.add_typer(group, name="demo")


def demo(
    ctx: typer.Context,
    orders: Annotated[int, typer.Option("--orders", help="How many orders are placed, 1 to 5000.")] = 40,
    home: Annotated[
        Path | None, typer.Option("--home", help="The demo's own folder, wiped at the start. Default: HOME/demo.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Without the pauses that let people watch; so it is in a pipe.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON, and end.")] = False,
) -> None:
    """Run a demo store and two demo suppliers here, and take orders from start to end.

    In a terminal the terminal app then opens, with orders that wait for you. Nothing listens beyond 127.0.0.1.
    """
    if ctx.invoked_subcommand is None:
        raise typer.Exit(run(orders=orders, home=home, fast=fast, as_json=as_json))


def run(*, orders: int = 40, home: Path | None = None, fast: bool = False, as_json: bool = False) -> int:
    """The demo has run; the exit code. Errors have been told on stderr in a sentence."""
    from engine.demo.run import Demo, Options
    from engine.errors import BluebookError
    from engine.settings import settings

    try:
        folder = (home or settings().home_path / "demo").expanduser().absolute()
        live = not as_json and sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        # Without a terminal nobody watches.
        made = Demo(Options(home=folder, orders=orders, fast=fast or not live))
        with contextlib.ExitStack() as stack:
            stack.enter_context(_quiet())
            runner = stack.enter_context(asyncio.Runner(loop_factory=loops.quickest()))
            return runner.run(_Show(made, live=live, as_json=as_json).run())
    except BluebookError as error:
        print(f"bluebook demo: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Within, the engine's log does not disturb the screen: the worker's is in the demo's home."""
    import structlog

    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    try:
        yield
    finally:
        structlog.configure(**before)


class _Show:
    """The demo on a terminal, or in lines where there is none."""

    def __init__(self, made: Demo, *, live: bool, as_json: bool) -> None:
        self.demo, self.live, self.as_json = made, live, as_json
        self.keys: asyncio.Queue[str] = asyncio.Queue()
        self.task: asyncio.Task[Any] | None = None
        self.web = DemoWeb(made.options.home)
        self.starting: asyncio.Task[None] | None = None
        self.app: BluebookApp | None = None
        self.hung_up = False
        self.stops = 0

    async def run(self) -> int:
        """The exit code: 0 when every order was completed and the blue book is whole, 130 when it was stopped before."""
        loop = asyncio.get_running_loop()
        self.task = asyncio.current_task()
        for name, heard in (("SIGINT", self._stop), ("SIGTERM", self._stop), ("SIGHUP", self._hung_up)):
            if hasattr(signal, name):
                with contextlib.suppress(NotImplementedError):
                    loop.add_signal_handler(getattr(signal, name), heard)
        try:
            async with self.demo:
                found = await (self._on_screen() if self.live else self._in_lines())
        except asyncio.CancelledError:
            print("The demo was stopped.", file=sys.stderr)
            return 130
        self._tell(found)
        return 0 if found.good else 1

    def _stop(self) -> None:
        self.stops += 1
        if self.stops > 1:
            self.demo.kill()
        elif self.demo.phase == "open":
            self.keys.put_nowait("q")
        elif self.task is not None:
            self.task.cancel()

    def _hung_up(self) -> None:
        """Nobody looks any more. The terminal app, where it is in front, would swallow a cancellation."""
        self.hung_up = True
        if self.app is not None:
            self.app.exit(0)
        elif self.task is not None:
            self.task.cancel()

    # --- without a terminal -------------------------------------------------------------------------------------------

    async def _in_lines(self) -> Summary:
        said = ""
        async for progress in self.demo.run():
            if progress.note != said:
                said = progress.note
                print(f"{progress.seconds:5.1f} s  {said}", file=sys.stderr, flush=True)
        return await self.demo.summary()

    # --- on a terminal ------------------------------------------------------------------------------------------------

    async def _on_screen(self) -> Summary:
        from rich.console import Console
        from rich.live import Live

        console = Console(highlight=False)
        with _keys(self.keys), Live(console=console, screen=True, auto_refresh=False) as live:
            async for progress in self.demo.run():
                self._draw(live, console, progress)
                if self._pressed("q"):
                    raise asyncio.CancelledError
            found = await self.demo.summary()
            await self.demo.hand_over()
            self.starting = asyncio.create_task(self.web.start())
            stays = await self._stay(live, console, found, opens_after=OPENS_AFTER)
        try:
            while stays:
                await self._work_the_queue()
                if self.hung_up:
                    raise asyncio.CancelledError
                with _keys(self.keys), Live(console=console, screen=True, auto_refresh=False) as live:
                    stays = await self._stay(live, console, found)
        finally:
            await self._leave_the_web()
        return found

    async def _leave_the_web(self) -> None:
        if self.starting is not None:
            self.starting.cancel()
            await asyncio.gather(self.starting, return_exceptions=True)
        await self.web.stop()

    async def _stay(self, live: Any, console: Console, found: Summary, *, opens_after: float | None = None) -> bool:
        """Everything keeps running until q; True where the terminal app is to be opened instead."""
        from engine.demo.parts import Place
        from engine.demo.run import LOOK_SECONDS
        from tui.cli import demo_view

        loop = asyncio.get_running_loop()
        opens_at = loop.time() + opens_after if opens_after is not None else None
        while True:
            if opens_at is not None and self.starting is not None and not self.starting.done():
                opens_at = max(opens_at, loop.time() + TO_READ)  # the web app's address is to be read first
            left = max(0, round(opens_at - loop.time())) if opens_at is not None else None
            if opens_at is not None and loop.time() >= opens_at:
                return True
            progress = await self.demo.look()
            lines = demo_view.open_lines(found.home, found.example_number, found.store_url, progress.next_ready, left)
            lines[-1:-1] = self.web.lines
            self._draw(live, console, progress, lines)
            self.demo.check_children()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS * 2):
                    key = await self.keys.get()
                match key:
                    case "q" | "Q" | "\x03" | "\x04":
                        return False
                    case "\r" | "\n":
                        return True
                    case "n":
                        opens_at = None
                        await self.demo.place([Place(MORE)])
                    case _:
                        opens_at = None

    async def _work_the_queue(self) -> None:
        """The terminal app over the demo's orders, until it is quit; orders go on arriving meanwhile."""
        from engine.services.lifecycle import Actor
        from tui.app import BluebookApp

        arriving = asyncio.create_task(self.demo.trickle())
        try:
            notes = [line.strip() for line in self.web.lines]
            self.app = BluebookApp(Actor("you", "person", "demo tui"), notes=notes)
            await self.app.run_async()
        finally:
            self.app = None
            arriving.cancel()
            await asyncio.gather(arriving, return_exceptions=True)

    def _pressed(self, key: str) -> bool:
        found = False
        while not self.keys.empty():
            found = self.keys.get_nowait() == key or found
        return found

    def _draw(self, live: Any, console: Console, progress: Progress, lines: list[str] | None = None) -> None:
        from tui.cli import demo_view

        size = console.size
        live.update(demo_view.frame(progress, size.width, size.height, lines or ()), refresh=True)

    def _tell(self, found: Summary) -> None:
        from tui.cli import output

        if self.as_json:
            output.print_json({**_plain(found), "good": found.good})
            return
        from rich.console import Console

        from tui.cli import demo_view

        console = Console(highlight=False, width=None if self.live else 200)
        with console.capture() as taken:
            console.print(demo_view.summary(found))
            if not self.live:
                console.print(f"\nThe blue book of order {found.example_number}, which went to {_suppliers(found)}:")
                console.print(demo_view.example(found))
        print("\n".join(line.rstrip() for line in taken.get().splitlines()))
        print("\nThe demo has ended; its orders stay until the next one:")
        for line in demo_view.lines_to_try(found.home, found.example_number):
            print(f"  {line}")


def _suppliers(found: Summary) -> str:
    numbers = {event.subject for event in found.example if event.subject.count(".") == 1 and event.subject[:3] == "po."}
    return "one supplier" if len(numbers) < 2 else f"{len(numbers)} suppliers"


def _plain(found: Summary) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.to_builtins(found, builtin_types=(), enc_hook=str))


@contextlib.contextmanager
def _keys(into: asyncio.Queue[str]) -> Iterator[None]:
    """Within, each key typed is in the queue, without echo; Ctrl-C stays a signal."""
    try:
        import termios
        import tty
    except ImportError:  # there is none for Windows, where Ctrl-C ends it
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()
    tty.setcbreak(descriptor)

    def typed() -> None:
        for key in os.read(descriptor, 64).decode("utf-8", "ignore"):
            into.put_nowait(key)

    loops.hear(descriptor, typed)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
