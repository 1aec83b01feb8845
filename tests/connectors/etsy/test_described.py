"""Every operation we use, against Etsy's own description: the request, the answer, and what becomes of errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.etsy import mapping
from engine.connectors.channels.etsy.connector import Connector
from engine.demo.channels.base import ChannelFault, Exchange
from engine.demo.channels.etsy import DemoEtsy
from engine.errors import NotAuthorised, OutcomeUnknown, Refused, TryLater
from tests.connectors.etsy.conftest import SPEC, Connect, parcel, sale, walk
from tests.support.operations import Operations, operations
from tests.support.specs import spec

pytestmark = pytest.mark.shared
Act = Callable[[Connector, DemoEtsy], Awaitable[Any]]


async def _list(connector: Connector, etsy: DemoEtsy) -> Any:
    etsy.cancel(etsy.place(sale(("A", 2), ("B", 1), note="Ring twice")))
    etsy.place(sale(paid=False))
    return await walk(connector)


async def _one(connector: Connector, etsy: DemoEtsy) -> Any:
    order_id = etsy.place(sale())
    etsy.refund_money(order_id, 100)
    return await connector.pull_ids([order_id])


async def _ship(connector: Connector, etsy: DemoEtsy) -> Any:
    return await connector.push_tracking(parcel(etsy.place(sale(("A", 2)))))


async def _check(connector: Connector, etsy: DemoEtsy) -> Any:
    return await connector.check()


async def _listings(connector: Connector, etsy: DemoEtsy) -> Any:
    return await connector.listed(None)


async def _me(connector: Connector, etsy: DemoEtsy) -> Any:
    etsy._codes["code"] = ("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "there")  # the challenge of ""
    settings = {**etsy.settings(), "shared_secret": etsy.shared_secret}
    return await Connector.redeem(settings, {"code": "code"}, "there", "")


TABLE: dict[str, tuple[Act, str]] = {
    "getShopReceipts": (_list, "receipts.list"),
    "getShopReceipt": (_one, "receipts.get"),
    "createReceiptShipment": (_ship, "tracking.add"),
    "getShop": (_check, "shops.get"),
    "getListingsByShop": (_listings, "listings.list"),
    "getMe": (_me, "users.me"),
}
EFFECTS = {"createReceiptShipment"}
ROWS = pytest.mark.parametrize("operation", TABLE)


@pytest.fixture
def known() -> Operations:
    return operations(spec(SPEC))


def test_the_operations_are_Etsys_own_and_the_scopes_suffice(known: Operations) -> None:
    methods = {
        method["operationId"]: method
        for path in known.document["paths"].values()
        for method in path.values()
        if isinstance(method, dict) and "operationId" in method
    }
    wanted = {scope for name in TABLE for way in methods[name].get("security", []) for scope in way.get("oauth2", ())}
    assert wanted == set(Connector.scopes)


@ROWS
async def test_request_and_answer_are_valid(
    operation: str, etsy: DemoEtsy, connect: Connect, said: list[Exchange], known: Operations
) -> None:
    await TABLE[operation][0](connect(), etsy)
    exchanges = [one for one in said if known.name(one) == operation]
    assert exchanges
    assert [known.check(one) for one in exchanges] == [("", "")] * len(exchanges)


@ROWS
async def test_an_error_says_what_to_do(operation: str, etsy: DemoEtsy, connect: Connect) -> None:
    act, name = TABLE[operation]
    etsy.retry_after = 7
    for fault, expected in (
        (ChannelFault.THROTTLE, TryLater),
        (ChannelFault.ERROR_BEFORE, OutcomeUnknown if operation in EFFECTS else TryLater),
        (ChannelFault.DENY, NotAuthorised),
    ):
        etsy.script(name, fault, fault)
        with pytest.raises(expected) as caught:
            await act(connect(), etsy)
        assert type(caught.value) is expected
        if isinstance(caught.value, TryLater) and fault is ChannelFault.THROTTLE:
            assert caught.value.retry_after == 7
        etsy.calm()
    assert etsy.mails == []


@ROWS
async def test_an_answer_cut_short_is_never_taken_for_all(operation: str, etsy: DemoEtsy, connect: Connect) -> None:
    act, name = TABLE[operation]
    etsy.script(name, ChannelFault.HALF_ANSWER)
    if operation in EFFECTS:  # read back
        await act(connect(), etsy)
        assert len(etsy.mails) == 1
        return
    with pytest.raises(TryLater):
        await act(connect(), etsy)


async def test_a_refusal_is_told_in_Etsys_words(
    etsy: DemoEtsy, connect: Connect, said: list[Exchange], known: Operations
) -> None:
    order_id = etsy.place(sale(paid=False))
    with pytest.raises(Refused, match=r"Etsy answered 400: The receipt is not paid$"):
        await connect().push_tracking(parcel(order_id))
    (refused,) = (one for one in said if one.status == 400)
    assert known.check(refused) == ("", "")


async def test_what_does_not_fit_the_description_is_found(
    etsy: DemoEtsy, connect: Connect, said: list[Exchange], known: Operations
) -> None:
    await _one(connect(), etsy)
    answer = next(one for one in said if known.name(one) == "getShopReceipt")
    receipt = msgspec.json.decode(answer.answer)

    def answered(**changes: Any) -> str:
        return known.check(msgspec.structs.replace(answer, answer=msgspec.json.encode(receipt | changes)))[1]

    assert "perhaps" in answered(status="perhaps")
    assert "created_timestamp" in answered(created_timestamp="today")
    assert answered(colour="blue") == "the description knows no $.colour"
    assert answered() == ""


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (mapping._Receipt, "ShopReceipt"),
        (mapping.Head, "ShopReceipt"),
        (mapping.Parcels, "ShopReceipt"),
        (mapping._Listing, "ShopListingWithAssociations"),
    ],
)
def test_every_name_we_read_is_one_of_Etsys(kind: Any, schema: str, known: Operations) -> None:
    assert known.fields(kind, schema) == []


def test_every_status_is_one_of_Etsys(known: Operations) -> None:
    listed = known.document["components"]["schemas"]["ShopReceipt"]["properties"]["status"]["enum"]
    assert sorted(mapping.STATES) == sorted(listed)
