"""Plans a change run: from what was read of the people and extensions concerned, and what is remembered of them alone.

Called by ``plan_run``. When what was read shows that more people or extensions are concerned, these are read too, before
anything is planned. What it takes everybody to tell is left to a full run (``full_run_reasons``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.reconciler.absence import agreed
from services.reconciler.change_checks import circumstances_of, may_touch_template, removes_nobodys
from services.reconciler.change_lookups import KnownOfSite
from services.reconciler.change_scope import by_directory, concerned, named_in
from services.reconciler.directory_names import with_directory_names
from services.reconciler.full_run_reasons import Circumstances, why_left_to_a_full_run
from services.reconciler.guards import CHANGING, judge
from services.reconciler.licence import fit_into_licence
from services.reconciler.plan_undo import undone_of
from services.reconciler.planner import make_plan
from services.reconciler.prepared import Prepared
from services.reconciler.redoing import GOING
from services.reconciler.refused import report_refused
from services.reconciler.run_inputs import (
    ROLLING,
    changed_lately,
    department_limit_of,
    some_of_phone_system,
    taken_lately,
    were_directories_changed,
)
from services.reconciler.unfinished import settle_unfinished
from shared.database import owed, unfinished
from shared.database.pages import read_items
from shared.database.tables import BindingRow, PartKind, PartState, Run, SnapshotPart
from shared.domain.asked import Asked
from shared.domain.extension import Extension
from shared.domain.grace import holder_of
from shared.domain.memory import Memory, Readings
from shared.domain.person import AbsentPerson, Person
from shared.domain.plan import Plan
from shared.domain.reading import Freshness, Reading, merged
from shared.domain.rules import RunFacts, UnitSnapshot
from shared.language import declared, phrase
from shared.roll import queries
from shared.runs import changes
from shared.runs.controllers import memories_of
from shared.runs.full_reading import ask_full_reading
from shared.runs.history import last_good_run, refused_before
from shared.runs.start import ask_about
from shared.settings import store
from shared.settings.documents import SiteSettings
from shared.settings.store import StoredSettings
from shared.work.moves import move_run
from shared.work.publishing import publish_due
from shared.work.runs import RunWork, fail_run
from shared.work.transitions import RunEvent

# So many people at most, with whoever shares something with those who changed.
MOST_PEOPLE = 2 * changes.AT_ONCE
# So often more is asked because of what was read.
_MOST_QUESTIONS = 5


@dataclass(frozen=True, slots=True)
class _Read:
    """The parts of a change run, and what they hold."""

    parts: list[SnapshotPart]
    asked: Asked
    people: list[Person]
    extensions: list[Extension]

    def of(self, kind: PartKind) -> list[SnapshotPart]:
        """The parts of this kind that were answered, as they were asked."""
        return [part for part in self.parts if part.kind == kind and part.state == PartState.COMPLETE]

    def why_useless(self) -> SnapshotPart | None:
        """What failed, if nothing can be planned without it; a directory that is away holds its own people alone."""
        failed = [part for part in self.parts if part.state == PartState.FAILED]
        needed = [part for part in failed if part.kind != PartKind.PEOPLE]
        return next(iter(needed if self.of(PartKind.PEOPLE) else failed), None)

    @property
    def silent(self) -> dict[str, str]:
        """The directories that did not answer, each with the reason."""
        return {
            part.unit: part.error_message or declared("not read")
            for part in self.parts
            if part.kind == PartKind.PEOPLE and part.state == PartState.FAILED
        }

    def absent_in(self, key: str) -> dict[str, AbsentPerson]:
        """What the directory says of those whom it was asked about and does not select."""
        return {
            item["guid"]: AbsentPerson(**item)
            for part in self.of(PartKind.PEOPLE)
            if part.unit == key
            for item in part.proof.get("absent", ())
        }

    def not_found_yet(self, guids: Iterable[str], directories: Iterable[str]) -> dict[str, set[str]]:
        """Of these, who is in no directory that was asked about them, by the other directories: an entry may have moved."""
        keys = [*directories]
        here = {person.guid for person in self.people}
        asked = {key: set[str]() for key in keys}
        for part in self.parts:
            if part.kind == PartKind.PEOPLE and part.unit in asked:
                asked[part.unit] |= Asked.from_document(part.proof.get("asked", {})).people
        found = {guid for key in keys for guid, item in self.absent_in(key).items() if item.found}
        missing = {*guids} - here - found
        return {key: missing - asked[key] for key in keys if missing - asked[key]}

    @property
    def questions(self) -> int:
        """How many times something was asked."""
        return 1 + max(int(part.proof["question"]) for part in self.parts)


def prepare_changes(work: RunWork) -> Prepared | None:
    """The plan to be stored; ``None`` when there is none: more is read first, the run failed, or it is left to a full run."""
    context, run = work.context, work.run
    read = _read(work)
    failed = read.why_useless()
    if failed is not None:
        with context.database.begin() as session:
            if work.fence(session):
                code, message = (
                    failed.error_code or "unknown",
                    failed.error_message or declared("It could not be read."),
                )
                fail_run(session, run, code, message)
        return None
    with context.database.read() as session:
        known = KnownOfSite(session, run.site_id)
        stored = store.read(session, run.site_id, context.encryption)
        asked = read.asked | named_in(stored.settings.to_rules())
        wanted = concerned(asked, read.people, read.extensions, known, MOST_PEOPLE)
        directories = stored.settings.directory_by_key
        fresh = wanted - read.asked
        people = by_directory(fresh.people, known.homes(fresh.people), directories)
        bound = {item.person_guid for item in known.bindings(read.asked.people, ())}
        for key, guids in read.not_found_yet(bound, directories).items():
            people.setdefault(key, set()).update(guids)
        watched = changes.watched(session, run.site_id)
    if len(wanted.people) > MOST_PEOPLE:
        _leave(work, Circumstances(are_too_many=True))
        return None
    if not fresh and not people:
        return _prepare(work, read, stored)
    if read.questions >= _MOST_QUESTIONS:
        _leave(work, Circumstances(is_never_settled=True))
        return None
    with context.database.begin() as session:
        if work.fence(session):
            ask_about(session, run.id, fresh, people, watched, question=read.questions)
    return None


def _read(work: RunWork) -> _Read:
    database = work.context.database
    with database.read() as session:
        parts = list(
            session.scalars(
                select(SnapshotPart)
                .where(SnapshotPart.run_id == work.run.id)
                .order_by(SnapshotPart.position, SnapshotPart.id)
            )
        )
    asked, people, extensions = Asked(), dict[str, Person](), dict[int, Extension]()
    for part in parts:
        asked |= Asked.from_document(part.proof.get("asked", {}))
        if part.state != PartState.COMPLETE:
            continue
        if part.kind == PartKind.PEOPLE:
            people |= {person.guid: person for person in read_items(database, part.id, Person)}
        else:
            extensions |= {item.id: item for item in read_items(database, part.id, Extension)}
    return _Read(parts, asked, list(people.values()), list(extensions.values()))


def _prepare(work: RunWork, read: _Read, stored: StoredSettings) -> Prepared | None:
    context, run, site = work.context, work.run, stored.settings
    now = datetime.now(UTC)
    rules, readings = site.to_rules(), _readings(read)
    with context.database.read() as session:
        known = KnownOfSite(session, run.site_id)
        last_good = last_good_run(session, run.site_id, before=run.id)
        memories = memories_of(session, run.site_id)
        bindings = list(known.bindings(read.asked.people, ()))
        found = replace(
            circumstances_of(
                read.people, read.extensions, bindings, memories.get("", Memory()).doubts, rules
            ),
            is_first_run=last_good is None,
            is_selection_changed=last_good is not None
            and (
                were_directories_changed(run, stored.versions)
                or last_good.selection_hash != store.selection_of(site)
            ),
            is_controller_behind=any(
                memories.get(key, Memory()).freshness_of(of, "") is not Freshness.PROVEN
                for key, of in readings.items()
            ),
        )
        if last_good is None or why_left_to_a_full_run(found) is not None:
            _leave(work, found)
            return None
        absent = _absent(
            session,
            run.site_id,
            read,
            memories,
            {item.person_guid: item.directory for item in bindings},
            [*site.directory_by_key],
        )
        units = _units(session, run.site_id, last_good, site, read, absent)
        managed = session.scalar(
            select(func.count()).select_from(BindingRow).where(BindingRow.site_id == run.site_id)
        )
        holders = {*read.asked.people, *(holder_of(None, item.id) for item in read.extensions)}
        owing, countdowns, numbers = known.owed(read.asked), known.graces(holders), known.given(read.asked)
        left_behind = known.left_behind(read.asked, owing)
        refused = refused_before(session, run.site_id, run.id)
        limit = department_limit_of(session, run.site_id) if rules.add_to_departments else None
        phone_system = some_of_phone_system(
            read.of(PartKind.SOME_EXTENSIONS), read.extensions, _lengths_shown(session, last_good)
        )
    if limit is not None:
        phone_system = replace(phone_system, department_name_limit=limit)
    plan = make_plan(
        read.people,
        phone_system,
        bindings,
        absent,
        rules,
        units,
        left_behind,
        owed.owed_of(owing),
        countdowns,
        known_numbers=numbers,
        looked_up=_looked_up(read),
        now=now,
        check=work.deadline.check,
    )
    seen = plan.seen
    plan = replace(plan, managed_extensions=managed or 0)
    plan = settle_unfinished(plan, unfinished.unfinished_of(owing), phone_system, bindings)
    plan = fit_into_licence(report_refused(plan, refused), phone_system)
    homes = _homes(read, site)
    plan = with_directory_names(plan, homes, site.directory_titles)
    facts = _facts(work, units, plan, now - ROLLING)
    verdict = judge(plan, facts, site.to_limits())
    with context.database.read() as session:
        waiting = changes.plan_waiting(session, run.site_id)
        is_in_plan = waiting is not None and changes.is_in_plan(session, waiting, plan.commands)
    found = replace(
        found,
        may_be_template=may_touch_template(
            plan.commands, have_own_templates=bool(site.directory.attributes.template)
        ),
        is_nobodys=removes_nobodys(plan.commands),
        is_above_limit=bool(verdict.held),
        is_in_waiting_plan=is_in_plan,
    )
    if why_left_to_a_full_run(found) is not None:
        _leave(work, found)
        return None
    return Prepared(
        plan,
        verdict,
        stored.versions,
        memories | {key: memories.get(key, Memory()).accepting(of, "") for key, of in readings.items()},
        homes,
        numbers,
        rules.write_back_attribute or "",
        seen,
        facts,
        now,
    )


def _facts(work: RunWork, units: tuple[UnitSnapshot, ...], plan: Plan, since: datetime) -> RunFacts:
    """What the guards must know for this plan: what runs did lately counts only for what it does too."""
    kinds, site_id = {command.kind for command in plan.commands}, work.run.site_id
    with work.context.database.read() as session:
        return RunFacts(
            units=units,
            lately=() if kinds.isdisjoint(GOING) else taken_lately(session, site_id, since),
            changed_lately=() if kinds.isdisjoint(CHANGING) else changed_lately(session, site_id, since),
            undone=undone_of(session, site_id),
        )


def _leave(work: RunWork, found: Circumstances) -> None:
    """End the run without doing anything, and ask for a full one."""
    context, run = work.context, work.run
    reason = why_left_to_a_full_run(found) or ""
    with context.database.begin() as session:
        if not work.fence(session):
            return
        move_run(
            session,
            run.id,
            RunEvent.NOTHING_DONE,
            error_code=changes.LEFT_TO_FULL_RUN,
            error_message=reason,
            is_measure=False,
            attempts=0,
        )
    # Not in the same transaction: starting a run locks the site first. Should this be lost, whoever takes up changes asks again.
    with context.database.begin() as session:
        started = ask_full_reading(session, run.site_id, reason, context.encryption)
    if started is not None:
        publish_due(context, started.id)


def _readings(read: _Read) -> dict[str, Readings]:
    """By directory, which controllers gave the people."""
    found: dict[str, list[Reading]] = {}
    for part in read.of(PartKind.PEOPLE):
        found.setdefault(part.unit, []).append(Reading.from_document(part.proof["controller"]))
    return {key: merged(readings) for key, readings in found.items()}


def _looked_up(read: _Read) -> str:
    """Where and when the people were looked up, for a sentence."""
    parts = read.of(PartKind.PEOPLE)
    at = max(part.completed_at for part in parts if part.completed_at is not None)
    names = ", ".join(dict.fromkeys(part.source for part in parts))
    return phrase("at {at} UTC from {names}", at=f"{at:%Y-%m-%d %H:%M}", names=names)


def _absent(
    session: Session,
    site_id: str,
    read: _Read,
    memories: Mapping[str, Memory],
    homes: Mapping[str, str | None],
    directories: Sequence[str],
) -> list[AbsentPerson]:
    """What the directories say of those who are in none of the units, with the unit that held each of them last."""
    answers = {key: read.absent_in(key) for key in directories}
    here = {person.guid for person in read.people}
    if len(answers) == 1:
        absent = [item for item in answers[directories[0]].values() if item.guid not in here]
    else:
        forests = {key: memory.last[0].forest for key, memory in memories.items() if memory.last}
        absent = []
        for guid in sorted(read.asked.people - here):
            # Whoever was found in one directory is not asked about in the others.
            heard = {key: {guid: facts[guid]} for key, facts in answers.items() if guid in facts}
            absent += agreed(heard, {*directories} - heard.keys(), homes, forests)
    rows = queries.rows_of(session, site_id, [item.guid for item in absent])
    units = {guid: row.entry.person.unit for guid, row in rows.items() if row.entry.person is not None}
    return [replace(item, last_unit=units.get(item.guid, "")) for item in absent]


def _units(
    session: Session,
    site_id: str,
    last_good: Run,
    site: SiteSettings,
    read: _Read,
    absent: Iterable[AbsentPerson],
) -> tuple[UnitSnapshot, ...]:
    """The units with how many people they had in the last good run, and have now: only whoever leaves is counted anew."""
    before = {
        part.unit.casefold(): part.item_count
        for part in session.scalars(
            select(SnapshotPart).where(
                SnapshotPart.run_id == last_good.id, SnapshotPart.kind == PartKind.UNIT.value
            )
        )
    }
    leavers = [item.last_unit.casefold() for item in absent if item.last_unit]
    counted = queries.people_by_unit(session, site_id) if leavers else {}
    now = {unit.casefold(): count for unit, count in counted.items()}
    sources = {part.unit: part.source for part in read.of(PartKind.PEOPLE)}
    snapshots: list[UnitSnapshot] = []
    for key, directory in site.directory_by_key.items():
        for unit in directory.units:
            folded = unit.dn.casefold()
            people = before.get(folded, 0)
            if folded in leavers:
                people = max(0, now.get(folded, 0) - leavers.count(folded))
            snapshots.append(
                UnitSnapshot(
                    unit.dn,
                    is_complete=key not in read.silent,
                    people=people,
                    people_before=before.get(folded),
                    source=sources.get(key, ""),
                    problem=read.silent.get(key, ""),
                    directory=key,
                    directory_title=site.directory_titles.get(key, ""),
                )
            )
    return tuple(snapshots)


def _lengths_shown(session: Session, last_good: Run) -> Iterable[int]:
    """How many digits all extensions had in the last good run; nothing when it was read by an earlier release."""
    proof: dict[str, Any] | None = session.scalar(
        select(SnapshotPart.proof).where(
            SnapshotPart.run_id == last_good.id, SnapshotPart.kind == PartKind.EXTENSIONS.value
        )
    )
    return [int(length) for length in (proof or {}).get("lengths_shown", ())]


def _homes(read: _Read, site: SiteSettings) -> dict[str, str | None]:
    """Which directory people are of; nothing where there is only one."""
    if not site.directories.others:
        return {}
    return {person.guid: site.key_of_unit(person.unit) for person in read.people}
