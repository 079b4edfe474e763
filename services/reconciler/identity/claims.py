"""Who claims which number and e-mail address in the directory, and where several claim the same. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.reconciler.situation import Situation
from shared.domain.extension import Extension
from shared.domain.person import AccountState, Person
from shared.values.keys import email_key

# Enough to keep what is plainly no address from 3CX; whether it can be delivered nobody can tell from here.
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


@dataclass
class Claims:
    """``by_number`` are enabled people by the number that the directory gives them.

    ``newcomers`` are those of them without an extension, ``movers`` those whose extension has another number, and
    ``leaving`` the people with one who are not to have it any more. ``idle`` counts, by number, accounts out of use without an extension: they stand in nobody's way. The
    duplicates map a number or a folded address to all who claim it.
    """

    by_number: dict[str, Person] = field(default_factory=dict)
    newcomers: list[Person] = field(default_factory=list)
    movers: list[Person] = field(default_factory=list)
    leaving: list[Person] = field(default_factory=list)
    idle: Counter[str] = field(default_factory=Counter)
    duplicate_numbers: dict[str, dict[str, Person]] = field(default_factory=dict)
    duplicate_emails: dict[str, dict[str, Person]] = field(default_factory=dict)
    _emails: dict[str, Person] = field(default_factory=dict)

    def claim_emails(self, people: Iterable[Person]) -> None:
        """Count the addresses of these people too: their extensions stay, with the address."""
        for person in people:
            if person.email:
                folded = email_key(person.email)
                other = self._emails.setdefault(folded, person)
                if other is not person:
                    self.duplicate_emails.setdefault(folded, {other.guid: other})[person.guid] = person


def find_claims(situation: Situation, extension_of: Mapping[str, Extension]) -> Claims:
    """Go through all people once. The addresses of those who leave are not counted yet."""
    found = Claims()
    by_number, emails = found.by_number, found._emails
    excludes = situation.exclusions.hold_person if situation.exclusions else None
    enabled = AccountState.ENABLED
    for guid, person in situation.people.items():
        number, email = person.number, person.email
        if person.account_state is not enabled or number is None:
            if guid in extension_of:
                if excludes is None or not excludes(person):
                    found.leaving.append(person)
            elif number is not None:
                found.idle[number] += 1
            continue
        if excludes is not None and excludes(person):
            continue
        other = by_number.setdefault(number, person)
        if other is not person:
            found.duplicate_numbers.setdefault(number, {other.guid: other})[guid] = person
        extension = extension_of.get(guid)
        if extension is None:
            found.newcomers.append(person)
        elif extension.number != number:
            found.movers.append(person)
        if email:
            folded = email_key(email)
            other = emails.setdefault(folded, person)
            if other is not person:
                found.duplicate_emails.setdefault(folded, {other.guid: other})[guid] = person
    return found


def is_email_address(text: str) -> bool:
    """Whether the text looks like an e-mail address."""
    return _EMAIL.fullmatch(text) is not None
