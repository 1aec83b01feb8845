"""Much at once, as ``make bench`` measures it, in small: webhooks at ``bluebook api`` beside a worker, polls of every channel."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import settings, vault
from tests.bench import hooks, polls


@pytest.fixture(autouse=True)
def _home(tmp_path: Path) -> None:
    settings.force(settings.Settings(home=str(tmp_path)))
    vault.make_key_file()


def test_a_burst_of_webhooks_with_duplicates_is_each_order_once(tmp_path: Path) -> None:
    # It raises where a call was not answered by 200, kept twice or lost, and where an order is not there once.
    found = hooks.run(f"sqlite://{tmp_path}/hooks.db", tmp_path, calls=500, burst=1500)
    assert found["burst_orders"] == 1200
    assert found["memory_mb"] < found["memory_before_mb"] + 40


@pytest.mark.parametrize("kind", polls.KINDS)
def test_a_poll_brings_every_order_once(kind: str, tmp_path: Path) -> None:
    found = polls.run(tmp_path, 120, [kind])[kind]
    assert found["polls"] == 1
