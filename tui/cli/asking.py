"""Questions at a terminal. The event loop waits meanwhile, so that Ctrl-C reaches whoever types and one is enough.

In a thread of its own a question cannot be interrupted: the loop takes the first Ctrl-C, and the thread reads on.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import typer

from tui.plain import clean

HEARD_SECONDS = 0.05
"""A Ctrl-C that was given to the thread that reads has been heard by then."""


@asynccontextmanager
async def _interruptible() -> AsyncIterator[None]:
    """Ctrl-C raises KeyboardInterrupt within, and leaves the cursor on a line of its own."""
    with _ours():
        try:
            await asyncio.sleep(0)  # one that came just before was taken by the loop, and ends us here
            yield
        except typer.Abort as stopped:
            if not isinstance(stopped.__context__, KeyboardInterrupt):  # the end of the input
                raise
            print(file=sys.stderr)
            raise KeyboardInterrupt from None
        except (KeyboardInterrupt, asyncio.CancelledError):
            print(file=sys.stderr)
            raise


@contextmanager
def _ours() -> Iterator[None]:
    """Ctrl-C is this thread's, whichever the system gives it to: one of the database's does not wake what reads here."""
    before, main = signal.getsignal(signal.SIGINT), threading.current_thread()
    if main is not threading.main_thread() or not callable(before):  # it is ignored (nohup)
        yield
        return
    came, (wakes, waker) = threading.Event(), socket.socketpair()
    waker.setblocking(False)

    def interrupt(*_: object) -> None:
        came.set()
        raise KeyboardInterrupt

    def watch() -> None:
        while number := wakes.recv(1):
            if number[0] == signal.SIGINT and not came.wait(HEARD_SECONDS) and hasattr(signal, "pthread_kill"):
                signal.pthread_kill(main.ident or 0, signal.SIGINT)

    watcher = threading.Thread(target=watch, name="ctrl-c", daemon=True)
    watcher.start()
    signal.signal(signal.SIGINT, interrupt)
    woken = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        waker.close()
        watcher.join()
        wakes.close()
        signal.signal(signal.SIGINT, before)


async def text(question: str, *, hidden: bool = False, twice: bool = False) -> str:
    """What was typed, not empty; ``hidden`` without echo, ``twice`` until it was typed twice the same."""
    async with _interruptible():
        return str(typer.prompt(question, hide_input=hidden, confirmation_prompt=twice, err=True))


async def yes(question: str) -> bool:
    """Was it said? Enter alone is no."""
    async with _interruptible():
        return typer.confirm(question, err=True)


async def number(choices: Sequence[str]) -> int:
    """The place of the choice that was picked by its number; asked until it is one of them."""
    for n, choice in enumerate(choices, 1):
        print(f"  {n}  {choice}", file=sys.stderr)
    while True:
        picked = (await text(f"Which (1-{len(choices)})")).strip()
        if picked.isdecimal() and 1 <= int(picked) <= len(choices):
            return int(picked) - 1
        print(f"there is no choice {clean(picked)}: write a number from 1 to {len(choices)}", file=sys.stderr)


async def line() -> str:
    """The next line of the standard input; "" at its end."""
    async with _interruptible():
        return sys.stdin.readline()


def typed(text: str) -> Any:
    """Lists and objects are given as JSON; everything else stays text and is converted by the connector's own type."""
    import msgspec

    if text[:1] in "[{" and text:
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text
