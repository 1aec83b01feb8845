"""``bluebook suppliers template`` as people use it: tried, then saved, and used from then on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.test_cli import Run, said

ORDERS: dict[str, Any] = {
    "format": "fixed",
    "columns": [
        {"header": "po", "value": "purchase.po_number", "width": 16},
        {"header": "sku", "value": "line.supplier_sku", "width": 12},
        {"header": "pieces", "value": "line.quantity", "width": 5, "align": "right", "fill": "0"},
    ],
}
ACKS = {"header": False, "columns": [{"header": "po"}, {"header": "status"}, {"header": "date"}]}
SAMPLE = "1001-1;ok;2026-01-02\n1002-1;teleported;2026-01-02\n"


def file(folder: Path, name: str, content: Any) -> str:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def template(run: Run, *args: str, code: int = 0) -> Any:
    return run("suppliers", "template", "NOVA", *args, code=code)


def test_an_orders_template_is_shown_and_saved(run: Run, tmp_path: Path) -> None:
    assert "as the connection's settings say" in template(run).stdout
    assert "po_number,order_number" in template(run, "orders").stdout  # the sample, as it leaves today
    layout = file(tmp_path, "orders.json", ORDERS)
    assert template(run, "orders", "--layout", layout).stdout.splitlines() == [
        "1001-1          W-1         00002", "1001-1          G-100       00010",
    ]  # fmt: skip
    assert said(template(run, "--json"))["layouts"] == {}  # nothing was saved by looking
    template(run, "orders", "--layout", layout, "--save")
    assert said(template(run, "--json"))["layouts"] == {"orders": ORDERS}
    assert "W-1         00002" in template(run, "orders").stdout
    narrow = ORDERS | {"columns": [{"header": "po", "value": "purchase.po_number", "width": 3}]}
    assert "'1001-1' has 6 characters where 3 fit" in template(
        run, "orders", "--layout", file(tmp_path, "narrow.json", narrow), "--save", code=2
    ).stderr  # fmt: skip
    assert said(template(run, "--json"))["layouts"] == {"orders": ORDERS}


def test_one_of_our_purchase_orders_is_shown(run: Run) -> None:
    (number, *_) = [
        po["po_number"]
        for order in said(run("orders", "ls", "--json"))["orders"]
        for po in said(run("orders", "show", order["number"], "--json"))["purchase_orders"]
    ]
    assert f"{number}," in template(run, "orders", "--po", number).stdout
    assert "there is no purchase order nope-1" in template(run, "orders", "--po", "nope-1", code=2).stderr


def test_a_sample_shows_its_rows_and_what_is_wrong_and_only_a_good_one_saves(run: Run, tmp_path: Path) -> None:
    layout, sample = file(tmp_path, "acks.json", ACKS), file(tmp_path, "ack.csv", SAMPLE)
    shown = template(run, "acks", "--layout", layout, "--read", sample, code=3).stdout
    for words in ("teleported", "acks/ack.csv, line 1: the status 'ok' is not in the table; add it to status_map",
                  "acks/ack.csv, line 2: the status 'teleported'", "2 rows, 0 updates, 2 problems"):  # fmt: skip
        assert words in shown
    refused = template(run, "acks", "--layout", layout, "--read", sample, "--save", code=2).stderr
    assert "was not saved: acks/ack.csv, line 1" in refused
    mapped = file(tmp_path, "acks2.json", ACKS | {"status_map": {"ok": "acknowledged", "teleported": "rejected"}})
    told = said(template(run, "acks", "--layout", mapped, "--read", sample, "--json"))
    assert [(update["kind"], update["po_number"]) for update in told["updates"]] == [
        ("acknowledged", "1001-1"), ("rejected", "1002-1"),
    ]  # fmt: skip
    assert "acks look so from now on" in template(run, "acks", "--layout", mapped, "--read", sample, "--save").stdout
    assert "2 rows, 2 updates, 0 problems" in template(run, "acks", "--read", sample).stdout


def test_what_is_wrong_is_said(run: Run, tmp_path: Path) -> None:
    bad = file(tmp_path, "bad.json", "{")
    for args, told in (
        (["acks"], "give a sample of the acks: --read FILE"),
        (["acks", "--save"], "give the layout to save"),
        (["orders", "--layout", bad], "is not a layout in JSON"),
        (["orders", "--layout", str(tmp_path / "none")], "there is no file"),
        (["parcels", "--read", bad], "there is no kind of document 'parcels'"),
    ):
        assert told in template(run, *args, code=2).stderr
    unknown = file(tmp_path, "unknown.json", {"colour": "red"})
    assert "no setting called colour" in template(run, "orders", "--layout", unknown, code=4).stderr


UPDATES: dict[str, Any] = {
    "updates_items": "data", "updates_next": "data[-1].nr",
    "update": {"kind": "state", "key": "nr", "po_number": "order", "occurred_at": "at", "lines": "items[].{supplier_sku: sku,"
               " quantity: pcs}"},
    "status_map": {"SENT": "shipped", "OK": "acknowledged"},
}  # fmt: skip
PAGE = {"data": [
    {"nr": 7, "state": "OK", "order": "1001-1", "at": "2026-01-02T10:00:00Z"},
    {"nr": 8, "state": "SENT", "order": "1001-1", "at": "2026-01-02T10:00:00Z", "items": [{"sku": "W-1", "pcs": "two"}]},
    {"nr": 9, "state": "GONE", "order": "1001-1", "at": "2026-01-02T10:00:00Z"},
]}  # fmt: skip


def of_json(run: Run, *args: str, code: int = 0) -> Any:
    return run("suppliers", "template", "ACME", *args, code=code)


def test_the_json_of_an_order_is_shown_and_saved(run: Run, tmp_path: Path) -> None:
    before = of_json(run, "orders")
    assert '"order_number": "1001"' in before.stdout
    layout = file(tmp_path, "orders.json", {"request": "{order: po_number, items: lines[].{sku: supplier_sku}}"})
    drafted = said(of_json(run, "orders", "--layout", layout, "--json"))
    assert drafted["text"] == '{"items":[{"sku":"W-1"},{"sku":"G-100"}],"order":"1001-1"}'
    assert said(of_json(run, "--json"))["layouts"] == {}  # nothing was saved by looking
    of_json(run, "orders", "--layout", layout, "--save")
    assert said(of_json(run, "orders", "--json"))["text"] == drafted["text"]
    without = file(tmp_path, "without.json", {"request": "{items: lines[].supplier_sku}"})
    assert "does not contain the po_number" in of_json(run, "orders", "--layout", without, "--save", code=4).stderr
    stray = file(tmp_path, "stray.json", {"base_url": "http://elsewhere.example"})
    assert "'base_url' is no part of the orders' layout" in of_json(run, "orders", "--layout", stray, code=2).stderr
    assert said(of_json(run, "orders", "--json"))["text"] == drafted["text"]
    of_json(run, "orders", "--layout", file(tmp_path, "none.json", {}), "--save")
    assert said(of_json(run, "--json"))["layouts"] == {}
    assert of_json(run, "orders").stdout == before.stdout
    book = said(run("audit", "show", "settings", "--json"))["events"]
    assert book[-1]["before"] == {"settings": {"request": "{order: po_number, items: lines[].{sku: supplier_sku}}"}}
    assert book[-1]["after"] == {"settings": {"request": None}}


def test_a_page_of_updates_is_read_place_by_place(run: Run, tmp_path: Path) -> None:
    layout, page = file(tmp_path, "updates.json", UPDATES), file(tmp_path, "page.json", PAGE)
    told = said(of_json(run, "updates", "--layout", layout, "--read", page, "--json", code=3))
    assert [place for place, _ in told["rows"]] == [f"page.json, update {n}" for n in (1, 2, 3)]
    assert told["rows"][1][1]["lines"] == '[{"supplier_sku":"W-1","quantity":"two"}]'
    assert [(update["kind"], update["key"]) for update in told["updates"]] == [("acknowledged", "7")]
    assert [problem.partition(": ")[0] for problem in told["problems"]] == [f"page.json, update {n}" for n in (2, 3)]
    assert "lines[0].quantity" in told["problems"][0]
    assert "'GONE' is not in the status table" in told["problems"][1]
    refused = of_json(run, "updates", "--layout", layout, "--read", page, "--save", code=2).stderr
    assert "was not saved: page.json, update 2" in refused
    good = file(tmp_path, "good.json", {"data": PAGE["data"][:1]})
    of_json(run, "updates", "--layout", layout, "--read", good, "--save")
    assert "1 row, 1 updates, 0 problems" in of_json(run, "updates", "--read", good).stdout
    callback = file(tmp_path, "callback.json", PAGE["data"][0])
    assert "acknowledged  1001-1" in of_json(run, "callbacks", "--read", callback).stdout  # a callback is one update
    nowhere = of_json(run, "updates", "--read", callback, code=3).stdout
    assert "updates_items finds no list in it" in nowhere


def test_an_answer_is_read(run: Run, tmp_path: Path) -> None:
    answer = file(tmp_path, "answer.json", {"order": {"no": "1001-1", "ours": 77}})
    assert "would count as no answer" in of_json(run, "answers", "--read", answer, code=3).stdout
    layout = file(tmp_path, "answers.json", {"answer_po_number": "order.no", "answer_reference": "order.ours"})
    (row,) = said(of_json(run, "answers", "--layout", layout, "--read", answer, "--json"))["rows"]
    assert row[1] == {"answer_po_number": "1001-1", "answer_reference": "77"}
    assert "is not JSON" in of_json(run, "answers", "--read", file(tmp_path, "x.json", "<html>"), code=3).stdout
    assert "no kind of document 'acks'" in of_json(run, "acks", "--read", answer, code=2).stderr
