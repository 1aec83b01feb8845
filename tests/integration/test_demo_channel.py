"""The demo channels as people meet them: one command runs one, the line it prints connects it, and orders go there and back."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.connectors import registry
from engine.demo import stall
from engine.demo.channels.base import ChannelFault
from engine.errors import Invalid
from engine.ports import ChannelState, Parcel
from tests.support.office import Run

BLUEBOOK = str(Path(sys.executable).with_name("bluebook"))


@contextmanager
def running(*args: str) -> Iterator[subprocess.Popen[str]]:
    """``bluebook demo channel`` with these arguments, until it is interrupted."""
    command = [BLUEBOOK, "demo", "channel", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as child:
        try:
            yield child
        finally:
            child.send_signal(signal.SIGINT)
            assert child.wait(150) == 0


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


@pytest.mark.parametrize("kind", stall.kinds())
async def test_every_demo_channel_takes_its_own_settings_and_sells(kind: str) -> None:
    sim = stall.sim_of(kind)()
    await sim.start()
    customers = stall.Stall(sim, seed=4)
    connector: Any = None
    try:
        placed = customers.place(3)
        assert len(set(placed)) == 3
        type_ = registry.channel_type(kind)
        connector = type_(registry.configure(type_, {**sim.settings(), **sim.secrets()}))
        assert await connector.check()
        page = await connector.pull_ids(placed)
        orders = [connector.read(raw) for raw in page.items]
        assert {order.external_id for order in orders} == set(placed)
        assert {order.state for order in orders} <= {ChannelState.OPEN, ChannelState.PENDING}
        assert customers.news() == []
        order = next(order for order in orders if order.external_id == placed[1])
        parcel = Parcel(
            key="bb-1", order_external_id=placed[1], carrier="ups", carrier_name="UPS", tracking_url="", service="",
            tracking_number="1Z999AA10123456784", shipped_at=sim.moment(), last=True,
            lines=tuple((line.external_id, line.quantity) for line in order.lines),
        )  # fmt: skip
        await connector.push_tracking(parcel)
        told = customers.news()
        assert {one.order for one in told} == {placed[1]}
        assert told[0].text.startswith(f"order {placed[1]} has a parcel: ")
        assert "1Z999AA10123456784" in told[0].text
        assert told[-1].text == f"order {placed[1]} is shipped"
        sim.cancel(placed[0])
        assert [(one.order, one.state) for one in customers.news()] == [(placed[0], "canceled")]
        assert customers.news() == []
    finally:
        if connector is not None:
            await connector.close()
        await sim.stop()


def test_the_line_it_prints_connects_it_and_it_tells_what_it_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with running("walmart", "--orders", "2", "--every", "0.2") as child:
        assert line(child).endswith("with 2 orders. Connect it from another terminal:\n")
        words = shlex.split(line(child))
        at = words.index("bluebook")
        for pair in words[:at]:
            monkeypatch.setenv(*pair.split("=", 1))
        run(*words[at + 1 :])
        run("channels", "test", "Demo walmart")
        pulled = json.loads(run("sync", "Demo walmart", "--json").stdout)
        assert pulled["channels"][0]["new"] >= 2
        assert " was placed" in line(child)


def test_everything_is_said_in_json_for_programs() -> None:
    with running("walmart", "--orders", "1", "--every", "0.2", "--json") as child:
        first = json.loads(line(child))
        assert (first["connector"], len(first["orders"])) == ("walmart", 1)
        assert first["settings"]["url"] == first["url"]
        assert json.loads(line(child))["state"] == "placed"


def test_what_there_is_not_is_named() -> None:
    with pytest.raises(Invalid, match="there is no demo channel of kind 'woo'; there are: amazon"):
        stall.sim_of("woo")
    with pytest.raises(Invalid, match="there is no fault 'nope'; there are: deny"):
        stall.chances(["nope"])
    for wrong in (["deny=2"], ["deny=x"], ["deny=0.6", "late=0.6"]):
        with pytest.raises(Invalid):
            stall.chances(wrong)
    assert stall.chances(["deny", "slow=0.5"]) == {ChannelFault.DENY: 0.2, ChannelFault.SLOW: 0.5}
