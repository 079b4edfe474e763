"""Writes entries of the Log as a PDF to print or to file: columns Date, Type and Event, the filter, page numbers.

The document is made in memory, so it has a limit, which it states. Letters beyond Latin-1 need a font of the system;
without one they are question marks, which the document states too.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from fpdf import FPDF, XPos, YPos

from services.api.console.words import LEVELS
from services.api.log.queries import Entry, LogFilter
from services.api.log.use_cases.formats import HEADINGS, Dates, cells_after_date
from shared.language import declared, listed, phrase, shown

MOST_ROWS = 10_000
# Of Debian's fonts-dejavu-core, which knows Latin, Greek, Cyrillic, Arabic, Hebrew and more.
_FONTS = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/dejavu/DejaVuSans.ttf"),
)
_LANDSCAPE_WIDTHS = (44, 24, 209)
_SIZE, _LINE = 8, 4.4
_MARGIN = 10
# A longer message would not fit on a page.
_CHARACTERS = 4_000
_REMEMBERED_WIDTHS = 20_000


def as_pdf(
    pages: Iterable[list[Entry]],
    dates: Dates,
    site_id: str,
    filter: LogFilter,
    most_rows: int = MOST_ROWS,
    fonts: Sequence[Path] = _FONTS,
) -> Iterator[bytes]:
    """The document, in one piece; the newest ``most_rows`` entries, and a sentence when there are more."""
    entries = (entry for page in pages for entry in page)
    document = _Document(next((path for path in fonts if path.exists()), None))
    document.add_page()
    document.write_title(site_id, filter, dates)
    for entry in islice(entries, most_rows):
        document.write_entry(dates.write(entry.occurred_at), *cells_after_date(entry))
    if next(entries, None) is not None:
        document.write_note(
            phrase(
                "There are more entries: a PDF ends after the newest {most_rows:,}. Narrow the filter, or "
                "export CSV or Excel, which have them all.",
                most_rows=most_rows,
            )
        )
    yield bytes(document.output())


def filter_in_words(filter: LogFilter, dates: Dates) -> str:
    """What was asked for, for a reader of the paper."""
    parts = [
        (declared("Type"), LEVELS[filter.level] if filter.level else None),
        (declared("Text"), f"“{filter.text}”" if filter.text else None),
        (declared("Extension"), filter.number),
        (declared("Run"), filter.run_id),
        (declared("Code"), filter.code),
        (declared("From"), dates.write(filter.since) if filter.since else None),
        (declared("Until"), dates.write(filter.until) if filter.until else None),
    ]
    known = [phrase("{name}: {value}", name=name, value=value) for name, value in parts if value]
    return listed(known, " · ") if known else declared("All entries")


class _Document(FPDF):
    """The paper: A4 across, with the heads of the columns on every page."""

    def __init__(self, font: Path | None) -> None:
        super().__init__(orientation="landscape", format="A4")
        self._is_unicode = font is not None
        # Of texts in the size of entries.
        self._widths: dict[str, float] = {}
        if font is not None:
            self.add_font("rollcall", "", str(font))
        self._family = "rollcall" if font is not None else "helvetica"
        self.set_margin(_MARGIN)
        # Pages break between entries, never inside one.
        self.set_auto_page_break(False)
        self.set_title(shown(declared("Rollcall: the Log")))
        self.set_creator("Rollcall")

    def footer(self) -> None:
        """The page's number."""
        self.set_y(-_MARGIN)
        self._font(7)
        self.cell(0, 4, shown(phrase("Page {page_no} of {{nb}}", page_no=self.page_no())), align="R")

    def write_title(self, site_id: str, filter: LogFilter, dates: Dates) -> None:
        """What this is, of when, and what was asked for."""
        self._font(14)
        self.cell(
            0,
            8,
            self._known(phrase("Log of site {site_id}", site_id=site_id)),
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )
        self.write_note(filter_in_words(filter, dates))
        self.write_note(
            phrase(
                "Exported {moment}, times in {time_zone}.",
                moment=dates.write(datetime.now(UTC)),
                time_zone=dates.zone.key,
            )
        )
        if not self._is_unicode:
            self.write_note(
                declared(
                    "Letters beyond Latin-1 are shown as question marks: install the package fonts-dejavu-core "
                    "on Rollcall's host, or export CSV or Excel."
                )
            )
        self._write_heads()

    def write_entry(self, date: str, kind: str, message: str, number: str, run: str, actor: str) -> None:
        """One entry; what else is known of it stands in brackets behind its message."""
        known = ((HEADINGS[3], number), (HEADINGS[4], run), (HEADINGS[5], actor))
        more = " · ".join(
            shown(phrase("{name} {value}", name=name, value=value)) for name, value in known if value
        )
        self._font(_SIZE)
        text = self._known(" ".join(message.split())[:_CHARACTERS] + (f"  [{more}]" if more else ""))
        lines = self._wrapped(text, _LANDSCAPE_WIDTHS[2] - 2 * self.c_margin)
        height = _LINE * max(1, len(lines)) + 1.2
        if self.get_y() + height > self.h - _MARGIN - 5:
            self.add_page()
            self._write_heads()
        top = self.get_y()
        self.line(_MARGIN, top, self.w - _MARGIN, top)
        self.set_y(top + 0.6)
        self.cell(_LANDSCAPE_WIDTHS[0], _LINE, self._known(date))
        self.cell(_LANDSCAPE_WIDTHS[1], _LINE, self._known(kind))
        left = self.get_x()
        for line in lines:
            self.set_x(left)
            self.cell(_LANDSCAPE_WIDTHS[2], _LINE, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
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
        for heading, width in zip(HEADINGS[:3], _LANDSCAPE_WIDTHS, strict=True):
            self.cell(width, 6, self._known(heading), fill=True)
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
