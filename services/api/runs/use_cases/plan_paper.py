"""Writes a plan as a PDF: removals first, the fields that change and why, and why it waits."""

from collections.abc import Iterator

from services.api.console.clock import Clock
from services.api.console.paper import TABLE_WIDTH, Column, Paper
from services.api.console.words import COMMAND_KINDS, RUN_KINDS, by, changes, counted, stamp
from services.api.runs.plan_words import facts_of
from services.api.runs.queries.plan_filter import PlanFilter
from services.api.runs.queries.plan_page import MOST_PRINTED, PlanPage, read_plan
from shared.database.engine import Database
from shared.database.tables import CommandRow
from shared.domain.command import CommandKind
from shared.language import declared, phrase, shown
from shared.runs.verdict import hold_reasons

_NARROW = (12, 34, 18, 52)
_WIDE = (TABLE_WIDTH - sum(_NARROW)) / 2
_HEADINGS = (
    declared("Row"),
    declared("Change"),
    declared("Number"),
    declared("Person"),
    declared("Fields"),
    declared("Reason"),
)
# What they write is said by their kind.
_WITHOUT_FIELDS = (CommandKind.DELETE_EXTENSION, CommandKind.ARCHIVE_EXTENSION)


def as_pdf(
    database: Database, run_id: int, chosen: PlanFilter, clock: Clock, site: str = ""
) -> Iterator[bytes]:
    """The document, in one piece; a sentence when there are more rows than it holds. ``site`` is its name where there are others.

    :raises NotFound: there is no such run.
    """
    seen = read_plan(database, run_id, chosen, most=MOST_PRINTED)
    widths = (*_NARROW, _WIDE, _WIDE)
    paper = Paper([Column(*pair) for pair in zip(_HEADINGS, widths, strict=True)])
    title = phrase("Plan of run {run}", run=run_id)
    paper.write_title(f"{shown(title)}, {site}" if site else title, _notes(seen, clock))
    for row in seen.rows:
        person = row.person_name or str(row.after.get("name", ""))
        cells = (COMMAND_KINDS[row.kind], row.number, person, _fields(row), str(row.reason))
        paper.write_row(str(row.sequence), *cells)
    if seen.next_after:
        paper.write_note(
            phrase(
                "Only the first {count:,} rows are shown. Filter the plan to print the others.",
                count=len(seen.rows),
            )
        )
    paper.write_note(seen.run.plan_hash or "")
    yield bytes(paper.output())


def _notes(seen: PlanPage, clock: Clock) -> Iterator[str]:
    run = seen.run
    yield phrase(
        "{kind}, started by {who}, planned {moment} ({time_zone}).",
        kind=RUN_KINDS[run.kind],
        who=by(run.actor),
        moment=stamp(run.planned_at, clock),
        time_zone=clock.key,
    )
    if seen.fitting != seen.total:
        yield phrase(
            "{rows} the filter; the plan has {total:,}.",
            rows=counted(seen.fitting, "row fits", "rows fit"),
            total=seen.total,
        )
    yield from facts_of(hold_reasons(run))


def _fields(row: CommandRow) -> str:
    if row.kind in _WITHOUT_FIELDS:
        return ""
    return "; ".join(
        f"{shown(name)}: {' → '.join(str(shown(value)) for value in (was, becomes) if value is not None)}"
        for name, was, becomes in changes(row.before, row.after, is_brief=True)
    )
