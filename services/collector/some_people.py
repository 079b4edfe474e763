"""Reads, by objectGUID, the people whom a change run is about: in a unit and selected, elsewhere in the domain, or gone.

Called by the task. Selection, mapping and account state are those of a whole reading, and so is the proof: each unit and each
attribute of the settings exists, every question was answered to its end, and the controller has what the watch was told.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from services.collector.active_directory import ActiveDirectory
from services.collector.controller import directory_of, ended, reading_of
from services.collector.lookup import people_of
from services.collector.people import mapping_of, sources_of
from shared.database.tables import PartKind, SnapshotPart
from shared.domain.asked import Asked
from shared.domain.person import AbsentPerson, Person
from shared.domain.reading import Freshness, Reading, is_at_least_as_fresh
from shared.errors import DirectoryUnavailable
from shared.language import phrase
from shared.settings.documents import DirectorySettings
from shared.work.parts import PartWork, read_part
from shared.worker.context import Context


def read_some_people(context: Context, part_id: int) -> None:
    """Read these people and store the part, if it waits to be read.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    read_part(context, part_id, PartKind.PEOPLE, _read)


def _read(part: PartWork) -> None:
    site = part.settings()
    key, settings = part.directory(site)
    with part.context.database.read() as session:
        proof = session.scalars(select(SnapshotPart.proof).where(SnapshotPart.id == part.id)).one()
    guids = sorted(Asked.from_document(proof["asked"]).people)
    with _directory(part, settings, key, proof) as directory:
        domain, reading = directory.domain(), reading_of(directory, key)
        _check_has_changes(directory, reading, proof)
        units = [unit.dn for unit in settings.units]
        for unit in units:
            directory.check_exists(unit)
        directory.check_attributes(sources_of(settings).configured(), domain.schema_dn)
        people = _selected(directory, settings, guids, has_several=bool(site.directories.others))
        missing = [guid for guid in guids if guid not in {person.guid for person in people}]
        absent = list(_absent(directory, missing, domain.base_dn))
        controller = ended(directory, reading).to_document()
        source = domain.controller or directory.server
    if people:
        part.store(people)
    part.complete(
        source=source,
        proof={
            **proof,
            "people": part.items,
            "absent": [asdict(item) for item in absent],
            "controller": controller,
        },
    )


@contextmanager
def _directory(
    part: PartWork, settings: DirectorySettings, key: str, proof: Mapping[str, Any]
) -> Iterator[ActiveDirectory]:
    """The controller that the watch asks; another attempt takes any that has at least the same changes."""
    watched = Reading.from_document(proof.get("watched", {}))
    if watched.server and part.attempt == 1:
        with ActiveDirectory(settings, preferred=(watched.server,), hosts=(watched.host,)) as directory:
            yield directory
    else:
        with directory_of(part, settings, key) as directory:
            yield directory


def _check_has_changes(directory: ActiveDirectory, reading: Reading, proof: Mapping[str, Any]) -> None:
    """Check that the controller has the changes that the watch was told of.

    :raises DirectoryUnavailable: it may not have.
    """
    watched = Reading.from_document(proof.get("watched", {}))
    if not watched.server or (not watched.invocation_id and watched.server == directory.server):
        return
    if is_at_least_as_fresh(reading, watched) is not Freshness.PROVEN:
        raise DirectoryUnavailable(
            phrase(
                "Domain controller {name} may not have every change that {server} has reported, so its data "
                "is not used. Check the replication between them.",
                name=reading.name,
                server=watched.server,
            ),
            server=reading.server,
        )


def _selected(
    directory: ActiveDirectory, settings: DirectorySettings, guids: list[str], *, has_several: bool
) -> list[Person]:
    now = datetime.now(UTC)
    mappings = {unit.dn: mapping_of(settings, unit.dn, now, with_sids=has_several) for unit in settings.units}
    if not mappings or not guids:
        return []
    requested = next(iter(mappings.values())).requested()
    entries = directory.selected_entries(guids, [*mappings], requested)
    found: dict[str, Person] = {}
    for person in people_of(mappings, entries):
        # The first unit that holds somebody counts.
        found.setdefault(person.guid, person)
    return list(found.values())


def _absent(directory: ActiveDirectory, missing: list[str], root: str) -> Iterator[AbsentPerson]:
    found: dict[str, str] = {}
    for batch in directory.find(missing, root):
        found |= batch
    for guid in missing:
        yield AbsentPerson(guid, guid in found, found.get(guid, ""))
