"""The preset ``amazon_vendor_df``; what it writes and reads is checked against Amazon's own descriptions."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from engine.connectors.suppliers.rest.connector import Connector
from engine.connectors.suppliers.rest.presets import AMAZON, coded, plain
from engine.errors import Misconfigured, Unreadable
from engine.ports import Raw, SupplierUpdate, UpdateKind
from engine.services.templates import SAMPLE
from tests.connectors.rest.conftest import connector, purchase

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "amazon"
URL = "http://127.0.0.1:9"
PARTIES = {"selling_party": "ACMEV", "ship_from_party": "ACMEW", "bill_to_party": "BB1"}
PRESET = {"preset": "amazon_vendor_df", "constants": PARTIES}
WHO = {"sellingParty": {"partyId": "ACMEV"}, "shipFromParty": {"partyId": "ACMEW"}}
NUMBER = "1001Z2D1"
EACH = "Each"


def ack(code: str = "00", *amounts: int, number: str = NUMBER) -> dict[str, Any]:
    return {
        "purchaseOrderNumber": number, "vendorOrderNumber": "V-77", "acknowledgementDate": "2026-01-02T10:00:00Z",
        "acknowledgementStatus": {"code": code, "description": "as it is"}, **WHO,
        "itemAcknowledgements": [
            {"itemSequenceNumber": str(n), "vendorProductIdentifier": f"A-{n}",
             "acknowledgedQuantity": {"amount": amount, "unitOfMeasure": EACH}}
            for n, amount in enumerate(amounts, 1)
        ],
    }  # fmt: skip


def container(tracking: str, *packed: tuple[int, int]) -> dict[str, Any]:
    return {
        "containerType": "Carton", "containerIdentifier": f"C-{tracking}", "trackingNumber": tracking, "carrier": "UPS",
        "shipMethod": "UPS_GROUND", "weight": {"unitOfMeasure": "LB", "value": "2.5"},
        "packedItems": [
            {"itemSequenceNumber": line, "packedQuantity": {"amount": amount, "unitOfMeasure": EACH}} for line, amount in packed
        ],
    }  # fmt: skip


def confirmation(*containers: dict[str, Any], status: str = "SHIPPED") -> dict[str, Any]:
    items = [{"itemSequenceNumber": 1, "shippedQuantity": {"amount": 3, "unitOfMeasure": EACH}}]
    return {
        "purchaseOrderNumber": NUMBER, **WHO, "items": items,
        "shipmentDetails": {"shippedDate": "2026-01-03T10:00:00Z", "shipmentStatus": status, "vendorOrderNumber": "V-77"},
        **({"containers": list(containers)} if containers else {}),
    }  # fmt: skip


TWO_PARCELS = confirmation(container("1Z1", (1, 2)), container("1Z2", (1, 1), (2, 1)))
RECEIVED = [
    ("Orders", "OrderAcknowledgementItem", ack("00", 3, 1)),
    ("Orders", "OrderAcknowledgementItem", ack("03", 0, 0)),
    ("Orders", "SubmitAcknowledgementRequest", {"orderAcknowledgements": [ack("00", 3, 1)]}),
    ("Shipping", "ShipmentConfirmation", TWO_PARCELS),
    ("Shipping", "ShipmentConfirmation", confirmation()),
    ("Shipping", "ShipmentConfirmation", confirmation(status="FLOOR_DENIAL")),
    ("Shipping", "SubmitShipmentConfirmationsRequest", {"shipmentConfirmations": [TWO_PARCELS, confirmation()]}),
]


@cache
def _definitions(api: str) -> Any:
    if not SPECS.is_dir():
        pytest.skip("Amazon's descriptions are not beside this checkout")
    return json.loads((SPECS / f"vendorDirectFulfillment{api}_2021-12-28.json").read_text())["definitions"]


def wrong(api: str, name: str, document: Any) -> list[str]:
    """What Amazon's description has against it; names it does not know are wrong too."""
    schema = {"definitions": _definitions(api), "allOf": [{"$ref": f"#/definitions/{name}"}]}
    found = [error.message for error in Draft4Validator(schema).iter_errors(document)]
    return found + _strangers(api, {"$ref": f"#/definitions/{name}"}, document, name)


def _strangers(api: str, schema: Any, document: Any, place: str) -> list[str]:
    if "$ref" in schema:
        schema = _definitions(api)[schema["$ref"].rpartition("/")[2]]
    if isinstance(document, list):
        return [said for item in document for said in _strangers(api, schema.get("items", {}), item, place)]
    if not isinstance(document, dict):
        return []
    known = schema.get("properties", {})
    found = [f"{place} has no {name}" for name in document if name not in known]
    for name in document.keys() & known.keys():
        found += _strangers(api, known[name], document[name], f"{place}.{name}")
    return found


def said(document: Any, **settings: Any) -> tuple[SupplierUpdate, ...]:
    acme: Connector = connector(URL, **PRESET, **settings)
    return acme.read(Raw("", msgspec.json.encode(document)))


@pytest.mark.shared
@pytest.mark.parametrize("of", [purchase(), SAMPLE, purchase(currency="JPY", note="x")], ids=["two", "sample", "yen"])
def test_an_order_is_as_amazon_describes_it(of) -> None:
    assert wrong("Orders", "Order", msgspec.json.decode(connector(URL, **PRESET).render(of))) == []


@pytest.mark.shared
@pytest.mark.parametrize(("api", "name", "document"), RECEIVED)
def test_what_is_read_here_is_as_amazon_describes_it(api, name, document) -> None:
    assert wrong(api, name, document) == []


@pytest.mark.shared
def test_the_descriptions_find_what_is_wrong() -> None:
    order = msgspec.json.decode(connector(URL, **PRESET).render(purchase()))
    del order["orderDetails"]["billToParty"]
    order["orderDetails"]["items"][0]["colour"] = "red"
    assert wrong("Orders", "Order", order) == [
        "'billToParty' is a required property",
        "Order.orderDetails.items has no colour",
    ]
    assert (
        "does not match"
        in wrong("Shipping", "ShipmentConfirmation", confirmation() | {"purchaseOrderNumber": "1001-1"})[0]
    )


def test_an_order_has_our_number_in_letters_and_digits() -> None:
    order = msgspec.json.decode(connector(URL, **PRESET).render(purchase()))
    assert order["purchaseOrderNumber"] == NUMBER
    details = order["orderDetails"]
    assert (details["customerOrderNumber"], details["orderDate"]) == ("1001", "2025-03-01T12:00:00Z")
    assert details["billToParty"] == {"partyId": "BB1"}
    assert details["items"][1] == {
        "itemSequenceNumber": "2", "buyerProductIdentifier": "BB-2", "vendorProductIdentifier": "A-2", "title": "Mug",
        "orderedQuantity": {"amount": 1, "unitOfMeasure": "Each"}, "netPrice": {"currencyCode": "USD", "amount": "3.05"},
    }  # fmt: skip


def test_an_acknowledgement_is_of_lines_and_a_refusal_of_the_order() -> None:
    (yes,) = said(ack("00", 3, 1))
    assert (yes.kind, yes.po_number, yes.reference) == (UpdateKind.ACKNOWLEDGED, "1001-1", "V-77")
    assert [(line.line, line.supplier_sku, line.quantity) for line in yes.lines] == [(1, "A-1", 3), (2, "A-2", 1)]
    (no,) = said(ack("03", 0, 0))
    assert (no.kind, no.lines, no.message) == (UpdateKind.REJECTED, (), "as it is")
    with pytest.raises(Unreadable, match="'99' is not in the status table"):
        said(ack("99", 1))
    (agreed,) = said(ack("99", 1), status_map={"99": "backordered"})  # one more code, beside the preset's
    assert agreed.kind is UpdateKind.BACKORDERED
    with pytest.raises(Unreadable, match="every quantity in it is zero"):
        said(ack("00", 0))


def test_each_container_is_a_parcel_and_without_them_the_items_count() -> None:
    first, second = said({"shipmentConfirmations": [TWO_PARCELS]})
    assert (first.kind, first.tracking_number, first.carrier) == (UpdateKind.SHIPPED, "1Z1", "UPS")
    assert [(line.line, line.quantity) for line in second.lines] == [(1, 1), (2, 1)]
    assert first.key != second.key
    (bare,) = said(confirmation())
    assert (bare.tracking_number, [(line.line, line.quantity) for line in bare.lines]) == ("", [(1, 3)])
    (denied,) = said(confirmation(status="FLOOR_DENIAL"))
    assert denied.kind is UpdateKind.REJECTED


async def test_both_kinds_come_in_one_feed_and_the_look_up_asks_for_the_number(scripted, connected) -> None:
    page = {
        "orderAcknowledgements": [ack("00", 3, 1)],
        "shipmentConfirmations": [TWO_PARCELS],
        "pagination": {"nextToken": "n2"},
    }
    scripted.answers = [
        (202, b"{}"), (200, {"purchaseOrderNumber": NUMBER}), (200, page),
        (200, {"shipmentConfirmations": [], "pagination": {"nextToken": "n2"}}),
    ]  # fmt: skip
    async with connected(scripted.url, **PRESET) as acme:
        await acme.submit("1001-1", acme.render(purchase()))
        assert await acme.find("1001-1") is not None
        got = await acme.poll(None)
        assert (await acme.poll(got.next)).items == ()
    assert [asked.path for asked in scripted.asked[:2]] == ["/purchaseOrders", f"/purchaseOrders/{NUMBER}"]
    assert [raw.external_id for raw in got.items] == ["1001-1", "1001-1"]
    assert [update.kind.value for raw in got.items for update in acme.read(raw)] == [
        "acknowledged",
        "shipped",
        "shipped",
    ]
    assert not acme.can_cancel


def test_what_is_set_by_hand_wins() -> None:
    acme = connector(URL, **PRESET, request="{n: po_number, s: lines[].supplier_sku}", update={"reference": ""})
    assert acme.render(purchase()) == b'{"n":"1001Z2D1","s":["A-1","A-2"]}'
    (update,) = acme.read(Raw("", msgspec.json.encode(ack("00", 1))))
    assert (update.reference, update.po_number) == ("", "1001-1")
    with pytest.raises(Misconfigured, match="constants: amazon_vendor_df needs ship_from_party, bill_to_party"):
        connector(URL, preset="amazon_vendor_df", constants={"selling_party": "X"})
    assert set(AMAZON.settings) <= set(Connector.config_type.__struct_fields__)


@given(st.text(max_size=20))
def test_every_number_comes_back_from_letters_and_digits(number: str) -> None:
    if number.encode("utf-8", "replace").decode() != number:
        return
    assert plain(coded(number)) == number
    assert coded(number) == "" or (coded(number).isascii() and coded(number).isalnum())


def test_a_number_that_was_never_coded_stays() -> None:
    assert [plain(number) for number in ("1001", "ZZ", "1Z", "AZ41", "1ZFFB")] == ["1001", "ZZ", "1Z", "AZ41", "1ZFFB"]
