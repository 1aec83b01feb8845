"""docs/channels.md is so: its table says what the connectors can, and its commands work, in their order, on the demo channels."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from engine.connectors import registry
from engine.ports import TakesHooks
from engine.ports_channels import Acknowledges, Authorises, CancelsOrders

PAGE = (Path(__file__).parents[2] / "docs" / "channels.md").read_text("utf-8")
BIN = Path(sys.executable).parent
FOLLOW = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=120).read()\n"


def test_the_table_says_what_each_channel_can() -> None:
    told = {}
    for row in re.findall(r"^\| \[(\w+)\]\(\S+\) \| (.+) \|$", PAGE, re.MULTILINE):
        way, *can = [cell.strip() for cell in row[1].split(" |")]
        told[row[0]] = ["browser" in way, *(cell == "yes" for cell in can)]
    found = {}
    for slug in registry.slugs("channels"):
        kind: Any = registry.channel_type(slug)
        offers = [issubclass(kind, port) for port in (Acknowledges, CancelsOrders, TakesHooks)]
        found[slug] = [isinstance(kind, Authorises), *offers]
    assert told == found


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def demo(command: str) -> Iterator[dict[str, Any]]:
    """The demo channel of this command line runs; what it says in JSON."""
    words = [str(BIN / "bluebook"), *command.split()[1:], "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as child:
        try:
            assert child.stdout is not None
            yield json.loads(child.stdout.readline())
        finally:
            child.send_signal(signal.SIGINT)
            assert child.wait(150) == 0


def test_its_commands_work_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "follow.py").write_text(FOLLOW)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BLUEBOOK_")} | {
        "BLUEBOOK_HOME": str(tmp_path / "home"), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "BROWSER": f"{sys.executable} {tmp_path}/follow.py %s",
    }  # fmt: skip
    # What a person would find taken is chosen anew here, and a secret is the one that the demo printed.
    page = PAGE.replace("8731", str(free_port())).replace("8732", str(free_port()))
    page = page.replace("--authorise ", "--authorise --port 0 ").replace(
        'authorise "My shop"', 'authorise "My shop" --port 0'
    )
    said = []
    with ExitStack() as running:
        secret = ""
        for block in re.findall(r"```shell\n(.*?)```", page, re.DOTALL):
            if block.startswith("bluebook demo channel"):
                secret = running.enter_context(demo(block.strip()))["settings"]["client_secret"]
                continue
            done = subprocess.run(
                ["bash", "-e", "-c", block.replace("…", secret)], env=environment, cwd=tmp_path, capture_output=True,
                text=True, timeout=200,
            )  # fmt: skip
            assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"
            said.append(done.stdout)
    assert re.search(r"My Walmart +5 +0 +0 +0", said[0])
    assert "My shop is added: " in said[1]
    assert re.search(r"My shop +5 +0 +0 +0", said[1])
    assert re.search(
        r"My shop: \d+ listings.*\n(.*\n)+\d+ products would be made.*\n\d+ products made, \d+ SKUs mapped; ", said[2]
    )
    assert re.search(r"\d+ mappings set, 0 rows wrong", said[3])
    assert said[4].startswith("My shop: ")
    assert re.search(r"My shop +0 ", said[5])
    assert len(said) == 6
