"""Orders over the API: found, read, processed, undone, held, edited, canceled, resolved."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from engine import settings
from engine.api.rest import issues
from engine.demo.supplier_faults import Fault, FaultPlan, Route
from engine.domain.issues import Resolution
from engine.services import edit, hold, tasks
from tests.api.client import Api
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 2)


async def test_an_order_is_listed_read_and_audited(api: Api, scene: Scene) -> None:
    order_id = await scene.order(MUG, who="Zelda")
    [row] = (await api.get("/orders", text="zelda"))["data"]
    assert row["id"] == order_id
    reply = await api.call("GET", f"/orders/{order_id}")
    order = reply.said
    assert reply.headers["ETag"] == f'"{order["version"]}"'
    assert [line["sku"] for line in order["lines"]] == ["BB-MUG-01"]
    assert "process" in order["acts_now"]
    assert (await api.get(f"/orders/number/{order['number']}"))["id"] == order_id
    events = await api.pages(f"/orders/{order_id}/events", limit=1)
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert (await api.get(f"/orders/{order_id}/audit")) == {"ok": True, "events": len(events), "problems": []}
    number = order["purchase_orders"][0]["po_number"]
    await api.post(f"/orders/{order_id}/process")
    await api.post(f"/orders/{order_id}/undo")
    about = await api.pages(f"/orders/{order_id}/events", po_number=number)
    events = await api.pages(f"/orders/{order_id}/events")
    assert [e["action"] for e in about] == ["purchase:queue", "purchase:undo"]
    assert len(await api.pages(f"/orders/{order_id}/events", line_id=order["lines"][0]["id"])) == len(events)
    for query in ({"po_number": "nobody's"}, {"line_id": 10**8}):
        await api.refused(404, "not-found", "GET", f"/orders/{order_id}/events", **query)
    for path in ("", "/events", "/audit", "/issues"):
        await api.refused(404, "not-found", "GET", f"/orders/99999999{path}")
    await api.refused(404, "not-found", "GET", "/orders/number/nobody's")
    await api.refused(422, "invalid", "GET", "/orders/0")


async def test_filters_are_those_of_people(api: Api, scene: Scene) -> None:
    plain = await scene.order(MUG, who="Plainly")
    unmapped = await scene.order(("NEVER-SEEN", 1), who="Plainly")
    both = {row["id"] for row in (await api.get("/orders", text="plainly"))["data"]}
    assert both == {plain, unmapped}
    for query in (
        {"filter": "plainly err:sku"},
        {"text": "plainly", "issue_codes": ["unmapped_sku", "fraud_risk"]},
        {"text": "plainly", "issue_codes": "fraud_risk,unmapped_sku"},
        {"text": "plainly", "statuses": "unresolved"},
        {"filter": "plainly", "statuses": "unresolved", "placed_from": "2020-01-01T00:00:00"},
    ):
        assert [row["id"] for row in (await api.get("/orders", **query))["data"]] == [unmapped], query
    counts = (await api.get("/orders/counts", channel_id=scene.shop.channel_id))["counts"]
    assert counts["unresolved"] >= 1
    for query, field in (
        ({"filter": "sup:nobody"}, "sup:nobody"),
        ({"statuses": "sold"}, "statuses[0]"),
        ({"state": "ready"}, "state"),
        ({"limit": 501}, "limit"),
        ({"sort": "price"}, "sort"),
        ({"total_min": "NaN"}, "total_min"),
        ({"total_max": "1e13"}, "total_max"),
        ({"channel_ids": 2**31}, "channel_ids[0]"),
        ({"text": ["a", "b"]}, "text"),
        ({"text": "a\0"}, "text"),
    ):
        said = await api.refused(422, "invalid", "GET", "/orders", **query)
        assert said.get("field", "") == field, said


async def test_processing_and_undoing_by_one_and_by_many(api: Api, scene: Scene) -> None:
    first, second = await scene.order(MUG), await scene.order(MUG)
    broken = await scene.order(("NEVER-SEEN-2", 1))
    outcomes = (await api.post("/orders/process", {"ids": [first, second, broken, 10**8]}))["outcomes"]
    assert [one["done"] for one in outcomes] == [True, True, False, False]
    assert outcomes[0]["release_at"] > "2020"
    assert "SKU" in outcomes[2]["message"]
    said = await api.refused(409, "conflict", "POST", f"/orders/{first}/process")
    assert "about to be sent" in said["detail"]
    assert (await api.post(f"/orders/{first}/undo"))["done"]
    assert [o["done"] for o in (await api.post("/orders/undo", {"ids": [first, second]}))["outcomes"]] == [False, True]
    assert (await api.post(f"/orders/{first}/process"))["po_numbers"]
    await api.refused(404, "not-found", "POST", "/orders/99999999/process")
    [event] = [e for e in await api.pages(f"/orders/{first}/events") if e["action"].endswith("queue")][-1:]
    assert (event["actor"], event["source"]) == ("manager", "person")
    assert event["cause"].startswith("API token test")
    await api.post(f"/orders/{first}/undo")


async def test_more_than_a_person_may_in_one_go_is_refused_whole(api: Api, scene: Scene) -> None:
    settings.force(msgspec.structs.replace(settings.settings(), bulk_orders=1))
    ids = [await scene.order(MUG), await scene.order(MUG)]
    said = await api.refused(409, "conflict", "POST", "/orders/process", {"ids": ids})
    assert "1 orders" in said["detail"]
    assert [await scene.states(order_id) for order_id in ids] == [["draft"], ["draft"]]


async def test_hold_release_snooze_and_cancel(api: Api, scene: Scene) -> None:
    order_id = await scene.order(MUG)
    held = await api.post(f"/orders/{order_id}/hold", {"reason": "ask first"})
    assert (held["status"], held["held"]) == ("on_hold", "ask first")
    assert (await api.post(f"/orders/{order_id}/release"))["status"] == "ready"
    said = await api.refused(409, "conflict", "POST", f"/orders/{order_id}/release")
    assert "is not on hold" in said["detail"]
    assert (await api.post(f"/orders/{order_id}/snooze", {"seconds": 3600}))["snoozed_until"]
    assert (await api.post(f"/orders/{order_id}/snooze", {"seconds": 0}))["snoozed_until"] is None
    assert "canceled" in (await api.post(f"/orders/{order_id}/cancel", {}))["message"]
    assert await scene.status(order_id) == "canceled"
    said = await api.refused(409, "conflict", "POST", f"/orders/{order_id}/process")
    assert "canceled" in said["detail"]


async def test_what_is_over_is_not_held_snoozed_or_canceled_and_nothing_is_written(api: Api, scene: Scene) -> None:
    completed, po = await scene.sent(MUG)
    await scene.say(po, "shipped", (1, "AC-2001", 1))
    assert "cancel" in (await api.get(f"/orders/{completed}"))["acts_now"]
    await scene.say(po, "shipped", (1, "AC-2001", 1))
    await scene.until(completed, "completed")
    canceled = await scene.order(MUG)
    await api.post(f"/orders/{canceled}/snooze", {"seconds": 3600})
    await api.post(f"/orders/{canceled}/cancel", {})
    assert (await api.post(f"/orders/{canceled}/snooze", {"seconds": 0}))["snoozed_until"] is None
    for order_id, why in ((completed, "is completed: "), (canceled, "is canceled")):
        before = await api.get(f"/orders/{order_id}")
        assert before["acts_now"] == []
        for act, body in (
            ("hold", {"reason": "wait"}), ("snooze", {"seconds": 60}), ("snooze", {"seconds": 0}), ("release", None),
            ("cancel", {}), ("process", None), ("undo", None),
        ):  # fmt: skip
            said = await api.refused(409, "conflict", "POST", f"/orders/{order_id}/{act}", body)
            assert act in ("release", "process", "undo") or why in said["detail"], said
        assert await api.get(f"/orders/{order_id}") == before


async def test_what_is_shipped_in_part_can_be_canceled(api: Api, scene: Scene) -> None:
    order_id, po = await scene.sent(MUG)
    await scene.say(po, "shipped", (1, "AC-2001", 1))
    assert "what was shipped stays shipped" in (await api.post(f"/orders/{order_id}/cancel", {}))["message"]


async def test_an_edit_needs_the_state_that_was_seen(api: Api, scene: Scene) -> None:
    order_id = await scene.order(MUG)
    path, change = f"/orders/{order_id}", {"quantities": {"1": 3}, "reason": "they called"}
    seen = (await api.call("GET", path)).headers["ETag"]
    await api.refused(428, "unguarded", "PATCH", path, change)
    diffs = (await api.post(f"{path}/preview", change))["diffs"]
    assert diffs
    await api.post(f"{path}/hold", {"reason": "somebody else was quicker"})
    await api.post(f"{path}/release")
    for stale in (seen, '"x"', "W/" + seen, seen.strip('"')):
        await api.refused(412, "changed", "PATCH", path, change, headers={"If-Match": stale})
    assert (await api.get(path))["lines"][0]["quantity"] == 2
    now = (await api.call("GET", path)).headers["ETag"]
    done = await api.call("PATCH", path, change, headers={"If-Match": now})
    assert done.status == 200
    assert done.said["diffs"] == diffs
    assert (done.said["status"], [issue["code"] for issue in done.said["issues"]]) == (
        "unresolved",
        ["margin_below_floor"],
    )
    after = await api.call("GET", path)
    assert after.said["lines"][0]["quantity"] == 3
    assert done.headers["ETag"] == after.headers["ETag"] != now
    assert (await api.call("PATCH", path, {"note": "ring"}, headers={"If-Match": "*"})).status == 200
    said = await api.refused(422, "invalid", "PATCH", path, {"quantities": {"9": 1}}, headers={"If-Match": "*"})
    assert "no line 9" in said["detail"]
    for wrong, field in (
        ({"quantities": {"9": 1}}, "quantities.9"),
        ({"skus": {"9": "BB-MUG-01"}}, "skus.9"),
        ({"skus": {"1": "NO-SUCH"}}, "skus.1"),
        ({"suppliers": {"1": "NOVA"}}, "suppliers.1"),
        ({"methods": {"NOVA": "UPS-GND"}}, "methods.NOVA"),
        ({"address": {"planet": "Mars"}}, "address.planet"),
        ({"quantity": {"1": 1}}, "quantity"),
        ({"quantities": {"x": 1}}, "quantities.x"),
        ({"quantities": {"1": 1, "2": 1.5, "3": "x"}}, "quantities.2"),
        ({"quantities": {"1": 1, "2": -1}}, "quantities.2"),
        ({"quantities": 5}, "quantities"),
        ({"note": "a\0"}, "note"),
        ({"address": {"city": "a", "line1": "a\0"}}, "address.line1"),
        ({"address": {"a\0": ""}}, "address"),
    ):
        for method, where, headers in (("PATCH", path, {"If-Match": "*"}), ("POST", f"{path}/preview", {})):
            said = await api.refused(422, "invalid", method, where, wrong, headers=headers)
            assert said.get("field") == field, said
    assert (await api.call("PATCH", path, {"note": r"\u0000 is no NUL"}, headers={"If-Match": "*"})).status == 200
    issue = done.said["issues"][0]["id"]
    assert (await api.call("POST", f"/issues/{issue}/resolve", {"how": "waive"})).said["status"] == "ready"
    await scene.send(order_id)
    said = await api.refused(409, "conflict", "PATCH", path, {"quantities": {"1": 1}}, headers={"If-Match": "*"})
    assert "already sent" in said["detail"]


async def test_times_and_documents_are_shown_as_such_and_the_book_still_holds(api: Api, scene: Scene) -> None:
    order_id = await scene.order(MUG)
    path = f"/orders/{order_id}"
    await api.post(f"{path}/process")
    changed = {"address": {"line1": "9 Elm St"}}
    for diffs in (
        (await api.post(f"{path}/preview", changed))["diffs"],
        (await api.call("PATCH", path, changed, headers={"If-Match": "*"})).said["diffs"],
    ):
        by_path = {diff["path"]: diff for diff in diffs}
        assert by_path["ship_to"]["before"]["line1"] == "1 Maple Ave"
        assert by_path["ship_to"]["after"]["line1"] == "9 Elm St"
        [held] = [diff for at, diff in by_path.items() if at.endswith(".release_at")]
        assert datetime.fromisoformat(held["before"]).tzinfo is not None
    events = await api.pages(f"{path}/events")
    first = events[0]["after"]
    assert datetime.fromisoformat(first["placed_at"]) == datetime.fromisoformat((await api.get(path))["placed_at"])
    assert (first["ship_to"]["city"], first["waived"]) == ("Portland", [])
    for event in events:
        for at, value in [*event["before"].items(), *event["after"].items()]:
            assert not (at.endswith(("_at", "_until")) and isinstance(value, int)), (at, value)
            assert not (isinstance(value, str) and value[:1] in ("{", "[")), (at, value)
    assert (await api.get(f"{path}/audit"))["ok"]


async def test_the_etag_of_an_edit_is_that_of_the_edit(api: Api, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id = await scene.order(MUG)
    real = edit.apply

    async def and_another(*args: object, **named: object) -> object:
        found = await real(*args, **named)  # type: ignore[arg-type]
        await hold.hold(order_id, "right after it", DANA)
        return found

    monkeypatch.setattr(edit, "apply", and_another)
    path = f"/orders/{order_id}"
    done = await api.call("PATCH", path, {"note": "ring"}, headers={"If-Match": "*"})
    monkeypatch.undo()
    await api.refused(412, "changed", "PATCH", path, {"note": "x"}, headers={"If-Match": done.headers["ETag"]})
    mine = await api.call("PATCH", path, {"note": "knock"}, headers={"If-Match": "*"})
    assert mine.headers["ETag"] == (await api.call("GET", path)).headers["ETag"]


async def test_an_issue_is_resolved_by_one_of_its_choices(api: Api, scene: Scene) -> None:
    await scene.product("API-LAMP")
    order_id = await scene.order(("API-LAMP-RED", 1))
    other = await scene.order(("API-LAMP-RED", 2))
    [issue] = (await api.get(f"/orders/{order_id}/issues"))["issues"]
    assert (issue["code"], issue["resolutions"][0]) == ("unmapped_sku", "map_sku")
    choices = (await api.get(f"/issues/{issue['id']}/choices", q="api-lamp"))["choices"]
    chosen = next(c for c in choices if c["args"].get("product") == "API-LAMP")
    path = f"/issues/{issue['id']}/resolve"
    for body, field in (
        ({}, "how"),
        ({"how": "map_sku"}, "product"),
        ({"how": "map_sku", "product": []}, "product"),
        ({"how": "map_sku", "product": {"A": 1, "B": 0}}, "product.B"),
        ({"how": "burn"}, "how"),
        ({"how": "waive", "note": 5}, "note"),
        ([], ""),
    ):
        said = await api.refused(422, "invalid", "POST", path, body)
        assert said.get("field", "") == field, said
    said = await api.refused(404, "not-found", "POST", path, {"how": "map_sku", "product": "NO-SUCH"})
    assert "NO-SUCH" in said["detail"]
    said = await api.post(path, {"how": chosen["how"], **chosen["args"]})
    assert (said["status"], said["became_ready"], said["ready"]) == ("ready", 1, [other])
    assert said["saved"]["name"] == "API-LAMP-RED"
    await api.refused(409, "conflict", "POST", path, {"how": "map_sku", "product": "API-LAMP"})
    await api.refused(404, "not-found", "GET", f"/issues/{issue['id']}/choices")


async def test_every_way_of_resolving_is_one_the_service_has(api: Api, scene: Scene) -> None:
    assert {way.__struct_config__.tag for way in issues.Way.__args__} == set(Resolution)
    order_id = await scene.order(MUG, city="", postcode="", state="")
    [issue] = [i for i in (await api.get(f"/orders/{order_id}/issues"))["issues"] if "fix_address" in i["resolutions"]][
        :1
    ]
    fields = {"city": "Portland", "postal_code": "97205", "region": "OR"}
    path = f"/issues/{issue['id']}/resolve"
    await api.refused(422, "invalid", "POST", path, {"how": "fix_address", "fields": {"planet": "Mars", "by": "x"}})
    assert (await api.post(path, {"how": "fix_address", "fields": fields}))["status"] == "ready"


async def test_a_supplier_that_does_not_answer_is_no_fault_of_ours(api: Api, scene: Scene) -> None:
    order_id = await scene.order(MUG)
    # Nobody finds out by itself meanwhile.
    scene.acme.faults.use(FaultPlan(script={Route.SUBMIT: [Fault.DROP_AFTER], Route.FIND: [Fault.ERROR_BEFORE] * 50}))
    assert (await scene.process(order_id)).done
    await tasks.drain(lambda: has_issue(scene, order_id))
    issue = await scene.issue(order_id, "submission_unknown")
    path = f"/issues/{issue.id}/resolve"
    found = await api.call("POST", path, {"how": "ask_supplier"})
    assert found.status in (502, 503)
    assert found.said["detail"].startswith("Supplier")
    scene.acme.faults.use(FaultPlan())
    assert (await api.post(path, {"how": "ask_supplier"}))["status"] == "processed"


async def has_issue(scene: Scene, order_id: int) -> bool:
    return bool(await scene.codes(order_id))
