"""Being let into a channel by its owner in a browser, from the command line, and being told before that ends."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import clock, db
from engine.connectors import registry
from engine.errors import Invalid, NotAuthorised, Refused
from engine.services import authorise, catalog, intake, listings, notify, outbox, schedule, setup, tasks
from engine.transports import loopback
from tests.support import loopshop
from tests.support.loopshop import LoopShop
from tests.support.office import Run
from tests.support.world import PERSON
from tui.cli import letting_in


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop's connector is there."""
    load = registry._load
    monkeypatch.setattr(
        registry, "_load", lambda kind, slug: loopshop.Connector if slug == "loopshop" else load(kind, slug)
    )


@pytest.fixture
def shop(known: None) -> Iterator[LoopShop]:
    """The shop, in a loop and thread of its own: commands have theirs."""
    loop, shop = asyncio.new_event_loop(), LoopShop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(shop.start(), loop).result(60)
    yield shop
    asyncio.run_coroutine_threadsafe(shop.stop(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()


def visit(url: str) -> tuple[int, str]:
    """What a browser ends at."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def sent_on(url: str) -> str:
    """Where a browser would be sent on from here."""
    try:
        urllib.request.build_opener(NoRedirect).open(url, timeout=60).close()
    except urllib.error.HTTPError as error:
        with error:
            return str(error.headers["Location"])
    raise AssertionError("the shop did not send on")


@contextmanager
def browser(monkeypatch: pytest.MonkeyPatch, visit: Callable[[str], Any]) -> Iterator[list[Any]]:
    """A person's browser, which opens what it is told to; what it saw."""
    seen: list[Any] = []
    threads: list[threading.Thread] = []

    def show(url: str) -> bool:
        threads.append(threading.Thread(target=lambda: seen.append(visit(url))))
        threads[-1].start()
        return True

    monkeypatch.setattr("webbrowser.open", show)
    yield seen
    for thread in threads:
        thread.join(60)


ADD = ("channels", "add", "Loop", "--connector", "loopshop", "--set", "client_id=app-1", "--secret-from-env",
       "client_secret=LOOP_SECRET", "--port", "0")  # fmt: skip


@pytest.fixture
def add(shop: LoopShop, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.setenv("LOOP_SECRET", shop.client_secret)
    return (*ADD, "--set", f"url={shop.url}")


def test_an_owner_lets_us_in_and_the_channel_is_there_tested_and_sealed(
    run: Run, add: tuple[str, ...], shop: LoopShop, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with browser(monkeypatch, visit) as seen:
        result = run(*add, "--json")
    assert json.loads(result.stdout)["answer"] == "connected to Loop & Sons"
    assert "  for the scopes: orders.read parcels.write" in result.stderr
    assert "  described at: https://loop.example/docs" in result.stderr
    assert "  with the redirect address: http://127.0.0.1:8723/authorised" in result.stderr
    assert [(status, "Thank you." in page) for status, page in seen] == [(200, True)]
    assert (shop.asked["code_challenge_method"], shop.asked["scope"]) == ("S256", "orders.read parcels.write")
    assert (len(shop.asked["state"]), len(shop.asked["code_challenge"])) == (43, 43)
    with sqlite3.connect(home / "bluebook.sqlite3") as file:
        everything = "\n".join(file.iterdump())
    file.close()
    for secret in (shop.refresh_token, *shop.used, *shop.access, shop.client_secret):
        assert secret not in everything
    assert "***" in run("channels", "show", "Loop").stdout
    assert "access until" in run("channels", "show", "Loop").stdout


def test_an_owner_who_says_no_leaves_everything_as_it_was(
    run: Run, add: tuple[str, ...], shop: LoopShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.says_no = True
    with browser(monkeypatch, visit):
        result = run(*add, code=4)
    assert "the owner said no (access_denied)" in result.stderr
    run("channels", "show", "Loop", code=2)


def test_an_address_can_be_pasted_where_the_browser_cannot_come_back(
    run: Run, add: tuple[str, ...], shop: LoopShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()

    def paste(url: str) -> None:
        with os.fdopen(writing, "w") as keys:
            keys.write(sent_on(url) + "\n")

    registered = "https://shop.example/back"
    way = letting_in.Way(no_browser=False, paste=False, port=0, redirect_uri=registered, wait=5)
    with browser(monkeypatch, paste), os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        gained = asyncio.run(letting_in.let_in(loopshop.Connector, shop.settings(), way))
    assert "Paste that page's address here" in capsys.readouterr().err
    assert shop.asked["redirect_uri"] == registered
    assert gained == {"refresh_token": shop.refresh_token}
    wrong = run(*add, "--paste", "--no-browser", stdin="https://shop.example/back\n", code=2)
    assert "that is not the address the browser was sent back to" in wrong.stderr
    other = run(*add, "--paste", "--no-browser", stdin="https://shop.example/back?code=1&state=guessed\n", code=4)
    assert "answers another question" in other.stderr


def test_what_does_not_know_the_state_is_not_taken_and_nobody_is_waited_for_for_ever(
    run: Run, add: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forge(url: str) -> list[int]:
        back = sent_on(url).partition("?")[0]
        forged = [back, f"{back}?code=1&state=guessed", back.replace("/authorised", "/favicon.ico")]
        return [visit(address)[0] for address in forged]

    with browser(monkeypatch, forge) as seen:
        wait = loopback.Redirect.wait

        async def until_forged(self: loopback.Redirect, seconds: float) -> dict[str, str]:
            while not seen:
                await asyncio.sleep(0.01)
            return await wait(self, seconds)

        monkeypatch.setattr(loopback.Redirect, "wait", until_forged)
        result = run(*add, "--wait", "1", code=75)
    assert seen == [[400, 400, 404]]
    assert "nobody came back from the browser within 1 s; begin again, with --paste" in result.stderr


def test_what_is_missing_is_named_before_anybody_is_asked(run: Run, shop: LoopShop) -> None:
    result = run("channels", "add", "Loop", "--connector", "loopshop", "--set", f"url={shop.url}", code=2)
    assert "Loop shop needs client_id, client_secret first; see https://loop.example/docs" in result.stderr
    refused = run("channels", "authorise", "Demo store", code=3)
    assert "WooCommerce is not let in by a browser" in refused.stderr


def test_a_channel_whose_access_was_taken_away_is_let_in_anew_and_goes_on(
    run: Run, add: tuple[str, ...], shop: LoopShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with browser(monkeypatch, visit):
        run(*add)
    shop.access.clear()
    shop.refresh_token = "taken away"
    run("channels", "test", "Loop", code=4)
    run("sync", "Loop", code=4)
    run("channels", "pause", "Loop", "--reason", "not let in")
    with browser(monkeypatch, visit):
        result = run("channels", "authorise", "Loop", "--port", "0")
    assert result.stdout.strip() == "Loop: connected to Loop & Sons"
    assert [
        c["paused_reason"]
        for c in json.loads(run("channels", "ls", "--json").stdout)["channels"]
        if c["name"] == "Loop"
    ] == [""]
    clock.use(lambda: datetime.now(UTC) + timedelta(days=80))
    assert "ends in 9 days" in run("channels", "ls").stdout
    finding = "bluebook channels authorise 'Loop'"
    assert finding in run("doctor", "--quick", code=3).stdout


# --- before it ends ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def loop_shop(database: str, known: None) -> AsyncIterator[LoopShop]:
    shop = LoopShop()
    await shop.start()
    yield shop
    await catalog.close_connectors()
    await shop.stop()


async def test_people_are_told_before_access_ends_and_what_serves_nobody_is_forgotten(loop_shop: LoopShop) -> None:
    values = {**loop_shop.settings(), "refresh_token": loop_shop.refresh_token}
    channel = await setup.add_channel("Loop", "loopshop", values, PERSON, poll_seconds=0)
    await setup.update("channels", channel.id, PERSON, alert_addresses=["ops@example.com"])
    await setup.test_connection("channels", channel.id)
    await schedule.ensure()
    assert await db.value("SELECT task FROM schedules WHERE key = 'channels.grants:0'") == "channels.grants"
    began = clock.now()
    assert await authorise.endings() == []
    told = []
    for day in range(74, 93):
        clock.use(lambda day=day: began + timedelta(days=day, hours=-1))
        await authorise.run_jobs([])
        for job in await outbox.claim(limit=9, token=tasks.new_token(), tasks=["notify.send"]):
            told.append(90 - day)
            mail = await notify._access(job.subject_id, job.args)
            assert mail is not None
            assert mail.subject == "Loop: access ends soon"
            assert "bluebook channels authorise 'Loop'" in mail.text
            await outbox.finish({job: outbox.Done()})
    assert told == list(authorise.TELL_AT)
    (view,) = await listings.channels()
    assert view.access_until is not None
    assert abs(view.access_until - began - timedelta(days=90)) < timedelta(hours=1)
    await setup.update("channels", channel.id, PERSON, values={"refresh_token": "another"})
    assert (await listings.channels())[0].access_until is None
    await authorise.run_jobs([])
    assert await db.value("SELECT COUNT(*) FROM grants") == 0


async def test_the_poll_of_a_channel_that_does_not_let_us_in_pauses_it(loop_shop: LoopShop) -> None:
    channel = await setup.add_channel(
        "Loop", "loopshop", {**loop_shop.settings(), "refresh_token": "wrong"}, PERSON, poll_seconds=0
    )
    await intake.run_poll_jobs([outbox.Job(1, "", "channels.poll", channel.id, {}, 0, "t")])
    (view,) = await listings.channels()
    assert "does not take the grant" in view.paused_reason
    good = {"refresh_token": loop_shop.refresh_token}
    assert await authorise.renew(channel.id, good, PERSON) == ("connected to Loop & Sons", 0)
    assert (await listings.channels())[0].state == "ok"
    asked = authorise.begin(loopshop.Connector, loop_shop.settings(), "http://127.0.0.1:1/authorised", "s")
    with pytest.raises(NotAuthorised, match="another question"):
        await authorise.finish(loopshop.Connector, asked, {"state": "other", "code": "1"})
    with pytest.raises(Invalid):
        authorise.pasted("not an address")
    with pytest.raises(Refused):
        authorise.begin(registry.channel_type("woocommerce"), {}, "", "s")
