"""docs/as2.md does what it says: its commands, in their order, in a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec

from engine.connectors.suppliers.x12.config import Config
from tests.support.pki import Pair

PAGE = Path(__file__).parents[3] / "docs" / "as2.md"


def test_the_commands_connect_a_partner_and_change_its_certificates(tmp_path: Path, pairs: dict[str, Pair]) -> None:
    blocks = re.findall(r"```shell\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    (tmp_path / "partner.crt").write_text(pairs["theirs"].certificate)
    (tmp_path / "partner-next.crt").write_text(pairs["theirs2"].certificate)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BLUEBOOK_")}
    environment = plain | {
        "BLUEBOOK_HOME": str(tmp_path / "home"), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    told = _run("set -e\n" + "\n".join(blocks), tmp_path, environment)
    assert "/as2/1" in told  # the address the partner is given
    assert "PRIVATE KEY" not in told
    settings = msgspec.json.decode(_run("bluebook suppliers show PARTNER --json", tmp_path, environment))["supplier"][
        "settings"
    ]
    assert settings["as2_next_from"] == "2030-01-01T06:00Z"
    assert "BEGIN CERTIFICATE" in settings["as2_partner_next_certificate"]


def _run(script: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_setting_the_page_names_is_one() -> None:
    named = set(re.findall(r"\bas2_\w+", PAGE.read_text("utf-8")))
    own = {name for name in Config.__struct_fields__ if name.startswith("as2_")}
    assert named - own == set()
    assert own - named <= {"as2_next_private_key", "as2_partner_next_from"}
