"""People who sign in with their Active Directory account, because they are in a group that the settings name.

Who they are is found out first, without a password. Attempts are then counted for the person, whatever name was typed,
and locked out before the domain's own limit is reached: nobody can lock an account in Active Directory from here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from services.api.access import lockout
from services.api.access.external_identity import (
    CannotAsk,
    ExternalIdentity,
    NotLetIn,
    Source,
    let_in,
    record_refused,
)
from services.api.access.lockout import LockoutPolicy
from services.api.access.rules import read_rules
from services.api.access.site_roles import roles_by_rules
from shared.database import events
from shared.database.tables import Account, AccountRole, AccountSource, ConsoleSession
from shared.errors import EncryptionRequired, RollcallError
from shared.language import declared, phrase
from shared.settings.documents import DirectoryGroupsSettings
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context
from shared.worker.questions import ask

log = structlog.get_logger(__name__)

# Fewer than any limit that is usual in Active Directory (Microsoft's baseline says 10, many companies 5).
ATTEMPTS = 3
_SPARED = 2
FIRST_LOCK = timedelta(minutes=30)
LONGEST_LOCK = timedelta(hours=2)
_LONGEST_LOGIN, _LONGEST_PASSWORD = 256, 200
_NO_GROUP = declared("they are in none of the groups that may sign in (Settings, AD accounts)")


class NotAMember(Exception):
    """Nobody in the groups has this name; no password was tried."""


class Locked(Exception):
    """Too many attempts failed for this person; none was made now. ``wait`` is for how long."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


@dataclass(frozen=True, slots=True)
class _Found:
    guid: str
    identity: ExternalIdentity
    policy: LockoutPolicy


def is_on(context: Context) -> bool:
    """Whether anybody may sign in this way."""
    return read_rules(context, DirectoryGroupsSettings).settings.is_enabled


def prove(context: Context, name: str, password: str, address: str) -> Account:
    """The account of the member with this login and password.

    :raises NotAMember: nobody in the groups has the name.
    :raises Locked: too many attempts failed for the person.
    :raises NotLetIn: the password is wrong, or the account cannot be used.
    :raises CannotAsk: the directory does not say.
    """
    if not 1 <= len(password) <= _LONGEST_PASSWORD or len(name) > _LONGEST_LOGIN:
        raise NotLetIn
    found = _find(context, name=name)
    if not found.guid or found.identity.roles is None:
        if found.guid:
            record_refused(context, found.identity, found.identity.refused, address)
        raise NotAMember
    subject = _subject(found.guid)
    wait = lockout.count_attempt(context, subject, None, policy=found.policy)
    if wait is not None:
        raise Locked(wait)
    try:
        secret = context.encryption.encrypt(password)
        answer = _ask(context, "collector.prove_account", {"guid": found.guid, "secret": secret})
    except CannotAsk:
        lockout.take_back(context, subject, None)
        raise
    if answer["refused"]:
        record_refused(context, found.identity, answer["refused"], address)
        _note_locked(context, found.identity, subject, address)
        raise NotLetIn(reason=answer["told"])
    lockout.forgive(context, {subject}, None)
    return let_in(context, found.identity, address, tells_reason=True)


def source() -> Source:
    """What is asked again of people who came in this way."""
    return Source(is_on, _since, _look_again)


def _since(context: Context) -> datetime | None:
    return read_rules(context, DirectoryGroupsSettings).changed_at


def _look_again(context: Context, row: ConsoleSession, account: Account, now: datetime) -> ExternalIdentity:
    found = _find(context, guid=account.external_id or "")
    if found.guid:
        return found.identity
    gone = declared("the account is no longer in Active Directory")
    return ExternalIdentity(
        account.name, account.display_name, None, gone, AccountSource.DIRECTORY_ACCOUNT, account.external_id,
        f"{account.name} ({account.display_name})",
    )  # fmt: skip


def _find(context: Context, **wanted: str) -> _Found:
    settings = read_rules(context, DirectoryGroupsSettings).settings
    groups = list(dict.fromkeys(rule.group for rule in settings.groups))
    answer = _ask(context, "collector.find_account", {**wanted, "groups": groups})
    roles = roles_by_rules(
        (AccountRole(rule.role.value), rule.site)
        for rule in settings.groups
        if rule.group in answer["groups"]
    )
    missing = ", ".join(answer["unknown_groups"])
    if missing:
        log.warning("sign_in_group_unknown", groups=missing)
    no_rights = _NO_GROUP + (
        phrase("; Active Directory has no group {missing}", missing=missing) if missing else ""
    )
    name = answer["login"].lower()[:120]
    identity = ExternalIdentity(
        name,
        answer["name"],
        roles,
        # Of a member whose account cannot be used the controller says so itself, to whom it may.
        (answer["refused"] if "guid" in wanted else "") if roles else no_rights,
        AccountSource.DIRECTORY_ACCOUNT,
        answer["guid"],
        f"{name} ({answer['name']})",
    )
    return _Found(
        answer["guid"], identity, policy_below(answer["lockout_threshold"], answer["lockout_seconds"])
    )


def policy_below(threshold: int, seconds: int) -> LockoutPolicy:
    """How often a password may be tried, so that the domain's policy locks nobody out for it."""
    free = min(ATTEMPTS, max(1, threshold - _SPARED)) if threshold else ATTEMPTS
    window = timedelta(seconds=seconds)
    return LockoutPolicy(free, max(FIRST_LOCK, window), max(LONGEST_LOCK, window))


def _ask(context: Context, task: str, arguments: dict[str, Any]) -> Any:
    try:
        return ask(context, task, {"site_id": DEFAULT_SITE, **arguments})
    except EncryptionRequired as error:
        raise CannotAsk(declared("the connection to Active Directory is not encrypted")) from error
    except RollcallError as error:
        log.warning("cannot_check_sign_in", task=task, code=error.code, error=error.message)
        raise CannotAsk from error


def _subject(guid: str) -> str:
    # No login can have this form, so that nobody locks another's name by typing it.
    return phrase("directory account\n{guid}", guid=guid)


def _note_locked(context: Context, identity: ExternalIdentity, subject: str, address: str) -> None:
    if "name" not in lockout.locked(context, subject, address):
        return
    with context.database.begin() as session:
        details = {"locked": "name", "address": address[:64], "account": identity.name}
        events.audit(session, DEFAULT_SITE, actor="sign-in", action="sign_in.locked", details=details)
