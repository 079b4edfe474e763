"""Bindings that change: ended, moved to another account or to another id. Nothing is written to 3CX for these. Pure."""

from services.reconciler.drafts import Draft
from services.reconciler.fields import Fields, identity
from services.reconciler.findings import called
from services.reconciler.identity import Reason, Taking
from services.reconciler.worktable import Worktable
from shared.domain.binding import Binding
from shared.domain.command import CommandKind
from shared.domain.extension import Extension
from shared.domain.person import AccountState, Person
from shared.language import declared, phrase


def plan_moves(table: Worktable) -> None:
    """Extensions under another id than before, as after a restore: their bindings follow."""
    moved: list[tuple[str, str, Extension]] = []
    for guid in table.assignment.moved:
        binding, extension = table.situation.bindings[guid], table.assignment.extension_of[guid]
        if table.situation.excludes_holder(guid, extension):
            continue
        person = table.situation.people.get(guid)
        name = person.name if person is not None else binding.person_name or extension.name
        draft = Draft(
            CommandKind.REBIND_EXTENSION,
            extension.number,
            phrase(
                "{called} has another id in 3CX than before. Its data matches {name}.",
                called=called(extension, at_start=True),
                name=name,
            ),
            person=person,
            extension=extension,
            before=identity(extension),
            after=_binding_values(binding, binding.number),
            evidence=phrase(
                "Its previous id is {extension_id}; its id is {id}.",
                extension_id=binding.extension_id,
                id=extension.id,
            ),
            guid=guid,
            person_name=name,
        )
        table.rebinding[guid] = draft
        table.drafts.append(draft)
        moved.append((guid, name, extension))
    if moved:
        table.findings.add_found_again(moved)


def require_moves(table: Worktable) -> None:
    """The first thing done to an extension found under another id needs its binding to be moved; the rest follows."""
    for draft in table.drafts if table.rebinding else ():
        needed = table.rebinding.get(draft.guid or "")
        if needed is None or draft is needed or not _are_same(draft, needed):
            continue
        if not any(_are_same(earlier, needed) for earlier in draft.requires):
            draft.requires.append(needed)


def _are_same(draft: Draft, other: Draft) -> bool:
    """Whether both are about one extension."""
    return (
        draft.extension is not None
        and other.extension is not None
        and draft.extension.id == other.extension.id
    )


def new_account(table: Worktable, person: Person, taking: Taking, previous: Binding) -> Draft:
    """The same human under a new objectGUID, or a successor: the extension stays and becomes theirs."""
    extension, name = taking.extension, previous.person_name or taking.extension.name
    if taking.reason is Reason.TAKEN_OVER:
        reason = phrase(
            "{why_gone}, and the directory gives {number} to {name}. {called} is reassigned.",
            why_gone=_why_gone(table, previous, name),
            number=extension.number,
            name=person.name,
            called=called(extension),
        )
    else:
        reason = phrase(
            "{name} has a new account in the directory: {why_gone}. They keep extension {number}.",
            name=person.name,
            why_gone=_why_gone(table, previous, declared("the former one")),
            number=extension.number,
        )
        table.findings.add_new_account(person, extension, previous)
    draft = Draft(
        CommandKind.REBIND_EXTENSION,
        extension.number,
        reason,
        person=person,
        extension=extension,
        before=identity(extension),
        after=_binding_values(previous, extension.number) | {"previous_person": previous.person_guid},
        evidence=table.evidence.of_presence(person),
    )
    table.drafts.append(draft)
    return draft


def plan_release(table: Worktable, guid: str, extension: Extension) -> None:
    """End the binding of somebody deleted to an extension that shows somebody else."""
    binding = table.situation.bindings[guid]
    name = binding.person_name or "Somebody"
    table.drafts.append(
        Draft(
            CommandKind.RELEASE_BINDING,
            extension.number,
            phrase(
                "{name} was deleted from the directory, and {called} shows somebody else in 3CX. Nothing is "
                "changed.",
                name=name,
                called=called(extension),
            ),
            extension=extension,
            before=identity(extension),
            evidence=table.evidence.of_absence(guid),
            guid=guid,
            person_name=binding.person_name,
        )
    )


def _binding_values(binding: Binding, number: str) -> Fields:
    return {
        "number": number,
        "origin": binding.origin.value,
        "disabled_by_rollcall": binding.disabled_by_rollcall,
    }


def _why_gone(table: Worktable, binding: Binding, what: str) -> str:
    person = table.situation.people.get(binding.person_guid)
    if binding.person_guid in table.situation.migrated:
        return phrase(
            "{what} was migrated to another domain (its SID is in the sIDHistory of the new one)", what=what
        )
    if person is None:
        fact = table.evidence.absent.get(binding.person_guid)
        is_found = fact is not None and fact.found
        return (
            phrase("{what} is no longer in the selected OUs", what=what)
            if is_found
            else phrase("{what} was deleted", what=what)
        )
    if person.account_state is AccountState.ENABLED:
        return phrase("{what} no longer has a number", what=what)
    return f"{what} " + (
        declared("is disabled") if person.account_state is AccountState.DISABLED else declared("has expired")
    )
