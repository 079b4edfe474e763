"""Says whether a person of the directory and a password belong together, by signing in as them. Called by the tasks.

Only somebody to whom a run gave an extension is known here: the binding names them by objectGUID. Attributes decide
nothing, because people may write some of their own (the telephone number is one of them) and would become somebody else.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.collector import selection
from services.collector.active_directory import ActiveDirectory
from services.collector.directory_accounts import sign_in_as
from services.collector.people import mapping_of
from services.collector.reader import Scope, Search, first_value
from shared.database.tables import BindingRow
from shared.domain.person import AccountState, Person
from shared.errors import AccountNotUsable, BadCredentials
from shared.settings.documents import DirectorySettings
from shared.worker.context import Context

_NOBODY = {"number": "", "name": "", "roles": []}
_NO_BINDING = "no run of Rollcall has given them an extension"
_STATES = {
    AccountState.DISABLED: "the account is disabled in the directory",
    AccountState.EXPIRED: "the account has expired in the directory",
}


def check_password(
    context: Context, site_id: str, settings: DirectorySettings, name: str, password: str
) -> dict[str, Any]:
    """Who has this extension or login; ``refused`` is empty when the password is theirs, else it says why not.

    :raises RollcallError: the directory cannot be asked.
    """
    if not password:
        # RFC 4513, section 5.1.2: a bind with a name and no password succeeds and proves nothing.
        return _NOBODY | {"refused": "no password was given"}
    with ActiveDirectory(settings) as directory:
        binding = _binding(context, site_id, number=name)
        if binding is None and (guid := _guid_of_login(directory, name)) is not None:
            binding = _binding(context, site_id, guid=guid)
        if binding is None:
            return _NOBODY | {"refused": _NO_BINDING}
        person = _person(directory, settings, binding.person_guid)
        answer = _answer(binding, person)
        server = directory.server
    if person is None or answer["refused"]:
        return answer
    return answer | {"refused": _refusal_of(settings, server, person.distinguished_name, password)}


def look_up(context: Context, site_id: str, settings: DirectorySettings, number: str) -> dict[str, Any]:
    """As ``check_password`` for somebody who has proven themselves before.

    :raises RollcallError: the directory cannot be asked.
    """
    binding = _binding(context, site_id, number=number)
    if binding is None:
        return _NOBODY | {"refused": _NO_BINDING}
    with ActiveDirectory(settings) as directory:
        return _answer(binding, _person(directory, settings, binding.person_guid))


def _answer(binding: BindingRow, person: Person | None) -> dict[str, Any]:
    if person is None:
        refused = "they are no longer in the directory"
    elif binding.is_disabled_by_rollcall:
        refused = "the extension is disabled"
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
        return "the password is wrong"


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
