"""Who claims which number and e-mail address, and where several claim the same. Pure."""

import re
from collections import Counter
from dataclasses import dataclass, field

from services.reconciler.worktable import Worktable
from shared.domain.extension import Extension
from shared.domain.person import AccountState, Person
from shared.domain.rules import Outcome

# Enough to keep what is plainly no address from 3CX; whether it can be delivered nobody can tell from here.
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


@dataclass
class Claims:
    """``by_number`` are the people who have, or should get, an extension with the number.

    ``idle`` counts, by number, disabled accounts that hold no extension: they stand in nobody's way. The
    duplicates map a number or a folded address to all who claim it.
    """

    by_number: dict[str, Person] = field(default_factory=dict)
    idle: Counter[str] = field(default_factory=Counter)
    duplicate_numbers: dict[str, dict[str, Person]] = field(default_factory=dict)
    duplicate_emails: dict[str, dict[str, Person]] = field(default_factory=dict)


def find_claims(table: Worktable) -> Claims:
    """Go through all people once; duplicates are noted as findings."""
    found = Claims()
    by_number, emails = found.by_number, dict[str, Person]()
    by_id, bindings = table.by_id, table.bindings
    excludes = table.exclusions.hold_person if table.exclusions else None
    enabled = AccountState.ENABLED
    for guid, person in table.people.items():
        if person.account_state is not enabled or person.number is None:
            binding = bindings.get(guid)
            extension = by_id.get(binding.extension_id) if binding is not None else None
            if extension is None:
                if person.number is not None:
                    found.idle[person.number] += 1
                continue
            if _will_be_deleted(table, person, extension):
                continue
        if excludes is not None and excludes(person):
            continue
        number, email = person.number, person.email
        if number is not None:
            other = by_number.setdefault(number, person)
            if other is not person:
                found.duplicate_numbers.setdefault(number, {other.guid: other})[guid] = person
        if email:
            folded = email.casefold()
            other = emails.setdefault(folded, person)
            if other is not person:
                found.duplicate_emails.setdefault(folded, {other.guid: other})[guid] = person
    inactive_go = table.rules.when_disabled is not Outcome.KEEP
    for number, claimants in found.duplicate_numbers.items():
        table.findings.duplicate_number(number, claimants.values(), inactive_go=inactive_go)
    for email, claimants in found.duplicate_emails.items():
        # What is no address has a finding of its own, for each of them.
        if is_email_address(email):
            table.findings.duplicate_email(email, claimants.values())
    return found


def is_email_address(text: str) -> bool:
    """Whether the text looks like an e-mail address."""
    return _EMAIL.fullmatch(text) is not None


def _will_be_deleted(table: Worktable, person: Person, extension: Extension) -> bool:
    """Whether someone present gives up number and e-mail in this plan, so that they stand in nobody's way."""
    rules, is_active = table.rules, person.account_state is AccountState.ENABLED
    outcome = rules.when_number_cleared if is_active else rules.when_disabled
    return (
        outcome is Outcome.DELETE
        and table.evidence.proves_absence
        and not (is_active and person.number_problem is not None)
        and table.protection(extension) is None
        and not table.excludes(extension)
    )
