"""People who have an extension: what is changed on it, and how they come to another number. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from services.reconciler.drafts import Draft
from services.reconciler.fields import (
    Fields,
    contact_fields,
    department_changes,
    differs,
    identity,
    new_departments,
    present,
)
from services.reconciler.identity import Obstacle, follows_directory
from services.reconciler.placing import add_creation, claim_email
from services.reconciler.removal import Leaving, removal
from services.reconciler.worktable import Worktable
from shared.domain.binding import Binding
from shared.domain.carried import RENUMBERING_SAYS
from shared.domain.command import CommandKind
from shared.domain.extension import Extension
from shared.domain.person import Person
from shared.domain.rules import Outcome, Reenabling
from shared.language import declared, listed, named, phrase
from shared.values.keys import email_key


def plan_holder(table: Worktable, person: Person, extension: Extension, binding: Binding) -> None:
    """Somebody enabled with a number, and an extension that shows them."""
    if extension.number in table.situation.reserved:
        table.findings.add_protected(person, extension, declared("a template or the archive"), "changed")
        return
    if extension.number == person.number:
        plan_changes(table, person, extension, binding)
        return
    rule = table.rules.number_changed_in_3cx
    if extension.number != binding.number and person.number == binding.number:
        is_given = person.guid in table.situation.assigned_numbers
        table.findings.add_number_changed_in_3cx(person, extension, binding.number, rule, is_given=is_given)
    if person.guid in table.assignment.refused:
        refusal = table.assignment.refused[person.guid]
        say = table.findings.add_number_passed_on
        if refusal.obstacle is Obstacle.KEPT_BY_HAND:
            say = table.findings.add_number_kept
        say(person, refusal.extension, refusal.previous)
    elif person.guid not in table.rebinding and follows_directory(binding, person, extension, rule):
        # An extension just found under another id is renumbered by the next run, when its link has moved.
        plan_renumbering(table, person, extension, binding)
        return
    plan_changes(table, person, extension, binding)


def plan_changes(
    table: Worktable,
    person: Person,
    extension: Extension,
    binding: Binding | None,
    requires: Sequence[Draft] = (),
) -> None:
    """Bring the fields of an extension in step that has the person's number, and enable it if it is to be."""
    before, after = _differing(table, person, extension)
    known = identity(extension)
    if after:
        changed = listed(_FIELD_WORDS.get(name) or named(name) for name in after)
        draft = Draft(
            CommandKind.UPDATE_EXTENSION,
            extension.number,
            phrase("Differs between AD and 3CX for {name}: {changed}.", name=person.name, changed=changed),
            person=person,
            extension=extension,
            before=known | before,
            after=after,
            evidence=table.evidence.of_presence(person),
            requires=list(requires),
        )
        claim_email(table, draft)
        if "email" in after and extension.email:
            draft.frees.add(("email", email_key(extension.email)))
        table.drafts.append(draft)
    if extension.enabled:
        return
    if not _is_to_be_enabled(table, binding):
        table.findings.add_disabled_by_hand(person, extension)
        return
    table.drafts.append(
        Draft(
            CommandKind.ENABLE_EXTENSION,
            extension.number,
            phrase("The account of {name} is enabled in the directory.", name=person.name),
            person=person,
            extension=extension,
            # What the update of this plan writes is not to be expected as it was, nor is its success.
            before={name: value for name, value in known.items() if name not in after} | {"enabled": False},
            after={"enabled": True},
            evidence=table.evidence.of_presence(person),
            requires=list(requires),
        )
    )


def plan_renumbering(table: Worktable, person: Person, extension: Extension, binding: Binding | None) -> None:
    """Another number: a new extension takes over from the old one, because 3CX changes no number.

    It deletes an extension, so it waits for a complete snapshot like every other removal.
    """
    number = person.number or ""
    what = table.situation.protection(extension)
    if what is not None:
        table.findings.add_protected(person, extension, what, "renumbered")
        return
    if not table.evidence.proves_of(person, None):
        table.held_back += 1
        return
    peer = table.situation.peers.get(number)
    if peer is not None:
        table.findings.add_number_held_by_peer(person, peer)
        return
    if number in table.situation.reserved and number not in table.situation.by_number:
        table.findings.add_reserved_number(person)
        return
    reason = table.situation.kept_free.reason(number)
    if reason is not None:
        table.findings.add_number_reserved(person, reason, extension)
        return
    table.account_for(number)
    contact = contact_fields(table, person)
    # An address that is left as it is goes along to the new extension.
    contact.setdefault("email", extension.email)
    # What was disabled by hand stays so under the new number.
    enabled = extension.enabled or _is_to_be_enabled(table, binding)
    if not enabled:
        table.findings.add_disabled_by_hand(person, extension)
    assigned_number = table.situation.assigned_numbers.get(person.guid)
    renumbering = Draft(
        CommandKind.RENUMBER_EXTENSION,
        number,
        phrase(
            "{name} has number {how} and extension {number} in 3CX, where a number cannot change: a new "
            "extension is created, then the old one is deleted. {renumbering_says}",
            name=person.name,
            how=assigned_number.how
            if assigned_number
            else phrase("{number} in the directory", number=number),
            number=extension.number,
            renumbering_says=RENUMBERING_SAYS,
        ),
        person=person,
        extension=extension,
        before=identity(extension) | {"enabled": extension.enabled},
        after={"number": number, **contact, "enabled": enabled, **new_departments(table, person, extension)},
        evidence=table.evidence.of_presence(person),
    )
    add_creation(table, renumbering)
    leaving = Leaving(
        phrase("{name} has extension {number} instead.", name=person.name, number=number),
        table.evidence.of_presence(person),
        person,
        new_number=number,
    )
    if str(renumbering.after["email"]).casefold() == extension.email.casefold():
        # The address moves to the new extension before the old one is looked at again.
        extension = replace(extension, email="")
    table.drafts += removal(table, extension, Outcome.DELETE, leaving, [renumbering])


_FIELD_WORDS = {
    "first_name": declared("first name"),
    "last_name": declared("last name"),
    "email": declared("e-mail"),
    "primary_department": declared("primary department"),
    "caller_id": declared("outbound caller ID"),
    "emergency_info": declared("emergency information"),
}


def _differing(table: Worktable, person: Person, extension: Extension) -> tuple[Fields, Fields]:
    before: Fields = {}
    after: Fields = {}
    for name, value in contact_fields(table, person).items():
        held = present(extension, name)
        # What was not read is not touched.
        if held is not None and differs(name, value, held):
            before[name], after[name] = held, value
    if person.guid in table.finishing:
        # Finishing it writes them; the next run compares.
        return before, after
    departments_before, departments_after = department_changes(table, person, extension)
    return before | departments_before, after | departments_after


def _is_to_be_enabled(table: Worktable, binding: Binding | None) -> bool:
    """Whether a disabled extension is enabled again: what Rollcall disabled, or by the rules every one."""
    is_ours = binding is not None and binding.disabled_by_rollcall
    return is_ours or table.rules.reenabling is Reenabling.ALWAYS
