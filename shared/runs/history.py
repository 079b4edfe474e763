"""What later runs are measured by. Asked by the reconciler for a plan, and by retention for what must stay."""

from sqlalchemy import ColumnElement, and_, not_, or_, select
from sqlalchemy.orm import Session

from shared.database.tables import WHOLE_RUNS, PartKind, PartState, Run, SnapshotPart
from shared.domain.plan import FindingCode
from shared.runs.start import GOOD_ENDS


def ended_well() -> ColumnElement[bool]:
    """Of a run, that it ended well and was read from a controller that was up to date, as far as is known."""
    is_behind = Run.error_code == FindingCode.CONTROLLER_BEHIND.value
    return and_(Run.state.in_(GOOD_ENDS), or_(Run.error_code.is_(None), not_(is_behind)))


def last_good_run(session: Session, site_id: str, before: int | None = None) -> Run | None:
    """The site's newest run (of those ``before`` a run's id) that ended well and had read every unit to its end.

    A run with gaps, or that was read from a controller that is behind, is no measure: after it nobody could tell that a
    unit has become empty, or that a change of the selection was never looked at.
    """
    gaps = select(SnapshotPart.id).where(
        SnapshotPart.run_id == Run.id,
        SnapshotPart.kind == PartKind.UNIT.value,
        SnapshotPart.state != PartState.COMPLETE.value,
    )
    conditions = [
        Run.site_id == site_id,
        ended_well(),
        Run.kind.in_(WHOLE_RUNS),
        ~gaps.exists(),
    ]
    if before is not None:
        conditions.append(Run.id < before)
    return session.scalars(select(Run).where(*conditions).order_by(Run.id.desc()).limit(1)).first()
