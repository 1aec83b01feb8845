"""Products, offers, mappings, channels, suppliers and health over the API."""

from __future__ import annotations

import asyncio

import pytest

from engine import db
from engine.services import blue_book, setup
from tests.api.client import Api
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_product_is_put_read_and_not_overwritten_unseen(api: Api, scene: Scene) -> None:
    path = "/products/API%2FLAMP%20%C3%BC"
    made = await api.call("PUT", path, {"title": "Lamp"}, headers={"If-None-Match": "*"})
    assert (made.status, made.said["sku"], made.said["policy"]) == (201, "API/LAMP ü", "priority")
    await api.refused(412, "changed", "PUT", path, {"title": "Lamp"}, headers={"If-None-Match": "*"})
    seen = made.headers["ETag"]
    changed = await api.call("PUT", path, {"title": "Brass lamp", "policy": "cost"}, headers={"If-Match": seen})
    assert (changed.status, changed.said["title"], changed.said["policy"]) == (200, "Brass lamp", "cost")
    await api.refused(412, "changed", "PUT", path, {"title": "Old"}, headers={"If-Match": seen})
    assert (await api.call("GET", path)).headers["ETag"] == changed.headers["ETag"]
    assert (await api.call("PUT", path, {"title": "Any"}, headers={"If-Match": "*"})).status == 200
    assert (await api.call("PUT", path, {"title": "Any"})).status == 200
    [*_, event] = [e for e in await blue_book.blue_book(0) if e.action == "product:set"]
    assert (event.actor, event.before["title"], event.after["title"]) == ("manager", "Brass lamp", "Any")
    for body in ({"title": 5}, {"policy": "luck"}, {"cost": 1}, {"title": "x" * 301}):
        await api.refused(422, "invalid", "PUT", path, body)
    for name in ("%20x", "x" * 121, "a%0Ab", "a%09b", "a%7F"):
        said = await api.refused(422, "invalid", "PUT", f"/products/{name}", {})
        assert said["field"] == "sku"
    await api.refused(404, "not-found", "GET", "/products/no-such")
    await api.refused(412, "changed", "PUT", "/products/no-such", {}, headers={"If-Match": "*"})


async def test_a_barcode_is_put_kept_and_taken_away(api: Api, scene: Scene) -> None:
    path, code = "/products/ZZ-CODE", "4006381333931"
    made = await api.call("PUT", path, {"title": "Pen", "barcode": code})
    assert (made.status, made.said["barcode"]) == (201, code)
    assert (await api.call("PUT", path, {"title": "Pen", "policy": "cost"})).said["barcode"] == code
    wrong = await api.refused(422, "invalid", "PUT", path, {"title": "Pen", "barcode": "4006381333930"})
    assert wrong["field"] == "barcode"
    gone = await api.call("PUT", path, {"title": "Pen", "barcode": ""}, headers={"If-Match": "*"})
    assert (gone.said["barcode"], gone.said["policy"]) == ("", "priority")
    assert made.headers["ETag"] != gone.headers["ETag"] == (await api.call("GET", path)).headers["ETag"]


async def test_a_body_without_a_content_type_is_told_which_it_needs(api: Api, scene: Scene) -> None:
    for kind, said in (("", "has no Content-Type"), ("text/plain", "not text/plain")):
        wrong = await api.refused(415, "unsupported-type", "PUT", "/products/API-KIND", b"{}", kind=kind)
        assert said in wrong["detail"]


async def test_one_of_two_that_saw_the_same_product_changes_it(api: Api, scene: Scene) -> None:
    await setup.add_product("API-RACE", "Race", DANA)
    seen = (await api.call("GET", "/products/API-RACE")).headers["ETag"]
    found = await asyncio.gather(
        *(api.call("PUT", "/products/API-RACE", {"title": f"T{n}"}, headers={"If-Match": seen}) for n in range(6))
    )
    assert sorted(one.status for one in found) == [200] + [412] * 5


async def test_offers_are_put_with_costs_in_minor_units(api: Api, scene: Scene) -> None:
    await setup.add_product("API-OFFER", "Offer", DANA)
    path = "/products/API-OFFER/offers/acme"
    said = await api.call("PUT", path, {"sku": "A-9", "cost": 1920, "stock": 4})
    [offer] = said.said["offers"]
    assert (offer["supplier"], offer["sku"], offer["cost"], offer["currency"], offer["stock"]) == (
        "ACME",
        "A-9",
        1920,
        "USD",
        4,
    )
    assert (await api.get("/products/API-OFFER/offers"))["offers"] == [offer]
    seen = said.headers["ETag"]
    assert (await api.call("PUT", path, {"sku": "A-9", "cost": 2000}, headers={"If-Match": seen})).status == 200
    await api.refused(412, "changed", "PUT", path, {"sku": "A-9", "cost": 1}, headers={"If-Match": seen})
    await setup.add_product("API-OTHER", "Other", DANA)
    wrong = await api.refused(422, "invalid", "PUT", "/products/API-OTHER/offers/ACME", {"sku": "A-9", "cost": 5})
    assert "another product" in wrong["detail"]
    for body in (
        {"sku": "A", "cost": -1},
        {"sku": "", "cost": 1},
        {"cost": 1},
        {"sku": "A", "cost": "1"},
        {"sku": " ", "cost": 1},
    ):
        await api.refused(422, "invalid", "PUT", path, body)
    assert (await api.refused(422, "invalid", "PUT", path, {"sku": "A\nB", "cost": 1}))["field"] == "sku"
    said = await api.refused(404, "not-found", "PUT", "/products/API-OFFER/offers/nobody", {"sku": "A", "cost": 1})
    assert "ACME" in said["detail"]
    await api.refused(404, "not-found", "PUT", "/products/no-such/offers/ACME", {"sku": "A", "cost": 1})


async def test_a_missing_mapping_is_told_set_and_taken_back(api: Api, scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), rate="API Sledge")
    missing = (await api.get("/mappings/missing"))["rates"]
    [rate] = [one for one in missing if one["rate"] == "API Sledge"]
    where = {"channel": rate["channel"], "rate": rate["rate"], "supplier": rate["supplier"]}
    methods = (await api.get(f"/suppliers/{scene.shop.suppliers[rate['supplier']]}/methods"))["methods"]
    await api.refused(422, "invalid", "PUT", "/mappings/shipping", {**where, "method": "ROCKET"})
    said = await api.call("PUT", "/mappings/shipping", {**where, "method": methods[0]["code"]})
    assert (said.status, said.said) == (200, {"became_ready": 1})
    assert await scene.status(order_id) == "ready"
    mapped = await api.pages("/mappings/shipping", channel=str(scene.shop.channel_id))
    assert [m["method_code"] for m in mapped if m["rate"] == "API Sledge"] == [methods[0]["code"]]
    gone = await api.call("DELETE", "/mappings/shipping", **where)
    assert (gone.status, gone.said["waiting"]) == (200, 1)
    await api.refused(404, "not-found", "DELETE", "/mappings/shipping", **where)
    await api.refused(422, "invalid", "DELETE", "/mappings/shipping", channel="x")


async def test_a_sku_is_mapped_to_a_kit_and_unmapped(api: Api, scene: Scene) -> None:
    order_id = await scene.order(("API-KIT", 1))
    assert "API-KIT" in [one["sku"] for one in (await api.get("/mappings/missing"))["skus"]]
    body = {"channel": str(scene.shop.channel_id), "sku": "API-KIT", "components": {"MUG-WHT": 2}}
    wrong = await api.refused(404, "not-found", "PUT", "/mappings/skus", body | {"components": {"NO-SUCH": 1}})
    assert "NO-SUCH" in wrong["detail"]
    known = "BB-MUG-01"
    said = await api.call("PUT", "/mappings/skus", body | {"components": {known: 2}})
    assert (said.status, said.said) == (200, {"became_ready": 1})
    assert await scene.status(order_id) in ("ready", "unresolved")
    [listed] = await api.pages("/mappings/skus", text="API-KIT")
    assert listed["components"] == {known: 2}
    assert (await api.call("DELETE", "/mappings/skus", channel=body["channel"], sku="API-KIT")).status == 200
    assert await scene.codes(order_id) == ["unmapped_sku"]
    for components in ({}, {known: 0}, {known: "1"}):
        await api.refused(422, "invalid", "PUT", "/mappings/skus", body | {"components": components})


async def test_channels_and_suppliers_are_shown_without_settings_or_secrets(api: Api, scene: Scene) -> None:
    channels, suppliers = await api.pages("/channels"), await api.pages("/suppliers")
    assert [c["name"] for c in channels] == ["Demo store", "Outlet"]
    assert {s["code"] for s in suppliers} == {"ACME", "NOVA"}
    text = repr([channels, suppliers, await api.get("/health")])
    for secret in (scene.store.key, scene.store.secret, scene.acme.api_key, scene.outlet_url, "settings"):
        assert secret not in text
    one = await api.get(f"/channels/{scene.shop.channel_id}")
    assert one in channels
    assert (await api.get(f"/suppliers/{suppliers[0]['id']}")) in suppliers
    assert (await api.get(f"/channels/{one['id']}/health"))["state"] == "ok"
    for path in (
        "/channels/999",
        "/suppliers/999",
        "/channels/999/health",
        "/suppliers/999/methods",
        "/suppliers/999/offers",
    ):
        await api.refused(404, "not-found", "GET", path)


async def test_a_channel_is_asked_now_unless_it_is_paused(api: Api, scene: Scene) -> None:
    channel, acme = scene.shop.channel_id, scene.shop.suppliers["ACME"]
    for kind, row_id, task in (("channels", channel, "channels.poll"), ("suppliers", acme, "suppliers.poll")):
        path, due = f"/{kind}/{row_id}/sync", "SELECT COUNT(*) FROM outbox WHERE task = ? AND state = 'ready'"
        assert (await api.call("POST", path)).status == 202
        assert await db.value(due, task) == 1
        await db.run(f"UPDATE {kind} SET paused_reason = 'the key was refused' WHERE id = ?", row_id)
        said = await api.refused(409, "conflict", "POST", path)
        assert "the key was refused" in said["detail"]
        health = await api.get(f"/{kind}/{row_id}/health")
        assert (health["ok"], health["state"], health["reason"]) == (False, "paused", "the key was refused")
        await db.run(f"UPDATE {kind} SET paused_reason = '' WHERE id = ?", row_id)
        await db.run("DELETE FROM outbox WHERE task = ?", task)
        await api.refused(404, "not-found", "POST", f"/{kind}/999/sync")


async def test_health_says_whether_a_worker_is_there(api: Api, scene: Scene) -> None:
    said = await api.get("/health")
    assert (said["ok"], said["database"], said["schema"], said["workers"]) == (False, "ok", "ok", 0)
    assert {c["name"] for c in said["channels"]} == {"Demo store", "Outlet"}


async def test_addresses_methods_and_bodies_there_are_not(api: Api, scene: Scene) -> None:
    await api.refused(404, "not-found", "GET", "/nowhere")
    await api.refused(404, "not-found", "GET", "/api/v2/orders")
    await api.refused(404, "not-found", "GET", "/orders/abc")
    found = await api.call("DELETE", "/orders")
    assert (found.status, found.headers["Allow"], found.kind) == (405, "GET, POST", "application/problem+json")
    await api.refused(400, "malformed", "POST", "/orders/process", b'{"ids": [1')
    await api.refused(400, "malformed", "POST", "/orders/process", b"\xff")
    await api.refused(
        415, "unsupported-type", "POST", "/orders/process", b"ids=1", kind="application/x-www-form-urlencoded"
    )
    await api.refused(415, "unsupported-type", "POST", "/orders/process")
    for body in ({"ids": []}, {"ids": ["1"]}, {"ids": [0]}, {"ids": [2**31]}, {"ids": [1], "x": 1}, {}, None):
        await api.refused(422, "invalid", "POST", "/orders/process", b"null" if body is None else body)
    said = await api.refused(422, "invalid", "POST", "/orders/1/hold", {"reason": "a\0b"})
    assert "NUL" in said["detail"]
    await api.refused(422, "invalid", "GET", "/me", page="2")
