"""Testing the connection finds a look-up that asks at a wrong address, whose every 404 would read as a definite no."""

from __future__ import annotations

import pytest

from engine.connectors.registry import configure
from engine.connectors.suppliers.rest.connector import Connector
from engine.demo.supplier_desk import Behaviour
from engine.demo.supplier_http import DemoHttpSupplier
from engine.errors import Misconfigured
from tests.connectors.rest.conftest import KEY, purchase

MISTYPED = "/order/{po_number}"


async def test_a_mistyped_look_up_is_found_by_what_the_supplier_itself_speaks_of(connected) -> None:
    async with DemoHttpSupplier(Behaviour(ship_after=None)) as demo:
        async with connected(demo.url, demo.api_key) as acme:
            assert "knows no purchase order yet" in await acme.check()
            await acme.submit("1001-1", acme.render(purchase()))
            assert "its look-up knows 1001-1" in await acme.check()
        async with connected(demo.url, demo.api_key, find_path=MISTYPED) as wrong:
            assert await wrong.find("1001-1") is None  # which would send it again
            with pytest.raises(
                Misconfigured, match="does not have 1001-1, of which its own updates speak: correct find_path"
            ):
                await wrong.check()


async def test_before_any_order_a_mistyped_look_up_is_said_to_be_doubtful(connected) -> None:
    async with DemoHttpSupplier(Behaviour(ship_after=None)) as demo:
        async with connected(demo.url, demo.api_key, find_path=MISTYPED) as wrong:
            assert f"whether find_path {MISTYPED} is right cannot be seen yet" in await wrong.check()
        async with connected(demo.url, demo.api_key, can_find=False) as blind:
            assert "cannot be asked for a purchase order" in await blind.check()


async def test_a_look_up_that_finds_everything_is_wrong(scripted, connected) -> None:
    scripted.answers = [(200, {"updates": [], "next": "0"}), (200, {"reference": "x"})]
    async with connected(scripted.url) as acme:
        with pytest.raises(Misconfigured, match="finds even the purchase order"):
            await acme.check()


@pytest.mark.parametrize("setting", ["find_path", "cancel_path"])
def test_an_address_without_the_number_is_refused(setting: str) -> None:
    with pytest.raises(Misconfigured, match=f"{setting}: /orders does not say where the number goes"):
        configure(Connector, {"base_url": "http://127.0.0.1:9", "api_key": KEY, setting: "/orders"})
