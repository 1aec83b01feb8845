"""Tracking numbers: whose they are, how they are written, and where the customer can follow the parcel."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

import msgspec

from engine.domain.carriers import CARRIERS, OTHER, Carrier
from engine.errors import Unreadable

__all__ = ["CARRIERS", "Carrier", "Tracked", "detect", "normalise_carrier", "resolve", "spelling"]

LONGEST = 100
"""Characters in a tracking number; the longest barcodes in use have 34, freight references somewhat more."""


class Tracked(msgspec.Struct, frozen=True):
    """A tracking number and its carrier. ``carrier`` is a code of the table or "", then ``url`` is "" too."""

    carrier: str
    carrier_name: str
    number: str
    url: str


# --- The carrier's name -----------------------------------------------------------------------------------------------

# What may follow a carrier's name and still mean that carrier. Anything else ("UPS Store", "DHL Supply Chain") may be
# another company, so it stays unknown.
_SERVICE_WORDS = re.findall(
    r"\w+",
    """
    10 12 1st 2 24 24h 24hr 2day 2nd 3 3day 3rd 48 48h 48hr 9 advantage air am and anytime business by class click
    collect com commercial connect courier couriers cubic day days deferred delivery domestic drop early economy end
    envelope evening expedited express expresspost extra first flat for global ground guaranteed home inc
    international intl large letter library light lite locker ltd mail media medium method midday morning next noon
    of one overnight pack package packet pak paket parcel parcelpost parcels plus pm point premier premium priority
    rate regular residential retail return returns saturday saver second select service services shipping shop
    signature signed standard super surepost three time tracked two uk untracked us usa via worldwide xpedited
    xpress xpresspost
    """,
)
_NOTHING_STATED = frozenset({"", "other", "unknown", "none", "na", "null", "carrier", "custom", "tbd", "notspecified"})


def _key(text: str) -> str:
    """Lower case letters and digits only, without accents: "DHL-Paket®" and "dhl paket" are the same name."""
    folded = unicodedata.normalize("NFKD", text.replace("®", "").replace("™", "")).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _names() -> dict[str, str]:
    found: dict[str, str] = {}
    for carrier in CARRIERS.values():
        # Spellings are not all names: eBay calls both Evri and the German Hermes "Hermes", so names and aliases win.
        for name in (carrier.code, carrier.name, *carrier.aliases):
            found[_key(name)] = carrier.code
    return found


_NAMES = _names()
_BY_LENGTH = sorted(_NAMES, key=len, reverse=True)


@lru_cache(maxsize=2048)
def _carrier_of(key: str) -> str | None:
    exact = _NAMES.get(key)
    if exact is not None or len(key) > 2 * LONGEST:
        return exact
    for name in _BY_LENGTH:
        if key.startswith(name) and _only_services(key[len(name) :]):
            return _NAMES[name]
    return None


def _only_services(rest: str) -> bool:
    """The text is a sequence of service words. By position, since backtracking over "2day2day…" could take for ever."""
    reachable = {0}
    for at in range(len(rest)):
        if at in reachable:
            reachable.update(at + len(word) for word in _SERVICE_WORDS if rest.startswith(word, at))
    return len(rest) in reachable


def normalise_carrier(stated: str) -> str | None:
    """The code of the carrier a supplier named ("FedEx Home Delivery" is "fedex"); None where the table has none."""
    return _carrier_of(_key(stated)) if len(stated) <= LONGEST else None


def spelling(code: str, channel_slug: str) -> str:
    """How that channel writes the carrier. For "" its word for other carriers. Unreadable for an unknown code."""
    if code == "":
        return OTHER.get(channel_slug, "Other")
    carrier = CARRIERS.get(code)
    if carrier is None:
        raise Unreadable(f"{code[:40]!r} is not a carrier code Bluebook knows; see the carrier table.", field="carrier")
    return carrier.spellings.get(channel_slug) or OTHER.get(channel_slug) or carrier.name


# --- Check digits -----------------------------------------------------------------------------------------------------


def _gs1(digits: str) -> bool:
    """The GS1 mod 10 check: weights 3 and 1 from the right. https://www.gs1.org/services/how-calculate-check-digit-manually"""
    total = sum(int(digit) * (1 if at % 2 == 0 else 3) for at, digit in enumerate(reversed(digits)))
    return total % 10 == 0


def _ups(number: str) -> bool:
    """The mod 10 of UPS and OnTrac: letters count as digits, every second place double, without adding digits up."""
    values = [int(letter) if letter.isdigit() else (ord(letter) - 63) % 10 for letter in number]
    return (sum(value * (1 + at % 2) for at, value in enumerate(values[:-1])) + values[-1]) % 10 == 0


def _s10(number: str) -> bool:
    """The mod 11 of UPU standard S10: https://www.upu.int/en/postal-solutions/programmes-services/standards"""
    total = sum(int(digit) * weight for digit, weight in zip(number[2:10], (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    check = 11 - total % 11
    return {10: 0, 11: 5}.get(check, check) == int(number[10])


def _fedex_express(digits: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(digits[:11], (3, 1, 7) * 4, strict=False))
    return total % 11 % 10 == int(digits[11])


_S10_POSTS = {
    "US": "usps",
    "CA": "canada_post",
    "GB": "royal_mail",
    "IE": "an_post",
    "DE": "deutsche_post",
    "NL": "postnl",
    "BE": "bpost",
    "FR": "la_poste",
    "CH": "swiss_post",
    "AT": "austrian_post",
    "ES": "correos",
    "IT": "poste_italiane",
    "SE": "postnord",
    "DK": "postnord",
    "PL": "poczta_polska",
    "AU": "australia_post",
    "NZ": "nz_post",
    "JP": "japan_post",
    "CN": "china_post",
    "SG": "singapore_post",
    "KR": "korea_post",
    "HK": "hongkong_post",
    "IN": "india_post",
    "BR": "correios",
}

# Only what a number can prove: a check digit, or a prefix nobody else uses. Left out on purpose: DHL Express (ten
# digits mod 7: one in seven of any numbers passes); DPD, GLS, Evri and LTL freight (digits without a known check).
_FORMATS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("ups", re.compile(r"1Z[0-9A-Z]{15}\d", re.ASCII), lambda number: _ups(number[2:])),
    # USPS Publication 199 (IMpb): 22 or 26 digits, often behind 420 and the ZIP code; older labels have 20.
    ("usps", re.compile(r"9[1-5]\d{20}(?:\d{4})?", re.ASCII), _gs1),
    ("usps", re.compile(r"(?:7\d|03|23)\d{18}", re.ASCII), _gs1),
    ("fedex", re.compile(r"\d{12}", re.ASCII), _fedex_express),
    ("fedex", re.compile(r"\d{15}", re.ASCII), _gs1),
    ("fedex", re.compile(r"96\d{20}", re.ASCII), lambda number: _gs1(number[-15:])),
    ("fedex", re.compile(r"61\d{18}", re.ASCII), lambda number: _gs1("92" + number)),  # SmartPost, its 92 not printed
    ("ontrac", re.compile(r"[CD]\d{14}", re.ASCII), _ups),
    ("lasership", re.compile(r"1LS\d{12,15}", re.ASCII), lambda _: True),
    ("amazon", re.compile(r"TB[ACM]\d{12}", re.ASCII), lambda _: True),
    ("canada_post", re.compile(r"\d{16}", re.ASCII), _gs1),
    ("dhl_de", re.compile(r"0034043\d{13}", re.ASCII), _gs1),  # an SSCC with Deutsche Post's GS1 prefix
    ("postnl", re.compile(r"3S[A-Z]{2,4}[0-9A-Z]{7,11}", re.ASCII), lambda _: True),
)
_S10 = re.compile(r"[A-Z]{2}\d{9}([A-Z]{2})", re.ASCII)
_IMPB_WITH_ZIP = re.compile(r"420\d{5}(?:\d{4})?(9[1-5]\d{20}(?:\d{4})?)", re.ASCII)
_SEPARATORS = re.compile(r"[\s.\-]+")


def _bare(number: str) -> str:
    return _SEPARATORS.sub("", number).upper() if len(number) <= 2 * LONGEST else ""


def _impb(bare: str) -> str:
    """The IMpb without the 420 and ZIP code that stand before it in the barcode; other numbers as they are."""
    match = _IMPB_WITH_ZIP.fullmatch(bare)
    return match[1] if match and _gs1(match[1]) else bare


def detect(number: str) -> str | None:
    """The code of the carrier whose number this can only be, by format and check digit; None where unproven."""
    bare = _impb(_bare(number))
    found = {code for code, form, valid in _FORMATS if form.fullmatch(bare) and valid(bare)}
    item = _S10.fullmatch(bare)
    if item and item[1] in _S10_POSTS and _s10(bare):
        found.add(_S10_POSTS[item[1]])
    return found.pop() if len(found) == 1 else None


# --- Both together ----------------------------------------------------------------------------------------------------


def resolve(stated_carrier: str, number: str) -> Tracked:
    """The parcel's carrier, cleaned number and public page.

    The carrier the supplier states outranks what the number looks like; one we do not know stays as stated, without a
    page. Only where none is stated is it detected. Raises Unreadable for an empty, overlong or unprintable number.
    """
    cleaned = _clean(number)
    name = " ".join(stated_carrier.split())
    if not name.isprintable() or len(name) > LONGEST:
        message = f"The carrier named for tracking number {cleaned} is not readable text; correct it at the supplier."
        raise Unreadable(message, field="carrier")
    detected = detect(cleaned)
    code = detected if _key(name) in _NOTHING_STATED else normalise_carrier(name)
    if code is None:
        return Tracked("", "" if _key(name) in _NOTHING_STATED else name, cleaned, "")
    if code == detected:
        cleaned = _impb(_bare(cleaned))  # proven by its check digit, so separators and case carry nothing
    carrier = CARRIERS[code]
    return Tracked(code, carrier.name, cleaned, carrier.url.replace("{}", quote(cleaned, safe="")))


def _clean(number: str) -> str:
    cleaned = "".join(number.split())
    if not cleaned:
        raise Unreadable("The tracking number is empty; ask the supplier for it.", field="tracking_number")
    # Python counts some control characters (\x1c-\x1f, \x85) as spaces; inside a number they are damage all the same.
    if not cleaned.isprintable() or any(unicodedata.category(sign) == "Cc" for sign in number.strip()):
        message = f"Tracking number {number[:60]!r} has control characters in it; ask the supplier for the right one."
        raise Unreadable(message, field="tracking_number")
    if len(cleaned) > LONGEST:
        message = f"Tracking number {cleaned[:40]!r}… has {len(cleaned)} characters; at most {LONGEST} are possible."
        raise Unreadable(message, field="tracking_number")
    return cleaned
