"""People who sign in to the console with their Active Directory account: who they are, in which groups, and whether the
password is theirs. Called by the tasks.

Finding somebody shows no password to anybody, so that attempts can be counted for the person, whatever name was typed,
before the controller counts them too.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from services.collector import selection
from services.collector.active_directory import ActiveDirectory
from services.collector.directory_order import Directories, asked_about
from services.collector.mapping import clean, filetime
from services.collector.reader import RawEntry, Scope, Search, first_value
from shared.errors import (
    AccountNotUsable,
    BadCredentials,
    EncryptionRequired,
    InsufficientRights,
    RollcallError,
    UnknownBaseDn,
)
from shared.language import declared
from shared.settings.documents import Authentication, DirectorySettings, Security
from shared.settings.sections.directory import domain_of

_ATTRIBUTES = (
    "objectGUID", "sAMAccountName", "userPrincipalName", "displayName", "userAccountControl", "accountExpires",
    "primaryGroupID", "objectSid", "msDS-ResultantPSO",
)  # fmt: skip
_ACCOUNT_DISABLED = 0x2
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)
_ANYTHING = "(objectClass=*)"
_DISABLED = declared("the account is disabled in Active Directory")
_EXPIRED = declared("the account has expired in Active Directory")
_LOCKED = declared("the account is locked in Active Directory")
# Of these a controller speaks only to somebody who has shown the right password (Microsoft, "LDAP error codes for
# failed binds"); of a locked account (775) to everybody.
_REASONS_FOR_THE_PERSON = {
    "530": declared("the account may not sign in at this time"),
    "531": declared("the account may not be used from this computer ('Log On To' in Active Directory)"),
    "532": declared("the password has expired; change it on your computer, then try again"),
    "533": _DISABLED,
    "701": _EXPIRED,
    "773": declared(
        "the password must be changed at the next logon; sign in to your computer first, then try again"
    ),
}
_GONE = declared("they are no longer in the directory")
_NO_ACCOUNT = {"guid": "", "login": "", "name": "", "refused": "", "groups": [], "unknown_groups": []}
_HUNDRED_NANOSECONDS = 10_000_000


def find_in(directories: Directories, groups: list[str], *, name: str = "", guid: str = "") -> dict[str, Any]:
    """As ``find``, in each directory that may have them; nobody when two of them do.

    :raises RollcallError: nobody was found, and a directory could not be asked.
    """
    answers: list[dict[str, Any]] = []
    unanswered: list[RollcallError] = []
    for settings in asked_about(directories, name).values():
        own = groups
        if len(directories) > 1:
            domains = {domain_of(unit.dn) for unit in settings.units}
            own = [group for group in groups if domain_of(group) in domains]
        try:
            answers.append(find(settings, own, name=name, guid=guid))
        except RollcallError as error:
            unanswered.append(error)
    found = [answer for answer in answers if answer["guid"]]
    if unanswered and not found:
        raise unanswered[0]
    return found[0] if len(found) == 1 else (answers[0] | _NO_ACCOUNT)


def find(settings: DirectorySettings, groups: list[str], *, name: str = "", guid: str = "") -> dict[str, Any]:
    """Whoever has this login, principal name or objectGUID, and which of the groups they are a member of.

    ``guid`` is empty when there is nobody, or more than one. ``refused`` says in words why the account cannot be used.
    ``lockout_threshold`` (attempts, 0 for never) and ``lockout_seconds`` are the policy that counts for them.

    :raises EncryptionRequired: the connection is not encrypted.
    :raises RollcallError: the directory cannot be asked.
    """
    _check_encrypted(settings)
    with ActiveDirectory(settings) as directory:
        base = directory.domain().base_dn
        entry = _by_guid(directory, base, guid) if guid else _by_name(directory, base, name)
        found = (
            _described(entry) if entry is not None else {"guid": "", "login": "", "name": "", "refused": ""}
        )
        held, unknown = _groups_of(directory, base, entry, groups) if entry is not None else ([], [])
        return found | {"groups": held, "unknown_groups": unknown} | _lockout_policy(directory, base, entry)


def prove_in(directories: Directories, guid: str, password: str) -> dict[str, Any]:
    """As ``prove``, in the one directory that has the account.

    :raises RollcallError: no other has it, and a directory could not be asked.
    """
    unanswered: list[RollcallError] = []
    for settings in directories.values():
        try:
            answer = prove(settings, guid, password)
        except RollcallError as error:
            unanswered.append(error)
        else:
            if answer["refused"] != _GONE:
                return answer
    if unanswered:
        raise unanswered[0]
    return {"refused": _GONE, "told": ""}


def prove(settings: DirectorySettings, guid: str, password: str) -> dict[str, Any]:
    """Whether the password is that of the account: ``refused`` is empty then, else it says why not.

    ``told`` is what the person may hear, because only whoever has the right password gets that far.

    :raises EncryptionRequired: the connection is not encrypted.
    :raises RollcallError: the directory cannot be asked.
    """
    _check_encrypted(settings)
    if not password:
        # RFC 4513, section 5.1.2: a bind with a name and no password succeeds and proves nothing.
        return {"refused": declared("no password was given"), "told": ""}
    with ActiveDirectory(settings) as directory:
        entry = _by_guid(directory, directory.domain().base_dn, guid)
        server = directory.server
    if entry is None:
        return {"refused": _GONE, "told": ""}
    try:
        sign_in_as(settings, server, entry.dn, password)
    except AccountNotUsable as error:
        reason = _REASONS_FOR_THE_PERSON.get(str(error.details.get("sub_code")), "")
        return {"refused": reason or _LOCKED, "told": reason}
    except BadCredentials:
        return {"refused": declared("the password is wrong"), "told": ""}
    # Another controller may have taken the password before it heard of the change.
    state = _state_of(entry)
    return {"refused": state, "told": state}


def sign_in_as(settings: DirectorySettings, server: str, dn: str, password: str) -> None:
    """Check that the password is the person's: asked of the controller that showed them, under the same encryption.

    :raises BadCredentials: it is not.
    :raises AccountNotUsable: the account cannot be used; the detail ``sub_code`` says why.
    :raises RollcallError: the directory cannot be asked.
    """
    as_person = settings.model_copy(
        update={
            "servers": (server,),
            "user": dn,
            "password": SecretStr(password),
            "authentication": Authentication.SIMPLE,
        }
    )
    with ActiveDirectory(as_person):
        return


def _check_encrypted(settings: DirectorySettings) -> None:
    if settings.security is Security.PLAIN:
        raise EncryptionRequired(
            declared(
                "People sign in with their Active Directory password over an encrypted connection only. Set "
                "directory.security to ldaps or starttls."
            )
        )


def _by_name(directory: ActiveDirectory, base: str, name: str) -> RawEntry | None:
    """Of the one account with this login: as CORP\\login, login@corp.example, or alone."""
    login = selection.escaped(name.rpartition("\\")[2])
    return _only(directory, base, f"(|(sAMAccountName={login})(userPrincipalName={login}))")


def _by_guid(directory: ActiveDirectory, base: str, guid: str) -> RawEntry | None:
    return _only(directory, base, selection.any_guid([guid]))


def _only(directory: ActiveDirectory, base: str, clause: str) -> RawEntry | None:
    found = list(directory.reader.entries(Search(base, selection.people(clause), _ATTRIBUTES)))
    return found[0] if len(found) == 1 and len(first_value(found[0], "objectGUID")) == 16 else None


def _described(entry: RawEntry) -> dict[str, Any]:
    login = clean(first_value(entry, "sAMAccountName"))
    principal = clean(first_value(entry, "userPrincipalName"))
    return {
        "guid": str(UUID(bytes_le=first_value(entry, "objectGUID"))),
        "login": principal or login,
        "name": clean(first_value(entry, "displayName")) or login,
        "refused": _state_of(entry),
    }


def _state_of(entry: RawEntry) -> str:
    if _number(entry, "userAccountControl") & _ACCOUNT_DISABLED:
        return _DISABLED
    expires = _number(entry, "accountExpires")
    if expires not in _NEVER and expires <= filetime(datetime.now(UTC)):
        return _EXPIRED
    return ""


def _groups_of(
    directory: ActiveDirectory, base: str, entry: RawEntry, groups: list[str]
) -> tuple[list[str], list[str]]:
    """Which of the groups hold the person, through any number of others, and which do not exist.

    The primary group is not in memberOf (MS-ADTS 3.1.1.4.5.11): it is looked at as a member of its own.
    """
    held, unknown = [], []
    sid = first_value(entry, "objectSid")
    primary = sid[:-4] + _number(entry, "primaryGroupID").to_bytes(4, "little")
    by_sid = "(objectSid=" + "".join(f"\\{byte:02x}" for byte in primary) + ")"
    members = [entry.dn, *(found.dn for found in directory.reader.entries(Search(base, by_sid, ("1.1",))))]
    for group in groups:
        try:
            found = list(directory.reader.entries(Search(group, _ANYTHING, ("objectSid",), Scope.BASE, 10)))
        except UnknownBaseDn:
            found = []
        if not found:
            unknown.append(group)
        elif first_value(found[0], "objectSid") == primary or any(
            _is_in(directory, member, group) for member in members
        ):
            held.append(group)
    return held, unknown


def _is_in(directory: ActiveDirectory, member: str, group: str) -> bool:
    search = Search(member, selection.in_chain(group), ("1.1",), Scope.BASE, 10)
    return any(True for _ in directory.reader.entries(search))


def _lockout_policy(directory: ActiveDirectory, base: str, person: RawEntry | None) -> dict[str, int]:
    """That of the fine-grained policy which counts for the person, if the account may read it; else the domain's."""
    own = clean(first_value(person, "msDS-ResultantPSO")) if person is not None else ""
    for dn, threshold, window in (
        (own, "msDS-LockoutThreshold", "msDS-LockoutObservationWindow"),
        (base, "lockoutThreshold", "lockOutObservationWindow"),
    ):
        search = Search(dn, _ANYTHING, (threshold, window), Scope.BASE, 10)
        with suppress(UnknownBaseDn, InsufficientRights):
            for entry in directory.reader.entries(search) if dn else ():
                if first_value(entry, threshold):
                    # Times in a policy are negative (MS-ADTS 3.1.1.1.5, LargeInteger intervals).
                    seconds = abs(_number(entry, window)) // _HUNDRED_NANOSECONDS
                    return {"lockout_threshold": _number(entry, threshold), "lockout_seconds": seconds}
    return {"lockout_threshold": 0, "lockout_seconds": 0}


def _number(entry: RawEntry, name: str) -> int:
    try:
        return int(first_value(entry, name) or b"0")
    except ValueError:
        return 0
