"""The event loop of processes that answer many calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def quickest() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the quickest event loop there is here; None for the usual one."""
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return None
    return uvloop.new_event_loop
