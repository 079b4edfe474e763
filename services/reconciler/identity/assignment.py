"""The one answer to "who is who": pairs with their reasons, one holder for each number, and every conflict. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from services.reconciler.identity.bindings import Reason, Remembered, check_bindings
from services.reconciler.identity.claims import Claims, find_claims
from services.reconciler.identity.newcomers import (
    Newcomers,
    Refusal,
    Taking,
    certainly_theirs,
    place_newcomers,
)
from services.reconciler.situation import Situation
from shared.domain.binding import Binding
from shared.domain.extension import Extension
from shared.domain.person import Person
from shared.domain.rules import Outcome


@dataclass
class Assignment:
    """Who has which extension, and why.

    ``extension_of`` are the extensions of people bound to one, by GUID; ``taking`` those that become a newcomer's in
    this plan. No extension is in both or twice. ``reassigned`` are extensions that show somebody else than the person
    bound to them and become nobody's now, by that person's GUID; ``refused`` what keeps a newcomer from the extension
    with their number; ``replaced_by`` who gets the number of an extension that is removed for it, by extension id.
    """

    situation: Situation
    extension_of: dict[str, Extension]
    reasons: Mapping[str, Reason]
    reassigned: dict[str, Extension]
    taking: Mapping[str, Taking]
    refused: Mapping[str, Refusal]
    replaced_by: Mapping[int, Person]
    claims: Claims
    lost: tuple[str, ...]
    noted: tuple[Binding, ...]

    @cached_property
    def holder_of(self) -> dict[int, str]:
        """By extension id, the GUID of the one person it is or becomes the extension of."""
        holders = {extension.id: guid for guid, extension in self.extension_of.items()}
        return holders | {taking.extension.id: guid for guid, taking in self.taking.items()}

    @cached_property
    def bound_to(self) -> dict[int, str]:
        """By extension id, the GUID that Rollcall has for it, also where 3CX shows somebody else."""
        return {extension.id: guid for guid, extension in self.reassigned.items()} | self.holder_of

    @property
    def moved(self) -> list[str]:
        """GUIDs of people whose extension has another id than before, in order."""
        return sorted(guid for guid, reason in self.reasons.items() if reason is Reason.REBOUND)

    def is_held(self, extension: Extension) -> bool:
        """Whether it is somebody's, or was left behind and goes: nobody else's to take over as it is."""
        return extension.id in self.bound_to or extension.id in self.situation.left_behind

    def unbound_extension_of(self, person: Person) -> Extension | None:
        """The extension that is certainly that of an account out of use, although nobody is bound to it."""
        return certainly_theirs(self.situation, self.claims, self.bound_to, person)


def resolve(situation: Situation) -> Assignment:
    """Decide who is who. Equal inputs give an equal answer, in whatever order they come."""
    remembered = check_bindings(situation)
    claims = find_claims(situation, remembered.extension_of)
    newcomers = place_newcomers(situation, remembered, claims)
    _hand_over(remembered, newcomers)
    claims.claim_emails(_staying(situation, remembered, newcomers, claims))
    return Assignment(
        situation,
        remembered.extension_of,
        remembered.reasons,
        remembered.reassigned,
        newcomers.taking,
        newcomers.refused,
        newcomers.replaced_by,
        claims,
        tuple(sorted(remembered.lost)),
        tuple(sorted(remembered.noted, key=lambda binding: binding.person_guid)),
    )


def _hand_over(remembered: Remembered, newcomers: Newcomers) -> None:
    for taking in newcomers.taking.values():
        if taking.previous is not None:
            remembered.extension_of.pop(taking.previous.person_guid, None)
            remembered.reasons.pop(taking.previous.person_guid, None)
            remembered.reassigned.pop(taking.previous.person_guid, None)


def _staying(
    situation: Situation, remembered: Remembered, newcomers: Newcomers, claims: Claims
) -> list[Person]:
    """Those who are to have no extension any more and whose extension stays all the same, with its address."""
    staying = []
    for person in claims.leaving:
        extension = remembered.extension_of.get(person.guid)
        if extension is not None and not _is_deleted(situation, newcomers, person, extension):
            staying.append(person)
    return staying


def _is_deleted(situation: Situation, newcomers: Newcomers, person: Person, extension: Extension) -> bool:
    outcome = situation.leaving(person.guid, extension)
    return (
        (outcome is Outcome.DELETE or extension.id in newcomers.replaced_by)
        and situation.evidence.proves_of(person, None)
        and situation.protection(extension) is None
        and not situation.excludes(extension)
    )
