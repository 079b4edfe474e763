"""Says whether a person of the directory and a password belong together, by signing in as them. Called by the tasks.

Only somebody to whom a run gave an extension is known here: the binding names them by objectGUID. Attributes decide
nothing, because people may write some of their own (the telephone number is one of them) and would become somebody else.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.collector import selection
from services.collector.active_directory import ActiveDirectory
from services.collector.directory_accounts import sign_in_as
from services.collector.directory_order import Directories, asked_about
from services.collector.people import mapping_of
from services.collector.reader import Scope, Search, first_value
from shared.database.tables import BindingRow
from shared.domain.person import AccountState, Person
from shared.errors import AccountNotUsable, BadCredentials, RollcallError
from shared.language import declared
from shared.settings.documents import DirectorySettings
from shared.worker.context import Context

_NOBODY = {"number": "", "name": "", "roles": []}
_NO_BINDING = declared("no run of Rollcall has given them an extension")
_AMBIGUOUS = declared("several domains have this login; enter it with the domain, such as login@corp.example")
_STATES = {
    AccountState.DISABLED: declared("the account is disabled in the directory"),
    AccountState.EXPIRED: declared("the account has expired in the directory"),
}


@dataclass(frozen=True, slots=True)
class _Found:
    """A binding, its person where a directory shows them, and what the password is tried with."""

    binding: BindingRow
    person: Person | None
    settings: DirectorySettings
    server: str


def check_password(
    context: Context, site_id: str, directories: Directories, name: str, password: str
) -> dict[str, Any]:
    """Who has this extension or login; ``refused`` is empty when the password is theirs, else it says why not.

    The password is tried for one account only: a login that two directories have is refused before.

    :raises RollcallError: no directory that may have them can be asked.
    """
    if not password:
        # RFC 4513, section 5.1.2: a bind with a name and no password succeeds and proves nothing.
        return _NOBODY | {"refused": declared("no password was given")}
    found = _found(context, site_id, directories, name, _binding(context, site_id, number=name))
    if not found:
        return _NOBODY | {"refused": _NO_BINDING}
    if len({item.binding.person_guid for item in found}) > 1:
        return _NOBODY | {"refused": _AMBIGUOUS}
    one = found[0]
    answer = _answer(one.binding, one.person)
    if one.person is None or answer["refused"]:
        return answer
    return answer | {
        "refused": _refusal_of(one.settings, one.server, one.person.distinguished_name, password)
    }


def _found(
    context: Context, site_id: str, directories: Directories, name: str, binding: BindingRow | None
) -> list[_Found]:
    """Who it may be: one for each directory that shows somebody, or one whom none of them shows.

    :raises RollcallError: nobody is shown, and a directory could not be asked.
    """
    hidden: list[_Found] = []
    shown: list[_Found] = []
    unanswered: list[RollcallError] = []
    asked = asked_about(directories, name, binding.directory if binding is not None else None)
    for settings in asked.values():
        try:
            with ActiveDirectory(settings) as directory:
                theirs = binding
                if theirs is None and (guid := _guid_of_login(directory, name)) is not None:
                    theirs = _binding(context, site_id, guid=guid)
                if theirs is not None:
                    person = _person(directory, settings, theirs.person_guid)
                    (shown if person is not None else hidden).append(
                        _Found(theirs, person, settings, directory.server)
                    )
        except RollcallError as error:
            unanswered.append(error)
    if unanswered and not shown:
        raise unanswered[0]
    return shown or hidden[:1]


def look_up(context: Context, site_id: str, directories: Directories, number: str) -> dict[str, Any]:
    """As ``check_password`` for somebody who has proven themselves before.

    :raises RollcallError: the directory cannot be asked.
    """
    binding = _binding(context, site_id, number=number)
    if binding is None:
        return _NOBODY | {"refused": _NO_BINDING}
    found = _found(context, site_id, directories, "", binding)
    return _answer(binding, found[0].person)


def _answer(binding: BindingRow, person: Person | None) -> dict[str, Any]:
    if person is None:
        refused = declared("they are no longer in the directory")
    elif binding.is_disabled_by_rollcall:
        refused = declared("the extension is disabled")
    else:
        refused = _STATES.get(person.account_state, "")
    name = person.name if person is not None else binding.person_name
    return {"number": binding.number, "name": name, "roles": [], "refused": refused}


def _refusal_of(settings: DirectorySettings, server: str, dn: str, password: str) -> str:
    """Sign in as the person at the controller that showed them; under the same rules of encryption."""
    try:
        sign_in_as(settings, server, dn, password)
        return ""
    except AccountNotUsable as error:
        return error.message.rstrip(".")
    except BadCredentials:
        return declared("the password is wrong")


def _binding(context: Context, site_id: str, *, number: str = "", guid: str = "") -> BindingRow | None:
    wanted = BindingRow.person_guid == guid if guid else BindingRow.number == number
    with context.database.read() as session:
        found = session.scalars(select(BindingRow).where(BindingRow.site_id == site_id, wanted)).all()
    return found[0] if len(found) == 1 else None


def _guid_of_login(directory: ActiveDirectory, name: str) -> str | None:
    """Of the one account with this login: as CORP\\login, login@corp.example, or alone."""
    login = selection.escaped(name.rpartition("\\")[2])
    wanted = selection.people(f"(|(sAMAccountName={login})(userPrincipalName={login}))")
    base = directory.domain().base_dn
    guids = [
        first_value(entry, "objectGUID")
        for entry in directory.reader.entries(Search(base, wanted, ("objectGUID",)))
    ]
    return str(UUID(bytes_le=guids[0])) if len(guids) == 1 and len(guids[0]) == 16 else None


def _person(directory: ActiveDirectory, settings: DirectorySettings, guid: str) -> Person | None:
    mapping = mapping_of(settings, "", datetime.now(UTC))
    for found in directory.find([guid], directory.domain().base_dn):
        for dn in found.values():
            search = Search(dn, "(objectClass=*)", mapping.sources.requested(), Scope.BASE, 10)
            for entry in directory.reader.entries(search):
                return mapping.person(entry.distinguished_name, entry.attributes)
    return None
