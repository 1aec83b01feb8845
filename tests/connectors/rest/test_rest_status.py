"""Suppliers that are asked order by order: each answer is stored as it came, and is known by what it says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.connectors.suppliers.rest.connector import Connector
from engine.errors import Misconfigured, NotAuthorised, TryLater, Unreadable
from engine.ports import AsksAbout, Raw, SupplierUpdate, UpdateKind
from tests.connectors.rest.conftest import KEY, connector

URL = "http://127.0.0.1:9"
ASKED = {
    "status_path": "/orders/{po_number}/status",
    "status_map": {"NEW": None, "CONFIRMED": "acknowledged", "SENT": "shipped"},
    "update": {
        "lines": "items[].{supplier_sku: sku, quantity: pcs}",
        "tracking_number": "parcel",
        "po_number": "order",
    },
}
SENT = {"status": "SENT", "items": [{"sku": "A-1", "pcs": 3}], "parcel": "1Z1"}


def said(acme: Connector, body: Any, po_number: str = "1001-1", at: int = 1_750_000_000) -> tuple[SupplierUpdate, ...]:
    return acme.read(Raw(po_number, msgspec.json.encode(body), f"application/json; asked={at}"))


async def test_each_is_asked_and_kept_as_it_answered(scripted, connected) -> None:
    scripted.answers = [(200, {"status": "CONFIRMED"}), (404, {"message": "never heard of it"}), (503, b"")]
    async with connected(scripted.url, **ASKED) as acme:
        assert isinstance(acme, AsksAbout)
        assert (acme.ask_every, acme.ask_most) == (900, 50)
        page = await acme.ask(["10/01-1"])
        assert scripted.asked[0].path == "/orders/10%2F01-1/status"
        assert scripted.asked[0].headers["authorization"] == f"Bearer {KEY}"
        rest = await acme.ask(["1002-1"])
        with pytest.raises(TryLater, match="503"):
            await acme.ask(["1003-1"])
        assert (await acme.poll("c7")).next == "c7"  # there is no feed to read
        assert len(scripted.asked) == 3
    (raw,) = page.items
    assert (raw.external_id, raw.body) == ("10/01-1", b'{"status":"CONFIRMED"}')
    (update,) = acme.read(raw)
    assert (update.kind, update.po_number) == (UpdateKind.ACKNOWLEDGED, "10/01-1")
    assert rest.items == ()
    assert rest.rejected[0].reason == "asked about 1002-1: Acme: never heard of it"


async def test_one_without_an_answer_keeps_no_other_from_being_heard(scripted, connected) -> None:
    scripted.answers = [(200, {"status": "CONFIRMED"}), (500, b""), (200, b"<html>"), (200, {"status": "NEW"})]
    async with connected(scripted.url, **ASKED) as acme:
        page = await acme.ask(["1-1", "2-1", "3-1", "4-1"])
    assert len(page.items) == 2
    assert len(page.rejected) == 1
    assert "is not JSON" in page.rejected[0].reason


async def test_a_key_that_is_not_accepted_is_told(scripted, connected) -> None:
    scripted.answers = [(200, {"status": "NEW"}), (401, b"")]
    async with connected(scripted.url, **ASKED) as acme:
        with pytest.raises(NotAuthorised):
            await acme.ask(["1-1", "2-1"])


def test_the_same_thing_said_again_has_the_same_key() -> None:
    acme = connector(URL, **ASKED)
    (first,), (again,) = (
        said(acme, SENT),
        said(acme, SENT | {"message": "on its way", "carrier": "UPS"}, at=1_760_000_000),
    )
    assert first.key == again.key
    assert first.occurred_at == datetime.fromtimestamp(1_750_000_000, UTC)
    others = [
        said(acme, SENT | {"parcel": "1Z2"}), said(acme, SENT | {"items": [{"sku": "A-1", "pcs": 2}]}),
        said(acme, SENT, "1002-1"), said(acme, {"status": "CONFIRMED"}),
        said(acme, {"status": "CONFIRMED", "occurred_at": "2026-01-02T10:00:00Z"}),
    ]  # fmt: skip
    assert len({first.key, *(update.key for (update,) in others)}) == 6


def test_an_answer_holds_one_many_or_none() -> None:
    acme = connector(URL, **ASKED, status_items="parcels")
    parcels = [SENT, SENT | {"parcel": "1Z2"}]
    assert [update.tracking_number for update in said(acme, {"parcels": parcels})] == ["1Z1", "1Z2"]
    assert said(acme, {"parcels": None}) == ()
    assert said(connector(URL, **ASKED), {"status": "NEW"}) == ()


def test_what_cannot_be_used_is_said() -> None:
    acme = connector(URL, **ASKED)
    for body, told in (
        ({"status": "GONE"}, "'GONE' is not in the status table"),
        ({"status": "CONFIRMED", "order": "9-9"}, "asked about 1001-1, it answered about 9-9"),
        ({"status": "SENT"}, "shipped without lines"),
    ):
        with pytest.raises(Unreadable, match=told):
            said(acme, body)
    with pytest.raises(Unreadable, match="not JSON"):
        acme.read(Raw("1001-1", b"<html>", "application/json; asked=1"))
    with pytest.raises(Misconfigured, match="status_path: /status does not say where the number goes"):
        connector(URL, status_path="/status")


async def test_the_check_asks_no_feed(scripted, connected) -> None:
    scripted.answers = [(404, {}), (404, {"message": "no such order"}), (404, {})]
    async with connected(scripted.url, **ASKED) as acme:
        assert "accepts the key" in await acme.check()
    assert not [asked for asked in scripted.asked if asked.path.startswith("/updates")]
    scripted.answers = [(401, {})]
    async with connected(scripted.url, **ASKED) as acme:
        with pytest.raises(NotAuthorised):
            await acme.check()
