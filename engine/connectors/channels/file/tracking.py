"""Tracking as CSV files: one file per parcel, complete the moment it can be seen, and never a second one for its key.

One file per parcel and not one per day, because whoever imports the folder may take a file at any moment: a file that
is still growing would be imported half, or twice. Two workers never write the same file either.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import io
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from engine.errors import BluebookError, NotAuthorised, Refused, TryLater, Unreadable
from engine.ports import ChannelParcel, Parcel

COLUMNS = ("order_number", "tracking_number", "carrier", "carrier_name", "service", "tracking_url", "shipped_at",
           "line_id", "quantity", "last_parcel", "parcel_key")  # fmt: skip
SENT = ".sent"
"""Our own copies, by order: they outlive the importer that takes the files, so a second push still finds the first."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def trouble(error: OSError, path: Path, doing: str) -> BluebookError:
    """What a person is told, and what the caller must do, when the file system says no. Nothing has happened then."""
    reason = error.strerror or str(error)
    if error.errno in _FORBIDDEN:
        return NotAuthorised(f"{path}: {doing} is not allowed ({reason}): give the user Bluebook runs as write access")
    if error.errno in _FULL:
        return TryLater(f"{path}: {doing} failed, the disk is full ({reason}): free some space; it is tried again")
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EISDIR):
        return Refused(f"{path}: {doing} is impossible ({reason}): correct the folder in the connection")
    return TryLater(f"{path}: {doing} failed ({reason}): see that the folder can be reached; it is tried again")


def guard(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet would run it as a formula. ``unguard`` undoes it."""
    bare = cell.lstrip(" '")
    return "'" + cell if cell.startswith("'") or bare.startswith(_FORMULA) or cell.startswith(_FORMULA) else cell


def unguard(cell: str) -> str:
    """The cell as it was before ``guard``."""
    return cell[1:] if cell.startswith("'") else cell


def render(parcel: Parcel) -> bytes:
    """The parcel's file: a header and one row per line of the parcel. The same parcel gives the same bytes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for line_id, quantity in parcel.lines or (("", ""),):
        cells = (parcel.order_external_id, parcel.tracking_number, parcel.carrier, parcel.carrier_name, parcel.service,
                 parcel.tracking_url, parcel.shipped_at.isoformat(timespec="seconds"), line_id, str(quantity),
                 "yes" if parcel.last else "no", parcel.key)  # fmt: skip
        writer.writerow([guard(cell) for cell in cells])
    return out.getvalue().encode()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _shelf(folder: Path, order: str) -> Path:
    digest = _hash(order)
    return folder / SENT / digest[:2] / digest


def file_name(parcel: Parcel) -> str:
    """The name of the parcel's file: readable by its order, unique by its key, safe on every file system."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", parcel.order_external_id)[:60].strip("_") or "order"
    return f"tracking-{readable}-{_hash(parcel.key)[:12]}.csv"


def push(folder: Path, parcel: Parcel) -> str:
    """The parcel's file is in the folder, or has been; returns its name. Twice with one key leaves one file.

    Raises Refused when the key was used for another tracking number, TryLater and NotAuthorised from the disk.
    """
    name, body = file_name(parcel), render(parcel)
    shelf = _shelf(folder, parcel.order_external_id)
    try:
        before = _first(shelf / name, folder / name)
        if before is None:
            shelf.mkdir(parents=True, exist_ok=True)
            # The importer's file comes first: a crash in between repeats the same name with the same bytes. The other
            # way round it would be taken for sent and never arrive.
            _write(folder / name, body)
            _write(shelf / name, body)
            return name
        known = _parse(before, folder / name)
        if [parcel.tracking_number] != list({number for number, _ in known}):
            raise Refused(
                f"{folder / name}: parcel {parcel.key} of order {parcel.order_external_id} was already written with "
                f"tracking number {known[0][0] if known else '(none)'}, now it is {parcel.tracking_number}: correct it "
                "in the shop by hand"
            )
        if not (shelf / name).exists():
            shelf.mkdir(parents=True, exist_ok=True)
            _write(shelf / name, before)
        return name
    except OSError as error:
        raise trouble(error, folder / name, "writing tracking") from error


def _first(*paths: Path) -> bytes | None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            return path.read_bytes()
    return None


def _write(path: Path, body: bytes) -> None:
    """The file is there complete, under its name, and survives a power cut; or it is not there at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _parse(body: bytes, path: Path) -> list[tuple[str, str]]:
    """(tracking number, key) per row of a file of ours."""
    try:
        rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
        return [(unguard(row["tracking_number"]), unguard(row["parcel_key"])) for row in rows]
    except (UnicodeDecodeError, KeyError, AttributeError, TypeError, csv.Error) as error:
        raise Unreadable(
            f"{path}: this is no longer the tracking file Bluebook wrote: remove it and try again"
        ) from error


def pushed(folder: Path, orders: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
    """The parcels written so far, by order. Orders without any are missing."""
    answer: dict[str, tuple[ChannelParcel, ...]] = {}
    for order in dict.fromkeys(orders):
        shelf = _shelf(folder, order)
        try:
            names = sorted(path for path in shelf.iterdir() if path.suffix == ".csv")
            parcels = [ChannelParcel(number, key, path.name)
                       for path in names for number, key in dict.fromkeys(_parse(path.read_bytes(), path))]  # fmt: skip
        except FileNotFoundError:
            continue
        except OSError as error:
            raise trouble(error, shelf, "reading tracking back") from error
        if parcels:
            answer[order] = tuple(parcels)
    return answer
