"""People without an extension: which existing one becomes theirs, and what keeps it from them. Pure.

One that nobody is bound to is adopted. One whose person leaves goes to the same human's new account, or by the rules
to a successor. One that shows somebody else than the person bound to it goes to whom it shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.reconciler.identity.bindings import Reason, Remembered, follows_directory
from services.reconciler.identity.claims import Claims
from services.reconciler.matching import may_adopt, shows
from services.reconciler.situation import Situation
from shared.domain.binding import Binding
from shared.domain.extension import Extension
from shared.domain.person import Person
from shared.domain.rules import Outcome, PassedOn


class Obstacle(StrEnum):
    """Why somebody does not get the extension that has their number."""

    PROTECTED = "protected"
    EXCLUDED = "excluded"
    OTHER_NAME = "other_name"
    REASSIGNED = "reassigned"
    NOT_PASSED_ON = "not_passed_on"
    KEPT_BY_HAND = "kept_by_hand"


@dataclass(frozen=True, slots=True)
class Taking:
    """An extension that becomes somebody's, and the binding that ends with it."""

    extension: Extension
    reason: Reason
    previous: Binding | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An extension that does not become somebody's; ``previous`` is the binding that has it."""

    extension: Extension
    obstacle: Obstacle
    previous: Binding | None = None


@dataclass
class Newcomers:
    """By GUID, what they take and what is refused to them; and by extension id, who replaces its holder."""

    taking: dict[str, Taking] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    replaced_by: dict[int, Person] = field(default_factory=dict)


def place_newcomers(situation: Situation, remembered: Remembered, claims: Claims) -> Newcomers:
    """Decide for each newcomer whose number nobody else claims; no number is that of two of them."""
    found = Newcomers()
    if not claims.newcomers and not claims.movers:
        return found
    holder_of = {extension.id: guid for guid, extension in remembered.extension_of.items()}
    shown_otherwise = {extension.id: guid for guid, extension in remembered.reassigned.items()}
    for person in claims.newcomers:
        number = person.number or ""
        extension = situation.by_number.get(number)
        if extension is None or number in claims.duplicate_numbers or number in situation.peers:
            continue
        if extension.id in situation.left_behind or person.guid in remembered.reassigned:
            continue
        placed: Taking | Refusal | None
        if extension.id in holder_of:
            placed = _after(situation, found, person, extension, holder_of[extension.id])
        else:
            placed = _free(situation, person, extension, shown_otherwise)
        if isinstance(placed, Taking):
            found.taking[person.guid] = placed
        elif placed is not None:
            found.refused[person.guid] = placed
    for person in claims.movers:
        present = situation.by_number.get(person.number or "")
        if present is not None and present.id in holder_of and present.id not in situation.left_behind:
            _make_room(situation, found, remembered, claims, person, present, holder_of[present.id])
    return found


def _make_room(
    situation: Situation,
    found: Newcomers,
    remembered: Remembered,
    claims: Claims,
    person: Person,
    extension: Extension,
    holder: str,
) -> None:
    """Somebody who has an extension is given the number of one whose person leaves."""
    own, rules = remembered.extension_of[person.guid], situation.rules
    binding = situation.bindings[person.guid]
    if (
        person.number in claims.duplicate_numbers
        or not follows_directory(binding, person, own, rules.number_changed_in_3cx)
        or situation.protection(own) is not None
        or situation.excludes_holder(person.guid, own)
        or not _is_passed_on(situation, extension, holder)
    ):
        return
    is_kept = situation.graces.is_protected(holder)
    if is_kept or rules.when_number_passed_on is PassedOn.REPORT:
        obstacle = Obstacle.KEPT_BY_HAND if is_kept else Obstacle.NOT_PASSED_ON
        refusal = Refusal(extension, obstacle, situation.bindings[holder])
        found.refused[person.guid] = refusal
    else:
        # They bring an extension of their own, so nothing is taken over.
        found.replaced_by[extension.id] = person


def certainly_theirs(
    situation: Situation, claims: Claims, held: Mapping[int, str], person: Person
) -> Extension | None:
    """The extension of an account out of use to which nobody is bound; ``None`` in doubt."""
    extension = situation.by_number.get(person.number or "")
    if extension is None or extension.id in held or extension.id in situation.left_behind:
        return None
    if extension.number in claims.by_number or claims.idle[extension.number] > 1:
        return None
    if situation.protection(extension) is not None or situation.excludes(extension):
        return None
    return extension if may_adopt(person, extension, situation.rules.adoption) else None


def _free(
    situation: Situation, person: Person, extension: Extension, shown_otherwise: Mapping[int, str]
) -> Taking | Refusal:
    """An extension that nobody has, or that shows somebody else than the person bound to it."""
    previous = situation.bindings.get(shown_otherwise.get(extension.id, ""))
    if situation.protection(extension) is not None:
        return Refusal(extension, Obstacle.PROTECTED, previous)
    if situation.excludes(extension):
        return Refusal(extension, Obstacle.EXCLUDED, previous)
    if previous is not None and not shows(person, extension):
        return Refusal(extension, Obstacle.REASSIGNED, previous)
    if not may_adopt(person, extension, situation.rules.adoption):
        return Refusal(extension, Obstacle.OTHER_NAME, previous)
    return Taking(extension, Reason.ADOPTED, previous)


def _after(
    situation: Situation, found: Newcomers, person: Person, extension: Extension, holder: str
) -> Taking | Refusal | None:
    """An extension that somebody has; ``None`` leaves it to the order of the plan, should they move on."""
    leaving, previous, rules = (
        situation.leaving(holder, extension),
        situation.bindings[holder],
        situation.rules,
    )
    if leaving is None or situation.excludes_holder(holder, extension):
        return None
    if extension.number in situation.reserved:
        return Refusal(extension, Obstacle.PROTECTED, previous)
    if shows(person, extension):
        return Taking(extension, Reason.REBOUND, previous)
    if situation.graces.is_protected(holder):
        return Refusal(extension, Obstacle.KEPT_BY_HAND, previous)
    if rules.when_number_passed_on is PassedOn.TAKE_OVER and _can_be_passed_on(
        situation, extension, leaving, holder
    ):
        return Taking(extension, Reason.TAKEN_OVER, previous)
    if not _is_passed_on(situation, extension, holder):
        return None
    if rules.when_number_passed_on is PassedOn.REPORT:
        return Refusal(extension, Obstacle.NOT_PASSED_ON, previous)
    if rules.add_missing and _has_template(situation, person):
        found.replaced_by[extension.id] = person
    return None


def _is_passed_on(situation: Situation, extension: Extension, holder: str) -> bool:
    """Whether a leaver's extension stays by their own rule and is in the way of who is given its number."""
    leaving = situation.leaving(holder, extension)
    return (
        leaving is Outcome.DISABLE
        and situation.kept_free.reason(extension.number) is None
        and not situation.excludes_holder(holder, extension)
        and _can_be_passed_on(situation, extension, leaving, holder)
    )


def _can_be_passed_on(situation: Situation, extension: Extension, leaving: Outcome, holder: str) -> bool:
    return (
        leaving is not Outcome.KEEP
        and situation.protection(extension) is None
        and situation.evidence.proves_of(situation.people.get(holder), holder)
    )


def _has_template(situation: Situation, person: Person) -> bool:
    number = situation.templates.get(person.unit.casefold())
    return not number or number in situation.by_number
