"""``bluebook demo supplier``: a supplier on this machine that misbehaves on request, to rehearse one before trusting it."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

KINDS = {
    "x12": ("engine.demo.supplier_x12", "X12Supplier", "X12Fault"),
    "email": ("engine.demo.supplier_email", "EmailSupplier", "EmailFault"),
    "files": ("engine.demo.supplier_files", "FilesSupplier", "FilesFault"),
    "rest": ("engine.demo.supplier_rest", "RestSupplier", "RestFault"),
}
"""Each kind with its module, its class and its faults."""
EXAMPLES = (
    "bluebook demo supplier x12",
    "bluebook demo supplier x12 --fault reject-line --ship-after 30",
    "bluebook demo supplier email --fault bounce",
    "bluebook demo supplier files --fault half-file",
    "bluebook demo supplier rest --fault late",
)


def register(group: typer.Typer) -> None:
    """``supplier`` is a command of the demo's group."""
    from tui.cli import command

    lines = "\n".join(f"  {line}" for line in EXAMPLES)
    text = f"{inspect.cleandoc(supplier.__doc__ or '')}\n\n\b\nExamples:\n{lines}"
    short = (supplier.__doc__ or "").strip().partition("\n")[0]
    command.EXAMPLES.extend(command.Example(line, reads=False) for line in EXAMPLES)
    group.command("supplier", help=text, short_help=short, context_settings=command.HELP, cls=command.Command)(supplier)


def supplier(
    kind: Annotated[str, typer.Argument(help="Which kind: x12, email, files or rest.")],
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="What it does wrong, to every order; again for more.")
    ] = None,
    home: Annotated[Path | None, typer.Option("--home", help="Its folder. Default: HOME/demo-supplier-KIND.")] = None,
    ship_after: Annotated[float, typer.Option("--ship-after", help="Seconds from order to parcel.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Say as one JSON document how to connect it.")] = False,
) -> None:
    """Run a supplier to try yours with: it answers and ships, or does what goes wrong. Until Ctrl-C."""
    from engine.settings import settings

    if kind not in KINDS:
        raise _nothing(f"there is no demo supplier of kind {kind!r}", KINDS)
    module, maker, faults = KINDS[kind]
    part = importlib.import_module(module)
    known = [one.value for one in getattr(part, faults)]
    if wrong := [one for one in fault or () if one not in known]:
        raise _nothing(f"there is no fault {wrong[0]!r}", known)
    folder = (home or settings().home_path / f"demo-supplier-{kind}").expanduser().absolute()
    chosen = frozenset(getattr(part, faults)(one) for one in fault or ())
    made = getattr(part, maker)(folder, faults=chosen, ship_after=ship_after)
    values = {name: str(value).lower() if isinstance(value, bool) else value for name, value in made.config().items()}
    # Secrets are not taken as arguments, which others can see: that this one is no secret, the command cannot know.
    secrets: dict[str, str] = made.secrets() if hasattr(made, "secrets") else {}
    before = "".join(f"DEMO_{name.upper()}={shlex.quote(value)} " for name, value in secrets.items())
    given = [f"--set {shlex.quote(f'{name}={value}')}" for name, value in values.items()]
    settings_ = " ".join([*given, *(f"--secret-from-env {name}=DEMO_{name.upper()}" for name in secrets)])
    with contextlib.suppress(KeyboardInterrupt):
        if as_json:
            print(json.dumps({"folder": str(folder), "connector": kind, "settings": values | secrets}), flush=True)
        else:
            print(f"{made.told()} Connect it from another terminal:")
            # A code of its own for each kind, so that all of them can be added side by side.
            code = f"DEMO-{kind.upper()}"
            print(
                f"  {before}bluebook suppliers add 'Demo {kind}' --code {code} --connector {kind} {settings_}",
                flush=True,
            )
        _serve(made, quiet=as_json)


def _nothing(said: str, there: Any) -> typer.Exit:
    print(f"Error: {said}; there are: {', '.join(there)}", file=sys.stderr)
    return typer.Exit(2)


def _serve(made: Any, *, quiet: bool) -> None:
    """It works until it is interrupted."""
    while True:
        if (count := made.work()) and not quiet:
            print(f"{time.strftime('%H:%M:%S')}  read {count} {made.noun}{'' if count == 1 else 's'}", flush=True)
        time.sleep(0.5)
