"""The command line as a process of its own: exit codes, and a sentence instead of a traceback whatever is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine import settings
from engine.demo import catalogue
from engine.demo.store import DemoStore
from engine.demo.supplier_desk import Behaviour
from engine.demo.supplier_http import DemoHttpSupplier
from tui.cli.app import app

BLUEBOOK = [sys.executable, "-c", "from tui.cli import main; main()"]


def shell(*args: str, home: Path | str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BLUEBOOK_")}
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [*BLUEBOOK, *args], cwd=cwd, capture_output=True, text=True, timeout=150, stdin=subprocess.DEVNULL,
        env={**plain, "PYTHONPATH": root, "BLUEBOOK_HOME": str(home), **environ},
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def home(sqlite_template: Path, tmp_path: Path) -> Path:
    """A home with an empty, migrated database, as after `bluebook init`."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "bluebook.sqlite3")
    return folder


def test_an_unknown_order_is_a_usage_error_in_a_sentence(home: Path, tmp_path: Path) -> None:
    done = shell("orders", "show", "4711", home=home, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: there is no order 4711")
    as_json = shell("orders", "show", "4711", "--json", home=home, cwd=tmp_path)
    assert json.loads(as_json.stderr)["error"] == "NotFound"
    assert json.loads(as_json.stderr)["exit_code"] == as_json.returncode == 2


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("orders", "ls", "total>much"), 2, "total>100"),
        (("orders", "ls", "--limit", "0"), 2, "--limit"),
        (("orders", "ls", "--after", "nonsense"), 2, "first page"),
        (("orders", "nonsense"), 2, "nonsense"),
        (("channels", "show", "nobody"), 2, "channels add"),
        (("channels", "add", "x", "--connector", "nothing"), 4, "woocommerce"),
    ],
)
def test_what_cannot_be_understood_says_how_to_write_it(
    args: tuple[str, ...], code: int, said: str, home: Path, tmp_path: Path
) -> None:
    done = shell(*args, home=home, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr


def test_before_init_it_says_so_and_makes_nothing(tmp_path: Path) -> None:
    done = shell("orders", "ls", home=tmp_path / "new", cwd=tmp_path)
    assert done.returncode == 4
    assert "bluebook init" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    url = "postgres://shop:hush@127.0.0.1:1/shop"
    for args in (("orders", "ls"), ("doctor",), ("sync",)):
        done = shell(*args, home=tmp_path / "home", cwd=tmp_path, BLUEBOOK_DATABASE_URL=url)
        assert done.returncode == 5, done.stderr
        assert "does not answer" in done.stdout + done.stderr
        assert "hush" not in done.stdout + done.stderr


def test_a_database_of_a_newer_version_is_left_alone(home: Path, tmp_path: Path) -> None:
    with sqlite3.connect(home / "bluebook.sqlite3") as conn:
        conn.execute(
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', '2030-01-01')"
        )
    conn.close()
    for args in (("orders", "ls"), ("db", "check"), ("db", "upgrade"), ("doctor",)):
        done = shell(*args, home=home, cwd=tmp_path)
        assert done.returncode == 4, args
        assert "newer Bluebook" in done.stdout + done.stderr


def test_an_older_database_is_upgraded_when_asked(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    sqlite3.connect(tmp_path / "home" / "bluebook.sqlite3").close()
    done = shell("orders", "ls", home=tmp_path / "home", cwd=tmp_path)
    assert (done.returncode, "bluebook db upgrade" in done.stderr) == (4, True)
    assert "applied 0001" in shell("db", "upgrade", home=tmp_path / "home", cwd=tmp_path).stdout
    assert shell("db", "check", home=tmp_path / "home", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("undo_seconds = [", "cannot be read"), ("colour = 1", "colour"), ("undo_seconds = 'x'", "undo_seconds")],
)
def test_a_broken_settings_file_names_what_is_wrong(text: str, said: str, home: Path, tmp_path: Path) -> None:
    (tmp_path / "bluebook.toml").write_text(text)
    done = shell("orders", "ls", home=home, cwd=tmp_path)
    assert done.returncode == 4
    assert said in done.stderr


def test_a_home_that_cannot_be_made_says_which_setting_moves_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = shell("init", home=tmp_path / "file" / "home", cwd=tmp_path)
    assert done.returncode == 4
    assert "BLUEBOOK_HOME" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_is_named(home: Path, tmp_path: Path) -> None:
    (home / "bluebook.sqlite3").chmod(0o400)
    home.chmod(0o500)
    try:
        done = shell("products", "add", "X", home=home, cwd=tmp_path)
    finally:
        home.chmod(0o700)
    assert done.returncode == 4
    assert "rights" in done.stderr or "BLUEBOOK_HOME" in done.stderr


def test_an_unexpected_error_is_a_line_and_the_log_has_the_rest(home: Path, tmp_path: Path) -> None:
    with sqlite3.connect(home / "bluebook.sqlite3") as conn:
        conn.execute("ALTER TABLE suppliers RENAME COLUMN code TO cipher")
    conn.close()
    done = shell("suppliers", "ls", home=home, cwd=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    log = home / "logs" / "bluebook.log"
    assert str(log) in done.stderr
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_config_show_masks_secrets(home: Path, tmp_path: Path) -> None:
    secrets = {
        "BLUEBOOK_DATABASE_URL": "postgres://a:hush@h/d",
        "BLUEBOOK_SMTP_PASSWORD": "hush",
        "BLUEBOOK_SECRET_KEY": "hush",
    }
    for more in ((), ("--json",)):
        done = shell("config", "show", *more, home=home, cwd=tmp_path, **secrets)
        assert done.returncode == 0
        assert "hush" not in done.stdout + done.stderr
        assert "postgres://a:***@h/d" in done.stdout


def test_a_reader_that_has_enough_is_no_error(home: Path, tmp_path: Path) -> None:
    line = " ".join(f"'{part}'" for part in [*BLUEBOOK, "config", "show"])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} | true"], capture_output=True, text=True, cwd=tmp_path, timeout=150,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "BLUEBOOK_HOME": str(home)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) in [
        (0, ""),
        (0, "set them by BLUEBOOK_<NAME> in the environment, or in bluebook.toml\n"),
    ]


def test_help_loads_little_more_than_what_reads_command_lines(home: Path, tmp_path: Path) -> None:
    script = (
        "import sys, typer; floor = len(sys.modules)\n"
        "from tui.cli import main; sys.argv = ['bluebook', '--help']\n"
        "try: main()\n"
        "finally: print(floor, len(sys.modules), file=sys.stderr)"
    )
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "BLUEBOOK_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=150, env=environ
    )
    floor, loaded = map(int, done.stderr.split())
    assert floor < loaded < 2 * floor
    assert "Usage" in done.stdout


# --- a shop from nothing ----------------------------------------------------------------------------------------------


async def _nobody_lets_us_in(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not take our credentials any more is paused by the command that finds out, which says so."""
    monkeypatch.setenv("WOO_SECRET", "cs_revoked")
    await run("channels", "set", "Shop", "--secret-from-env", "consumer_secret=WOO_SECRET")
    said = await asyncio.to_thread(CliRunner().invoke, app, ["sync"])
    assert said.exit_code == 4
    monkeypatch.setenv("ACME_KEY", "revoked")
    await run("suppliers", "set", "ACME", "--secret-from-env", "api_key=ACME_KEY")
    denied = await asyncio.to_thread(CliRunner().invoke, app, ["suppliers", "sync", "ACME"])
    assert denied.exit_code == 4
    assert (await run("suppliers", "show", "ACME"))["supplier"]["paused_reason"]
    assert "Shop is paused from now on. Once that is put right: `bluebook channels resume 'Shop'`" in said.output
    assert (await run("channels", "show", "Shop"))["paused_reason"]


async def test_a_shop_is_set_up_and_its_orders_sent_with_commands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.force(settings.Settings(home=str(tmp_path / "home"), actor="dana"))
    monkeypatch.chdir(tmp_path)
    store, supplier = DemoStore(seed=1), DemoHttpSupplier(Behaviour(ship_after=None))

    async def run(*args: str, code: int = 0) -> Any:
        # The command has a loop of its own, so it runs beside the store's.
        result = await asyncio.to_thread(CliRunner().invoke, app, [*args, "--json"])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    url, http_url = await store.start(), await supplier.start()
    monkeypatch.setenv("WOO_SECRET", store.secret)
    monkeypatch.setenv("ACME_KEY", supplier.api_key)
    try:
        assert "made the database" in (await run("init"))["done"][1]
        assert "kept the database" in (await run("init"))["done"][1]
        await run(
            "channels", "add", "Shop", "--connector", "woocommerce", "--set", f"url={url}",
            "--set", f"consumer_key={store.key}", "--secret-from-env", "consumer_secret=WOO_SECRET",
        )  # fmt: skip
        await run(
            "suppliers", "add", "Acme", "--code", "ACME", "--connector", "rest", "--set", f"base_url={http_url}",
            "--secret-from-env", "api_key=ACME_KEY", "--option", "ack_hours=12",
        )  # fmt: skip
        assert (await run("channels", "test", "Shop"))["answer"]
        await run("suppliers", "test", "ACME")
        await run("suppliers", "methods", "ACME", "--add", "UPS-GND=UPS Ground", "--carrier", "ups")
        rows = [f"{o.sku},ACME,{o.supplier_sku},{o.cost / 100}" for o in catalogue.OFFERS]
        Path("products.csv").write_text("\n".join(["sku,supplier,supplier_sku,cost", *rows]))
        await run("products", "import", "products.csv")
        store.place(4)
        assert (await run("sync"))["channels"][0]["new"] == 4
        first = await run("mappings", "ls")
        for unknown in first["unmapped_skus"]:
            await run("mappings", "sku", "Shop", unknown["sku"], "BB-MUG-01")  # which costs less than any of them
        rates = (await run("mappings", "ls"))["unmapped_rates"]
        assert sum(rate["orders"] for rate in rates) == 4
        for rate in rates:
            await run("mappings", "ship", "Shop", rate["rate"], "ACME", "UPS-GND")
        ready = (await run("orders", "ls", "st:ready"))["orders"]
        assert len(ready) == 4
        await run("orders", "process", *[order["number"] for order in ready])
        assert (await run("sync", "Shop"))["channels"][0]["new"] == 0
        assert (await run("suppliers", "sync", "ACME"))["parked"] == 0
        await _nobody_lets_us_in(run, monkeypatch)
    finally:
        await supplier.stop()
        await store.stop()
