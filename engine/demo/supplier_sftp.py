"""A supplier to try things with: a real SFTP server on one directory, and a warehouse that works through its orders.

``python -m engine.demo.supplier_sftp --root DIR`` prints one JSON line with what a connection needs, and runs until
it is stopped. Nothing it must remember lives in memory: the ledger says what was received, ``shipped.jsonl`` what left.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import hashlib
import hmac
import io
import os
import secrets
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import msgspec

DIRECTORIES = ("orders", "orders/taken", "cancels", "cancels/taken", "acks", "shipments", "inventory")
_CARRIERS = {"ups": "UPS", "fedex": "FedEx", "usps": "USPS"}


def ups_number(seed: str) -> str:
    """A well-formed UPS number, the same for the same seed; the last digit checks the fifteen before it.

    Letters count 2, 3, … from A round to 9 and then 0; every second character counts twice.
    """
    serial = int(hashlib.sha256(seed.encode()).hexdigest(), 16) % 10**7
    body = f"B1UEBK03{serial:07d}"
    values = [int(c) if c.isdigit() else (ord(c) - 63) % 10 for c in body]
    total = sum(value * (1 + place % 2) for place, value in enumerate(values))
    return f"1Z{body}{-total % 10}"


class _Line(msgspec.Struct):
    line: str
    sku: str
    quantity: int


class _Order(msgspec.Struct):
    """What the warehouse remembers of a purchase order; one line of the ledger."""

    po_number: str
    file: str
    sha256: str
    received_at: float
    method: str = ""
    lines: list[_Line] = []
    error: str = ""


class Warehouse:
    """Takes orders from ``root/orders`` and answers in ``root/acks`` and ``root/shipments``, a file for each round."""

    def __init__(self, root: Path, *, ship_after: float, split_every: int = 3, ledger: Path | None = None) -> None:
        self.root = root
        self.ledger = ledger or root.with_name(root.name + ".ledger.jsonl")
        self._shipped = self.ledger.with_name(self.ledger.name + ".shipped")
        self._ship_after, self._split_every = ship_after, split_every
        for name in DIRECTORIES:
            (root / name).mkdir(parents=True, exist_ok=True)
        gone = {msgspec.json.decode(line) for line in _lines_of(self._shipped)}
        told = [msgspec.json.decode(line, type=_Order) for line in _lines_of(self.ledger)]
        self._open = {order.po_number: order for order in told if not order.error and order.po_number not in gone}
        self._known = {order.po_number for order in told if not order.error}
        self._count = len(told)

    def work(self) -> int:
        """One round is done: orders acknowledged, cancels answered, due parcels announced. Returns how many."""
        acks = [*self._take_orders(), *self._take_cancels()]
        if acks:
            self._write(
                "acks", ("po_number", "status", "line", "sku", "quantity", "reference", "message", "date"), acks
            )
        due = [order for order in self._open.values() if order.received_at + self._ship_after <= time.time()]
        if due:
            rows = [row for order in due for row in self._parcels(order)]
            header = ("po_number", "line", "sku", "quantity", "carrier", "service", "tracking_number", "shipped_at")
            self._write("shipments", header, rows)
            append(self._shipped, [msgspec.json.encode(order.po_number) for order in due])
            for order in due:
                del self._open[order.po_number]
        return len(acks) + len(due)

    def _take_orders(self) -> list[Sequence[str]]:
        taken: list[_Order] = []
        for path in sorted((self.root / "orders").glob("*.csv")):
            if path.name.startswith("."):
                continue
            order = _parse(path)
            taken.append(order)
            append(self.ledger, [msgspec.json.encode(order)])  # before the file is gone: rather twice than never
            os.replace(path, self.root / "orders/taken" / path.name)
        acks = []
        for order in taken:
            if order.error or order.po_number in self._known:
                why = order.error or "we have this purchase order already"
                acks.append(acknowledgement(order.po_number, "rejected" if order.error else "acknowledged", why))
                continue
            self._known.add(order.po_number)
            self._open[order.po_number] = order
            acks.append(acknowledgement(order.po_number, "acknowledged"))
        return acks

    def _take_cancels(self) -> list[Sequence[str]]:
        acks: list[Sequence[str]] = []
        for path in sorted((self.root / "cancels").glob("*.csv")):
            for row in csv.DictReader(io.StringIO(path.read_text("utf-8"))):
                po_number = row.get("po_number") or ""
                if self._open.pop(po_number, None) is None:
                    acks.append(acknowledgement(po_number, "cancel refused", "already shipped, or not known here"))
                else:
                    append(self._shipped, [msgspec.json.encode(po_number)])
                    acks.append(acknowledgement(po_number, "canceled"))
            os.replace(path, self.root / "cancels/taken" / path.name)
        return acks

    def _parcels(self, order: _Order) -> list[Sequence[str]]:
        """One parcel; two for some of those orders that can be divided."""
        self._count += 1
        pieces = sum(line.quantity for line in order.lines)
        split = self._split_every and pieces > 1 and self._count % self._split_every == 0
        carrier = next((name for word, name in _CARRIERS.items() if word in order.method.lower()), "UPS")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        first = pieces // 2 if split else pieces
        rows: list[Sequence[str]] = []
        for line in order.lines:
            here = min(first, line.quantity)
            first -= here
            for number, quantity in ((1, here), (2, line.quantity - here)):
                if quantity:
                    tracking = ups_number(f"{order.po_number}/{number}")
                    rows.append(
                        (order.po_number, line.line, line.sku, str(quantity), carrier, order.method, tracking, now)
                    )
        return rows

    def _write(self, directory: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """The file appears whole: written under a hidden name, then renamed."""
        path, body = file_of(self.root / directory, directory, header, rows)
        hidden = path.with_name(f".{path.name}.part")
        hidden.write_bytes(body)
        os.replace(hidden, path)


def file_of(folder: Path, what: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[Path, bytes]:
    """A new file's path in the folder, and what is to be in it."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow(header)
    csv.writer(out).writerows(rows)
    return folder / f"{what}-{time.time_ns()}.csv", out.getvalue().encode()


def acknowledgement(po_number: str, status: str, message: str = "") -> Sequence[str]:
    """A row of a file in ``acks``, about the whole order."""
    reference = "W" + hashlib.sha256(po_number.encode()).hexdigest()[:8].upper()
    return (po_number, status, "", "", "", reference, message, datetime.now(UTC).isoformat(timespec="seconds"))


def _parse(path: Path) -> _Order:
    body = path.read_bytes()
    order = _Order(path.stem, path.name, hashlib.sha256(body).hexdigest(), time.time())
    try:
        for row in csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True):
            order.po_number, order.method = row["po_number"], row["method_code"] or row["method_name"]
            order.lines.append(_Line(row["line"], row["supplier_sku"], int(row["quantity"])))
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        order.error = f"the file cannot be read: {error!r}"
    if not order.lines and not order.error:
        order.error = "the file has no lines"
    return order


def append(path: Path, lines: Iterable[bytes]) -> None:
    """The lines are at the end of the file."""
    with path.open("ab") as out:
        out.write(b"".join(line + b"\n" for line in lines))


def _lines_of(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().splitlines() if line] if path.exists() else []


class _Gate(asyncssh.SSHServer):  # type: ignore[misc, unused-ignore]
    """Lets one user in, with one password."""

    def __init__(self, username: str, password: str, open_connections: set[Any]) -> None:
        self._username, self._password = username, password
        self._all, self._mine = open_connections, None

    def connection_made(self, conn: Any) -> None:
        self._mine = conn
        self._all.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.discard(self._mine)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        right = hmac.compare_digest(username.encode(), self._username.encode())
        return hmac.compare_digest(password.encode(), self._password.encode()) and right


class DemoSftpSupplier:
    """The server and the warehouse together. Use as an async context manager, or start and stop."""

    def __init__(
        self,
        root: Path,
        *,
        port: int = 0,
        ship_after: float = 5.0,
        tick: float = 0.2,
        work: bool = True,
        split_every: int = 3,
        ledger: Path | None = None,
    ) -> None:
        self.host, self.port = "127.0.0.1", port
        self.username, self.password = "bluebook", secrets.token_urlsafe(12)
        self.warehouse = Warehouse(root, ship_after=ship_after, split_every=split_every, ledger=ledger)
        self._root, self._tick, self._works = root, tick, work
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._server: Any = None
        self._connections: set[Any] = set()
        self._worker: asyncio.Task[None] | None = None

    @property
    def host_key(self) -> str:
        """The server's public key, as OpenSSH writes it."""
        return " ".join(self._key.export_public_key().decode().split()[:2])

    def config(self) -> dict[str, Any]:
        """The settings with which the ``sftp`` connector reaches this supplier."""
        return {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password,
            "host_key": self.host_key,
            "acks_dir": "acks",
            "shipments_dir": "shipments",
            "settle_seconds": 0,
        }

    async def start(self) -> None:
        """The server listens (``port`` says where) and the warehouse works."""
        chroot = os.fsencode(self._root)
        self._server = await asyncssh.listen(
            self.host,
            self.port,
            server_factory=lambda: _Gate(self.username, self.password, self._connections),
            server_host_keys=[self._key],
            sftp_factory=lambda chan: asyncssh.SFTPServer(chan, chroot=chroot),
            config=None,
            gss_host=None,
        )
        self.port = self._server.get_port()
        if self._works:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await asyncio.to_thread(self.warehouse.work)
            await asyncio.sleep(self._tick)

    async def stop(self) -> None:
        """Both have ended; open connections are cut."""
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker
            self._worker = None
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.abort()
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> DemoSftpSupplier:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def _serve(arguments: argparse.Namespace) -> None:
    supplier = DemoSftpSupplier(
        arguments.root,
        port=arguments.port,
        ship_after=arguments.ship_after,
        split_every=arguments.split_every,
        ledger=arguments.ledger,
    )
    async with supplier:
        keys = ("host", "port", "username", "password", "host_key")
        print(msgspec.json.encode({key: getattr(supplier, key) for key in keys}).decode(), flush=True)
        assert supplier._worker is not None
        await supplier._worker


def main() -> None:
    """The demo supplier runs until it is stopped."""
    parser = argparse.ArgumentParser(description="A demo supplier that speaks SFTP")
    parser.add_argument("--root", type=Path, required=True, help="the directory it serves")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--ship-after", type=float, default=5.0, help="seconds from order to parcel")
    parser.add_argument("--split-every", type=int, default=3, help="every how many orders go in two parcels; 0: none")
    parser.add_argument("--ledger", type=Path, default=None, help="where received orders are noted, one JSON line each")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
