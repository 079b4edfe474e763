"""Starting and reading runs; the other things one does with a run are gathered here for its callers.

Deciding about a plan lives in ``decisions``, reading it in ``plans``, following a run in ``progress``.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, not_, select

from services.api.runs.queries.people import resolve_person
from services.api.runs.queries.plans import PlanView, findings_of, plan_of
from services.api.runs.queries.progress import RunProgress, progress
from services.api.runs.use_cases.decisions import apply_now, approve, blackout_in_the_way, cancel, reject
from services.api.runs.use_cases.publishing import publish
from services.api.runs.use_cases.undo import undo
from shared.database.found import run_of, site_of
from shared.database.tables import Run, RunKind
from shared.errors import Conflict
from shared.language import declared
from shared.runs.history import is_quiet
from shared.runs.start import RunRequest, start_run
from shared.worker.context import Context

__all__ = [
    "PlanView",
    "RunProgress",
    "apply_now",
    "approve",
    "blackout_in_the_way",
    "cancel",
    "findings_of",
    "get_run",
    "list_runs",
    "plan_of",
    "progress",
    "reject",
    "start",
    "undo",
]


def start(
    context: Context,
    site_id: str,
    kind: RunKind,
    actor: str,
    trigger: str = "demand",
    person: str | None = None,
    tried: Mapping[str, Mapping[str, Any]] | None = None,
) -> Run:
    """Start a run; for kind ``person`` name them by objectGUID, login, e-mail, number, name or DN, for kind ``what_if``
    give the documents it is to try.

    :raises Conflict: a run is going already, the text fits several people, or kind and person do not fit.
    :raises NotFound: there is no such site or person.
    :raises SettingsInvalid: the directory or the phone system is not configured yet.
    """
    if (kind is RunKind.PERSON) != (person is not None):
        raise Conflict(
            declared(
                "A run of kind 'person' requires a person; other kinds do not accept one. Enter the "
                "objectGUID, login, e-mail address, number or distinguished name."
            )
        )
    if (kind is RunKind.WHAT_IF) != (tried is not None):
        raise Conflict(declared("A run of kind 'what_if' is started from the settings in the console."))
    if kind is RunKind.UNDO:
        raise Conflict(declared("A run of kind 'undo' is started by undoing another run."))
    guid = resolve_person(context, site_id, person).guid if person is not None else None
    request = RunRequest(site_id, kind=kind, trigger=trigger, actor=actor, person_guid=guid, tried=tried)
    with context.database.begin() as session:
        run = start_run(session, request, context.encryption)
    publish(context, run.id)
    return run


def get_run(context: Context, run_id: int) -> Run:
    """The run as it stands.

    :raises NotFound: there is no such run.
    """
    with context.database.read() as session:
        return run_of(session, run_id)


def list_runs(
    context: Context,
    site_id: str,
    limit: int = 50,
    before: int | None = None,
    kind: RunKind | None = None,
) -> list[Run]:
    """The site's runs, newest first; ``before`` is the last id of the page before, ``kind`` leaves all others out.

    Change runs of which nothing came are not among them.

    :raises NotFound: there is no such site.
    """
    conditions: list[ColumnElement[Any]] = [Run.site_id == site_id, not_(is_quiet())]
    if kind is not None:
        conditions.append(Run.kind == kind.value)
    if before is not None:
        conditions.append(Run.id < before)
    with context.database.glance() as session:
        found = list(session.scalars(select(Run).where(*conditions).order_by(Run.id.desc()).limit(limit)))
        # Runs are of a site that exists.
        if not found:
            site_of(session, site_id)
    return found
