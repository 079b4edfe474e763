"""What a stage may go by: what the directory said of the people it concerns, if that is young enough.

The reading of the run itself counts while it is young. After that the people are looked up again, by the collector: the
run waits for a part of kind ``lookup``, which is asked for here. When the directory cannot be asked, removals wait.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.relay_client.execution.claims import StageKey
from services.relay_client.execution.outdated import what_changed
from shared.database import events
from shared.database.engine import Database
from shared.database.pages import read_items
from shared.database.tables import PartKind, PartState, SnapshotPart
from shared.domain.command import CommandKind, Stage
from shared.domain.person import AbsentPerson, Person, PersonState, Presence
from shared.errors import Conflict, DirectoryUnavailable
from shared.language import declared, phrase
from shared.runs import lookups
from shared.runs.lookups import Concern
from shared.work.runs import RunWork

_REMOVING = (Stage.DISABLE, Stage.ARCHIVE, Stage.DELETE)
_NOT_ASKED = declared(
    "{name} was to get another number, but the directory could not confirm it. The next run tries again."
)

_UNANSWERED = declared(
    "{name} was to be looked up again before this, and not every directory answered: {reasons} "
    "The next run tries again."
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the people of a stage.

    Commands may be begun until ``good_until`` (``None``: it is about nobody), and none behind the row ``up_to``.
    ``outdated`` are those that are not right any more, with the sentence why, ``waiting`` those that may not be begun.
    """

    good_until: datetime | None = None
    up_to: int | None = None
    outdated: dict[int, str] = field(default_factory=dict)
    waiting: dict[int, str] = field(default_factory=dict)

    @property
    def is_old(self) -> bool:
        """Whether nothing more may be begun on it."""
        return self.good_until is not None and datetime.now(UTC) >= self.good_until


def gather(work: RunWork, key: StageKey) -> Evidence | None:
    """What the stage may go by, or ``None`` when people are being looked up for it first.

    :raises DirectoryUnavailable: people could not be looked up, and the stage removes; it is asked for again.
    :raises Conflict: what the plan went by is not kept any more.
    """
    database, now = work.context.database, datetime.now(UTC)
    good_until = now + lookups.MAX_AGE
    with database.read() as session:
        concerned = lookups.concerns(session, work.run.id, key.wave, key.stage)
        if not concerned:
            return Evidence()
        parts = _parts(session, work.run.id)
    readings = [part for part in parts if part.kind != PartKind.LOOKUP and part.state == PartState.COMPLETE]
    read_at = lookups.oldest(readings)
    if read_at is not None and now - read_at <= lookups.MAX_AGE:
        return Evidence(good_until)
    looked_up = [part for part in parts if part.kind == PartKind.LOOKUP]
    if any(part.state == PartState.PENDING for part in looked_up):
        return None
    young = [
        part
        for part in looked_up
        if part.state == PartState.COMPLETE and now - lookups.began_at(part) <= lookups.MAX_AGE
    ]
    states = _states(database, young)
    waiting = _unanswered(key, concerned, states, young)
    known = _known(concerned, states.keys() | waiting.keys())
    if known:
        known_to, known = known[-1].row_id, [item for item in known if item.guid in states]
        then = _then(database, readings, {concern.guid for concern in known})
        rows = {
            item.row_id: waiting[item.guid]
            for item in concerned
            # What only adds goes on without a look-up, as where no directory answers.
            if item.guid in waiting
            and (key.stage in _REMOVING or item.as_kind is CommandKind.RENUMBER_EXTENSION)
        }
        return Evidence(good_until, known_to, _outdated(known, then, states), rows)
    failed = looked_up[-1] if looked_up and looked_up[-1].state == PartState.FAILED else None
    if failed is None or failed.completed_at is None or now - failed.completed_at > lookups.MAX_AGE:
        _ask(work, key, concerned[-1].row_id)
        return None
    if key.stage not in _REMOVING:
        return Evidence(waiting=_renumberings(concerned))
    _ask(work, key, concerned[-1].row_id, now + lookups.ASK_AGAIN)
    raise DirectoryUnavailable(
        phrase(
            "Before extensions are disabled or deleted, their people are looked up again. This failed: "
            "{error_message}",
            error_message=failed.error_message,
        )
    )


def _parts(session: Session, run_id: int) -> Sequence[SnapshotPart]:
    kinds = (
        PartKind.UNIT.value, PartKind.ABSENT.value, PartKind.PEOPLE.value, PartKind.LOOKUP.value,
    )  # fmt: skip
    return session.scalars(
        select(SnapshotPart)
        .where(SnapshotPart.run_id == run_id, SnapshotPart.kind.in_(kinds))
        .order_by(SnapshotPart.position, SnapshotPart.id)
    ).all()


def _ask(work: RunWork, key: StageKey, up_to: int, not_before: datetime | None = None) -> None:
    with work.context.database.begin() as session:
        if work.fence(session):
            lookups.ask(session, work.run.id, key.wave, key.stage, up_to, not_before)
            if not_before is None:
                message = declared(
                    "The people concerned are looked up again in the directory before the next changes."
                )
                entry = events.LogEntry("run.looking_up", message, run_id=work.run.id)
                events.record(session, work.run.site_id, entry)


def _known(concerned: Iterable[Concern], states: Collection[str]) -> list[Concern]:
    """The first of them, as far as everybody was looked up."""
    known: list[Concern] = []
    for concern in concerned:
        if concern.guid not in states:
            return [item for item in known if item.row_id != concern.row_id]
        known.append(concern)
    return known


def _unanswered(
    key: StageKey, concerned: Iterable[Concern], states: Collection[str], parts: Sequence[SnapshotPart]
) -> dict[str, str]:
    """Who was asked for and may be in a directory of the site that did not answer, each with the sentence why they wait."""
    why: dict[str, str] = {}
    for part in parts:
        silent = part.proof.get("unanswered")
        if silent and (part.proof["wave"], part.proof["stage"]) == (key.wave, key.stage.value):
            reasons = " ".join(silent.values())
            why |= {
                item.guid: _UNANSWERED.format(name=item.name, reasons=reasons)
                for item in concerned
                if item.row_id <= part.proof["up_to"] and item.guid not in states
            }
    return why


def _states(database: Database, parts: Iterable[SnapshotPart]) -> dict[str, PersonState]:
    """By objectGUID, what the newest look-up said."""
    return {state.guid: state for part in parts for state in read_items(database, part.id, PersonState)}


def _then(
    database: Database, readings: Iterable[SnapshotPart], wanted: Collection[str]
) -> dict[str, PersonState]:
    """What the plan went by."""
    # Nobody had the number of an extension that was nobody's.
    found = {guid: PersonState(guid, Presence.GONE) for guid in wanted if lookups.number_of(guid) is not None}
    try:
        for part in readings:
            for person in _people(database, part):
                before = found.get(person.guid)
                # Somebody who is not in one directory may be in another.
                is_better = (
                    isinstance(person, Person)
                    and before is not None
                    and before.presence is not Presence.SELECTED
                )
                if person.guid in wanted and (before is None or is_better):
                    found[person.guid] = PersonState.of(person)
    except LookupError as error:
        raise Conflict(
            declared(
                "The data behind this plan is no longer stored, so changes since then cannot be detected. "
                "Start a new run."
            )
        ) from error
    return found


def _people(database: Database, part: SnapshotPart) -> Iterator[Person | AbsentPerson]:
    if part.kind == PartKind.ABSENT:
        yield from read_items(database, part.id, AbsentPerson)
        return
    yield from read_items(database, part.id, Person)
    # Of a change run.
    for item in part.proof.get("absent", ()):
        yield AbsentPerson(**item)


def _outdated(
    concerned: Iterable[Concern], then: dict[str, PersonState], now: dict[str, PersonState]
) -> dict[int, str]:
    outdated: dict[int, str] = {}
    for concern in concerned:
        # Of somebody whom the reading does not know the plan went by nothing that could have changed.
        if concern.guid not in then or concern.row_id in outdated:
            continue
        reason = what_changed(concern.as_kind, concern.name, then[concern.guid], now[concern.guid])
        if reason is not None:
            outdated[concern.row_id] = reason
    return outdated


def _renumberings(concerned: Iterable[Concern]) -> dict[int, str]:
    """Of creations that go on without a look-up, those that make somebody's other extension go."""
    return {
        concern.row_id: _NOT_ASKED.format(name=concern.name)
        for concern in concerned
        if concern.as_kind is CommandKind.RENUMBER_EXTENSION
    }
