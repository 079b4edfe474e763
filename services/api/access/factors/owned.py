"""The second factors that accounts have: added, used, removed, and reset when they are lost.

Of an app's code each time step counts once, of the recovery codes each one: two who send the same at once, one comes in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from services.api.access.accounts import end_sessions
from services.api.access.factors import apps, passkeys, recovery
from services.api.access.factors.passkeys import Passkey, PasskeyRefused, Place
from services.api.access.rules import read_rules
from shared.database import events
from shared.database.rows import rows_of
from shared.database.tables import Account, AccountRole, AccountSource, FactorKind, SecondFactor
from shared.errors import Conflict, NotFound, SecretUnreadable
from shared.language import declared, phrase
from shared.settings.documents import RequiredFor, SecondFactorSettings
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

# The others have their own: 3CX knows none, and an identity provider asks for it itself.
_SOURCES = (AccountSource.OWN, AccountSource.DIRECTORY_ACCOUNT)
_ROLES = {
    RequiredFor.NOBODY: frozenset[AccountRole](),
    RequiredFor.MANAGERS: frozenset({AccountRole.MANAGER}),
    RequiredFor.OPERATORS: frozenset({AccountRole.MANAGER, AccountRole.OPERATOR}),
    RequiredFor.EVERYONE: frozenset(AccountRole),
}
_MOST = 20


@dataclass(frozen=True, slots=True)
class Factors:
    """What an account has. A recovery code helps out, and is no second factor of its own."""

    apps: Sequence[SecondFactor]
    passkeys: Sequence[SecondFactor]
    recovery_codes: int

    @property
    def any(self) -> bool:
        """Whether the password alone is not enough."""
        return bool(self.apps or self.passkeys)


def can_have(source: str) -> bool:
    """Whether accounts of this source have second factors here."""
    return source in _SOURCES


def is_required(context: Context, source: str, role: AccountRole) -> bool:
    """Whether the settings want one of this account."""
    if not can_have(source):
        return False
    return role in _ROLES[read_rules(context, SecondFactorSettings).settings.required_for]


def factors_of(context: Context, account_id: int) -> Factors:
    """The second factors of an account, oldest first."""
    with context.database.read() as session:
        rows = session.scalars(
            select(SecondFactor).where(SecondFactor.account_id == account_id).order_by(SecondFactor.id)
        ).all()
    return Factors(
        [row for row in rows if row.kind == FactorKind.APP],
        [row for row in rows if row.kind == FactorKind.PASSKEY],
        sum(row.kind == FactorKind.RECOVERY_CODE for row in rows),
    )


def accounts_with_factors(context: Context) -> set[int]:
    """The accounts that have one."""
    kinds = (FactorKind.APP.value, FactorKind.PASSKEY.value)
    with context.database.read() as session:
        return set(
            session.scalars(select(SecondFactor.account_id).where(SecondFactor.kind.in_(kinds)).distinct())
        )


def add_app(
    context: Context, account_id: int, secret: str, code: str, label: str, actor: str
) -> list[str] | None:
    """Add an app that shows its first code. Recovery codes to be shown once, none when there are some already;
    ``None`` when the code is not the app's.

    :raises Conflict: there are too many.
    """
    now = datetime.now(UTC)
    step = apps.step_of(secret, code, now, last_step=0)
    if step is None:
        return None
    factor = SecondFactor(
        account_id=account_id,
        kind=FactorKind.APP.value,
        label=_printable(label) or declared("Authenticator app"),
        secret=context.encryption.encrypt(secret),
        # The code that proves it is used up by that.
        counter=step,
        created_at=now,
    )
    return add(context, factor, actor)


def add(context: Context, factor: SecondFactor, actor: str) -> list[str]:
    """Keep a factor that was proven; recovery codes to be shown once, none when there are some already.

    :raises Conflict: there are too many.
    """
    with context.database.begin() as session:
        rows = select(func.count()).select_from(SecondFactor)
        owned = rows.where(SecondFactor.account_id == factor.account_id)
        if (session.scalar(owned) or 0) >= _MOST + recovery.HOW_MANY:
            raise Conflict(declared("There are too many second factors. Remove one that is no longer used."))
        session.add(factor)
        has_codes = session.scalar(owned.where(SecondFactor.kind == FactorKind.RECOVERY_CODE.value))
        codes = [] if has_codes else _new_codes(session, factor.account_id)
        _audit(session, "second_factor.added", factor.account_id, actor, kind=factor.kind, label=factor.label)
    return codes


def add_passkey(
    context: Context, account_id: int, credential: str, challenge: str, place: Place, label: str, actor: str
) -> list[str]:
    """Add the passkey that the browser made. Recovery codes to be shown once, none when there are some already.

    :raises PasskeyRefused: what the browser sent proves nothing.
    :raises Conflict: there are too many.
    """
    made = passkeys.created(credential, challenge, place)
    factor = SecondFactor(
        account_id=account_id,
        kind=FactorKind.PASSKEY.value,
        label=_printable(label) or "Passkey",
        secret=made.public_key,
        credential_id=made.credential_id,
        host=place.host,
        counter=made.counter,
        created_at=datetime.now(UTC),
    )
    return add(context, factor, actor)


def passkeys_at(factors: Factors, host: str) -> list[str]:
    """The passkeys that are good for this host name, by what they call themselves."""
    return [row.credential_id for row in factors.passkeys if row.host == host and row.credential_id]


def use_passkey(context: Context, account_id: int, credential: str, challenge: str, place: Place) -> bool:
    """Whether one of the account's passkeys has signed this challenge here."""
    for row in factors_of(context, account_id).passkeys:
        if row.host != place.host:
            continue
        try:
            kept = Passkey(row.credential_id or "", row.secret, row.counter)
            counter = passkeys.shown(credential, challenge, place, kept)
        except PasskeyRefused:
            continue
        now = datetime.now(UTC)
        if counter:
            return note_used(context, row.id, counter, now)
        with context.database.begin() as session:
            session.execute(update(SecondFactor).where(SecondFactor.id == row.id).values(last_used_at=now))
        return True
    return False


def renew_recovery_codes(context: Context, account_id: int, actor: str) -> list[str]:
    """New recovery codes, to be shown once; the ones before are good no more."""
    with context.database.begin() as session:
        codes = _new_codes(session, account_id)
        _audit(session, "second_factor.recovery_codes_renewed", account_id, actor)
    return codes


def use_code(context: Context, account_id: int, code: str, now: datetime | None = None) -> FactorKind | None:
    """Which kind of factor the typed code is of, used up by this; ``None`` when it is none."""
    moment = now or datetime.now(UTC)
    for app in factors_of(context, account_id).apps:
        try:
            secret = context.encryption.decrypt(app.secret)
        except SecretUnreadable:
            continue
        step = apps.step_of(secret, code, moment, app.counter)
        if step is not None and note_used(context, app.id, step, moment):
            return FactorKind.APP
    return FactorKind.RECOVERY_CODE if _use_recovery_code(context, account_id, code) else None


def note_used(context: Context, factor_id: int, counter: int, now: datetime) -> bool:
    """Whether the counter has grown to this one's; not, when somebody else was as far already."""
    with context.database.begin() as session:
        done = session.execute(
            update(SecondFactor)
            .where(SecondFactor.id == factor_id, SecondFactor.counter < counter)
            .values(counter=counter, last_used_at=now)
        )
        return bool(rows_of(done))


def remove(context: Context, account_id: int, factor_id: int, actor: str, *, is_required: bool) -> None:
    """Remove one of the account's own factors, and with the last one the recovery codes.

    :raises NotFound: it has no such factor.
    :raises Conflict: it is the last one, and one ``is_required``.
    """
    with context.database.begin() as session:
        row = session.get(SecondFactor, factor_id)
        if row is None or row.account_id != account_id or row.kind == FactorKind.RECOVERY_CODE:
            raise NotFound(declared("This second factor does not exist."))
        others = select(func.count()).select_from(SecondFactor)
        others = others.where(SecondFactor.account_id == account_id, SecondFactor.id != factor_id)
        left = session.scalar(others.where(SecondFactor.kind != FactorKind.RECOVERY_CODE.value))
        if not left and is_required:
            raise Conflict(
                declared("Your role requires a second factor. Add another one first, then remove this one.")
            )
        _audit(session, "second_factor.removed", account_id, actor, kind=row.kind, label=row.label)
        session.delete(row)
        if not left:
            _delete(session, account_id, FactorKind.RECOVERY_CODE)


def reset(context: Context, account_id: int, actor: str) -> None:
    """Forget all factors of somebody who has lost them, and sign the account out everywhere.

    :raises NotFound: there is no such account.
    """
    with context.database.begin() as session:
        if session.get(Account, account_id) is None:
            raise NotFound(phrase("There is no account {account_id}.", account_id=account_id))
        _delete(session, account_id, *FactorKind)
        end_sessions(session, account_id)
        _audit(session, "second_factor.reset", account_id, actor)


def _use_recovery_code(context: Context, account_id: int, code: str) -> bool:
    wanted = recovery.digest(code)
    if wanted is None:
        return False
    with context.database.begin() as session:
        used = session.execute(
            delete(SecondFactor).where(
                SecondFactor.account_id == account_id,
                SecondFactor.kind == FactorKind.RECOVERY_CODE.value,
                SecondFactor.secret == wanted,
            )
        )
        is_used = bool(rows_of(used))
        if is_used:
            _audit(session, "second_factor.recovery_code_used", account_id, "sign-in")
    return is_used


def _new_codes(session: Session, account_id: int) -> list[str]:
    _delete(session, account_id, FactorKind.RECOVERY_CODE)
    codes = recovery.new_codes()
    now = datetime.now(UTC)
    for code in codes:
        session.add(
            SecondFactor(
                account_id=account_id,
                kind=FactorKind.RECOVERY_CODE.value,
                label="",
                secret=recovery.digest(code) or "",
                counter=0,
                created_at=now,
            )
        )
    return codes


def _delete(session: Session, account_id: int, *kinds: FactorKind) -> None:
    session.execute(
        delete(SecondFactor).where(SecondFactor.account_id == account_id, SecondFactor.kind.in_(kinds))
    )


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:100]


def _audit(session: Session, action: str, account_id: int, actor: str, **details: str) -> None:
    name = session.scalar(select(Account.name).where(Account.id == account_id)) or ""
    facts = {"account": name, **details}
    events.audit(session, DEFAULT_SITE, actor=actor, action=action, details=facts)
