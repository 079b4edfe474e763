"""What earlier runs had begun to make and not finished: it is finished before anything else is done to it. Pure."""

from dataclasses import replace

from services.reconciler.drafts import Draft
from services.reconciler.fields import Fields, identity
from services.reconciler.worktable import Worktable
from shared.domain.command import CommandKind
from shared.domain.extension import Extension
from shared.domain.owed import AGAIN, MEMBERSHIPS, WELCOME, Owed
from shared.language import declared, phrase

# What follows the creation itself; the rest was written with it, and the usual comparison looks after it.
_FURTHER = ("template", MEMBERSHIPS, "departments", "primary_department", WELCOME, AGAIN)


def plan_owed(table: Worktable) -> None:
    """One command for each extension that is not finished; a finding where it was refused or cannot be now."""
    for owed in table.situation.owed:
        extension = table.assignment.extension_of.get(owed.person_guid)
        person = table.situation.people.get(owed.person_guid)
        if person is None or extension is None or extension.number != owed.number:
            # Gone, or about to go.
            continue
        if owed.refusal:
            table.findings.add_steps_refused(owed)
        elif table.situation.excludes_holder(person.guid, extension):
            table.findings.add_steps_owed(owed, declared("the rules exclude it"))
        else:
            after = _wanted(table, owed, extension)
            draft = Draft(
                CommandKind.FINISH_EXTENSION,
                extension.number,
                _reason(owed, extension.number, person.name),
                person=person,
                extension=extension,
                before=identity(extension),
                after=after,
                evidence=table.evidence.of_presence(person),
            )
            table.drafts.append(draft)
            table.finishing[person.guid] = draft
            # Whatever else is done to it comes after that, and finds it so.
            finished = replace(extension, email=str(after.get("email", extension.email)))
            table.assignment.extension_of[person.guid] = finished


def _reason(owed: Owed, number: str, name: str) -> str:
    if owed.after.get(AGAIN):
        template = owed.after.get("template")
        return phrase(
            "The settings of template {template} are re-applied to extension {number} of {name}, as "
            "requested.",
            template=template,
            number=number,
            name=name,
        )
    return phrase(
        "Extension {number} of {name} was created by an earlier run that could not finish it.",
        number=number,
        name=name,
    )


def _wanted(table: Worktable, owed: Owed, extension: Extension) -> Fields:
    after: Fields = {name: value for name, value in owed.after.items() if name in _FURTHER}
    former = table.situation.left_behind.get(owed.former_id or 0)
    if former is None:
        return after
    after["former_id"] = former.extension_id
    email = str(owed.after.get("email", ""))
    holder = table.situation.by_email.get(email.casefold())
    if email and (holder is None or holder.id in (former.extension_id, extension.id)):
        after["email"] = email
    return after
