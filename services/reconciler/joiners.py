"""People without an extension of their own: what they are given. Pure.

Either a new extension, or one that exists already and is theirs by what the assignment says.
"""

from dataclasses import replace

from services.reconciler.drafts import Draft
from services.reconciler.fields import contact_fields, identity, new_departments
from services.reconciler.findings import called
from services.reconciler.holders import plan_changes
from services.reconciler.identity import Obstacle, Reason, Refusal, Taking
from services.reconciler.matching import have_same_email, have_same_name
from services.reconciler.placing import add_creation
from services.reconciler.rebinding import new_account
from services.reconciler.removal import Leaving, emptying
from services.reconciler.worktable import Worktable
from shared.domain.binding import Binding
from shared.domain.command import CommandKind
from shared.domain.extension import Extension
from shared.domain.owed import MEMBERSHIPS, WELCOME
from shared.domain.person import Person
from shared.domain.rules import WelcomeEmail
from shared.language import declared, phrase


def plan_joiner(table: Worktable, person: Person) -> None:
    """Somebody enabled with a number that nobody else claims, and no extension."""
    number = person.number or ""
    table.account_for(number)
    peer = table.situation.peers.get(number)
    taking, refusal = table.assignment.taking.get(person.guid), table.assignment.refused.get(person.guid)
    if peer is not None:
        table.findings.add_number_held_by_peer(person, peer)
    elif refusal is not None:
        _refuse(table, person, refusal)
    elif taking is None:
        plan_creation(table, person)
    elif taking.reason is Reason.ADOPTED or taking.previous is None:
        adopting = adoption(table, person, taking.extension, taking.previous)
        table.drafts.append(adopting)
        plan_changes(table, person, taking.extension, None, [adopting])
    else:
        _take_over(table, person, taking, taking.previous)


def adoption(table: Worktable, person: Person, holder: Extension, previous: Binding | None = None) -> Draft:
    """Bind the person to the extension; a finding when the names differ. ``previous`` is the binding that ends."""
    if have_same_name(person, holder):
        why = declared("the number and name match")
    else:
        why = declared("both have the same e-mail address")
        if not have_same_email(person, holder):
            why = declared("the rules link every extension with a person's number")
        table.findings.add_adopted_in_spite_of_name(person, holder, why)
    ended = (
        phrase(
            " It was linked to {person_name} before.",
            person_name=previous.person_name or declared("somebody else"),
        )
        if previous
        else ""
    )
    return Draft(
        CommandKind.ADOPT_EXTENSION,
        holder.number,
        phrase(
            "{name} is linked to {called}: {why}.{ended}",
            name=person.name,
            called=called(holder),
            why=why,
            ended=ended,
        ),
        person=person,
        extension=holder,
        before=identity(holder),
        evidence=table.evidence.of_presence(person),
    )


def plan_creation(table: Worktable, person: Person) -> None:
    """A new extension. Its number may still be somebody else's who leaves it in this plan."""
    number, situation = person.number or "", table.situation
    if not table.rules.add_missing:
        return
    if number in situation.reserved and number not in situation.by_number:
        table.findings.add_reserved_number(person)
        return
    reason = situation.kept_free.reason(number)
    if reason is not None:
        table.findings.add_number_reserved(person, reason, None)
        return
    template_number = person.template or situation.templates.get(person.unit.casefold())
    template = situation.by_number.get(template_number) if template_number else None
    if template_number and template is None:
        table.without_template[template_number].append(person)
        return
    contact = {name: value for name, value in contact_fields(table, person).items() if value}
    after = {"number": person.number, **contact, "enabled": True}
    if template_number:
        after["template"] = template_number
        if person.unit.casefold() in situation.with_memberships:
            after[MEMBERSHIPS] = True
    if table.rules.welcome_email is not WelcomeEmail.NEVER and after.get("email"):
        after[WELCOME] = True
    after |= new_departments(table, person, template)
    add_creation(
        table,
        Draft(
            CommandKind.CREATE_EXTENSION,
            number,
            _why_created(table, person),
            person=person,
            after=after,
            evidence=table.evidence.of_presence(person),
        ),
    )


def _why_created(table: Worktable, person: Person) -> str:
    assigned_number = table.situation.assigned_numbers.get(person.guid)
    if assigned_number is None:
        return phrase(
            "{name} is in {unit} with number {number} and has no extension in 3CX.",
            name=person.name,
            unit=person.unit,
            number=person.number,
        )
    attribute = table.rules.write_back_attribute if assigned_number.is_given else None
    then = (
        phrase(" It is then written to {attribute} in the directory.", attribute=attribute)
        if attribute
        else ""
    )
    return phrase(
        "{name} is in {unit} without a number and gets {number}.{note}",
        name=person.name,
        unit=person.unit,
        number=assigned_number.how,
        note=then,
    )


def _take_over(table: Worktable, person: Person, taking: Taking, previous: Binding) -> None:
    """The extension of somebody who leaves; a successor gets it emptied when archiving is on."""
    extension, emptied = taking.extension, list[Draft]()
    if taking.reason is Reason.TAKEN_OVER:
        name = previous.person_name or extension.name
        leaving = Leaving(
            phrase(
                "{name} is leaving extension {number}. It is reassigned to {person_name}.",
                name=name,
                number=extension.number,
                person_name=person.name,
            ),
            table.evidence.of_presence(person),
            table.situation.people.get(previous.person_guid),
            guid=previous.person_guid,
            name=name,
        )
        emptied = emptying(table, extension, leaving)
        # Whoever disabled it did so for its former person.
        previous = replace(previous, disabled_by_rollcall=bool(emptied) or not extension.enabled)
    table.drafts += emptied
    rebinding = new_account(table, person, taking, previous)
    if emptied:
        rebinding.claims.add(("number", extension.number))
        # By then the plan itself has disabled it.
        extension = replace(extension, enabled=False)
    plan_changes(table, person, extension, previous, [rebinding])


def _refuse(table: Worktable, person: Person, refusal: Refusal) -> None:
    holder = refusal.extension
    match refusal.obstacle:
        case Obstacle.PROTECTED:
            what = table.situation.protection(holder) or "protected"
            table.findings.add_protected(person, holder, what, declared("taken over"))
        case Obstacle.EXCLUDED:
            table.findings.add_number_held_by(
                person, phrase("{called}, which the rules exclude", called=called(holder))
            )
        case Obstacle.OTHER_NAME:
            table.findings.add_name_mismatch(person, holder, table.rules.adoption)
        case Obstacle.REASSIGNED:
            table.findings.add_number_held_by(
                person, phrase("{called}, which shows somebody else", called=called(holder))
            )
        case Obstacle.NOT_PASSED_ON:
            table.findings.add_number_passed_on(person, holder, refusal.previous)
        case Obstacle.KEPT_BY_HAND:
            table.findings.add_number_kept(person, holder, refusal.previous)
