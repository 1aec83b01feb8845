"""What a page would never send, sent: events of those who may not, and text that is meant to be run."""

from __future__ import annotations

import contextlib
import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import TimeoutError as Waited
from playwright.async_api import expect

import webui.app
from engine import db
from engine.domain.roles import Permission, Role
from engine.services import accounts, audit, sessions
from tests.support import web
from tests.support.scene import Scene
from tests.support.web import SETUP, Site, eventually
from tests.support.wire import event_name, handshake, states, wire
from tests.webui.conftest import OpenTab
from webui.states.base import HANDLERS, Book

pytestmark = pytest.mark.asyncio(loop_scope="module")
assert webui.app.app  # all handlers are declared by now
REFLEX = {
    "State.hydrate", "State.set_is_hydrated", "State.hydrate_and_load", "OnLoadInternalState.on_load_internal",
    "OnLoadInternalState.set_is_hydrated", "UpdateVarsInternalState.update_vars_internal",
    "FrontendEventExceptionState.handle_frontend_exception", "EventHandlerSetVar.setvar",
}  # fmt: skip
"""Reflex's own handlers; none knows of orders. ``setvar`` needs setters, which no state of ours has."""
ANSWER: dict[str, Any] = {"order_ids": [], "everything": True, "form": {}, "number": "1", "line_id": 1, "lost": ""}
"""Something for every argument's name; any other gets a 1."""
HOSTILE = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>\"'>{{7*7}}"


async def test_every_handler_there_is_asks_for_a_permission() -> None:
    mine = {handler.fn.__qualname__ for state in states(Book) for handler in state.event_handlers.values()}
    assert mine == set(HANDLERS)
    others = {
        handler.fn.__qualname__
        for state in states()
        if not issubclass(state, Book)
        for handler in state.event_handlers.values()
    }
    assert others <= REFLEX


def _arguments(handler: str) -> dict[str, Any]:
    state, name = handler.split(".")
    of = next(s for s in states() if s.__name__ == state)
    code = of.event_handlers[name].fn.__wrapped__.__code__
    return {argument: ANSWER.get(argument, 1) for argument in code.co_varnames[1 : code.co_argcount]}


def refused(site: Site, handler: str, person: str) -> bool:
    """Does the log say that this event of theirs was refused?"""
    return any(
        line.get("event") == "refused an event" and line.get("handler") == handler and line.get("person") == person
        for line in site.logged()
    )


async def _everything() -> list[Any]:
    tables = (
        "users",
        "sessions",
        "invitations",
        "orders",
        "purchase_orders",
        "channels",
        "suppliers",
        "shipping_mappings",
    )
    counts = [await db.value(f"SELECT COUNT(*) FROM {table}") for table in tables]
    people = [tuple(r) for r in await db.rows("SELECT name, role, enabled, password_hash FROM users ORDER BY id")]
    return [*counts, people, await db.value("SELECT COUNT(*) FROM audit_events")]


async def test_no_forged_event_of_a_viewer_does_what_a_viewer_may_not(scene: Scene, site: Site) -> None:
    await scene.order(("BB-MUG-01", 1))
    token = await web.person(Role.VIEWER, "mallory")
    forbidden = [handler for handler, permission in HANDLERS.items() if permission is not Permission.VIEW]
    assert len(forbidden) > 10
    before = await _everything()
    async with wire(site, token) as line:
        for handler in forbidden:
            await line.send(event_name(handler), _arguments(handler), path="/users?user=mallory")
        await eventually(lambda: _all_refused(site, forbidden))
    assert await _everything() == before


def _all_refused(site: Site, handlers: list[str]) -> None:
    assert [handler for handler in handlers if not refused(site, handler, "mallory")] == []


async def test_a_method_that_is_no_handler_cannot_be_called_by_its_name(scene: Scene, site: Site) -> None:
    token = await web.person(Role.VIEWER, "mallory")
    async with wire(site, token) as line:
        book = event_name("Book.enter").removesuffix("enter")
        for name, payload in (
            ("say", {"text": "owned"}),
            ("setvar", {"var_name": "role", "value": "admin"}),
            ("_know", {}),
        ):
            await line.send(book + name, payload)
        await line.send(event_name("Book.enter"))
        update = await line.until('"mallory"')
    assert "owned" not in str(line.said)
    assert "'admin'" not in str(update)


async def test_a_lowered_role_holds_at_the_next_event_of_an_open_page(scene: Scene, site: Site) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    token = await web.person(Role.OPERATOR, "otto")
    async with wire(site, token) as line:
        await line.send(event_name("Doing.process"), {"order_id": order_id})
        await line.until("undo")
        await line.send(event_name("Doing.undo"), {"order_id": order_id})
        await line.until("notices")
        await accounts.set_role("otto", Role.VIEWER, SETUP)
        await line.send(event_name("Doing.process"), {"order_id": order_id})
        update = await line.until("A viewer may not process orders")
    assert '"process": false' in str(update).replace("'", '"').replace("False", "false")
    assert refused(site, "Doing.process", "otto")
    assert await scene.status(order_id) == "ready"


@pytest.mark.parametrize("how", ["revoked", "expired", "disabled", "password"])
async def test_a_session_that_is_over_does_nothing_any_more(scene: Scene, site: Site, how: str) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    name = f"gone-{how}"
    token = await web.person(Role.OPERATOR, name)
    known = await accounts.user(name)
    async with wire(site, token) as line:
        await line.send(event_name("Book.enter"))
        await line.until(name)
        if how == "revoked":
            await sessions.revoke_all(known.id, SETUP)
        elif how == "expired":
            await db.run("UPDATE sessions SET expires_at = ? WHERE user_id = ?", 1, known.id)
        elif how == "disabled":
            await accounts.disable(name, SETUP)
        else:
            await accounts.set_password(name, "seven tall blue kettles", SETUP)
        await line.send(event_name("Doing.process"), {"order_id": order_id})
        await line.until("logged_out")
    assert await scene.status(order_id) == "ready"
    assert await handshake(site, token=token, origin=site.url) != 101


async def test_an_open_page_leaves_for_the_log_in_page_when_its_session_is_over(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.OPERATOR, name="leaver")
    await one.open("/orders?sort=total")
    await db.run("UPDATE sessions SET expires_at = ? WHERE user_id = ?", 1, (await accounts.user("leaver")).id)
    with contextlib.suppress(Waited):  # it looks after news every few seconds, so that it may have left by itself
        await one.page.get_by_role("button", name="Total").click(timeout=3_000)
    await expect(one.page).to_have_url(re.compile(r"/login\?next=%2Forders"))


async def test_a_websocket_needs_a_session_and_a_page_of_ours(scene: Scene, site: Site) -> None:
    token = await web.person(Role.VIEWER)
    assert await handshake(site, token=token, origin=site.url) == 101
    refusals = {
        "another site": {"token": token, "origin": "https://evil.example"},
        "another port": {"token": token, "origin": "http://127.0.0.1:1"},
        "null": {"token": token, "origin": "null"},
        "no origin": {"token": token},
        "no cookie": {"origin": site.url},
        "a made-up token": {"token": "x" * 43, "origin": site.url},
        "another cookie": {"token": token, "origin": site.url, "cookie": "session"},
    }
    answers = {why: await handshake(site, **how) for why, how in refusals.items()}
    assert {why for why, answer in answers.items() if answer == 101} == set(), answers


# --- text that is meant to be run ------------------------------------------------------------------------------------------


async def test_what_customers_and_suppliers_write_is_text(tab: OpenTab, scene: Scene) -> None:
    sku = '<svg/onload=window.pwned=1>"'
    await scene.product(sku)
    number = scene.place((sku, 1), who=HOSTILE, city=HOSTILE, address_1=HOSTILE, company=HOSTILE)
    scene.store.change(number, customer_note=HOSTILE)
    (order_id,) = await scene.take(number)
    other, po = await scene.sent(("BB-MUG-01", 1), who="Mildred")
    await scene.say(po, "shipped", (1, "AC-2001", 1), tracking_number="1Z999AA10123456784")
    _, refused_po = await scene.sent(("BB-MUG-01", 1), who="Norbert")
    await scene.say(refused_po, "rejected", message=HOSTILE)
    url = str(await db.value("SELECT tracking_url FROM shipments WHERE order_id = ?", other))
    one = await tab(Role.MANAGER)
    asked: list[str] = []
    one.page.on("dialog", lambda dialog: asked.append(dialog.message))
    everything = "placed,channel,customer,lines,status,tracking,shipping,quantity,country,total"
    try:
        await db.run("UPDATE shipments SET tracking_url = ? WHERE order_id = ?", "javascript:window.pwned=1", other)
        await one.open(f"/orders?columns={everything}")
        await expect(one.page.locator("tbody")).to_contain_text("<svg/onload=window.pwned=1>")
        await expect(one.page.locator("tbody")).to_contain_text("<img src=x onerror=window.pwned=1>")
        row = one.page.get_by_role("row", name=re.compile("Mildred"))
        await expect(row.get_by_text("1Z999AA10123456784")).to_be_visible()
        said = one.page.get_by_role("row", name=re.compile("Norbert")).locator("[title*=onerror]")
        await expect(said).to_have_attribute("title", re.compile(re.escape(HOSTILE)))
        await expect(row.get_by_role("link", name="1Z999AA10123456784")).to_have_count(0)
        for address in (f"/orders?text={HOSTILE}", f"/orders?skus={HOSTILE}", f"/orders?sort={HOSTILE}"):
            await one.open(address.replace("#", "%23"))
        await one.page.get_by_label("Search orders").fill(HOSTILE)
        await one.page.keyboard.press("Enter")
        await expect(one.page).to_have_url(re.compile(r"/orders\?text=%3Cimg"))
        await one.settled()
        assert await one.page.evaluate("window.pwned") is None
        assert await one.page.locator("main img, main svg, main script, main iframe").count() == 0
        links = await one.page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
        assert [link for link in links if not link.startswith(("http://", "https://"))] == []
        assert asked == []
    finally:
        await db.run("UPDATE shipments SET tracking_url = ? WHERE order_id = ?", url, other)
    await one.open(f"/orders?columns={everything}")
    link = one.page.get_by_role("row", name=re.compile("Mildred")).get_by_role("link", name="1Z999AA10123456784")
    await expect(link).to_have_attribute("href", re.compile("^https://"))
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    one.clean()
    assert await scene.status(order_id) in ("ready", "unresolved")
    assert (await audit.verify()).problems == []


SQL = ("' OR 1=1 --", "1); DROP TABLE orders; --", '" OR ""="', "1 UNION SELECT password_hash FROM users", "%00", "\\")


PARAMETERS = (
    "text", "channel_ids", "supplier_ids", "issue_codes", "placed_from", "skus", "trackings", "statuses", "sort", "after", "size",
    "columns", "audit",
)  # fmt: skip


@pytest.mark.parametrize("name", PARAMETERS)
async def test_what_is_typed_into_an_address_never_becomes_sql(scene: Scene, site: Site, name: str) -> None:
    await scene.order(("BB-MUG-01", 1))
    token = await web.person(Role.VIEWER, "mallory")
    before = await _everything()
    async with wire(site, token) as line:
        for attempt in SQL:
            await line.send(event_name("Orders.load"), path=f"/orders?{name}={quote(attempt)}")
            await line.send(event_name("Doing.search"), {"form": {"text": attempt}})
        await line.send(event_name("Book.enter"))
        await line.until("mallory")
    said = str(line.said)
    assert "argon2" not in said
    assert "Traceback" not in said
    assert "the log has the details" not in said, said
    assert await _everything() == before
