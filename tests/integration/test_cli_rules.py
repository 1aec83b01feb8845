"""``bluebook rules`` as people use it."""

from __future__ import annotations

import pytest

from tests.integration.test_cli import Run, said

KETTLES = "'BB-KETTLE-01' in order.skus && line.quantity > 0"


def test_a_rule_is_tested_added_listed_and_removed(run: Run) -> None:
    tried = said(run("rules", "test", "--condition", "line.sku.startsWith('BB-MUG')", "--supplier", "NOVA", "--json"))
    assert tried["waiting"] >= tried["changed"] >= 1
    assert all(match["then"].startswith("nobody") for match in tried["matches"])
    assert "NOTE" in run("rules", "test", "--condition", "true", "--supplier", "NOVA").stdout
    run("rules", "add", "Kettles", "--condition", KETTLES, "--supplier", "NOVA", "--position", "5")
    (listed,) = said(run("rules", "ls", "--json"))["rules"]
    assert listed == {"name": "Kettles", "position": 5, "condition": KETTLES, "supplier": "NOVA", "enabled": True}
    assert "waiting order" in run("rules", "test", "Kettles").stdout
    run("rules", "set", "Kettles", "--position", "7", "--condition", "line.quantity > 3")
    (listed,) = said(run("rules", "ls", "--json"))["rules"]
    assert (listed["position"], listed["condition"], listed["supplier"]) == (7, "line.quantity > 3", "NOVA")
    run("rules", "rm", "Kettles", "--yes")
    assert "no rules yet" in run("rules", "ls").stderr


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["add", "x", "--condition", "order.country = 'US'", "--supplier", "NOVA"], 2, "at character 15: write =="),
        (["add", "x", "--condition", "order.totl > 1", "--supplier", "NOVA"], 2, "did you mean order.total"),
        (["add", "x", "--condition", "true", "--supplier", "ZZZ"], 2, "there is no supplier 'ZZZ'"),
        (["rm", "nobody", "--yes"], 2, "there is no rule 'nobody'"),
        (["set", "nobody", "--position", "1"], 2, "there is no rule 'nobody'"),
        (["test"], 2, "say which rule"),
        (["test", "--condition", "true"], 2, "--condition and --supplier"),
    ],
)
def test_what_is_wrong_is_said(run: Run, args: list[str], code: int, told: str) -> None:
    assert told in run("rules", *args, code=code).stderr


def test_a_channels_condition_is_explained_the_same_way(run: Run) -> None:
    said = run("channels", "auto", "Demo", "--condition", "order.country == 'US' and line.quantity > 1", code=2).stderr
    assert "at character 23: write && for “and”" in said
    said = run("channels", "auto", "Demo", "--condition", "line.quantity > 1", code=2).stderr
    assert "it is about the order" in said
