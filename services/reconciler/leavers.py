"""People who are not there any more, or not as before, and extensions that are nobody's. Pure."""

from dataclasses import replace

from services.reconciler.drafts import Draft
from services.reconciler.joiners import adoption
from services.reconciler.rebinding import plan_release
from services.reconciler.removal import Leaving, removal
from services.reconciler.worktable import Worktable
from shared.domain.extension import Extension
from shared.domain.grace import Departure, holder_of
from shared.domain.person import AccountState, Person
from shared.domain.rules import Outcome, RemovalScope
from shared.language import declared, phrase


def plan_inactive(table: Worktable, person: Person, extension: Extension | None) -> None:
    """The account is disabled or has expired."""
    holder = None
    if extension is None:
        table.account_for(person.number)
        holder = extension = table.assignment.unbound_extension_of(person)
    if extension is None:
        return
    outcome = table.situation.graces.outcome(person.guid, Departure.DISABLED, extension)
    if outcome is Outcome.KEEP:
        return
    adopting: list[Draft] = []
    is_deleted = outcome is Outcome.DELETE and table.evidence.proves_of(person, None)
    if holder is not None and (holder.enabled or is_deleted):
        # Bound first, so that it is known to be theirs when the account is enabled again.
        adopting.append(adoption(table, person, holder))
    sentence = (
        declared("is disabled") if person.account_state is AccountState.DISABLED else declared("has expired")
    )
    leaving = Leaving(
        phrase("The account of {name} {sentence} in the directory.", name=person.name, sentence=sentence),
        table.evidence.of_presence(person),
        person,
        departure=Departure.DISABLED,
    )
    table.drafts += [*adopting, *removal(table, extension, outcome, leaving, adopting)]


def plan_without_number(table: Worktable, person: Person, extension: Extension | None) -> None:
    """The number attribute is empty, or holds nothing that can be used."""
    if person.number_problem is not None:
        table.findings.add_bad_number(person)
    elif extension is not None:
        leaving = Leaving(
            phrase("{name} no longer has a number in the directory.", name=person.name),
            table.evidence.of_presence(person),
            person,
            departure=Departure.NUMBER_CLEARED,
        )
        outcome = table.situation.graces.outcome(person.guid, Departure.NUMBER_CLEARED, extension)
        table.drafts += removal(table, extension, outcome, leaving)


def plan_absent(table: Worktable) -> list[str]:
    """Bound people whom no unit holds; returns the GUIDs of those deleted whose extension is gone as well."""
    rules, evidence, who = table.rules, table.evidence, table.assignment
    any_goes = (rules.when_moved_out, rules.when_deleted) != (Outcome.KEEP, Outcome.KEEP)
    stale: list[str] = []
    people, lost, graces = table.situation.people, set(who.lost), table.situation.graces
    for guid, binding in table.situation.bindings.items():
        if guid in people:
            continue
        extension = who.extension_of.get(guid)
        fact = evidence.fact_of(guid)
        if extension is None:
            is_deleted = fact is not None and not fact.found
            if guid in who.reassigned:
                _plan_reassigned(table, guid, is_deleted=is_deleted)
            elif guid in lost and is_deleted:
                stale.append(guid)
            continue
        table.accounted_for.add(extension.id)
        name = binding.person_name or extension.name
        if table.situation.excludes_holder(guid, extension) or guid in table.situation.migrated:
            graces.leave(guid)
            continue
        if fact is None:
            graces.leave(guid)
            table.held_back += any_goes
            continue
        departure = Departure.MOVED_OUT if fact.found else Departure.DELETED
        outcome = graces.outcome(guid, departure, extension)
        sentence = (
            declared("is no longer in the selected OUs")
            if fact.found
            else declared("was deleted from the directory")
        )
        leaving = Leaving(
            phrase("{name} {sentence}.", name=name, sentence=sentence),
            evidence.of_absence(guid),
            guid=guid,
            name=name,
            unit=fact.last_unit,
            departure=departure,
        )
        table.drafts += removal(table, extension, outcome, leaving)
    return stale


def _plan_reassigned(table: Worktable, guid: str, *, is_deleted: bool) -> None:
    """An extension that shows somebody else than the person bound to it, who is absent."""
    extension, binding = table.assignment.reassigned[guid], table.situation.bindings[guid]
    table.accounted_for.add(extension.id)
    if table.situation.excludes_holder(guid, extension):
        return
    # Where every extension that is nobody's goes, the binding is what keeps it.
    is_released = is_deleted and table.rules.removal_scope is not RemovalScope.ALL
    table.findings.add_reassigned(extension, guid, binding.person_name, is_released=is_released)
    if is_released:
        plan_release(table, guid, extension)


def plan_left_behind(table: Worktable) -> None:
    """Former extensions of people who have another one: what an earlier run could not finish."""
    for extension_id, item in sorted(table.situation.left_behind.items()):
        if extension_id in table.assignment.bound_to:
            continue
        extension = table.situation.by_id[extension_id]
        table.accounted_for.add(extension_id)
        leaving = Leaving(
            phrase(
                "{person_name} has extension {new_number} instead.",
                person_name=item.person_name,
                new_number=item.new_number,
            ),
            phrase(
                "Rollcall gave {person_name} number {new_number}; {number} was left over.",
                person_name=item.person_name,
                new_number=item.new_number,
                number=extension.number,
            ),
            guid=item.person_guid,
            name=item.person_name,
            new_number=item.new_number,
        )
        after: list[Draft] = []
        finishing = table.finishing.get(item.person_guid)
        if finishing is not None and finishing.after.get("former_id") == extension_id:
            # Its settings, and its address, have to be with the new one first.
            after = [finishing]
            if str(finishing.after.get("email", "")).casefold() == extension.email.casefold():
                extension = replace(extension, email="")
        table.drafts += removal(table, extension, Outcome.DELETE, leaving, after)


def plan_unclaimed(table: Worktable) -> None:
    """Extensions that nobody in the directory stands for, if the rules remove these too."""
    if table.rules.removal_scope is not RemovalScope.ALL or table.rules.when_deleted is Outcome.KEEP:
        return
    situation = table.situation
    for extension in situation.phone_system.extensions:
        if extension.id in table.accounted_for or extension.id in table.assignment.bound_to:
            continue
        if situation.protection(extension) is not None or situation.excludes(extension):
            continue
        if not table.evidence.proves_absence:
            situation.graces.leave(holder_of(None, extension.id))
            table.held_back += 1
            continue
        leaving = Leaving(
            phrase(
                "Nobody in the directory has number {number} ({name} in 3CX).",
                number=extension.number,
                name=extension.name,
            ),
            table.evidence.of_absence(""),
            name=extension.name,
            departure=Departure.DELETED,
        )
        outcome = situation.graces.outcome(None, Departure.DELETED, extension)
        table.drafts += removal(table, extension, outcome, leaving)
