"""What every command has in common: ``--json``, examples in its help, an open database, an actor, and how it fails."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import os
import re
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from engine import loops
from tui import logs
from tui.cli import asking
from tui.cli.output import Shown, show
from tui.plain import clean
from tui.trouble import explain

if TYPE_CHECKING:
    from engine.services.lifecycle import Actor

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
ROOM = 62
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, for programs.")]


@dataclass(frozen=True)
class Example:
    """A line from a command's help. ``reads``: it changes nothing, so a test runs it."""

    line: str
    reads: bool


EXAMPLES: list[Example] = []
_running: contextvars.ContextVar[str] = contextvars.ContextVar("command", default="")


class Command(TyperCommand):
    """A command whose help says what to write (N, TEXT) where typer would name Python's types."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage line's parts, arguments in capitals."""
        pieces = super().collect_usage_pieces(ctx)  # arguments that are needed come as {name}, and {name}... for many
        return [piece.replace("{", "").replace("}", "").upper() if piece[:1] == "{" else piece for piece in pieces]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The help's arguments and options."""
        found: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            if param.param_type_name == "argument":
                found["Arguments"].append((_TYPE.sub("", record[0]).upper(), _RANGE.sub("", record[1])))
            else:
                names = _TYPE.sub(lambda match: f" {'N' if match[1] in ('int', 'float') else 'TEXT'}", record[0])
                found["Options"].append((names, _RANGE.sub("", record[1])))
        for title, rows in found.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


_TYPE = re.compile(r" <(?:list\[)?(\w+)[^>]*>")
_RANGE = re.compile(r"; (?:\d+<=)?x(?:[<>]=\d+)?(?=\])|  \[(?:\d+<=)?x(?:[<>]=\d+)?\]")


class Noun:
    """A group of commands about one thing; "" for the commands of ``bluebook`` itself."""

    def __init__(self, name: str, about: str, *, app: typer.Typer | None = None) -> None:
        self.name, self.about = name, about
        self.app = app or typer.Typer(
            help=about, no_args_is_help=True, rich_markup_mode=None, add_completion=False, context_settings=HELP
        )

    def command(
        self,
        name: str,
        *examples: str,
        reads: bool = False,
        database: bool = True,
        logged: bool = True,
        serves: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """The decorated function is a command: it returns what is Shown, or an exit code, or nothing.

        ``database``: it runs with the database open and its schema checked. ``logged`` False: it sees to its log itself.
        ``serves``: it answers many calls, so it runs on the quickest event loop there is.
        """
        path = f"{self.name} {name}".strip()

        def keep(fn: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(fn)
            def command(*args: Any, json: bool = False, **options: Any) -> None:
                code = _perform(path, fn, args, options, json, database, logged, serves)
                if code:
                    raise typer.Exit(code)

            signature = inspect.signature(fn, eval_str=True)
            extra = inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
            command.__signature__ = signature.replace(  # type: ignore[attr-defined]
                parameters=[*signature.parameters.values(), extra]
            )
            command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()} | {"json": Json}
            lines = "\n".join(f"  {line}" for line in examples)
            title = "Example" if len(examples) == 1 else "Examples"
            text = f"{inspect.cleandoc(fn.__doc__ or '')}\n\n\b\n{title}:\n{lines}"
            EXAMPLES.extend(Example(line, reads) for line in examples)
            short = shortened((fn.__doc__ or "").strip().partition("\n")[0])
            self.app.command(name, cls=Command, help=text, short_help=short, context_settings=HELP)(command)
            return command

        return keep


def shortened(sentence: str) -> str:
    """The sentence as a list of commands has room for it: up to the first comma, semicolon or colon where it is long."""
    return sentence if len(sentence) <= ROOM else re.split("[,;:]", sentence, maxsplit=1)[0].rstrip(".") + "."


def _perform(
    path: str,
    fn: Callable[..., Any],
    args: Any,
    options: Any,
    as_json: bool,
    database: bool,
    logged: bool,
    serves: bool,
) -> int:
    token = _running.set(path)
    try:
        from engine.settings import settings

        settings()
        if logged:
            logs.set_up()
        if inspect.iscoroutinefunction(fn):
            with asyncio.Runner(loop_factory=loops.quickest() if serves else None) as runner:
                work = fn(*args, **options)
                result = runner.run(_with_database(work) if database else work)
        else:
            result = fn(*args, **options)
        if isinstance(result, Shown):
            show(result, as_json=as_json)
            return result.code
        return int(result or 0)
    except (typer.Exit, typer.Abort):
        raise
    except BrokenPipeError:
        # Whoever read has enough (head, less). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except Exception as error:
        return report(error, path, as_json=as_json)
    finally:
        _running.reset(token)


async def _with_database(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        async with opened():
            return await work
    finally:
        work.close()


def opened(*, checked: bool = True) -> Any:
    """The database is open within, and fits this version where ``checked``; raises Unreachable, Misconfigured."""
    from contextlib import asynccontextmanager

    from engine import db
    from engine.errors import Misconfigured
    from engine.services import catalog, schema
    from engine.settings import settings

    @asynccontextmanager
    async def hold() -> Any:
        file = sqlite_file(settings().database)
        if file is not None and not os.path.exists(file):  # noqa: ASYNC240
            raise Misconfigured(f"there is no database at {file} yet; `bluebook init` makes it")
        async with db.database():
            if checked:
                await schema.check()
            try:
                yield
            finally:
                await catalog.close_connectors()

    return hold()


def sqlite_file(url: str) -> str | None:
    """The file of a SQLite URL; None for a server's."""
    from urllib.parse import unquote, urlsplit

    if not url.startswith("sqlite:"):
        return None
    path = unquote(urlsplit(url).path)
    return f"/{path.lstrip('/')}" if path.startswith("//") else path


def by() -> Actor:
    """Who acts: the person of the settings, or of the operating system, through this command."""
    import getpass

    from engine.services.lifecycle import Actor
    from engine.settings import settings

    try:
        name = settings().actor or getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user id without a name, as in containers
        name = f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return Actor(name[:120], "person", f"cli {_running.get()}"[:200])


async def confirm(question: str, yes: bool) -> None:
    """A person said yes; raises Invalid where nobody can be asked, and ends the command when the answer is no."""
    from engine.errors import Invalid

    if yes:
        return
    if not sys.stdin.isatty():
        raise Invalid(f"{question} Nobody can be asked here: give --yes", "yes")
    if not await asking.yes(question):
        print("nothing was changed", file=sys.stderr)
        raise typer.Exit(1)


# --- failing ----------------------------------------------------------------------------------------------------------


def report(error: Exception, path: str, *, as_json: bool) -> int:
    """The error is on stderr in a sentence, never as a traceback; the exit code."""
    message, code = explain(error, path)
    if as_json:
        from tui.cli.output import json_text

        kind = type(error).__name__ if code != 1 or hasattr(error, "message") else "Unexpected"
        field = getattr(error, "field", None)
        print(json_text({"error": kind, "message": message, "field": field, "exit_code": code}), file=sys.stderr)
    else:
        red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() and "NO_COLOR" not in os.environ else ("", "")
        print(f"{red}Error:{plain} {clean(message)}", file=sys.stderr)
    return code
