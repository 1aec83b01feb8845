"""Connectors in packages of their own: one is begun, its tests pass, it is installed, seen and used; a broken one is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import Invalid, Misconfigured
from engine.services import plugins

ROOT = Path(__file__).parents[2]
CLI = [sys.executable, "-c", "from tui.cli import main; main()"]


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in the folder, on a database of its own."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("BLUEBOOK_", "PYTEST_"))}
    environ = plain | {"BLUEBOOK_HOME": str(folder / "home"), "COLUMNS": "100", "PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=200)


def begin(kind: str, name: str, title: str, folder: Path) -> Path:
    """A package was begun, its tests pass, and it is installed; where that can be imported from."""
    written = run([*CLI, "plugins", "new", kind, name, "--title", title], folder)
    assert written.returncode == 0, written.stderr
    package = folder / f"bluebook-{name.replace('_', '-')}"
    tested = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], package)
    assert tested.returncode == 0, tested.stdout
    looked = run([sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,B,UP,SIM", "--line-length", "130", "."],
                 package)  # fmt: skip
    assert looked.returncode == 0, looked.stdout
    site = folder / "site"
    installed = run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site), "."],
        package,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    return site


def found(slug: str, path: str, folder: Path) -> dict[str, str]:
    """The connector as ``bluebook plugins ls`` lists it, in a Bluebook that has been set up."""
    made = run([*CLI, "init"], folder, PYTHONPATH=path)
    assert made.returncode == 0, made.stderr
    listed = json.loads(run([*CLI, "plugins", "ls", "--json"], folder, PYTHONPATH=path).stdout)
    mine: dict[str, str] = next(one for one in listed["plugins"] if one["slug"] == slug)
    return mine


def test_a_new_supplier_passes_its_tests_and_is_added_once_it_is_installed(tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(begin("supplier", "acme_supply", "Acme & Sons", tmp_path))])
    mine = found("acme_supply", path, tmp_path)
    assert (mine["name"], mine["package"], mine["problem"]) == ("Acme & Sons", "bluebook-acme-supply 0.1.0", "")
    added = run(
        [*CLI, "suppliers", "add", "Acme", "--code", "ACME", "--connector", "acme_supply",
         "--set", "base_url=http://127.0.0.1:9", "--secret-from-env", "api_key=KEY"],
        tmp_path, PYTHONPATH=path, KEY="secret",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    asked = run([*CLI, "suppliers", "test", "ACME"], tmp_path, PYTHONPATH=path)
    assert asked.returncode != 0
    assert "Acme & Sons cannot be reached" in asked.stdout + asked.stderr


def test_a_new_channel_keeps_the_contract_and_sells_once_it_is_installed(tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(begin("channel", "corner_shop", "Corner & Shop", tmp_path))])
    mine = found("corner_shop", path, tmp_path)
    assert (mine["name"], mine["package"], mine["problem"]) == ("Corner & Shop", "bluebook-corner-shop 0.1.0", "")
    # The shop to practise on, in a process of its own, with an order in it.
    serve = (
        "import asyncio, sim\n"
        "from engine.demo.channels.base import Sale, SaleLine\n"
        "async def main():\n"
        "    shop = sim.Sim()\n"
        "    print(await shop.start(), flush=True)\n"
        "    shop.place(Sale(lines=(SaleLine('LAMP', 2),)))\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    tests = tmp_path / "bluebook-corner-shop" / "tests"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([path, str(tests)])}
    with subprocess.Popen([sys.executable, "-c", serve], stdout=subprocess.PIPE, text=True, env=environ) as shop:
        try:
            assert shop.stdout is not None
            url = shop.stdout.readline().strip()
            added = run(
                [*CLI, "channels", "add", "Corner", "--connector", "corner_shop", "--set", f"base_url={url}",
                 "--secret-from-env", "api_key=KEY"],
                tmp_path, PYTHONPATH=path, KEY="key-of-the-shop-5f2c",
            )  # fmt: skip
            assert added.returncode == 0, added.stderr
            tried = run([*CLI, "channels", "test", "Corner"], tmp_path, PYTHONPATH=path)
            assert f"A shop to practise on at {url}" in tried.stdout, tried.stderr
            synced = run([*CLI, "channels", "sync", "Corner"], tmp_path, PYTHONPATH=path)
            assert synced.returncode == 0, synced.stderr
            listed = run([*CLI, "orders", "ls", "--json"], tmp_path, PYTHONPATH=path)
            assert [one["number"] for one in json.loads(listed.stdout)["orders"]] == ["A-1001"], listed.stdout
        finally:
            shop.kill()


def test_a_broken_package_is_named_and_the_others_are_there(tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "broken_supply-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-supply\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[bluebook.suppliers]\nbroken = broken_supply:Connector\n")
    (site / "broken_supply.py").write_text("import not_there_at_all\n")
    path = os.pathsep.join([str(ROOT), str(site)])
    done = run([*CLI, "plugins", "ls", "--json"], tmp_path, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    by_slug = {one["slug"]: one for one in json.loads(done.stdout)["plugins"]}
    assert "not_there_at_all" in by_slug["broken"]["problem"]
    assert by_slug["broken"]["package"] == "broken-supply 2.0"
    assert by_slug["rest"]["problem"] == ""
    run([*CLI, "init"], tmp_path)
    added = run([*CLI, "suppliers", "add", "B", "--code", "B", "--connector", "broken"], tmp_path, PYTHONPATH=path)
    assert added.returncode == Misconfigured.exit_code
    assert "broken-supply" in added.stderr
    assert "Traceback" not in added.stderr


@pytest.mark.parametrize("name", ["", "Acme", "1acme", "a", "../x", "a-b", "rest", "a" * 40])
def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        plugins.new_supplier(name, "", tmp_path)
    with pytest.raises(Invalid):
        plugins.new_channel("file" if name == "rest" else name, "", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("title", ['Say "hi"', "two\nlines", "{x}", "back\\slash"])
def test_a_title_that_would_break_the_source_is_refused(tmp_path: Path, title: str) -> None:
    with pytest.raises(Invalid):
        plugins.new_supplier("acme", title, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "bluebook-acme").mkdir()
    with pytest.raises(Invalid, match="already"):
        plugins.new_supplier("acme", "", tmp_path)
    assert not list((tmp_path / "bluebook-acme").iterdir())
