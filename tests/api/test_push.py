"""Orders pushed over HTTP into a channel of files: good ones go in, each bad one is told with its lines and why."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import openpyxl
import pytest

from engine import db, settings
from engine.api.rest import reading
from engine.api.rest.push import XLSX
from engine.services import inbox, setup
from tests.api.client import Api, token_for
from tests.api.conftest import serving
from tests.api.shop import BEGAN, HEAD, open_shop, row
from tests.support.scene import DANA

MUG = "BB-MUG-01"


class Counter:
    """The API and the channel of files called Counter."""

    def __init__(self, api: Api, channel: int) -> None:
        self.api, self.channel = api, channel

    async def push(self, body: str | bytes, kind: str = "text/csv", **query: str) -> dict[str, object]:
        """What a push says that goes well."""
        data = body if isinstance(body, bytes) else body.encode()
        found: dict[str, object] = await self.api.post("/orders", data, kind=kind, channel="Counter", **query)
        return found


@pytest.fixture
async def counter(database: str, tmp_path: Path) -> AsyncIterator[Counter]:
    settings.force(msgspec.structs.replace(settings.settings(), api_calls=0))
    _, channel = await open_shop(tmp_path)
    async with serving() as api:
        yield Counter(api, channel)


async def test_good_orders_go_in_and_bad_ones_are_told(counter: Counter) -> None:
    body = HEAD + row("A-1", MUG, 2) + row("A-2", MUG, "many") + row("A-1", "BB-LAMP-BR", 1) + row("", MUG)
    said = await counter.push(body, name="morning.csv")
    assert (said["new"], said["changed"], said["same"]) == (1, 0, 0)
    [order] = said["orders"]  # type: ignore[misc]
    assert (order["number"], order["external_id"]) == ("A-1", "A-1")
    assert [line["sku"] for line in (await counter.api.get(f"/orders/{order['id']}"))["lines"]] == [MUG, "BB-LAMP-BR"]
    first, second = said["wrong"]  # type: ignore[misc]
    assert (first["external_id"], first["lines"], first["field"]) == ("A-2", [3], "quantity")
    assert first["message"].startswith("morning.csv, order A-2, line 3")
    assert (second["lines"], "no order number" in second["message"]) == ([5], True)
    for wrong in (first, second):
        kept, _ = await inbox.show(wrong["inbox_id"])
        assert (kept.state, kept.reason, kept.source_id) == ("parked", wrong["message"], counter.channel)


async def test_the_same_orders_again_change_nothing_and_changed_ones_change(counter: Counter) -> None:
    body = HEAD + row("B-1", MUG, 2) + row("B-2", MUG, 1)
    first = await counter.push(body)
    again = await counter.push(body)
    assert (again["new"], again["same"], again["orders"]) == (0, 2, first["orders"])
    changed = await counter.push(HEAD + row("B-1", MUG, 3) + row("B-2", MUG, 1))
    assert (changed["new"], changed["changed"], changed["same"]) == (0, 1, 1)
    assert await db.value("SELECT COUNT(*) FROM orders") == 2


async def test_json_and_workbooks_by_the_same_mapping(counter: Counter) -> None:
    await setup.update("channels", counter.channel, DANA, values={"columns": {"sku": "Artikel"}})
    order = {
        "number": "C-1", "placed_at": BEGAN.isoformat(), "currency": "USD",
        "ship_to": {"name": "Ada", "line1": "1 Maple Ave", "city": "Portland", "region": "OR", "postal_code": "97205",
                    "country": "US"},
        "lines": [{"artikel": MUG, "quantity": 1, "unit_price": "12.50"}],
    }  # fmt: skip
    said = await counter.push(msgspec.json.encode([order]), "application/json")
    assert (said["new"], said["wrong"]) == (1, [])
    lines = (
        msgspec.json.encode(order | {"number": "C-2"}) + b"\n" + msgspec.json.encode(order | {"number": "C-3"}) + b"\n"
    )
    assert (await counter.push(lines, "application/x-ndjson"))["new"] == 2
    book = openpyxl.Workbook()
    for cells in ((HEAD.strip().replace("sku", "Artikel")).split(","), row("C-4", MUG).strip().split(",")):
        book.active.append(cells)  # type: ignore[union-attr]
    file = io.BytesIO()
    book.save(file)
    assert (await counter.push(file.getvalue(), XLSX))["new"] == 1
    said = await counter.push(HEAD.replace("sku", "Artikel") + row("C-5", MUG), "text/csv")
    assert said["new"] == 1
    known = await db.rows("SELECT sku FROM order_lines")
    assert {str(r[0]) for r in known} == {MUG}


async def test_what_is_no_file_of_orders_is_refused_whole(counter: Counter) -> None:
    api = counter.api
    for kind, body in (
        ("text/csv", b" "), ("text/csv", b"\0\1\2" * 50), ("text/csv", b"a,b\n1,2\n"), ("application/json", b"nothing"),
        (XLSX, b"PK\x03\x04 broken"), ("text/csv", b"%PDF-1.7"),
    ):  # fmt: skip
        said = await api.refused(422, "invalid", "POST", "/orders", body, kind=kind, channel="Counter")
        assert said["field"] == "body", body
    wrong = await api.refused(415, "unsupported-type", "POST", "/orders", b"<a/>", kind="text/xml", channel="Counter")
    assert "text/csv" in wrong["detail"]
    good = (HEAD + row("D-1", MUG)).encode()
    await api.refused(422, "invalid", "POST", "/orders", good, kind="text/csv", channel="Nowhere")
    said = await api.refused(422, "invalid", "POST", "/orders", good, kind="text/csv")
    assert said["field"] == "channel"
    said = await api.refused(409, "conflict", "POST", "/orders", good, kind="text/csv", channel="Demo store")
    assert "channel of files only" in said["detail"]
    await setup.update("channels", counter.channel, DANA, enabled=False)
    await api.refused(409, "conflict", "POST", "/orders", good, kind="text/csv", channel=str(counter.channel))
    gzipped = await api.call(
        "POST", "/orders", good, kind="text/csv", channel="Counter", headers={"Content-Encoding": "gzip"}
    )
    assert gzipped.status == 415
    assert await db.value("SELECT COUNT(*) FROM orders") == 0


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("application/json", b"{bad", "it is not JSON: "),
        ("application/json", b'[{"number": "J-1"}, {"num', "it is not JSON: "),
        ("application/json", b"[" * 90_000, "it is not JSON: "),
        ("application/json", b"null", "it is JSON, but no order and no list of orders"),
        ("application/json", b'"J-1"', "it is JSON, but no order and no list of orders"),
        ("application/json", b" ", "it is empty"),
        ("application/x-ndjson", b"{bad\n{worse", "none of its lines is an order in JSON"),
        (XLSX, b"x", "it is no Excel workbook"),
        (XLSX, b"\xd0\xcf\x11\xe0" + b"\0" * 600, "an old Excel workbook"),
    ],
    ids=str,
)
async def test_what_cannot_be_read_at_all_is_said_to_be_so(counter: Counter, kind: str, body: bytes, said: str) -> None:
    wrong = await counter.api.refused(422, "invalid", "POST", "/orders", body, kind=kind, channel="Counter")
    assert (said in wrong["detail"], wrong["field"]) == (True, "body"), wrong
    assert await db.value("SELECT COUNT(*) FROM inbound_messages") == 0


async def test_a_line_that_is_not_json_costs_only_itself(counter: Counter) -> None:
    said = await counter.push(b'{bad\n{"number": "J-1"}\n', "application/x-ndjson")
    assert [one["lines"] for one in said["wrong"]] == [[1], [2]]  # type: ignore[attr-defined]


async def test_the_largest_body_goes_in_and_a_larger_one_does_not(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = HEAD + "".join(row(f"E-{n}", MUG, minute=n) for n in range(450))
    monkeypatch.setattr(reading, "MAX_BODY", len(body))
    said = await counter.push(body)
    assert (said["new"], len(said["orders"])) == (450, 450)  # type: ignore[arg-type]
    found = await counter.api.call("POST", "/orders", body.encode() + b"\n", kind="text/csv", channel="Counter")
    assert (found.status, found.said["type"]) == (413, "/api/docs#too-large")


async def test_a_token_that_may_push_may_nothing_else(counter: Counter) -> None:
    token = await token_for("operator", ["orders:push"])
    body = (HEAD + row("F-1", MUG)).encode()
    said = await counter.api.post("/orders", body, kind="text/csv", channel="Counter", token=token)
    [event] = [e for e in await counter.api.pages(f"/orders/{said['orders'][0]['id']}/events") if e["seq"] == 1]
    assert (event["actor"], event["source"]) == ("operator", "person")
    await counter.api.refused(403, "forbidden", "GET", "/orders", token=token)
    viewer = await token_for("viewer", ["orders:push"])
    await counter.api.refused(
        403, "forbidden", "POST", "/orders", body, kind="text/csv", channel="Counter", token=viewer
    )
