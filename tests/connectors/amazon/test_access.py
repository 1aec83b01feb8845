"""What Amazon lets us do: tokens of two kinds, personal data, consent, and how often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from engine import clock
from engine.connectors.channels.amazon.connector import Connector
from engine.demo.channels.amazon import AMAZON_LIMITS, AmazonSim
from engine.demo.channels.base import ChannelFault
from engine.errors import Misconfigured, NotAuthorised, TryLater
from tests.connectors.amazon.conftest import Connect, parcel, reread, sale

Start = Callable[..., Any]
F = ChannelFault


# --- tokens and personal data -----------------------------------------------------------------------------------------


async def test_a_token_that_has_ended_is_renewed_once(sim: AmazonSim, connect: Connect) -> None:
    connector = connect(sim)
    order = await reread(connector, sim.place(sale()))
    sim.end_tokens()
    await connector.push_tracking(parcel(order))
    assert (sim.counts["token"], sim.state(order.external_id)) == (2, "shipped")
    sim.script("orders.search", F.DENY, F.DENY)
    with pytest.raises(NotAuthorised, match="has expired") as caught:
        await connector.pull(None, None)
    assert sim.counts["token"] == 3
    assert "Develop Apps" in caught.value.message
    assert sim.client_secret not in caught.value.message


async def test_a_401_is_a_token_that_has_ended_as_well(
    sim: AmazonSim, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = connect(sim)
    order = await reread(connector, sim.place(sale()))
    body = {"errors": [{"code": "Unauthorized", "message": "Missing or invalid credentials"}]}
    monkeypatch.setattr(sim, "denied", lambda: web.json_response(body, status=401))
    sim.script("shipment.confirm", F.DENY)
    await connector.push_tracking(parcel(order))
    assert (sim.counts["token"], sim.state(order.external_id)) == (2, "shipped")


async def test_a_role_that_is_missing_is_told_at_once(
    sim: AmazonSim, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"errors": [{"code": "Unauthorized", "message": "Access to requested resource is denied.", "details": ""}]}
    monkeypatch.setattr(sim, "denied", lambda: web.json_response(body, status=403))
    sim.script("orders.search", F.DENY)
    with pytest.raises(NotAuthorised, match=r"Access to requested resource is denied \(Unauthorized\)\. Look at"):
        await connect(sim).pull(None, None)
    assert sim.counts["token"] == 1


@pytest.mark.parametrize("name", ["endpoint", "token_url"])
async def test_an_address_that_is_none_is_said_so(sim: AmazonSim, connect: Connect, name: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        connect(sim, **{name: "sellingpartnerapi-na.amazon.com"})


async def test_a_consent_whose_day_is_known_ends_after_a_year(sim: AmazonSim, connect: Connect) -> None:
    for day, ends in (("2026-03-01", datetime(2027, 3, 1, tzinfo=UTC)), ("", None)):
        connector = connect(sim, consented=day)
        await connector.pull(None, None)
        kept = await connector.grants[0].keeper.load("")
        assert kept is not None
        assert kept.refresh_until == ends
    with pytest.raises(Misconfigured, match="should be a date"):
        connect(sim, consented="2026-02-30")


async def test_a_token_is_asked_for_before_it_ends(sim: AmazonSim, connect: Connect) -> None:
    clock.use(sim.moment)
    connector = connect(sim)
    await connector.pull(None, None)
    sim.pass_time(timedelta(minutes=58))
    await connector.pull(None, None)
    assert sim.counts["token"] == 1
    sim.pass_time(timedelta(minutes=1, seconds=30))
    await connector.pull(None, None)
    assert (sim.counts["token"], sim.counts["orders.search"]) == (2, 3)


@pytest.mark.parametrize(
    ("setting", "said"), [("refresh_token", "invalid_grant"), ("client_secret", "authentication failed")]
)
async def test_consent_that_has_ended_is_told_in_amazons_words(
    sim: AmazonSim, connect: Connect, setting: str, said: str
) -> None:
    with pytest.raises(NotAuthorised, match=said):
        await connect(sim, **{setting: "old"}).check()
    assert sim.counts["token"] == 1


async def test_a_token_endpoint_that_fails_delays_and_does_not_pause(sim: AmazonSim, connect: Connect) -> None:
    connector = connect(sim)
    sim.script("token", F.ERROR_BEFORE, F.HALF_ANSWER, F.HANG_UP)
    for _ in range(3):
        with pytest.raises(TryLater):
            await connector.pull(None, None)
    await connector.pull(None, None)


@pytest.mark.parametrize("personal", ["role", "token", "none"])
@pytest.mark.parametrize("restricted", [False, True])
async def test_personal_data_comes_by_the_role_or_by_a_restricted_token(
    start: Start, connect: Connect, personal: str, restricted: bool
) -> None:
    sim = await start(personal=personal)
    order = sim.place(sale(), gift="Happy birthday")
    connector = connect(sim, restricted_tokens=restricted)
    page = await connector.pull(None, None)
    found = connector.read(page.items[0])
    given = personal == "role" or (personal == "token" and restricted)
    assert bool(found.ship_to.line1) is given
    assert ("Happy birthday" in found.note) is given
    assert ((await reread(connector, order)).ship_to.line1 == "1 Main Street") is given
    assert ("Direct-to-Consumer" in await connector.check()) is not given
    assert sim.counts["token.restricted"] == int(restricted)
    assert len(connector.grants) == 1 + restricted


async def test_a_restricted_token_that_has_ended_is_renewed_once_too(start: Start, connect: Connect) -> None:
    sim = await start(personal="token")
    sim.place(sale())
    connector = connect(sim, restricted_tokens=True)
    await connector.pull(None, None)
    sim.end_tokens()
    page = await connector.pull(None, None)
    assert connector.read(page.items[0]).ship_to.line1
    assert (sim.counts["token"], sim.counts["token.restricted"]) == (
        2,
        3,
    )  # a restricted one with the old, then the new


async def test_consent_given_in_the_browser_is_redeemed_once(sim: AmazonSim) -> None:
    settings = {**sim.settings(), "client_secret": sim.client_secret}
    sim.consents["code-1"] = "https://b.example/back"
    answer = {"spapi_oauth_code": "code-1", "selling_partner_id": "A1DEMOSELLER", "state": "s"}
    clock.use(lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))
    given = await Connector.redeem(settings, answer, "https://b.example/back", "")
    assert given == {"refresh_token": sim.refresh_token, "seller_id": "A1DEMOSELLER", "consented": "2026-03-01"}
    assert given.keys() == set(Connector.authorise_gives)
    with pytest.raises(NotAuthorised, match="invalid_grant"):
        await Connector.redeem(settings, answer, "https://b.example/back", "")
    with pytest.raises(NotAuthorised, match="access_denied"):
        await Connector.redeem(settings, {"error": "access_denied"}, "https://b.example/back", "")


# --- rates ------------------------------------------------------------------------------------------------------------


async def test_searches_stop_before_amazon_has_to_say_so(start: Start, connect: Connect) -> None:
    sim = await start(limits=AMAZON_LIMITS)
    connector = connect(sim)
    for _ in range(20):
        await connector.pull(None, None)
    with pytest.raises(TryLater) as caught:
        await connector.pull(None, None)
    assert caught.value.retry_after is not None
    assert 150 < caught.value.retry_after < 180
    assert sim.counts["orders.search"] == 20


async def test_a_429_gives_a_rate_and_no_wait(start: Start, connect: Connect) -> None:
    sim = await start(limits={"orders.search": (0.01, 1)})
    await connect(sim).pull(None, None)
    connector = connect(sim)  # another process, which does not know of the first
    with pytest.raises(TryLater, match="QuotaExceeded") as caught:
        await connector.pull(None, None)
    assert caught.value.retry_after == pytest.approx(100)
    with pytest.raises(TryLater, match="rate limit"):
        await connector.pull(None, None)
    assert sim.counts["orders.search"] == 2  # the third was never sent


async def test_a_rate_that_amazon_raises_counts_at_once(start: Start, connect: Connect) -> None:
    sim = await start(limits={"orders.search": (5000, 5000)})
    connector = connect(sim)
    for _ in range(40):
        await connector.pull(None, None)
    assert sim.counts["orders.search"] == 40
