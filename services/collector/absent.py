"""Looks for people who have an extension but were read in no unit: deleted, or only moved? Called by the task.

There is a part for each directory of the site, which speaks for its own domain. Only what it states may remove anybody. Somebody whom the units should have shown after all (they moved
from one unit to another while these were being read) is not stated, so nothing happens to them in this run.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from services.collector.active_directory import ActiveDirectory
from services.collector.controller import directory_of, ended, reading_of
from shared.database.pages import read_guids
from shared.database.tables import BindingRow, PartKind, PartState, SnapshotPart
from shared.domain.content import digest_of, written
from shared.domain.person import AbsentPerson
from shared.settings.documents import DirectorySettings, SiteSettings
from shared.work.parts import PartWork, read_part
from shared.worker.context import Context

_ROWS_PER_PAGE = 1000


def locate_absent(context: Context, part_id: int) -> None:
    """Look the absent people up and store the part, if it waits to be done.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    read_part(context, part_id, PartKind.ABSENT, _look)


def _look(part: PartWork) -> None:
    site = part.settings()
    key, settings = part.directory(site)
    missing, source = _missing(part, site, key), ""
    content, controller = 0, None
    if missing:
        with directory_of(part, settings, key) as directory:
            source = directory.server
            reading = reading_of(directory, key)
            for facts in _batches(_facts(directory, settings, missing)):
                part.store(facts)
                content = digest_of(facts, content)
            controller = ended(directory, reading).to_document()
    part.complete(
        source=source,
        proof={
            "looked_for": len(missing),
            "stated": part.items,
            "controller": controller,
            "content": written(content),
        },
    )


def _missing(part: PartWork, site: SiteSettings, own: str) -> list[str]:
    """The objectGUIDs with an extension that no complete unit of the run holds.

    When a unit of the directory could not be read there is nobody to look for: the run removes nobody of it anyway. Nor
    are people of another directory of which that is so.
    """
    database = part.context.database
    with database.read() as session:
        units = session.execute(
            select(SnapshotPart.id, SnapshotPart.state, SnapshotPart.unit).where(
                SnapshotPart.run_id == part.run_id, SnapshotPart.kind == PartKind.UNIT.value
            )
        ).all()
        holders = session.execute(
            select(BindingRow.person_guid, BindingRow.directory).where(BindingRow.site_id == part.site_id)
        ).all()
    unread = {site.key_of_unit(unit.unit) or "" for unit in units if unit.state != PartState.COMPLETE}
    if own in unread:
        return []
    bound = {guid for guid, directory in holders if directory not in unread}
    for unit in units:
        if unit.state == PartState.COMPLETE:
            bound.difference_update(read_guids(database, unit.id))
    return sorted(bound)


def _facts(
    directory: ActiveDirectory, settings: DirectorySettings, missing: Sequence[str]
) -> Iterator[AbsentPerson]:
    root = directory.domain().base_dn
    found: dict[str, str] = {}
    for batch in directory.find(missing, root):
        found |= batch
    selected = directory.selected(sorted(found), [unit.dn for unit in settings.units]) if found else set()
    for guid in missing:
        if guid not in selected:
            yield AbsentPerson(guid, guid in found, found.get(guid, ""))


def _batches(facts: Iterator[AbsentPerson]) -> Iterator[list[AbsentPerson]]:
    batch: list[AbsentPerson] = []
    for fact in facts:
        batch.append(fact)
        if len(batch) == _ROWS_PER_PAGE:
            yield batch
            batch = []
    if batch:
        yield batch
