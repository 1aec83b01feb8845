"""PDF read back: its text as a browser copies it, its pages as pictures, its barcodes as a scanner sees them."""

from __future__ import annotations

import re
from typing import Any

import pypdfium2
import zxingcpp

_UNSEEN = re.compile("[\u200b\u202a-\u202e\u2066-\u2069\ufffe]")


def texts(printed: bytes) -> list[str]:
    """The text of each page, in the order of the reader, without what cannot be seen."""
    document = pypdfium2.PdfDocument(printed)
    try:
        found = [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()
    return [_UNSEEN.sub("", text).replace("\r\n", "\n") for text in found]


def picture(printed: bytes, page: int = 0, scale: float = 3) -> Any:
    """A page as a picture."""
    document = pypdfium2.PdfDocument(printed)
    try:
        return document[page].render(scale=scale).to_pil()
    finally:
        document.close()


def barcodes(printed: bytes, page: int = 0) -> list[str]:
    """The Code 128 barcodes that can be read from a page's picture."""
    found = zxingcpp.read_barcodes(picture(printed, page, 5), formats=zxingcpp.BarcodeFormat.Code128)
    return [code.text for code in found]


def letters(text: str) -> list[str]:
    """The characters but spaces, sorted: the same whatever order a reader of PDF gives right-to-left text in."""
    return sorted("".join(text.split()))
