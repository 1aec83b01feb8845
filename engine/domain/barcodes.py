"""UPC, EAN, ISBN and GTIN: one number in many dresses. Pure."""

from __future__ import annotations

_LENGTHS = (8, 12, 13, 14)


def _check_digit(digits: str) -> int:
    """The last digit of a GTIN whose other digits are these."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def gtin(text: str) -> str:
    """The barcode's 14 digits, by which two are compared; "" for what is none: another length, or a wrong check digit.

    UPC-A (12), EAN-8, EAN-13, GTIN-14 and ISBN-10 and -13, with or without dashes and blanks.
    """
    plain = "".join(sign for sign in text if sign not in " -\u2010\u2011\u2013").upper()
    if len(plain) == 10 and plain[:9].isascii() and plain[:9].isdigit() and (plain[9].isdigit() or plain[9] == "X"):
        return _isbn(plain)
    if not (plain.isascii() and plain.isdigit()) or len(plain) not in _LENGTHS or not plain.strip("0"):
        return ""
    return plain.zfill(14) if int(plain[-1]) == _check_digit(plain[:-1]) else ""


def _isbn(plain: str) -> str:
    values = [10 if sign == "X" else int(sign) for sign in plain]
    if sum(value * weight for value, weight in zip(values, range(10, 0, -1), strict=True)) % 11:
        return ""
    body = f"978{plain[:9]}"
    return f"{body}{_check_digit(body)}".zfill(14)
