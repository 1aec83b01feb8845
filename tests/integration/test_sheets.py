"""Files of orders: exactly what is filtered, in the chosen columns, and no cell that a spreadsheet runs."""

from __future__ import annotations

import csv
import gc
import io
import tracemalloc
from datetime import timedelta, timezone

import msgspec
import pytest

from engine import clock, db
from engine.domain.cells import guarded, unguarded
from engine.domain.states import OrderStatus
from engine.errors import Invalid
from engine.services import history, sheets
from engine.services.filters import Filters
from tests.support import bulk


async def whole(filters: Filters | None = None, kind: sheets.Kind = "csv", **options: object) -> str:
    pieces = await sheets.stream(filters, kind, **options)  # type: ignore[arg-type]
    return b"".join([piece async for piece in pieces]).decode()


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def test_a_file_has_exactly_the_filtered_orders_and_the_chosen_columns(database: str) -> None:
    await bulk.fill(database, 3_000)
    clock.use(lambda: bulk.NOW)
    filters = Filters(statuses=(OrderStatus.COMPLETED,), channel_ids=(1,))
    ids = await history.ids_matching(filters)
    expected = [row.number for row in await history.rows_of(ids)]
    assert len(expected) > 2 * history.LARGEST_PAGE
    seen: list[int] = []
    found = await whole(filters, columns=["total", "number", "age_hours"], counted=seen.append)
    assert found.splitlines()[0] == "total,number,age_hours"
    assert [row["number"] for row in table(found)] == expected
    assert seen[-1] == len(expected)
    assert [row["number"] for row in msgspec.json.decode(await whole(filters, "json"))] == expected
    lines = (await whole(filters, "jsonl", limit=700)).splitlines()
    assert [msgspec.json.decode(line)["number"] for line in lines] == expected[:700]
    up = table(await whole(filters, sort="total", columns=["total"]))
    assert [float(row["total"]) for row in up] == sorted(float(row["total"]) for row in up)
    rare = Filters(country="IS", supplier_ids=(3,), channel_ids=(4,))
    assert len(table(await whole(rare))) == len(await history.ids_matching(rare)) > 0
    nothing = Filters(text="nobodyhasthisword")
    assert await whole(nothing, "json") == "[]\n"
    assert len((await whole(nothing)).splitlines()) == 1


async def test_cells_are_text_dates_have_a_zone_and_excel_gets_its_mark(database: str) -> None:
    await bulk.fill(database, 5)
    await db.run("UPDATE orders SET customer = ?, held = ? WHERE id = 3", '=HYPERLINK("http://x")', "\t@cmd")
    await db.run("UPDATE orders SET total = 1500, currency = 'JPY' WHERE id = 3")
    order = [row.id for row in (await history.list_orders()).rows].index(3)
    text = await whole(bom=True, titles=True, columns=list(sheets.COLUMNS), zone=timezone(timedelta(hours=9)))
    assert text.startswith("\ufeffOrder,Status code,Date,")
    row = table(text.removeprefix("\ufeff"))[order]
    assert row["Customer"] == '\'=HYPERLINK("http://x")'
    assert row["Held"] == "'\t@cmd"
    assert row["Date"].endswith("+09:00")
    assert (row["Total"], row["Currency"]) == ("1500", "JPY")


async def test_an_order_in_many_parcels_has_all_their_numbers_in_a_file(database: str) -> None:
    await bulk.fill(database, 1_000)
    (number, order), *_ = [
        tuple(r) for r in await db.rows("SELECT MIN(id), order_id FROM shipments GROUP BY order_id ORDER BY 2")
    ]
    columns = (
        "order_id, purchase_order_id, transit, push, carrier, carrier_name, service, tracking_url, shipped_at, "
        "received_at, version, push_attempt, lease_token, channel_reference, message"
    )
    for n in range(3):
        await db.run(
            f"INSERT INTO shipments (key, tracking_number, {columns}) SELECT ?, ?, {columns} FROM shipments WHERE id = ?",
            f"extra{n}", f"EXTRA{n}", number,
        )  # fmt: skip
    shown = (await history.rows_of([order]))[0]
    assert len(shown.tracking) == 2 < shown.trackings
    found = {row["number"]: row["tracking"] for row in table(await whole())}
    assert {"EXTRA0", "EXTRA1", "EXTRA2"} <= set(found[shown.number].split())


async def test_what_is_wrong_is_said_before_the_first_byte(sqlite_database: str) -> None:
    with pytest.raises(Invalid, match="no column 'nope'; there are number, status"):
        await sheets.stream(columns=["number", "nope"])
    with pytest.raises(Invalid, match="not sorted by nope"):
        await sheets.stream(sort="nope")
    with pytest.raises(Invalid, match="csv, json, jsonl"):
        await sheets.stream(kind="xls")  # type: ignore[arg-type]


async def test_memory_does_not_grow_with_the_orders(sqlite_database: str) -> None:
    await bulk.fill(sqlite_database, 6_000)
    tracemalloc.start()
    try:
        peaks = []
        for limit in (1_000, 1_500, 6_000):  # the first fills what is kept for good
            gc.collect()
            tracemalloc.reset_peak()
            async for _ in await sheets.stream(limit=limit):
                gc.collect()  # when the collector comes by itself depends on what else goes on
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[1]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|x", "-2+3", "@sum", "\tx", "\rx", " =1", "\n=1", "\uff1d1", "'=x", "it's", "", "-3.50", "+49"],
)
def test_a_guarded_cell_comes_back_as_it_was_and_runs_nowhere(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    if text not in ("-3.50", "+49"):
        assert cell.lstrip(" \n")[:1] not in tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
