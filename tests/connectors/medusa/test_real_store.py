"""The connector, and the demo store, against a real Medusa 2.21.2 from npm on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from engine.connectors.channels.medusa import mapping
from engine.connectors.channels.medusa.connector import Config, Connector
from engine.demo.channels.base import Sale, SaleLine
from engine.demo.channels.medusa import MedusaSim
from engine.errors import NotAuthorised, Refused
from engine.ports import ChannelOrder, ChannelState, Payment
from tests.connectors.medusa.conftest import LAMP, MUG, TEA, now_says, parcel, pieces
from tests.support import outage
from tests.support.medusa_store import MedusaStore, installed_or_skip

pytestmark = [pytest.mark.stores, pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store() -> AsyncIterator[MedusaStore]:
    folder = await asyncio.to_thread(installed_or_skip)
    async with MedusaStore(folder) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def connector(store: MedusaStore) -> AsyncIterator[Connector]:
    made = Connector(Config(url=store.url, secret_key=store.secret_key, location_id=store.location_id, timeout=120))
    yield made
    await made.close()


async def bought(store: MedusaStore, connector: Connector, *lines: tuple[str, int], **how: Any) -> ChannelOrder:
    return await now_says(connector, await store.place(lines, **how))


async def shipments(store: MedusaStore, order: ChannelOrder) -> list[tuple[bool, list[str]]]:
    """What the store shows of the order's fulfillments: shipped, and under which numbers."""
    seen = (await store.order(order.external_id))["fulfillments"]
    return [(one["shipped_at"] is not None, [label["tracking_number"] for label in one["labels"]]) for one in seen]


async def test_check_names_the_store_and_a_wrong_key_is_not_let_in(store: MedusaStore, connector: Connector) -> None:
    assert re.match(rf"Medusa Store at {URL(store.url).authority}, \d+ orders?$", await connector.check())
    wrong = Connector(Config(url=store.url, secret_key="sk_wrong", timeout=120))
    with pytest.raises(NotAuthorised, match="Secret API Keys"):
        await wrong.check()
    await wrong.close()
    assert {MUG, LAMP, TEA} <= {item.sku for item in (await connector.listed(None)).items}


async def test_the_store_listens_on_loopback_alone(store: MedusaStore) -> None:
    port = URL(store.url).port
    listening = [
        line.split()[1].split(":")[0]
        for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
        if table.exists()
        for line in table.read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].split(":")[1], 16) == port
    ]
    assert listening in ([], ["0100007F"])


async def test_an_order_ships_in_two_parcels_and_repeating_them_adds_none(
    store: MedusaStore, connector: Connector
) -> None:
    order = await bought(store, connector, (LAMP, 3), (TEA, 1), rate="Express", metadata={"note": "Ring twice"})
    assert (order.state, order.payment, order.note) == (ChannelState.OPEN, Payment.PAID, "Ring twice")
    assert (order.shipping_rate, order.total) == ("Express", 3 * 4900 + 990 + 1495)
    first, second = parcel(order, "1Z1", (LAMP, 2)), parcel(order, "1Z2", (LAMP, 1), (TEA, 1), last=True)
    references = await asyncio.gather(*(connector.push_tracking(first) for _ in range(3)))
    assert len(set(references)) == 1
    between = await now_says(connector, order.external_id)
    assert (between.state, pieces(between)) == (
        ChannelState.PARTIALLY_SHIPPED, {LAMP: (3, 0, 2), TEA: (1, 0, 0)},
    )  # fmt: skip
    assert (await store.order(order.external_id))["fulfillment_status"] == "partially_shipped"
    for again in (second, second, first):
        await connector.push_tracking(again)
    assert (await store.order(order.external_id))["fulfillment_status"] == "shipped"
    assert sorted(await shipments(store, order)) == [(True, ["1Z1"]), (True, ["1Z2"])]
    assert (await now_says(connector, order.external_id)).state is ChannelState.SHIPPED
    back = await connector.read_tracking([order.external_id, "order_gone"])
    assert {key: sorted((one.key, one.tracking_number) for one in value) for key, value in back.items()} == {
        order.external_id: [("parcel-1Z1", "1Z1"), ("parcel-1Z2", "1Z2")]
    }


async def test_edits_refunds_captures_and_cancels_are_seen(store: MedusaStore, connector: Connector) -> None:
    order = await bought(store, connector, (MUG, 3), (TEA, 1))
    await store.edit(order.external_id, {MUG: 2, TEA: 0})
    await store.refund(order.external_id, 24.4)
    edited = await now_says(connector, order.external_id)
    assert (edited.state, edited.payment) == (ChannelState.OPEN, Payment.PARTIALLY_REFUNDED)
    assert pieces(edited) == {MUG: (3, 1, 0), TEA: (1, 1, 0)}
    later = await bought(store, connector, (MUG, 2), captured=False, currency="jpy")
    assert (later.state, later.total, later.currency) == (ChannelState.PENDING, 2 * 1450, "JPY")
    await store.capture(later.external_id)
    captured = await now_says(connector, later.external_id)
    assert (captured.state, captured.updated_at) == (ChannelState.OPEN, later.updated_at)
    await store.cancel(later.external_id)
    canceled = await now_says(connector, later.external_id)
    assert (canceled.state, canceled.payment, pieces(canceled)) == (
        ChannelState.CANCELED, Payment.REFUNDED, {MUG: (2, 2, 0)},
    )  # fmt: skip
    with pytest.raises(Refused, match="has been canceled"):
        await connector.push_tracking(parcel(later, "1Z3", (MUG, 1)))


async def test_what_we_cancel_the_store_shows(store: MedusaStore, connector: Connector) -> None:
    order = await bought(store, connector, (MUG, 3), (TEA, 1))
    [mug] = [line.external_id for line in order.lines if line.sku == MUG]
    await connector.cancel_order(order.external_id, [(mug, 1)], "one broke")
    await connector.push_tracking(parcel(order, "1Z4", (MUG, 1)))
    await connector.cancel_order(order.external_id, [], "no more to be had")
    seen = await store.order(order.external_id)
    assert [(item["variant_sku"], item["quantity"]) for item in seen["items"]] == [(MUG, 1)]
    told = await now_says(connector, order.external_id)
    assert (told.state, pieces(told)) == (ChannelState.SHIPPED, {MUG: (3, 2, 1), TEA: (1, 1, 0)})
    whole = await bought(store, connector, (TEA, 2))
    for _ in range(2):
        await connector.cancel_order(whole.external_id, [], "out of stock")
    assert (await store.order(whole.external_id))["status"] == "canceled"
    with pytest.raises(Refused, match="Cannot fulfill more items than what was ordered"):
        await connector.push_tracking(parcel(order, "1Z5", (MUG, 1)))


# --- the same questions to the real store and to the demo one ---------------------------------------------------------


class Asked:
    """One store, asked by HTTP, and its orders by the names the questions have for them."""

    def __init__(self, url: str, key: str, session: aiohttp.ClientSession, orders: dict[str, str]) -> None:
        self._url, self._session, self._names = url, session, dict(orders)
        self._headers = {"Authorization": aiohttp.encode_basic_auth(key, "")}

    async def ask(self, method: str, path: str, given: Any = None) -> tuple[int, Any]:
        """The answer, with ids put back into names, and what has a name of its own from here on."""
        body = None if given is None else self._filled(json.dumps(given))
        headers = {**self._headers, **({"Content-Type": "application/json"} if body else {})}
        async with self._session.request(
            method, URL(f"{self._url}/admin/{self._filled(path)}", encoded=True), data=body, headers=headers
        ) as answer:
            said = await answer.json(content_type=None)
        self._learn(said)
        return answer.status, said

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self._names[found[1]], text)

    def _learn(self, said: Any) -> None:
        for item in said.get("order", {}).get("items", []):
            self._names[item["variant_sku"].replace("-", "_")] = item["id"]
        for number, one in enumerate(said.get("order", {}).get("fulfillments", [])):
            self._names[f"parcel{number}"] = one["id"]

    def plain(self, text: str) -> str:
        for name, value in self._names.items():
            text = text.replace(value, f"<{name}>")
        return text


FIELDS = ",".join(mapping.ORDER_FIELDS)
SHORT = "id,items.*,items.detail.*,fulfillments.*,fulfillments.labels.*"
ONE_MUG = {"items": [{"id": "{BB_MUG_01}", "quantity": 1}]}
LABEL = {"labels": [{"tracking_number": "1Z9", "tracking_url": "", "label_url": ""}]}
QUESTIONS: list[tuple[str, str, Any]] = [
    ("GET", f"orders/{{first}}?fields={FIELDS}", None),
    ("GET", f"orders?id[]={{first}}&fields={FIELDS}", None),
    ("GET", "orders/order_gone?fields=id", None),
    ("POST", f"orders/{{first}}/fulfillments?fields={SHORT}", {**ONE_MUG, "metadata": {"bluebook_key": "k"}}),
    ("POST", "orders/{first}/fulfillments", {"items": [{"id": "{BB_MUG_01}", "quantity": 3}]}),
    ("POST", "orders/{first}/fulfillments", {"items": [{"id": "ordli_gone", "quantity": 1}]}),
    ("GET", f"orders/{{first}}?fields={FIELDS}", None),
    ("POST", f"orders/{{first}}/fulfillments/{{parcel0}}/shipments?fields={SHORT}", {**ONE_MUG, **LABEL}),
    ("POST", "orders/{first}/fulfillments/{parcel0}/shipments", {**ONE_MUG, **LABEL}),
    ("POST", "orders/{first}/cancel", {}),
    ("POST", "order-edits/{first}/confirm", {}),
    ("POST", "order-edits", {"order_id": "{first}", "metadata": {"bluebook_cancel": True}}),
    ("POST", "order-edits", {"order_id": "{first}"}),
    ("GET", "orders/{first}/changes?status[]=pending&status[]=requested&fields=id,status,metadata", None),
    ("POST", "order-edits/{first}/items/item/{BB_MUG_01}", {"quantity": 0}),
    ("POST", "order-edits/{first}/items/item/{BB_MUG_01}", {"quantity": 2}),
    ("POST", "order-edits/{first}/items/item/{BB_TEA_01}", {"quantity": 0}),
    ("POST", "order-edits/{first}/confirm", {}),
    ("GET", "orders/{first}/changes?status[]=pending&status[]=requested&fields=id,status,metadata", None),
    ("GET", f"orders/{{first}}?version=1&fields={SHORT}", None),
    ("GET", f"orders/{{first}}?fields={FIELDS}", None),
    ("POST", "order-edits", {"order_id": "{first}"}),
    ("DELETE", "order-edits/{first}", None),
    ("POST", f"orders/{{other}}/cancel?fields={FIELDS}", {}),
    ("POST", "orders/{other}/cancel", {}),
    ("POST", "orders/{other}/fulfillments", ONE_MUG),
    ("GET", "stores?fields=name", None),
    ("GET", "product-variants?order=id&limit=1&fields=id,sku,title,barcode,ean,upc,product.title,product.status", None),
    ("GET", "stock-locations/sloc_gone?fields=id", None),
]


def shape(value: Any) -> Any:
    """What kind of thing it is, down to its leaves; a list is what its first entry is."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def strange(mine: Any, theirs: Any, path: str = "") -> list[str]:
    """Where the demo store tells what the real one does not, or tells it as another kind of thing."""
    if "NoneType" in (mine, theirs) or mine == theirs:
        return []
    if isinstance(mine, dict) and isinstance(theirs, dict):
        missing = [f"{path}.{key}" for key in mine.keys() - theirs.keys()]
        return missing + [
            x for key in mine.keys() & theirs.keys() for x in strange(mine[key], theirs[key], f"{path}.{key}")
        ]
    if isinstance(mine, list) and isinstance(theirs, list):
        return strange(mine[0], theirs[0], f"{path}[]") if mine and theirs else []
    return [f"{path}: {mine} and not {theirs}"]


def facts(order: dict[str, Any]) -> dict[str, Any]:
    """What both have to agree about."""
    counts = ("fulfilled_quantity", "shipped_quantity", "return_requested_quantity")
    bills = order.get("payment_collections", [])
    return {
        "plain": {
            key: order.get(key) for key in ("status", "version", "item_total", "shipping_total", "currency_code")
        },
        "items": {i["variant_sku"]: (i["quantity"], [i["detail"][c] for c in counts]) for i in order.get("items", [])},
        "bills": [(bill["status"], bill["captured_amount"], bill["refunded_amount"]) for bill in bills]
        if bills and "captured_amount" in bills[0]
        else [],
        "parcels": [
            (one["shipped_at"] is None, one["metadata"], [label["tracking_number"] for label in one.get("labels", [])])
            for one in order.get("fulfillments", [])
        ],
    }


async def test_the_demo_store_answers_as_the_real_one_does(store: MedusaStore) -> None:
    lines, sim = [(MUG, 3), (TEA, 1)], MedusaSim(seed=1)
    sale = Sale(lines=(SaleLine(MUG, 3, 1450), SaleLine(TEA, 1, 990)), rate="Flat rate", shipping=595)
    real = {name: await store.place(lines, rate="Flat rate") for name in ("first", "other")}
    demo = {name: sim.place(sale) for name in ("first", "other")}
    await sim.start()
    wrong = []
    async with aiohttp.ClientSession() as session:
        theirs = Asked(store.url, store.secret_key, session, real)
        mine = Asked(sim.url, sim.secret_key, session, demo)
        for method, path, given in QUESTIONS:
            (status, said), (our_status, ours) = (
                await theirs.ask(method, path, given),
                await mine.ask(method, path, given),
            )
            where = f"{method} {path.partition('?')[0]} {given or ''}"
            if status != our_status:
                wrong.append(f"{where}: {our_status} {ours} and not {status} {said}")
            elif status >= 400:
                if mine.plain(str(ours)) != theirs.plain(str(said)):
                    wrong.append(f"{where}: {mine.plain(str(ours))} and not {theirs.plain(str(said))}")
            else:
                wrong += [f"{where}: {found}" for found in strange(shape(ours), shape(said))]
                told, tells = said.get("order"), ours.get("order")
                if told and tells and "version=1" not in path and "items" in tells and facts(tells) != facts(told):
                    wrong.append(f"{where}: {facts(tells)} and not {facts(told)}")
        unknown = [await Asked(url, "sk_x", session, {}).ask("GET", "orders?fields=id") for url in (store.url, sim.url)]
    await sim.stop()
    assert unknown[0] == unknown[1]
    assert wrong == []


# --- a hundred orders, and a store that is killed ---------------------------------------------------------------------


async def test_a_hundred_orders_placed_while_polling_survive_a_killed_store(
    store: MedusaStore, connector: Connector, sqlite_url: str
) -> None:
    started = datetime.now(UTC) - timedelta(seconds=1)
    half = await bought(store, connector, (MUG, 2))
    mine = parcel(half, "1Z7", (MUG, 1))
    await connector._fulfill(mine)  # packed, and then the store is killed
    before = set(await store.orders())

    async def buy(number: int) -> None:
        lines = [(MUG, 1 + number % 3), *([(TEA, 2)] if number % 2 else [])]
        if number % 10:
            await store.by_phone(lines, email=f"c{number}@example.com")
        else:
            await store.place(lines, email=f"c{number}@example.com", rate="Express")

    login = {"url": store.url, "secret_key": store.secret_key, "page_size": 10, "timeout": 120}
    async with outage.channel(sqlite_url, "medusa", login) as channel_id:
        polled = await outage.sell(store, channel_id, buy)
        sold = set(await store.orders()) - before
        assert len(sold) >= 100
        assert [order for order in await outage.known("external_id") if order not in before] == sorted(sold)
        assert await outage.parked() == []
        assert polled.walks
        assert polled.missed
    assert await connector.push_tracking(mine) == (await connector.push_tracking(mine))
    assert await shipments(store, half) == [(True, ["1Z7"])]
    walked, cursor = set(), None
    for _ in range(200):
        page = await connector.pull(started, cursor)
        walked |= {raw.external_id for raw in page.items}
        cursor = page.next
        if cursor is None:
            break
    assert half.external_id in walked
    assert sold <= walked
