"""Accounts of the console: made, changed, disabled. There is always somebody left who may manage them."""

import re
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services.api.access import site_roles
from services.api.access.date_format import DateFormat
from services.api.access.passwords.own import hash_password
from services.api.access.site_roles import SiteRoles
from shared.database import events
from shared.database.locks import exclusive
from shared.database.tables import (
    Account,
    AccountRole,
    AccountSource,
    ConsoleSession,
    SecondFactor,
    SignInChallenge,
    Site,
)
from shared.errors import Conflict, NotFound, SettingsInvalid
from shared.language import declared, phrase
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

# Of two managers who disable each other at once, one stays.
ACCOUNTS = "accounts"
_BY_SETTINGS = "sign-in settings"
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,99}")


def list_accounts(context: Context) -> list[Account]:
    """All accounts, by name."""
    with context.database.read() as session:
        return list(session.scalars(select(Account).order_by(Account.name)))


def has_manager(context: Context) -> bool:
    """Whether an own account may manage this deployment; if not, a set-up link is due."""
    with context.database.read() as session:
        return _managers(session) > 0


def account_named(context: Context, name: str) -> Account:
    """The account of this name.

    :raises NotFound: there is none.
    """
    with context.database.read() as session:
        account = session.scalar(select(Account).where(Account.name == name.strip().lower()))
    if account is None:
        raise NotFound(
            phrase("There is no account '{name}'. The console lists them under Accounts.", name=name[:100])
        )
    return account


def create_account(
    context: Context,
    name: str,
    display_name: str,
    role: AccountRole,
    password: str,
    actor: str,
    site_id: str | None = None,
) -> Account:
    """A new account that may sign in at once, with the role at one site or at all.

    :raises SettingsInvalid: the name is none, or the password is too weak.
    :raises Conflict: there is such an account already.
    """
    name = normal_name(name)
    password_hash = hash_password(name, password, display_name)
    with context.database.begin() as session:
        _check_site(session, site_id)
        return add(session, name, display_name, role, password_hash, actor, site_id)


def add(
    session: Session,
    name: str,
    display_name: str,
    role: AccountRole,
    password_hash: str,
    actor: str,
    site_id: str | None = None,
) -> Account:
    """As ``create_account``, in the caller's transaction and with a hash made before it."""
    exclusive(session, ACCOUNTS)
    if session.scalar(select(Account.id).where(Account.name == name)) is not None:
        raise Conflict(phrase("There is an account '{name}' already. Choose another name.", name=name))
    account = Account(
        name=name,
        display_name=_printable(display_name) or name,
        password_hash=password_hash,
        created_at=datetime.now(UTC),
    )
    roles = SiteRoles(role) if site_id is None else SiteRoles(at={site_id: role})
    site_roles.store(account, roles)
    session.add(account)
    session.flush()
    _audit(session, "account.created", account, actor, role=site_roles.in_words(roles))
    return account


def keep_external(
    session: Session,
    name: str,
    display_name: str,
    roles: SiteRoles,
    source: AccountSource,
    external_id: str | None = None,
) -> Account:
    """The account of somebody who proved elsewhere who they are, made or brought up to date.

    Whoever has an ``external_id`` is known by it and keeps the account under another name; where another person has
    been given a name there, the account is theirs from now on, and nothing of the one before stays.

    :raises Conflict: an own account, or one that signs in by other means, has this name.
    """
    exclusive(session, ACCOUNTS)
    holder = session.scalar(select(Account).where(Account.name == name))
    account = holder
    if external_id is not None:
        known = (Account.source == source.value) & (Account.external_id == external_id)
        account = session.scalar(select(Account).where(known)) or holder
    if account is holder and holder is not None and not _may_become(holder, source):
        if holder.source == AccountSource.OWN:
            raise Conflict(
                phrase("'{name}' is a Rollcall account and signs in with its own password.", name=name)
            )
        raise Conflict(
            phrase("There is an account '{name}' already, which uses a different sign-in method.", name=name)
        )
    was = site_roles.roles_of(account) if account is not None else None
    if account is None:
        account = Account(name=name, password_hash=None, created_at=datetime.now(UTC))
        session.add(account)
    elif account.external_id != external_id:
        remove_person(session, account.id)
        _audit(session, "account.passed_on", account, _BY_SETTINGS, source=source.value)
    elif holder is None:
        account.name = name
    account.display_name = _printable(display_name) or name
    site_roles.store(account, roles)
    account.source, account.external_id = source.value, external_id
    session.flush()
    if was is None:
        facts = site_roles.in_words(roles)
        _audit(session, "account.created", account, _BY_SETTINGS, role=facts, source=source.value)
    elif was != roles:
        _audit(session, "account.role_changed", account, _BY_SETTINGS, role=site_roles.in_words(roles))
    return account


def change_role(
    context: Context, account_id: int, role: AccountRole | None, actor: str, site_id: str | None = None
) -> Account:
    """Give the account another role (``None``: none) at one site, or at all sites, from its next request on.

    :raises Conflict: nobody would be left who may manage accounts, or the account would have no role at all; or the rights
        come from the settings.
    :raises NotFound: there is no such account or site.
    """
    with context.database.begin() as session:
        exclusive(session, ACCOUNTS)
        account = _get_own(session, account_id, "rights")
        _check_site(session, site_id)
        before = site_roles.roles_of(account)
        after = site_roles.changed(before, role, site_id)
        if after.highest is None:
            raise Conflict(
                phrase(
                    "'{name}' would have no role at any site. Give it another role first, or disable the account.",
                    name=account.name,
                )
            )
        if after != before:
            _keep_a_manager(session, account, still=after.everywhere is AccountRole.MANAGER)
            site_roles.store(account, after)
            _audit(session, "account.role_changed", account, actor, role=site_roles.in_words(after))
        return account


def disable(context: Context, account_id: int, actor: str) -> Account:
    """Let nobody sign in with the account any more, and sign it out everywhere.

    :raises Conflict: nobody would be left who may manage accounts.
    :raises NotFound: there is no such account.
    """
    with context.database.begin() as session:
        exclusive(session, ACCOUNTS)
        account = _get(session, account_id)
        if account.disabled_at is None:
            _keep_a_manager(session, account, still=False)
            account.disabled_at = datetime.now(UTC)
            end_sessions(session, account_id)
            _audit(session, "account.disabled", account, actor)
        return account


def enable(context: Context, account_id: int, actor: str) -> Account:
    """Let the account sign in again.

    :raises NotFound: there is no such account.
    """
    with context.database.begin() as session:
        account = _get(session, account_id)
        if account.disabled_at is not None:
            account.disabled_at = None
            _audit(session, "account.enabled", account, actor)
        return account


def set_password(context: Context, account_id: int, password: str, actor: str) -> Account:
    """Give the account another password; whoever is signed in with the old one is signed out.

    :raises SettingsInvalid: the password is too weak.
    :raises Conflict: the phone system or the directory keeps it.
    :raises NotFound: there is no such account.
    """
    with context.database.read() as session:
        account = _get_own(session, account_id, "password")
    password_hash = hash_password(account.name, password, account.display_name)
    with context.database.begin() as session:
        account = _get(session, account_id)
        account.password_hash = password_hash
        end_sessions(session, account_id)
        _audit(session, "account.password_set", account, actor)
        return account


def choose_date_format(context: Context, account_id: int, chosen: DateFormat) -> None:
    """Remember how this person likes dates to be written."""
    with context.database.begin() as session:
        _get(session, account_id).date_format = chosen.value


def remove_person(session: Session, account_id: int) -> None:
    """Sign the account out everywhere, and forget the second factors of whoever had it."""
    end_sessions(session, account_id)
    session.execute(delete(SignInChallenge).where(SignInChallenge.account_id == account_id))
    session.execute(delete(SecondFactor).where(SecondFactor.account_id == account_id))


def end_sessions(session: Session, account_id: int) -> None:
    """Sign the account out of every browser."""
    session.execute(delete(ConsoleSession).where(ConsoleSession.account_id == account_id))


def normal_name(text: str) -> str:
    """An account's name as it is kept.

    :raises SettingsInvalid: it cannot be one.
    """
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise SettingsInvalid(
            declared(
                "An account's name has 1 to 100 letters (a to z), digits, dots, hyphens, underscores or @, "
                "and begins with a letter or digit."
            )
        )
    return name


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:200]


def _may_become(holder: Account, source: AccountSource) -> bool:
    """Whether an account can belong to somebody of this source: extensions have the same number in both of theirs."""
    by_extension = (AccountSource.PHONE_SYSTEM.value, AccountSource.DIRECTORY.value)
    return holder.source == source.value or {holder.source, source.value} <= set(by_extension)


def _check_site(session: Session, site_id: str | None) -> None:
    if site_id is not None and session.get(Site, site_id) is None:
        raise NotFound(phrase("There is no site '{site_id}'. Choose one of the list.", site_id=site_id[:80]))


def _get(session: Session, account_id: int) -> Account:
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound(phrase("There is no account {account_id}.", account_id=account_id))
    return account


def _get_own(session: Session, account_id: int, what: str) -> Account:
    account = _get(session, account_id)
    if account.source != AccountSource.OWN:
        raise Conflict(
            phrase(
                (
                    "'{name}' uses a different sign-in method, so its {what} cannot be changed here. The "
                    "settings say who may do what."
                ),
                name=account.name,
                what=what,
            )
        )
    return account


def _managers(session: Session) -> int:
    is_everywhere = Account.site_roles.is_(None)
    return (
        session.scalar(
            select(func.count())
            .select_from(Account)
            .where(
                Account.role == AccountRole.MANAGER.value,
                # Who manages single sites makes no accounts.
                is_everywhere,
                # Whoever signs in with an extension is kept out when the phone system or the directory is away.
                Account.source == AccountSource.OWN.value,
                Account.disabled_at.is_(None),
            )
        )
        or 0
    )


def _keep_a_manager(session: Session, account: Account, *, still: bool) -> None:
    is_manager = (
        site_roles.roles_of(account).everywhere is AccountRole.MANAGER
        and account.source == AccountSource.OWN
        and account.disabled_at is None
    )
    if is_manager and not still and _managers(session) == 1:
        raise Conflict(
            phrase(
                "'{name}' is the last manager with a Rollcall account. Give another account the manager role "
                "first, then try again.",
                name=account.name,
            )
        )


def _audit(session: Session, action: str, account: Account, actor: str, **details: str) -> None:
    facts = {"account": account.name, **details}
    events.audit(session, DEFAULT_SITE, actor=actor, action=action, details=facts)
