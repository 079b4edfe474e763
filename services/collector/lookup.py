"""Looks up again whom the next commands of a run concern: what was read may be hours old. Called by the task.

Everybody who was asked for is stated: in a unit and selected, elsewhere in a domain, or gone. Of a site with several
directories each is asked; whoever might be in one that cannot be asked is not stated, and their commands wait.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from services.collector.active_directory import ActiveDirectory
from services.collector.controller import directory_of, ended, reading_of
from services.collector.mapping import PersonMapping, UnusableEntry
from services.collector.people import mapping_of
from services.collector.reader import RawEntry
from shared.database.tables import BindingRow, PartKind, SnapshotPart
from shared.domain.person import Person, PersonState, Presence
from shared.domain.reading import Freshness, Reading, all_cover
from shared.errors import DirectoryUnavailable, InvalidEntry, LeaseHeld, RollcallError
from shared.language import phrase
from shared.runs.lookups import asked_for, holder_of, number_of, readings_of
from shared.settings.documents import DirectorySettings
from shared.work.parts import PartWork, read_part
from shared.worker.context import Context

_AT_ONCE = 500


def look_up_people(context: Context, part_id: int) -> None:
    """Look the people up and store the part, if it waits to be done.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    read_part(context, part_id, PartKind.LOOKUP, _look)


@dataclass(slots=True)
class _Answers:
    """What directories answered so far. ``found`` are names of entries elsewhere in a domain, by objectGUID."""

    selected: dict[str, PersonState] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    unanswered: dict[str, RollcallError] = field(default_factory=dict)
    source: str = ""


def _look(part: PartWork) -> None:
    directories = part.settings().directory_by_key
    with part.context.database.read() as session:
        asked = session.get_one(SnapshotPart, part.id).proof
        people = asked_for(session, part.run_id, asked)
        readings = readings_of(session, part.run_id)
        homes: dict[str, str | None] = (
            {
                row.person_guid: row.directory
                for row in session.execute(
                    select(BindingRow.person_guid, BindingRow.directory).where(
                        BindingRow.site_id == part.site_id, BindingRow.directory.is_not(None)
                    )
                )
            }
            if len(directories) > 1
            else {}
        )
    answers = _Answers()
    for key, settings in directories.items():
        try:
            _ask(part, settings, key, people, readings, answers)
        except LeaseHeld:
            raise
        except RollcallError as error:
            answers.unanswered[key] = error
    if not answers.answered:
        raise next(iter(answers.unanswered.values()))
    states = list(_states(people, answers, homes))
    for first in range(0, len(states), _AT_ONCE):
        part.store(states[first : first + _AT_ONCE])
    part.complete(
        source=answers.source,
        proof={
            **asked,
            "people": part.items,
            "controller": next(iter(answers.answered.values())),
            "unanswered": {key: error.message for key, error in answers.unanswered.items()},
        },
    )


def _ask(
    part: PartWork,
    settings: DirectorySettings,
    key: str,
    people: Sequence[str],
    readings: Sequence[Reading],
    answers: _Answers,
) -> None:
    with directory_of(part, settings, key) as directory:
        domain, reading = directory.domain(), reading_of(directory, key)
        _check_fresh(reading, [other for other in readings if other.directory == key])
        now = datetime.now(UTC)
        mappings = {unit.dn: mapping_of(settings, unit.dn, now) for unit in settings.units}
        selected = _holders(directory, mappings, people)
        guids = [guid for guid in people if number_of(guid) is None]
        if guids and mappings:
            requested = next(iter(mappings.values())).sources.requested()
            for person in people_of(mappings, directory.selected_entries(guids, [*mappings], requested)):
                # The first unit that holds somebody counts.
                selected.setdefault(person.guid, PersonState.of(person))
        found: dict[str, str] = {}
        for batch in directory.find([guid for guid in guids if guid not in selected], domain.base_dn):
            found |= batch
        answer = ended(directory, reading).to_document()
        answers.source = answers.source or domain.controller or directory.server
    # Only what was answered to the end counts.
    answers.selected |= {guid: state for guid, state in selected.items() if guid not in answers.selected}
    answers.found |= found
    answers.answered[key] = answer


def _check_fresh(reading: Reading, readings: Sequence[Reading]) -> None:
    """Check that the controller has everything that the plan was made from.

    :raises DirectoryUnavailable: it may not have.
    """
    if all_cover([reading], readings) is not Freshness.PROVEN:
        names = ", ".join(dict.fromkeys(other.name for other in readings))
        raise DirectoryUnavailable(
            phrase(
                "Domain controller {name} may not have every change that {names} had when the plan was "
                "created, so its data is not used. Check the replication between them.",
                name=reading.name,
                names=names,
            ),
            server=reading.server,
        )


def _holders(
    directory: ActiveDirectory, mappings: Mapping[str, PersonMapping], asked: Sequence[str]
) -> dict[str, PersonState]:
    """Who has the numbers that are asked for, by what stands for the number among those who are asked for."""
    numbers = {number for guid in asked if (number := number_of(guid)) is not None}
    if not numbers or not mappings:
        return {}
    mapping = next(iter(mappings.values()))
    digits_of = mapping.sources.mappings()["number"].digits_of
    entries = directory.holders(sorted(numbers), digits_of, [*mappings], mapping.sources.requested())
    found: dict[str, PersonState] = {}
    for person in people_of(mappings, entries):
        if person.number in numbers:
            holder = holder_of(person.number)
            found[holder] = replace(PersonState.of(person), guid=holder)
    return found


def _states(
    people: Sequence[str], answers: _Answers, homes: Mapping[str, str | None]
) -> Iterator[PersonState]:
    """What is known of each; nothing of somebody who may be in a directory that was not asked."""
    for guid in people:
        if guid in answers.selected:
            yield answers.selected[guid]
        elif not answers.unanswered or homes.get(guid) in answers.answered:
            presence = Presence.ELSEWHERE if guid in answers.found else Presence.GONE
            yield PersonState(guid, presence, distinguished_name=answers.found.get(guid, ""))


def people_of(
    mappings: Mapping[str, PersonMapping], entries: Iterable[tuple[str, RawEntry]]
) -> Iterator[Person]:
    """The entries that were found in these units as people, somebody in two of the units twice.

    :raises InvalidEntry: one of them has no objectGUID.
    """
    for unit, entry in entries:
        try:
            yield mappings[unit].person(entry.distinguished_name, entry.attributes)
        except UnusableEntry as error:
            raise InvalidEntry(
                phrase("{error} The account may not be allowed to read it.", error=error)
            ) from error
