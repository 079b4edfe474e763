"""Reads what a plan is made from: the parts of a run, the last good run, the bindings. Writes nothing.

Called by ``plan_run``. People come as an iterator, one page in memory at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from services.reconciler.absence import agreed
from services.reconciler.freshness import Evidence
from shared.database import owed
from shared.database.columns import DEPARTMENT, PEER, read_beside
from shared.database.engine import Database
from shared.database.pages import read_items
from shared.database.tables import (
    WHOLE_RUNS,
    BindingRow,
    CommandRow,
    Event,
    FindingRow,
    OwedSteps,
    PartKind,
    PartState,
    Run,
    RunKind,
    SnapshotPart,
)
from shared.domain.binding import Binding, BindingOrigin, LeftBehind, Shown
from shared.domain.command import CommandKind, CommandState
from shared.domain.content import together, written
from shared.domain.extension import Edit, Extension, PhoneSystemSnapshot
from shared.domain.memory import Memory
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import as_it_stands
from shared.domain.reading import Reading, merged
from shared.domain.rules import RunFacts, TakenLately, UnitSnapshot
from shared.settings.documents import Section, SiteSettings
from shared.settings.store import StoredSettings
from shared.values.digits import is_digits

log = structlog.get_logger(__name__)

ADVICE = "run.advice"
# Many small runs must not do in this time what one large one may not.
ROLLING = timedelta(hours=24)
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a run by kind, units in the order of the settings."""

    units: list[SnapshotPart]
    absent: list[SnapshotPart]
    extensions: SnapshotPart


def parts_of(session: Session, run_id: int) -> Parts:
    """All parts of the run."""
    found = list(
        session.scalars(
            select(SnapshotPart).where(SnapshotPart.run_id == run_id).order_by(SnapshotPart.position)
        )
    )
    return Parts(
        [part for part in found if part.kind == PartKind.UNIT],
        [part for part in found if part.kind == PartKind.ABSENT],
        next(part for part in found if part.kind == PartKind.EXTENSIONS),
    )


def were_directories_changed(run: Run, versions: Mapping[str, int]) -> bool:
    """Whether settings of the directories were saved since the run was started; ``versions`` are those it is planned by. Its
    parts were read one after the other, each with the settings of its moment.
    """
    sections = (Section.DIRECTORY.value, Section.DIRECTORIES.value)
    # A run that an earlier release started knows of one directory.
    return any(versions.get(name) != run.settings_versions.get(name, 0) for name in sections)


def facts_of(
    session: Session, run: Run, parts: Parts, last_good: Run | None, stored: StoredSettings
) -> RunFacts:
    """What the guards must know; ``stored`` are the settings that the plan is made by."""
    versions, site = stored.versions, stored.settings
    before: dict[str, int] = {}
    if last_good is not None:
        before = {
            part.unit.casefold(): part.item_count
            for part in _units_of(session, last_good)
            if part.state == PartState.COMPLETE
        }
    units = tuple(
        UnitSnapshot(
            part.unit,
            is_complete=part.state == PartState.COMPLETE,
            people=part.item_count,
            people_before=before.get(part.unit.casefold()),
            source=part.source,
            completed_at=part.completed_at.strftime("%Y-%m-%d %H:%M UTC") if part.completed_at else "",
            problem=part.error_message or "",
            directory=(key := site.key_of_unit(part.unit) or ""),
            directory_title=site.directory_titles.get(key, ""),
        )
        for part in parts.units
    )
    return RunFacts(
        is_first_run=last_good is None,
        is_selection_changed=last_good is not None
        and (were_directories_changed(run, versions) or last_good.selection_hash != run.selection_hash),
        units=units,
    )


def taken_lately(session: Session, site_id: str, since: datetime) -> tuple[TakenLately, ...]:
    """What was disabled or deleted since then by runs themselves: not what a person had approved, and not what is in
    service again or has another number instead.
    """
    kinds = (
        CommandKind.DISABLE_EXTENSION,
        CommandKind.DELETE_EXTENSION,
        CommandKind.ENABLE_EXTENSION,
        CommandKind.RENUMBER_EXTENSION,
    )
    rows = session.execute(
        select(CommandRow.kind, CommandRow.extension_id, CommandRow.unit)
        .join(Run, Run.id == CommandRow.run_id)
        .where(
            Run.site_id == site_id,
            CommandRow.kind.in_(kinds),
            CommandRow.state == CommandState.DONE.value,
            CommandRow.extension_id.is_not(None),
            CommandRow.finished_at >= since,
            # Of the others every command ended before: they need not be looked through.
            or_(Run.finished_at.is_(None), Run.finished_at >= since),
            or_(Run.approved_at.is_(None), CommandRow.finished_at < Run.approved_at),
        )
        .order_by(CommandRow.id)
    ).all()
    renumbered = {row.extension_id for row in rows if row.kind == CommandKind.RENUMBER_EXTENSION}
    taken: dict[int, TakenLately] = {}
    for kind, extension_id, unit in rows:
        if kind == CommandKind.ENABLE_EXTENSION:
            taken.pop(extension_id or 0, None)
        elif kind != CommandKind.RENUMBER_EXTENSION and extension_id not in renumbered:
            taken[extension_id or 0] = TakenLately(
                extension_id or 0, unit, kind == CommandKind.DELETE_EXTENSION
            )
    return tuple(taken.values())


def changed_lately(session: Session, site_id: str, since: datetime) -> tuple[TakenLately, ...]:
    """The extensions that change runs have changed since then: many of them must not do what one full run may not."""
    rows = session.execute(
        select(CommandRow.extension_id, CommandRow.unit)
        .join(Run, Run.id == CommandRow.run_id)
        .where(
            Run.site_id == site_id,
            Run.kind == RunKind.CHANGES.value,
            or_(Run.finished_at.is_(None), Run.finished_at >= since),
            CommandRow.kind.in_([CommandKind.UPDATE_EXTENSION, CommandKind.RENUMBER_EXTENSION]),
            CommandRow.state == CommandState.DONE.value,
            CommandRow.extension_id.is_not(None),
        )
    )
    found = {row.extension_id or 0: row.unit for row in rows}
    return tuple(TakenLately(id_, unit, is_deleted=False) for id_, unit in found.items())


def _units_of(session: Session, run: Run) -> Sequence[SnapshotPart]:
    return session.scalars(
        select(SnapshotPart).where(SnapshotPart.run_id == run.id, SnapshotPart.kind == PartKind.UNIT.value)
    ).all()


def absent_of(
    database: Database,
    parts: Parts,
    units: Iterable[UnitSnapshot],
    last_good: Run | None,
    bindings: Callable[[], Iterable[Binding]],
    memories: Mapping[str, Memory],
) -> list[AbsentPerson]:
    """What the directories said of the absent, with the unit that held each in the last good run."""
    answers = {
        part.unit: {person.guid: person for person in read_items(database, part.id, AbsentPerson)}
        for part in parts.absent
        if part.state == PartState.COMPLETE
    }
    if len(parts.absent) == 1:
        absent = [person for facts in answers.values() for person in facts.values()]
    else:
        silent = {part.unit for part in parts.absent} - answers.keys()
        silent |= {unit.directory for unit in units if not unit.is_complete}
        homes = {binding.person_guid: binding.directory for binding in bindings()}
        absent = list(agreed(answers, silent, homes, _forests(parts, memories)))
    if not absent or last_good is None:
        return absent
    wanted = {person.guid for person in absent}
    last_units: dict[str, str] = {}
    with database.read() as session:
        parts_before = _units_of(session, last_good)
    for unit in sorted(parts_before, key=lambda part: part.position, reverse=True):
        try:
            for person in read_items(database, unit.id, Person):
                if person.guid in wanted:
                    last_units[person.guid] = person.unit
        except LookupError:
            # The pages of old runs are not kept for ever; then the limits count these people for the site only.
            log.info("last_units_unknown", run_id=last_good.id, part_id=unit.id)
    return [replace(person, last_unit=last_units.get(person.guid, "")) for person in absent]


def _forests(parts: Parts, memories: Mapping[str, Memory]) -> dict[str, str]:
    """The root of each directory's forest: as a part of this run has it, else as it was when it last answered."""
    known = {key: reading.forest for key, memory in memories.items() for reading in memory.last}
    readings = (Reading.from_document(part.proof.get("controller") or {}) for part in parts.units)
    return known | {reading.directory: reading.forest for reading in readings if reading.forest}


def bindings_of(session: Session, site_id: str, *which: ColumnElement[bool]) -> list[Binding]:
    """Who holds which extension of the site; only those for which the conditions hold, if there are any."""
    return list(each_binding(session, site_id, *which))


def each_binding(session: Session, site_id: str, *which: ColumnElement[bool]) -> Iterator[Binding]:
    """The same one after the other, in the order of the people, a page in memory at a time."""
    rows = session.execute(
        select(
            BindingRow.person_guid,
            BindingRow.extension_id,
            BindingRow.number,
            BindingRow.origin,
            BindingRow.person_name,
            BindingRow.is_disabled_by_rollcall,
            BindingRow.shown_first_name,
            BindingRow.shown_last_name,
            BindingRow.shown_email,
            BindingRow.directory,
        )
        .where(BindingRow.site_id == site_id, *which)
        .order_by(BindingRow.person_guid)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    for row in rows:
        yield Binding(
            row.person_guid,
            row.extension_id,
            row.number,
            # One that only a newer Rollcall knows: the extension existed before, as far as this one can tell.
            BindingOrigin(row.origin) if row.origin in [*BindingOrigin] else BindingOrigin.ADOPTED,
            row.person_name,
            row.is_disabled_by_rollcall,
            None if row[6] is None else Shown(row[6], row[7] or "", row[8] or ""),
            row.directory,
        )


def told_before(session: Session, run: Run) -> frozenset[tuple[str, str]]:
    """Code and message of every finding of the site's last plan, which stand in its Log already."""
    last = session.scalar(
        select(Run.id)
        .where(
            Run.site_id == run.site_id,
            Run.id < run.id,
            Run.kind.in_(WHOLE_RUNS),
            Run.planned_at.is_not(None),
        )
        .order_by(Run.id.desc())
        .limit(1)
    )
    rows = session.execute(select(FindingRow.code, FindingRow.message).where(FindingRow.run_id == last))
    return frozenset((row.code, as_it_stands(row.message)) for row in rows)


def left_behind_of(
    session: Session, site_id: str, owing: Iterable[OwedSteps], *which: ColumnElement[bool]
) -> list[LeftBehind]:
    """The former extensions of everybody who was ever given another number, or (by what is owed) is being given one; most
    are gone. ``which`` are conditions on the renumberings.
    """
    rows = session.scalars(
        select(CommandRow)
        .join(Run, Run.id == CommandRow.run_id)
        .where(
            Run.site_id == site_id,
            CommandRow.kind == CommandKind.RENUMBER_EXTENSION.value,
            CommandRow.state == CommandState.DONE.value,
            CommandRow.extension_id.is_not(None),
            *which,
        )
    )
    return owed.left_behind_of(owing) + [
        LeftBehind(
            row.person_guid or "",
            row.person_name,
            row.extension_id or 0,
            row.before.get("first_name", ""),
            row.before.get("last_name", ""),
            row.number,
            row.before.get("number", ""),
        )
        for row in rows
    ]


def advice_told_since(session: Session, site_id: str, moment: datetime) -> set[str]:
    """The advice that stands in the Log since then."""
    return set(
        session.scalars(
            select(Event.message).where(
                Event.site_id == site_id, Event.code == ADVICE, Event.occurred_at >= moment
            )
        )
    )


def people_of(database: Database, parts: Parts) -> Iterator[Person]:
    """Everybody in the units that were read to their end, once for each unit."""
    for part in parts.units:
        if part.state == PartState.COMPLETE:
            yield from read_items(database, part.id, Person)


class EvidenceOfRun:
    """Who read the run's parts and what they showed; ``people`` must be gone through before the rest is asked for."""

    def __init__(
        self,
        database: Database,
        parts: Parts,
        site: SiteSettings,
        bindings: Callable[[], Iterable[Binding]],
    ) -> None:
        self._database = database
        self._parts = parts
        self._site = site
        self._inactive: set[str] = set()
        # Of a site with one directory there is nothing to tell apart.
        self._has_several = bool(site.directories.others)
        self._homes: dict[str, str | None] = {}
        if self._has_several:
            self._homes = {binding.person_guid: binding.directory for binding in bindings()}

    def people(self) -> Iterator[Person]:
        """As ``people_of``, noting who may not work, and of which directory each is."""
        for person in people_of(self._database, self._parts):
            if person.account_state is not AccountState.ENABLED:
                self._inactive.add(person.guid)
            if self._has_several:
                self._homes[person.guid] = self._site.key_of_unit(person.unit)
            yield person

    @property
    def homes(self) -> Mapping[str, str | None]:
        """By objectGUID, the key of the directory that somebody was read from, now or when they were last seen."""
        return self._homes

    def gathered(self) -> dict[str, Evidence]:
        """All of it by key of the directory; nothing of a directory of which nothing was read."""
        found = {key: self._gathered(key) for key in self._site.directory_by_key}
        return {
            key: evidence for key, evidence in found.items() if evidence.readings or not self._has_several
        }

    def _gathered(self, key: str) -> Evidence:
        parts = [
            *(part for part in self._parts.units if (self._site.key_of_unit(part.unit) or "") == key),
            *(part for part in self._parts.absent if part.unit == key),
        ]
        read = [part for part in parts if part.state == PartState.COMPLETE]
        # A part that an earlier release read says no more than where.
        readings = [
            Reading.from_document(part.proof.get("controller") or {"server": part.source})
            for part in read
            if part.source
        ]
        digests = [part.proof.get("content", "") for part in read]
        is_whole = len(read) == len(parts) and all(digests)
        content = written(together(int(digest, 16) for digest in digests)) if is_whole else ""
        return Evidence(merged(readings), content, frozenset(self._inactive), self._is_of(key))

    def _is_of(self, key: str) -> Callable[[str], bool]:
        """Of somebody of whom it is not known, and of an extension that is nobody's, each of them is to be believed."""
        homes = self._homes
        return lambda person: homes.get(person) in (None, key)


def department_limit_of(session: Session, site_id: str) -> int:
    """How many characters 3CX takes for a department's name: the least that a refusal has told, as far as is remembered."""
    rows = session.scalars(
        select(CommandRow.result)
        .join(Run, Run.id == CommandRow.run_id)
        .where(
            Run.site_id == site_id,
            CommandRow.kind == CommandKind.CREATE_DEPARTMENT.value,
            CommandRow.state == CommandState.FAILED.value,
        )
    )
    limits = [int(result["name_limit"]) for result in rows if result.get("name_limit")]
    return min(limits, default=PhoneSystemSnapshot().department_name_limit)


def _lengths(known: Sequence[int], extensions: Iterable[Extension]) -> tuple[int, ...]:
    """How many digits an extension may have: as told, and as those that are there show. Empty when nothing was told."""
    if not known:
        return ()
    shown = {len(extension.number) for extension in extensions if is_digits(extension.number)}
    return tuple(sorted({*known, *shown}))


def phone_system_of(database: Database, part: SnapshotPart) -> PhoneSystemSnapshot:
    """The phone system as the part has read it."""
    extensions = tuple(read_items(database, part.id, Extension))
    return replace(without_extensions(part, extensions), extensions=extensions)


def without_extensions(part: SnapshotPart, extensions: Iterable[Extension]) -> PhoneSystemSnapshot:
    """What the part has read of it besides the extensions, whose numbers tell which lengths there are."""
    proof = part.proof
    return PhoneSystemSnapshot(
        departments=tuple(read_beside("departments", DEPARTMENT, proof)),
        peers=tuple(read_beside("peers", PEER, proof)),
        used_extensions=proof["used_extensions"],
        max_extensions=proof["max_extensions"],
        version=proof["version"],
        # Parts that an older version has read say nothing of these.
        emergency_numbers=tuple(proof.get("emergency_numbers", ())),
        number_lengths=_lengths(proof.get("number_lengths", ()), extensions),
        dial_codes=tuple(proof.get("dial_codes", ())),
        edits=tuple(Edit(*edit) for edit in proof.get("edits", ())),
    )


def some_of_phone_system(
    parts: Sequence[SnapshotPart], extensions: Iterable[Extension], lengths_shown: Iterable[int]
) -> PhoneSystemSnapshot:
    """As much of the phone system as the parts of a change run have read; ``lengths_shown`` is of all extensions."""
    first = next(part.proof for part in parts if part.proof["is_first"])
    listed = tuple(extensions)
    lengths = _lengths(first.get("number_lengths", ()), listed)
    return PhoneSystemSnapshot(
        extensions=listed,
        departments=tuple(read_beside("departments", DEPARTMENT, first)),
        peers=tuple(dict.fromkeys(peer for part in parts for peer in read_beside("peers", PEER, part.proof))),
        used_extensions=first["used_extensions"],
        max_extensions=first["max_extensions"],
        version=first["version"],
        emergency_numbers=tuple(first["emergency_numbers"]),
        number_lengths=tuple(sorted({*lengths, *lengths_shown})) if lengths else (),
        dial_codes=tuple(first["dial_codes"]),
    )
