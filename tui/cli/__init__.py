"""The command line, ``bluebook``: one module for each noun. Everything heavy is imported inside the commands."""

from __future__ import annotations


def main() -> None:
    """The command on the command line has run; the process ends with its exit code."""
    from tui.cli.app import run

    run()
