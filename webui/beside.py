"""The web app as a child of another process: ``python -m webui.beside PARENT PORT``; it ends when the parent is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from engine import db
from engine.services import schema
from webui.serve import serve

LOOK_SECONDS = 0.5


async def _end_with(parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells us when the parent goes
        await asyncio.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


async def main(parent: int, port: int) -> None:
    """Served on this machine only until SIGTERM, or until the parent is gone."""
    async with db.database():
        await schema.check()
        watching = asyncio.create_task(_end_with(parent))
        await serve("127.0.0.1", port)
        watching.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
