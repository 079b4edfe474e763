"""Tables on paper: PDFs to print or to file, with page numbers.

A document is made in memory. Letters beyond Latin-1 need a font of the system; without one they are question marks, which the
document states.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpdf import FPDF, XPos, YPos

from shared.language import declared, phrase, shown

# Of Debian's fonts-dejavu-core, which knows Latin, Greek, Cyrillic, Arabic, Hebrew and more.
FONTS = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/dejavu/DejaVuSans.ttf"),
)
TABLE_WIDTH = 277
_SIZE, _LINE = 8, 4.4
_MARGIN = 10
# More would not fit on a page.
_CHARACTERS, _LINES = 4_000, 38
_REMEMBERED_WIDTHS = 20_000


@dataclass(frozen=True, slots=True)
class Column:
    """Its heading, and its width in millimetres; all of them together are ``TABLE_WIDTH``."""

    heading: str
    width: float


class Paper(FPDF):
    """A table on A4 across, with the heads of the columns on every page."""

    def __init__(self, columns: Sequence[Column], fonts: Sequence[Path] = FONTS) -> None:
        super().__init__(orientation="landscape", format="A4")
        font = next((path for path in fonts if path.exists()), None)
        self._columns = columns
        self._is_unicode = font is not None
        # Of texts in the size of entries.
        self._widths: dict[str, float] = {}
        if font is not None:
            self.add_font("rollcall", "", str(font))
        self._family = "rollcall" if font is not None else "helvetica"
        self.set_margin(_MARGIN)
        # Pages break between entries, never inside one.
        self.set_auto_page_break(False)
        self.set_creator("Rollcall")
        self.add_page()

    def footer(self) -> None:
        """The page's number."""
        self.set_y(-_MARGIN)
        self._font(7)
        self.cell(0, 4, shown(phrase("Page {page_no} of {{nb}}", page_no=self.page_no())), align="R")

    def write_title(self, title: str, notes: Iterable[str]) -> None:
        """What this is, of when, and what was asked for; the table begins below it."""
        self.set_title(shown(title))
        self._font(14)
        self.cell(0, 8, self._known(title), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        for note in notes:
            self.write_note(note)
        if not self._is_unicode:
            self.write_note(
                declared(
                    "Letters beyond Latin-1 are shown as question marks: install the package fonts-dejavu-core "
                    "on Rollcall's host."
                )
            )
        self._write_heads()

    def write_row(self, *texts: str) -> None:
        """One row of the table, as high as its longest text."""
        self._font(_SIZE)
        cells = [
            self._wrapped(self._known(" ".join(text.split())[:_CHARACTERS]), column.width - 2 * self.c_margin)
            for text, column in zip(texts, self._columns, strict=True)
        ]
        height = _LINE * min(_LINES, max(map(len, cells))) + 1.2
        if self.get_y() + height > self.h - _MARGIN - 5:
            self.add_page()
            self._write_heads()
        left, top = float(_MARGIN), self.get_y()
        self.line(_MARGIN, top, self.w - _MARGIN, top)
        for lines, column in zip(cells, self._columns, strict=True):
            self.set_y(top + 0.6)
            for line in lines[:_LINES]:
                self.set_x(left)
                self.cell(column.width, _LINE, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            left += column.width
        self.set_y(top + height)

    def write_note(self, text: str) -> None:
        """A sentence of the document itself."""
        if self.get_y() > self.h - _MARGIN - 15:
            self.add_page()
        self._font(9)
        self.multi_cell(0, 5, self._known(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _write_heads(self) -> None:
        self._font(_SIZE)
        self.set_fill_color(230, 234, 240)
        self.set_draw_color(190, 198, 210)
        for column in self._columns:
            self.cell(column.width, 6, self._known(column.heading), fill=True)
        self.ln(6)

    def _wrapped(self, text: str, width: float) -> list[str]:
        """The text in lines. fpdf's own breaking of lines measures each line anew with every letter: too slow here."""
        lines: list[str] = []
        line, used = "", 0.0
        for word in text.split():
            for piece in self._pieces(word, width):
                wide = self._width(piece)
                if line and used + self._width(" ") + wide <= width:
                    line, used = f"{line} {piece}", used + self._width(" ") + wide
                else:
                    lines += [line] if line else []
                    line, used = piece, wide
        return [*lines, line]

    def _pieces(self, word: str, width: float) -> Iterator[str]:
        """The word, cut where it is wider than a line."""
        while self._width(word) > width:
            length = len(word) - 1
            while length > 1 and self._width(word[:length]) > width:
                length -= 1
            yield word[:length]
            word = word[length:]
        yield word

    def _width(self, text: str) -> float:
        if text not in self._widths:
            if len(self._widths) > _REMEMBERED_WIDTHS:
                self._widths.clear()
            self._widths[text] = self.get_string_width(text)
        return self._widths[text]

    def _font(self, size: int) -> None:
        self.set_font(self._family, size=size)

    def _known(self, text: str) -> str:
        text = shown(text)
        return text if self._is_unicode else text.encode("latin-1", "replace").decode("latin-1")
