"""Realistic WooCommerce orders: people, real places with their postal codes, taxes, coupons, shipping lines."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from engine.demo.catalogue import LISTINGS, SHIPPING_RATES, DemoListing

TROUBLES = ("unknown_sku", "no_sku", "no_postcode", "wrong_region", "unmapped_rate", "on_hold", "cash_on_delivery")
PRODUCT_IDS = {listing.sku: 101 + i for i, listing in enumerate(LISTINGS)}


def _split(text: str) -> list[str]:
    return text.split("|")


_FIRST = {
    "US": _split("Olivia|Liam|Emma|Noah|Ava|Mateo|Mia|Ethan|Priya|Jamal|Chloe|Lucas|Grace|Diego|Hannah|Wei|Zoe|Andre"),
    "DE": _split("Lena|Jonas|Mia|Paul|Emilia|Finn|Jürgen|Sabine|Björn|Ayşe|Käthe|Lukas|Heike|Matthias|Zoë|Günther"),
    "GB": _split("Amelia|Oliver|Isla|Harry|Freya|Callum|Poppy|Alfie|Siobhán|Rhys|Imogen|Tariq|Megan|Archie|Nia"),
}
_LAST = {
    "US": _split("Smith|Johnson|Nguyen|García|Brown|O'Neill|Patel|Kim|Miller|Washington|Lopez|Cohen|Novak|Reed|Chen"),
    "DE": _split("Müller|Schmidt|Schneider|Weiß|Öztürk|Becker|Hoffmann|Schäfer|Koch|Kowalski|Groß|Krüger|Vogel"),
    "GB": _split("Jones|Taylor|Davies|Evans|MacDonald|Okafor|Walker|Hughes|Khan|O'Brien|Wright|Singh|Clarke|Bell"),
}
_STREETS = {
    "US": _split("Maple Ave|N Main St|Oak Ridge Dr|W 4th St|Sunset Blvd|Elm St|Lakeview Rd|Washington Ave|Cedar Ln"),
    "DE": _split("Hauptstraße|Bahnhofstraße|Gartenweg|Schillerstraße|Am Markt|Lindenallee|Goethestraße|Kirchgasse"),
    "GB": _split("High Street|Station Road|Church Lane|Victoria Road|Mill Lane|Queens Road|The Green|Albert Terrace"),
}
# (city, WooCommerce's state code, postal code): each code belongs to its city.
PLACES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "US": (
        ("Portland", "OR", "97205"),
        ("Austin", "TX", "78701"),
        ("Seattle", "WA", "98101"),
        ("Denver", "CO", "80202"),
        ("Chicago", "IL", "60614"),
        ("Boston", "MA", "02116"),
        ("Brooklyn", "NY", "11201"),
        ("San Francisco", "CA", "94110"),
        ("Atlanta", "GA", "30309"),
        ("Minneapolis", "MN", "55401"),
        ("Nashville", "TN", "37203"),
        ("Phoenix", "AZ", "85004"),
    ),
    "DE": (
        ("Berlin", "DE-BE", "10115"),
        ("Hamburg", "DE-HH", "20095"),
        ("München", "DE-BY", "80331"),
        ("Köln", "DE-NW", "50667"),
        ("Leipzig", "DE-SN", "04109"),
        ("Freiburg im Breisgau", "DE-BW", "79098"),
    ),
    "GB": (
        ("London", "Greater London", "SE1 7PB"),
        ("Manchester", "Greater Manchester", "M1 1AE"),
        ("Bristol", "", "BS1 4DJ"),
        ("Leeds", "West Yorkshire", "LS1 4AP"),
        ("Edinburgh", "Midlothian", "EH1 1YZ"),
        ("Cardiff", "", "CF10 1EP"),
    ),
}
_TAX_PERCENT = {"US": 0, "DE": 19, "GB": 20}
_PHONES = {"US": "+1 503 555 01{:02d}", "DE": "+49 30 23125 1{:02d}", "GB": "+44 20 7946 01{:02d}"}
_NOTES = ("", "", "", "", "Please leave it with the neighbour.", "It's a gift, no invoice please 🎁", "Ring twice.")
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def money(amount: int) -> str:
    """Minor units as WooCommerce writes them: 1495 is "14.95". Currencies of two decimals only."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 100}.{amount % 100:02d}"


def cents(text: str) -> int:
    """Minor units of an amount that ``money`` wrote."""
    return int(text.replace(".", ""))


def stamp(order: dict[str, Any], field: str, at: int | None, zone: int) -> None:
    """``field`` and ``field_gmt`` are set: the store's time (``zone`` hours east) and UTC; ``at`` is Unix seconds."""
    for name, shift in ((field, zone * 3600), (f"{field}_gmt", 0)):
        order[name] = None if at is None else datetime.fromtimestamp(at + shift, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _people(rng: random.Random) -> tuple[dict[str, str], dict[str, str]]:
    (country,) = rng.choices(("US", "DE", "GB"), (70, 15, 15))
    city, state, postcode = rng.choice(PLACES[country])
    number, street = str(rng.randint(1, 2400 if country == "US" else 180)), rng.choice(_STREETS[country])
    first, last = rng.choice(_FIRST[country]), rng.choice(_LAST[country])
    shipping = {
        "first_name": first,
        "last_name": last,
        "company": rng.choice(("", "", "", f"{last} & Co")),
        "address_1": f"{street} {number}" if country == "DE" else f"{number} {street}",
        "address_2": rng.choice(("", "", "", "Apt 4B")) if country == "US" else "",
        "city": city,
        "state": state,
        "postcode": postcode,
        "country": country,
        "phone": "",
    }
    phone = _PHONES[country].format(rng.randint(0, 99))
    mail = "".join(c for c in f"{first}.{last}".lower() if c.isascii() and (c.isalpha() or c == "."))
    return shipping | {"email": f"{mail}{rng.randint(1, 999)}@example.com", "phone": phone}, shipping


def line_item(line_id: int, listing: DemoListing, quantity: int, percent_off: int, tax_percent: int) -> dict[str, Any]:
    """A line as the API shows it; the percentages are whole."""
    subtotal = listing.price * quantity
    total = subtotal - subtotal * percent_off // 100
    return {
        "id": line_id,
        "name": listing.title,
        "product_id": PRODUCT_IDS[listing.sku],
        "variation_id": 0,
        "quantity": quantity,
        "tax_class": "",
        "subtotal": money(subtotal),
        "subtotal_tax": money(subtotal * tax_percent // 100),
        "total": money(total),
        "total_tax": money(total * tax_percent // 100),
        "taxes": [],
        "meta_data": [],
        "sku": listing.sku,
        "global_unique_id": "",
        "price": total / quantity / 100,
        "image": {"id": "", "src": ""},
        "parent_name": None,
    }


def make(
    rng: random.Random,
    order_id: int,
    at: int,
    listings: Sequence[DemoListing],
    *,
    currency: str,
    zone: int,
    status: str,
) -> dict[str, Any]:
    """A new order of one to four lines, placed at ``at`` (Unix seconds) and paid at once unless its status says not."""
    billing, shipping = _people(rng)
    tax_percent = _TAX_PERCENT[shipping["country"]]
    percent_off = 10 if rng.random() < 0.1 else 0
    chosen = rng.sample(listings, min(len(listings), rng.choices((1, 2, 3, 4), (45, 30, 17, 8))[0]))
    counts = rng.choices((1, 2, 3, 6), (70, 20, 7, 3), k=len(chosen))
    lines = [
        line_item(order_id * 10 + i, listing, count, percent_off, tax_percent)
        for i, (listing, count) in enumerate(zip(chosen, counts, strict=True))
    ]
    (rate,) = rng.choices(tuple(SHIPPING_RATES), (50, 35, 15))
    order = _head(rng, order_id, currency, status) | _sums(order_id, lines, rate, tax_percent)
    order |= {"billing": billing, "shipping": shipping}
    for field, moment in (("date_created", at), ("date_modified", at), ("date_completed", None)):
        stamp(order, field, moment, zone)
    stamp(order, "date_paid", at if status in {"processing", "completed"} else None, zone)
    return order


def _head(rng: random.Random, order_id: int, currency: str, status: str) -> dict[str, Any]:
    method, title = rng.choice((("stripe", "Credit card"), ("ppcp-gateway", "PayPal"), ("stripe", "Credit card")))
    return {
        "id": order_id,
        "parent_id": 0,
        "status": status,
        "currency": currency,
        "version": "10.3.0",
        "prices_include_tax": False,
        "customer_id": rng.choice((0, 0, rng.randint(2, 900))),
        "order_key": f"wc_order_{rng.getrandbits(52):013x}",
        "payment_method": method,
        "payment_method_title": title,
        "transaction_id": f"tx_{rng.getrandbits(64):016x}",
        "customer_ip_address": f"203.0.113.{rng.randint(1, 254)}",
        "customer_user_agent": _AGENT,
        "created_via": "checkout",
        "customer_note": rng.choice(_NOTES),
        "cart_hash": f"{rng.getrandbits(128):032x}",
        "number": str(order_id),
        "meta_data": [{"id": order_id * 10, "key": "is_vat_exempt", "value": "no"}],
        "tax_lines": [],
        "fee_lines": [],
        "refunds": [],
        "payment_url": "",
        "is_editable": False,
        "needs_payment": status in {"pending", "failed"},
        "needs_processing": True,
        "currency_symbol": {"USD": "$", "EUR": "€", "GBP": "£"}.get(currency, currency),
    }


def _sums(order_id: int, lines: list[dict[str, Any]], rate: str, tax_percent: int) -> dict[str, Any]:
    goods = sum(cents(line["total"]) for line in lines)
    discount = sum(cents(line["subtotal"]) for line in lines) - goods
    shipping_tax = SHIPPING_RATES[rate] * tax_percent // 100
    tax = sum(cents(line["total_tax"]) for line in lines) + shipping_tax
    coupon = {"id": order_id * 10 + 8, "code": "welcome10", "discount": money(discount)}
    return {
        "discount_total": money(discount),
        "discount_tax": money(discount * tax_percent // 100),
        "shipping_total": money(SHIPPING_RATES[rate]),
        "shipping_tax": money(shipping_tax),
        "cart_tax": money(tax - shipping_tax),
        "total": money(goods + SHIPPING_RATES[rate] + tax),
        "total_tax": money(tax),
        "line_items": lines,
        "shipping_lines": [_shipping_line(order_id, rate, shipping_tax)],
        "coupon_lines": [coupon] if discount else [],
    }


def _shipping_line(order_id: int, rate: str, tax: int) -> dict[str, Any]:
    return {
        "id": order_id * 10 + 9,
        "method_title": rate,
        "method_id": "free_shipping" if rate == "Free Shipping" else "flat_rate",
        "instance_id": "1",
        "total": money(SHIPPING_RATES[rate]),
        "total_tax": money(tax),
        "taxes": [],
        "meta_data": [],
    }


def spoil(order: dict[str, Any], trouble: str) -> None:
    """The order gets the named trouble, one of ``TROUBLES`` or renamed_sku: valid for WooCommerce, and a case for Resolve."""
    line = order["line_items"][0]
    match trouble:
        case "unknown_sku":
            line["sku"] = "OLD-RANGE-7"
        case "renamed_sku":
            line["sku"] = f"SHOP-{line['sku'].removeprefix('BB-')}-NEW"
        case "no_sku":
            line["sku"] = ""
        case "no_postcode":
            order["shipping"] |= {"postcode": ""}
        case "wrong_region":
            order["shipping"] |= {"country": "US", "state": "CA", "city": "Portland", "postcode": "97205"}
        case "unmapped_rate":
            order["shipping_lines"][0] |= {"method_title": "Local courier", "method_id": "local_courier"}
        case "on_hold":
            order |= {"status": "on-hold", "payment_method": "bacs", "payment_method_title": "Direct bank transfer"}
            order |= {"date_paid": None, "date_paid_gmt": None, "transaction_id": ""}
        case "cash_on_delivery":
            order |= {"payment_method": "cod", "payment_method_title": "Cash on delivery"}
            order |= {"date_paid": None, "date_paid_gmt": None, "transaction_id": ""}
        case _:
            raise ValueError(f"no such trouble: {trouble}")
