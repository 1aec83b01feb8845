from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
import zipcodes
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import ports
from engine.domain import address_rules, addresses
from engine.domain.addresses import Address, Finding, check, normalise, phone
from scripts import zips
from tests.support.counting import calls

UNHURRIED = settings(deadline=None)  # the first example also loads the tables

ADA = Address(
    name="Ada King",
    line1="1600 Amphitheatre Pkwy",
    city="Mountain View",
    region="CA",
    postal_code="94043",
    country="US",
    phone="+1 650-253-0000",
)


def us(**changes: str) -> Address:
    return msgspec.structs.replace(ADA, **changes)


def at(country: str, line1: str, city: str = "", region: str = "", postal: str = "", line2: str = "") -> Address:
    return Address(
        name="Ada King", line1=line1, line2=line2, city=city, region=region, postal_code=postal, country=country
    )


def blocking(address: Address, **options: object) -> list[Finding]:
    return [finding for finding in check(address, **options) if finding.blocking]  # type: ignore[arg-type]


GOOD = [
    ADA,
    us(postal_code="94043-1351"),
    us(region="California"),
    at("US", "350 5th Ave", "New York", "NY", "10118"),
    at("US", "1 Calle Fortaleza", "San Juan", "PR", "00901"),
    at("US", "PSC 2 Box 1234", "APO", "AE", "09012"),
    at("US", "1600 Pennsylvania Ave NW", "Washington", "D.C.", "20500"),
    at("US", "100 Screaming Eagle Blvd", "Fort Campbell", "TN", "42223"),
    at("US", "Unit 4", "Hagatna", "Guam", "96910"),
    at("CA", "111 Wellington St", "Ottawa", "ON", "K1A 0A4"),
    at("CA", "300 rue Laurier", "Gatineau", "Québec", "k1a0a4"),
    at("CA", "1055 Rue du Pont", "Montréal", "QC", "H2X 1Y4"),
    at("CA", "4 Main", "Iqaluit", "Nunavut", "X0A0H0"),
    at("AU", "1 Macquarie St", "Sydney", "NSW", "2000"),
    at("AU", "10 London Cct", "Canberra", "Australian Capital Territory", "2601"),
    at("AU", "5 Main St", "Albury", "VIC", "3691"),
    at("AU", "1 Mitchell St", "Darwin", "NT", "0800"),
    at("DE", "Unter den Linden 77", "Berlin", "", "10117"),
    at("DE", "Marienplatz 1", "München", "Bayern", "80331"),
    at("GB", "10 Downing Street", "London", "", "SW1A 2AA"),
    at("GB", "1 High St", "Belfast", "Northern Ireland", "bt1 5gs"),
    at("FR", "55 Rue du Faubourg Saint-Honoré", "Paris", "", "75008"),
    at("JP", "千代田1-1", "千代田区", "東京都", "100-8111"),
    at("JP", "1-1 Chiyoda", "Chiyoda-ku", "Tokyo", "１００－８１１１"),
    at("JP", "1-1 Chiyoda", "", "JP-13", "1008111"),
    at("BR", "Av. Paulista 1578", "São Paulo", "SP", "01310-200"),
    at("AE", "Sheikh Zayed Road 1", "Dubai", "Dubai"),
    at("AE", "Villa 12", "Dubai", "DU"),
    at("IE", "1 O'Connell St", "Dublin", "Dublin", "D01 F5P2"),
    at("IE", "Main Street", "Ballina", "Co. Mayo"),
    at("NL", "Damrak 1", "Amsterdam", "", "1012 LG"),
    at("MX", "Av. Juárez 1, CP 06050", "Ciudad de México", "CMX", "06050"),
    at("IN", "1 MG Road", "Bengaluru", "Karnataka", "560001"),
    at("KR", "세종대로 110", "중구", "서울특별시", "04524"),
    at("KR", "110 Sejong-daero", "Jung-gu", "Seoul", "04524"),
    at("HK", "1 Queen's Road Central", "Central", "Hong Kong Island"),
    at("HK", "8 Finance St", "", "HK"),
    at("SG", "1 Raffles Place", "", "", "048616"),
    at("SG", "1 Raffles Place", "Singapore", "", "048616"),
    at("ES", "Calle de Alcalá 1, CP 28014", "Madrid", "Madrid", "28014"),
    at("IT", "Via del Corso 1", "Roma", "RM", "00186"),
    at("CH", "Bahnhofstrasse 1", "Zürich", "ZH", "8001"),
    at("SE", "Drottninggatan 1", "Stockholm", "", "111 51"),
    at("PL", "ul. Marszałkowska 1", "Warszawa", "", "00-624"),
    at("PT", "Rua Augusta 1", "Lisboa", "", "1100-048"),
    at("NZ", "1 Queen St", "Auckland", "AUK", "1010"),
    at("CN", "南京东路1号", "上海市", "上海市", "200001"),
    at("TW", "信義路五段7號", "信義區", "台北市", "110"),
    at("IL", "רוטשילד 1", "תל אביב", "", "6688101"),
    at("ZA", "1 Long St", "Cape Town", "WC", "8001"),
    at("SA", "King Fahd Rd", "Riyadh", "", "11564"),
    at("PR", "1 Calle Fortaleza", "San Juan", "", "00901"),
    at("XK", "Rruga B", "Prishtina", "", "10000"),
    at("QA", "Street 850, PO Box 1234", "Doha"),
    at("CL", "Av. Providencia 1", "Santiago", "RM", "7500000"),
    at("TH", "1 ถนนสุขุมวิท", "วัฒนา", "กรุงเทพมหานคร", "10110"),
]


@pytest.mark.parametrize("address", GOOD, ids=lambda address: f"{address.country} {address.city}")
def test_real_addresses_are_not_blocked(address: Address) -> None:
    assert blocking(address) == []
    assert blocking(normalise(address), po_box_allowed=address.city == "APO", max_line=60) == []


@pytest.mark.parametrize("address", GOOD[:18], ids=lambda address: f"{address.country} {address.city}")
def test_good_addresses_of_strict_countries_have_no_findings_but_border_codes(address: Address) -> None:
    assert [f for f in check(address) if f.field != "region"] == []


@pytest.mark.parametrize(
    ("address", "field", "kind", "suggestion"),
    [
        (us(name=""), "name", "missing_field", ""),
        (us(line1=""), "line1", "missing_field", ""),
        (us(line1="", line2="1 Main St"), "line1", "missing_field", "1 Main St"),
        (us(city=""), "city", "missing_field", "Mountain View"),
        (us(region=""), "region", "missing_field", "CA"),
        (us(postal_code=""), "postal_code", "missing_field", ""),
        (us(country=""), "country", "missing_field", ""),
        (us(country="USA"), "country", "invalid_address", "US"),
        (us(country="United States"), "country", "invalid_address", "US"),
        (us(country="Unted States"), "country", "invalid_address", "US"),
        (us(country="UK"), "country", "invalid_address", "GB"),
        (us(country="Deutschland"), "country", "invalid_address", "DE"),
        (us(country="DEU"), "country", "invalid_address", "DE"),
        (us(country="Frnace"), "country", "invalid_address", "FR"),
        (us(country="ZZ"), "country", "invalid_address", ""),
        (us(region="NY"), "region", "invalid_address", "CA"),
        (us(region="Narnia"), "region", "invalid_address", "CA"),
        (us(postal_code="00000"), "postal_code", "invalid_address", ""),
        (us(postal_code="9404"), "postal_code", "invalid_address", ""),
        (us(city="Boston", region="MA", postal_code="2134"), "postal_code", "invalid_address", "02134"),
        (us(city="Ramstein", region="AE", postal_code="09012"), "city", "invalid_address", "APO"),
        (us(city="APO", region="NY", postal_code="09012"), "region", "invalid_address", "AE"),
        (at("CA", "1 Main", "Toronto", "ON", "H2X 1Y4"), "region", "invalid_address", "QC"),
        (at("CA", "1 Main", "Toronto", "ON", "D2X 1Y4"), "postal_code", "invalid_address", ""),
        (at("CA", "1 Main", "Toronto", "", "M5V 2T6"), "region", "missing_field", "ON"),
        (at("CA", "1 Main", "Montréal", "", "H2X 1Y4"), "region", "missing_field", "QC"),
        (at("CA", "1 Main", "Gatineau", "", "K1A 0A4"), "region", "missing_field", ""),
        (at("CA", "1 Main", "Toronto", "ON"), "postal_code", "missing_field", ""),
        (at("AU", "1 Main", "Sydney", "VIC", "2000"), "region", "invalid_address", "NSW"),
        (at("AU", "1 Main", "Darwin", "NT", "800"), "postal_code", "invalid_address", "0800"),
        (at("DE", "Unter den Linden 77", "", "", "10117"), "city", "missing_field", ""),
        (at("JP", "", "Tokyo", "東京都", "100-8111"), "line1", "missing_field", ""),
    ],
)
def test_what_cannot_arrive_blocks(address: Address, field: str, kind: str, suggestion: str) -> None:
    found = [finding for finding in blocking(address) if finding.field == field]
    assert [(finding.kind, finding.suggestion) for finding in found] == [(kind, suggestion)]
    assert found[0].problem.endswith(".")
    assert check(address)[0].blocking


@pytest.mark.parametrize(
    ("address", "field"),
    [
        (at("DE", "Unter den Linden 77", "Berlin", "", "1011"), "postal_code"),
        (at("GB", "10 Downing Street", "London", "", "12345"), "postal_code"),
        (at("FR", "1 Rue X", "Paris"), "postal_code"),
        (at("BR", "Av. Paulista 1578", "São Paulo", "RJ", "01310-200"), "region"),
        (at("BR", "Av. Paulista 1578", "São Paulo", "Narnia", "01310-200"), "region"),
        (at("AE", "Villa 12", "Dubai"), "region"),
        (us(phone="12"), "phone"),
        (us(name="", company="Analytical Engines Ltd"), "name"),
        (at("US", "1 Main", "Fort Campbell", "TN", "42223"), "region"),
    ],
)
def test_what_may_still_arrive_only_warns(address: Address, field: str) -> None:
    assert blocking(address) == []
    assert field in {finding.field for finding in check(address)}


@pytest.mark.parametrize(
    ("line", "country"),
    [
        ("PO Box 12", "US"),
        ("P.O. Box 12", "US"),
        ("p o box 12-b", "US"),
        ("POB 12", "US"),
        ("P.O.B. 12", "GB"),
        ("Post Office Box 9", "US"),
        ("PO Box", "US"),
        ("Box 44", "US"),
        ("GPO Box 5", "AU"),
        ("Locked Bag 77", "AU"),
        ("Private Bag 3", "NZ"),
        ("Postfach 12 34", "DE"),
        ("Packstation 145", "DE"),
        ("BP 123", "FR"),
        ("12 rue X, B.P. 45", "FR"),
        ("Boîte postale 4", "FR"),
        ("C.P. 123", "CA"),
        ("Case postale 12", "CH"),
        ("Apartado 123", "ES"),
        ("Apdo. 55", "ES"),
        ("Apartado de Correos 9", "ES"),
        ("Apartado postal 9", "MX"),
        ("Postbus 100", "NL"),
        ("Postboks 7", "NO"),
        ("Caixa Postal 1", "BR"),
        ("Casella Postale 1", "IT"),
    ],
)
def test_a_post_office_box_stops_a_courier_only(line: str, country: str) -> None:
    boxed = [f for f in check(at(country, line, "X"), po_box_allowed=False) if "post office box" in f.problem]
    assert [(f.field, f.blocking) for f in boxed] == [("line1", True)]
    assert not [f for f in check(at(country, line, "X")) if "post office box" in f.problem]


@pytest.mark.parametrize(
    ("line", "country"),
    [
        ("12 Box Hill Road", "AU"),
        ("1 Boxwood Lane", "US"),
        ("Unit 4, The Old Post Office", "GB"),
        ("Calle Mayor 1, CP 28013", "ES"),
        ("Av. Juárez 1, C.P. 06050", "MX"),
        ("BP Tankstelle 4", "DE"),
        ("4 Probox Street", "US"),
        ("Postweg 12", "NL"),
        ("Poststraße 9", "DE"),
        ("1 Pobbles Way", "GB"),
    ],
)
def test_a_street_is_not_taken_for_a_box(line: str, country: str) -> None:
    assert not [f for f in check(at(country, line, "X"), po_box_allowed=False) if "post office box" in f.problem]


def test_a_box_in_the_gulf_only_warns() -> None:
    found = check(at("AE", "PO Box 500", "Dubai", "Dubai"), po_box_allowed=False)
    assert [(f.field, f.blocking) for f in found] == [("line1", False)]


def test_couriers_do_not_reach_military_addresses() -> None:
    found = blocking(at("US", "Unit 100", "APO", "AE", "09012"), po_box_allowed=False)
    assert [f.field for f in found] == ["region"]


def test_fields_longer_than_the_supplier_takes_block() -> None:
    found = blocking(us(line1="x" * 36, line2="y" * 35), max_line=35)
    assert [f.field for f in found] == ["line1"]
    assert "36" in found[0].problem


def test_normalise_tidies_what_carries_no_meaning() -> None:
    given_ = Address(
        name="  Ada\u00a0 King\n",
        line1="\u202e1600\tAmphitheatre\u200b Pkwy\x00",
        city="Mountain  View",
        region="california",
        postal_code="940431351",
        country="us",
        phone=" +1 650 253 0000 ",
    )
    assert normalise(given_) == us(postal_code="94043-1351", phone="+1 650 253 0000")


@pytest.mark.parametrize(
    ("country", "region", "code"),
    [
        ("US", "new york", "NY"),
        ("US", "N.Y.", "NY"),
        ("US", "US-NY", "NY"),
        ("US", "Washington D.C.", "DC"),
        ("CA", "Québec", "QC"),
        ("CA", "quebec", "QC"),
        ("CA", "Colombie-Britannique", "BC"),
        ("AU", "Victoria", "VIC"),
        ("AU", "New South Wales", "NSW"),
        ("DE", "Bayern", "Bayern"),
        ("US", "Narnia", "Narnia"),
    ],
)
def test_regions_of_strict_countries_become_codes(country: str, region: str, code: str) -> None:
    assert normalise(Address(country=country, region=region)).region == code


def test_joiners_inside_words_stay() -> None:
    assert normalise(Address(city="می\u200cدان")).city == "می\u200cدان"


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("(650) 253-0000", "US", "+16502530000"),
        ("650.253.0000 ext. 12", "us", "+16502530000"),
        ("+49 30 227 32152", "US", "+493022732152"),
        ("030 22732152", "DE", "+493022732152"),
        ("020 7219 3000", "GB", "+442072193000"),
        ("123", "US", None),
        ("", "US", None),
        ("650 253 0000", "", None),
        ("call me", "US", None),
        ("1" * 400, "US", None),
    ],
)
def test_phone_is_e164_or_nothing(number: str, country: str, expected: str | None) -> None:
    assert phone(number, country) == expected


def test_the_ports_and_the_domain_share_one_address() -> None:
    assert ports.Address is Address


def test_a_warm_check_is_some_hundred_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    check(ADA)
    many = [us(name=f"Ada {n}", line1=f"{n} Amphitheatre Pkwy") for n in range(300)]
    monkeypatch.setattr("builtins.open", None)  # its tables were read once and for all
    for address in many:  # past the cache of whole addresses
        assert calls(lambda address=address: addresses._check.__wrapped__(address, False, 35)) < 300  # type: ignore[misc]


TEXT = st.text(max_size=40) | st.sampled_from(
    ["US", "ca", "AU", "DE", "JP", "x ", "\u200d", "94043", "ŉß", "ΐ", "PO Box 1"]
)
ANY = st.builds(Address, *[TEXT] * 10) | st.builds(
    Address,
    name=TEXT,
    line1=TEXT,
    city=TEXT,
    region=TEXT | st.sampled_from(["CA", "Ontario", "NSW", "AE"]),
    postal_code=TEXT | st.from_regex(r"[0-9]{4,9}|[A-Z]\d[A-Z] ?\d[A-Z]\d", fullmatch=True),
    country=st.sampled_from(["US", "CA", "AU", "GB", "BR", "CN", "AE"]),
    phone=TEXT,
)


@UNHURRIED
@given(ANY)
def test_normalise_is_idempotent(address: Address) -> None:
    once = normalise(address)
    assert normalise(once) == once
    assert all(
        getattr(once, field).isprintable() or "\u200c" in getattr(once, field) or "\u200d" in getattr(once, field)
        for field in Address.__struct_fields__
    )


@UNHURRIED
@given(ANY, st.booleans(), st.none() | st.integers(1, 50))
def test_check_never_raises_and_says_the_same_of_the_tidied_address(
    address: Address, allowed: bool, longest: int | None
) -> None:
    found = check(address, po_box_allowed=allowed, max_line=longest)
    assert check(normalise(address), po_box_allowed=allowed, max_line=longest) == found
    assert all(finding.problem and finding.field in Address.__struct_fields__ for finding in found)


@UNHURRIED
@given(st.text(), st.text(max_size=3))
def test_phone_never_raises(number: str, country: str) -> None:
    result = phone(number, country)
    assert result is None or (result.startswith("+") and result[1:].isdigit())


def test_the_table_of_zip_codes_is_that_of_the_library() -> None:
    assert zips.TABLE.read_text(encoding="utf-8") == zips.table(), "python -m scripts.zips writes it anew"
    there = {one["zip_code"]: (one["city"], one["state"]) for one in zipcodes.list_all()}
    assert len(there) > 42_000
    found = {code: address_rules.us_zip(code) for code in map("{:05}".format, range(100_000))}
    assert {code: (place.city, place.state) for code, place in found.items() if place} == there
    assert not any(map(address_rules.us_zip, ("", "1", "1000", "100011", "1000a", "१०००१", "10 01", "-1000")))


def test_where_a_zip_code_is_takes_no_library_into_memory() -> None:
    asked = (
        "import sys; from engine.domain.address_rules import us_zip; us_zip('10001'); print('zipcodes' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, text=True).stdout == "False\n"
