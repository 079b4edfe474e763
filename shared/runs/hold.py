"""When nothing is executed at a site: while a person holds it, and in the blackout windows of its schedule. Asked again just
before every change.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.found import run_of, site_of
from shared.database.rows import rows_of
from shared.database.tables import EventLevel, Run, SettingsVersion, Site
from shared.domain.blackout import Blackout
from shared.errors import Conflict
from shared.language import declared, named, phrase
from shared.runs.start import ACTIVE_STATES
from shared.settings import store
from shared.settings.documents import ScheduleSettings, Section

MOST_REASON = 500


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds a site, since when, and why (empty when they did not say)."""

    by: str
    since: datetime
    reason: str


def read_hold(stored: dict[str, Any] | None) -> Hold | None:
    """The hold as it is stored with a site; ``None`` when changes are executed."""
    if stored is None:
        return None
    return Hold(stored["by"], datetime.fromisoformat(stored["since"]), stored["reason"])


def is_held(session: Session, site_id: str, run_id: int | None = None) -> bool:
    """Whether nothing is to be executed at the site: nothing at all, or nothing of the run."""
    if session.scalar(select(Site.hold).where(Site.id == site_id)) is not None:
        return True
    if blackout_of(session, site_id) is None:
        return False
    return not (run_id and session.scalar(select(Run.ignores_blackout).where(Run.id == run_id)))


def blackout_of(session: Session, site_id: str, now: datetime | None = None) -> Blackout | None:
    """The blackout that holds at the site, ``None`` when there is none."""
    document = session.scalar(
        select(SettingsVersion.document)
        .where(SettingsVersion.site_id == site_id, SettingsVersion.section == Section.SCHEDULE.value)
        .order_by(SettingsVersion.id.desc())
        .limit(1)
    )
    if not document or not document.get("blackout"):
        return None
    schedule = store.validate(Section.SCHEDULE, document, is_stored=True)
    assert isinstance(schedule, ScheduleSettings)
    return schedule.blackout_at(now or datetime.now(UTC))


def ignore_blackout(session: Session, run_id: int, actor: str) -> None:
    """Execute the changes of a run although a blackout holds.

    :raises Conflict: the run is not active.
    :raises NotFound: there is no such run.
    """
    run = run_of(session, run_id)
    # An UPDATE, because a run that ends at this moment is not written over.
    active = update(Run).where(Run.id == run_id, Run.state.in_(ACTIVE_STATES)).values(ignores_blackout=True)
    if not rows_of(session.execute(active)):
        raise Conflict(
            phrase(
                "Run {id} is {state}, so none of its changes wait for the end of a blackout window.",
                id=run_id,
                state=named(run.state),
            ),
            run_id=run_id,
            state=run.state,
        )
    sentence = phrase("The changes of run {run} are applied despite the blackout window.", run=run_id)
    entry = events.LogEntry("run.ignores_blackout", sentence, EventLevel.WARNING, run_id=run_id, actor=actor)
    events.record_audited(session, run.site_id, entry, {})


def hold(session: Session, site_id: str, actor: str, reason: str) -> None:
    """Execute nothing at the site from now on. A hold that stands keeps its beginning.

    :raises NotFound: there is no such site.
    """
    site = site_of(session, site_id)
    if site.hold is not None:
        return
    reason = reason.strip()[:MOST_REASON]
    site.hold = {"by": actor, "since": datetime.now(UTC).isoformat(), "reason": reason}
    why = phrase(" Reason given: {reason}", reason=reason) if reason else ""
    sentence = phrase("All changes are held until somebody releases them.{why}", why=why)
    entry = events.LogEntry("site.held", sentence, level=EventLevel.WARNING, actor=actor)
    events.record_audited(session, site_id, entry, {"reason": reason})


def release(session: Session, site_id: str, actor: str) -> None:
    """Execute changes at the site again.

    :raises NotFound: there is no such site.
    """
    site = site_of(session, site_id)
    if site.hold is None:
        return
    site.hold = None
    entry = events.LogEntry("site.released", declared("Changes are executed again."), actor=actor)
    events.record_audited(session, site_id, entry, {})
