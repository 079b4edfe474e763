"""Finds the person whom a text means, in the bindings and in the newest complete snapshot of the units.

Called by person runs and by ``explain``. Reads what is stored; never asks the directory.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import cast, func, select

from shared.database.found import site_of
from shared.database.pages import read_items
from shared.database.search import holds
from shared.database.tables import BindingRow, PartKind, PartState, Run, RunKind, RunState, SnapshotPart
from shared.database.types import Prose
from shared.domain.person import Person
from shared.errors import Conflict, NotFound
from shared.language import phrase
from shared.worker.context import Context

# Pages of old runs may have been forgotten; further back than this a snapshot tells nothing of today.
_RUNS_LOOKED_AT = 5
_NAMED_IN_CONFLICT = 10


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person as the snapshot (``person``) and the bindings (``binding``) know them.

    ``run_id`` is the run whose snapshot was searched, ``None`` when no complete one is stored; ``is_live`` when that was a
    change run, which asked about few people by objectGUID.
    """

    guid: str
    person: Person | None = None
    binding: BindingRow | None = None
    run_id: int | None = None
    is_live: bool = False

    @property
    def name(self) -> str:
        """What to call them in a sentence."""
        if self.person is not None:
            return self.person.name
        return (self.binding.person_name if self.binding is not None else "") or self.guid


def resolve_person(context: Context, site_id: str, text: str) -> KnownPerson:
    """The one person the text means: objectGUID, login, e-mail address, number, name or distinguished name.

    A well-formed objectGUID is taken as it is even when unknown: someone who joined since the last run is in
    no snapshot yet.

    :raises NotFound: nobody fits, or there is no such site.
    :raises Conflict: several people fit; the message lists them.
    """
    wanted = text.strip().lower()
    guid = _as_guid(wanted)
    bound = _bound(context, site_id, wanted if guid is None else guid)
    run_id, read = _read(context, site_id, guid, wanted, bound)
    found = {
        key: KnownPerson(key, read.get(key), bound[key].binding if key in bound else None, run_id)
        for key in dict.fromkeys([*bound, *read])
    }
    if guid is not None:
        return found.get(guid, KnownPerson(guid, run_id=run_id))
    if not found:
        raise NotFound(
            phrase(
                "No person found for '{text}'. Enter the objectGUID, login, e-mail address, number or "
                "distinguished name as in the directory; for someone who joined since the last run, the "
                "objectGUID.",
                text=text.strip()[:200],
            )
        )
    if len(found) > 1:
        listed = "; ".join(f"{one.name} ({one.guid})" for one in list(found.values())[:_NAMED_IN_CONFLICT])
        raise Conflict(
            phrase(
                "'{text}' fits {count} people: {names}. Name one by objectGUID.",
                text=text.strip()[:200],
                count=len(found),
                names=listed,
            ),
            people=len(found),
        )
    only = next(iter(found.values()))
    return only if only.binding is not None else _with_binding(context, site_id, only)


def with_live_reading(context: Context, site_id: str, known: KnownPerson) -> KnownPerson:
    """The same person as the newest change run has read them, if one did after the snapshot: ``is_live`` is true then."""
    read = select(SnapshotPart.id, SnapshotPart.run_id).join(Run, Run.id == SnapshotPart.run_id)
    with context.database.read() as session:
        newest = session.execute(
            read.where(
                Run.site_id == site_id,
                Run.id > (known.run_id or 0),
                Run.kind == RunKind.CHANGES.value,
                Run.planned_at.is_not(None),
                SnapshotPart.kind == PartKind.PEOPLE.value,
                SnapshotPart.state == PartState.COMPLETE.value,
                holds(cast(SnapshotPart.proof, Prose), known.guid),
            )
            .order_by(SnapshotPart.run_id.desc(), SnapshotPart.item_count.desc())
            .limit(1)
        ).first()
    if newest is None:
        return known
    try:
        people = list(read_items(context.database, newest.id, Person, any_of=[known.guid]))
    except LookupError:
        return known
    person = next((person for person in people if person.guid == known.guid), None)
    return replace(known, person=person, run_id=newest.run_id, is_live=True)


def newest_snapshot(context: Context, site_id: str) -> tuple[int, list[SnapshotPart]] | None:
    """The newest run of the site all of whose units were proven complete, with those parts; ``None`` if none."""
    with context.database.read() as session:
        runs = session.scalars(
            select(Run.id)
            .where(
                Run.site_id == site_id,
                Run.state != RunState.COLLECTING.value,
                # These read other people than those of the site, or only some.
                Run.kind.not_in([RunKind.CHANGES.value, RunKind.WHAT_IF.value, RunKind.UNDO.value]),
            )
            .order_by(Run.id.desc())
            .limit(_RUNS_LOOKED_AT)
        ).all()
        for run_id in runs:
            parts = list(
                session.scalars(
                    select(SnapshotPart)
                    .where(SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.UNIT.value)
                    .order_by(SnapshotPart.position)
                )
            )
            if parts and all(part.state == PartState.COMPLETE for part in parts):
                return run_id, parts
    return None


def _bound(context: Context, site_id: str, wanted: str) -> dict[str, KnownPerson]:
    with context.database.read() as session:
        site_of(session, site_id)
        rows = session.scalars(
            select(BindingRow).where(
                BindingRow.site_id == site_id,
                (BindingRow.person_guid == wanted)
                | (BindingRow.number == wanted)
                | (func.lower(BindingRow.person_name) == wanted),
            )
        )
        return {row.person_guid: KnownPerson(row.person_guid, binding=row) for row in rows}


def _with_binding(context: Context, site_id: str, known: KnownPerson) -> KnownPerson:
    with context.database.read() as session:
        binding = session.get(BindingRow, (site_id, known.guid))
    return KnownPerson(known.guid, known.person, binding, known.run_id)


def _read(
    context: Context, site_id: str, guid: str | None, wanted: str, bound: Collection[str]
) -> tuple[int | None, dict[str, Person]]:
    """The run whose snapshot was searched, and whom it holds of those bound or meant by the text."""
    snapshot = newest_snapshot(context, site_id)
    if snapshot is None:
        return None, {}
    run_id, parts = snapshot
    read: dict[str, Person] = {}
    meant = [wanted if guid is None else guid, *bound]
    try:
        for part in parts:
            for person in read_items(context.database, part.id, Person, any_of=meant):
                if person.guid in bound or (person.guid == guid if guid else _fits(person, wanted)):
                    # Of overlapping units the first one holds the person.
                    read.setdefault(person.guid, person)
    except LookupError:
        # The pages of this old run were forgotten; the bindings still answer.
        return None, {}
    return run_id, read


def _fits(person: Person, wanted: str) -> bool:
    return wanted != "" and wanted in (
        person.login.lower(),
        person.email.lower(),
        (person.number or "").lower(),
        person.name.lower(),
        person.display_name.lower(),
        person.distinguished_name.lower(),
    )


def _as_guid(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None
