"""Time that passes only where somebody waits for it: what a loop does costs none, however slow the machine is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Loop(asyncio.SelectorEventLoop):
    """Where nothing is ready, its clock is at the next deadline at once."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def ready(timeout: float | None) -> Any:
            if timeout is None:
                return select(None)
            found = select(0)
            if not found:
                self._now += timeout
            return found

        self._selector.select = ready  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing outside of its loop."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)
