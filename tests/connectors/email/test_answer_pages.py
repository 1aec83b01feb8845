"""The pages a supplier's people answer on, over real HTTP, by the links in a mail that a real server took."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.message import Message
from pathlib import Path

import httpx
import msgspec
import pytest
from playwright.async_api import async_playwright

from engine import clock, db, settings, vault
from engine.api import app
from engine.api.answer_routes import loggable
from engine.api.limits import Limit
from engine.services import answers, resolve, setup, tasks
from tests.connectors.email.post import TO, Post, bounce, post, reply, table_of, written
from tests.support import web
from tests.support.desk import PERSON
from tests.support.mail_server import MailServer, mail_server

UPS = "1Z9999990312345678"
BASE = "https://orders.shop.test/bb"


class Desk:
    """The supplier's desk: a browser without scripts, and the shop behind."""

    def __init__(self, office: Post, http: httpx.AsyncClient) -> None:
        self.office, self.http = office, http

    async def get(self, link: str) -> httpx.Response:
        """The page a link opens."""
        return await self.http.get(link)

    async def post(self, link: str, **form: str) -> httpx.Response:
        """The page after its form was sent."""
        return await self.http.post(link, data=form)

    async def said(self) -> int:
        """How many words of suppliers were kept."""
        return int(await db.value("SELECT COUNT(*) FROM inbound_messages WHERE source = 'supplier'"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A mail server without TLS, for the module."""
    with mail_server(tmp_path_factory.mktemp("smtp")) as running:
        yield running


@asynccontextmanager
async def opened(monkeypatch: pytest.MonkeyPatch, plain: MailServer, folder: Path) -> AsyncIterator[Desk]:
    """The shop, its API, and the supplier. Needs an open database."""
    for part in ("new", "cur", "tmp"):
        (folder / "inbox" / part).mkdir(parents=True)
    async with post(monkeypatch, plain, None, inbox="maildir", maildir=str(folder / "inbox")) as office:
        runner = await app.start(port=0, proxy_hops=1)
        async with httpx.AsyncClient(base_url=app.address(runner)) as http:
            yield Desk(office, http)
        await runner.cleanup()


@pytest.fixture
async def desk(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, plain: MailServer, tmp_path: Path
) -> AsyncIterator[Desk]:
    """The supplier's desk, for what does not depend on the database."""
    async with opened(monkeypatch, plain, tmp_path) as found:
        yield found


@pytest.fixture
async def each(
    database: str, monkeypatch: pytest.MonkeyPatch, plain: MailServer, tmp_path: Path
) -> AsyncIterator[Desk]:
    """The same on each database."""
    async with opened(monkeypatch, plain, tmp_path) as found:
        yield found


def links(mail: Message) -> tuple[str, str, str]:
    """The paths of the links in a mail: confirm, decline, track."""
    [part] = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    found = re.findall(rf"^  {BASE}(/answer/\S+)\r$", body.decode(), re.MULTILINE)
    confirm, decline, track = found
    return confirm, decline, track


async def test_looking_changes_nothing_and_confirming_is_an_update_of_that_supplier(desk: Desk) -> None:
    confirm, _, _ = links(await desk.office.sent("1001", ("BLUE", 2)))
    for method in ("GET", "HEAD", "GET"):
        page = await desk.http.request(method, confirm)
        assert page.status_code == 200
    assert await desk.said() == 0
    assert await db.value("SELECT COUNT(*) FROM supplier_answers") == 0
    assert "Confirm purchase order 1001-1" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
    assert "set-cookie" not in page.headers
    assert re.findall(r"https?://|<script|<img|<link|\son\w+=", page.text) == []
    thanks = await desk.post(confirm, reference="A-77", message="ships on Friday")
    assert (thanks.status_code, "Thank you" in thanks.text) == (200, True)
    await tasks.drain()
    assert await desk.office.state("1001-1") == "acknowledged"
    assert (await desk.office.book("1001-1"))[1:] == [
        ("Acme", "supplier:purchase:acknowledge", "confirmed by its link: their number A-77; ships on Friday")
    ]
    assert await db.value("SELECT reference FROM purchase_orders WHERE po_number = '1001-1'") == "A-77"
    kept = await db.row("SELECT external_id, body, state FROM inbound_messages WHERE source = 'supplier'")
    assert kept is not None
    assert (kept[0].startswith("link/1001-1/"), kept[2]) == (True, "done")
    token = confirm.removeprefix("/answer/")
    assert token.encode() not in bytes(kept[1])
    assert await db.value("SELECT COUNT(*) FROM supplier_answers WHERE digest = ? OR said = ?", token, token) == 0


async def test_a_link_works_once_however_many_use_it_at_once(each: Desk) -> None:
    confirm, _, track = links(await each.office.sent("1001", ("BLUE", 2)))
    found = await asyncio.gather(*(each.post(confirm, reference=f"A-{n}") for n in range(8)))
    assert sorted(page.status_code for page in found) == [200, *[409] * 7]
    assert await each.said() == 1
    again = await each.get(confirm)
    assert re.search(r"This link was used on .* UTC: you will ship the order\.", again.text)
    assert "<form" not in again.text
    await tasks.drain()
    form = {"carrier": "UPS", "tracking_number": UPS}
    found = await asyncio.gather(*(each.post(track, **form) for _ in range(5)))
    assert sorted(page.status_code for page in found) == [200, *[409] * 4]
    await tasks.drain()
    assert await each.office.parcels() == [("ups", UPS, 2)]
    assert await each.office.state("1001-1") == "closed"


async def test_parcels_one_by_one_and_the_same_parcel_told_in_two_ways_counts_once(each: Desk, tmp_path: Path) -> None:
    mail = await each.office.sent("1001", ("BLUE", 2), ("RED", 3))
    track = links(mail)[2]
    page = await each.post(track, carrier="UPS", tracking_number=UPS, line1="2", line2="0")
    another = re.search(r'href="([^"]+)">Add another parcel', page.text)
    assert another is not None
    await tasks.drain()
    assert await each.office.state("1001-1") == "partially_shipped"
    answer = reply(mail)
    rows = [{**table_of(mail)[0], "carrier": "UPS", "tracking_number": UPS}]
    answer.add_attachment(written(rows), "text", "csv", filename="a.csv")
    (tmp_path / "inbox" / "new" / "1.a").write_bytes(answer.as_bytes())
    assert (await each.office.hear()).known == 1
    rest = f"/answer/{another[1]}"
    assert '<input type="number" inputmode="numeric" id="line1"' not in (await each.get(rest)).text  # all of it is gone
    too_many = await each.post(rest, carrier="UPS", tracking_number="1Z11", line2="4")
    assert (too_many.status_code, "Of W-2 between 0 and 3 pieces are open." in too_many.text) == (422, True)
    last = await each.post(rest, carrier="FedEx", tracking_number="986578788855", line2="3")
    assert (last.status_code, "another parcel" in last.text) == (200, False)
    await tasks.drain()
    assert await each.office.parcels() == [("ups", UPS, 2), ("fedex", "986578788855", 3)]
    assert await each.office.state("1001-1") == "closed"


async def test_declining_needs_a_reason_and_becomes_an_issue(desk: Desk) -> None:
    _, decline, _ = links(await desk.office.sent("1001", ("BLUE", 2)))
    empty = await desk.post(decline, message="  ")
    assert empty.status_code == 422
    assert 'role="alert"' in empty.text
    assert 'aria-invalid="true" aria-describedby="message-hint problem"' in empty.text.replace("\n", "")
    assert await desk.said() == 0
    assert (await desk.post(decline, message="Sold out <b>for good</b>")).status_code == 200
    await tasks.drain()
    assert await desk.office.state("1001-1") == "rejected"
    [(code, said)] = await desk.office.issues()
    assert code == "supplier_rejected"
    assert said.endswith("the supplier will not ship 2 × W-1: Sold out <b>for good</b>")
    page = await desk.get(decline)
    assert "Sold out &lt;b&gt;for good&lt;/b&gt;" in page.text
    assert "<b>" not in page.text


async def test_what_stands_on_the_page_is_text_whatever_it_is(desk: Desk) -> None:
    nasty = """<script>alert(1)</script>"'><img src=x onerror=y>{{ 7*7 }}"""
    await db.run("UPDATE suppliers SET name = ?", nasty)
    confirm, _, track = links(await desk.office.sent("1001", ("BLUE", 2)))
    await db.run("UPDATE purchase_order_lines SET title = ?, supplier_sku = ?", nasty, nasty)
    for link in (confirm, track):
        page = await desk.get(link)
        assert page.status_code == 200
        assert page.text.count("&lt;script&gt;alert(1)") >= 2
        assert "{{ 7*7 }}" in page.text
        assert re.findall(r"<script|<img|\sonerror=\"", page.text) == []
    page = await desk.post(track, carrier=nasty[:50], tracking_number="", line1="2")
    assert page.status_code == 422
    assert re.findall(r"<script|<img", page.text) == []


async def test_links_that_were_not_made_here_or_are_too_old_do_nothing(desk: Desk) -> None:
    confirm, decline, _ = links(await desk.office.sent("1001", ("BLUE", 2)))
    token = confirm.removeprefix("/answer/")
    told = bytearray(base64.urlsafe_b64decode(token + "=="))
    changed = []
    for at in (0, 3, 8, 12, 18, 19, len(told) - 1):
        other = bytearray(told)
        other[at] ^= 1
        changed.append(base64.urlsafe_b64encode(other).rstrip(b"=").decode())
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    idle = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    for one in (*changed, idle, token[:-1], token + "A", "A" * 47):
        page = await desk.post(f"/answer/{one}", reference="A")
        assert page.status_code == 404, one
        assert token not in page.text
    assert await desk.said() == 0
    past = clock.now() + timedelta(days=30)
    clock.use(lambda: past)
    assert (await desk.post(confirm, reference="A")).status_code == 404
    clock.use(lambda: past - timedelta(days=1))
    assert (await desk.get(confirm)).status_code == 200
    conf = settings.settings()
    keys = [f"k{n}:{base64.b64encode(bytes([n]) * 32).decode()}" for n in (7, 8)]
    settings.force(msgspec.structs.replace(conf, secret_key=keys[0]))
    assert (await desk.get(decline)).status_code == 404
    mine = vault.tag(b"x", purpose="answer link")
    settings.force(msgspec.structs.replace(conf, secret_key=",".join(reversed(keys))))
    assert vault.is_tag(mine, b"x", purpose="answer link")  # a key that no longer seals still opens
    assert not vault.is_tag(mine, b"x", purpose="another")
    settings.force(conf)


async def test_the_links_of_an_older_mail_say_so(each: Desk, tmp_path: Path) -> None:
    mail = await each.office.sent("1001", ("BLUE", 2))
    confirm, _, _ = links(mail)
    (tmp_path / "inbox" / "new" / "1.a").write_bytes(bounce(mail, TO))
    await each.office.hear()
    await resolve.resolve(await each.office.issue_id("supplier_failed"), "retry", {}, PERSON)
    page = await each.post(confirm, reference="A")
    assert (page.status_code, "changed after this mail was sent" in page.text) == (409, True)
    await each.office.release()
    newest = links(each.office.out.mails()[-1])[0]
    assert newest != confirm
    assert (await each.get(confirm)).text.count("Use the links in the newest mail") == 1
    assert (await each.post(newest, reference="A")).status_code == 200


async def test_visits_are_limited_by_visitor_and_answers_by_link(desk: Desk) -> None:
    confirm, _, track = links(await desk.office.sent("1001", ("BLUE", 2)))
    for n in range(11):
        page = await desk.http.post(
            track, data={"carrier": "UPS", "line1": "9"}, headers={"X-Forwarded-For": f"9.9.9.9, 10.0.0.{n}"}
        )
    assert page.status_code == 429
    assert 1 <= int(page.headers["retry-after"]) <= 60
    visits = [
        (await desk.http.get(confirm, headers={"X-Forwarded-For": f"{n}.1.1.1, 192.0.2.1"})).status_code
        for n in range(121)
    ]
    assert visits == [*[200] * 120, 429]
    assert (await desk.http.get(confirm, headers={"X-Forwarded-For": "192.0.2.2"})).status_code == 200
    assert await desk.said() == 0


def test_a_limit_forgets_the_oldest_and_lets_go_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("engine.api.limits.time.monotonic", lambda: now[0])
    monkeypatch.setattr("engine.api.limits.MOST_KEYS", 2)
    limit = Limit(1, 10.0)
    assert [limit.wait("a"), limit.wait("a")] == [0, 10]
    now[0] = 9.5
    assert limit.wait("a") == 1
    now[0] = 10.0
    assert limit.wait("a") == 0
    assert [limit.wait("b"), limit.wait("c"), limit.wait("a")] == [0, 0, 0]


async def test_forms_that_are_none_are_turned_away(desk: Desk) -> None:
    confirm, _, track = links(await desk.office.sent("1001", ("BLUE", 2)))
    assert (await desk.http.post(confirm, json={"reference": "A"})).status_code == 422
    assert (await desk.http.post(confirm, files={"reference": b"A"})).status_code == 422
    assert (await desk.http.post(confirm, data={"reference": "A" * 70_000})).status_code == 413
    odd = {"content-type": "application/x-www-form-urlencoded; charset=nope"}
    assert (await desk.http.post(confirm, content=b"reference=%FF%00", headers=odd)).status_code == 422
    assert (await desk.http.put(confirm)).status_code == 405
    for pieces in ("-1", "1e3", "²", "99999999999", "x"):
        page = await desk.post(track, carrier="UPS", tracking_number=UPS, line1=pieces)
        assert page.status_code == 422, pieces
    assert await desk.said() == 0
    plain = {"content-type": "application/x-www-form-urlencoded"}
    assert (await desk.http.post(confirm, content=b"reference=%ED%A0%80%00A", headers=plain)).status_code == 200
    await tasks.drain()
    assert await desk.office.state("1001-1") == "acknowledged"
    assert loggable(confirm) == "/answer/***"


async def test_without_a_public_address_or_with_links_off_a_mail_has_none(desk: Desk) -> None:
    await setup.update("suppliers", desk.office.supplier_id, PERSON, values={"links": False})
    body = (await desk.office.sent("1001", ("BLUE", 2))).as_bytes()
    await setup.update("suppliers", desk.office.supplier_id, PERSON, values={"links": True})
    settings.force(msgspec.structs.replace(settings.settings(), public_url=""))
    body += (await desk.office.sent("1002", ("RED", 1))).as_bytes()
    assert b"/answer/" not in body
    assert body.count(b"Reply to this mail with the attached table") == 2


async def test_in_a_browser_without_scripts_it_is_accessible_and_asks_nobody_else(desk: Desk) -> None:
    confirm, decline, track = links(await desk.office.sent("1001", ("BLUE", 2), ("RED", 3)))
    async with async_playwright() as playwright, web.browser(playwright) as chromium:
        # Axe is a script, so it looks in a context that has them; people use the page in one that has not.
        for theme, width in (("light", 1280), ("dark", 320)):
            looking = await chromium.new_context(color_scheme=theme, viewport={"width": width, "height": 800})  # type: ignore[arg-type]
            page = await looking.new_page()
            asked: list[str] = []
            said: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, said=said: said.append(message.text))
            tab = web.Tab(_Here(str(desk.http.base_url)), page)  # type: ignore[arg-type]
            for link in (confirm, decline, track, "/answer/" + "A" * 47):
                await page.goto(str(desk.http.base_url) + link)
                await tab.axe()
                await tab.fits()
            await page.goto(str(desk.http.base_url) + track)
            await page.evaluate("document.querySelectorAll('input').forEach(one => one.removeAttribute('required'))")
            await page.get_by_role("button", name="Add the parcel").click()
            await tab.axe()  # with what is wrong told
            assert [
                one for one in asked if not one.startswith(str(desk.http.base_url)) and not one.startswith("data:")
            ] == []
            assert [one for one in said if "Content Security" in one or "style" in one] == []
            await looking.close()
        people = await chromium.new_context(java_script_enabled=False)
        page = await people.new_page()
        await page.goto(str(desk.http.base_url) + track)
        await page.keyboard.press("Tab")
        await page.get_by_label("Carrier").fill("UPS")
        await page.get_by_label("Tracking number").fill(UPS)
        await page.get_by_label("Pieces of W-2 in this parcel").fill("1")
        await page.get_by_role("button", name="Add the parcel").click()
        assert "3 pieces shipped by UPS" in await page.get_by_role("status").inner_text()
        await page.get_by_role("link", name="Add another parcel").click()
        assert await page.get_by_label("Pieces of W-2 in this parcel").input_value() == "2"
        await people.close()
    await tasks.drain()
    assert await desk.office.parcels() == [("ups", UPS, 3)]


class _Here(msgspec.Struct):
    url: str


def test_a_token_is_the_same_for_the_same_and_short_enough_for_a_line() -> None:
    at = clock.now()
    found = {answers.token(2**40, kind, at, 365) for kind in answers.Kind}
    assert len(found) == 3
    assert {len(token) for token in found} == {47}
    assert answers.token(1, answers.Kind.TRACK, at, 30) == answers.token(1, answers.Kind.TRACK, at, 30)
