"""Event loops and the terminals they hear."""

from __future__ import annotations

import asyncio
import os
import pty

import pytest

from engine import loops


@pytest.mark.parametrize("quick", [False, True])
def test_a_terminal_that_is_heard_can_be_written_to_however_slowly_it_is_read(quick: bool) -> None:
    ours, theirs = pty.openpty()
    heard: list[bytes] = []

    async def hear() -> None:
        there = asyncio.Event()

        def read() -> None:
            heard.append(os.read(theirs, 64))
            there.set()

        loops.hear(theirs, read)
        assert os.get_blocking(theirs)
        os.write(ours, b"q\n")
        async with asyncio.timeout(60):
            await there.wait()
        asyncio.get_running_loop().remove_reader(theirs)
        assert os.get_blocking(theirs)

    try:
        with asyncio.Runner(loop_factory=loops.quickest() if quick else None) as runner:
            runner.run(hear())
    finally:
        os.close(ours)
        os.close(theirs)
    assert heard == [b"q\n"]
