"""Questions at a terminal. The event loop waits meanwhile, so that Ctrl-C reaches whoever types and one is enough.

In a thread of its own a question cannot be interrupted: the loop takes the first Ctrl-C, and the thread reads on.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt within, and leaves the cursor on a line of its own."""
    before = signal.getsignal(signal.SIGINT)
    ours = threading.current_thread() is threading.main_thread() and callable(before)  # not where it is ignored (nohup)
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except typer.Abort as stopped:
        if not isinstance(stopped.__context__, KeyboardInterrupt):  # the end of the input
            raise
        print(file=sys.stderr)
        raise KeyboardInterrupt from None
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)


def text(question: str, *, hidden: bool = False, twice: bool = False) -> str:
    """What was typed, not empty; ``hidden`` without echo, ``twice`` until it was typed twice the same."""
    with _interruptible():
        return str(typer.prompt(question, hide_input=hidden, confirmation_prompt=twice, err=True))


def yes(question: str) -> bool:
    """Was it said? Enter alone is no."""
    with _interruptible():
        return typer.confirm(question, err=True)


def line() -> str:
    """The next line of the standard input; "" at its end."""
    with _interruptible():
        return sys.stdin.readline()
