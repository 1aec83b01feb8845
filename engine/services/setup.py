"""Setting things up: channels, suppliers, products, listings, offers, methods and mappings; every change in the blue book."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from engine import clock, db
from engine.connectors import registry
from engine.domain import address_rules, deadlines, distance
from engine.domain.barcodes import gtin
from engine.domain.routing import Policy
from engine.errors import BluebookError, Invalid, NotFound
from engine.models import (
    Channel,
    Listing,
    ListingComponent,
    Product,
    ShippingMapping,
    ShippingMethod,
    Supplier,
    SupplierProduct,
)
from engine.ports_channels import ComparesAccounts, Scarce
from engine.services import catalog, check, distinct, outbox, restock, schedule, settings_book, sharing
from engine.services.lifecycle import Actor
from engine.services.options import checked
from engine.services.outbox import NewJob
from engine.services.restock import Rechecked

Table = Literal["channels", "suppliers"]


async def add_channel(
    name: str, connector: str, values: Mapping[str, Any], by: Actor, *, same_account: bool = False, **options: Any
) -> Channel:
    """The channel exists, with its settings checked and its secrets sealed, and is polled from now on.

    ``values`` are the connector's settings, ``options`` columns of the channel (prefix, poll_seconds …). Without the latter it
    is polled as often as its connector can bear (``Scarce``). ``same_account``: though another channel has its orders already.
    """
    kind: Any = registry.channel_type(connector)
    registry.configure(kind, dict(values))
    if isinstance(kind, Scarce):
        options = {"poll_seconds": kind.poll_seconds, "rescan_seconds": kind.rescan_seconds} | options
    return await _add(  # type: ignore[no-any-return]
        Channel, "channels", name, connector, kind, values, by, options, same_account
    )


async def add_supplier(
    name: str, code: str, connector: str, values: Mapping[str, Any], by: Actor, **options: Any
) -> Supplier:
    """The supplier exists, with its settings checked and its secrets sealed, and is listened to from now on."""
    kind = registry.supplier_type(connector)
    config = registry.configure(kind, dict(values))
    _settles(config, options.get("settle_seconds", Supplier._meta.fields_map["settle_seconds"].default))
    return await _add(  # type: ignore[no-any-return]
        Supplier, "suppliers", name, connector, kind, values, by, {"code": code, **options}
    )


async def _add(
    model: Any, table: Table, name: str, connector: str, kind: Any, values: Mapping[str, Any], by: Actor,
    options: dict[str, Any], same_account: bool = True,
) -> Any:  # fmt: skip
    called, options = _called({"name": name, **options})
    name = called.pop("name")
    options = checked(table, options)
    options = options | called | _warehouse(options, distance.Place())
    if table == "suppliers":
        _works(*(str(options.get(name) or "") for name in _WORKING))
    async with db.transaction():
        await settings_book.alone()
        await distinct.names(table, {"name": name, **called})
        if not same_account:
            await distinct.account(kind, registry.configure(kind, dict(values)))
        row = await model.create(name=name, connector=connector, created_at=clock.now(), **options)
        # The seal is bound to the row's id, so it can only be made now.
        row.settings, row.secrets = catalog.sealed_secrets(table, row.id, kind, dict(values))
        await row.save(update_fields=["settings", "secrets"])
        after = {"name": name, "connector": connector, **options, "settings": _masked(kind, values)}
        await settings_book.note(
            by, f"{table[:-1]}:add", name, subject=f"{table[:-1]} {row.id}", before={}, after=after
        )
    await schedule.ensure()
    return row


def _called(options: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The name and the code among the options, as they are kept, and the other options; raises Invalid."""
    called = {key: distinct.written(str(options[key]), key) for key in ("name", "code") if key in options}
    return called, {key: value for key, value in options.items() if key not in called}


def _masked(kind: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: "***" if key in kind.secret_fields else value for key, value in values.items()}


def _warehouse(options: Mapping[str, Any], known: distance.Place) -> dict[str, str]:
    """The options that say where a supplier's warehouse is, as they are stored; raises Invalid for a place there is not."""
    given = {
        name: str(options[name] or "").strip()
        for name in ("warehouse_country", "warehouse_region", "warehouse_postal_code")
        if name in options
    }
    if not given:
        return {}
    country = given.get("warehouse_country", known.country).upper()
    code = given.get("warehouse_postal_code", known.postal_code)
    if "warehouse_country" in given:
        given["warehouse_country"] = country
    if not country and any(given.values()):
        raise Invalid("say the warehouse's country too: warehouse_country=US, for example", "warehouse_country")
    if country and address_rules.country(country) is None:
        meant = address_rules.suggest_country(country)
        hint = f"; did you mean {meant}?" if meant else ""
        raise Invalid(f"{country!r} is no country's code of two letters{hint}", "warehouse_country")
    if country == "US" and code and address_rules.us_zip(code[:5]) is None:
        raise Invalid(f"there is no ZIP code {code}", "warehouse_postal_code")
    return given


_WORKING = ("work_hours", "work_timezone", "holidays")


def _works(hours: str, zone: str, holidays: str) -> None:
    """The supplier's working time can be read, and in the zone's name there is no slip of the pen; raises Invalid."""
    deadlines.calendar(hours, zone, holidays)
    if zone and not hours:
        raise Invalid("say the working hours too, in work_hours, such as Mon-Fri 09:00-17:00", "work_hours")


def _settles(config: Any, settle_seconds: int) -> None:
    """A supplier is asked what became of an attempt only when the attempt is surely over; raises Invalid."""
    within = getattr(config, "answers_within", None)
    if within is not None and settle_seconds <= within:
        raise Invalid(
            f"settle_seconds is {settle_seconds}, and a request may take {within:g} s (the setting timeout): what is still "
            f"on its way would be taken for not arrived and sent again; give settle_seconds {int(within) + 10} or more, or "
            "a shorter timeout", "settle_seconds",
        )  # fmt: skip


async def update(
    table: Table, row_id: int, by: Actor, *, values: Mapping[str, Any] | None = None, drop: Sequence[str] = (),
    same_account: bool = False, since: int | None = None, rests: Collection[str] = (), **options: Any,
) -> None:  # fmt: skip
    """The options and the connector settings given are changed, those to ``drop`` are as if they had never been set, the
    others stay. ``name`` and a supplier's ``code`` are options too: from now on it is called so. ``same_account``: though
    another channel has the same orders then. Raises NotFound, Invalid.

    ``since``: how many changes of settings there were (``settings_book.head``) when what is changed was looked at. Raises
    Overtaken, and changes nothing, where one of these, or of what the decision ``rests`` on, was set otherwise after.
    """
    row = await _found(table, row_id)
    called, options = _called(options)
    options = _fitting(table, row, options) | called
    kind: Any = registry.channel_type(row.connector) if table == "channels" else registry.supplier_type(row.connector)
    if table == "suppliers" and ("settle_seconds" in options or "timeout" in (values or {})):
        config = registry.configure(kind, {**present(table, row), **(values or {})})
        _settles(config, options.get("settle_seconds", row.settle_seconds))
    subject = f"{table[:-1]} {row_id}"
    async with db.transaction():
        await settings_book.alone()
        if since is not None:
            wanted = options | {f"{settings_book.OWN}{name}": value for name, value in (values or {}).items()}
            await settings_book.not_overtaken(subject, since, wanted, rests)
        if called:
            await distinct.names(table, called, but=row.id)
        row = await _found(table, row_id)  # as it is now that nobody else changes it
        was, before, after = row.name, {key: getattr(row, key) for key in options}, dict(options)
        for key, value in options.items():
            setattr(row, key, value)
        if values or drop:
            kept = {name: value for name, value in present(table, row).items() if name not in drop}
            given = {**kept, **(values or {})}
            if table == "channels" and not same_account:
                await _moves(row, kind, given)
            plain, secret = catalog.sealed_secrets(table, row.id, kind, given)
            changed = dict.fromkeys(drop) | _masked(kind, values or {})
            before["settings"] = {key: row.settings.get(key) for key in changed if key not in kind.secret_fields}
            after["settings"] = changed
            row.settings, row.secrets = plain, secret
        # Only these: workers write into the same row how far they have come, and why they paused it.
        if columns := [*options, *(("settings", "secrets") if values or drop else ())]:
            await row.save(update_fields=columns)
        await settings_book.note(by, f"{table[:-1]}:change", was, subject=subject, before=before, after=after)
        if any(key.startswith("auto_") for key in options) and row.auto_process:
            await outbox.put([NewJob(f"auto:{row_id}", "orders.auto", row_id)])
    catalog.forget(table, row_id)
    await schedule.ensure()
    if table == "suppliers" and options.get("enabled") and not before["enabled"]:
        await restock.recheck_offered(row_id, by)


async def _found(table: Table, row_id: int) -> Any:
    row = await (Channel if table == "channels" else Supplier).get_or_none(id=row_id)
    if row is None or row.archived_at is not None:
        raise NotFound(f"there is no {table[:-1]} {row_id}, or it was removed")
    return row


def _fitting(table: Table, row: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The options as they are kept, fit for each other and for those that the row has; raises Invalid."""
    options = checked(table, options)
    if table == "suppliers":
        known = (row.warehouse_country, row.warehouse_region, row.warehouse_postal_code)
        options |= _warehouse(options, distance.Place(*(value or "" for value in known)))
        if set(_WORKING) & set(options):
            _works(*(str(options.get(name, getattr(row, name)) or "") for name in _WORKING))
    return options


async def _moves(row: Any, kind: Any, wanted: dict[str, Any]) -> None:
    """The channel stays at the account it has, whoever else is there, or goes to one that no other has; raises Invalid."""
    await settings_book.alone()
    config, compares, stays = registry.configure(kind, wanted), isinstance(kind, ComparesAccounts), False
    with contextlib.suppress(BluebookError):  # what it had could not be used
        stays = compares and kind.same_account(registry.configure(kind, present("channels", row)), config)
    if not stays:
        await distinct.account(kind, config, but=row.id)


def present(table: Table, row: Any) -> dict[str, Any]:
    """The connector's settings as they are, secrets opened: for making one, not for showing."""
    from engine import vault

    opened = {
        name: vault.open_sealed(sealed, table=table, row=str(row.id), field=name)
        for name, sealed in row.secrets.items()
    }
    return {**row.settings, **opened}


async def present_of(table: Table, row_id: int) -> dict[str, Any]:
    """The same of the connection with this id; raises NotFound."""
    return present(table, await _found(table, row_id))


async def test_connection(table: Table, row_id: int) -> str:
    """The connection works; a line that says with whom. Raises what the connector raises."""
    connector = await (catalog.channel(row_id) if table == "channels" else catalog.supplier(row_id))
    return await connector.check()


async def try_settings(table: Table, connector: str, values: Mapping[str, Any]) -> str:
    """A connection with these settings works; a line that says with whom. Nothing is saved. Raises what ``check`` raises."""
    kind = registry.channel_type(connector) if table == "channels" else registry.supplier_type(connector)
    made = kind(registry.configure(kind, dict(values)))
    # Some peers give a refresh token once only: what comes by trying is there when these settings are saved.
    sharing.share_grants(made, values)
    try:
        return await made.check()
    finally:
        await catalog.close(made)


# --- the catalog ------------------------------------------------------------------------------------------------------


async def add_product(
    sku: str, title: str, by: Actor, *, policy: str = Policy.PRIORITY, barcode: str = ""
) -> Product:  # fmt: skip
    """The product exists. Raises Invalid for a SKU that is empty or taken, a policy there is not, or what is no barcode."""
    sku = distinct.written(sku, "sku")
    barcode, digits = _barcode(barcode)
    if policy not in list(Policy):
        raise Invalid(f"policy {policy!r} is not one of {', '.join(Policy)}", "policy")
    if await Product.exists(sku=sku):
        raise Invalid(f"there is already a product {sku}", "sku")
    async with db.transaction():
        product = await Product.create(
            sku=sku, title=title[:300], policy=policy, barcode=barcode, gtin=digits, created_at=clock.now()
        )
        after = {"sku": sku} | ({"barcode": barcode} if barcode else {})
        await settings_book.note(by, "product:add", sku, subject=f"product {product.id}", before={}, after=after)
    return product


def _barcode(text: str) -> tuple[str, str]:
    """The barcode as it is kept, and its digits; raises Invalid."""
    plain = text.strip()[:40]
    digits = gtin(plain)
    if plain and not digits:
        raise Invalid(
            f"{plain!r} is no UPC, EAN or ISBN: look at its digits again, the last one checks the others", "barcode"
        )
    return plain, digits


async def set_barcode(sku: str, barcode: str, by: Actor) -> None:
    """The product has this barcode (UPC, EAN, ISBN), by which channels' listings are recognised; "" for none.

    Raises NotFound, Invalid.
    """
    plain, digits = _barcode(barcode)
    product = await Product.get(id=await product_id(sku))
    if product.barcode == plain:
        return
    async with db.transaction():
        before, product.barcode, product.gtin = product.barcode, plain, digits
        await product.save(update_fields=["barcode", "gtin"])
        await settings_book.note(
            by, "product:barcode", sku, subject=f"product {product.id}", before={"barcode": before},
            after={"barcode": plain},
        )  # fmt: skip


async def set_policy(sku: str, policy: str, by: Actor) -> None:
    """The product's suppliers are chosen by this policy from now on: also for orders that wait, when next checked."""
    if policy not in list(Policy):
        raise Invalid(f"policy {policy!r} is not one of {', '.join(Policy)}", "policy")
    product = await Product.get(id=await product_id(sku))
    before = product.policy
    async with db.transaction():
        product.policy = policy
        await product.save(update_fields=["policy"])
        await settings_book.note(
            by, "product:policy", sku, subject=f"product {product.id}", before={"policy": before},
            after={"policy": policy},
        )  # fmt: skip


async def product_id(sku: str) -> int:
    """The product's id; raises NotFound."""
    found = await db.value("SELECT id FROM products WHERE sku = ?", sku)
    if found is None:
        raise NotFound(f"there is no product {sku!r}; `bluebook products ls` lists them")
    return int(found)


async def map_sku(
    channel_id: int, sku: str, components: Mapping[str, int], by: Actor, *, title: str = "", recheck: bool = True
) -> int:
    """The channel's SKU stands for these products (SKU -> pieces); how many waiting orders became ready by it."""
    if not sku.strip():
        raise Invalid(
            "an order line without SKU cannot be mapped for next time; choose its product on the order", "sku"
        )
    if not components or any(quantity < 1 for quantity in components.values()):
        raise Invalid("say at least one product, and at least 1 piece of each", "components")
    ids = {await product_id(product): quantity for product, quantity in components.items()}
    async with db.transaction():
        listing, made = await Listing.get_or_create(
            channel_id=channel_id, sku=sku, defaults={"title": title[:300], "created_at": clock.now()}
        )
        before = (
            {} if made else dict(await ListingComponent.filter(listing=listing).values_list("product__sku", "quantity"))
        )
        await ListingComponent.filter(listing=listing).delete()
        for product, quantity in ids.items():
            await ListingComponent.create(listing=listing, product_id=product, quantity=quantity)
        await settings_book.note(
            by, "listing:map", sku, subject=f"channel {channel_id}", before=before, after=dict(components)
        )
    return await check.recheck_cause(f"sku:{channel_id}:{sku}", by) if recheck else 0


async def add_offer(
    supplier_id: int, sku: str, supplier_sku: str, cost: int, by: Actor, *, recheck: bool = True, **options: Any
) -> Rechecked:
    """The supplier offers the product: cost in minor units of the supplier's currency. An offer there was is replaced.

    What became of the orders that waited for it, where they are to be checked again.
    """
    product, supplier_sku = await product_id(sku), distinct.written(supplier_sku, "supplier_sku")
    if cost < 0:
        raise Invalid(f"a cost cannot be negative: {cost}", "cost")
    values = {"sku": supplier_sku, "cost": cost, "accepted_cost": cost, **options}
    # What a person says now is newer than what the supplier said before and is heard late.
    told = {"cost_at": clock.now()} | ({"stock_at": clock.now()} if options.get("stock") is not None else {})
    async with db.transaction():
        await SupplierProduct.update_or_create(values | told, supplier_id=supplier_id, product_id=product)
        await settings_book.note(
            by, "offer:set", f"{supplier_sku} for {sku}", subject=f"supplier {supplier_id}", before={}, after=values
        )
    return await restock.recheck([product], by) if recheck else Rechecked()


async def add_method(supplier_id: int, code: str, name: str, by: Actor, **options: Any) -> ShippingMethod:
    """The supplier offers the shipping method under this code; raises Invalid for an empty one."""
    code, name = distinct.written(code, "method", "code"), distinct.written(name, "method_name", "name")
    async with db.transaction():
        method, _ = await ShippingMethod.update_or_create({"name": name, **options}, supplier_id=supplier_id, code=code)
        await settings_book.note(
            by, "method:set", name, subject=f"supplier {supplier_id}", before={}, after={"code": code, "name": name}
        )
    return method


async def map_shipping(
    channel_id: int, rate: str, supplier_id: int, method_code: str, by: Actor, *, recheck: bool = True
) -> int:
    """Orders with this rate go by this method at this supplier; how many waiting orders became ready by it."""
    method = await ShippingMethod.get_or_none(supplier_id=supplier_id, code=method_code)
    if method is None:
        offered = await ShippingMethod.filter(supplier_id=supplier_id, enabled=True).values_list("code", flat=True)
        listed = ", ".join(str(code) for code in offered) or "none yet"
        raise Invalid(f"this supplier offers no method {method_code!r}; it offers {listed}", "method")
    async with db.transaction():
        mapping = await ShippingMapping.get_or_none(channel_id=channel_id, rate=rate, supplier_id=supplier_id)
        before = {"method": mapping.method_id} if mapping else {}  # type: ignore[attr-defined]
        await ShippingMapping.update_or_create(
            {"method_id": method.id, "created_at": clock.now(), "created_by": by.name},
            channel_id=channel_id, rate=rate, supplier_id=supplier_id,
        )  # fmt: skip
        await settings_book.note(
            by, "mapping:set", f"{rate} → {method.name}", subject=f"channel {channel_id}", before=before,
            after={"rate": rate, "supplier": supplier_id, "method": method.id},
        )  # fmt: skip
    return await check.recheck_cause(f"rate:{channel_id}:{rate}:{supplier_id}", by) if recheck else 0
