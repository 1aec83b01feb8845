"""Which column of a file means what: our fields, the headers they are known by, and how a header is recognised."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import msgspec
from rapidfuzz import fuzz, process

LINES = "lines."  # how a key inside a JSON order's list of lines is written

_PARTS: dict[str, tuple[str, ...]] = {
    "name": ("name", "fullname", "contactname", "contact"),
    "first_name": ("firstname", "givenname", "vorname"),
    "last_name": ("lastname", "surname", "familyname", "nachname"),
    "company": ("company", "companyname", "organization", "organisation", "firma"),
    "line1": (
        "line1",
        "address1",
        "addressline1",
        "street",
        "street1",
        "streetaddress",
        "address",
        "strasse",
        "adresse",
    ),
    "line2": ("line2", "address2", "addressline2", "street2", "apartment", "adresse2"),
    "city": ("city", "town", "locality", "ort", "stadt", "ville", "ciudad"),
    "region": (
        "region",
        "state",
        "province",
        "stateprovince",
        "stateorprovince",
        "statecode",
        "provincecode",
        "county",
    ),
    "postal_code": ("postalcode", "zip", "zipcode", "postcode", "postal", "plz", "codepostal"),
    "country": ("country", "countrycode", "land", "pays"),
    "phone": ("phone", "phonenumber", "telephone", "tel", "mobile", "telefon"),
    "email": ("email", "emailaddress"),
}
_SHIP = ("ship", "shipto", "shipping", "shippingaddress", "shipaddress", "delivery", "deliveryaddress", "recipient", "")
_BILL = ("bill", "billto", "billing", "billingaddress", "billaddress", "invoice", "invoiceaddress")

LINE_FIELDS: dict[str, tuple[str, ...]] = {
    "line_id": ("lineid", "orderlineid", "orderitemid", "lineitemid", "itemid", "line", "lineno", "linenumber"),
    "sku": ("sku", "lineitemsku", "itemsku", "productsku", "sellersku", "itemnumber", "productcode", "partnumber",
            "articlenumber", "artikelnummer", "referencia", "reference"),
    "title": ("title", "producttitle", "productname", "itemname", "itemtitle", "lineitemname", "description",
              "artikel", "bezeichnung", "designation"),
    "quantity": ("quantity", "qty", "lineitemquantity", "quantitypurchased", "quantityordered", "orderedqty", "pieces",
                 "menge", "anzahl", "quantite", "cantidad"),
    "unit_price": ("unitprice", "price", "priceeach", "lineitemprice", "priceperunit", "einzelpreis", "preis",
                   "prixunitaire", "prix", "precio"),
    "canceled": ("canceled", "cancelled", "quantitycanceled", "quantitycancelled", "canceledquantity"),
    "shipped": ("shipped", "quantityshipped", "shippedquantity"),
}  # fmt: skip
_NESTED = {"line_id": ("id",), "title": ("name",)}  # words that mean this only inside a list of lines

_ORDER: dict[str, tuple[str, ...]] = {
    "order_number": ("ordernumber", "orderno", "ordernr", "order", "ordername", "number", "ponumber", "salesorder",
                     "bestellnummer", "auftragsnummer", "numerodecommande", "numerodepedido"),
    "order_id": ("orderid", "externalid", "salesorderid", "id"),
    "placed_at": ("placedat", "orderdate", "dateordered", "purchasedate", "createdat", "created", "orderedat", "date",
                  "orderplacedat", "bestelldatum", "datum"),
    "updated_at": ("updatedat", "lastupdated", "modifiedat", "lastmodified"),
    "state": ("orderstate", "orderstatus", "fulfillmentstatus", "fulfilmentstatus", "status"),
    "payment": ("payment", "paymentstatus", "financialstatus", "paymentstate"),
    "currency": ("currency", "currencycode", "ordercurrency", "wahrung", "devise"),
    "email": ("email", "customeremail", "buyeremail", "emailaddress", "contactemail"),
    "shipping_rate": ("shippingrate", "shippingmethod", "shippingservice", "shipservicelevel", "deliverymethod",
                      "shipmethod", "shipvia", "versandart"),
    "shipping_total": ("shippingtotal", "shippingcost", "shippingprice", "shippingamount", "shippingfee", "shipping",
                       "postage", "versandkosten"),
    "tax_total": ("taxtotal", "tax", "taxes", "taxamount", "totaltax", "vat", "mwst", "tva"),
    "discount_total": ("discounttotal", "discount", "discountamount", "totaldiscount", "rabatt", "remise"),
    "total": ("total", "ordertotal", "grandtotal", "totalprice", "totalamount", "gesamtsumme"),
    "note": ("note", "notes", "ordernote", "ordernotes", "customernote", "comment", "comments", "deliveryinstructions"),
}  # fmt: skip


def _address(prefix: str, written: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    fields = {f"{prefix}_{part}": tuple(before + word for before in written for word in words)
              for part, words in _PARTS.items()}  # fmt: skip
    if "" in written:  # a bare "email" is the customer's, not the parcel's
        fields[f"{prefix}_email"] = tuple(word for word in fields[f"{prefix}_email"] if word not in _PARTS["email"])
        fields[f"{prefix}_name"] += ("recipient", "shipto", "customername", "customer", "buyername")
    return fields


ADDRESS_PARTS = tuple(_PARTS)
ORDER_FIELDS = {**_ORDER, **_address("ship", _SHIP), **_address("bill", _BILL)}
FIELDS = frozenset(ORDER_FIELDS) | frozenset(LINE_FIELDS)


def squash(header: str) -> str:
    """The header without case, accents, spaces and punctuation: how two headers are compared."""
    if header.startswith(LINES):
        return "line:" + squash(header[len(LINES) :])
    plain = unicodedata.normalize("NFKD", header.casefold())
    return re.sub(r"[\W_]+", "", "".join(c for c in plain if not unicodedata.combining(c)))


@cache
def aliases() -> dict[str, tuple[str, ...]]:
    """Every field with the squashed headers it is known by, likeliest first. The field's own name always counts."""
    known: dict[str, tuple[str, ...]] = {}
    for field, words in LINE_FIELDS.items():
        words = (squash(field), *words)
        known[field] = (*("line:" + word for word in (*words, *_NESTED.get(field, ()))), *words)
    for field, words in ORDER_FIELDS.items():
        known[field] = words if field == "state" else (squash(field), *words)  # "State" is nearly always a region
    return known


def explicit(columns: Mapping[str, str | Sequence[str]], headers: Iterable[str]) -> dict[str, str]:
    """The fields whose column the user named, with the header that is really there. Fields without one are missing."""
    exact = dict.fromkeys(headers)
    folded: dict[str, str] = {}
    for header in exact:
        folded.setdefault(squash(header), header)
        folded.setdefault(squash(header).removeprefix("line:"), header)
    found: dict[str, str] = {}
    for field, names in columns.items():
        for name in (names,) if isinstance(names, str) else names:
            match = name if name in exact else folded.get(squash(name))
            if name and match is not None:
                found[field] = match
                break
    return found


def resolve(columns: Mapping[str, str | Sequence[str]], headers: Sequence[str]) -> dict[str, str]:
    """Field -> header: what the user named first, then the known names. A header stands for one field only."""
    mapping = explicit(columns, headers)
    free: dict[str, str] = {}
    for header in headers:
        if header not in mapping.values():
            free.setdefault(squash(header), header)
    for field, words in aliases().items():
        if field in columns:
            continue  # named by the user, or switched off by naming ""
        known = next((word for word in words if word in free), None)
        if known is not None:
            mapping[field] = free.pop(known)
    return mapping


class Suggestion(msgspec.Struct, frozen=True):
    """What a column probably is: ``field`` is None where nothing comes near; ``score`` runs from 0 to 100."""

    header: str
    field: str | None
    score: float
    samples: tuple[str, ...] = ()


_NEAR = 78.0  # below this, rapidfuzz pairs words that have only letters in common


def suggest(headers: Sequence[str], samples: Sequence[Sequence[str]] = ()) -> tuple[Suggestion, ...]:
    """A proposal for each header, in the order of the headers; no field is proposed twice."""
    sure = {header: field for field, header in resolve({}, headers).items()}
    names = {word: field for field, words in aliases().items() for word in words if ":" not in word}
    guesses: list[tuple[float, int, str]] = []
    for place, header in enumerate(headers):
        if header in sure:
            continue
        for word, score, _ in process.extract(squash(header), list(names), scorer=fuzz.WRatio, limit=5):
            guesses.append((score, place, names[word]))
    taken = set(sure.values())
    chosen: dict[int, tuple[str | None, float]] = dict.fromkeys(range(len(headers)), (None, 0.0))
    for score, place, near in sorted(guesses, key=lambda guess: (-guess[0], guess[1])):
        if score >= _NEAR and near not in taken and chosen[place][0] is None:
            taken.add(near)
            chosen[place] = (near, round(score, 1))
    return tuple(
        Suggestion(header, *((sure[header], 100.0) if header in sure else chosen[place]),
                   tuple(row[place] for row in samples if place < len(row))[:3])
        for place, header in enumerate(headers)
    )  # fmt: skip
