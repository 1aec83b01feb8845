"""The command line put together: one noun a module, and the commands of ``bluebook`` itself."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from tui.cli import (
    audit,
    backup,
    channels,
    edi,
    inbox,
    invoices,
    jobs,
    listings,
    mappings,
    orders,
    orders_act,
    orders_print,
    orders_resolve,
    plugins,
    products,
    rules,
    suppliers,
    suppliers_template,
    system,
    terminal,
    tokens,
    up,
    users,
    web,
    webhooks,
)
from tui.cli.command import HELP, Noun, report

assert orders_act
assert orders_print
assert orders_resolve  # they add verbs to the noun ``orders``
assert suppliers_template  # and this one to ``suppliers``

app = typer.Typer(
    name="bluebook", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=HELP,
    help="Order automation: orders come from channels, go to suppliers as purchase orders, and their tracking goes back.",
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 needs a person, 4 configuration, 5 unreachable, 75 try later.",
)  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"bluebook {version('bluebook')}")
        raise typer.Exit


@app.callback()
def bluebook(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """See the help of the app."""


root = Noun("", "", app=app)
system.register(root)
backup.register(root)
terminal.register(root)
web.register(root)
up.register(root)
for noun in (
    orders,
    channels,
    suppliers,
    products,
    listings,
    mappings,
    rules,
    jobs,
    inbox,
    invoices,
    audit,
    edi,
    webhooks,
    users,
    tokens,
    plugins,
):
    app.add_typer(noun.noun.app, name=noun.noun.name, short_help=noun.noun.about)
app.add_typer(system.db.app, name="db")
app.add_typer(system.config.app, name="config")
if find_spec("tui.cli.demo") is not None:
    system.register_demo(root)


def run() -> None:
    """The command has run and the process ends; whatever goes wrong, people see a sentence and not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app()
    except Exception as error:
        sys.exit(report(error, "bluebook", as_json="--json" in sys.argv))
