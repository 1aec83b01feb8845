"""Orders as rows of a table: one registry of columns, for the lists people see and for the files they take away.

What is exported is exactly what the filters list, read page by page by key: a million orders need no more memory than 500.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Literal

import msgspec

from engine.domain import money
from engine.domain.cells import guarded
from engine.domain.issues import ISSUES, IssueCode
from engine.errors import Invalid
from engine.services import history, parts
from engine.services.filters import Filters
from engine.services.history import OrderRow
from engine.services.parts import LineCell

Kind = Literal["csv", "json", "jsonl"]
KINDS = ("csv", "json", "jsonl")
MEDIA = {"json": "application/json", "jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
BOM = b"\xef\xbb\xbf"
"""What Excel wants at the beginning of a file before it reads UTF-8."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of orders. ``id`` heads it in files, ``title`` on screen; ``value`` gives a row's cell as text.

    Where ``of_lines`` is given, the cell is made of the order's lines instead. ``sort`` is what ``history.list_orders``
    sorts by for it, "" where it does not; ``right``: figures.
    """

    id: str
    title: str
    value: Callable[[OrderRow], str] = lambda _: ""
    of_lines: Callable[[OrderRow, Sequence[LineCell]], str] | None = None
    sort: str = ""
    right: bool = False


def _age(row: OrderRow) -> str:
    return f"{max(row.age.total_seconds(), 0) / 3600:.1f}"


def _status(row: OrderRow) -> str:
    why = ", ".join(ISSUES[IssueCode(code)].title for code in row.issue_codes)
    return ": ".join(filter(None, (row.status_said, why)))


def _lines(row: OrderRow, cells: Sequence[LineCell]) -> str:
    """``2 × BB-MUG-01, ACME, Submitted; 1 × BB-TEA-01, no supplier``."""
    return "; ".join(
        ", ".join(
            (
                f"{c.quantity} × {c.sku or 'no SKU'}",
                c.supplier or "no supplier",
                *([row.said_of(c.state)] if c.state else []),
            )
        )
        for c in cells
    )


def _list(*columns: Column) -> Mapping[str, Column]:
    return {column.id: column for column in columns}


COLUMNS: Mapping[str, Column] = _list(
    Column(id="number", title="Order", value=lambda o: o.number, sort="number"),
    Column(id="status", title="Status code", value=lambda o: str(o.status.value), sort="state"),
    Column(id="placed_at", title="Date", value=lambda o: o.placed_at.isoformat(), sort="placed"),
    Column(id="age_hours", title="Age (h)", value=_age, sort="placed", right=True),
    Column(id="channel", title="Channel", value=lambda o: o.channel),
    Column(id="customer", title="Customer", value=lambda o: o.customer),
    Column(id="country", title="Country", value=lambda o: o.country),
    Column(id="quantity", title="Pieces", value=lambda o: str(o.quantity), right=True),
    Column(id="lines", title="Lines", value=lambda o: str(o.lines), right=True),
    Column(id="suppliers", title="Suppliers", value=lambda o: " ".join(f"{p.code}×{p.quantity}" for p in o.suppliers)),
    Column(id="supplier_states", title="At suppliers",
           value=lambda o: " ".join(f"{p.code}:{p.state}" for p in o.suppliers if p.state)),
    Column(id="shipping_rate", title="Shipping rate", value=lambda o: o.shipping_rate),
    Column(id="methods", title="Shipping method", value=lambda o: ", ".join(o.methods)),
    Column(id="total", title="Total", value=lambda o: str(money.major(o.total, o.currency)), sort="total", right=True),
    Column(id="currency", title="Currency", value=lambda o: o.currency),
    Column(id="issues", title="Issues", value=lambda o: ", ".join(o.issues)),
    Column(id="held", title="Held", value=lambda o: o.held),
    Column(id="status_said", title="Status", value=_status, sort="state"),
    Column(id="line_items", title="Lines and suppliers", of_lines=_lines),
    Column(id="shipping", title="Shipping", value=lambda o: f"{o.shipping_rate or 'no rate'} → {', '.join(o.methods) or '?'}"),
    Column(id="tracking", title="Tracking", value=lambda o: " ".join(o.tracking)),
)  # fmt: skip
USUAL = (
    "number", "status", "placed_at", "channel", "customer", "country", "quantity", "suppliers", "shipping_rate",
    "methods", "total", "currency", "issues", "tracking",
)  # fmt: skip
"""The columns of a file for which none are chosen."""


def chosen(ids: Sequence[str] | None = None) -> tuple[Column, ...]:
    """The columns with these ids, in this order (none: the usual ones); raises Invalid naming what there is not."""
    wanted = tuple(dict.fromkeys(ids or USUAL))
    for name in wanted:
        if name not in COLUMNS:
            raise Invalid(f"orders have no column {name!r}; there are {', '.join(COLUMNS)}", "columns")
    return tuple(COLUMNS[name] for name in wanted)


async def rows(
    filters: Filters | None = None, *, sort: str = "-placed", limit: int | None = None
) -> AsyncIterator[list[OrderRow]]:
    """Every order that fits, a page at a time, with all of its tracking numbers; at most ``limit`` orders."""
    after, left = None, limit
    while left is None or left > 0:
        size = history.LARGEST_PAGE if left is None else min(left, history.LARGEST_PAGE)
        page = await history.list_orders(filters, sort=sort, after=after, limit=size, parcels=None)
        if page.rows:
            yield page.rows
        left = None if left is None else left - len(page.rows)
        after = page.next
        if after is None:
            return


async def stream(
    filters: Filters | None = None,
    kind: Kind = "csv",
    *,
    columns: Sequence[str] | None = None,
    sort: str = "-placed",
    limit: int | None = None,
    bom: bool = False,
    titles: bool = False,
    zone: tzinfo | None = None,
    counted: Callable[[int], None] | None = None,
) -> AsyncIterator[bytes]:
    """Every order that fits, in pieces of a file as they are to be sent; ``MEDIA`` says of what type.

    CSV has the chosen ``columns`` under their ids (``titles``: under their titles), no cell of which a spreadsheet takes
    for a formula, and begins with a ``bom`` where Excel is to open it. JSON has all of a row whatever the columns. Dates
    are ISO 8601, in ``zone`` or else UTC. ``counted`` is told after every page how many orders have been written.

    Raises Invalid for a column, sort or kind there is not before there is a first piece.
    """
    if kind not in KINDS:
        raise Invalid(f"{kind!r} is not one of {', '.join(KINDS)}", "format")
    wanted = chosen(columns)
    await history.list_orders(sort=sort, limit=1)  # raises here what it would raise at the first piece
    pages = _told(rows(filters, sort=sort, limit=limit), zone, counted)
    if kind == "csv":
        return _csv(pages, wanted, bom, titles)
    return _json(pages) if kind == "json" else _by_line(pages)


async def _told(
    pages: AsyncIterator[list[OrderRow]], zone: tzinfo | None, counted: Callable[[int], None] | None
) -> AsyncIterator[list[OrderRow]]:
    done = 0
    async for page in pages:
        done += len(page)
        if counted:
            counted(done)
        yield [msgspec.structs.replace(o, placed_at=o.placed_at.astimezone(zone)) for o in page] if zone else page


async def _csv(
    pages: AsyncIterator[list[OrderRow]], columns: Sequence[Column], bom: bool, titles: bool
) -> AsyncIterator[bytes]:
    yield (BOM if bom else b"") + _written([[column.title if titles else column.id for column in columns]])
    lines: Mapping[int, Sequence[LineCell]] = {}
    async for page in pages:
        if any(column.of_lines for column in columns):
            lines = await parts.lines_of([order.id for order in page])
        yield _written([guarded(_cell(column, order, lines)) for column in columns] for order in page)


def _cell(column: Column, order: OrderRow, lines: Mapping[int, Sequence[LineCell]]) -> str:
    return column.of_lines(order, lines.get(order.id, ())) if column.of_lines else column.value(order)


def _written(cells: Iterable[Iterable[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(cells)
    return out.getvalue().encode("utf-8", "replace")


async def _json(pages: AsyncIterator[list[OrderRow]]) -> AsyncIterator[bytes]:
    before = b"[\n"
    async for page in pages:
        yield before + b",\n".join(map(msgspec.json.encode, page))
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


async def _by_line(pages: AsyncIterator[list[OrderRow]]) -> AsyncIterator[bytes]:
    async for page in pages:
        yield b"".join(msgspec.json.encode(order) + b"\n" for order in page)
