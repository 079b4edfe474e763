"""What the wizard's last steps show: the newest run of the site, as far as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.api.runs.plan_words import READING_ORDER
from services.api.runs.queries.progress import RunProgress, progress
from shared.database.tables import WHOLE_RUNS, CommandRow, FindingRow, Run
from shared.domain.command import CommandKind
from shared.domain.plan import HoldReason
from shared.runs.start import ACTIVE_STATES, GOOD_ENDS, WAITING_STATES
from shared.runs.verdict import hold_reasons
from shared.settings import store
from shared.settings.documents import Section
from shared.worker.context import Context

_ROWS_OF_A_KIND = 3
# A change of these can change a plan; of the others it cannot.
_DECIDING = (
    Section.DIRECTORY, Section.PHONE_SYSTEM, Section.RULES, Section.LIMITS, Section.ARCHIVE, Section.RELAY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FirstPlan:
    """The newest run; ``None`` when there is none yet. ``kinds`` are its kinds of changes, removals first: how many, and
    the first of them. ``is_current`` says that the settings are still those it read.
    """

    run: Run | None
    progress: RunProgress | None = None
    kinds: Mapping[str, tuple[int, Sequence[CommandRow]]] = field(default_factory=dict)
    reasons: Sequence[HoldReason] = ()
    findings: int = 0
    is_current: bool = True

    @property
    def removals(self) -> int:
        """How many extensions it deletes or disables."""
        return sum(
            self.kinds[kind][0]
            for kind in (CommandKind.DELETE_EXTENSION, CommandKind.DISABLE_EXTENSION)
            if kind in self.kinds
        )

    @property
    def is_due(self) -> bool:
        """Whether a preview would show more than the newest run does."""
        return self.run is None or (not self.is_current and self.stage != "going")

    @property
    def stage(self) -> str:
        """Where it stands: nothing, going, waiting, well or failed."""
        if self.run is None:
            return "nothing"
        if self.run.state in ACTIVE_STATES:
            return "going"
        if self.run.state in WAITING_STATES:
            return "waiting"
        return "well" if self.run.state in GOOD_ENDS else "failed"


def has_ended_well(context: Context, site_id: str) -> bool:
    """Whether a run of the whole site was ever carried out, or found nothing to do."""
    with context.database.read() as session:
        return (
            session.scalar(
                select(Run.id)
                .where(Run.site_id == site_id, Run.kind.in_(WHOLE_RUNS), Run.state.in_(GOOD_ENDS))
                .limit(1)
            )
            is not None
        )


def read_first_plan(context: Context, site_id: str) -> FirstPlan:
    """The newest run of the whole site, with the beginning of its plan."""
    with context.database.read() as session:
        run = session.scalar(
            select(Run)
            .where(Run.site_id == site_id, Run.kind.in_(WHOLE_RUNS))
            .order_by(Run.id.desc())
            .limit(1)
        )
        if run is None:
            return FirstPlan(None)
        versions = store.read(session, site_id, context.encryption).versions
        kinds = _kinds(session, run.id)
        findings = session.scalar(
            select(func.count()).select_from(FindingRow).where(FindingRow.run_id == run.id)
        )
    return FirstPlan(
        run,
        progress(context, run.id),
        kinds,
        hold_reasons(run),
        findings or 0,
        all(run.settings_versions.get(section) == versions[section] for section in _DECIDING),
    )


def _kinds(session: Session, run_id: int) -> dict[str, tuple[int, Sequence[CommandRow]]]:
    of_run = CommandRow.run_id == run_id
    rows = session.execute(select(CommandRow.kind, func.count()).where(of_run).group_by(CommandRow.kind))
    counts = {kind: count for kind, count in rows}  # noqa: C416  (mypy does not see rows as pairs)
    return {
        kind.value: (
            counts[kind.value],
            session.scalars(
                select(CommandRow)
                .where(of_run, CommandRow.kind == kind.value)
                .order_by(CommandRow.sequence)
                .limit(_ROWS_OF_A_KIND)
            ).all(),
        )
        for kind in READING_ORDER
        if kind.value in counts
    }
