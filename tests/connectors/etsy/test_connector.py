"""The connector against the demo Etsy: tokens that are good once, receipts however they changed, and one mail a parcel."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from engine.connectors import registry
from engine.connectors.channels.etsy.connector import Config, Connector
from engine.demo.channels.base import ChannelFault, Exchange
from engine.demo.channels.etsy import DemoEtsy
from engine.errors import Invalid, Misconfigured, NotAuthorised, OutcomeUnknown, Refused, TryLater
from engine.ports import ChannelParcel, ChannelState, HasOrderPages, Payment, TakesHooks
from engine.ports_channels import Authorises, HasListings, Scoped, TellsWholeOrders
from engine.transports.grants import LocalKeeper
from tests.connectors.etsy.conftest import Connect, Unhurried, parcel, sale, walk


def test_it_offers_what_Etsy_offers() -> None:
    made = Connector(Config(keystring="a", shared_secret="b", refresh_token="c", shop_id=7))
    assert isinstance(made, (TakesHooks, HasOrderPages))
    assert isinstance(made, Scoped)
    assert isinstance(made, Authorises)
    assert isinstance(made, HasListings)
    assert isinstance(Connector, TellsWholeOrders)
    assert Connector.order_page({}, "3#1") == "https://www.etsy.com/your/orders/sold?order_id=3%231"


@pytest.mark.parametrize(
    ("field", "value"), [("page_size", 101), ("timeout", 0), ("shop_id", 0), ("shop_id", "seven"), ("keystring", "")]
)
def test_a_setting_out_of_range_is_misconfigured(field: str, value: object) -> None:
    values = {"keystring": "a", "shared_secret": "b", "refresh_token": "c", "shop_id": "7", field: value}
    with pytest.raises(Misconfigured, match=field):
        registry.configure(registry.channel_type("etsy"), values)


def test_an_address_that_is_none_is_misconfigured() -> None:
    with pytest.raises(Misconfigured, match="api_url"):
        Connector(Config(keystring="a", shared_secret="b", refresh_token="c", shop_id=7, api_url="openapi.etsy.com"))


# --- being let in -----------------------------------------------------------------------------------------------------


async def test_the_owner_lets_us_in_by_PKCE(etsy: DemoEtsy, connect: Connect) -> None:
    settings = {**etsy.settings(), "shared_secret": etsy.shared_secret}
    del settings["shop_id"]
    verifier, back = "v" * 43, "http://localhost:8750/authorised"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")

    async def said_yes() -> dict[str, str]:
        url = Connector.authorise_url(settings, back, "state-1", challenge)
        assert parse_qs(urlsplit(url).query)["scope"] == ["transactions_r transactions_w shops_r listings_r"]
        async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as page:
            return {k: v[0] for k, v in parse_qs(urlsplit(page.headers["Location"]).query).items()}

    answer = await said_yes()
    assert answer["state"] == "state-1"
    given = await Connector.redeem(settings, answer, back, verifier)
    assert set(given) == set(Connector.authorise_gives)
    made = connect(refresh_token=given["refresh_token"], shop_id=int(given["shop_id"]))
    assert await made.check() == "BlueDoorLiving at Etsy (USD), 0 orders"
    with pytest.raises(NotAuthorised, match="used up"):  # a code is good once
        await Connector.redeem(settings, answer, back, verifier)
    with pytest.raises(NotAuthorised, match="used up"):  # and for who asked for it
        await Connector.redeem(settings, await said_yes(), back, "w" * 43)
    with pytest.raises(NotAuthorised, match="let Bluebook in: access_denied"):
        await Connector.redeem(settings, {"error": "access_denied"}, back, verifier)


def test_Etsys_own_addresses() -> None:
    url = Connector.authorise_url({"keystring": "a"}, "https://x.example/back", "s", "c")
    assert url.startswith("https://www.etsy.com/oauth/connect?response_type=code&client_id=a&")
    assert parse_qs(urlsplit(url).query)["code_challenge_method"] == ["S256"]


async def test_a_refresh_token_is_good_once_and_the_one_that_came_last_is_used(
    etsy: DemoEtsy, connect: Connect
) -> None:
    made, first = connect(), etsy.refresh_token
    await asyncio.gather(*(made.pull_ids([str(n)]) for n in range(1, 6)))
    assert etsy.counts["token"] == 1
    second = etsy.refresh_token
    assert second != first
    etsy.pass_time(timedelta(hours=2))
    await made.pull_ids(["1"])
    assert (etsy.counts["token"], etsy.refresh_token in (first, second)) == (2, False)
    kept = await made.grants[0].keeper.load("")
    assert kept is not None
    assert kept.refresh_token == etsy.refresh_token
    assert kept.refresh_until is not None
    assert timedelta(days=89) < kept.refresh_until - datetime.now(UTC) < timedelta(days=91)
    etsy.pass_time(timedelta(hours=2))
    after_restart = connect(refresh_token=first)
    after_restart.grants[0].keeper = made.grants[0].keeper
    await after_restart.pull_ids(["1"])
    after_restart.grants[0].keeper = LocalKeeper()
    etsy.pass_time(timedelta(hours=2))
    with pytest.raises(NotAuthorised, match="Let Bluebook into the Etsy shop anew") as caught:
        await after_restart.pull_ids(["1"])
    assert first not in caught.value.message


async def test_who_let_us_in_anew_is_not_held_to_a_token_that_ended(etsy: DemoEtsy, connect: Connect) -> None:
    made = connect()
    await made.pull_ids(["1"])
    etsy.refresh_token = "147578205.of-a-new-consent"
    etsy.pass_time(timedelta(hours=2))
    anew = connect()
    anew.grants[0].keeper = made.grants[0].keeper  # which still has the old one
    await anew.pull_ids(["1"])


async def test_the_key_is_the_keystring_with_its_secret(etsy: DemoEtsy, connect: Connect, said: list[Exchange]) -> None:
    await connect().check()
    assert {one.headers["x-api-key"] for one in said} == {f"{etsy.keystring}:{etsy.shared_secret}"}
    with pytest.raises(NotAuthorised, match="should be in the format"):
        await connect(shared_secret="other").check()


async def test_limits_are_those_that_Etsy_states(etsy: DemoEtsy, connect: Connect) -> None:
    etsy.per_second, etsy.per_day, etsy.today = 10, 10_000, 9_990
    made = connect()
    await made.check()
    buckets = made.throttle
    assert isinstance(buckets, Unhurried)
    assert [(one.name, one.burst) for one in buckets.taken[:2]] == [("Etsy, a day", 5_000), ("Etsy, a second", 5)]
    assert [(one.burst, one.rate) for one in buckets.taken[2:]] == [(10_000, 10_000 / 86_400), (10, 10)]
    assert [one for one in buckets.heard if one[0] == "Etsy, a day"] == [("Etsy, a day", 9), ("Etsy, a day", 8)]


async def test_a_shop_that_holds_to_its_limits_says_when_to_come_back(etsy: DemoEtsy, connect: Connect) -> None:
    etsy.strict, etsy.per_day, etsy.retry_after = True, 1, 9
    made = connect()
    await made.pull_ids(["1"])
    with pytest.raises(TryLater) as caught:
        await made.pull_ids(["1"])
    assert caught.value.retry_after == 9


# --- receipts ---------------------------------------------------------------------------------------------------------


async def test_a_canceled_receipt_comes_though_it_changed_at_no_time(etsy: DemoEtsy, connect: Connect) -> None:
    old, gone, kept = (etsy.place(sale(placed_at=etsy.moment() - timedelta(days=days))) for days in (40, 5, 5))
    made = connect()
    assert set(await walk(made)) == {old, gone, kept}
    etsy.cancel(gone)
    etsy.cancel(old)
    since = etsy.moment() - timedelta(minutes=5)
    assert await walk(made, since) == [gone]
    page = await made.pull_ids([old, gone, kept])  # the rescan has the old one
    states = {raw.external_id: made.read(raw).state for raw in page.items}
    assert states == {old: ChannelState.CANCELED, gone: ChannelState.CANCELED, kept: ChannelState.OPEN}


async def test_many_canceled_receipts_are_swept_page_by_page(etsy: DemoEtsy, connect: Connect) -> None:
    placed = [etsy.place(sale()) for _ in range(7)]
    for one in placed:
        etsy.cancel(one)
    assert sorted(await walk(connect(page_size=2))) == placed


async def test_a_refund_shows_when_the_order_is_read_again(etsy: DemoEtsy, connect: Connect) -> None:
    order_id = etsy.place(sale(("A", 2)))
    made = connect()
    etsy.refund_money(order_id, 1450)
    (raw,) = (await made.pull_ids([order_id])).items
    order = made.read(raw)
    assert (order.state, order.payment) == (ChannelState.OPEN, Payment.PARTIALLY_REFUNDED)
    etsy.refund_money(order_id, 1450)
    (raw,) = (await made.pull_ids([order_id])).items
    assert made.read(raw).state is ChannelState.CANCELED


async def test_receipts_of_files_alone_are_left_out(etsy: DemoEtsy, connect: Connect) -> None:
    ours, files = etsy.place(sale()), etsy.place(sale())
    etsy.receipts[files]["transactions"][0]["is_digital"] = True
    made = connect()
    assert await walk(made) == [ours]
    assert [raw.external_id for raw in (await made.pull_ids([files, ours])).items] == [ours]


async def test_one_entry_that_is_no_receipt_does_not_stop_its_page(
    etsy: DemoEtsy, connect: Connect, said: list[Exchange]
) -> None:
    good, bad = etsy.place(sale()), etsy.place(sale())
    etsy.receipts[bad]["receipt_id"] = "seven"
    page = await connect().pull(None, None)
    assert [raw.external_id for raw in page.items] == [good]
    assert [(one.raw.external_id, one.field) for one in page.rejected] == [("seven", "receipt_id")]
    said.clear()  # no description allows it


async def test_many_open_receipts_are_read_again_in_few_calls(etsy: DemoEtsy, connect: Connect) -> None:
    placed = [etsy.place(sale()) for _ in range(250)]
    etsy.cancel(placed[3])
    made = connect()
    wanted = [*placed[100:200], placed[3], "", "x1", "0", "4999999999"]
    page = await made.pull_ids(wanted)
    assert [raw.external_id for raw in page.items] == [*placed[100:200], placed[3]]
    assert etsy.counts["receipts.list"] == 3
    assert etsy.counts["receipts.get"] == 2  # the canceled one, and the one that is not there
    etsy.counts.clear()
    assert len((await made.pull_ids(placed[:4])).items) == 4
    assert "receipts.list" not in etsy.counts


@pytest.mark.parametrize("cursor", ['{"page": 3}', "more", '{"place": {"until": 5}}'])
async def test_a_cursor_of_another_is_invalid(etsy: DemoEtsy, connect: Connect, cursor: str) -> None:
    with pytest.raises(Invalid, match="Etsy"):
        await connect().pull(None, cursor)
    with pytest.raises(Invalid, match="Etsy"):
        await connect().listed(cursor)


# --- parcels ----------------------------------------------------------------------------------------------------------


async def test_the_buyer_gets_one_mail_for_each_parcel(etsy: DemoEtsy, connect: Connect) -> None:
    order_id = etsy.place(sale(("A", 2)))
    for number in ("1Z-1", "1Z-1", "1z1", "TBA 2", "TBA2"):
        for _ in range(2):  # each time by another that knows nothing of what was told
            assert await connect().push_tracking(parcel(order_id, number))
    assert etsy.mails == [(order_id, "1Z-1"), (order_id, "TBA 2")]
    found = await connect().read_tracking([order_id, "4999999999"])
    assert found == {order_id: (ChannelParcel("1Z-1"), ChannelParcel("TBA 2"))}


async def test_two_that_tell_the_same_parcel_at_once_mail_once(etsy: DemoEtsy, connect: Connect) -> None:
    order_id = etsy.place(sale(("A", 2)))
    made = connect()
    references = await asyncio.gather(*(made.push_tracking(parcel(order_id)) for _ in range(4)))
    assert len(set(references)) == len(etsy.mails) == 1


@pytest.mark.parametrize(
    "fault", [ChannelFault.ERROR_AFTER, ChannelFault.HANG_UP, ChannelFault.LATE, ChannelFault.HALF_ANSWER]
)
async def test_a_parcel_whose_answer_was_lost_is_read_back_and_mails_once(
    etsy: DemoEtsy, connect: Connect, fault: ChannelFault
) -> None:
    order_id = etsy.place(sale())
    etsy.script("tracking.add", fault)
    made = connect(timeout=2.0 if fault is ChannelFault.LATE else 60.0)
    assert await made.push_tracking(parcel(order_id)) == "1200000000"
    assert len(etsy.mails) == etsy.counts["tracking.add"] == 1


@pytest.mark.parametrize("fault", [ChannelFault.HANG_UP, ChannelFault.HALF_ANSWER])
async def test_a_parcel_that_can_not_be_read_back_is_not_told_again(
    etsy: DemoEtsy, connect: Connect, fault: ChannelFault
) -> None:
    order_id = etsy.place(sale())
    etsy.script("receipts.get", ChannelFault.NONE, ChannelFault.ERROR_BEFORE)
    etsy.script("tracking.add", fault)
    with pytest.raises(OutcomeUnknown):
        await connect().push_tracking(parcel(order_id))
    assert await connect().push_tracking(parcel(order_id)) == "1200000000"
    assert len(etsy.mails) == etsy.counts["tracking.add"] == 1


async def test_a_parcel_is_not_told_where_the_receipt_cannot_be_read(etsy: DemoEtsy, connect: Connect) -> None:
    order_id = etsy.place(sale())
    for fault, expected in ((ChannelFault.HALF_ANSWER, TryLater), (ChannelFault.ERROR_BEFORE, TryLater)):
        etsy.script("receipts.get", fault)
        with pytest.raises(expected):
            await connect().push_tracking(parcel(order_id))
    assert "tracking.add" not in etsy.counts


async def test_the_buyer_of_a_canceled_order_hears_nothing(etsy: DemoEtsy, connect: Connect) -> None:
    order_id = etsy.place(sale())
    etsy.cancel(order_id)
    with pytest.raises(Refused, match="is canceled there"):
        await connect().push_tracking(parcel(order_id))
    with pytest.raises(Refused, match="no order 4999999999 in this shop"):
        await connect().push_tracking(parcel("4999999999"))
    with pytest.raises(Refused, match="no order abc in this shop"):
        await connect().push_tracking(parcel("abc"))
    assert "tracking.add" not in etsy.counts


async def test_parcels_of_many_are_read_back_in_few_calls(etsy: DemoEtsy, connect: Connect) -> None:
    placed = [etsy.place(sale()) for _ in range(40)]
    made = connect()
    for one in placed[:30]:
        await made.push_tracking(parcel(one, f"1Z{one}"))
    etsy.counts.clear()
    found = await made.read_tracking(placed[:30])
    assert {one: [p.tracking_number for p in parcels] for one, parcels in found.items()} == {
        one: [f"1Z{one}"] for one in placed[:30]
    }
    assert dict(etsy.counts) == {"receipts.list": 1}


# --- listings ---------------------------------------------------------------------------------------------------------


async def test_everything_that_is_or_was_on_sale_is_listed(etsy: DemoEtsy, connect: Connect) -> None:
    made = connect()
    found, cursor = [], None
    for _ in range(10):
        page = await made.listed(cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    assert cursor is None
    skus = [sku for one in etsy.listings for sku in one["skus"]]
    assert sorted(item.sku for item in found) == sorted([*skus, f"{skus[0]}-GIFT"])
    assert [item.sku for item in found if not item.active] == [skus[-1]]
