"""A call under a key is done once: answered again as it was, for a day, also when two come at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from engine import clock, db, settings
from engine.api.rest import openapi
from engine.api.rest.nouns import ROUTES
from engine.errors import Unreachable
from engine.services import hold, once, process, sweep
from tests.api.client import Api, token_for
from tests.api.conftest import serving
from tests.support.people import later
from tests.support.scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 2)


def key(name: str) -> dict[str, str]:
    return {"Idempotency-Key": name}


async def holds(order_id: int) -> int:
    return int(await db.value("SELECT COUNT(*) FROM holds WHERE order_id = ?", order_id))


async def test_the_same_call_again_is_answered_as_before(api: Api, scene: Scene) -> None:
    order_id = await scene.order(MUG)
    path, body = f"/orders/{order_id}/hold", {"reason": "once"}
    first = await api.call("POST", path, body, headers=key("a"))
    again = await api.call("POST", path, body, headers=key("a"))
    assert (again.status, again.said) == (first.status, first.said) == (200, first.said)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert await holds(order_id) == 1
    await api.call("POST", path, body, headers=key("b"))
    await api.call("POST", path, body)
    assert await holds(order_id) >= 1


async def test_a_refusal_is_answered_again_too_and_another_call_under_the_key_is_not_made(
    api: Api, scene: Scene
) -> None:
    order_id = await scene.order(MUG)
    path = f"/orders/{order_id}/release"
    first = await api.refused(409, "conflict", "POST", path, headers=key("c"))
    await api.post(f"/orders/{order_id}/hold", {"reason": "now it could be released"})
    again = await api.call("POST", path, headers=key("c"))
    assert again.said == first
    assert again.kind == "application/problem+json"
    for other, body in ((f"/orders/{order_id}/undo", None), (path, {"x": 1}), (path + "?x=1", None)):
        said = await api.refused(422, "key-reused", "POST", other, body, headers=key("c"))
        assert said["field"] == "Idempotency-Key"
    # Another token's keys are its own.
    found = await api.call("POST", path, headers=key("c"), token=await token_for("operator"))
    assert (found.status, found.said["status"]) == (200, "ready")
    for bad in ("", "x" * 256, "a\tb"):
        await api.refused(400, "malformed", "POST", path, headers=key(bad))


async def test_two_at_once_are_one(api: Api, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id = await scene.order(MUG)
    begun, go_on, calls = asyncio.Event(), asyncio.Event(), 0
    real = hold.hold

    async def slow(*args: object) -> None:
        nonlocal calls
        calls += 1
        begun.set()
        await go_on.wait()
        await real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(hold, "hold", slow)
    path, body = f"/orders/{order_id}/hold", {"reason": "one of two"}
    first = asyncio.create_task(api.call("POST", path, body, headers=key("d")))
    await begun.wait()
    found = await api.call("POST", path, body, headers=key("d"))
    assert (found.status, found.said["type"], found.headers["Retry-After"]) == (409, "/api/docs#in-flight", "1")
    go_on.set()
    done = await first
    assert done.status == 200
    assert (await api.call("POST", path, body, headers=key("d"))).said == done.said
    assert (calls, await holds(order_id)) == (1, 1)


async def test_many_at_once_do_it_once(api: Api, scene: Scene) -> None:
    order_id = await scene.order(MUG)
    path = f"/orders/{order_id}/process"
    found = await asyncio.gather(*(api.call("POST", path, headers=key("e")) for _ in range(8)))
    assert {one.status for one in found} <= {200, 409}
    done = [one for one in found if one.status == 200]
    assert done
    assert all(one.said == done[0].said for one in done)
    assert all(one.said["type"].endswith("in-flight") for one in found if one.status == 409)
    assert (await api.call("POST", path, headers=key("e"))).said == done[0].said
    await api.post(f"/orders/{order_id}/undo")


async def test_a_call_that_came_to_nothing_here_may_be_made_again(
    api: Api, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await scene.order(MUG)
    path = f"/orders/{order_id}/undo"

    async def away(*_: object) -> None:
        raise Unreachable("the database at secret.example does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(process, "undo", away)
        said = await api.refused(503, "try-later", "POST", path, headers=key("f"))
    assert "secret.example" not in said["detail"]
    assert (await api.call("POST", path, headers=key("f"))).said["type"].endswith("conflict")


@pytest.mark.asyncio(loop_scope="function")
async def test_who_died_under_way_is_waited_for_no_longer_than_is_said(alone: Api) -> None:
    later(timedelta())
    alone.token = await token_for("manager", days=2)
    [token_id] = [int(r[0]) for r in await db.rows("SELECT MAX(id) FROM api_tokens")]
    body, path = {"ids": [7]}, "/orders/undo"
    first = await alone.call("POST", path, body, headers=key("i"))
    await db.run(
        "UPDATE api_calls SET status = NULL, begun_at = ? WHERE token_id = ?", clock.micros(clock.now()), token_id
    )
    told = []
    for seconds in (0, 10, 25):
        later(timedelta(seconds=seconds))
        found = await alone.call("POST", path, body, headers=key("i"))
        assert found.headers["Retry-After"] == str(found.said["retry_after"])
        told.append(found.said["retry_after"])
    assert told == [1, 10, once.LEASE.total_seconds() - 35]
    later(timedelta(seconds=told[2]))
    assert (await alone.call("POST", path, body, headers=key("i"))).said == first.said


async def test_a_key_may_have_blanks_inside_as_the_description_says(api: Api) -> None:
    described = msgspec.json.encode(openapi.description(ROUTES)).decode()
    [pattern] = set(re.findall(r'"maxLength":255,"pattern":"([^"]+)"', described))
    for name, good in (("a b", True), ("a", True), ("~", True), ("a  !", True), ("a\tb", False), ("ä", False)):
        found = await api.call("POST", "/orders/undo", {"ids": [1]}, headers=key(name))
        assert (bool(re.fullmatch(pattern, name)), found.status) == (good, 200 if good else 400)


@pytest.fixture
async def alone(sqlite_database: str) -> AsyncIterator[Api]:
    settings.force(msgspec.structs.replace(settings.settings(), api_calls=0))
    async with serving() as found:
        yield found


@pytest.mark.asyncio(loop_scope="function")
async def test_answers_are_kept_for_a_day_and_who_died_under_way_is_waited_for(alone: Api) -> None:
    later(timedelta())
    alone.token = await token_for("manager", days=9)
    [token_id] = [int(r[0]) for r in await db.rows("SELECT MAX(id) FROM api_tokens")]
    assert await once.begin(token_id, "g", "d" * 64) is None
    later(once.LEASE - timedelta(seconds=1))
    with pytest.raises(Exception, match="under way"):
        await once.begin(token_id, "g", "d" * 64)
    later(timedelta(seconds=1))
    assert await once.begin(token_id, "g", "d" * 64) is None
    with pytest.raises(Exception, match="under way"):
        await once.begin(token_id, "g", "d" * 64)
    await once.finish(token_id, "g", once.Answer(200, {"ETag": '"1"'}, b"{}"))
    kept = await once.begin(token_id, "g", "d" * 64)
    assert kept == once.Answer(200, {"ETag": '"1"'}, b"{}")
    first = await alone.call("POST", "/orders/undo", {"ids": [7]}, headers=key("h"))
    later(once.KEPT + timedelta(seconds=1))
    again = await alone.call("POST", "/orders/undo", {"ids": [7, 8]}, headers=key("h"))
    assert (len(first.said["outcomes"]), len(again.said["outcomes"])) == (1, 2)
    assert await db.value("SELECT COUNT(*) FROM api_calls") == 1
    later(once.KEPT + timedelta(seconds=1))
    await sweep.run_jobs([])
    assert await db.value("SELECT COUNT(*) FROM api_calls") == 0
