"""What settings are made of: connectors' fields, trials, what jobs are about, what a supplier offers, mappings as CSV."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from engine import clock, db
from engine.connectors import fields, registry
from engine.errors import BluebookError, Invalid, Misconfigured
from engine.services import auto_trial, catalog, inbox, listings, mapping_sheets, options, outbox, setup, sheet_in
from engine.services.job_subjects import Subject, subjects
from engine.services.outbox import NewJob
from tests.support.scene import DANA, Scene, scene, scene_of_module, url_of_module

__all__ = ["scene", "scene_of_module", "url_of_module"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_connector_can_be_asked_field_by_field() -> None:
    for kind, find in (("channels", registry.channel_type), ("suppliers", registry.supplier_type)):
        for slug in registry.available(kind):
            connector = find(slug)
            own = {field.name: field for field in fields.fields(connector)}
            assert set(own) == set(connector.config_type.__struct_fields__)
            assert {name for name, field in own.items() if field.secret} == set(connector.secret_fields)
            assert not any(field.default for field in own.values() if field.secret)
    woo = {field.name: field for field in fields.fields(registry.channel_type("woocommerce"))}
    assert (woo["customer_note"].kind, woo["timeout"].kind, woo["url"].required) == ("flag", "number", True)
    rest = {field.name: field for field in fields.fields(registry.supplier_type("rest"))}
    assert rest["method"].choices == ("POST", "PUT")
    assert rest["status_map"].kind == "json"


async def test_a_form_gives_only_what_was_changed_and_secrets_only_when_typed() -> None:
    woo = registry.channel_type("woocommerce")
    shown = {"url": "https://shop.example", "consumer_key": "ck_1"}
    form = {**shown, "consumer_secret": "", "page_size": "100", "timeout": "30.0", "customer_note": "on"}
    assert fields.read(woo, form, shown) == {}
    assert fields.read(woo, {**form, "consumer_secret": " cs ", "timeout": "31"}, shown) == {
        "consumer_secret": " cs ", "timeout": "31"
    }  # fmt: skip
    form.pop("customer_note")
    assert fields.read(woo, form, shown) == {"customer_note": "false"}
    with pytest.raises(Invalid, match="status map is written as JSON"):
        fields.read(registry.supplier_type("rest"), {"status_map": "{"}, {})


async def test_settings_are_tried_before_anything_is_saved(scene: Scene) -> None:
    values = {"url": scene.store.url, "consumer_key": scene.store.key, "consumer_secret": scene.store.secret}
    before = await db.value("SELECT COUNT(*) FROM channels")
    assert await setup.try_settings("channels", "woocommerce", values)
    with pytest.raises(BluebookError):
        await setup.try_settings("channels", "woocommerce", {**values, "consumer_secret": "no"})
    assert await db.value("SELECT COUNT(*) FROM channels") == before


async def test_auto_processing_is_tried_on_the_orders_that_are_ready(scene: Scene) -> None:
    cheap, dear = await scene.order(("BB-MUG-01", 1)), await scene.order(("BB-MUG-01", 30))
    numbers = [(await scene.case(order_id)).order.number for order_id in (cheap, dear)]
    channel = scene.shop.channel_id
    found = await auto_trial.trial(channel, limit=10_000, currency="USD", condition="")
    assert numbers[0] in found.goes
    assert found.stays[numbers[1]] == "above the channel's value limit"
    found = await auto_trial.trial(channel, limit=None, currency="", condition=f'order.number == "{numbers[1]}"')
    assert found.goes == [numbers[1]]
    assert found.looked_at >= 2
    with pytest.raises(Invalid, match="write =="):
        await auto_trial.trial(channel, limit=None, currency="", condition='order.country = "US"')
    assert await scene.status(cheap) == await scene.status(dear) == "ready"


async def test_jobs_say_what_they_are_about(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    case = await scene.case(order_id)
    far = clock.now() + timedelta(days=9)
    await outbox.put(
        [
            NewJob("s:1", "orders.check", order_id, far),
            NewJob("s:2", "purchases.submit", case.purchases[0].id, far),
            NewJob("s:3", "channels.rescan", scene.shop.channel_id, far),
            NewJob("paused:suppliers:x", "notify.send", scene.shop.suppliers["ACME"], far, {"kind": "paused"}),
            NewJob("s:5", "inbound.read", 77, far),
            NewJob("s:6", "purchases.submit", 9_999_999, far),
            NewJob("s:7", "system.sweep", 0, far),
            NewJob("s:8", "suppliers.remind", case.purchases[0].id, far),
            NewJob(f"late:{case.purchases[0].id}:x", "notify.send", case.purchases[0].id, far),
        ]
    )
    ours = ("s:", "paused:suppliers:x", "late:")
    jobs = [job for job in await outbox.list_jobs("ready", 500) if job.key.startswith(ours)]
    by_key = {job.key: (await subjects(jobs))[job.id] for job in jobs}
    number = case.order.number
    assert by_key == {
        "s:1": Subject("order", number, number),
        "s:2": Subject("order", case.purchases[0].po_number, number),
        "s:3": Subject("channel", "Demo store", str(scene.shop.channel_id)),
        "paused:suppliers:x": Subject("supplier", "ACME", "ACME"),
        "s:5": Subject("payload", "payload 77", "77"),
        "s:6": Subject(),
        "s:7": Subject(),
        "s:8": Subject("order", case.purchases[0].po_number, number),
        f"late:{case.purchases[0].id}:x": Subject("order", case.purchases[0].po_number, number),
    }
    assert Subject("order", "1Z999", "1001").said == "1001: 1Z999"
    assert Subject("order", "1001-A", "1001").said == "1001-A"
    assert Subject("channel", "Shop", "3").said == "Shop"
    for job in jobs:
        await outbox.drop(job.id)


async def test_what_a_supplier_offers_is_listed_and_searched(scene: Scene) -> None:
    acme = scene.shop.suppliers["ACME"]
    await scene.product("SETUP-LAMP_1", cost=1234, stock=None)
    every = await listings.offers(acme, limit=500)
    assert [offer.sku for offer in every] == sorted(offer.sku for offer in every)
    found = await listings.offers(acme, "setup-lamp_")
    assert [(o.sku, o.offered_as, o.cost, o.stock, o.enabled) for o in found] == [
        ("SETUP-LAMP_1", "SETUP-LAMP_1", 1234, None, True)
    ]
    assert await listings.offers(acme, "setup-lamp", after="SETUP-LAMP_1") == []
    assert await listings.offers(scene.shop.suppliers["NOVA"], "setup-lamp") == []
    assert [row.sku for row in await listings.listings(None, "SETUP-lamp")] == ["SETUP-LAMP_1"]
    assert await listings.listings(scene.outlet_id, "SETUP-lamp") == []


async def test_mappings_go_out_and_come_in_as_csv(scene: Scene) -> None:
    first = await scene.order(("BB-MUG-01", 1), rate="=Rate")
    assert "missing_shipping_mapping" in await scene.codes(first)
    given = (
        "kind;channel;rate;supplier;method\nrate;Demo store;'=Rate;ACME;UPS-GND\n"
        "rate;Demo store;X;ACME;NO\nodd;Demo store;;;\n"
    )
    rows = sheet_in.rows(sheet_in.decoded(b"\xef\xbb\xbf" + given.encode(), "m.csv"), "m.csv", *_COLUMNS)
    taken = await mapping_sheets.take(rows, DANA)
    assert (taken.done, taken.freed) == (1, 1)
    assert [wrong.partition(":")[0] for wrong in taken.wrong] == ["line 3", "line 4"]
    out = b"".join([piece async for piece in mapping_sheets.stream()]).decode()
    assert "rate,Demo store,'=Rate,ACME,UPS-GND,,,\n" in out
    again = await mapping_sheets.take(sheet_in.rows(out, "m.csv", *_COLUMNS), DANA)
    assert again.wrong == []
    assert again.done > 1
    second = await scene.order(("NOT-MAPPED", 1), rate="=Rate"), await scene.order(("BB-MUG-01", 1), rate="By owl")
    out = b"".join([piece async for piece in mapping_sheets.stream()]).decode()
    assert "rate,Demo store,By owl,ACME,,,,\n" in out
    assert "sku,Demo store,,,,NOT-MAPPED,,\n" in out
    filled = out.replace("By owl,ACME,,", "By owl,ACME,UPS-GND,")
    again = await mapping_sheets.take(sheet_in.rows(filled, "m.csv", *_COLUMNS), DANA)
    assert again.wrong == []
    assert again.freed == 1
    assert again.left >= 1
    assert await scene.status(second[1]) == "ready"
    await setup.map_sku(scene.shop.channel_id, "NOT-MAPPED", {"BB-MUG-01": 1}, DANA)
    with pytest.raises(Invalid, match=r"m\.csv has no column channel"):
        sheet_in.rows("kind\n", "m.csv", *_COLUMNS)
    with pytest.raises(Invalid, match=r"m\.csv is not UTF-8"):
        sheet_in.decoded(b"\xff\xfe", "m.csv")
    assert await inbox.parked() == []


_COLUMNS = (mapping_sheets.NEEDED, mapping_sheets.KNOWN)


REFUSED: tuple[tuple[options.Table, str, str, str], ...] = (
    (
        "channels",
        "poll_seconds",
        "-5",
        "poll_seconds is a whole number from 0 to 2,592,000 (seconds, 0: only when asked), not -5",
    ),
    (
        "channels",
        "stale_days",
        "99999999999999999999",
        "stale_days is a whole number from 0 to 3,650 (days, 0: never), not",
    ),
    ("channels", "stale_days", "ten", "stale_days is a whole number from 0 to 3,650 (days, 0: never), not 'ten'"),
    (
        "channels",
        "margin_floor",
        "200",
        "margin_floor is a whole number from 0 to 100 (percent, empty for none), not 200",
    ),
    ("channels", "auto_limit", "-5", "auto_limit is a whole number from 0"),
    ("channels", "enabled", "ja", "enabled is yes or no, not 'ja'"),
    ("channels", "auto_currency", "XXQ", "auto_currency is a currency's code of three letters, such as USD, not 'XXQ'"),
    ("channels", "alert_addresses", "ops", "'ops' is not an e-mail address"),
    ("channels", "prefix", "A" * 17, "a prefix has at most 16"),
    ("channels", "walk", "foo", "there is no option called walk; there are alert_addresses"),
    ("channels", "paused_reason", "foo", "there is no option called paused_reason; there are"),
    ("channels", "stale_day", "3", "there is no option called stale_day; did you mean stale_days?"),
    ("suppliers", "concurrency", "0", "concurrency is a whole number from 1 to 1,000 (orders sent at once), not 0"),
    ("suppliers", "cost_tolerance", "101", "cost_tolerance is a whole number from 0 to 100 (percent), not 101"),
    ("suppliers", "currency", "", "currency is a currency's code of three letters"),
    ("suppliers", "cursor", "foo", "there is no option called cursor"),
)


@pytest.mark.parametrize(("table", "name", "text", "said"), REFUSED)
async def test_an_option_that_cannot_be_is_refused_with_what_it_may_be(
    table: options.Table, name: str, text: str, said: str
) -> None:
    with pytest.raises(Invalid, match=re.escape(said)) as refused:
        options.typed(table, {name: text})
    assert refused.value.field == name


async def test_options_are_read_as_people_write_them_and_kept_to_wherever_they_come_from(scene: Scene) -> None:
    given = {
        "enabled": "Yes",
        "margin_floor": "",
        "stale_days": " 0 ",
        "auto_currency": "usd",
        "alert_addresses": "a@b\nc@d",
    }
    assert options.typed("channels", given) == {
        "enabled": True, "margin_floor": None, "stale_days": 0, "auto_currency": "USD", "alert_addresses": ["a@b", "c@d"]
    }  # fmt: skip
    for wrong in (
        {"poll_seconds": -5},
        {"stale_days": 10**20},
        {"walk": "foo"},
        {"last_error": "x"},
        {"enabled": "no"},
    ):
        with pytest.raises(Invalid):
            await setup.update("channels", scene.outlet_id, DANA, **wrong)
        with pytest.raises(Invalid):
            await setup.add_channel("Wrong", "file", {"folder": "/srv/wrong"}, DANA, **wrong)
    assert await db.value("SELECT COUNT(*) FROM channels WHERE name = 'Wrong'") == 0


@pytest.mark.parametrize(
    ("slug", "values", "said", "field"),
    [
        ("shopify", {}, "Shopify needs shop", "shop"),
        ("etsy", {"keystring": "a"}, "Etsy needs shared_secret, refresh_token and shop_id", "shared_secret"),
        ("shopify", {"shp": "foo"}, "Shopify has no setting called shp; did you mean shop?", "shp"),
        ("file", {"folder": "in", "x": "1"}, "Files in a folder has no setting called x; there are folder, pattern", "x"),
        (
            "medusa", {"url": "shop.example", "secret_key": "s"},
            "Medusa: url is an address that begins with http:// or https://, not 'shop.example'", "url",
        ),
        ("medusa", {"url": "http://m", "secret_key": ""}, "Medusa: secret_key cannot be empty", "secret_key"),
        (
            "medusa", {"url": "http://m", "secret_key": "s", "paid_when": "later"},
            "Medusa: paid_when is one of authorized, captured, not 'later'", "paid_when",
        ),
        (
            "medusa", {"url": "http://m", "secret_key": "s", "notify_customer": "ja"},
            "Medusa: notify_customer is true or false, not 'ja'", "notify_customer",
        ),
        (
            "medusa", {"url": "http://m", "secret_key": "s", "page_size": "0"},
            "Medusa: page_size is a whole number from 1 to 500, not '0'", "page_size",
        ),
        (
            "medusa", {"url": "http://m", "secret_key": "s", "timeout": "long"},
            "Medusa: timeout is a number, above 0 and at most 600, not 'long'", "timeout",
        ),
        (
            "file", {"folder": "in", "columns": {"sku": 1}},
            "Files in a folder: columns[...]: text or a list is expected, not a whole number", "columns",
        ),
        ("file", {"folder": "in", "columns": "sku"}, "Files in a folder: columns is written as JSON, not 'sku'", "columns"),
    ],
)  # fmt: skip
async def test_settings_that_cannot_be_are_told_for_people(
    slug: str, values: dict[str, Any], said: str, field: str
) -> None:
    kind = registry.channel_type(slug)
    with pytest.raises(Misconfigured, match=re.escape(said)) as refused:
        catalog.sealed_secrets("channels", 1, kind, values)
    assert refused.value.field == field
    assert not re.search(r"[`$]", refused.value.message)


async def test_what_a_connection_was_once_told_does_not_stop_it() -> None:
    values = {"url": "http://m", "secret_key": "s", "of_an_older_version": "1"}
    assert registry.configure(registry.channel_type("medusa"), values).url == "http://m"
