"""What every channel has to keep, as cases that are written once: a demo channel is driven, its connector is looked at.

They are part of the engine and not of its tests, so that whoever writes a connector as a package of its own runs the
very same ones; and they need no test runner. ``CASES`` has them by name, ``applying`` those that a demo channel can be held
against, ``run`` runs one and raises AssertionError with a sentence on what was not kept.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from engine.demo.channels.base import ChannelSim
from engine.demo.contract import listing, lives, pushing, reading, telling, trouble
from engine.demo.contract.bench import CASES as CASES
from engine.demo.contract.bench import Bench
from engine.ports import Channel

__all__ = ["CASES", "applying", "run"]
assert all(
    module.__doc__ for module in (listing, lives, pushing, reading, telling, trouble)
)  # imported for their cases


def applying(sim: type[ChannelSim], connector: type[Channel]) -> list[str]:
    """The names of the cases that this demo channel and this connector offer enough for."""
    return [name for name, case in CASES.items() if case.applies(sim, connector)]


async def run(
    name: str, sim: type[ChannelSim], connector: type[Channel], folder: Path, template: Path | None = None
) -> None:
    """The connector keeps what the case says, with a demo channel of its own.

    ``folder`` is empty and for this case alone. ``template`` is an empty, migrated SQLite file to be copied; without one the
    first case that needs a database takes its time to make it.
    """
    channel = sim(late=0.3)
    await channel.start()
    bench = Bench(channel, connector, folder, template)
    try:
        await CASES[name].does(bench)
    except AssertionError as error:
        if error.args:
            raise
        # No test runner has rewritten these assertions: what was looked at is said here.
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise AssertionError(f"{CASES[name].does.__doc__} Not so: {where.line} ({where.name})") from error
    finally:
        await bench.close()
        await channel.stop()
