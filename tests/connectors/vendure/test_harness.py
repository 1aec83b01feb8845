"""Installing the real store fails with a sentence a person can act on."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.outcomes import Skipped

from tests.support.node import StoreUnavailableError, install, installed_or_skip
from tests.support.vendure_store import SOURCE


def test_a_machine_without_node_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreUnavailableError, match=r"node is not on the PATH: install Node\.js"):
        install(tmp_path / "cache", SOURCE)


def test_without_npm_the_store_tests_are_skipped_except_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(Skipped):
        installed_or_skip(tmp_path / "cache", SOURCE)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(StoreUnavailableError):
        installed_or_skip(tmp_path / "cache", SOURCE)
