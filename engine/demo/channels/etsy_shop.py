"""What the demo Etsy knows of its shop, in the shapes of Etsy's Open API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.demo.catalogue import LISTINGS
from engine.demo.channels.base import Sale
from engine.domain.money import exponent

SHOP_ID, USER_ID, SHOP_NAME = 20_659_437, 147_578_205, "BlueDoorLiving"
Json = dict[str, Any]


def money(minor: int, currency: str) -> Json:
    """An amount as Etsy writes it."""
    return {"amount": minor, "divisor": 10 ** exponent(currency), "currency_code": currency}


def new_receipt(sale: Sale, receipt_id: int, first: int, now: datetime) -> Json:
    """A receipt as somebody placed it."""
    at = int((sale.placed_at or now).timestamp())
    to, currency = sale.ship_to, sale.currency
    goods = sum(line.quantity * line.unit_price for line in sale.lines)
    sums = {
        "grandtotal": goods + sale.shipping, "subtotal": goods, "total_price": goods, "total_shipping_cost": sale.shipping,
        "total_tax_cost": 0, "total_vat_cost": 0, "discount_amt": 0, "gift_wrap_price": 0,
    }  # fmt: skip
    return {
        "receipt_id": receipt_id, "receipt_type": 0, "seller_user_id": USER_ID, "seller_email": "shop@example.com",
        "buyer_user_id": 900_001, "buyer_email": sale.email, "name": to.name, "first_line": to.line1,
        "second_line": to.line2 or None, "city": to.city, "state": to.region or None, "zip": to.postal_code,
        "status": "paid" if sale.paid else "open", "formatted_address": f"{to.name}\n{to.line1}", "country_iso": to.country,
        "payment_method": "cc", "payment_email": None, "message_from_seller": None, "message_from_buyer": sale.note or None,
        "message_from_payment": None, "is_paid": sale.paid, "is_shipped": False, "create_timestamp": at,
        "created_timestamp": at, "update_timestamp": at, "updated_timestamp": at, "is_gift": False, "gift_message": "",
        "gift_sender": "", **{name: money(minor, currency) for name, minor in sums.items()}, "shipments": [],
        "transactions": [_transaction(sale, place, receipt_id, first + place, at) for place in range(len(sale.lines))],
        "refunds": [],
    }  # fmt: skip


def _transaction(sale: Sale, place: int, receipt_id: int, transaction_id: int, at: int) -> Json:
    line = sale.lines[place]
    return {
        "transaction_id": transaction_id, "title": line.title, "description": line.title, "seller_user_id": USER_ID,
        "buyer_user_id": 900_001, "create_timestamp": at, "created_timestamp": at,
        "paid_timestamp": at if sale.paid else None, "shipped_timestamp": None, "quantity": line.quantity,
        "listing_image_id": None, "receipt_id": receipt_id, "is_digital": False, "file_data": "",
        "listing_id": 1_100_000_000 + place, "transaction_type": "listing", "product_id": 4_000_000_000 + place,
        "sku": line.sku, "price": money(line.unit_price, sale.currency),
        "shipping_cost": money(sale.shipping if place == 0 else 0, sale.currency), "variations": [], "product_data": [],
        "shipping_profile_id": None, "min_processing_days": 1, "max_processing_days": 3, "shipping_method": None,
        "shipping_upgrade": sale.rate, "expected_ship_date": at + 3 * 86_400, "buyer_coupon": 0.0, "shop_coupon": 0.0,
    }  # fmt: skip


def listings() -> list[Json]:
    """What the shop offers: the demo's catalogue, its last listing sold out, with two products in the first."""
    found = [_listing(1_100_000_000 + place, one.sku, one.title, one.price) for place, one in enumerate(LISTINGS)]
    found[-1]["state"] = "sold_out"
    products = found[0]["inventory"]["products"]
    products.append(_product(products[0]["product_id"] + 500, f"{products[0]['sku']}-GIFT", 100, "Gift box"))
    products.append({**_product(products[0]["product_id"] + 501, "GONE", 100, ""), "is_deleted": True})
    return found


def _listing(listing_id: int, sku: str, title: str, price: int) -> Json:
    return {
        "listing_id": listing_id, "user_id": USER_ID, "shop_id": SHOP_ID, "title": title, "description": title,
        "state": "active", "quantity": 20, "url": f"https://www.etsy.com/listing/{listing_id}", "skus": [sku],
        "price": money(price, "USD"), "has_variations": False,
        "inventory": {
            "products": [_product(listing_id + 2_900_000_000, sku, price, "")], "price_on_property": [],
            "quantity_on_property": [], "sku_on_property": [],
        },
    }  # fmt: skip


def _product(product_id: int, sku: str, price: int, value: str) -> Json:
    offering = {
        "offering_id": product_id + 1, "quantity": 20, "is_enabled": True, "is_deleted": False, "price": money(price, "USD"),
    }  # fmt: skip
    chosen: list[Json] = []
    if value:
        chosen = [{"property_id": 513, "property_name": "Packing", "scale_id": None, "scale_name": None,
                   "value_ids": [1], "values": [value]}]  # fmt: skip
    return {
        "product_id": product_id,
        "sku": sku,
        "is_deleted": False,
        "offerings": [offering],
        "property_values": chosen,
    }
