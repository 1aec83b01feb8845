"""What the demo eBay knows of its orders, in the shapes of eBay's Sell Fulfillment API."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from engine.connectors.channels.ebay.mapping import stamp
from engine.demo.channels.base import Sale
from engine.domain import money
from engine.domain.addresses import Address

SELLER = "bluedoor_living"
Json = dict[str, Any]


def amount(minor: int, currency: str) -> Json:
    """An amount as eBay writes it."""
    return {"value": str(money.major(minor, currency)), "currency": currency}


def new_order(sale: Sale, order_id: str, first_line: int, now: datetime, rng: random.Random) -> Json:
    """An order as somebody placed it."""
    placed = sale.placed_at or now
    currency = sale.currency
    lines = [_line(sale, i, str(first_line + i), placed, rng) for i in range(len(sale.lines))]
    goods = sum(line.quantity * line.unit_price for line in sale.lines)
    order: Json = {
        "orderId": order_id,
        "creationDate": stamp(placed),
        "lastModifiedDate": stamp(placed),
        "orderFulfillmentStatus": "NOT_STARTED",
        "orderPaymentStatus": "PAID" if sale.paid else "PENDING",
        "sellerId": SELLER,
        "buyer": {
            "username": f"buyer_{rng.randrange(10**6)}",
            "buyerRegistrationAddress": contact(sale.ship_to, sale.email),
        },
        "cancelStatus": {"cancelState": "NONE_REQUESTED", "cancelRequests": []},
        "pricingSummary": {
            "priceSubtotal": amount(goods, currency),
            "deliveryCost": amount(sale.shipping, currency),
            "total": amount(goods + sale.shipping, currency),
        },
        "paymentSummary": {
            "totalDueSeller": amount(goods + sale.shipping, currency),
            "payments": [],
            "refunds": [],
        },
        "fulfillmentStartInstructions": [_instruction(sale, placed)],
        "fulfillmentHrefs": [],
        "lineItems": lines,
    }
    order["paymentSummary"]["payments"] = [_payment(order, sale.paid, placed)]
    if sale.note:
        order["buyerCheckoutNotes"] = sale.note
    return order


def pay(order: Json, now: datetime) -> None:
    """The order is paid."""
    order["orderPaymentStatus"] = "PAID"
    order["paymentSummary"]["payments"] = [_payment(order, True, now)]


def _payment(order: Json, paid: bool, when: datetime) -> Json:
    payment: Json = {
        "paymentMethod": "EBAY",
        "paymentStatus": "PAID" if paid else "PENDING",
        "amount": order["pricingSummary"]["total"],
    }
    return payment | ({"paymentDate": stamp(when)} if paid else {})


def _line(sale: Sale, place: int, line_id: str, placed: datetime, rng: random.Random) -> Json:
    line = sale.lines[place]
    cost = amount(line.quantity * line.unit_price, sale.currency)
    shipping = amount(sale.shipping if place == 0 else 0, sale.currency)
    return {
        "lineItemId": line_id,
        "legacyItemId": str(110_000_000_000 + rng.randrange(10**9)),
        "sku": line.sku,
        "title": line.title,
        "quantity": line.quantity,
        "lineItemCost": cost,
        "total": cost,
        "deliveryCost": {"shippingCost": shipping},
        "soldFormat": "FIXED_PRICE",
        "listingMarketplaceId": "EBAY_US",
        "purchaseMarketplaceId": "EBAY_US",
        "lineItemFulfillmentStatus": "NOT_STARTED",
        "lineItemFulfillmentInstructions": {"shipByDate": stamp(placed), "guaranteedDelivery": False},
        "appliedPromotions": [],
        "taxes": [],
        "refunds": [],
        "properties": {"buyerProtection": True},
    }


def _instruction(sale: Sale, placed: datetime) -> Json:
    return {
        "fulfillmentInstructionsType": "SHIP_TO",
        "minEstimatedDeliveryDate": stamp(placed),
        "maxEstimatedDeliveryDate": stamp(placed),
        "ebaySupportedFulfillment": False,
        "shippingStep": {
            "shipTo": contact(sale.ship_to, sale.email),
            "shippingCarrierCode": "USPS",
            "shippingServiceCode": sale.rate,
        },
    }


def contact(address: Address, email: str) -> Json:
    """An address as eBay writes it: what is empty is not there."""
    place = {
        "addressLine1": address.line1, "addressLine2": address.line2, "city": address.city,
        "stateOrProvince": address.region, "postalCode": address.postal_code, "countryCode": address.country,
    }  # fmt: skip
    found: Json = {
        "fullName": address.name,
        "companyName": address.company,
        "email": email,
        "contactAddress": {name: value for name, value in place.items() if value},
    }
    if address.phone:
        found["primaryPhone"] = {"phoneNumber": address.phone}
    return {name: value for name, value in found.items() if value}


def in_list(order: Json) -> Json:
    """The order as getOrders shows it: who asked to cancel it, only getOrder tells."""
    return order | {"cancelStatus": order["cancelStatus"] | {"cancelRequests": []}}


def recount(order: Json, fulfillments: list[Json]) -> None:
    """The states of the lines and of the order are what the parcels say."""
    for line in order["lineItems"]:
        shipped = pieces(fulfillments, line["lineItemId"])
        line["lineItemFulfillmentStatus"] = (
            "NOT_STARTED" if not shipped else "FULFILLED" if shipped >= line["quantity"] else "IN_PROGRESS"
        )
    states = {line["lineItemFulfillmentStatus"] for line in order["lineItems"]}
    order["orderFulfillmentStatus"] = states.pop() if len(states) == 1 else "IN_PROGRESS"


def pieces(fulfillments: list[Json], line_id: str) -> int:
    """How many pieces of the line are in parcels."""
    return sum(
        portion["quantity"] for one in fulfillments for portion in one["lineItems"] if portion["lineItemId"] == line_id
    )
