"""What later runs are measured by. Asked by the reconciler for a plan, and by retention for what must stay."""

from sqlalchemy import ColumnElement, and_, not_, or_, select, true
from sqlalchemy.orm import Session

from shared.database.commands import row_command
from shared.database.tables import (
    WHOLE_RUNS,
    CommandRow,
    PartKind,
    PartState,
    Run,
    RunKind,
    RunState,
    SnapshotPart,
)
from shared.domain.command import CommandKind, CommandState
from shared.domain.plan import FindingCode
from shared.domain.refusal import Refusal, refusal_key
from shared.runs.start import GOOD_ENDS

# What became of these is not known.
_NOT_REFUSED = ("outcome_unknown", "given_up")
# An archive that fails is the relay's affair and may be put right at any moment: no refusal to get used to.
_REFUSED_KINDS = tuple(kind.value for kind in CommandKind if kind is not CommandKind.ARCHIVE_EXTENSION)


def ended_well() -> ColumnElement[bool]:
    """Of a run, that it ended well and was read from a controller that was up to date, as far as is known. A change run knows
    of a few people only, and an undo of nobody, so they show nothing of the site.
    """
    return and_(
        Run.state.in_(GOOD_ENDS),
        _was_up_to_date(),
        Run.kind.not_in([RunKind.CHANGES.value, RunKind.UNDO.value]),
    )


def is_quiet() -> ColumnElement[bool]:
    """Of a run, that changes were noticed and nothing came of them: nobody needs to see it."""
    acts = select(CommandRow.id).where(CommandRow.run_id == Run.id).exists()
    return and_(
        Run.kind == RunKind.CHANGES.value,
        Run.state == RunState.DONE.value,
        Run.error_code.is_(None),
        not_(acts),
    )


def _was_up_to_date() -> ColumnElement[bool]:
    is_behind = Run.error_code == FindingCode.CONTROLLER_BEHIND.value
    return or_(Run.error_code.is_(None), not_(is_behind))


def last_good_run(session: Session, site_id: str, before: int | None = None) -> Run | None:
    """The site's newest run (of those ``before`` a run's id) whose reading nothing speaks against, or whose plan a person
    approved, and that had read every unit to its end.

    What became of its commands does not matter. A run with gaps, or that was read from a controller that is behind, is no
    measure: after it nobody could tell that a unit has become empty, or that a change of the selection was never looked at.
    """
    gaps = select(SnapshotPart.id).where(
        SnapshotPart.run_id == Run.id,
        SnapshotPart.kind == PartKind.UNIT.value,
        SnapshotPart.state != PartState.COMPLETE.value,
    )
    conditions = [
        Run.site_id == site_id,
        or_(
            Run.is_measure == true(),
            Run.approved_at.is_not(None),
            and_(Run.is_measure.is_(None), Run.state.in_(GOOD_ENDS)),
        ),
        _was_up_to_date(),
        Run.kind.in_(WHOLE_RUNS),
    ]
    if before is not None:
        conditions.append(Run.id < before)
    # Where a unit could never be read, every run would stay the first one: then what a person approved is the measure.
    for which in (~gaps.exists(), Run.approved_at.is_not(None)):
        found = session.scalars(
            select(Run).where(*conditions, which).order_by(Run.id.desc()).limit(1)
        ).first()
        if found is not None:
            return found
    return None


def refused_before(session: Session, site_id: str, run_id: int) -> dict[str, Refusal]:
    """What 3CX refused in the newest run before this one that executed anything, by ``refusal_key``."""
    executed = (CommandState.DONE.value, CommandState.FAILED.value)
    last = session.scalar(
        select(Run.id)
        .where(
            Run.site_id == site_id,
            Run.id < run_id,
            Run.kind.in_(WHOLE_RUNS),
            select(CommandRow.id).where(CommandRow.run_id == Run.id, CommandRow.state.in_(executed)).exists(),
        )
        .order_by(Run.id.desc())
        .limit(1)
    )
    failed = select(CommandRow).where(
        CommandRow.run_id == last,
        CommandRow.state == CommandState.FAILED.value,
        CommandRow.error_code.not_in(_NOT_REFUSED),
        CommandRow.kind.in_(_REFUSED_KINDS),
    )
    return {
        refusal_key(row_command(row)): Refusal(
            row.result.get("refused_since", row.run_id),
            row.error_code or "",
            row.error_message or "",
            row.result.get("refused_times", 1),
        )
        for row in session.scalars(failed)
    }
