from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.domain import tracking
from engine.errors import BluebookError, Unreadable

UNHURRIED = settings(deadline=None)  # the first example also loads the tables

# number -> carrier. Samples carriers print in their guides, or seen in public test data.
NUMBERS = {
    "1Z5R89390357567127": "ups",
    "1Z999AA10123456784": "ups",
    "1Z879E930346834440": "ups",
    "1ZXX3150YW44070023": "ups",
    "9400111202555842332669": "usps",
    "9361289878700317633795": "usps",
    "420902109400111202555842332669": "usps",
    "4209021012349400111202555842332669": "usps",
    "70160910000108310009": "usps",
    "03071790000523483741": "usps",
    "RA123456785US": "usps",
    "986578788855": "fedex",
    "477179081230": "fedex",
    "799531274483": "fedex",
    "149331877648230": "fedex",
    "041441760228964": "fedex",
    "9611020987654312345672": "fedex",
    "61299998820821171811": "fedex",
    "C11031500001879": "ontrac",
    "D10011354453707": "ontrac",
    "1LS717793482164": "lasership",
    "TBA502887274000": "amazon",
    "7035114477138472": "canada_post",
    "RR123456785CA": "canada_post",
    "RB123456785GB": "royal_mail",
    "RB000000005GB": "royal_mail",  # remainder 0 is written 5
    "RB000000080GB": "royal_mail",  # remainder 1 is written 0
    "CP123456785AU": "australia_post",
    "EE123456785JP": "japan_post",
    "00340434161094042557": "dhl_de",
    "3SABCD1234567890": "postnl",
}
CHECKED = [n for n, c in NUMBERS.items() if c not in ("lasership", "amazon", "postnl") and not n.startswith("420")]


@pytest.mark.parametrize(("number", "code"), NUMBERS.items())
def test_numbers_are_detected(number: str, code: str) -> None:
    assert tracking.detect(number) == code
    assert tracking.detect(f" {number[:4]} {number[4:9]}-{number[9:].lower()} ") == code


@pytest.mark.parametrize(
    "number",
    ["", "1", "1234567890", "1Z999AA10123456785", "ABC", "RB123456785XX", "12345678901234567890", "Z" * 500, "²" * 12],
)
def test_what_proves_nothing_is_not_detected(number: str) -> None:
    assert tracking.detect(number) is None


def _invisible(number: str, at: int, old: int, new: int) -> bool:
    """Errors that the carriers' own check digits cannot see: the arithmetic, not our reading of it."""
    if number.startswith("1Z") or (number[0] in "CD" and number[1].isdigit()):
        first = 2 if number.startswith("1Z") else 0
        return (at - first) % 2 == 1 and abs(old - new) == 5  # doubled mod 10, 0 and 5 look alike
    if number.startswith("96") and len(number) == 22:
        return at < 7  # service codes in front of the part that is checked
    if len(number) == 12:
        weighed = sum(int(d) * w for d, w in zip(number[:11], (3, 1, 7) * 4, strict=False))
        changed = weighed + (new - old) * (3, 1, 7)[at % 3] if at < 11 else weighed
        return {weighed % 11, changed % 11} == {0, 10}  # mod 11 gives 10, written as 0
    if number[:2].isalpha() and 2 <= at < 10:
        weights = (8, 6, 4, 2, 3, 5, 9, 7)
        total = sum(int(d) * w for d, w in zip(number[2:10], weights, strict=True))
        return {total % 11, (total + (new - old) * weights[at - 2]) % 11} == {0, 6}  # both are written as 5
    return False


@UNHURRIED
@given(st.sampled_from(CHECKED), st.data())
def test_one_wrong_digit_is_not_taken_for_that_carrier(number: str, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([i for i, letter in enumerate(number) if letter.isdigit()]))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != number[at]]))
    assume(not _invisible(number, at, int(number[at]), int(digit)))
    assert tracking.detect(number[:at] + digit + number[at + 1 :]) != NUMBERS[number]


@pytest.mark.parametrize("at", range(2, 10))
def test_one_wrong_digit_in_an_s10_number_is_seen(at: int) -> None:
    number = "RB000000015GB"  # 11 - 7 % 11 = 4, so 5 is wrong here already
    assert tracking.detect(number) is None
    right = "RB000000014GB"
    assert tracking.detect(right) == "royal_mail"
    for digit in set("0123456789") - {right[at]}:
        assert tracking.detect(right[:at] + digit + right[at + 1 :]) is None


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ("UPS", "ups"),
        ("ups ground", "ups"),
        ("UPS®  Next Day Air Saver", "ups"),
        ("UPS_2ND_DAY_AIR", "ups"),
        ("U.P.S.", "ups"),
        ("UPSN", "ups"),
        ("UPS SurePost", "ups"),
        ("United Parcel Service", "ups"),
        ("UPS Mail Innovations", "ups_mi"),
        ("USPS Priority Mail", "usps"),
        ("usps first-class package", "usps"),
        ("USPS Ground Advantage", "usps"),
        ("US Postal Service", "usps"),
        ("United States Postal Service", "usps"),
        ("Fed Ex", "fedex"),
        ("FEDEX_2_DAY", "fedex"),
        ("FedEx Home Delivery", "fedex"),
        ("FedEx International Priority", "fedex"),
        ("FedEx 2Day A.M.", "fedex"),
        ("FedEx SmartPost", "fedex_smartpost"),
        ("FedEx Ground Economy", "fedex_smartpost"),
        ("DHL", "dhl"),
        ("DHL Express Worldwide", "dhl_express"),
        ("DHL eCommerce", "dhl_ecommerce"),
        ("DHL Global Mail", "dhl_ecommerce"),
        ("DHL-Paket", "dhl_de"),
        ("Lasership", "lasership"),
        ("ONTRACK", "ontrac"),
        ("AMZL_US", "amazon"),
        ("Postes Canada", "canada_post"),
        ("Canada Post Expedited Parcel", "canada_post"),
        ("Royal Mail Tracked 48", "royal_mail"),
        ("DPD UK", "dpd_uk"),
        ("dpd", "dpd"),
        ("Österreichische Post", "austrian_post"),
        ("Australia Post ExpressPost", "australia_post"),
        ("Evri", "evri"),
        ("PostNL", "postnl"),
        ("GLS", "gls"),
    ],
)
def test_stated_carriers_are_recognised(stated: str, code: str) -> None:
    assert tracking.normalise_carrier(stated) == code


@pytest.mark.parametrize(
    "stated",
    [
        "",
        "Joe's Trucks",
        "UPS Store",
        "DHL Supply Chain",
        "DHL Global Forwarding",
        "Upside",
        "FedExpert",
        "TNT Post",
        "x" * 999,
    ],
)
def test_other_carriers_stay_unknown(stated: str) -> None:
    assert tracking.normalise_carrier(stated) is None


@pytest.mark.parametrize("code", tracking.CARRIERS)
def test_every_carrier_is_found_by_its_own_names(code: str) -> None:
    carrier = tracking.CARRIERS[code]
    for name in (
        code,
        carrier.name,
        carrier.name.upper(),
        *carrier.aliases,
    ):
        assert tracking.normalise_carrier(name) == code
    page = urlsplit(carrier.url.format("1"))
    assert carrier.url == "" or (page.scheme == "https" and "." in page.netloc and carrier.url.count("{}") == 1)


def test_the_stated_carrier_outranks_the_number() -> None:
    tracked = tracking.resolve("OnTrac", "1Z999AA10123456784")
    assert (tracked.carrier, tracked.carrier_name) == ("ontrac", "OnTrac")
    assert tracked.url == "https://www.ontrac.com/tracking/?number=1Z999AA10123456784"


def test_an_unknown_carrier_stays_unknown() -> None:
    assert tracking.resolve("Joe's  Trucks", "1Z999AA10123456784") == tracking.Tracked(
        "", "Joe's Trucks", "1Z999AA10123456784", ""
    )


@pytest.mark.parametrize("stated", ["", "  ", "Other", "n/a", "Unknown", "-"])
def test_an_unstated_carrier_is_detected(stated: str) -> None:
    tracked = tracking.resolve(stated, "1z 999 aa1 01 2345 6784")
    assert (tracked.carrier, tracked.number) == ("ups", "1Z999AA10123456784")
    assert tracking.resolve(stated, "PRO 12") == tracking.Tracked("", "", "PRO12", "")


def test_the_zip_code_before_a_usps_number_is_left_out() -> None:
    assert tracking.resolve("USPS", "420902109400111202555842332669").number == "9400111202555842332669"


def test_hyphens_stay_where_nothing_proves_them_idle() -> None:
    assert tracking.resolve("Yamato", "1234-5678-9012").number == "1234-5678-9012"


@pytest.mark.parametrize("number", ["a/b?c=d&e#f", "{}", "é%20", 'x"><script>', "javascript:alert(1)"])
def test_the_url_is_quoted(number: str) -> None:
    url = tracking.resolve("UPS", number).url
    assert url.startswith("https://www.ups.com/track?tracknum=")
    assert not set("/?&#<>\"'{} ") & set(url.removeprefix("https://www.ups.com/track?tracknum="))


@pytest.mark.parametrize(
    "number", ["", "  \t", "12\x0034", "12\n34", "12\x1f34", "1\u202e2", "1\u200b2", "\ud800", "9" * 101]
)
def test_unusable_numbers_are_refused(number: str) -> None:
    with pytest.raises(Unreadable) as caught:
        tracking.resolve("UPS", number)
    assert caught.value.field == "tracking_number"
    assert caught.value.message.isprintable()


def test_an_unprintable_carrier_is_refused() -> None:
    with pytest.raises(Unreadable) as caught:
        tracking.resolve("U\x00PS", "1")
    assert caught.value.field == "carrier"


@pytest.mark.parametrize(
    ("code", "channel", "expected"),
    [
        ("ontrac", "ebay", "ONTRACK"),
        ("dhl_ecommerce", "amazon", "DHL Global Mail"),
        ("lasership", "shopify", "Lasership"),
        ("lasership", "ebay", "Other"),
        ("fedex_smartpost", "ebay", "FedExSmartPost"),
        ("evri", "ebay", "Hermes"),
        ("ups", "woocommerce", "UPS"),
        ("inpost", "shopify", "InPost"),
        ("", "amazon", "Other"),
        ("", "shopify", "Other"),
    ],
)
def test_each_channel_has_its_spelling(code: str, channel: str, expected: str) -> None:
    assert tracking.spelling(code, channel) == expected


def test_an_unknown_code_has_no_spelling() -> None:
    with pytest.raises(Unreadable, match="no_such"):
        tracking.spelling("no_such", "ebay")


@UNHURRIED
@given(st.text() | st.sampled_from(["UPS", "usps 2day 2day", ""]), st.text() | st.text("0123456789Z1 ", max_size=30))
def test_only_our_own_errors_are_raised(stated: str, number: str) -> None:
    tracking.detect(number)
    tracking.normalise_carrier(stated)
    try:
        tracked = tracking.resolve(stated, number)
    except BluebookError:
        return
    assert tracked.number
    assert tracked.number.isprintable()
    assert bool(tracked.carrier) >= bool(tracked.url)
    again = tracking.resolve(tracked.carrier_name, tracked.number)
    assert again == tracked or not stated.strip()


@UNHURRIED
@given(st.text("2day", max_size=90))
def test_recognising_a_carrier_takes_no_long(rest: str) -> None:
    assert tracking.normalise_carrier("ups" + rest) in (None, "ups")
