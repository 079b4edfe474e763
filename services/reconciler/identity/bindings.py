"""Whose extension is whose by memory: a binding is a belief, checked against what 3CX shows. Pure.

An extension is a person's when it shows their name or their e-mail address, as the directory has them now or as
Rollcall last saw them. The id alone proves nothing: after a restore it may be a stranger's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from services.reconciler.matching import Known, have_same_email, have_same_name
from services.reconciler.situation import Situation
from shared.domain.binding import Binding, Shown
from shared.domain.extension import Extension
from shared.domain.person import AccountState, Person
from shared.domain.rules import ChangedIn3cx

# Elsewhere than under its id, an extension must agree in two of number, name and e-mail address.
_KNOWN_AGAIN = 2


class Reason(StrEnum):
    """Why an extension is a person's, where it is not simply bound to them."""

    FOLLOWED = "followed"
    REBOUND = "rebound"
    ADOPTED = "adopted"
    TAKEN_OVER = "taken_over"


@dataclass
class Remembered:
    """What became of the bindings.

    ``extension_of`` is by GUID, for the absent too. ``reasons`` names what is not simply bound: ``FOLLOWED`` under the
    same id with another number, ``REBOUND`` under another id. ``reassigned`` are extensions that still have the bound
    number and show somebody else, by the GUID bound to them. ``lost`` are people whose extension is found nowhere.
    ``noted`` are bindings whose memory is to be brought up to date.
    """

    extension_of: dict[str, Extension] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)
    reassigned: dict[str, Extension] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    noted: list[Binding] = field(default_factory=list)


def check_bindings(situation: Situation) -> Remembered:
    """Check each binding, and look elsewhere for what is not where it was."""
    found = Remembered()
    by_id, extension_of = situation.by_id, found.extension_of
    unconfirmed: list[Binding] = []
    for guid, binding in situation.bindings.items():
        extension = by_id.get(binding.extension_id)
        # The usual case by plain comparisons: a site may have 100,000 of it.
        if (
            extension is not None
            and extension.number == binding.number
            and binding.shown == (extension.first_name, extension.last_name, extension.email)
        ):
            extension_of[guid] = extension
        else:
            unconfirmed.append(binding)
    if unconfirmed:
        _look_closer(situation, found, unconfirmed)
    return found


def is_certain(binding: Binding, person: Person | None, extension: Extension | None, name_limit: int) -> bool:
    """Whether the extension under the binding's id is the person's, so that it need not be looked for elsewhere."""
    if extension is None:
        return False
    if extension.number == binding.number and binding.shown == (
        extension.first_name,
        extension.last_name,
        extension.email,
    ):
        return True
    known = Known.by(binding, person, name_limit)
    return extension.number in known.numbers and known.fit(extension)


def follows_directory(binding: Binding, person: Person, extension: Extension, rule: ChangedIn3cx) -> bool:
    """Whether a number that differs is the directory's change, or is put back by the rules when it is 3CX's."""
    is_changed_in_3cx = extension.number != binding.number and person.number == binding.number
    return not is_changed_in_3cx or rule is ChangedIn3cx.FOLLOW_DIRECTORY


def _look_closer(situation: Situation, found: Remembered, unconfirmed: Iterable[Binding]) -> None:
    unplaced: list[tuple[Binding, Known]] = []
    for binding in unconfirmed:
        guid = binding.person_guid
        person, extension = situation.people.get(guid), situation.by_id.get(binding.extension_id)
        known = Known.by(binding, person, situation.rules.name_limit)
        if extension is not None and extension.number in known.numbers and known.fit(extension):
            found.extension_of[guid] = extension
            _note(found, binding, person, extension)
        else:
            unplaced.append((binding, known))
    if unplaced:
        _look_elsewhere(situation, found, unplaced)


def _look_elsewhere(
    situation: Situation, found: Remembered, unplaced: Iterable[tuple[Binding, Known]]
) -> None:
    held = {extension.id for extension in found.extension_of.values()}
    offers = []
    for binding, known in unplaced:
        for extension in _candidates(situation, binding, known):
            is_same_id = extension.id == binding.extension_id
            agreement = known.agreement(extension)
            if extension.id not in held and (
                known.fit(extension) if is_same_id else agreement >= _KNOWN_AGAIN
            ):
                precedence = _precedence(situation.people.get(binding.person_guid))
                key = (-agreement, not is_same_id, precedence, binding.person_guid, extension.id)
                offers.append((key, binding, extension))
    for _key, binding, extension in sorted(offers, key=lambda offer: offer[0]):
        guid = binding.person_guid
        if guid in found.extension_of or extension.id in held:
            continue
        held.add(extension.id)
        found.extension_of[guid] = extension
        if extension.id == binding.extension_id:
            found.reasons[guid] = Reason.FOLLOWED
            _note(found, binding, situation.people.get(guid), extension)
        else:
            found.reasons[guid] = Reason.REBOUND
    for binding, _known in unplaced:
        guid = binding.person_guid
        if guid in found.extension_of:
            continue
        present = situation.by_id.get(binding.extension_id)
        if present is not None and present.id not in held and present.number == binding.number:
            found.reassigned[guid] = present
        else:
            # With neither number, name nor address in common the id is that of a stranger's extension.
            found.lost.append(guid)


def _candidates(situation: Situation, binding: Binding, known: Known) -> list[Extension]:
    present = situation.by_id.get(binding.extension_id)
    found = {present.id: present} if present is not None else {}
    near = [situation.by_number.get(number) for number in known.numbers]
    near += [situation.by_email.get(email) for email in known.emails]
    for name in known.names:
        near += situation.by_name.get(name, [])
    for extension in near:
        # A former extension that is about to go shows its person's name as well.
        if extension is not None and extension.id not in situation.left_behind:
            found[extension.id] = extension
    return list(found.values())


def _precedence(person: Person | None) -> int:
    """Of two who could have the same extension, whoever is there and enabled comes first."""
    if person is None:
        return 2
    return 0 if person.account_state is AccountState.ENABLED else 1


def _note(found: Remembered, binding: Binding, person: Person | None, extension: Extension) -> None:
    """Remember what both ends agree on; what only 3CX shows may be the beginning of another person."""
    if person is None:
        return
    shown = binding.shown or Shown()
    names = shown[:2]
    if have_same_name(person, extension):
        names = (extension.first_name, extension.last_name)
    email = extension.email if have_same_email(person, extension) else shown.email
    number = extension.number if extension.number == person.number else binding.number
    noted = replace(binding, number=number, shown=Shown(*names, email))
    if noted != binding:
        found.noted.append(noted)
