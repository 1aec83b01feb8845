"""The filter line and the parameters of a list of orders narrow each other; what cannot be looked for is said."""

from __future__ import annotations

import pytest

from engine.services import hold
from tests.api.client import Api
from tests.support.scene import DANA, HELD_SECONDS, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 2)


async def test_the_line_and_the_parameters_all_hold(api: Api, scene: Scene) -> None:
    ready = await scene.order(MUG, who="Bothways")
    unmapped = await scene.order(("NEVER-SEEN", 1), who="Bothways")
    [elsewhere] = await scene.take(
        scene.place(MUG, who="Bothways", store=scene.outlet), channel_id=scene.outlet_id
    )  # fmt: skip
    shop = scene.shop.channel_id
    rows = {row["id"]: row for row in (await api.get("/orders", text="bothways"))["data"]}
    assert set(rows) == {ready, unmapped, elsewhere}
    assert rows[unmapped]["total"] < rows[ready]["total"] == rows[elsewhere]["total"]
    done = {order_id for order_id, row in rows.items() if row["status"] == "ready"}
    assert ready in done
    least = rows[unmapped]["total"] / 100 + 1
    for query, fit in (
        ({"filter": f"total>{least}", "total_min": 1}, {ready, elsewhere}),
        ({"filter": "total>1", "total_min": least}, {ready, elsewhere}),
        ({"filter": f"total<{least}", "total_max": 10_000}, {unmapped}),
        ({"filter": f"total>{least}", "total_max": least}, set()),
        ({"filter": "state:ready", "statuses": "unresolved"}, set()),
        ({"filter": "state:ready", "statuses": "unresolved,ready"}, done),
        ({"filter": "!state:ready", "statuses": ["ready", "unresolved"]}, set(rows) - done),
        ({"filter": "ch:outlet", "channel_ids": shop}, set()),
        ({"filter": "ch:outlet", "channel_ids": [shop, scene.outlet_id]}, {elsewhere}),
        ({"filter": "!ch:outlet", "not_channel_ids": shop}, set()),
        ({"filter": "age<9d", "younger_than": 0}, set()),
        ({"filter": "cur:usd", "currency": "USD"}, {ready, unmapped, elsewhere}),
        ({"filter": "cc:us", "currency": "usd", "country": "us"}, {ready, unmapped, elsewhere}),
        ({"currency": "eur"}, set()),
        ({"currency": "usd", "total_min": least}, {ready, elsewhere}),
    ):
        found = await api.pages("/orders", text="bothways", **query)
        assert {row["id"] for row in found} == fit, query


async def test_held_is_what_can_still_be_taken_back_and_what_a_person_stopped(api: Api, scene: Scene) -> None:
    leaving, stopped, neither, due = [await scene.order(MUG, who="Holdings") for _ in range(4)]
    await scene.process(leaving, undo_seconds=HELD_SECONDS)
    await scene.process(due, undo_seconds=0)
    await hold.hold(stopped, "ask first", DANA)
    for query, fit in (
        ({"filter": "is:held"}, {leaving, stopped}),
        ({"held": "true"}, {leaving, stopped}),
        ({"filter": "is:undoable"}, {leaving}),
        ({"undoable": "true"}, {leaving}),
        ({"filter": "is:onhold"}, {stopped}),
        ({"on_hold": "true"}, {stopped}),
        ({"filter": "!is:held"}, {neither, due}),
        ({"filter": "!is:undoable"}, {stopped, neither, due}),
        ({"filter": "!is:onhold"}, {leaving, neither, due}),
        ({"filter": "is:held !is:onhold"}, {leaving}),
    ):
        found = await api.pages("/orders", text="holdings", **query)
        assert {row["id"] for row in found} == fit, query


async def test_what_no_list_can_have_both_of_is_refused(api: Api, scene: Scene) -> None:
    for query, field in (
        ({"filter": "lamp", "text": "mug"}, "text"),
        ({"filter": "cc:us", "country": "DE"}, "country"),
        ({"filter": "total>1eur", "currency": "usd"}, "currency"),
        ({"filter": "sku:A-1", "skus": "B-1"}, "skus"),
        ({"filter": "sup:acme", "supplier_ids": scene.shop.suppliers["NOVA"]}, "supplier_ids"),
        ({"filter": "is:held", "held": "false"}, "held"),
        ({"filter": "err:sku", "issue_codes": "fraud_risk"}, "issue_codes"),
    ):
        said = await api.refused(422, "invalid", "GET", "/orders", **query)
        assert said["field"] == field, said


async def test_what_has_no_word_in_it_is_refused_and_not_left_out(api: Api, scene: Scene) -> None:
    await scene.order(MUG)
    for query, field in (
        ({"text": "---"}, "text"),
        ({"text": "!!!"}, "text"),
        ({"text": "_ _"}, "text"),
        ({"filter": "---"}, "filter"),
        ({"currency": "us"}, "currency"),
        ({"currency": "xxq", "total_min": 1}, "currency"),
    ):
        said = await api.refused(422, "invalid", "GET", "/orders", **query)
        assert said["field"] == field, said
    assert (await api.get("/orders", text="a ---"))["data"] == []
    assert (await api.get("/orders", text=" "))["data"] != []
