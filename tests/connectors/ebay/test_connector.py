"""The connector against the demo eBay: tokens, orders as only eBay has them, and parcels told once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from engine.connectors import registry
from engine.connectors.channels.ebay import connector as ebay_connector
from engine.connectors.channels.ebay.connector import Config, Connector
from engine.demo.channels.base import ChannelFault, Exchange
from engine.demo.channels.ebay import DemoEbay
from engine.errors import Misconfigured, NotAuthorised, OutcomeUnknown, Refused, TryLater
from engine.ports import CancelWish, ChannelParcel, ChannelState, HasOrderPages, TakesHooks
from engine.ports_channels import Authorises, FetchesKeys, ProvesAddress, Scoped
from engine.transports.throttle import PATIENCE, Bucket
from tests.connectors.ebay.conftest import Connect, parcel, sale


def test_it_offers_what_eBay_offers() -> None:
    made = Connector(Config(client_id="a", client_secret="b", refresh_token="c"))
    assert isinstance(made, (TakesHooks, HasOrderPages))
    assert isinstance(made, Scoped)
    assert isinstance(made, Authorises)
    assert isinstance(made, FetchesKeys)
    assert isinstance(made, ProvesAddress)


@pytest.mark.parametrize(
    ("field", "value"),
    [("page_size", 201), ("timeout", 0), ("refresh_token", ""), ("verification_token", "short"), ("client_id", None)],
)
def test_a_setting_out_of_range_is_misconfigured(field: str, value: object) -> None:
    values = {"client_id": "a", "client_secret": "b", "refresh_token": "c", field: value}
    with pytest.raises(Misconfigured, match=field):
        registry.configure(registry.channel_type("ebay"), values)


@pytest.mark.parametrize(("field", "value"), [("api_url", "api.ebay.com"), ("authorised_until", "next year")])
def test_an_address_or_time_that_is_none_is_misconfigured(field: str, value: str) -> None:
    values = {"client_id": "a", "client_secret": "b", "refresh_token": "c", field: value}
    with pytest.raises(Misconfigured, match=field):
        Connector(Config(**values))


# --- being let in -----------------------------------------------------------------------------------------------------


async def test_the_owner_lets_us_in(ebay: DemoEbay, connect: Connect) -> None:
    ebay.accept_url = "https://orders.example.com/authorised"
    settings = {**ebay.settings(), "client_secret": ebay.client_secret}
    url = Connector.authorise_url(settings, "http://127.0.0.1:9/ignored", "state-1", "challenge")
    asked = parse_qs(urlsplit(url).query)
    assert asked["redirect_uri"] == [ebay.ru_name]
    assert asked["scope"] == ["https://api.ebay.com/oauth/api_scope/sell.fulfillment"]
    async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as page:
        back = urlsplit(page.headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == ebay.accept_url
    answer = {name: values[0] for name, values in parse_qs(back.query).items()}
    assert answer["state"] == "state-1"
    given = await Connector.redeem(settings, answer, "http://127.0.0.1:9/ignored", "verifier")
    assert set(given) == set(Connector.authorise_gives)
    made = connect(**given)
    assert await made.check() == "eBay, 0 orders changed in the last 90 days"
    await made.grants[0].token()
    kept = await made.grants[0].keeper.load("")
    assert kept is not None
    assert kept.refresh_until is not None
    assert timedelta(days=540) < kept.refresh_until - datetime.now(UTC) < timedelta(days=548)
    with pytest.raises(NotAuthorised, match="authorization grant is invalid"):  # a code is good once
        await Connector.redeem(settings, answer, "", "")


async def test_an_owner_who_says_no(ebay: DemoEbay) -> None:
    with pytest.raises(NotAuthorised, match="let Bluebook in: the user said no"):
        await Connector.redeem(ebay.settings(), {"error": "denied", "error_description": "the user said no"}, "", "")


def test_eBays_own_addresses() -> None:
    real = {"client_id": "a", "ru_name": "b"}
    assert Connector.authorise_url(real, "", "s", "").startswith("https://auth.ebay.com/oauth2/authorize?client_id=a&")
    sandbox = {**real, "api_url": "https://api.sandbox.ebay.com"}
    assert Connector.authorise_url(sandbox, "", "s", "").startswith("https://auth.sandbox.ebay.com/oauth2/authorize?")
    assert Connector.order_page({}, "12-3#4") == "https://www.ebay.com/mesh/ord/details?orderid=12-3%234"
    assert Connector.order_page(sandbox, "1").startswith("https://www.sandbox.ebay.com/")


async def test_a_token_is_renewed_once_for_all_when_it_has_ended(ebay: DemoEbay, connect: Connect) -> None:
    made = connect()
    await made.pull(None, None)
    assert ebay.counts["token"] == 1
    ebay.pass_time(timedelta(hours=3))
    await asyncio.gather(*(made.pull_ids([str(n)]) for n in range(5)))
    assert ebay.counts["token"] == 2


async def test_a_post_that_was_not_let_in_is_repeated_once(ebay: DemoEbay, connect: Connect) -> None:
    order_id = ebay.place(sale())
    ebay.script("parcels.add", ChannelFault.DENY)
    await connect().push_tracking(parcel(ebay, order_id))
    assert (ebay.counts["token"], ebay.counts["parcels.add"], len(ebay.parcels(order_id))) == (2, 2, 1)


async def test_a_refused_refresh_token_says_what_to_do(ebay: DemoEbay, connect: Connect) -> None:
    with pytest.raises(NotAuthorised, match=r"Let Bluebook into the eBay account anew") as caught:
        await connect(refresh_token="v^1.1#old").check()
    assert "v^1.1#old" not in caught.value.message
    with pytest.raises(NotAuthorised, match="client authentication failed"):
        await connect(client_secret="PRD-other").check()


@pytest.mark.parametrize("fault", [ChannelFault.ERROR_BEFORE, ChannelFault.HANG_UP, ChannelFault.THROTTLE])
async def test_a_token_endpoint_in_trouble_is_tried_later(
    ebay: DemoEbay, connect: Connect, fault: ChannelFault
) -> None:
    order_id = ebay.place(sale())
    ebay.script("token", fault)
    with pytest.raises(TryLater):
        await connect().push_tracking(parcel(ebay, order_id))
    assert ebay.parcels(order_id) == []


# --- orders -----------------------------------------------------------------------------------------------------------


async def test_who_asked_to_cancel_is_fetched_with_the_order(
    ebay: DemoEbay, connect: Connect, said: list[Exchange]
) -> None:
    quiet, asks, rejected, over = (ebay.place(sale()) for _ in range(4))
    for one in (asks, rejected, over):
        ebay.ask_to_cancel(one)
    ebay.answer_cancel(rejected, accept=False)
    ebay.answer_cancel(over, accept=True)
    made = connect()
    page = await made.pull(None, None)
    found = {raw.external_id: made.read(raw) for raw in page.items}
    assert {one: (order.state, order.cancel_wish) for one, order in found.items()} == {
        quiet: (ChannelState.OPEN, None), asks: (ChannelState.OPEN, CancelWish("order placed by mistake")),
        rejected: (ChannelState.OPEN, None), over: (ChannelState.CANCELED, None),
    }  # fmt: skip
    assert ebay.counts["orders.get"] == 3
    listed = next(one for one in said if one.url.endswith("offset=0"))
    assert b'"cancelRequestState"' not in listed.answer


async def test_orders_that_eBay_ships_itself_are_left_out(ebay: DemoEbay, connect: Connect) -> None:
    ours, theirs = ebay.place(sale()), ebay.place(sale())
    ebay.orders[theirs]["fulfillmentStartInstructions"][0]["fulfillmentInstructionsType"] = "FULFILLED_BY_EBAY"
    made = connect()
    assert [raw.external_id for raw in (await made.pull(None, None)).items] == [ours]
    assert [raw.external_id for raw in (await made.pull_ids([theirs, ours])).items] == [ours]


async def test_one_entry_that_is_no_order_does_not_stop_its_page(
    ebay: DemoEbay, connect: Connect, said: list[Exchange]
) -> None:
    good, bad = ebay.place(sale()), ebay.place(sale())
    ebay.orders[bad]["orderId"] = 7
    page = await connect().pull(None, None)
    assert [raw.external_id for raw in page.items] == [good]
    assert [(one.raw.external_id, one.field) for one in page.rejected] == [("7", "orderId")]
    said.clear()  # no description allows it


async def test_many_ids_are_asked_for_fifty_at_a_time(ebay: DemoEbay, connect: Connect) -> None:
    placed = [ebay.place(sale()) for _ in range(120)]
    page = await connect().pull_ids([*placed, *placed[:7], "", "1,2", "99-99999-99999"])
    assert sorted(raw.external_id for raw in page.items) == sorted(placed)
    assert ebay.counts["orders.list"] == 3


async def test_an_id_that_spoils_the_question_for_others_is_left_out(
    ebay: DemoEbay, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = [ebay.place(sale()) for _ in range(3)]
    made = connect()
    original = made._client.get

    async def get(path: str, **params: str) -> object:
        if "bad" in params.get("orderIds", "").split(","):
            raise Refused("Invalid order ID: bad", "32100")
        return await original(path, **params)

    monkeypatch.setattr(made._client, "get", get)
    page = await made.pull_ids([*placed, "bad"])
    assert sorted(raw.external_id for raw in page.items) == sorted(placed)


async def test_a_limit_on_calls_is_asked_for_each(ebay: DemoEbay, connect: Connect) -> None:
    class Counting:
        def __init__(self) -> None:
            self.taken: list[str] = []

        async def take(self, bucket: Bucket, cost: float = 1.0) -> None:
            self.taken.append(bucket.name)
            if len(self.taken) > 2:
                raise TryLater("nothing left", PATIENCE)

        async def told(self, bucket: Bucket, left: float) -> None: ...

    made = connect()
    made.throttle = Counting()
    order_id = ebay.place(sale())
    await made.push_tracking(parcel(ebay, order_id))
    assert made.throttle.taken == ["eBay Fulfillment"] * 2
    with pytest.raises(TryLater, match="nothing left"):
        await made.pull(None, None)


# --- parcels ----------------------------------------------------------------------------------------------------------


async def test_a_parcel_is_one_fulfillment_with_its_pieces(ebay: DemoEbay, connect: Connect) -> None:
    order_id = ebay.place(sale(("A", 3), ("B", 1)))
    a, b = (line["lineItemId"] for line in ebay.orders[order_id]["lineItems"])
    made = connect()
    assert await made.push_tracking(parcel(ebay, order_id, "1Z-1", lines=((a, 2),), last=False)) == "1Z1"
    assert await made.push_tracking(parcel(ebay, order_id, "TBA 2", carrier="amazon", lines=((a, 1), (b, 1)))) == "TBA2"
    assert [(one.tracking_number, one.carrier, one.lines) for one in ebay.parcels(order_id)] == [
        ("1Z1", "UPS", {"A": 2}), ("TBA2", "Other", {"A": 1, "B": 1}),
    ]  # fmt: skip
    found = await made.read_tracking([order_id, "99-99999-99999"])
    assert found == {order_id: (ChannelParcel("1Z1", None, "1Z1"), ChannelParcel("TBA2", None, "TBA2"))}


@pytest.mark.parametrize(
    "fault", [ChannelFault.ERROR_AFTER, ChannelFault.HANG_UP, ChannelFault.LATE, ChannelFault.HALF_ANSWER]
)
async def test_a_parcel_whose_answer_was_lost_is_read_back(
    ebay: DemoEbay, connect: Connect, fault: ChannelFault
) -> None:
    order_id = ebay.place(sale(("A", 2)))
    ebay.script("parcels.add", fault)
    made = connect(timeout=2.0 if fault is ChannelFault.LATE else 60.0)
    assert await made.push_tracking(parcel(ebay, order_id)) == "1Z999AA10123456784"
    assert len(ebay.parcels(order_id)) == ebay.counts["parcels.add"] == 1


async def test_a_parcel_that_can_not_be_read_back_is_not_sent_again(ebay: DemoEbay, connect: Connect) -> None:
    order_id = ebay.place(sale(("A", 2)))
    ebay.script("parcels.list", ChannelFault.NONE, ChannelFault.ERROR_BEFORE)
    ebay.script("parcels.add", ChannelFault.HANG_UP)
    made = connect()
    with pytest.raises(OutcomeUnknown):
        await made.push_tracking(parcel(ebay, order_id))
    assert await connect().push_tracking(parcel(ebay, order_id)) == "1Z999AA10123456784"
    assert len(ebay.parcels(order_id)) == ebay.counts["parcels.add"] == 1


async def test_a_number_that_stands_for_other_pieces_is_refused_in_eBays_words(
    ebay: DemoEbay, connect: Connect
) -> None:
    order_id = ebay.place(sale(("A", 1), ("B", 1)))
    a, b = (line["lineItemId"] for line in ebay.orders[order_id]["lineItems"])
    made = connect()
    await made.push_tracking(parcel(ebay, order_id, lines=((a, 1),)))
    with pytest.raises(Refused, match=r"eBay answered 400: Please use PUT .* \(34500\)") as caught:
        await made.push_tracking(parcel(ebay, order_id, lines=((b, 1),)))
    assert caught.value.code == "34500"


# --- the keys of eBay's calls -----------------------------------------------------------------------------------------


async def test_a_key_is_fetched_once_and_one_that_is_none_is_not_kept(ebay: DemoEbay, connect: Connect) -> None:
    made = connect()
    headers, body = ebay.notification("ORDER_CONFIRMATION", {"order": {"orderId": "12-3"}})
    for _ in range(3):
        await made.learn(headers)
    assert ebay.counts["keys.get"] == 1
    assert made.verify_hook(headers, body).refresh == ("12-3",)
    ebay.key_id = "another"
    await made.learn(headers)
    strange = ebay.notification("X", {})[0]
    ebay.key_id = "gone"
    await made.learn(strange)
    assert set(made._keys) == {"a1b2-c3d4"}
    assert len(made._keys) <= ebay_connector._MOST_KEYS
