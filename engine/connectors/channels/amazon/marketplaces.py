"""Amazon's marketplaces: which API they are behind, and where their sellers work.

Sources: https://developer-docs.amazon.com/sp-api/docs/marketplace-ids and …/docs/sp-api-endpoints
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from engine.errors import Misconfigured

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "NA": "https://sellingpartnerapi-na.amazon.com",
        "EU": "https://sellingpartnerapi-eu.amazon.com",
        "FE": "https://sellingpartnerapi-fe.amazon.com",
    }
)


class Marketplace(NamedTuple):
    """``country`` is how people name it here; ``seller_central`` where its sellers work."""

    country: str
    id: str
    region: str
    currency: str
    seller_central: str


_EUROPE = "https://sellercentral-europe.amazon.com"
MARKETPLACES: tuple[Marketplace, ...] = (
    Marketplace("US", "ATVPDKIKX0DER", "NA", "USD", "https://sellercentral.amazon.com"),
    Marketplace("CA", "A2EUQ1WTGCTBG2", "NA", "CAD", "https://sellercentral.amazon.ca"),
    Marketplace("MX", "A1AM78C64UM0Y8", "NA", "MXN", "https://sellercentral.amazon.com.mx"),
    Marketplace("BR", "A2Q3Y263D00KWC", "NA", "BRL", "https://sellercentral.amazon.com.br"),
    Marketplace("IE", "A28R8C7NBKEWEA", "EU", "EUR", "https://sellercentral.amazon.ie"),
    Marketplace("ES", "A1RKKUPIHCS9HS", "EU", "EUR", _EUROPE),
    Marketplace("GB", "A1F83G8C2ARO7P", "EU", "GBP", _EUROPE),
    Marketplace("FR", "A13V1IB3VIYZZH", "EU", "EUR", _EUROPE),
    Marketplace("BE", "AMEN7PMS3EDWL", "EU", "EUR", "https://sellercentral.amazon.com.be"),
    Marketplace("NL", "A1805IZSGTT6HS", "EU", "EUR", "https://sellercentral.amazon.nl"),
    Marketplace("DE", "A1PA6795UKMFR9", "EU", "EUR", _EUROPE),
    Marketplace("IT", "APJ6JRA9NG5V4", "EU", "EUR", _EUROPE),
    Marketplace("SE", "A2NODRKZP88ZB9", "EU", "SEK", "https://sellercentral.amazon.se"),
    Marketplace("ZA", "AE08WJ6YKNBMC", "EU", "ZAR", "https://sellercentral.amazon.co.za"),
    Marketplace("PL", "A1C3SOZRARQ6R3", "EU", "PLN", "https://sellercentral.amazon.pl"),
    Marketplace("EG", "ARBP9OOSHTCHU", "EU", "EGP", "https://sellercentral.amazon.eg"),
    Marketplace("TR", "A33AVAJ2PDY3EV", "EU", "TRY", "https://sellercentral.amazon.com.tr"),
    Marketplace("SA", "A17E79C6D8DWNP", "EU", "SAR", "https://sellercentral.amazon.sa"),
    Marketplace("AE", "A2VIGQ35RCS4UG", "EU", "AED", "https://sellercentral.amazon.ae"),
    Marketplace("IN", "A21TJRUUN4KGV", "EU", "INR", "https://sellercentral.amazon.in"),
    Marketplace("SG", "A19VAU5U5O7RUS", "FE", "SGD", "https://sellercentral.amazon.sg"),
    Marketplace("AU", "A39IBJ37TRP1C6", "FE", "AUD", "https://sellercentral.amazon.com.au"),
    Marketplace("JP", "A1VC38T7YXB528", "FE", "JPY", "https://sellercentral.amazon.co.jp"),
)
BY_ID: Mapping[str, Marketplace] = MappingProxyType({one.id: one for one in MARKETPLACES})
_BY_NAME = {one.country: one for one in MARKETPLACES} | {"UK": BY_ID["A1F83G8C2ARO7P"]}


def chosen(text: str) -> tuple[Marketplace, ...]:
    """The marketplaces named in "US, CA" (countries or Amazon's ids), each once, in that order.

    Raises Misconfigured for one that is not known, for none, and where they are not all of one region.
    """
    found: dict[str, Marketplace] = {}
    for name in text.replace(";", ",").split(","):
        if not name.strip():
            continue
        one = BY_ID.get(name.strip()) or _BY_NAME.get(name.strip().upper())
        if one is None:
            known = ", ".join(sorted(_BY_NAME))
            raise Misconfigured(f"Amazon: marketplaces has {name.strip()!r}, which is none of {known}")
        found[one.id] = one
    if not found:
        raise Misconfigured("Amazon: marketplaces is empty; name those you sell on, as in US, CA")
    regions = {one.region for one in found.values()}
    if len(regions) > 1:
        raise Misconfigured(
            f"Amazon: {text} are of the regions {', '.join(sorted(regions))}, and Amazon gives access to one at a time;"
            " add a channel for each region"
        )
    return tuple(found.values())
