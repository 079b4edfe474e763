"""What somewhere else (3CX, Active Directory, an identity provider) says of somebody, and what becomes of it here: an
account of ours that is brought up to date, or an entry of the Log that says why not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from services.api.access import accounts
from services.api.access.site_roles import SiteRoles
from shared.database import events
from shared.database.tables import Account, AccountSource, ConsoleSession, EventLevel
from shared.errors import Conflict
from shared.language import declared, phrase
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

_TURNED_OFF = declared("a manager has disabled their account in Rollcall")


class CannotAsk(Exception):
    """Nobody can say at present who it is. ``why`` is for the person, and empty where the usual words fit."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class NotLetIn(Exception):
    """They have not proven who they are, or may not come in; the Log says which.

    ``number`` is the extension of the person whose name it was, empty when nobody has it. ``reason`` is what
    the person may hear, because they have shown the right password.
    """

    def __init__(self, number: str = "", reason: str = "") -> None:
        super().__init__()
        self.number = number
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """Who it is and what they may do now. ``refused`` says in words why they are not let in, and is empty when they are.

    ``name`` is empty when there is nobody. ``external_id`` is as in ``Account``, ``called`` what the Log calls them.
    """

    name: str
    display_name: str
    roles: SiteRoles | None
    refused: str
    source: AccountSource
    external_id: str | None = None
    called: str = declared("somebody unknown")
    # Whether what is refused concerns all sessions of the account, or the one that was asked about alone.
    ends_all: bool = True
    # When the session ends in any case; ``None`` for as long as sessions last.
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A way to be known. ``since`` says since when its rules are as they are (``None``: always).

    ``is_on`` is whether anybody may come in this way; ``look_again`` asks after somebody who has proven themselves.

    :raises CannotAsk: ``look_again``, when nobody can say.
    """

    is_on: Callable[[Context], bool]
    since: Callable[[Context], datetime | None]
    look_again: Callable[[Context, ConsoleSession, Account, datetime], ExternalIdentity]


def let_in(
    context: Context, identity: ExternalIdentity, address: str, *, tells_reason: bool = False
) -> Account:
    """The account of whoever has proven themselves, made or brought up to date.

    :raises NotLetIn: they may not come in; ``tells_reason`` whether they may hear why.
    """
    refused = identity.refused or turned_off(context, identity)
    if not refused and identity.roles is not None:
        try:
            return keep(context, identity)
        except Conflict as error:
            refused = error.message.rstrip(".")
    record_refused(context, identity, refused, address)
    raise NotLetIn(identity.name, refused if tells_reason else "")


def keep(context: Context, identity: ExternalIdentity) -> Account:
    """The account, made or brought up to date.

    :raises Conflict: somebody else has an account of this name.
    """
    assert identity.roles is not None
    with context.database.begin() as session:
        return accounts.keep_external(
            session,
            identity.name,
            identity.display_name,
            identity.roles,
            identity.source,
            identity.external_id,
        )


def turned_off(context: Context, identity: ExternalIdentity) -> str:
    """Why a manager of ours keeps them out, empty when nobody does."""
    known = Account.name == identity.name
    if identity.external_id is not None:
        known |= (Account.source == identity.source.value) & (Account.external_id == identity.external_id)
    with context.database.read() as session:
        off = session.scalar(select(Account.id).where(known, Account.disabled_at.is_not(None)))
    return _TURNED_OFF if off is not None else ""


def record_refused(context: Context, identity: ExternalIdentity, refused: str, address: str) -> None:
    """Say in the Log who was refused, and why."""
    _record(
        context,
        identity,
        "sign_in.refused",
        phrase(
            "Sign-in of {called} from {address} refused: {refused}.",
            called=identity.called,
            address=address,
            refused=refused,
        ),
    )


def record_ended(context: Context, identity: ExternalIdentity, refused: str) -> None:
    """Say in the Log who was signed out, and why."""
    _record(
        context,
        identity,
        "sign_in.ended",
        phrase("{called} was signed out: {refused}.", called=identity.called, refused=refused),
    )


def _record(context: Context, identity: ExternalIdentity, code: str, message: str) -> None:
    is_extension = identity.source in (AccountSource.PHONE_SYSTEM, AccountSource.DIRECTORY)
    with context.database.begin() as session:
        entry = events.LogEntry(
            code,
            message[0].upper() + message[1:],
            EventLevel.WARNING,
            actor="sign-in",
            number=identity.name if is_extension and identity.name else None,
        )
        events.record(session, DEFAULT_SITE, entry)
