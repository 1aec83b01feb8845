"""Text as a page can show it: every character in a font that has it, joined and ordered as its script is written.

Fonts are embedded, so that a page looks the same everywhere. What no font has is printed as MARK, and ``lost`` tells.
Import it where a page is drawn only: reportlab, HarfBuzz and the fonts take a moment to load.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

import uharfbuzz
from bidi import algorithm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

MARK = "\ufffd"
"""Stands where a character could not be printed."""

# The first that has a character prints it. Micro Hei has Chinese, Japanese and Korean as TrueType outlines, the only ones
# that reportlab embeds; the fonts that PDF readers are expected to bring for them are missing on many machines.
_FILES = {
    "Sans": ("fontpkg_noto_sans", "files", "NotoSans[wdth,wght].ttf"),
    "Arabic": ("fontpkg_noto_sans_arabic", "files", "NotoSansArabic[wdth,wght].ttf"),
    "Hebrew": ("fontpkg_heebo", "files", "Heebo[wght].ttf"),
    "Thai": ("fontpkg_noto_sans_thai", "files", "NotoSansThai[wdth,wght].ttf"),
    "Han": ("paperang_p2_fonts_cjk", "fonts", "wqy-microhei.ttc"),
}
_JOINERS = "\u200c\u200d"
_PRIVATE = 0xE000  # shaped glyphs get characters from here on, anew in each document, so that its bytes do not vary
_NOTHING = "\u200b"
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_WIDE = "[\u1100-\u11ff\u2e80-\u312f\u3190-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
_TOKENS = re.compile(f" +|{_WIDE}|(?:(?! |{_WIDE}).)+")
_SHAPED = re.compile("[\u0590-\u08ff\u0900-\u097f\u0e00-\u0e7f\ufb1d-\ufdff\ufe70-\ufefc]")
_INDIC = re.compile("[\u0900-\u097f\u1cd0-\u1cff\ua8e0-\ua8ff]")


class Glyph(NamedTuple):
    """A glyph, where and which its text is, and its place in 1/1000 em."""

    number: int
    start: int
    text: str
    advance: float
    dx: float
    dy: float


class _Font(TTFont):  # type: ignore[misc]
    """A font whose shaped glyphs say which text they stand for, so that what is copied from a page is what was written."""

    def __init__(self, name: str, file: Any) -> None:
        super().__init__(name, str(file), shapable=False)
        self.meaning: dict[int, str] = {}
        self._codes: dict[tuple[int, str], int] = {}
        self._shaper: Any = None

    def shape(self, text: str, *, rtl: bool) -> list[Glyph]:
        """The glyphs that show the text, from left to right."""
        if self._shaper is None:
            self._shaper = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob(self.face._ttf_data)))
        buffer = uharfbuzz.Buffer()
        buffer.cluster_level = uharfbuzz.BufferClusterLevel.MONOTONE_CHARACTERS
        buffer.add_str(text)
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if rtl else "ltr"
        uharfbuzz.shape(self._shaper, buffer, {"dlig": False})
        starts = sorted({info.cluster for info in buffer.glyph_infos})
        ends = dict(zip(starts, [*starts[1:], len(text)], strict=True))
        scale = self.face._pdfScale
        return [
            Glyph(
                info.codepoint, info.cluster, text[info.cluster : ends[info.cluster]],
                scale(at.x_advance), scale(at.x_offset), scale(at.y_offset),
            )
            for info, at in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
        ]  # fmt: skip

    def code(self, glyph: Glyph, text: str) -> int:
        """The character that is this glyph where it stands for that text, in the present document."""
        known = self._codes.get((glyph.number, text))
        if known is None:
            known = self._codes[glyph.number, text] = _PRIVATE + len(self._codes)
            self.meaning[known] = text
            self.face.charToGlyph[known] = glyph.number
            self.face.charWidths[known] = self.face._pdfScale(self._shaper.get_glyph_h_advance(glyph.number))
        return known

    def begin(self) -> None:
        """A new document begins, in which no glyph stands for anything yet."""
        self.meaning.clear()
        self._codes.clear()

    def addObjects(self, doc: Any) -> None:  # noqa: N802
        """The document has this font's subsets."""
        super().addObjects(doc)
        for name, kept in doc.idToObject.items():
            if str(name).startswith("toUnicodeCMap:") and self.face.name.decode() in str(name):
                kept.content = re.sub("> <(E[0-9A-F]{3}|F[0-8][0-9A-F]{2})>", self._meant, kept.content)

    def _meant(self, match: re.Match[str]) -> str:
        return f"> <{_hex(self.meaning.get(int(match[1], 16), MARK))}>"


def _hex(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


@lru_cache(maxsize=1)
def _fonts() -> dict[str, _Font]:
    found = {}
    for name, (package, *path) in _FILES.items():
        found[name] = _Font(f"Bluebook{name}", resources.files(package).joinpath(*path))
        pdfmetrics.registerFont(found[name])
    return found


def begin() -> None:
    """A new document begins: nothing of an earlier one shows in its bytes."""
    for font in _fonts().values():
        font.begin()


# --- which characters -------------------------------------------------------------------------------------------------


def _category(sign: str) -> str:
    return unicodedata.category(sign)


@lru_cache(maxsize=20_000)
def _font_of(sign: str) -> str:
    if _category(sign) in ("Co", "Cs", "Cn"):
        return ""
    return next((name for name, font in _fonts().items() if ord(sign) in font.face.charToGlyph), "")


def printable(text: str) -> str:
    """The text as it can be printed: no control or direction characters, MARK for what no font has, lines by newline."""
    text = re.sub("\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", text)
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    kept: list[str] = []
    joined = False  # after a mark: the rest of a sequence, as of an emoji, is the same one mark
    for sign in unicodedata.normalize("NFC", text):
        kind = _category(sign)
        after_mark = bool(kept) and kept[-1] == MARK
        if sign == "\n" or sign.isspace():
            kept.append(sign if sign == "\n" else " ")
        elif sign in _JOINERS:
            joined = after_mark and sign == "\u200d"
            if not after_mark and kept:
                kept.append(sign)
            continue
        elif kind in ("Cc", "Cf") or "\ufe00" <= sign <= "\ufe0f" or "\U000e0100" <= sign <= "\U000e01ef":
            continue
        elif _font_of(sign) and not (after_mark and kind[0] == "M"):
            kept.append(sign)
        elif not (after_mark and (joined or kind[0] == "M" or "\U0001f3fb" <= sign <= "\U0001f3ff")):
            kept.append(MARK)
        joined = False
    return "".join(kept)


def lost(text: str) -> bool:
    """Has this printable text characters that could not be printed?"""
    return MARK in text


# --- in which order and font ------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """Characters of one font and direction."""

    font: str
    text: str
    level: int
    shaped: bool


def is_rtl(text: str) -> bool:
    """Is this a paragraph of a script written from right to left?"""
    return bool(_RTL.search(text)) and algorithm.get_base_level(text) == 1


def _levels(text: str, base: int) -> list[int]:
    if base == 0 and not _RTL.search(text):
        return [0] * len(text)
    storage = algorithm.get_empty_storage()
    storage["base_level"], storage["base_dir"] = base, "LR"[base]
    algorithm.get_embedding_levels(text, storage)
    for at, sign in enumerate(storage["chars"]):
        sign["at"] = at
    algorithm.explicit_embed_and_overrides(storage)
    if storage["chars"]:
        algorithm.resolve_weak_types(storage)
        _pair_brackets(storage["chars"], "LR"[base])
        algorithm.resolve_neutral_types(storage, False)
        algorithm.resolve_implicit_levels(storage, False)
    known = {sign["at"]: sign["level"] for sign in storage["chars"]}
    levels: list[int] = []
    for at in range(len(text)):  # joiners were left out: they go with the letter before
        levels.append(known.get(at, levels[-1] if levels else base))
    return levels


_PAIRS = {"(": ")", "[": "]", "{": "}", "«": "»", "‹": "›", "「": "」", "（": "）"}


def _pair_brackets(signs: list[dict[str, Any]], outside: str) -> None:
    """Both brackets of a pair go the same way (rule N0 of Unicode's annex 9, which python-bidi's levels leave out)."""
    ways = [{"L": "L", "R": "R", "EN": "R", "AN": "R"}.get(sign["type"], "") for sign in signs]
    waiting: list[int] = []
    pairs: list[tuple[int, int]] = []
    for at, sign in enumerate(signs):
        if sign["ch"] in _PAIRS:
            waiting.append(at)
        elif sign["ch"] in _PAIRS.values():
            for depth in range(len(waiting) - 1, -1, -1):
                if _PAIRS[signs[waiting[depth]]["ch"]] == sign["ch"]:
                    pairs.append((waiting[depth], at))
                    del waiting[depth:]
                    break
    for start, end in sorted(pairs):
        inside = set(ways[start + 1 : end]) - {""}
        if not inside:
            continue
        before = next((way for way in reversed(ways[:start]) if way), outside)
        way = outside if outside in inside else before
        for at in (start, end):
            signs[at]["type"] = ways[at] = way


@lru_cache(maxsize=5_000)
def runs(line: str, base: int) -> tuple[Run, ...]:
    """The line's runs from left to right."""
    found: list[tuple[str, str, int, list[str]]] = []
    for sign, level in zip(line, _levels(line, base), strict=True):
        last = found[-1] if found else None
        follows = sign in _JOINERS or _category(sign)[0] == "M"
        if (
            last
            and last[2] == level
            and follows
            and (sign in _JOINERS or ord(sign) in _fonts()[last[0]].face.charToGlyph)
        ):
            last[3].append(sign)
            continue
        # HarfBuzz takes a run for one script, and Sans has two that need it; what is copied of a mark stays a mark alone.
        key = (_font_of(sign) or "Sans", MARK if sign == MARK else "indic" if _INDIC.match(sign) else "", level)
        if last and last[:3] == key:
            last[3].append(sign)
        else:
            found.append((*key, [sign]))
    order = list(found)
    for height in range(max((run[2] for run in order), default=0), 0, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and order[end][2] >= height:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = end + 1
    parts = [(font, "".join(signs), level) for font, _, level, signs in order]
    return tuple(Run(font, text, level, _is_shaped(text, level)) for font, text, level in parts)


def _is_shaped(text: str, level: int) -> bool:
    return level % 2 == 1 or (
        not text.isascii() and bool(_SHAPED.search(text) or any(_category(s)[0] == "M" or s in _JOINERS for s in text))
    )


# --- how wide, and where lines break ----------------------------------------------------------------------------------


@lru_cache(maxsize=20_000)
def _measured(text: str) -> float:
    total = 0.0
    for run in runs(text, int(is_rtl(text))):
        font = _fonts()[run.font]
        if run.shaped:
            total += sum(glyph.advance for glyph in font.shape(run.text, rtl=run.level % 2 == 1))
        else:
            total += font.stringWidth(run.text, 1000)
    return total


def width(text: str, size: float) -> float:
    """How wide the printable text is at this size."""
    return _measured(text) * size / 1000


def wrapped(text: str, size: float, room: float) -> list[tuple[str, int]]:
    """The printable text in lines that fit, each with its paragraph's direction (1: from right to left)."""
    lines: list[tuple[str, int]] = []
    for paragraph in text.split("\n"):
        base = int(is_rtl(paragraph))
        line, used = "", 0.0
        for token in _TOKENS.findall(paragraph):
            for part in [token] if width(token, size) <= room else _broken(token, size, room):
                wide = width(part, size)
                if line and used + wide > room:
                    lines.append((line.rstrip(), base))
                    line, used = "", 0.0
                if line or part.strip():
                    line, used = line + part, used + wide
        lines.append((line.rstrip(), base))
    return lines


def _broken(word: str, size: float, room: float) -> list[str]:
    """A word that is too long, in pieces that fit; marks stay with their letters."""
    pieces, piece, used = [], "", 0.0
    for sign in word:
        wide = width(sign, size)
        if piece and used + wide > room and sign not in _JOINERS and _category(sign)[0] != "M":
            pieces.append(piece)
            piece, used = "", 0.0
        piece, used = piece + sign, used + wide
    return [*pieces, piece]


# --- on the page ------------------------------------------------------------------------------------------------------


def draw(canvas: Any, x: float, y: float, line: str, size: float, base: int = 0) -> None:
    """The printable line stands on the page, its left end at x."""
    for run in runs(line, base):
        font = _fonts()[run.font]
        canvas.setFont(font.fontName, size)
        if not run.shaped:
            canvas.drawString(x, y, run.text)
            x += font.stringWidth(run.text, size)
            continue
        glyphs = font.shape(run.text, rtl=run.level % 2 == 1)
        from_right = run.level % 2 == 1
        # What was written, for whoever copies it; readers of PDF take such text for left to right, whatever it is.
        if not from_right:
            canvas._code.append(f"/Span <</ActualText <{_hex(chr(0xFEFF) + run.text)}>>> BDC")
        for _, cluster in itertools.groupby(glyphs, key=lambda glyph: glyph.start):
            x = _draw_cluster(canvas, font, list(cluster), (x, y, size / 1000), silent=from_right)
        if not from_right:
            canvas._code.append("EMC")


def _draw_cluster(
    canvas: Any, font: _Font, glyphs: list[Glyph], place: tuple[float, float, float], *, silent: bool
) -> float:
    """The glyphs that show a piece of text together; one of them says which, the others where ``silent`` nothing."""
    x, y, scale = place
    main = max(glyphs, key=lambda glyph: glyph.advance)
    for glyph in glyphs:
        code = font.code(glyph, glyph.text if glyph is main else _NOTHING)
        alone = silent and glyph is not main
        if alone:
            canvas._code.append("/Span <</ActualText <FEFF>>> BDC")
        canvas.drawString(x + glyph.dx * scale, y + glyph.dy * scale, chr(code))
        if alone:
            canvas._code.append("EMC")
        x += glyph.advance * scale
    return x
