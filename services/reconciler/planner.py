"""The plan: what must be done so that the phone system says what the directory says. A pure function.

Equal inputs give an equal plan, in whatever order they come. Nothing here reads a clock, a database or a
settings object; ``plan_whole`` brings the values, ``plan_run`` stores the result. The rules are told for administrators
in docs/rules.md.

Whoever is in sync and in nobody's way may be set aside before (``set_aside``). The rooms: ``number_assignment``
(numbers for people without one, before anything else) with ``ranges`` and ``number_memory``, ``identity`` (who is
who), ``finishing`` (what earlier runs had begun), ``joiners`` (people without an extension), ``holders`` (people with
one), ``leavers`` (people gone, extensions nobody's), ``rebinding`` (bindings that change), ``removal`` (the steps of
one), ``drafts`` (what must come before what), ``findings`` (every sentence), ``worktable`` (what they share).
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain

from services.reconciler.drafts import Draft, settle, to_commands
from services.reconciler.emptied import emptied_attributes
from services.reconciler.evidence import Evidence
from services.reconciler.fields import Fields
from services.reconciler.findings import called
from services.reconciler.finishing import plan_owed
from services.reconciler.guards import is_another_phone_system
from services.reconciler.holders import plan_holder
from services.reconciler.identity.claims import is_email_address
from services.reconciler.joiners import plan_joiner
from services.reconciler.leavers import (
    plan_absent,
    plan_inactive,
    plan_left_behind,
    plan_unclaimed,
    plan_without_number,
)
from services.reconciler.migrated import migrated_accounts
from services.reconciler.number_assignment import NumberAssignments, assign_numbers
from services.reconciler.number_memory import remember_numbers
from services.reconciler.rebinding import plan_moves, require_moves
from services.reconciler.situation import Situation
from services.reconciler.worktable import Worktable
from shared.domain.binding import Binding, LeftBehind
from shared.domain.command import CommandKind, FieldValue
from shared.domain.extension import Extension, PhoneSystemSnapshot
from shared.domain.grace import Grace
from shared.domain.numbers import GivenNumber
from shared.domain.owed import WELCOME, Owed
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import Plan
from shared.domain.rules import Rules, UnitSnapshot
from shared.domain.seen import Pairs, Seen
from shared.language import phrase
from shared.values.keys import email_key
from shared.values.text import folded

_PEOPLE_BETWEEN_CHECKS = 500


def make_plan(
    people: Iterable[Person],
    phone_system: PhoneSystemSnapshot,
    bindings: Iterable[Binding],
    absent: Iterable[AbsentPerson],
    rules: Rules,
    units: tuple[UnitSnapshot, ...],
    left_behind: Iterable[LeftBehind] = (),
    owed: Iterable[Owed] = (),
    graces: Iterable[Grace] = (),
    *,
    known_numbers: Iterable[GivenNumber] = (),
    looked_up: str = "",
    in_sync: Pairs = (),
    now: datetime,
    check: Callable[[], None] = lambda: None,
) -> Plan:
    """Compare and plan.

    ``people`` may hold someone several times (overlapping units); the first unit in the order of the rules
    wins. ``absent`` tells of bound people in none of the units. The plan removes someone only if every unit
    was read to its end and the directory itself says that the person is gone or elsewhere. ``left_behind`` are
    former extensions of people who were given another number; those still there go. ``owed`` are steps that
    interrupted creations and renumberings have still to do. ``graces`` are the countdowns of leavers' extensions, by
    which at ``now`` some are over. ``known_numbers`` are those that were given to somebody. ``looked_up`` says where and when, if
    all of this is about a few people only, whom ``change_scope`` has found. ``in_sync`` are people whom ``set_aside`` has
    found to be in nobody's way: they, their extensions and their bindings are among none of the others. ``check`` is called again and again, and may raise to
    end the planning.
    """
    chosen = _first_unit_wins(watched(people, check), rules)
    evidence = Evidence.of(units, absent, len(chosen) + len(in_sync), looked_up)
    migrated = migrated_accounts(chosen)
    for guid in migrated:
        del chosen[guid]
    situation = Situation(
        chosen,
        phone_system,
        bindings,
        rules,
        evidence,
        left_behind,
        owed,
        graces,
        migrated=migrated,
        now=now,
    )
    known_numbers = tuple(known_numbers)
    check()
    assigned = assign_numbers(situation, known_numbers, now)
    check()
    situation.people, situation.assigned_numbers = assigned.people, assigned.of
    table = Worktable(situation)
    _report_ranges(table, assigned)
    _report_duplicates(table)
    _report_reserved(table)
    plan_moves(table)
    plan_owed(table)
    _plan_people(table, check)
    stale = plan_absent(table)
    who = table.assignment
    managed = len(who.extension_of) + len(who.reassigned) + len(in_sync)
    if is_another_phone_system(managed, len(who.lost)):
        # What was known of the right one is still needed when it is back.
        stale = []
    for guid in {*who.lost}.difference(stale):
        table.situation.graces.leave(guid)
    plan_left_behind(table)
    plan_unclaimed(table)
    require_moves(table)
    check()
    table.drafts = settle(table.drafts, _Conceding(table))
    _create_departments(table)
    commands = to_commands(table.drafts)
    _note_leftovers(table)
    numbers = remember_numbers(assigned, situation, commands, known_numbers, now)
    return Plan(
        commands=commands,
        findings=table.findings.in_order(),
        people=len(chosen) + len(in_sync),
        managed_extensions=managed,
        stale_binding_guids=tuple(sorted(stale)),
        remembered=who.noted,
        moved_extensions=len(who.moved),
        lost_extensions=len(who.lost),
        graces=table.situation.graces.changed(),
        ended_graces=table.situation.graces.ended(),
        standing_graces=table.situation.graces.standing(),
        emptied=emptied_attributes(situation.people.values(), who.extension_of, in_sync, commands),
        numbers_reserved=numbers.reserved,
        numbers_changed=numbers.changed,
        numbers_forgotten=numbers.forgotten,
        seen=_seen(table, in_sync),
    )


def _seen(table: Worktable, in_sync: Pairs) -> Seen:
    situation, who = table.situation, table.assignment
    facts = {guid: situation.evidence.fact_of(guid) for guid in situation.evidence.absent}
    protected = {
        extension.id: what
        for extension in situation.phone_system.extensions
        if (what := situation.protection(extension)) is not None
    }
    excluded = set[int]()
    if situation.exclusions:
        excluded |= {item.id for item in situation.phone_system.extensions if situation.excludes(item)}
        held = (guid for guid, person in situation.people.items() if situation.exclusions.hold_person(person))
        excluded |= {who.extension_of[guid].id for guid in held if guid in who.extension_of}
    return Seen(
        situation.people,
        situation.phone_system.extensions,
        who.reassigned | who.extension_of,
        situation.bindings,
        {guid: fact for guid, fact in facts.items() if fact is not None},
        protected,
        frozenset(excluded),
        {edit.number: edit for edit in situation.phone_system.edits},
        in_sync,
    )


def _first_unit_wins(people: Iterable[Person], rules: Rules) -> dict[str, Person]:
    rank = {unit.distinguished_name.casefold(): place for place, unit in enumerate(rules.units)}
    chosen: dict[str, Person] = {}
    for person in people:
        if person.guid in chosen:
            other = chosen[person.guid]
            place = rank.get(person.unit.casefold(), len(rank))
            other_place = rank.get(other.unit.casefold(), len(rank))
            # The DN only breaks a tie that real input does not have.
            if (place, person.distinguished_name) >= (other_place, other.distinguished_name):
                continue
        chosen[person.guid] = person
    return chosen


def _report_duplicates(table: Worktable) -> None:
    claims = table.assignment.claims
    for number, claimants in claims.duplicate_numbers.items():
        table.findings.add_duplicate_number(number, claimants.values(), table.situation.assigned_numbers)
    for email, claimants in claims.duplicate_emails.items():
        # What is no address has a finding of its own, for each of them.
        if is_email_address(email):
            table.findings.add_duplicate_email(email, claimants.values())


def _report_ranges(table: Worktable, assigned: NumberAssignments) -> None:
    """Which ranges have few numbers left, or none, and for whom; who waits for a whole reading waits with the others."""
    table.held_back += assigned.waiting
    for stock in assigned.stocks:
        waiting = assigned.without.get(stock.label, [])
        if waiting or not stock.left:
            table.findings.add_range_empty(stock, waiting)
        elif stock.is_low:
            table.findings.add_range_low(stock)


def _report_reserved(table: Worktable) -> None:
    """Who has an extension under a number that nobody would be given any more keeps it; said in every run."""
    situation, who = table.situation, table.assignment
    taken = ((guid, taking.extension) for guid, taking in who.taking.items())
    for guid, extension in chain(who.extension_of.items(), taken):
        reason = situation.kept_free.reason(extension.number)
        person = situation.people.get(guid) if reason is not None else None
        if reason is not None and person is not None and person.number == extension.number:
            table.findings.add_number_reserved(person, reason, extension)


def watched(people: Iterable[Person], check: Callable[[], None]) -> Iterator[Person]:
    """The same people; ``check`` is called now and then, and may raise."""
    for place, person in enumerate(people):
        if place % _PEOPLE_BETWEEN_CHECKS == 0:
            check()
        yield person


def _plan_people(table: Worktable, check: Callable[[], None]) -> None:
    extension_of, with_departments = table.assignment.extension_of, table.rules.add_to_departments
    enabled = AccountState.ENABLED
    for person in watched(table.situation.people.values(), check):
        extension = extension_of.get(person.guid)
        # The usual case, nothing to do, is decided by plain comparisons: a site may have 100,000 of it.
        if (
            extension is not None
            and person.account_state is enabled
            and extension.enabled
            and person.number == extension.number
            and person.first_name == extension.first_name
            and person.last_name == extension.last_name
            and person.email == extension.email
            and person.mobile == extension.mobile
            and person.further == extension.further
            and not with_departments
        ):
            continue
        _plan_person(table, person, extension)


def _plan_person(table: Worktable, person: Person, extension: Extension | None) -> None:
    situation, shown_otherwise = table.situation, table.assignment.reassigned.get(person.guid)
    theirs = extension or shown_otherwise
    if theirs is not None:
        table.accounted_for.add(theirs.id)
    if situation.exclusions and (
        situation.exclusions.hold_person(person) or (theirs is not None and situation.excludes(theirs))
    ):
        table.account_for(person.number)
        table.situation.graces.leave(person.guid)
        table.findings.add_excluded(person)
    elif shown_otherwise is not None:
        table.account_for(person.number)
        table.findings.add_reassigned(shown_otherwise, person.guid, person.name, is_released=False)
    elif person.account_state is not AccountState.ENABLED:
        plan_inactive(table, person, extension)
    elif person.number is None:
        plan_without_number(table, person, extension)
    elif person.number in table.assignment.claims.duplicate_numbers:
        table.account_for(person.number)
    elif extension is None:
        plan_joiner(table, person)
    else:
        plan_holder(table, person, extension, situation.bindings[person.guid])


class _Conceding:
    """Notes what cannot be had (see ``drafts.Concessions``)."""

    def __init__(self, table: Worktable) -> None:
        self._table = table

    def give_up_number(self, draft: Draft) -> None:
        holder = self._table.situation.by_number[draft.number]
        if draft.person is not None:
            self._table.findings.add_number_held_by(
                draft.person, phrase("{called}, which keeps it", called=called(holder))
            )

    def give_up_email(self, draft: Draft) -> bool:
        email = str(draft.after.pop("email", ""))
        draft.after.pop(WELCOME, None)
        draft.before.pop("email", None)
        holder = self._table.situation.by_email.get(email_key(email))
        if draft.person is not None and holder is not None:
            self._table.findings.add_email_held(draft.person, email, holder)
        return bool(draft.after)

    def give_up_cycle(self, drafts: list[Draft]) -> None:
        self._table.findings.add_number_cycle(
            [draft.person for draft in drafts if draft.person is not None],
            [draft.number for draft in drafts],
        )


def _create_departments(table: Worktable) -> None:
    """One creation for each department that a draft still uses, and in all drafts the one spelling."""
    departments = table.departments
    if not departments.to_create:
        return
    creations: dict[str, Draft] = {}
    like: Fields = {"like": table.rules.department_template} if table.rules.department_template else {}
    for draft in table.drafts:
        names = _texts(draft.after.get("departments"))
        primary = draft.after.get("primary_department")
        if names:
            draft.after["departments"] = tuple(sorted(departments.spelled(name) for name in names))
        if primary:
            draft.after["primary_department"] = departments.spelled(str(primary))
        used = {folded(name) for name in [*names, str(primary or "")]}
        for key in sorted(used & departments.to_create.keys()):
            name = departments.to_create[key]
            if key not in creations:
                creations[key] = Draft(
                    CommandKind.CREATE_DEPARTMENT,
                    "",
                    phrase(
                        "People in the directory belong to '{name}'; 3CX has no such department.", name=name
                    ),
                    after={"name": name, **like},
                )
            draft.requires.append(creations[key])
    table.drafts += creations.values()


def _note_leftovers(table: Worktable) -> None:
    for whole, (cut, people) in table.departments.shortened.items():
        table.findings.add_department_shortened(whole, cut, people)
    for key, people in table.departments.missing.items():
        table.findings.add_department_missing(table.departments.spelled(key), people)
    named: dict[str, list[Person]] = {
        unit.template_number: [] for unit in table.rules.units if unit.template_number
    }
    gone = {number: waiting for number, waiting in named.items() if number not in table.situation.by_number}
    for number, waiting in (gone | table.without_template).items():
        table.findings.add_template_missing(number, waiting)
    archive = table.rules.archive
    if archive is not None and archive.number and archive.number not in table.situation.by_number:
        leavers = [draft for draft in table.drafts if draft.after.get("archive") == archive.number]
        table.findings.add_archive_missing(archive.number, len(leavers))
    if table.held_back or not all(unit.is_complete for unit in table.evidence.units):
        table.findings.add_incomplete_snapshot(table.evidence.why_held_back(), table.held_back)


def _texts(value: FieldValue) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
