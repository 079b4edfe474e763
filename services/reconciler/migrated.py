"""Accounts that were migrated to another domain: two entries of one human, each with an objectGUID of its own. Pure.

A migration with SID history writes the SID of the former account to ``sIDHistory`` of the new one (MS-ADA3 2.287), which
only a domain administrator can do. That proves who it is; number and name or e-mail address must agree besides, because an
account may also be merged into that of somebody else.
"""

from collections.abc import Mapping

from shared.domain.person import AccountState, Person
from shared.values.keys import email_key, name_key


def migrated_accounts(people: Mapping[str, Person]) -> dict[str, str]:
    """By objectGUID of a former account, that of the one which is the same person's now."""
    newer = [person for person in people.values() if person.sid_history]
    if not newer:
        return {}
    by_sid = {person.sid: person for person in people.values() if person.sid}
    found: dict[str, str] = {}
    for person in newer:
        if person.account_state is not AccountState.ENABLED or person.number is None:
            continue
        for sid in person.sid_history:
            former = by_sid.get(sid)
            if former is not None and former.guid != person.guid and _is_same_person(former, person):
                found[former.guid] = person.guid
    return found


def _is_same_person(former: Person, person: Person) -> bool:
    # The number of the former account is often cleared when it is disabled.
    if former.number is not None and former.number != person.number:
        return False
    has_same_name = name_key(former.first_name, former.last_name) == name_key(
        person.first_name, person.last_name
    )
    has_same_email = bool(former.email) and email_key(former.email) == email_key(person.email)
    return has_same_name or has_same_email
