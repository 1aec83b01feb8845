"""What channels and suppliers have in common on the command line: adding, changing, testing, pausing, resuming."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

from tui.cli import asking
from tui.cli.output import Paper, Shown, said
from tui.plain import ago, local, many

Table = Literal["channels", "suppliers"]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of the connector; again for more.")
]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="An option of ours, such as poll_seconds; again for more."),
]
NewName = Annotated[str | None, typer.Option("--name", help="What to call it from now on.")]
SameAccount = Annotated[
    bool,
    typer.Option("--same-account", help="Even if another channel is connected to that account: orders come twice."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Secret = Annotated[
    list[str] | None,
    typer.Option(
        "--secret-from-env", metavar="NAME=ENV",
        help="A secret setting, read from an environment variable; asked for where none is given.",
    ),
]  # fmt: skip


def pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    """NAME=VALUE arguments as a mapping; raises Invalid."""
    from engine.errors import Invalid

    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise Invalid(f"{option} {text}: write it as NAME=VALUE", option)
        found[name.strip()] = value
    return found


def values(kind: Any, given: Sequence[str] | None, secrets: Sequence[str] | None) -> dict[str, Any]:
    """The connector's settings as given, its secrets from the environment; raises Invalid, Misconfigured."""
    from engine.connectors import registry
    from engine.errors import Invalid, Misconfigured

    found: dict[str, Any] = {name: asking.typed(value) for name, value in pairs(given, "--set").items()}
    open_secrets = sorted(kind.secret_fields & set(found))
    if open_secrets:
        name = open_secrets[0]
        raise Invalid(
            f"{name} is a secret, and arguments can be seen by others: give it as --secret-from-env {name}=ENV_NAME, "
            "or leave it out and you are asked",
            name,
        )
    for name, variable in pairs(secrets, "--secret-from-env").items():
        if variable not in os.environ:
            raise Misconfigured(f"--secret-from-env {name}={variable}: the environment has no {variable}")
        found[name] = os.environ[variable]
    registry.demand_known(kind, found)
    return found


async def ask_missing(kind: Any, found: dict[str, Any], more: Sequence[str] = ()) -> None:
    """What the connector cannot do without, ``more`` too, and was not given is asked for, where somebody can be asked."""
    from engine.connectors import registry
    from tui.cli import letting_in

    missing = [name for name in dict.fromkeys([*_needed(kind), *more]) if name not in found]
    if missing and sys.stdin.isatty():
        letting_in.explain(kind, missing)
        await letting_in.ask_for(kind, found, missing, lambda: registry.configure(kind, dict(found)))


def _needed(kind: Any) -> list[str]:
    import msgspec

    return [f.name for f in msgspec.structs.fields(kind.config_type) if f.required]


def options(table: Table, given: Sequence[str] | None) -> dict[str, Any]:
    """Our own options as their columns want them; raises Invalid naming the one that is wrong."""
    from engine.errors import Invalid
    from tui.options import typed as as_typed

    named = pairs(given, "--option")
    if "name" in named:
        raise Invalid("the name is no --option: `set` takes it as --name", "name")
    return as_typed(table, named)


def about(view: Any, paper: Paper) -> None:
    """What channels and suppliers both have, drawn."""
    state = f"paused: {view.paused_reason}" if view.paused_reason else view.state
    paper.pairs(
        [
            ("connector", view.connector), ("state", state), ("last error", view.last_error),
            ("polled every", f"{view.poll_seconds} s" if view.poll_seconds else "only when asked"),
            ("added", local(view.created_at)), ("access until", _access(view)),
        ]
    )  # fmt: skip
    if view.settings:
        paper.title("Settings")
        paper.pairs([(name, _flat(value)) for name, value in sorted(view.settings.items())])


def _access(view: Any) -> str:
    until = getattr(view, "access_until", None)
    return local(until) if until is not None else ""


def access_ends(view: Any) -> str:
    """What a list says of the access an owner gave, where it ends before long."""
    return str(view.warning.removeprefix("access "))


def _flat(value: Any) -> str:
    import msgspec

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def condition(view: Any) -> str:
    """The state in a word, with the reason where there is one."""
    reason = view.paused_reason or view.last_error
    return f"{view.state}: {reason}" if reason and view.state != "ok" else str(view.state)


def last_heard(moment: Any) -> str:
    """How long ago, for a table."""
    return "never" if moment is None else ago(moment)


def long_ago(moment: Any) -> str:
    """The same in a sentence."""
    return "never" if moment is None else f"{ago(moment)} ago ({local(moment)})"


async def test(table: Table, view: Any) -> Shown:
    """The connection answers; what it said."""
    from engine.services import setup

    line = await setup.test_connection(table, view.id)
    return said(f"{view.name}: {line}", name=view.name, answer=line)


async def pause(table: Table, view: Any, reason: str, by: Any) -> Shown:
    """The connection is not used until it is resumed."""
    from engine.services import setup

    await setup.update(table, view.id, by, paused_reason=reason.strip() or f"paused by {by.name}")
    return said(f"{view.name} is paused; `bluebook {table} resume {view.name!r}` lets it go on", name=view.name)


async def resume(table: Table, view: Any, by: Any) -> Shown:
    """The connection is used again."""
    from engine.services import connections, schedule

    freed = await connections.resume(table, view.id, by)
    await schedule.ensure()
    more = f"; {many(freed, 'waiting order')} go on" if freed else ""
    return said(f"{view.name} is used again{more}", name=view.name, orders=freed)


async def remove(table: Table, view: Any, yes: bool, by: Any) -> Shown:
    """It is used no more and in no list, once a person said yes."""
    from engine.services import removing
    from tui.cli.command import confirm

    await confirm(f"{await removing.consequence(table, view.id)} Remove it?", yes)
    return said(await removing.remove(table, view.id, by), name=view.name)
