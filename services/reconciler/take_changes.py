"""Takes up the changes that watches have noticed on a site: as a change run, or as a full run where that takes everybody."""

from dataclasses import replace
from datetime import UTC, datetime

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from services.reconciler.change_lookups import KnownOfSite
from services.reconciler.change_scope import by_directory, concerned, named_in
from services.reconciler.full_run_reasons import Circumstances, why_left_to_a_full_run
from services.reconciler.plan_changes import MOST_PEOPLE
from shared.database.tables import Run, RunKind, Site
from shared.domain.asked import Asked
from shared.errors import Conflict, RollcallError
from shared.roll import queries
from shared.runs import changes
from shared.runs.full_reading import WATCH, ask_full_reading
from shared.runs.history import last_good_run
from shared.runs.start import RunRequest, start_run
from shared.settings import store
from shared.settings.documents import SiteSettings
from shared.work.publishing import publish_due
from shared.worker.context import Context

log = structlog.get_logger(__name__)


def take_changes(context: Context, site_id: str) -> None:
    """Start a run for the changes of the site that wait, if there are any and it is time for them."""
    try:
        with context.database.begin() as session:
            run = _start(session, context, site_id)
    except Conflict:
        # A run was started meanwhile; when it ends, changes are taken up.
        return
    except RollcallError as error:
        log.error("changes_not_taken", site=site_id, code=error.code, error=error.message)
        return
    if run is not None:
        publish_due(context, run.id)


def _start(session: Session, context: Context, site_id: str) -> Run | None:
    # Writing the site's row makes two who take up the changes of one site wait for each other.
    session.execute(update(Site).where(Site.id == site_id).values(name=Site.name))
    changes.settle(session, site_id)
    site = store.read(session, site_id, context.encryption).settings
    if not site.schedule.is_live or changes.is_active(session, site_id):
        return None
    now = datetime.now(UTC)
    if site.schedule.blackout_at(now) is not None:
        return None
    silent = changes.unanswered_lately(session, site_id, now)
    rows = changes.pending(session, site_id, silent, changes.plan_waiting(session, site_id))
    until = changes.waits_until(session, site_id)
    if not rows or (until is not None and now < until):
        return None
    left = changes.reason_left(session, site_id) or why_left_to_a_full_run(
        replace(_circumstances(session, site_id, site), are_too_many=len(rows) > changes.AT_ONCE)
    )
    if left is not None:
        return ask_full_reading(session, site_id, left, context.encryption)
    changed = Asked(people=frozenset(row.guid for row in rows)) | named_in(site.to_rules())
    known = KnownOfSite(session, site_id)
    asked = concerned(changed, (), (), known, MOST_PEOPLE)
    homes = known.homes(asked.people)
    for row in rows:
        homes.setdefault(row.guid, set()).add(row.directory)
    request = RunRequest(
        site_id,
        RunKind.CHANGES,
        trigger=RunKind.CHANGES.value,
        actor=WATCH,
        asked=asked,
        people=by_directory(asked.people, homes, site.directory_by_key),
        watched=changes.watched(session, site_id),
    )
    run = start_run(session, request, context.encryption)
    changes.take(session, rows, run.id)
    return run


def _circumstances(session: Session, site_id: str, site: SiteSettings) -> Circumstances:
    """What can be told before anything is read."""
    last_good = last_good_run(session, site_id)
    if last_good is None:
        return Circumstances(is_first_run=True)
    return Circumstances(
        is_selection_changed=last_good.selection_hash != store.selection_of(site),
        is_roll_missing=queries.reading_of(session, site_id) is None,
    )
