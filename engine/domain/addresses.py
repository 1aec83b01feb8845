"""Postal addresses: what one is, what is wrong with one, and the same address tidied."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal

import msgspec
import phonenumbers

from engine.domain import address_rules as rules


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A postal address as the channel gave it; ``country`` is ISO 3166-1 alpha-2 and ``region`` its code or name."""

    name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""


class Finding(msgspec.Struct, frozen=True):
    """Something about an address; ``blocking`` keeps the order here. ``suggestion`` is a value for ``field``, or ""."""

    field: str
    problem: str
    blocking: bool
    kind: Literal["missing_field", "invalid_address"]
    suggestion: str = ""


_Findings = Iterator[Finding]

_LONGEST_PHONE = 100
_LONGEST_KEPT = 2000  # characters in an address; longer ones are nonsense that must not fill the memory of the cache

# --- Tidying ----------------------------------------------------------------------------------------------------------

_JOINERS = "\u200c\u200d"  # parts of words in Persian and the Indic scripts, so they stay though they are invisible
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_CANADIAN = re.compile(r"([A-Z]\d[A-Z])[ \-]?(\d[A-Z]\d)", re.ASCII)
_ZIP = re.compile(r"\d{5}(-\d{4})?", re.ASCII)
_NINE_DIGITS = re.compile(r"(\d{5})[ \-]?(\d{4})", re.ASCII)


def _tidy(text: str) -> str:
    if not text:
        return text
    if not text.isprintable():
        kept = (
            " " if sign.isspace() else sign
            for sign in text
            if sign.isspace() or sign in _JOINERS or unicodedata.category(sign) not in _DROPPED
        )
        text = "".join(kept)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def _code(text: str) -> str:
    """Upper case in ordinary width, as in "１２３－４５６７" from a Japanese keyboard."""
    if text.isascii() and text.isprintable():
        return " ".join(text.upper().split())
    for _ in range(3):  # a few letters only settle when folded again
        text = _tidy(unicodedata.normalize("NFKC", text).upper().replace(_JOINERS[0], "").replace(_JOINERS[1], ""))
    return text


def normalise(address: Address) -> Address:
    """The same address without stray spaces and invisible characters, its codes in upper case. Idempotent.

    US, Canadian and Australian regions become their codes, and postal codes there get their usual separator. Nothing
    else is corrected: what looks wrong is left for ``check`` to say.
    """
    # An order's two addresses are mostly one, and it is tidied again each time it is checked.
    return (_normalise if _size(address) <= _LONGEST_KEPT else _normalise.__wrapped__)(address)


def _size(address: Address) -> int:
    return len("".join(msgspec.structs.astuple(address)))


@lru_cache(maxsize=8192)
def _normalise(address: Address) -> Address:
    country = _code(address.country)
    region, postal = _tidy(address.region), _code(address.postal_code)
    if country in rules.STRICT:
        form = rules.country(country)
        region = (form and form.region_code(region)) or region
    if country == "CA" and (match := _CANADIAN.fullmatch(postal)):
        postal = f"{match[1]} {match[2]}"
    if country == "US" and (match := _NINE_DIGITS.fullmatch(postal)):
        postal = f"{match[1]}-{match[2]}"
    return Address(
        name=_tidy(address.name),
        company=_tidy(address.company),
        line1=_tidy(address.line1),
        line2=_tidy(address.line2),
        city=_tidy(address.city),
        region=region,
        postal_code=postal,
        country=country,
        phone=_tidy(address.phone),
        email=_tidy(address.email),
    )


def phone(number: str, country: str) -> str | None:
    """The telephone number in E.164 ("+14155552671"), read as dialled in ``country``; None if nobody has it."""
    return _phone(number, country.upper()) if len(number) <= _LONGEST_PHONE else None


@lru_cache(maxsize=4096)
def _phone(number: str, country: str) -> str | None:
    try:
        parsed = phonenumbers.parse(number, country or None)
    except phonenumbers.NumberParseException:
        return None
    # Most are of the country they are dialled in; to find whose any other one is takes as long again.
    if not (phonenumbers.is_valid_number_for_region(parsed, country) or phonenumbers.is_valid_number(parsed)):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


# --- Checking ---------------------------------------------------------------------------------------------------------


def check(address: Address, *, po_box_allowed: bool = True, max_line: int | None = None) -> list[Finding]:
    """Everything that is wrong with the address, blocking findings first; an empty list where nothing is.

    ``po_box_allowed`` is False for a method by courier; ``max_line`` is the most characters the supplier takes in name,
    company, address lines and city. Format rules block in the US, Canada and Australia only; elsewhere they warn.
    Never raises. A warm check takes well under a millisecond, a repeated one some microseconds.
    """
    checked = _check if _size(address) <= _LONGEST_KEPT else _check.__wrapped__
    return list(checked(address, po_box_allowed, max_line))


@lru_cache(maxsize=8192)
def _check(raw: Address, po_box_allowed: bool, max_line: int | None) -> tuple[Finding, ...]:
    address = normalise(raw)
    found = [*_necessary(address)]
    form = rules.country(address.country)
    if form is not None:
        found += _region(address, form)
        national: Callable[[Address], _Findings] | None = {"US": _us}.get(address.country)
        found += national(address) if national else _postal(address, form)
    if not po_box_allowed:
        found += _courier(address)
    if max_line is not None:
        found += _too_long(address, max_line)
    if address.phone and phone(address.phone, address.country) is None:
        problem = f"Phone number {_short(address.phone)} cannot be dialled; couriers call it when nobody is at home."
        found.append(Finding("phone", problem, False, "invalid_address"))
    return tuple(sorted(found, key=lambda finding: not finding.blocking))


def _missing(field: str, problem: str, suggestion: str = "", *, blocking: bool = True) -> Finding:
    return Finding(field, problem, blocking, "missing_field", suggestion)


def _wrong(field: str, problem: str, suggestion: str = "", *, blocking: bool = True) -> Finding:
    return Finding(field, problem, blocking, "invalid_address", suggestion)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")


def _necessary(address: Address) -> _Findings:
    """What no parcel arrives without, in any country."""
    form = rules.country(address.country)
    if not address.country:
        yield _missing("country", "The country is missing; it is needed as a two-letter code, such as US.")
    elif form is None:
        problem = f"{_short(address.country)} is not the two-letter code of a country."
        yield _wrong("country", problem, rules.suggest_country(address.country))
    if not address.name:
        # A parcel to a company arrives, though most labels have a field for a person that must be filled.
        yield _missing("name", "The recipient's name is missing.", address.company, blocking=not address.company)
    if not address.line1:
        yield _missing("line1", "The street address is missing.", address.line2)
    if not address.city and (form is None or "city" in form.required):
        place = rules.us_zip(address.postal_code[:5]) if address.country == "US" else None
        yield _missing("city", "The city is missing.", _city(place) if place else "")


def _city(place: rules.Zip) -> str:
    return place.city.upper() if place.state in rules.MILITARY else place.city


def _region(address: Address, form: rules.Country) -> _Findings:
    strict = address.country in rules.STRICT
    if not address.region:
        if "country_area" in form.required:
            place = rules.us_zip(address.postal_code[:5]) if address.country == "US" else None
            suggestion = place.state if place else _region_of_postal(address, form)
            yield _missing("region", f"The state or province is missing ({form.name}).", suggestion, blocking=strict)
    elif form.regions and form.region_code(address.region) is None:
        place = rules.us_zip(address.postal_code[:5]) if address.country == "US" else None
        suggestion = place.state if place else _region_of_postal(address, form)
        problem = f"{_short(address.region)} is not a state or province of {form.name} that Bluebook knows."
        yield _wrong("region", problem, suggestion, blocking=strict)


def _region_of_postal(address: Address, form: rules.Country) -> str:
    """The one region this postal code can be in, "" where there are several or none."""
    if not address.postal_code:
        return ""
    keys = [key for key, prefix in form.region_postal.items() if prefix.match(address.postal_code)]
    return keys[0] if len(keys) == 1 else ""


def _us(address: Address) -> _Findings:
    zip5 = address.postal_code[:5]
    if not address.postal_code:
        yield _missing("postal_code", "The ZIP code is missing.")
        return
    if not _ZIP.fullmatch(address.postal_code):
        # Spreadsheets take the leading zero of New England and Puerto Rico away.
        padded = address.postal_code.zfill(5) if re.fullmatch(r"\d{3,4}", address.postal_code, re.ASCII) else ""
        place = rules.us_zip(padded)
        suggestion = padded if place and place.state == address.region else ""
        yield _wrong(
            "postal_code", f"{_short(address.postal_code)} is not a ZIP code (12345 or 12345-6789).", suggestion
        )
        return
    place = rules.us_zip(zip5)
    if place is None:
        yield _wrong("postal_code", f"There is no ZIP code {zip5}.")
        return
    form = rules.country("US")
    state = form.region_code(address.region) if form else None
    if state and state != place.state:
        problem = f"ZIP code {zip5} is {_city(place)}, {place.state}, and not in {state}."
        yield _wrong("region", problem, place.state, blocking=zip5 not in rules.BORDER_ZIPS)
    if state in rules.MILITARY and address.city and address.city.upper() not in rules.MILITARY_CITIES:
        problem = f"A military address ({state}) has APO, FPO or DPO for its city, not {_short(address.city)}."
        yield _wrong("city", problem, _city(place) if place.state in rules.MILITARY else "")


def _postal(address: Address, form: rules.Country) -> _Findings:
    strict = address.country in rules.STRICT
    code = address.postal_code
    example = f" (such as {form.example})" if form.example else ""
    if not code:
        if "postal_code" in form.required:
            yield _missing("postal_code", f"The postal code is missing{example}.", blocking=strict)
        return
    if any(not matcher.fullmatch(code) for matcher in form.postal):
        padded = code.zfill(4) if address.country == "AU" and re.fullmatch(r"\d{3}", code, re.ASCII) else ""
        yield _wrong(
            "postal_code", f"{_short(code)} is not a postal code of {form.name}{example}.", padded, blocking=strict
        )
        return
    region = form.region_code(address.region)
    prefix = form.region_postal.get(region) if region else None
    if prefix and not prefix.match(code):
        shared = code in rules.BORDER_POSTCODES or code.startswith("K1A")
        problem = f"Postal code {code} is not in {address.region}."
        yield _wrong("region", problem, _region_of_postal(address, form), blocking=strict and not shared)


def _courier(address: Address) -> _Findings:
    """What couriers cannot deliver to, though the post can."""
    if address.country == "US" and address.region in rules.MILITARY:
        yield _wrong("region", "Only the postal service delivers to APO, FPO and DPO; choose another shipping method.")
    for field in ("line1", "line2", "company"):
        line: str = getattr(address, field)
        if line and rules.is_po_box(line, address.country):
            problem = f"Couriers do not deliver to a post office box ({_short(line)}); ask for a street address."
            yield _wrong(field, problem, blocking=address.country not in rules.BOX_COUNTRIES)


_LINES = {
    "name": "name",
    "company": "company",
    "line1": "first address line",
    "line2": "second address line",
    "city": "city",
}


def _too_long(address: Address, most: int) -> _Findings:
    for field, label in _LINES.items():
        length = len(getattr(address, field))
        if length > most:
            yield _wrong(field, f"The {label} has {length} characters and the supplier takes {most}; shorten it.")
