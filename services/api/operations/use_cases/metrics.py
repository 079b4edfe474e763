"""Figures for monitoring, in the Prometheus text format (version 0.0.4).

Read by ``/metrics`` at every scrape: counts and the newest good run of each site, found by the indexes. They come from
the database and the broker, so that one process tells them for all. No figure tells of a person.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from kombu.exceptions import OperationalError
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from services.api.operations.queries import waiting_messages
from services.api.operations.use_cases.metrics_of_readings import readings
from shared.database.tables import CommandRow, OutboxRow, Refusal, RollReading, Run, RunState
from shared.database.watches import waiting_changes, watch_statuses
from shared.domain.command import CommandKind, CommandState
from shared.domain.notifying import MessageState
from shared.runs.history import ended_well
from shared.work import leases
from shared.work.due import SCHEDULER
from shared.worker.context import Context
from shared.worker.refusals import Refused

# Told of every kind, zero too: a series that comes and goes cannot be alerted on.
_RESULTS = (CommandState.DONE.value, CommandState.FAILED.value)
_Sample = tuple[tuple[str, ...], float]
"""The values of the labels, in the order of their names, and the figure."""


def metrics(context: Context, *, is_broker_well: bool) -> str:
    """All figures. The lengths of the queues are told only while the broker answers."""
    with context.database.read() as session:
        families = [
            *_of_runs(session, datetime.now(UTC)),
            *readings(session, context.encryption),
            *_of_commands(session),
            *_of_watches(session, datetime.now(UTC)),
            _of_roll(session),
            _of_refusals(session),
            _of_notifications(session),
        ]
    families.append(_gauge("rollcall_broker_up", "Whether the broker answers.", "", [((), is_broker_well)]))
    is_scheduled = leases.is_held(context.database, SCHEDULER)
    families.append(
        _gauge("rollcall_scheduler_up", "Whether the scheduler is running.", "", [((), is_scheduled)])
    )
    if is_broker_well:
        waiting = _waiting(context)
        families.append(
            _gauge("rollcall_queue_messages", "Messages that wait for a worker.", "queue", waiting)
        )
    return generate_latest(_Collected(families)).decode()


class _Collected(Collector):
    """Families that were read in one go, as the library takes them."""

    def __init__(self, families: Iterable[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families


def _of_runs(session: Session, now: datetime) -> Iterator[GaugeMetricFamily]:
    counted = {
        (site, state): count
        for site, state, count in session.execute(
            select(Run.site_id, Run.state, func.count()).group_by(Run.site_id, Run.state)
        )
    }
    sites = sorted({site for site, _ in counted})
    yield _gauge(
        "rollcall_runs",
        "Runs by state.",
        "site state",
        [((site, state), counted.get((site, state), 0)) for site in sites for state in RunState],
    )
    held = _per_site(
        session, func.min(Run.planned_at), Run.state == RunState.HELD, Run.superseded_by.is_(None)
    )
    yield _gauge(
        "rollcall_held_plan_age_seconds",
        "How long the oldest plan that is held has waited for a person; 0: none is held.",
        "site",
        [((site,), _age(now, held.get(site))) for site in sites],
    )
    good = _per_site(session, func.max(Run.finished_at), ended_well())
    yield _gauge(
        "rollcall_last_good_run_age_seconds",
        "Time since the last successful run.",
        "site",
        [((site,), _age(now, ended)) for site, ended in sorted(good.items())],
    )


def _of_notifications(session: Session) -> GaugeMetricFamily:
    """Sites that have sent any tell all of their states."""
    counted = {
        (site, state): count
        for site, state, count in session.execute(
            select(OutboxRow.site_id, OutboxRow.state, func.count()).group_by(
                OutboxRow.site_id, OutboxRow.state
            )
        )
    }
    sites = sorted({site for site, _ in counted})
    samples = [
        ((site, state.value), counted.get((site, state.value), 0)) for site in sites for state in MessageState
    ]
    return _gauge("rollcall_notifications", "Notifications by state.", "site state", samples)


def _of_commands(session: Session) -> Iterator[GaugeMetricFamily]:
    counted = {
        (site, kind, state): count
        for site, kind, state, count in session.execute(
            select(Run.site_id, CommandRow.kind, CommandRow.state, func.count())
            .join(Run, Run.id == CommandRow.run_id)
            .group_by(Run.site_id, CommandRow.kind, CommandRow.state)
        )
    }
    for site in {site for site, _, _ in counted}:
        for kind in CommandKind:
            for state in _RESULTS:
                counted.setdefault((site, kind.value, state), 0)
    yield _gauge(
        "rollcall_commands",
        "Commands by kind and state.",
        "site kind state",
        [((site, kind, state), n) for (site, kind, state), n in sorted(counted.items())],
    )


def _of_watches(session: Session, now: datetime) -> Iterator[GaugeMetricFamily]:
    found = watch_statuses(session)
    watches = [((site, watch.directory), watch) for site, listed in found.items() for watch in listed]
    yield _gauge(
        "rollcall_watch_up",
        "Whether changes of a directory with live changes are noticed.",
        "site directory",
        [(labels, watch.is_live(now)) for labels, watch in watches],
    )
    yield _gauge(
        "rollcall_watch_last_change_age_seconds",
        "Time since the last change was noticed.",
        "site directory",
        [(labels, _age(now, watch.last_change_at)) for labels, watch in watches if watch.last_change_at],
    )
    waiting = waiting_changes(session)
    yield _gauge(
        "rollcall_watch_changes_waiting",
        "Changes that wait for a run.",
        "site",
        [((site,), waiting.get(site, 0)) for site in sorted({*found, *waiting})],
    )


def _of_roll(session: Session) -> GaugeMetricFamily:
    readings = session.execute(
        select(RollReading.site_id, RollReading.differences).order_by(RollReading.site_id)
    )
    return _gauge(
        "rollcall_roll_differences",
        "People and extensions that the last full run found otherwise than they were known.",
        "site",
        [((site,), count) for site, count in readings],
    )


def _of_refusals(session: Session) -> GaugeMetricFamily:
    counted = dict.fromkeys([what.value for what in Refused], 0)
    for row in session.scalars(select(Refusal)):
        counted[row.what] = row.count
    return _gauge(
        "rollcall_refused",
        "Questions and answers over the broker that nobody with the secret key had sent, and messages of no "
        "use.",
        "what",
        [((what,), count) for what, count in sorted(counted.items())],
    )


def _waiting(context: Context) -> list[_Sample]:
    """The length of each queue. A broker that went away this moment is told of at the next scrape."""
    try:
        return [((queue.value,), length) for queue, length in waiting_messages(context).items()]
    except (OperationalError, OSError):
        return []


def _per_site(
    session: Session, moment: ColumnElement[datetime | None], *wanted: ColumnElement[bool]
) -> Mapping[str, datetime]:
    found = session.execute(select(Run.site_id, moment).where(*wanted).group_by(Run.site_id))
    return {site: at for site, at in found if at is not None}


def _age(now: datetime, then: datetime | None) -> float:
    return 0 if then is None else round((now - then).total_seconds())


def _gauge(name: str, help_text: str, labels: str, samples: Iterable[_Sample]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=labels.split())
    for values, figure in samples:
        family.add_metric(values, figure)
    return family
