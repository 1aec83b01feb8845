"""The command line as people and programs use it, on a copy of the office's home folder."""

from __future__ import annotations

import csv
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from engine import settings
from tests.support import office
from tests.support.office import Run
from tui.cli.app import app
from tui.cli.command import EXAMPLES, Example

TROUBLE = {name: str(number) for number, name in office.TROUBLED}


def said(result: Result) -> Any:
    return json.loads(result.stdout)


# --- help -------------------------------------------------------------------------------------------------------------


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_every_command_has_an_example_and_takes_json() -> None:
    import typer

    found = dict(_commands(typer.main.get_command(app)))
    assert len(found) > 50
    for path in found:
        text = CliRunner().invoke(app, [*path, "--help"]).output
        assert "Example" in text, path
        assert f"bluebook {' '.join(path)}" in text, path
        assert "--json" in text, path
    assert [e.line for e in EXAMPLES if len(e.line) > 78] == []


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from tui.cli.app import app\n"
        "try: app(['orders', 'process', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'tortoise', 'aiohttp', 'asyncssh', 'dramatiq', 'textual', 'rich', 'reportlab'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.reads], ids=lambda e: e.line)
def test_examples_that_change_nothing_run(example: Example, run: Run) -> None:
    words = shlex.split(example.line)
    words = words[1 : words.index(">")] if ">" in words else words[1:]
    result = run(*words, code=3 if words[0] == "doctor" else 0)
    assert result.output
    if "--json" not in words and words[0] not in ("orders", "audit", "products", "mappings"):
        json.loads(run(*words, "--json", code=result.exit_code).stdout)


# --- looking ----------------------------------------------------------------------------------------------------------


def test_orders_are_listed_by_pages(run: Run) -> None:
    first = said(run("orders", "ls", "--limit", "6", "--json"))
    second = said(run("orders", "ls", "--limit", "50", "--after", first["next"], "--json"))
    numbers = [o["number"] for o in [*first["orders"], *second["orders"]]]
    assert len(numbers) == len(set(numbers)) == 15
    assert numbers == sorted(numbers, reverse=True)
    assert second["next"] is None
    assert first["orders"][0]["placed_at"].endswith("Z")
    assert isinstance(first["orders"][0]["total"], int)


def test_a_filter_narrows_the_list_and_piped_output_is_whole_and_plain(run: Run) -> None:
    result = run("orders", "ls", "st:completed")
    lines = result.stdout.splitlines()
    assert len(lines) == 4
    assert "…" not in result.stdout
    assert "\x1b" not in result.stdout
    assert all(line == line.rstrip() for line in lines)


def test_an_order_is_shown_with_everything(run: Run) -> None:
    text = run("orders", "show", "1001").stdout
    for word in ("completed", "1001-1", "Tracking", "https://", "margin", "ship to"):
        assert word in text, word
    troubled = run("orders", "show", TROUBLE["unknown_sku"]).stdout
    assert "SKU not mapped" in troubled
    assert "Say which product" in troubled


def test_what_customers_write_cannot_steer_the_terminal() -> None:
    from tui.plain import clean

    assert clean("Ev\x1b[2Je\u202e", one_line=True) == "Ev\ufffd[2Je\ufffd"
    assert clean("naïve 東京") == "naïve 東京"


def test_export_gives_what_the_filter_fits_and_no_formula(run: Run, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("orders", "export", "st:completed").stdout)))
    assert [row["number"] for row in rows] == ["1003", "1002", "1001"]
    lines = run("orders", "export", "st:ready", "--format", "jsonl").stdout.splitlines()
    assert {json.loads(line)["status"] for line in lines} == {"ready"}
    run("orders", "export", "--file", "all.csv")
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 16


def test_cells_that_look_like_formulas_are_text_and_come_back_as_they_were(tmp_path: Path) -> None:
    from tui import sheets

    out = io.StringIO()
    sheets.write(("sku", "title"), [("=cmd()", "-3.50"), ("@x", "+1 (2)"), ("plain", "a,b")], out)
    assert out.getvalue().splitlines()[1:] == ["'=cmd(),-3.50", "'@x,'+1 (2)", 'plain,"a,b"']
    (tmp_path / "back.csv").write_text(out.getvalue())
    assert sheets.read(str(tmp_path / "back.csv"), ("sku",), ("title",))[0][1] == {"sku": "=cmd()", "title": "-3.50"}


# --- acting -----------------------------------------------------------------------------------------------------------


def test_process_holds_and_undo_takes_back(run: Run) -> None:
    result = run("orders", "process", "1004")
    assert "held until" in result.stdout
    assert "no worker is running" in result.stderr
    assert "orders undo 1004" in result.stdout
    undone = said(run("orders", "undo", "1004", "--json"))
    assert undone["outcomes"][0]["done"] is True
    assert said(run("orders", "show", "1004", "--json"))["status"] == "ready"
    events = said(run("audit", "show", "1004", "--json"))["events"]
    assert datetime.fromisoformat(events[0]["after"]["placed_at"]) < datetime.fromisoformat(events[0]["at"])
    assert "city" in events[0]["after"]["ship_to"]
    assert ("dana", "person", "cli orders undo") in {(e["actor"], e["source"], e["cause"]) for e in events}


def test_an_order_that_cannot_be_processed_is_named_with_the_reason(run: Run) -> None:
    result = run("orders", "process", "1004", TROUBLE["unknown_sku"], code=3)
    assert "1004  held until" in result.stdout
    assert "SKU not mapped" in result.stdout


def test_process_of_all_that_match_is_summed_up_limited_and_confirmed(run: Run) -> None:
    dry = said(run("orders", "process", "--all-matching", "", "--dry-run", "--json"))
    assert len(dry["ready"]) == 5
    assert dry["left_out"]
    assert sum(share["purchase_orders"] for share in dry["suppliers"]) >= 5
    assert "--most" in run("orders", "process", "--all-matching", "st:ready", "--most", "2", "--yes", code=2).stderr
    assert "--yes" in run("orders", "process", "--all-matching", "st:ready", code=2).stderr
    assert len(said(run("orders", "ls", "st:ready", "--json"))["orders"]) == 5
    done = said(run("orders", "process", "--all-matching", "st:ready", "--yes", "--json"))
    assert max(one["release_at"] or "" for one in done["outcomes"]) == done["held_until"] > "2020"
    assert [outcome["done"] for outcome in done["outcomes"]] == [True] * 5


def test_edit_shows_what_changes_and_asks_first(run: Run) -> None:
    asked = run("orders", "edit", "1005", "--address", "city=Springfield", code=2)
    assert "Springfield" in asked.stderr
    assert "--yes" in asked.stderr
    assert said(run("orders", "show", "1005", "--json"))["ship_to"]["city"] != "Springfield"
    run("orders", "edit", "1005", "--note", "leave at the door", "--quantity", "1=2", "--yes")
    page = said(run("orders", "show", "1005", "--json"))
    assert page["note"] == "leave at the door"
    assert page["lines"][0]["quantity"] - page["lines"][0]["canceled"] == 2


def test_hold_release_snooze_and_cancel(run: Run) -> None:
    assert "on hold" in run("orders", "hold", "1006", "--reason", "customer is away").stdout
    assert said(run("orders", "show", "1006", "--json"))["status"] == "on_hold"
    assert said(run("orders", "release", "1006", "--json"))["status"] == "ready"
    run("orders", "snooze", "1006", "2h")
    assert "1006" not in run("orders", "ls", "--tab", "ready").stdout
    run("orders", "snooze", "1006", "0")
    run("orders", "snooze", "1006", "soon", code=2)
    run("orders", "cancel", "1006", "--yes", "--reason", "customer called")
    assert said(run("orders", "show", "1006", "--json"))["status"] == "canceled"


def test_resolve_lists_suggestions_and_remembers_the_answer(run: Run) -> None:
    number = TROUBLE["unmapped_rate"]
    [waiting] = [u for u in said(run("mappings", "ls", "--json"))["unmapped_rates"] if u["rate"] == "Local courier"][:1]
    assert waiting["orders"] == 1
    listed = said(run("orders", "resolve", number, "--json"))["issues"]
    assert listed[0]["suggestions"]
    text = run("orders", "resolve", number).stdout
    assert f"bluebook orders resolve {number}" in text
    for _ in listed:
        issues = said(run("orders", "resolve", number, "--json"))["issues"]
        run("orders", "resolve", number, "--issue", str(issues[0]["number"]), "--with", "1")
    assert said(run("orders", "show", number, "--json"))["status"] == "ready"
    assert any(m["rate"] == "Local courier" for m in said(run("mappings", "ls", "--json"))["mappings"])


@pytest.mark.parametrize(
    ("trouble", "answer"),
    [("unknown_sku", "sku=BB-NOTE-01"), ("wrong_region", "region=OR"), ("cash_on_delivery", "waive")],
)
def test_resolve_takes_an_answer_by_name(trouble: str, answer: str, run: Run) -> None:
    number = TROUBLE[trouble]
    before = said(run("orders", "resolve", number, "--json"))["issues"]
    done = said(run("orders", "resolve", number, "--issue", "1", "--with", answer, "--json"))
    assert len(done["remaining"]) < len(before)


def test_an_answer_that_does_not_fit_says_what_does(run: Run) -> None:
    number = TROUBLE["unknown_sku"]
    assert "map_sku" in run("orders", "resolve", number, "--with", "retry", code=2).stderr
    assert "waive, drop" in run("orders", "resolve", number, "--with", "nonsense", code=2).stderr
    assert "waits for nothing" in run("orders", "resolve", "1004").stdout


# --- setting up -------------------------------------------------------------------------------------------------------


def test_secrets_are_never_shown_nor_taken_as_arguments(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(run("channels", "show", "demo", "--json"))["settings"]["consumer_secret"] == "***"
    refused = run("channels", "set", "demo", "--set", "consumer_secret=hush", code=2)
    assert "--secret-from-env" in refused.stderr
    monkeypatch.setenv("NEW_SECRET", "cs_hush")
    run("channels", "set", "demo", "--secret-from-env", "consumer_secret=NEW_SECRET")
    assert "cs_hush" not in run("audit", "show", "settings", "--values").stdout
    assert "NO_SUCH" in run("channels", "set", "demo", "--secret-from-env", "consumer_secret=NO_SUCH", code=4).stderr


def test_auto_order_processing_is_set_and_shown(run: Run) -> None:
    run(
        "channels",
        "auto",
        "Demo",
        "--on",
        "--limit",
        "500 USD",
        "--condition",
        'order.country == "US"',
        "--alert",
        "a@x.example",
    )
    view = said(run("channels", "show", "Demo", "--json"))
    assert (view["auto_process"], view["auto_limit"], view["auto_currency"]) == (True, 50_000, "USD")
    assert view["alert_addresses"] == ["a@x.example"]
    assert "500.00 USD" in run("channels", "auto", "Demo").stdout
    run("channels", "auto", "Demo", "--limit", "500", code=2)
    run("channels", "auto", "Demo", "--condition", "order.", code=2)
    run("channels", "auto", "Demo", "--off", "--limit", "none")
    assert said(run("channels", "show", "Demo", "--json"))["auto_limit"] is None


def test_pause_and_resume_are_in_the_settings_book(run: Run) -> None:
    run("suppliers", "pause", "ACME", "--reason", "stock-taking")
    assert "stock-taking" in run("suppliers", "ls").stdout
    assert "ACME is paused: stock-taking" in run("doctor", code=3).stdout
    run("suppliers", "resume", "ACME")
    assert said(run("suppliers", "show", "ACME", "--json"))["supplier"]["paused_reason"] == ""
    assert "stock-taking" in run("audit", "show", "settings", "--values").stdout
    run("channels", "pause", "Demo", "--reason", "moving")
    assert "channels resume" in run("sync", "Demo", code=3).stderr


def test_products_and_mappings_survive_export_and_import(run: Run, tmp_path: Path) -> None:
    run("products", "export", "products.csv")
    before = (tmp_path / "products.csv").read_text()
    assert said(run("products", "import", "products.csv", "--json"))["products"] == 0
    run("products", "export", "again.csv")
    assert (tmp_path / "again.csv").read_text() == before
    (tmp_path / "more.csv").write_text(
        "sku;title;supplier;cost\nNEW-1;Neu;ACME;9.90\nNEW-2;;NOBODY;1\nNEW-3;;ACME;1.999\n"
    )
    wrong = run("products", "import", "more.csv", code=3)
    assert "line 3: there is no supplier 'NOBODY'" in wrong.stderr
    assert "line 4: " in wrong.stderr
    assert said(run("products", "ls", "NEW-1", "--json"))["products"][0]["offers"][0]["cost"] == 990
    run("mappings", "export", "mappings.csv")
    mapped = (tmp_path / "mappings.csv").read_text()
    run("mappings", "import", "mappings.csv")
    run("mappings", "export", "mapped.csv")
    assert (tmp_path / "mapped.csv").read_text() == mapped
    (tmp_path / "bad.csv").write_text("kind,channel,colour\n")
    assert "colour" in run("mappings", "import", "bad.csv", code=2).stderr


def test_mapping_a_sku_makes_the_waiting_order_ready(run: Run) -> None:
    done = said(run("mappings", "sku", "Demo", "OLD-RANGE-7", "BB-NOTE-01=2", "--json"))
    assert done["ready"] == 1
    listed = said(run("mappings", "ls", "--skus", "--json"))["listings"]
    assert {"BB-NOTE-01": 2} in [row["components"] for row in listed]


# --- what waits for a person ------------------------------------------------------------------------------------------


def test_a_parked_payload_is_shown_replayed_and_ignored(run: Run) -> None:
    [parked] = said(run("inbox", "ls", "--json"))["payloads"]
    number = str(parked["id"])
    assert datetime.fromisoformat(parked["received_at"]).tzinfo is not None
    assert said(run("inbox", "show", number, "--json"))["payload"]["received_at"] == parked["received_at"]
    assert "no line_items" in run("inbox", "show", number).stdout
    assert run("inbox", "body", number).stdout == '{"id": 1999}'
    assert "still parked" in run("inbox", "replay", number, code=3).stdout
    run("inbox", "ignore", number, "--reason", "a test")
    assert "no payload is parked" in run("inbox", "ls").stderr
    run("inbox", "show", "99999", code=2)


def test_jobs_are_retried_and_dropped(run: Run) -> None:
    run("orders", "process", "1007")
    [job] = [j for j in said(run("jobs", "ls", "ready", "--json"))["jobs"] if j["task"] == "purchases.submit"][:1]
    run("jobs", "retry", str(job["id"]))
    refused = run("jobs", "drop", str(job["id"]), code=3).stderr
    assert "is queued and would be sent all the same; undo takes it back" in refused
    run("orders", "undo", "1007")
    assert f"job {job['id']} is dropped" in run("jobs", "drop", str(job["id"])).stdout
    run("jobs", "drop", str(job["id"]), code=2)
    run("jobs", "retry", code=2)
    run("jobs", "ls", "lost", code=2)


def test_audit_verify_finds_what_was_tampered_with(run: Run, home: Path) -> None:
    import sqlite3

    assert "nothing is wrong" in run("audit", "verify").stdout
    with sqlite3.connect(home / "bluebook.sqlite3") as conn:
        conn.execute("DROP TRIGGER audit_events_no_update")
        conn.execute("UPDATE audit_events SET actor = 'nobody' WHERE order_id = 1 AND seq = 2")
    conn.close()
    result = run("audit", "verify", "--json", code=3)
    assert {problem["order"] for problem in said(result)["problems"]} == {"1001"}
    assert "fail  orders" in run("doctor", code=3).stdout


def test_doctor_says_what_to_do_about_each_thing(run: Run, home: Path) -> None:
    (home / "secret.key").chmod(0o644)
    result = run("doctor", code=4)
    assert "chmod 600" in result.stdout
    assert "bluebook inbox ls" in result.stdout
    assert "bluebook worker" in result.stdout
    found = said(run("doctor", "--json", code=4))
    assert {f["state"] for f in found["findings"]} == {"ok", "warn", "fail"}


def test_doctor_notices_a_broker_that_does_not_answer(run: Run, home: Path) -> None:
    settings.force(settings.Settings(home=str(home), broker_url="redis://127.0.0.1:1/0"))
    assert "does not answer" in run("doctor", code=5).stdout


def test_a_channel_and_a_supplier_are_removed_once_nothing_of_them_is_under_way(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD_SECRET", "cs")
    refused = run("channels", "remove", "demo", "--yes", code=3)
    assert "not all that it sent is read" in refused.stderr
    assert "not all of its orders are over (10" in run("suppliers", "remove", "ACME", "--yes", code=3).stderr
    run("channels", "add", "Old", "--connector", "woocommerce", "--set", "url=https://old.example", "--set",
        "consumer_key=ck", "--secret-from-env", "consumer_secret=OLD_SECRET")  # fmt: skip
    assert "give --yes" in run("channels", "remove", "Old", code=2).stderr
    done = said(run("channels", "remove", "Old", "--yes", "--json"))
    assert done == {"message": "Old is removed; its orders stay, under Old (removed)", "name": "Old"}
    assert "Old" not in run("channels", "ls").stdout
    run("channels", "show", "Old", code=2)
