"""How far a supplier's warehouse is from a customer, as well as the libraries know, and said in words.

Only US ZIP codes have coordinates (zipcodes); between other places no distance is known, and the region or the country
must do.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import zipcodes

from engine.domain import address_rules

_ZIPPED = frozenset({"US", "PR", "VI", "GU", "AS", "MP"})
"""Countries whose postal codes are US ZIP codes; channels name the territories either way."""
_KM_PER_MILE = 1.609344


class Place(NamedTuple):
    """A warehouse or a customer's address; "" is what is not known."""

    country: str = ""
    region: str = ""
    postal_code: str = ""


class Apart(NamedTuple):
    """How far apart two places are. ``km`` None: not known; ``band`` 0 same region, 1 same country, 2 abroad, 3 unknown."""

    band: int
    km: int | None
    words: str


@lru_cache(maxsize=50_000)
def apart(warehouse: Place, customer: Place) -> Apart:
    """How far the warehouse is from the customer, by the best that is known of both."""
    if not warehouse.country:
        return Apart(3, None, "its warehouse is not known")
    if not customer.country:
        return Apart(3, None, "the customer's country is not known")
    here, there = _country(warehouse), _country(customer)
    if here != there:
        return Apart(2, None, f"another country ({warehouse.country}), no distance known")
    regions = _region(warehouse), _region(customer)
    band = 0 if regions[0] and regions[0] == regions[1] else 1
    km = _km(warehouse, customer)
    if km is not None:
        return Apart(band, km, f"{km:,} km by ZIP code")
    if band == 0:
        return Apart(0, None, f"the same region ({regions[0]}), no distance known")
    return Apart(1, None, f"the same country ({customer.country}), no distance known")


def _country(place: Place) -> str:
    return "US" if place.country in _ZIPPED else place.country


def _region(place: Place) -> str:
    """The region's code as its country writes it; by the postal code where no region is said, "" where that says nothing."""
    if place.country in _ZIPPED and place.country != "US":
        return place.country
    rules = address_rules.country(place.country)
    if rules is None:
        return ""
    if place.region:
        return rules.region_code(place.region) or place.region.strip().upper()
    if place.country == "US":
        found = address_rules.us_zip(place.postal_code.strip()[:5])
        return found.state if found else ""
    fits = [key for key, form in rules.region_postal.items() if place.postal_code and form.match(place.postal_code)]
    return fits[0] if len(fits) == 1 else ""


def _km(warehouse: Place, customer: Place) -> int | None:
    if _country(warehouse) != "US":
        return None
    here, there = _position(warehouse.postal_code.strip()[:5]), _position(customer.postal_code.strip()[:5])
    if here is None or there is None:
        return None
    miles = zipcodes.haversine(here[1], here[0], there[1], there[0])  # type: ignore[no-untyped-call]
    return round(float(miles) * _KM_PER_MILE)


@lru_cache(maxsize=50_000)
def _position(code: str) -> tuple[float, float] | None:
    """Latitude and longitude; None where there are none: unknown codes, and the military's, which are at 0, 0."""
    if not re.fullmatch(r"\d{5}", code, re.ASCII):
        return None
    found = zipcodes.matching(code)  # type: ignore[no-untyped-call]
    if not found:
        return None
    latitude, longitude = float(found[0]["lat"] or 0), float(found[0]["long"] or 0)
    return (latitude, longitude) if latitude or longitude else None
