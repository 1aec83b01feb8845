"""What an order of the Orders API means. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.connectors import registry
from engine.connectors.channels.amazon import mapping, marketplaces
from engine.errors import Misconfigured, Unreadable
from engine.ports import Address, CancelWish, ChannelState, Payment, Raw


def order(**changes: Any) -> dict[str, Any]:
    """An unshipped order of one line of 3 pieces; ``changes`` replace its fields."""
    money = {"amount": "12.50", "currencyCode": "EUR"}
    made: dict[str, Any] = {
        "orderId": "302-1234567-7654321",
        "createdTime": "2026-03-01T09:00:00Z",
        "lastUpdatedTime": "2026-03-01T10:30:00+01:00",
        "programs": ["PRIME"],
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9"},
        "buyer": {"buyerEmail": "abc@marketplace.amazon.de"},
        "recipient": {
            "deliveryAddress": {
                "name": "Ada Byron", "addressLine1": "", "addressLine2": "Hauptstraße 1", "addressLine3": "3. Stock",
                "city": "Berlin", "postalCode": "10115", "countryCode": "DE", "phone": "+49 30 1234",
            },
            "deliveryPreference": {"addressInstruction": "Ring twice"},
        },
        "proceeds": {"grandTotal": {"amount": "39.50", "currencyCode": "EUR"}},
        "fulfillment": {
            "fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT", "fulfillmentServiceLevel": "SECOND_DAY",
            "shipByWindow": {"latestDateTime": "2026-03-03T00:59:59+01:00"},
        },
        "orderItems": [
            {
                "orderItemId": "11", "quantityOrdered": 3,
                "product": {"title": "Mug", "sellerSku": "MUG", "price": {"unitPrice": money}},
                "proceeds": {"breakdowns": [
                    {"type": "SHIPPING", "subtotal": {"amount": "4.00", "currencyCode": "EUR"}},
                    {"type": "TAX", "subtotal": {"amount": "6.31", "currencyCode": "EUR"}},
                    {"type": "DISCOUNT", "subtotal": {"amount": "-2.00", "currencyCode": "EUR"}},
                ]},
                "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 3},
            }
        ],
    }  # fmt: skip
    return made | changes


def read(said: dict[str, Any]) -> Any:
    return mapping.read(Raw(said.get("orderId", ""), msgspec.json.encode(said)))


def item(said: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The order with its line changed."""
    return said | {"orderItems": [said["orderItems"][0] | changes]}


def status(state: str, **more: Any) -> dict[str, Any]:
    return {"fulfillment": {"fulfillmentStatus": state, "fulfilledBy": "MERCHANT", **more}}


def test_an_order_says_everything_the_engine_asks_for() -> None:
    found = read(order())
    assert (found.external_id, found.number, found.state) == (*["302-1234567-7654321"] * 2, ChannelState.OPEN)
    assert (found.currency, found.total, found.payment) == ("EUR", 3950, Payment.PAID)
    assert (found.shipping_total, found.tax_total, found.discount_total) == (400, 631, 200)
    assert (found.shipping_rate, found.email) == ("Second Day", "abc@marketplace.amazon.de")
    assert found.updated_at.isoformat() == "2026-03-01T10:30:00+01:00"
    assert found.ship_to == Address(
        name="Ada Byron", line1="Hauptstraße 1", line2="3. Stock", city="Berlin", postal_code="10115", country="DE",
        phone="+49 30 1234", email="abc@marketplace.amazon.de",
    )  # fmt: skip
    assert found.note == "Ship by 2026-03-02 23:59 UTC\nDelivery: Ring twice"
    (line,) = found.lines
    assert (line.external_id, line.sku, line.quantity, line.unit_price) == ("11", "MUG", 3, 1250)
    assert (line.canceled, line.shipped, found.fraud) == (0, 0, None)


@pytest.mark.parametrize(
    ("said", "state", "payment", "shipped", "canceled"),
    [
        ("PENDING_AVAILABILITY", ChannelState.PENDING, Payment.UNPAID, 0, 0),
        ("PENDING", ChannelState.PENDING, Payment.UNPAID, 0, 0),
        ("UNSHIPPED", ChannelState.OPEN, Payment.PAID, 0, 0),
        ("PARTIALLY_SHIPPED", ChannelState.PARTIALLY_SHIPPED, Payment.PAID, 0, 0),
        ("SHIPPED", ChannelState.SHIPPED, Payment.PAID, 3, 0),
        ("CANCELLED", ChannelState.CANCELED, Payment.UNPAID, 0, 3),
        ("UNFULFILLABLE", ChannelState.CANCELED, Payment.UNPAID, 0, 3),
    ],
)
def test_every_status_has_its_meaning(
    said: str, state: ChannelState, payment: Payment, shipped: int, canceled: int
) -> None:
    found = read(item(order(**status(said)), fulfillment={}))
    line = found.lines[0]
    assert (found.state, found.payment, line.shipped, line.canceled) == (state, payment, shipped, canceled)


def test_what_is_neither_shipped_nor_to_be_shipped_was_canceled() -> None:
    changed = item(order(**status("PARTIALLY_SHIPPED")), fulfillment={"quantityFulfilled": 1, "quantityUnfulfilled": 1})
    line = read(changed).lines[0]
    assert (line.quantity, line.shipped, line.canceled) == (3, 1, 1)
    canceled = item(order(**status("CANCELLED")), fulfillment={"quantityFulfilled": 1, "quantityUnfulfilled": 2})
    line = read(canceled).lines[0]
    assert (line.shipped, line.canceled) == (1, 2)
    assert read(item(order(), quantityOrdered=0)).lines == ()


def test_a_pending_order_has_neither_prices_nor_address_and_says_its_marketplaces_currency() -> None:
    said = item(order(**status("PENDING")), product={"sellerSku": "MUG", "title": "Mug"}, proceeds={})
    for gone in ("recipient", "proceeds", "buyer"):
        del said[gone]
    found = read(said)
    assert (found.currency, found.total, found.lines[0].unit_price, found.ship_to) == ("EUR", 0, 0, Address())
    assert "role" not in found.note


def test_yen_have_no_decimals() -> None:
    money = {"amount": "1500", "currencyCode": "JPY"}
    said = item(order(proceeds={"grandTotal": money}), proceeds={}, product={"price": {"unitPrice": money}})
    found = read(said)
    assert (found.total, found.lines[0].unit_price) == (1500, 1500)
    with pytest.raises(Unreadable, match="decimals") as caught:
        read(order(proceeds={"grandTotal": {"amount": "15.5", "currencyCode": "JPY"}}))
    assert caught.value.field == "proceeds.grandTotal.amount"


def test_a_price_is_had_from_the_line_s_proceeds_where_it_has_none() -> None:
    total = {"type": "ITEM", "subtotal": {"amount": "10.00", "currencyCode": "EUR"}}
    found = read(item(order(), product={"sellerSku": "MUG"}, proceeds={"breakdowns": [total]}))
    assert found.lines[0].unit_price == 333
    replacement = item(order(), product={"sellerSku": "MUG"}, proceeds={})
    del replacement["proceeds"]
    found = read(replacement)
    assert (found.total, found.lines[0].unit_price, found.payment) == (0, 0, Payment.PAID)


def test_an_order_of_amazons_own_can_never_be_read() -> None:
    with pytest.raises(Unreadable, match="own warehouse") as caught:
        read(order(fulfillment={"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "AMAZON"}))
    assert caught.value.field == "fulfillment.fulfilledBy"


def test_what_a_person_must_look_at_stops_the_order() -> None:
    found = read(order(programs=["FBM_SHIP_PLUS"]))
    assert found.fraud is not None
    assert "Ship+" in found.fraud


def test_a_buyer_who_asks_to_cancel_is_heard_until_it_is_done_or_shipped() -> None:
    asked = {"cancellation": {"cancellationRequest": {"requester": "BUYER", "cancelReason": "Ordered twice"}}}
    found = read(item(order(), **asked))
    assert (found.cancel_wish, found.fraud, found.state) == (CancelWish("Ordered twice"), None, ChannelState.OPEN)
    shipped = item(order(**status("SHIPPED")), fulfillment={"quantityFulfilled": 3, "quantityUnfulfilled": 0}, **asked)
    assert read(shipped).cancel_wish is None
    assert read(item(order(**status("CANCELLED")), **asked)).cancel_wish is None
    two = item(order(), **asked)
    two["orderItems"].append({**order()["orderItems"][0], "orderItemId": "another"})
    (mug, _) = read(two).lines
    assert read(two).cancel_wish == CancelWish("Ordered twice", (mug.external_id,))
    asked["cancellation"]["cancellationExecution"] = {"cancelledBy": "MERCHANT"}
    some, none = ({"quantityFulfilled": 0, "quantityUnfulfilled": rest} for rest in (1, 0))
    assert read(item(order(), fulfillment=some, **asked)).cancel_wish == CancelWish("Ordered twice")
    assert read(item(order(), fulfillment=none, **asked)).cancel_wish is None


def test_gifts_and_made_to_order_are_in_the_note() -> None:
    fulfillment = {"packing": {"giftOption": {"giftMessage": "Happy birthday", "giftWrapLevel": "STANDARD"}}}
    product = {"sellerSku": "MUG", "customization": {"customizedUrl": "https://example.com/c.zip"},
               "price": {"unitPrice": {"amount": "1", "currencyCode": "EUR"}}}  # fmt: skip
    note = read(item(order(), fulfillment=fulfillment, product=product)).note
    assert "Gift, MUG (STANDARD): Happy birthday" in note
    assert "Made to order, MUG: https://example.com/c.zip" in note


def test_cash_on_delivery_is_not_paid() -> None:
    fulfillment = {"shipping": {"shippingConstraints": {"cashOnDelivery": "MANDATORY"}}}
    assert read(item(order(), fulfillment=fulfillment)).payment is Payment.UNPAID


def test_without_the_role_the_note_says_why_there_is_no_street() -> None:
    found = read(order(recipient={"deliveryAddress": {"city": "Berlin", "countryCode": "DE"}}))
    assert (found.ship_to.city, found.ship_to.line1) == ("Berlin", "")
    assert found.note.startswith(mapping.NO_ADDRESS)


def test_addresses_of_other_shapes_keep_all_they_say() -> None:
    brazil = {
        "name": "Maria", "addressLine1": "Rua das Flores, 123", "city": "São Paulo", "stateOrRegion": "SP",
        "extendedFields": {"neighborhood": "Vila Madalena"}, "countryCode": "BR", "districtOrCounty": "",
    }  # fmt: skip
    found = read(order(recipient={"deliveryAddress": brazil})).ship_to
    assert (found.line2, found.region) == ("Vila Madalena", "SP")
    district = {"addressLine1": "Istiklal 42", "districtOrCounty": "Beyoglu", "countryCode": "TR"}
    assert read(order(recipient={"deliveryAddress": district})).ship_to.city == "Beyoglu"
    county = {
        "addressLine1": "1 High Street",
        "city": "Leeds",
        "districtOrCounty": "West Yorkshire",
        "countryCode": "GB",
    }
    assert read(order(recipient={"deliveryAddress": county})).ship_to.region == "West Yorkshire"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (status("LOST"), "fulfillment.fulfillmentStatus"),
        ({"fulfillment": None}, "fulfillment"),
        (status("UNSHIPPED", fulfilledBy="SOMEONE"), "fulfillment.fulfilledBy"),
        ({"lastUpdatedTime": "2026-03-01T10:30:00"}, "lastUpdatedTime"),
        ({"createdTime": "yesterday"}, "createdTime"),
        ({"orderItems": [{"orderItemId": "11", "quantityOrdered": "3", "product": {}}]}, "orderItems[0].quantityOrdered"),
        ({"orderItems": [{"orderItemId": "11", "quantityOrdered": 3}]}, "orderItems[0].product"),
        ({"proceeds": {"grandTotal": {"amount": "1e3", "currencyCode": "EUR"}}}, "proceeds.grandTotal.amount"),
        ({"proceeds": {"grandTotal": {"amount": "1", "currencyCode": "EURO"}}}, "proceeds.grandTotal.currencyCode"),
        (
            {"proceeds": {"grandTotal": {"amount": "9", "currencyCode": "USD"}}},
            "orderItems[0].product.price.unitPrice.currencyCode",
        ),
        ({"proceeds": {}}, "proceeds.grandTotal"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(order(**changes))
    assert "302-1234567-7654321" in caught.value.message
    assert caught.value.field == field


def test_more_pieces_than_were_ordered_are_not_believed() -> None:
    with pytest.raises(Unreadable, match="2 shipped and 2 to be shipped of 3"):
        read(item(order(), fulfillment={"quantityFulfilled": 2, "quantityUnfulfilled": 2}))


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'"x"'])
def test_what_is_no_order_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="302-1"):
        mapping.read(Raw("302-1", body))


def test_marketplaces_are_of_one_region() -> None:
    assert [one.id for one in marketplaces.chosen("us, CA;A1AM78C64UM0Y8, us")] == [
        "ATVPDKIKX0DER", "A2EUQ1WTGCTBG2", "A1AM78C64UM0Y8",
    ]  # fmt: skip
    assert marketplaces.chosen("UK")[0].country == "GB"
    for text, why in (("", "empty"), ("US, XX", "'XX'"), ("US, DE", "EU, NA")):
        with pytest.raises(Misconfigured, match=why):
            marketplaces.chosen(text)


def test_where_an_order_is_and_where_consent_is_given() -> None:
    connector = registry.channel_type("amazon")
    assert connector.order_page({"marketplaces": "DE"}, "302-1") == (  # type: ignore[attr-defined]
        "https://sellercentral-europe.amazon.com/orders-v3/order/302-1"
    )
    assert connector.order_page({"marketplaces": "Mars"}, "302-1") == ""  # type: ignore[attr-defined]
    settings = {"marketplaces": "JP", "application_id": "amzn1.sp.solution.x", "draft": True}
    url = connector.authorise_url(settings, "https://b.example/back", "s-1", "")  # type: ignore[attr-defined]
    assert url.startswith(
        "https://sellercentral.amazon.co.jp/apps/authorize/consent?application_id=amzn1.sp.solution.x"
    )
    assert "state=s-1" in url
    assert "redirect_uri=https%3A%2F%2Fb.example%2Fback" in url
    assert url.endswith("version=beta")
