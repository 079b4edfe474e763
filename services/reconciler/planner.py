"""The plan: what must be done so that the phone system says what the directory says. A pure function.

Equal inputs give an equal plan, in whatever order they come. Nothing here reads a clock, a database or a
settings object; ``plan_run`` brings the values and stores the result. The rules are told for administrators
in docs/rules.md.

The rooms: ``claims`` (who wants which number), ``joiners`` (people without an extension), ``holders`` (people
with one), ``leavers`` (people gone, extensions nobody's), ``removal`` (the steps of one), ``drafts`` (what must
come before what), ``findings`` (every sentence), ``worktable`` (what they share).
"""

from collections.abc import Iterable

from services.reconciler.claims import Claims, find_claims
from services.reconciler.drafts import Draft, settle, to_commands
from services.reconciler.evidence import Evidence
from services.reconciler.holders import plan_changes, plan_renumbering
from services.reconciler.joiners import adoption, holder_to_adopt, plan_creation
from services.reconciler.leavers import (
    plan_absent,
    plan_inactive,
    plan_left_behind,
    plan_unclaimed,
    plan_without_number,
)
from services.reconciler.licence import licence_finding
from services.reconciler.worktable import Worktable
from shared.domain.binding import Binding, LeftBehind
from shared.domain.command import CommandKind, FieldValue
from shared.domain.extension import Extension, PhoneSystemSnapshot
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import Plan
from shared.domain.rules import Rules, UnitSnapshot


def make_plan(
    people: Iterable[Person],
    phone_system: PhoneSystemSnapshot,
    bindings: Iterable[Binding],
    absent: Iterable[AbsentPerson],
    rules: Rules,
    units: tuple[UnitSnapshot, ...],
    left_behind: Iterable[LeftBehind] = (),
) -> Plan:
    """Compare and plan.

    ``people`` may hold someone several times (overlapping units); the first unit in the order of the rules
    wins. ``absent`` tells of bound people in none of the units. The plan removes someone only if every unit
    was read to its end and the directory itself says that the person is gone or elsewhere. ``left_behind`` are
    former extensions of people who were given another number; those still there go.
    """
    chosen = _first_unit_wins(people, rules)
    table = Worktable(
        chosen, phone_system, bindings, rules, Evidence.of(units, absent, len(chosen)), left_behind
    )
    claims = find_claims(table)
    _plan_people(table, claims)
    _note_reserved(table)
    stale = plan_absent(table)
    plan_left_behind(table)
    plan_unclaimed(table)
    table.drafts = settle(table.drafts, _Conceding(table))
    _create_departments(table)
    commands = to_commands(table.drafts)
    _note_leftovers(table)
    findings = table.findings.in_order()
    licence = licence_finding(commands, phone_system)
    return Plan(
        commands=commands,
        findings=(*findings, licence) if licence is not None else findings,
        people=len(chosen),
        managed_extensions=sum(
            1 for binding in table.bindings.values() if binding.extension_id in table.by_id
        ),
        stale_binding_guids=tuple(sorted(stale)),
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


def _plan_people(table: Worktable, claims: Claims) -> None:
    by_id, bindings = table.by_id, table.bindings
    enabled, with_departments = AccountState.ENABLED, table.rules.add_to_departments
    for guid, person in table.people.items():
        binding = bindings.get(guid)
        extension = by_id.get(binding.extension_id) if binding is not None else None
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
            and not with_departments
        ):
            continue
        _plan_person(table, claims, person, binding if extension is not None else None, extension)


def _note_reserved(table: Worktable) -> None:
    """Who has an extension under a number that nobody would be given any more keeps it; said in every run."""
    for extension in table.phone_system.extensions:
        reason = table.kept_free.reason(extension.number)
        if reason is None:
            continue
        binding = table.bound_to.get(extension.id)
        person = table.people.get(binding.person_guid) if binding is not None else None
        if person is not None and person.number == extension.number:
            table.findings.number_reserved(person, reason, extension)


def _plan_person(
    table: Worktable, claims: Claims, person: Person, binding: Binding | None, extension: Extension | None
) -> None:
    if extension is not None:
        table.spoken_for.add(extension.id)
    if table.exclusions and (
        table.exclusions.hold_person(person) or (extension is not None and table.excludes(extension))
    ):
        table.speak_for(person.number)
        table.findings.excluded(person)
    elif person.account_state is not AccountState.ENABLED:
        plan_inactive(table, claims, person, extension)
    elif person.number is None:
        plan_without_number(table, person, extension)
    elif person.number in claims.duplicate_numbers:
        table.speak_for(person.number)
    elif extension is None:
        _plan_joiner(table, claims, person)
    elif extension.number in table.reserved:
        table.findings.protected(person, extension, "a template or the archive", "changed")
    elif extension.number != person.number:
        plan_renumbering(table, claims, person, extension, binding)
    else:
        plan_changes(table, claims, person, extension, binding)


def _plan_joiner(table: Worktable, claims: Claims, person: Person) -> None:
    number = person.number or ""
    table.speak_for(number)
    peer = table.peers.get(number)
    if peer is not None:
        table.findings.number_held_by_peer(person, peer)
        return
    present = table.by_number.get(number)
    if present is None or table.is_held(present):
        plan_creation(table, claims, person)
        return
    holder = holder_to_adopt(table, person)
    if holder is not None:
        taking_over = adoption(table, person, holder)
        table.drafts.append(taking_over)
        plan_changes(table, claims, person, holder, None, [taking_over])


class _Conceding:
    """Notes what cannot be had (see ``drafts.Concessions``)."""

    def __init__(self, table: Worktable) -> None:
        self._table = table

    def give_up_number(self, draft: Draft) -> None:
        holder = self._table.by_number[draft.number]
        binding = self._table.bound_to.get(holder.id)
        name = (binding.person_name if binding else "") or holder.name
        if draft.person is not None:
            self._table.findings.number_held_by(
                draft.person, f"extension {holder.number} ({name}), which keeps it"
            )

    def give_up_email(self, draft: Draft) -> bool:
        email = str(draft.after.pop("email", ""))
        draft.before.pop("email", None)
        holder = self._table.by_email.get(email.casefold())
        if draft.person is not None and holder is not None:
            self._table.findings.email_held(draft.person, email, holder)
        return bool(draft.after)

    def give_up_cycle(self, drafts: list[Draft]) -> None:
        self._table.findings.number_cycle(
            [draft.person for draft in drafts if draft.person is not None],
            [draft.number for draft in drafts],
        )


def _create_departments(table: Worktable) -> None:
    """One creation for each department that a draft still uses, and in all drafts the one spelling."""
    departments = table.departments
    if not departments.to_create:
        return
    creations: dict[str, Draft] = {}
    for draft in table.drafts:
        names = _texts(draft.after.get("departments"))
        primary = draft.after.get("primary_department")
        if names:
            draft.after["departments"] = tuple(sorted(departments.spelled(name) for name in names))
        if primary:
            draft.after["primary_department"] = departments.spelled(str(primary))
        used = {name.casefold() for name in [*names, str(primary or "")]}
        for folded in sorted(used & departments.to_create.keys()):
            name = departments.to_create[folded]
            if folded not in creations:
                creations[folded] = Draft(
                    CommandKind.CREATE_GROUP,
                    "",
                    f"People in the directory belong to '{name}'; 3CX has no such department.",
                    after={"name": name},
                )
            draft.requires.append(creations[folded])
    table.drafts += creations.values()


def _note_leftovers(table: Worktable) -> None:
    for folded, people in table.departments.missing.items():
        table.findings.department_missing(table.departments.spelled(folded), people)
    for number, waiting in table.without_template.items():
        table.findings.template_missing(number, waiting)
    archive = table.rules.archive
    if archive is not None and archive.number and archive.number not in table.by_number:
        leavers = [draft for draft in table.drafts if draft.after.get("archive") == archive.number]
        table.findings.archive_missing(archive.number, len(leavers))
    if table.held_back:
        table.findings.incomplete_snapshot(table.evidence.why_held_back(), table.held_back)


def _texts(value: FieldValue) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
