"""People without an extension of their own: what they are given. Pure.

Either a new extension, or one that exists already with their number and (by the rules) their name.
"""

from services.reconciler.claims import Claims
from services.reconciler.drafts import Draft
from services.reconciler.fields import contact_fields, new_departments
from services.reconciler.findings import called
from services.reconciler.matching import have_same_email, have_same_name, may_adopt
from services.reconciler.worktable import Worktable
from shared.domain.command import CommandKind
from shared.domain.extension import Extension
from shared.domain.person import Person


def holder_to_adopt(table: Worktable, person: Person) -> Extension | None:
    """The extension with the person's number, if nobody is bound to it and the person may have it.

    What stands against it is noted; ``None`` as well when there is no such extension.
    """
    holder = table.by_number.get(person.number or "")
    if holder is None or table.is_held(holder):
        return None
    what = table.protection(holder)
    if what is not None:
        table.findings.protected(person, holder, what, "taken over")
    elif table.excludes(holder):
        table.findings.number_held_by(person, f"{called(holder)}, which the rules exclude")
    elif may_adopt(person, holder, table.rules.adoption):
        return holder
    else:
        table.findings.name_mismatch(person, holder, table.rules.adoption)
    return None


def adoption(table: Worktable, person: Person, holder: Extension) -> Draft:
    """Bind the person to the extension; a finding when the names differ."""
    if have_same_name(person, holder):
        why = "it has their number and name"
    else:
        why = "both have the same e-mail address"
        if not have_same_email(person, holder):
            why = "the rules take over every extension with a person's number"
        table.findings.adopted_in_spite_of_name(person, holder, why)
    return Draft(
        CommandKind.ADOPT_EXTENSION,
        holder.number,
        f"{person.name} takes over {called(holder)}: {why}.",
        person=person,
        extension=holder,
        before={"number": holder.number, "first_name": holder.first_name, "last_name": holder.last_name},
        evidence=table.evidence.of_presence(person),
    )


def plan_creation(table: Worktable, claims: Claims, person: Person) -> None:
    """A new extension. Its number may still be somebody else's who leaves it in this plan."""
    number = person.number or ""
    if not table.rules.add_missing:
        return
    if number in table.reserved and number not in table.by_number:
        table.findings.reserved_number(person)
        return
    reason = table.kept_free.reason(number)
    if reason is not None:
        table.findings.number_reserved(person, reason, None)
        return
    template_number = table.templates.get(person.unit.casefold())
    template = table.by_number.get(template_number) if template_number else None
    if template_number and template is None:
        table.without_template[template_number].append(person)
        return
    contact = {name: value for name, value in contact_fields(table, claims, person).items() if value}
    after = {"number": person.number, **contact, "enabled": True}
    if template_number:
        after["template"] = template_number
    after |= new_departments(table, person, template)
    add_creation(
        table,
        Draft(
            CommandKind.CREATE_EXTENSION,
            number,
            f"{person.name} is in {person.unit} with number {number} and has no extension in 3CX.",
            person=person,
            after=after,
            evidence=table.evidence.of_presence(person),
        ),
    )


def add_creation(table: Worktable, draft: Draft) -> None:
    """Lay down a draft that makes an extension, with its claims to what others hold now."""
    if draft.number in table.by_number:
        draft.claims.add(("number", draft.number))
    claim_email(table, draft)
    table.drafts.append(draft)


def claim_email(table: Worktable, draft: Draft) -> None:
    """Claim the address that the draft sets, if another extension holds it."""
    email = draft.after.get("email")
    if isinstance(email, str) and email:
        holder = table.by_email.get(email.casefold())
        if holder is not None and holder is not draft.extension:
            draft.claims.add(("email", email.casefold()))
