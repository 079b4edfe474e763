"""Writes entries of the Log as a PDF: columns Date, Type and Event, and the filter. It has a limit, which it states."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from services.api.console.paper import FONTS, TABLE_WIDTH, Column, Paper
from services.api.console.words import LEVELS
from services.api.log.queries import Entry, LogFilter
from services.api.log.use_cases.formats import HEADINGS, Dates, cells_after_date
from shared.language import declared, listed, phrase, shown

MOST_ROWS = 10_000
_DATE_WIDTH, _TYPE_WIDTH = 44, 24


def as_pdf(
    pages: Iterable[list[Entry]],
    dates: Dates,
    site_id: str,
    filter: LogFilter,
    most_rows: int = MOST_ROWS,
    fonts: Sequence[Path] = FONTS,
) -> Iterator[bytes]:
    """The document, in one piece; the newest ``most_rows`` entries, and a sentence when there are more."""
    entries = (entry for page in pages for entry in page)
    widths = (_DATE_WIDTH, _TYPE_WIDTH, TABLE_WIDTH - _DATE_WIDTH - _TYPE_WIDTH)
    paper = Paper([Column(*pair) for pair in zip(HEADINGS, widths, strict=False)], fonts)
    exported = phrase(
        "Exported {moment}, times in {time_zone}.",
        moment=dates.write(datetime.now(UTC)),
        time_zone=dates.zone.key,
    )
    title = phrase("Log of site {site_id}", site_id=site_id)
    paper.write_title(title, [filter_in_words(filter, dates), exported])
    for entry in islice(entries, most_rows):
        kind, message, *further = cells_after_date(entry)
        paper.write_row(dates.write(entry.occurred_at), kind, _with_further(message, further))
    if next(entries, None) is not None:
        paper.write_note(
            phrase(
                "There are more entries: a PDF ends after the newest {most_rows:,}. Narrow the filter, or "
                "export CSV or Excel, which have them all.",
                most_rows=most_rows,
            )
        )
    yield bytes(paper.output())


def _with_further(message: str, further: Sequence[str]) -> str:
    """What else is known of an entry stands in brackets behind its message."""
    more = " · ".join(
        shown(phrase("{name} {value}", name=name, value=value))
        for name, value in zip(HEADINGS[3:], further, strict=True)
        if value
    )
    return f"{message}  [{more}]" if more else message


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
