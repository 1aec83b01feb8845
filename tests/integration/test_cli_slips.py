"""Small slips on the command line: what is left undone is said, and a file is not taken for a filter."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine import clock, db
from engine.services import outbox
from engine.services.outbox import NewJob
from tests.integration.test_cli import Run, _commands, said
from tui.cli.app import app


@pytest.mark.parametrize("word", ["orders.csv", "./x", "/tmp/orders.json", "Out.JSONL"])
def test_a_file_where_the_filter_stands_is_not_searched_for(run: Run, word: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert f"write --file {word}" in run("orders", "export", word, code=2).stderr
    assert sorted(tmp_path.iterdir()) == before
    run("orders", "export", "st:completed", "--file", str(tmp_path / "orders.csv"))


def test_an_unknown_order_among_others_is_named_and_the_others_go(run: Run) -> None:
    shown = said(run("orders", "process", "1004", "9999", "1005", "--json", code=3))
    assert [(o["number"], o["done"]) for o in shown["outcomes"]] == [("1004", True), ("1005", True), ("9999", False)]
    assert "9999  not processed: there is no order" in run("orders", "process", "1006", "9999", code=3).stdout
    taken = run("orders", "undo", "1004", "8888", "1006", code=3).stdout
    assert "1004  taken back" in taken
    assert "8888  there is no order" in taken
    assert "there is no order" in run("orders", "process", "9999", "8888", code=2).stderr
    tried = said(run("orders", "process", "1004", "9999", "--dry-run", "--json", code=3))
    assert [left["number"] for left in tried["left_out"]] == ["9999"]


def test_jobs_are_given_up_in_one_word(run: Run) -> None:
    assert "0 given up" in run("jobs", "ls").stderr
    assert "no job is given up" in run("jobs", "ls", "given-up").stderr
    assert "given-up, not 'dead'" in run("jobs", "ls", "dead", code=2).stderr
    for path in (("ls",), ("retry",), ("drop",)):
        assert "dead" not in CliRunner().invoke(app, ["jobs", *path, "--help"]).output


async def waits() -> None:
    """The channel is down, and one job has learned so over the last hour and a half."""
    async with db.database():
        channel, now = await db.value("SELECT MIN(id) FROM channels"), clock.now()
        await outbox.put([NewJob("t:down", "channels.rescan", channel, now + timedelta(hours=1))])
        await db.run(
            "UPDATE outbox SET error = 'the shop does not answer', attempts = 4, created_at = ? WHERE key = 't:down'",
            clock.micros(now - timedelta(minutes=90)),
        )


def test_what_waits_for_another_try_is_not_hidden(run: Run) -> None:
    assert "no job waits for another try" in run("jobs", "ls", "waiting").stderr
    asyncio.run(waits())
    name = said(run("channels", "ls", "--json"))["channels"][0]["name"]
    told = f"(channels.rescan {name}: the shop does not answer)"
    hidden = run("jobs", "ls").stderr
    assert "no job is given up" in hidden
    assert "1 job waits for another try, the oldest for 1h" in hidden
    assert f"{told}: bluebook jobs ls waiting" in hidden
    shown = run("jobs", "ls", "waiting")
    assert name in shown.stdout
    assert "bluebook jobs ls waiting" not in shown.stderr
    assert said(run("jobs", "ls", "waiting", "--json"))["jobs"][0]["about"] == name
    found = next(line for line in said(run("doctor", "--json", code=3))["findings"] if line["about"] == "jobs")
    assert found["state"] == "warn"
    assert told in found["what"]


def test_a_rate_or_sku_nobody_ever_had_is_mapped_with_a_remark(run: Run) -> None:
    odd = run("mappings", "ship", "Demo", "Free Shippin", "ACME", "UPS-GND")
    assert "Free Shippin goes by UPS-GND at ACME" in odd.stdout
    assert "no order has the rate 'Free Shippin' yet; like it: Free Shipping" in odd.stderr
    assert not run("mappings", "ship", "Demo", "Free Shipping", "ACME", "UPS-GND").stderr
    assert (
        "no order or listing has the SKU 'NOSUCH' yet" in run("mappings", "sku", "Demo", "NOSUCH", "BB-MUG-01").stderr
    )
    assert "yet; like it: BB-MUG-01" in run("mappings", "sku", "Demo", "BB-MUG-O1", "BB-MUG-01").stderr
    assert not run("mappings", "sku", "Demo", "BB-MUG-01", "BB-MUG-01").stderr


def test_a_rate_is_mapped_at_several_suppliers_at_once(run: Run) -> None:
    refused = run("mappings", "ship", "all", "Local courier", "ACME,NOVA", "UPS-GND", code=2)
    assert "offers no method 'UPS-GND'" in refused.stderr
    assert "Local courier" not in [m["rate"] for m in said(run("mappings", "ls", "--json"))["mappings"]]
    told = said(run("mappings", "ship", "all", "Local courier", "all", "UPS-GND", "--json"))
    assert told["supplier"] == "ACME"
    found = {(m["rate"], m["supplier"]) for m in said(run("mappings", "ls", "--json"))["mappings"]}
    assert ("Local courier", "ACME") in found
    assert "there is no supplier 'NIX'" in run("mappings", "ship", "Demo", "x", "ACME,NIX", "UPS-GND", code=2).stderr
    run("mappings", "export", "m.csv")
    shown = said(run("mappings", "import", "m.csv", "--json"))
    assert shown["empty"] >= 1
    assert "still empty" in run("mappings", "import", "m.csv").stdout


def test_switching_auto_on_says_that_what_is_ready_goes_at_once(run: Run) -> None:
    assert "at once" in run("channels", "auto", "Demo", "--help").stdout
    assert "ready orders wait, and a worker sends at once" in run("channels", "auto", "Demo", "--on").stderr
    assert "worker" not in run("channels", "auto", "Demo", "--off").stderr


def test_no_help_has_a_brace_left_over() -> None:
    import typer

    for path in dict(_commands(typer.main.get_command(app))):
        usage = CliRunner().invoke(app, [*path, "--help"]).output.splitlines()[0]
        assert not set("{}") & set(usage), usage
