"""The other sides of the demo in a process of their own: the store, ACME over HTTP and NOVA over SFTP, all on loopback.

``python -m engine.demo.parts --root DIR`` prints one JSON line with how each is reached, then takes requests, one JSON
line each, on its input, and ends when that is closed: it cannot outlive whoever started it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from engine import loops
from engine.demo import store_orders
from engine.demo.store import DemoStore
from engine.demo.supplier_desk import Behaviour
from engine.demo.supplier_http import DemoHttpSupplier
from engine.demo.supplier_sftp import DemoSftpSupplier

WRONG_ZIP = "wrong_zip"
SEED = 11


class Place(msgspec.Struct, frozen=True):
    """So many orders of these SKUs (none: of anything), each with the named trouble, if any."""

    n: int = 1
    skus: tuple[str, ...] = ()
    trouble: str = ""


class Opened(msgspec.Struct, frozen=True):
    """How the parts are reached: connector settings by their names."""

    store: dict[str, Any]
    acme: dict[str, Any]
    nova: dict[str, Any]


def place(store: DemoStore, rng: random.Random, want: Place) -> list[int]:
    """The orders are in the store; their ids."""
    ids = store.place(want.n, rng=rng, skus=want.skus or None)
    for order_id in ids if want.trouble else ():
        if want.trouble == WRONG_ZIP:
            place_name = {"country": "US", "state": "OR", "city": "Portland", "postcode": "9720"}
            store.orders[order_id]["shipping"] |= place_name
        else:
            store_orders.spoil(store.orders[order_id], want.trouble)
    return ids


async def _requests() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return reader


def _say(value: object) -> None:
    print(msgspec.json.encode(value).decode(), flush=True)


async def serve(root: Path, ship_after: float) -> None:
    """The parts run until the input is closed."""
    store = DemoStore(seed=SEED)
    acme = DemoHttpSupplier(Behaviour(ack_after=0.2, ship_after=ship_after, split=0.25, seed=SEED))
    nova = DemoSftpSupplier(root, ship_after=ship_after, tick=0.2, split_every=4)
    rng = random.Random(SEED)  # noqa: S311  repeatable, not secret
    requests = await _requests()
    try:
        url, acme_url = await store.start(), await acme.start()
        async with nova:
            keys = {"url": url, "consumer_key": store.key, "consumer_secret": store.secret}
            _say(Opened(keys, {"base_url": acme_url, "api_key": acme.api_key}, nova.config()))
            while line := await requests.readline():
                _say(place(store, rng, msgspec.json.decode(line, type=Place)))
    finally:
        await acme.stop()
        await store.stop()


def main() -> int:
    """The exit code, with one sentence on stderr where a part could not start."""
    parser = argparse.ArgumentParser(prog="python -m engine.demo.parts", description="The demo's store and suppliers.")
    parser.add_argument("--root", type=Path, required=True, help="the directory NOVA's SFTP server shows")
    parser.add_argument("--ship-after", type=float, default=1.0, help="seconds from acknowledgement to parcel")
    given = parser.parse_args()
    # Ctrl-C in a terminal reaches everyone: whoever started this one decides when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with asyncio.Runner(loop_factory=loops.quickest()) as runner:
            runner.run(serve(given.root, given.ship_after))
    except OSError as error:
        print(f"the demo's store or suppliers cannot start: {error}", file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
