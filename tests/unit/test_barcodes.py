"""Barcodes: one number in many dresses is one number, and a slip of the pen is none."""

from __future__ import annotations

import pytest

from engine.domain.barcodes import gtin


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("036000291452", "00036000291452"),  # UPC-A
        ("0036000291452", "00036000291452"),  # the same as EAN-13
        ("4006381333931", "04006381333931"),
        ("4 006381 333931", "04006381333931"),
        ("96385074", "00000096385074"),  # EAN-8
        ("10036000291459", "10036000291459"),  # GTIN-14: a carton of them is another thing
        ("0-306-40615-2", "09780306406157"),  # ISBN-10
        ("978-0-306-40615-7", "09780306406157"),
        ("080442957X", "09780804429573"),
    ],
)
def test_a_barcode_is_its_fourteen_digits(text: str, digits: str) -> None:
    assert gtin(text) == digits


@pytest.mark.parametrize(
    "text",
    ["", "036000291453", "4006381333930", "12345", "ABC", "000000000000", "0306406153", "٠٣٦٠٠٠٢٩١٤٥٢", "B00EXAMPLE"],
)
def test_what_is_none_is_none(text: str) -> None:
    assert gtin(text) == ""
