"""Papers as they leave the printer: every script reads back, long lists break well, nothing is lost without a word."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest

from engine.services import paper_press, typeset
from engine.services.paper_form import Column, Form
from tests.support import reading_pdf

FORM = Form(
    title="Purchase order", number="1001-1", address_title="Ship to", address=("Dana Reyes", "1 Maple Ave"),
    facts=(("Supplier", "ACME"),), columns=(Column("SKU", 2), Column("Item", 4), Column("Pieces", 1, True)),
    rows=(("A-10", "Mug", "2"),), sums=(("Pieces", "2"),),
)  # fmt: skip


def printed(**changes: object) -> bytes:
    return paper_press.printed([msgspec.structs.replace(FORM, **changes)], "test")


LEFT_TO_RIGHT = [
    "Jörg Groß, Straße 5, ÄÖÜ", "Łucja Żółć, ul. Świętojańska 5, Łódź", "Nguyễn Thị Hồng, Đà Nẵng", "Οδός Ερμού 12, Αθήνα",
    "Олена Їжакевич, вул. Хрещатик", "東京都千代田区千代田1-1 ビル３階 山田太郎", "서울특별시 강남구 테헤란로 123 뷁",
    "北京市朝阳区建国路88号 廣東", "กรุงเทพมหานคร ถนนสุขุมวิท น้ำ ที่อยู่ ผู้", "zoe\u0301 x\u0323\u0301 12 € ₪ ₽ – “ok”",
]  # fmt: skip
RIGHT_TO_LEFT = [
    "شارع الملك فهد 12 الرياض لا إله پژگچ", "محمد (Building B) 11564 عبد الله", "רחוב הרצל 12 תל אביב (קומה 3)",
    "Straße שלום 12-3",
]  # fmt: skip


@pytest.mark.parametrize("text", LEFT_TO_RIGHT)
def test_what_is_written_from_left_to_right_is_copied_from_the_page_as_it_was(text: str) -> None:
    [page] = reading_pdf.texts(printed(address=(text,)))
    assert unicodedata.normalize("NFC", text) in [line.strip() for line in page.splitlines()]
    assert typeset.MARK not in page


@pytest.mark.parametrize("text", RIGHT_TO_LEFT)
def test_what_is_written_from_right_to_left_has_all_its_letters(text: str) -> None:
    """Readers of PDF guess its order from where letters stand; that no letter is missing or doubled can be said."""
    without, [page] = reading_pdf.texts(printed(address=()))[0], reading_pdf.texts(printed(address=(text,)))
    # Some readers also mirror what is already mirrored, which is a matter of how it is copied, not of what is seen.
    page = page.replace("(", ")")
    without, text = without.replace("(", ")"), text.replace("(", ")")
    assert reading_pdf.letters(page) == sorted(reading_pdf.letters(without) + reading_pdf.letters(text))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("שלום", "שלום"[::-1]), ("abc שלום (12) def", f"abc (12) {'שלום'[::-1]} def"),
        ("שלום (Dana) 7", f"7 (Dana) {'שלום'[::-1]}"),
        ("Dana", "Dana"), ("12-3 שלום", f"{'שלום'[::-1]} 12-3"),
    ],
)  # fmt: skip
def test_words_stand_in_the_order_of_their_script(text: str, seen: str) -> None:
    mirror = str.maketrans("()", ")(")
    found = ""
    for run in typeset.runs(text, int(typeset.is_rtl(text))):
        found += run.text[::-1].translate(mirror) if run.level % 2 else run.text
    assert found == seen


def test_arabic_letters_are_joined() -> None:
    def glyphs(text: str) -> list[int]:
        return [glyph.number for glyph in typeset._fonts()["Arabic"].shape(text, rtl=True)]

    assert glyphs("ههه")[0] != glyphs("ههه")[1] != glyphs("ههه")[2]
    alef = glyphs("ا")
    assert alef != glyphs("لا")[:1]  # after a lam it is joined


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hi 😀!", "Hi \ufffd!"), ("👩‍👩‍👧 family", "\ufffd family"), ("👍🏽 x", "\ufffd x"),
        ("private \ue000", "private \ufffd"),
        ("lone \ud800 half", "lone \ufffd half"), ("በአማርኛ", "\ufffd" * 5),
    ],
)  # fmt: skip
def test_what_no_font_has_is_marked_and_the_page_says_so(text: str, shown: str) -> None:
    assert typeset.printable(text) == shown
    [page] = reading_pdf.texts(printed(note=text))
    assert shown in page
    assert paper_press.LOST in page
    assert paper_press.LOST not in reading_pdf.texts(printed(note="Hi!"))[0]


def test_only_the_page_with_the_mark_has_the_remark() -> None:
    rows = tuple((f"A-{n}", "Mug 😀" if n == 90 else "Mug", "1") for n in range(100))
    pages = reading_pdf.texts(printed(rows=rows))
    assert [paper_press.LOST in page for page in pages] == ["A-90" in page for page in pages]


def test_control_and_direction_characters_change_nothing() -> None:
    dirty = "1 \u202eMaple\u202c\x00 \x07Ave\x1b[31m\u2066 5\u2069\u200e\ufeff\tB"
    assert typeset.printable(dirty) == "1 Maple Ave[31m 5 B"
    assert printed(address=(dirty,)) == printed(address=("1 Maple Ave[31m 5 B",))
    assert typeset.printable("a\r\nb\u2028c\x0bd\x85e") == "a\nb\nc\nd\ne"


def test_300_lines_are_on_pages_that_repeat_the_head_and_count() -> None:
    rows = tuple((f"SKU-{n:03}", "Enamel mug " * (1 + n % 5), str(n)) for n in range(300))
    pages = reading_pdf.texts(printed(rows=rows))
    assert len(pages) > 5
    for at, page in enumerate(pages, 1):
        assert f"Page {at} of {len(pages)}" in page
        assert "1001-1" in page
        assert "SKU Item Pieces" in " ".join(page.split())
    whole = "\n".join(pages)
    assert [whole.count(f"SKU-{n:03}") for n in range(300)] == [1] * 300
    assert whole.index("SKU-299") < whole.index("Pieces 2")


def test_a_note_of_5000_characters_is_printed_whole() -> None:
    words = [f"word{n}" for n in range(700)]
    pages = reading_pdf.texts(printed(note=" ".join(words)))
    assert len(pages) > 1
    whole = "\n".join(pages).split()
    assert [word for word in whole if word.startswith("word")] == words
    long = "".join(reading_pdf.texts(printed(note="W" * 5000)))
    assert long.count("W") == 5000


@pytest.mark.parametrize("text", ["x" * 300, "字" * 300, "ก" * 300, "ש" * 300, "a b " * 90, "e\u0301\u0323" * 100])
def test_no_line_is_wider_than_its_room(text: str) -> None:
    lines = typeset.wrapped(typeset.printable(text), 9, 100)
    assert len(lines) > 5
    assert all(typeset.width(line, 9) <= 100.01 for line, _ in lines)
    assert reading_pdf.letters("".join(line for line, _ in lines)) == reading_pdf.letters(typeset.printable(text))


@pytest.mark.parametrize("number", ["1001-1", "W1234567890-12", "PO/2026 #7", "x" * 30])
def test_the_barcode_is_read_by_a_scanner(number: str) -> None:
    assert reading_pdf.barcodes(printed(number=number)) == [number]


@pytest.mark.parametrize(("number", "why"), [("Ж-1", "characters that Code 128 has not"), ("N" * 88, "too long")])
def test_a_number_that_can_have_no_barcode_is_printed_and_the_page_says_why(number: str, why: str) -> None:
    [page] = reading_pdf.texts(printed(number=number))
    assert why in page
    assert number in "".join(page.split())
    assert reading_pdf.barcodes(printed(number=number)) == []


def test_the_same_form_gives_the_same_bytes_whatever_was_printed_before() -> None:
    first = printed(note="مرحبا ไทย שלום")
    printed(note="ทดสอบ عربي اخرى נוסף 漢字 नमस्ते")
    assert printed(note="مرحبا ไทย שלום") == first


def test_every_font_is_embedded() -> None:
    data = printed(note="a Ω Ж مرحبا ไทย שלום 漢字 서울 نا")
    assert data.count(b"/FontFile2") >= 5
    assert b"CIDFont" not in data
