"""``bluebook demo supplier``: a supplier on this machine that misbehaves on request, to rehearse one before trusting it."""

from __future__ import annotations

import contextlib
import inspect
import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from engine.demo.supplier_x12 import X12Supplier

KINDS = ("x12",)
EXAMPLES = ("bluebook demo supplier x12", "bluebook demo supplier x12 --fault reject-line --ship-after 30")


def register(group: typer.Typer) -> None:
    """``supplier`` is a command of the demo's group."""
    from tui.cli import command

    lines = "\n".join(f"  {line}" for line in EXAMPLES)
    text = f"{inspect.cleandoc(supplier.__doc__ or '')}\n\n\b\nExamples:\n{lines}"
    short = (supplier.__doc__ or "").strip().partition("\n")[0]
    command.EXAMPLES.extend(command.Example(line, reads=False) for line in EXAMPLES)
    group.command("supplier", help=text, short_help=short, context_settings=command.HELP, cls=command.Command)(supplier)


def supplier(
    kind: Annotated[str, typer.Argument(help="Which kind: x12.")],
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="What it does wrong, to every order; again for more.")
    ] = None,
    home: Annotated[Path | None, typer.Option("--home", help="Its folder. Default: HOME/demo-supplier-KIND.")] = None,
    ship_after: Annotated[float, typer.Option("--ship-after", help="Seconds from order to parcel.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Say as one JSON document how to connect it.")] = False,
) -> None:
    """Run a supplier to try yours with: it answers and ships, or does what goes wrong. Until Ctrl-C."""
    from engine.demo.supplier_x12 import X12Fault, X12Supplier
    from engine.settings import settings

    known = [one.value for one in X12Fault]
    wrong = [one for one in fault or () if one not in known]
    if kind not in KINDS or wrong:
        said = f"there is no fault {wrong[0]!r}" if wrong else f"there is no demo supplier of kind {kind!r}"
        there = ", ".join(known if wrong else KINDS)
        print(f"Error: {said}; there are: {there}", file=sys.stderr)
        raise typer.Exit(2)
    folder = (home or settings().home_path / f"demo-supplier-{kind}").expanduser().absolute()
    made = X12Supplier(folder, faults=frozenset(X12Fault(one) for one in fault or ()), ship_after=ship_after)
    values = {**made.config(), "test": "true"}
    settings_ = " ".join(f"--set {shlex.quote(f'{name}={value}')}" for name, value in values.items())
    with contextlib.suppress(KeyboardInterrupt):
        if as_json:
            print(json.dumps({"folder": str(folder), "connector": kind, "settings": values}), flush=True)
        else:
            print(f"It reads {folder}/in and writes {folder}/out. Connect it from another terminal:")
            print(f"  bluebook suppliers add 'Demo {kind}' --code DEMO --connector {kind} {settings_}", flush=True)
        _serve(made, quiet=as_json)


def _serve(made: X12Supplier, *, quiet: bool) -> None:
    """It works until it is interrupted."""
    while True:
        if (count := made.work()) and not quiet:
            print(f"{time.strftime('%H:%M:%S')}  read {count} file{'' if count == 1 else 's'}", flush=True)
        time.sleep(0.5)
