"""What is kept how long, and what the dead left behind. Called by ``sweep``: old snapshots once an
hour, old runs and the Log once a day at a quiet hour.

Always kept, however old: the last good run of a site with its snapshot (a plan is measured by it), runs that go on or
wait for a person, runs that gave somebody another number (what they left behind is still to be looked after), undos
and what they undid (without them the next run would do it again, without a person), and the audit. A run that disabled or deleted an extension keeps its snapshot, which shows that nobody was there, for as long as
the Log has an entry of it. Everything goes in bounded batches; what is not done in a minute goes on with a later sweep.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, not_, select
from sqlalchemy.orm import Session

from shared.database.tables import (
    CommandRow,
    Event,
    Lease,
    Run,
    RunKind,
    RunState,
    Site,
    SnapshotPage,
    SnapshotPart,
)
from shared.domain.command import CommandKind, CommandState
from shared.language import declared
from shared.roll.reading import forget_past
from shared.runs.history import is_quiet, last_good_run
from shared.runs.retention import (
    GoesOn,
    always,
    delete_events,
    delete_pages,
    delete_runs,
    delete_sent,
    delete_strays,
)
from shared.runs.start import ACTIVE_STATES, WAITING_STATES
from shared.runs.undo import undos_of
from shared.work import leases
from shared.worker.context import Context

log = structlog.get_logger(__name__)

# Leases that nobody gives back: when they end, it is time again.
SNAPSHOTS, HISTORY = declared("retention of snapshots"), declared("retention of history")
_BUDGET_SECONDS = 60.0
_AGAIN_SECONDS = 120.0
_KEEP_QUIET = timedelta(hours=1)
_ENDED = (RunState.IN_STEP.value, RunState.DONE.value, RunState.FAILED.value, RunState.CANCELLED.value)


@dataclass(frozen=True, slots=True)
class Deleted:
    """How much was deleted."""

    pages: int = 0
    runs: int = 0
    # Of the Log, and notifications that are done with.
    events: int = 0
    # Rows of people and extensions that are gone.
    people: int = 0
    strays: int = 0


def apply_retention(context: Context, now: datetime | None = None) -> None:
    """Delete what is kept long enough, if it is time for that and nobody else is at it."""
    moment = now or datetime.now(UTC)
    until = time.monotonic() + _BUDGET_SECONDS

    def _goes_on() -> bool:
        return time.monotonic() < until

    hour = next_quiet_hour(moment, context.settings.retention_hour)
    for chore, again_at in ((SNAPSHOTS, moment + timedelta(hours=1)), (HISTORY, hour)):
        holder = leases.new_holder()
        if not _is_time(context, chore, moment) or not leases.take(
            context.database, chore, holder, (again_at - moment).total_seconds()
        ):
            continue
        work = delete_old_snapshots if chore == SNAPSHOTS else delete_old_history
        gone = work(context, moment, _goes_on)
        log.info(
            "retention",
            chore=chore,
            pages=gone.pages,
            runs=gone.runs,
            events=gone.events,
            people=gone.people,
            leases_and_tokens=gone.strays,
            is_finished=_goes_on(),
        )
        if not _goes_on():
            leases.renew(context.database, chore, holder, _AGAIN_SECONDS)
            return


def delete_old_snapshots(context: Context, now: datetime, goes_on: GoesOn = always) -> Deleted:
    """Delete the snapshots of all but each site's newest runs, its last good one and those that are not at their end; and
    change runs of which nothing came.
    """
    with context.database.read() as session:
        quiet = session.scalars(
            select(Run.id).where(is_quiet(), Run.finished_at < now - _KEEP_QUIET).order_by(Run.id)
        ).all()
    runs = delete_runs(context.database, quiet, goes_on)
    with context.database.read() as session:
        part_ids = list(_with_old_pages(session, context.settings.keep_snapshots))
    return Deleted(pages=delete_pages(context.database, part_ids, goes_on) or 0, runs=runs)


def delete_old_history(context: Context, now: datetime, goes_on: GoesOn = always) -> Deleted:
    """Delete runs, entries of the Log and notifications that are older than the settings say, people who are gone as
    long, and what the dead left behind."""
    settings = context.settings
    with context.database.read() as session:
        site_ids = session.scalars(select(Site.id).order_by(Site.id)).all()
    runs = events = gone = 0
    for site_id in site_ids:
        # The Log first: what it no longer names needs no evidence.
        if settings.keep_log_days:
            cutoff = now - timedelta(days=settings.keep_log_days)
            which = and_(Event.site_id == site_id, Event.occurred_at < cutoff)
            events += delete_events(context.database, which, goes_on)
            gone += forget_past(context.database, site_id, cutoff, goes_on)
        if settings.keep_runs_days:
            with context.database.read() as session:
                old = _old_runs(session, site_id, now - timedelta(days=settings.keep_runs_days))
            runs += delete_runs(context.database, old, goes_on)
    if settings.keep_log_days:
        events += delete_sent(context.database, now - timedelta(days=settings.keep_log_days), goes_on)
    return Deleted(runs=runs, events=events, people=gone, strays=delete_strays(context.database, now))


def next_quiet_hour(now: datetime, hour: int) -> datetime:
    """The first moment after ``now`` at which the hour begins."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def _is_time(context: Context, chore: str, now: datetime) -> bool:
    with context.database.read() as session:
        again_at = session.scalar(select(Lease.expires_at).where(Lease.name == chore))
    return again_at is None or again_at < now


def _old_runs(session: Session, site_id: str, cutoff: datetime) -> list[int]:
    measure = last_good_run(session, site_id)
    gave_numbers = select(CommandRow.id).where(
        CommandRow.run_id == Run.id,
        CommandRow.kind == CommandKind.RENUMBER_EXTENSION.value,
        CommandRow.state == CommandState.DONE.value,
    )
    found = session.scalars(
        select(Run.id)
        .where(
            Run.site_id == site_id,
            Run.state.in_(_ENDED),
            Run.finished_at < cutoff,
            ~gave_numbers.exists(),
            ~_is_evidence(),
        )
        .order_by(Run.id)
    ).all()
    kept = {run_id for undo in undos_of(session, site_id) for run_id in undo}
    if measure is not None:
        kept.add(measure.id)
    return [run_id for run_id in found if run_id not in kept]


def _is_evidence() -> ColumnElement[bool]:
    """Whether the run took an extension away and the Log still says so."""
    took_away = select(CommandRow.id).where(
        CommandRow.run_id == Run.id,
        CommandRow.kind.in_([CommandKind.DISABLE_EXTENSION.value, CommandKind.DELETE_EXTENSION.value]),
        CommandRow.state == CommandState.DONE.value,
    )
    named = select(Event.id).where(Event.site_id == Run.site_id, Event.run_id == Run.id)
    return and_(took_away.exists(), named.exists())


def _with_old_pages(session: Session, keep: int) -> Iterator[int]:
    # From the pages, of which there are few, and not from the runs, of which there are many.
    rows = session.execute(
        select(SnapshotPage.part_id, Run.id, Run.site_id, Run.state)
        .join(SnapshotPart, SnapshotPart.id == SnapshotPage.part_id)
        .join(Run, Run.id == SnapshotPart.run_id)
        .where(~_is_evidence())
        .distinct()
    ).all()
    by_site: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for part_id, run_id, site_id, state in rows:
        by_site[site_id].append((part_id, run_id, state))
    for site_id, parts in by_site.items():
        # Of change runs there are many: they must not push out what the full ones have read.
        of_changes = Run.kind == RunKind.CHANGES.value
        kept = {
            *_newest_runs(session, site_id, keep, not_(of_changes)),
            *_newest_runs(session, site_id, keep, of_changes),
        }
        measure = last_good_run(session, site_id)
        if measure is not None:
            kept.add(measure.id)
        for part_id, run_id, state in sorted(parts):
            if run_id not in kept and state not in (*ACTIVE_STATES, *WAITING_STATES):
                yield part_id


def _newest_runs(session: Session, site_id: str, most: int, which: ColumnElement[bool]) -> Iterable[int]:
    return session.scalars(
        select(Run.id).where(Run.site_id == site_id, which).order_by(Run.id.desc()).limit(most)
    ).all()
