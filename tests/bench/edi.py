"""EDI X12 against its floor: the same bytes only split, the same elements only joined, the same files only read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.connectors.suppliers.x12.config import Config
from engine.connectors.suppliers.x12.connector import Connector
from engine.demo import catalogue
from engine.domain.addresses import Address
from engine.ports import Purchase, PurchaseLine, Raw
from workers.run import calm_collector

LINES = 3
ROUNDS = 3  # the best counts, as others share the machine
TO = Address(
    name="Ada Lovelace", line1="12 Example Street", city="Boston", region="MA", postal_code="02108", country="US"
)


def run(folder: Path, orders: int) -> dict[str, Any]:
    """850s written, 856s read and files polled a second, each with its floor."""
    calm_collector()  # as workers run
    (folder / "in").mkdir(parents=True)
    (folder / "out").mkdir()
    connector = Connector(
        Config(transport="folder", folder=str(folder), sender_id="US", receiver_id="THEM", settle_seconds=0)
    )
    return {
        "850s written": _written(connector, orders),
        "856s read": _read(connector, orders * 10),
        "files polled": asyncio.run(_polled(connector, folder, min(orders, 1000))),
    }


def _best(work: Callable[[], Any]) -> float:
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()  # all of it is work of this thread
        work()
        found.append(time.process_time() - began)
    return min(found)


def _figures(count: int, ours: float, floor: float, size: int) -> dict[str, Any]:
    return {
        "count": count, "ours_per_s": count / ours, "floor_per_s": count / floor, "ratio": floor / ours,
        "megabytes": size / 1e6, "seconds_for_10_mb": ours * 10e6 / size,
    }  # fmt: skip


def _written(connector: Connector, orders: int) -> dict[str, Any]:
    offers = [offer for offer in catalogue.OFFERS if offer.supplier == "ACME"]
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    purchases = [
        Purchase(
            po_number=f"{n}-1", order_number=str(n), currency="USD", ship_to=TO, method_code="UPSN", method_name="UPS Ground",
            placed_at=at,
            lines=tuple(
                PurchaseLine(line=k + 1, supplier_sku=offer.supplier_sku, sku=offer.sku, title="Desk lamp, brass",
                             quantity=k + 1, unit_cost=offer.cost)
                for k, offer in enumerate(offers[:LINES])
            ),
        )
        for n in range(orders)
    ]  # fmt: skip
    bodies: list[bytes] = []

    def ours() -> None:
        bodies[:] = [connector.number(connector.render(purchase), n + 1, at) for n, purchase in enumerate(purchases)]

    seconds = _best(ours)
    taken = [[segment.split("*") for segment in body.decode().split("~")] for body in bodies]
    floor = _best(lambda: ["~".join(["*".join(segment) for segment in one]).encode() for one in taken])
    return _figures(orders, seconds, floor, sum(map(len, bodies)))


def notices(count: int) -> bytes:
    """One interchange of ship notices: an order, a carton and its items each."""
    out = [
        "ISA*00*          *00*          *ZZ*THEM           *ZZ*US             *260131*1200*U*00401*000000001*0*P*>",
        "GS*SH*THEM*US*20260131*1200*1*X*004010",
    ]
    for n in range(count):
        body = [
            f"ST*856*{n + 1:09d}", f"BSN*00*S{n}*20260131*1200*0001", "HL*1**S", "TD5*O*2*UPSN*M*UPS GROUND",
            "DTM*011*20260131*1530", "N1*SF*THE WAREHOUSE", "N4*RENO*NV*89501*US", "HL*2*1*O", f"PRF*{n}-1***20260130",
            "HL*3*2*P", f"MAN*CP*1Z{n:016d}",
        ]  # fmt: skip
        for line in range(LINES):
            body += [
                f"HL*{line + 4}*3*I",
                f"LIN*{line + 1}*VP*AC-{line}*UP*012345678905",
                f"SN1*{line + 1}*{line + 1}*EA",
            ]
        out += [*body, f"CTT*{LINES + 3}", f"SE*{len(body) + 2}*{n + 1:09d}"]
    return ("~\n".join([*out, f"GE*{count}*1", "IEA*1*000000001"]) + "~\n").encode()


def _read(connector: Connector, count: int) -> dict[str, Any]:
    body = notices(count)
    found: list[int] = []

    def ours() -> None:
        parts = connector.read_parts(Raw("x12/bench.edi", body))
        if parts.problems:
            raise RuntimeError(parts.problems[0])
        found.append(len(parts.updates))

    seconds = _best(ours)
    if set(found) != {count}:
        raise RuntimeError(f"{found} parcels were read, not {count}")
    floor = _best(lambda: [segment.split("*") for segment in body.decode().split("~")])
    return _figures(count, seconds, floor, len(body))


async def _polled(connector: Connector, folder: Path, files: int) -> dict[str, Any]:
    body = notices(1)
    for n in range(files):
        (folder / "out" / f"{n}.edi").write_bytes(body)
    began = time.perf_counter()
    cursor, count = None, 0
    while page := await connector.poll(cursor):
        count += len(page.items)
        await connector.finish(page.done)
        cursor = page.next
        if not page.items:
            break
    seconds = time.perf_counter() - began
    if count != files:
        raise RuntimeError(f"{count} of {files} files were polled")
    began = time.perf_counter()
    for path in list((folder / "out" / "processed").iterdir()):
        path.read_bytes()
        path.rename(folder / "out" / path.name)
    await connector.close()
    return _figures(files, seconds, time.perf_counter() - began, files * len(body))
