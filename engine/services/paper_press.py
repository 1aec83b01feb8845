"""Forms on pages, as PDF: heads that repeat, page x of y, a barcode, and a remark where a character could not be printed.

The same forms give the same bytes. Import it where a paper is printed only: it loads reportlab and the fonts.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Sequence
from typing import Any

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.pdfgen.canvas import Canvas

from engine.services import typeset
from engine.services.paper_form import Form

MARGIN = 42.0
FOOT = 66.0
"""What is kept free below for page numbers and remarks."""
SMALL, NORMAL, LARGE = 8.0, 9.0, 18.0
GREY, BLACK = (0.38, 0.38, 0.38), (0.0, 0.0, 0.0)
LEADING = 1.45  # Thai and Arabic need more room between lines than Latin
NARROWEST, WIDEST_BAR = 0.54, 1.0  # points a module: scanners read from 0.19 mm on
LOST = f"{typeset.MARK} stands for a character that could not be printed; the order itself has it."
_one_at_a_time = threading.Lock()  # the fonts keep what the present document has used of them

Drawing = Callable[[Canvas], None]


def printed(forms: Sequence[Form], title: str) -> bytes:
    """The forms as one PDF, each beginning on a page of its own and counting its own pages. Blocks: call it in a thread."""
    with _one_at_a_time:
        typeset.begin()
        out = io.BytesIO()
        canvas = Canvas(out, invariant=1, pageCompression=1, lang="en")
        canvas.setTitle(title)
        canvas.setCreator("Bluebook")
        for form in forms:
            pages = _Press(form).pages()
            for at, page in enumerate(pages, 1):
                canvas.setPageSize(LETTER if form.letter else A4)
                for drawing in page.drawings:
                    drawing(canvas)
                _foot(canvas, form, page, f"Page {at} of {len(pages)}")
                canvas.showPage()
        canvas.save()
        return out.getvalue()


class _Page:
    def __init__(self) -> None:
        self.drawings: list[Drawing] = []
        self.lost = False


def _foot(canvas: Canvas, form: Form, page: _Page, count: str) -> None:
    wide = (LETTER if form.letter else A4)[0]
    canvas.setFillColorRGB(*GREY)
    if page.lost:
        typeset.draw(canvas, MARGIN, 44, LOST, SMALL)
    name = _fitting(f"{form.title} {form.number}", SMALL, wide - 2 * MARGIN - 90)
    typeset.draw(canvas, MARGIN, 30, name, SMALL, int(typeset.is_rtl(name)))
    typeset.draw(canvas, wide - MARGIN - typeset.width(count, SMALL), 30, count, SMALL)
    canvas.setFillColorRGB(*BLACK)


def _fitting(text: str, size: float, room: float) -> str:
    line = typeset.wrapped(typeset.printable(text), size, room)
    return line[0][0] + (" …" if len(line) > 1 else "")


class _Press:
    """Lays one form out on pages, from top to bottom."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.wide, self.high = LETTER if form.letter else A4
        self.room = self.wide - 2 * MARGIN
        self.page = _Page()
        self.done = [self.page]
        self.y = self.high - MARGIN

    def pages(self) -> list[_Page]:
        """The pages of the form."""
        self._head()
        self._who()
        self._lines()
        self._sums()
        self._note()
        return self.done

    # --- parts ---

    def _head(self) -> None:
        form = self.form
        self.y -= LARGE
        self._text(MARGIN, self.y, form.title, LARGE)
        if form.stamp:
            self._text(self.wide - MARGIN - typeset.width(form.stamp, 12), self.y, form.stamp, 12)
        self.y -= 10
        self._block(MARGIN, form.number, 12, self.room)
        self._barcode()
        self.y -= 12

    def _barcode(self) -> None:
        number = self.form.number
        if not (number.isascii() and number.isprintable()):
            return self._block(MARGIN, "No barcode: the number has characters that Code 128 has not.", SMALL, self.room)
        # Its own quiet zones are ten modules on either side.
        modules = Code128(number, barWidth=1, quiet=True, lquiet=10, rquiet=10).width
        bar = min(WIDEST_BAR, self.room / modules)
        if bar < NARROWEST:
            return self._block(MARGIN, "No barcode: the number is too long for one.", SMALL, self.room)
        code = Code128(number, barWidth=bar, barHeight=34, quiet=True, lquiet=10 * bar, rquiet=10 * bar)
        x, y = MARGIN - 10 * bar, self.y - 40
        self.page.drawings.append(lambda canvas: code.drawOn(canvas, x, y))
        self.y -= 44
        return None

    def _who(self) -> None:
        top, half = self.y, self.room / 2 - 10
        self._text(MARGIN, top - SMALL, self.form.address_title, SMALL, GREY)
        self.y = top - SMALL - 3
        for line in self.form.address:
            self._block(MARGIN, line, 11, half)
        left, self.y = self.y, top
        x = MARGIN + half + 20
        for name, value in self.form.facts:
            self._text(x, self.y - NORMAL * LEADING, name, SMALL, GREY)
            self._block(x + 82, value, NORMAL, half - 82)
        self.y = min(left, self.y) - 16

    def _lines(self) -> None:
        self._line_head()
        columns, gap = self.form.columns, 8.0
        shares = sum(column.share for column in columns)
        for row in self.form.rows:
            cells = []
            for column, text in zip(columns, row, strict=True):
                room = self.room * column.share / shares - gap
                cells.append(typeset.wrapped(typeset.printable(text), NORMAL, room))
            high = max(len(cell) for cell in cells) * NORMAL * LEADING + 5
            if self.y - high < FOOT:
                self._turn()
                self._line_head()
            x = MARGIN
            for column, cell in zip(columns, cells, strict=True):
                wide = self.room * column.share / shares
                for at, (line, base) in enumerate(cell):
                    shift = wide - gap - typeset.width(line, NORMAL) if column.right else 0
                    self._line(x + shift, self.y - (at + 1) * NORMAL * LEADING, line, NORMAL, base)
                x += wide
            self.y -= high
            self._rule(0.25)

    def _line_head(self) -> None:
        shares = sum(column.share for column in self.form.columns)
        x = MARGIN
        self.y -= SMALL
        for column in self.form.columns:
            wide = self.room * column.share / shares
            shift = wide - 8 - typeset.width(column.title, SMALL) if column.right else 0
            self._text(x + shift, self.y, column.title, SMALL, GREY)
            x += wide
        self.y -= 5
        self._rule(0.8)

    def _sums(self) -> None:
        for name, value in self.form.sums:
            self._need(18)
            self.y -= 16
            self._text(self.wide - MARGIN - 8 - typeset.width(value, 11), self.y, value, 11)
            self._text(self.wide - MARGIN - 150 - typeset.width(name, NORMAL), self.y, name, NORMAL, GREY)

    def _note(self) -> None:
        if not self.form.note.strip():
            return
        self._need(60)
        self.y -= 22
        self._text(MARGIN, self.y, "Note", SMALL, GREY)
        self.y -= 3
        self._block(MARGIN, self.form.note.strip(), 10, self.room, aligned=True)

    # --- pieces ---

    def _need(self, high: float) -> None:
        if self.y - high < FOOT:
            self._turn()

    def _turn(self) -> None:
        self.page = _Page()
        self.done.append(self.page)
        self.y = self.high - MARGIN - NORMAL
        name = _fitting(f"{self.form.title} {self.form.number}", NORMAL, self.room - 80)
        self._text(MARGIN, self.y, f"{name} (continued)", NORMAL, GREY)
        self.y -= 14

    def _block(self, x: float, text: str, size: float, room: float, *, aligned: bool = False) -> None:
        """The text is in lines from here down; ``aligned``: from right to left at the right."""
        for line, base in typeset.wrapped(typeset.printable(text), size, room):
            self._need(size * LEADING)
            self.y -= size * LEADING
            shift = room - typeset.width(line, size) if aligned and base else 0
            self._line(x + shift, self.y, line, size, base)

    def _text(self, x: float, y: float, text: str, size: float, colour: tuple[float, float, float] = BLACK) -> None:
        text = typeset.printable(text)
        self._line(x, y, text, size, int(typeset.is_rtl(text)), colour)

    def _line(
        self, x: float, y: float, line: str, size: float, base: int, colour: tuple[float, float, float] = BLACK
    ) -> None:
        self.page.lost = self.page.lost or typeset.lost(line)

        def drawing(canvas: Any) -> None:
            canvas.setFillColorRGB(*colour)
            typeset.draw(canvas, x, y, line, size, base)

        self.page.drawings.append(drawing)

    def _rule(self, thick: float) -> None:
        y = self.y

        def drawing(canvas: Any) -> None:
            canvas.setLineWidth(thick)
            canvas.setStrokeColorRGB(*GREY)
            canvas.line(MARGIN, y, self.wide - MARGIN, y)

        self.page.drawings.append(drawing)
