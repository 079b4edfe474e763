"""Looks up again whom the next commands of a run concern: what was read may be hours old. Called by the task.

Everybody who was asked for is stated: in a unit and selected, elsewhere in the domain, or gone.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from services.collector.active_directory import ActiveDirectory
from services.collector.controller import directory_of, ended, reading_of
from services.collector.mapping import PersonMapping, UnusableEntry
from services.collector.people import mapping_of
from services.collector.reader import RawEntry
from shared.database.tables import PartKind, SnapshotPart
from shared.domain.person import Person, PersonState, Presence
from shared.domain.reading import Freshness, Reading, all_cover
from shared.errors import DirectoryUnavailable, InvalidEntry
from shared.runs.lookups import asked_for, holder_of, number_of, readings_of
from shared.work.claimed import claimed
from shared.work.parts import PartWork
from shared.worker.context import Context

_AT_ONCE = 500


def look_up_people(context: Context, part_id: int) -> None:
    """Look the people up and store the part, if it waits to be done.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    with claimed(context, PartWork(context, part_id, PartKind.LOOKUP)) as part:
        if part is not None:
            _look(part)


def _look(part: PartWork) -> None:
    began = time.monotonic()
    settings = part.settings().directory
    with part.context.database.read() as session:
        asked = session.get_one(SnapshotPart, part.id).proof
        people = asked_for(session, part.run_id, asked)
        readings = readings_of(session, part.run_id)
    with directory_of(part, settings) as directory:
        domain, reading = directory.domain(), reading_of(directory)
        _check_fresh(reading, readings)
        now = datetime.now(UTC)
        mappings = {unit.dn: mapping_of(settings, unit.dn, now) for unit in settings.units}
        holders = _holders(directory, mappings, people)
        for first in range(0, len(people), _AT_ONCE):
            part.store(
                _states(directory, mappings, people[first : first + _AT_ONCE], holders, domain.base_dn)
            )
        part.complete(
            source=domain.controller or directory.server,
            proof={
                **asked,
                "people": part.items,
                "controller": ended(directory, reading).to_document(),
                "seconds": round(time.monotonic() - began, 3),
            },
        )


def _check_fresh(reading: Reading, readings: Sequence[Reading]) -> None:
    """Nothing, when the controller has everything that the plan was made from."""
    if all_cover([reading], readings) is not Freshness.PROVEN:
        names = ", ".join(dict.fromkeys(other.name for other in readings))
        raise DirectoryUnavailable(
            f"Domain controller {reading.name} may not have every change that {names} had when the plan was "
            "created, so "
            "its data is not used. Check the replication between them.",
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
    for person in _people(mappings, entries):
        if person.number in numbers:
            holder = holder_of(person.number)
            found[holder] = replace(PersonState.of(person), guid=holder)
    return found


def _states(
    directory: ActiveDirectory,
    mappings: Mapping[str, PersonMapping],
    asked: Sequence[str],
    holders: Mapping[str, PersonState],
    root: str,
) -> list[PersonState]:
    guids = [guid for guid in asked if number_of(guid) is None]
    states = {guid: holders[guid] for guid in asked if guid in holders}
    if guids and mappings:
        requested = next(iter(mappings.values())).sources.requested()
        for person in _people(mappings, directory.selected_entries(guids, [*mappings], requested)):
            # The first unit that holds somebody counts.
            states.setdefault(person.guid, PersonState.of(person))
    missing = [guid for guid in guids if guid not in states]
    found: dict[str, str] = {}
    for batch in directory.find(missing, root):
        found |= batch
    for guid in asked:
        if guid not in states:
            presence = Presence.ELSEWHERE if guid in found else Presence.GONE
            states[guid] = PersonState(guid, presence, distinguished_name=found.get(guid, ""))
    return [states[guid] for guid in asked]


def _people(
    mappings: Mapping[str, PersonMapping], entries: Iterable[tuple[str, RawEntry]]
) -> Iterator[Person]:
    for unit, entry in entries:
        try:
            yield mappings[unit].person(entry.distinguished_name, entry.attributes)
        except UnusableEntry as error:
            raise InvalidEntry(f"{error} The account may lack the right to read it.") from error
