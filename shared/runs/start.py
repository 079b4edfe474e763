"""Starts a run: the row, its parts and the entry in the Log, in one transaction."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.tables import ChangeRow, PartKind, Run, RunKind, RunState, Site, SnapshotPart, WatchRow
from shared.domain.asked import Asked
from shared.encryption import Encryption
from shared.errors import Conflict, SettingsInvalid, TransitionRefused
from shared.language import declared, named, phrase
from shared.runs.verdict import ACTIVE_STATES as ACTIVE_STATES
from shared.runs.verdict import GOOD_ENDS as GOOD_ENDS
from shared.runs.verdict import WAITING_STATES as WAITING_STATES
from shared.settings import store, what_if
from shared.settings.documents import SiteSettings
from shared.work.moves import move_run
from shared.work.transitions import RunEvent

# What a run was started by, in words.
_STARTED = {
    "demand": declared("on demand"),
    "schedule": declared("by schedule"),
    "watch": declared("for live changes"),
    RunKind.CHANGES.value: declared("by live changes"),
}
# Places of the parts of one question.
_MOST_DIRECTORIES = 1_000


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Who wants what. ``schedule_slot`` is the due time of a scheduled run: one slot starts one run only. ``tried`` are the
    documents, by section and without secrets, that a run of kind ``what_if`` goes by in place of the stored ones. ``undoes`` is the run
    that one of kind ``undo`` takes back.
    """

    site_id: str
    kind: RunKind = RunKind.FULL
    trigger: str = "demand"
    actor: str = "system"
    person_guid: str | None = None
    schedule_slot: str | None = None
    # Of a change run: what it asks the phone system first, and by directory whom it asks about and what its watch was told
    # by which controller.
    asked: Asked | None = None
    people: Mapping[str, Collection[str]] = field(default_factory=dict)
    watched: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    tried: Mapping[str, Mapping[str, Any]] | None = None
    undoes: int | None = None


def start_run(session: Session, request: RunRequest, encryption: Encryption) -> Run:
    """Store a new run in state collecting, with one pending part per thing to read.

    :raises Conflict: a run of the site is collecting or executing, or this slot has had its run.
    :raises SettingsInvalid: the directory, its units or the phone system are not configured yet.
    """
    # Writing the site's row makes two starters of one site wait for each other on every database.
    session.execute(update(Site).where(Site.id == request.site_id).values(name=Site.name))
    stored = what_if.with_tried(store.read(session, request.site_id, encryption), request.tried or {})
    check_ready(stored.settings)
    if request.kind is not RunKind.CHANGES:
        stop_reading_changes(session, request.site_id)
    active = session.scalar(
        select(Run.id).where(Run.site_id == request.site_id, Run.state.in_(ACTIVE_STATES)).limit(1)
    )
    if active is not None:
        raise Conflict(
            phrase("Run {active} is still active. Wait until it ends, or cancel it.", active=active),
            run_id=active,
        )
    slot = request.schedule_slot or f"demand-{uuid4().hex}"
    if session.scalar(select(Run.id).where(Run.site_id == request.site_id, Run.schedule_slot == slot)):
        raise Conflict(phrase("The run due at {slot} was started already.", slot=slot))
    run = Run(
        site_id=request.site_id,
        kind=request.kind.value,
        trigger=request.trigger,
        actor=request.actor,
        person_guid=request.person_guid,
        undoes=request.undoes,
        schedule_slot=slot,
        settings_versions=dict(stored.versions),
        tried_settings=dict(request.tried) if request.tried else None,
        selection_hash=store.selection_of(stored.settings),
        counts={},
        hold_reasons={},
        created_at=datetime.now(UTC),
    )
    session.add(run)
    session.flush()
    if request.asked is not None:
        # Nothing of it stands in the Log before it does something.
        ask_about(session, run.id, request.asked, request.people, request.watched)
        return run
    if request.kind is RunKind.FULL:
        # It begins to read after all of this was noticed.
        for table in (ChangeRow, WatchRow):
            session.execute(
                update(table)
                .where(table.site_id == request.site_id)
                .values(full_run_id=run.id)
                .execution_options(synchronize_session=False)
            )
    directories = stored.settings.directory_by_key
    units = [unit.dn for directory in directories.values() for unit in directory.units]
    parts = [(PartKind.UNIT, position, dn) for position, dn in enumerate(units)]
    # Whoever is absent is looked for in each directory: a part that one of them does not answer fails alone.
    parts += [(PartKind.ABSENT, position, key) for position, key in enumerate(directories)]
    if request.undoes is not None:
        parts.clear()
    parts.append((PartKind.EXTENSIONS, 0, ""))
    session.execute(
        insert(SnapshotPart),
        [
            {
                "run_id": run.id,
                "kind": kind.value,
                "position": position,
                "unit": unit,
                "proof": {},
            }
            for kind, position, unit in parts
        ],
    )
    events.record(
        session,
        request.site_id,
        events.LogEntry(
            "run.started",
            phrase(
                "Run {run} started ({kind}, {trigger}).",
                run=run.id,
                kind=named(request.kind.value),
                trigger=_STARTED.get(request.trigger, request.trigger),
            ),
            run_id=run.id,
            actor=request.actor,
        ),
    )
    return run


def stop_reading_changes(session: Session, site_id: str) -> None:
    """A change run that has begun nothing gives way: what it is about waits, and is read by the other run too."""
    reading = session.scalars(
        select(Run.id).where(
            Run.site_id == site_id,
            Run.kind == RunKind.CHANGES.value,
            Run.state == RunState.COLLECTING.value,
        )
    ).all()
    for run_id in reading:
        # It may have been planned at this moment: then it is active, and is waited for.
        with suppress(TransitionRefused):
            move_run(session, run_id, RunEvent.CANCELLED)


def ask_about(
    session: Session,
    run_id: int,
    asked: Asked,
    people: Mapping[str, Collection[str]],
    watched: Mapping[str, Mapping[str, Any]],
    *,
    question: int = 0,
) -> None:
    """Add the parts of a change run that ask this: each directory about its ``people``, the phone system about the rest of
    ``asked``. ``question`` counts from 0; what holds for the whole phone system is read with the first one.
    """
    parts: list[tuple[PartKind, int, str, dict[str, Any]]] = [
        (
            PartKind.PEOPLE,
            question * _MOST_DIRECTORIES + place,
            key,
            {
                "asked": Asked(people=frozenset(guids)).to_document(),
                "watched": dict(watched.get(key, {})),
                "question": question,
            },
        )
        for place, (key, guids) in enumerate(sorted(people.items()))
    ]
    if asked.asks_phone_system or not question:
        of_extensions = Asked(frozenset(), asked.extensions, asked.numbers, asked.emails).to_document()
        parts.append(
            (
                PartKind.SOME_EXTENSIONS,
                question,
                "",
                {"asked": of_extensions, "is_first": not question, "question": question},
            )
        )
    session.execute(
        insert(SnapshotPart),
        [
            {"run_id": run_id, "kind": kind.value, "position": position, "unit": unit, "proof": proof}
            for kind, position, unit, proof in parts
        ],
    )


def check_ready(settings: SiteSettings) -> None:
    """Check that a run can be started with these settings.

    :raises SettingsInvalid: naming everything that is not configured yet.
    """
    missing = [
        what
        for what, given in (
            (declared("a domain controller (directory.servers)"), settings.directory.servers),
            (declared("an organizational unit (directory.units)"), settings.directory.units),
            *(
                (phrase("{what} of {title} (directories.others)", what=what, title=other.title), given)
                for other in settings.directories.others
                for what, given in (
                    (declared("a domain controller"), other.servers),
                    (declared("an organizational unit"), other.units),
                )
            ),
            (declared("the phone system's address (phone_system.base_url)"), settings.phone_system.base_url),
            (declared("the API client's id (phone_system.client_id)"), settings.phone_system.client_id),
        )
        if not given
    ]
    if missing:
        raise SettingsInvalid(
            declared("A run needs ")
            + ", ".join(missing)
            + declared(". Set it with `rollcall settings apply FILE.yaml` or the API.")
        )
