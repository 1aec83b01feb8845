"""The event loop of processes that answer many calls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable


def quickest() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the quickest event loop there is here; None for the usual one."""
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return None
    return uvloop.new_event_loop


def hear(descriptor: int, callback: Callable[[], object]) -> None:
    """The callback is called in the running loop as often as something can be read; the descriptor blocks as before.

    uvloop has it block no more. Of a terminal that counts for what is written to it too: where that is slow, writing would fail.
    """
    blocked = os.get_blocking(descriptor)
    asyncio.get_running_loop().add_reader(descriptor, callback)
    os.set_blocking(descriptor, blocked)
