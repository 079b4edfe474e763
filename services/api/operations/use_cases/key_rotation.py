"""Replaces the key that encrypts the stored secrets, step by step, so that a crash between two steps loses nothing.

First both keys are known, then everything is encrypted anew with the new one, and only when nothing needs the old one
any more it is dropped. Each step finds out from the database and the keys how far it is, so doing it again goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import inspect, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.database import audit_chain, events
from shared.database.locks import exclusive
from shared.database.rows import rows_of
from shared.database.tables import (
    CommandRow,
    FactorKind,
    OwedSteps,
    PhoneSystemToken,
    SecondFactor,
    SettingsVersion,
)
from shared.encryption import (
    FileEncryption,
    key_file,
    new_key,
    read_key_file,
    replace_key_file,
)
from shared.errors import SecretUnreadable, SettingsInvalid
from shared.language import declared
from shared.settings import store
from shared.settings.store import DEFAULT_SITE
from shared.work import leases
from shared.worker.context import Context

# So few rows in a transaction that nobody waits long for it.
BATCH = 200
_LEASE = "key rotation"


@dataclass(frozen=True, slots=True)
class KeyState:
    """How many keys are known, and how many stored secrets need which of them."""

    keys: int
    newest: int
    older: int
    unreadable: int
    # Seals of the audit that need an older key.
    older_seals: int = 0


def key_state(context: Context) -> KeyState:
    """Which keys the stored secrets need now."""
    newest = older = unreadable = 0
    with context.database.read() as session:
        for token in _all_secrets(session):
            if context.encryption.is_current(token):
                newest += 1
            elif _is_readable(context, token):
                older += 1
            else:
                unreadable += 1
        seals = audit_chain.older_seals(session)
    return KeyState(len(context.encryption.keys), newest, older, unreadable, seals)


def rotate_keys(context: Context, actor: str) -> KeyState:
    """Encrypt every stored secret with the newest key; embedded, make that key first and drop the old one last.

    Where ``ROLLCALL_SECRET_KEY`` gives the keys, the administrator adds and removes them. Secrets that no known key
    can read are left as they are and counted.

    :raises SettingsInvalid: the environment gives one key only, so there is none to change to.
    :raises LeaseHeld: another process is at it.
    """
    is_file = isinstance(context.encryption, FileEncryption)
    if not is_file and len(context.encryption.keys) < 2:
        raise SettingsInvalid(
            declared(
                "There is only one key, so there is no new key to change to. Create one with `rollcall token "
                "--new-key`, put it before the old one in ROLLCALL_SECRET_KEY (new,old) of every process, "
                "restart them, and try again."
            )
        )
    with leases.hold(context.database, _LEASE, leases.new_holder(), context.settings.lease_seconds):
        path = key_file(context.settings)
        if is_file and len(read_key_file(path)) < 2:
            replace_key_file(path, [new_key(), *read_key_file(path)])
        changed = encrypt_anew(context)
        if is_file:
            while not _drop_old_keys(context):
                changed += encrypt_anew(context)
        with context.database.begin() as session:
            details = {"secrets": changed, "old_keys_dropped": is_file}
            events.audit(session, DEFAULT_SITE, actor=actor, action="keys.rotated", details=details)
    return key_state(context)


def encrypt_anew(context: Context) -> int:
    """Encrypt with the newest key whatever an older one encrypts, some rows at a time; how many rows were changed."""
    changed = last = 0
    while True:
        with context.database.begin() as session:
            rows = session.scalars(
                select(SettingsVersion)
                .where(SettingsVersion.id > last)
                .order_by(SettingsVersion.id)
                .limit(BATCH)
            ).all()
            for row in rows:
                try:
                    document = store.with_newest_key(row.document, context.encryption)
                except SecretUnreadable:
                    continue
                if document != row.document:
                    row.document = document
                    changed += 1
        if not rows:
            _seal_audit_anew(context)
            changed += _encrypt_tokens_anew(context) + _encrypt_apps_anew(context)
            changed += _encrypt_column_anew(context, OwedSteps.taken)
            return changed + _encrypt_column_anew(context, CommandRow.kept_settings)
        last = rows[-1].id


def _encrypt_tokens_anew(context: Context) -> int:
    changed = 0
    with context.database.begin() as session:
        for row in session.scalars(select(PhoneSystemToken)).all():
            if context.encryption.is_current(row.token) or not _is_readable(context, row.token):
                continue
            # Named by its content, because a worker may have stored a newer token meanwhile.
            done = session.execute(
                update(PhoneSystemToken)
                .where(PhoneSystemToken.name == row.name, PhoneSystemToken.token == row.token)
                .values(token=context.encryption.encrypt(context.encryption.decrypt(row.token)))
                .execution_options(synchronize_session=False)
            )
            changed += rows_of(done)
    return changed


def _encrypt_apps_anew(context: Context) -> int:
    """The secrets of authenticator apps; nobody else changes one that is stored."""
    changed = 0
    with context.database.begin() as session:
        for row in session.scalars(
            select(SecondFactor).where(SecondFactor.kind == FactorKind.APP.value)
        ).all():
            if not context.encryption.is_current(row.secret) and _is_readable(context, row.secret):
                row.secret = context.encryption.encrypt(context.encryption.decrypt(row.secret))
                changed += 1
    return changed


def _encrypt_column_anew(context: Context, column: InstrumentedAttribute[str | None]) -> int:
    """What is kept of extensions that are gone: found by its key, and only if a worker has not changed it meanwhile."""
    keys = inspect(column.class_).primary_key
    with context.database.read() as session:
        older = [
            row
            for row in session.execute(select(column, *keys).where(column.is_not(None)))
            if not context.encryption.is_current(row[0]) and _is_readable(context, row[0])
        ]
    changed = 0
    for start in range(0, len(older), BATCH):
        with context.database.begin() as session:
            for kept, *key in older[start : start + BATCH]:
                done = session.execute(
                    update(column.class_)
                    .where(*(name == value for name, value in zip(keys, key, strict=True)), column == kept)
                    .values({column: context.encryption.encrypt(context.encryption.decrypt(kept))})
                    .execution_options(synchronize_session=False)
                )
                changed += rows_of(done)
    return changed


def _seal_audit_anew(context: Context) -> None:
    last: int | None = 0
    while last is not None:
        with context.database.begin() as session:
            # Nobody writes an entry meanwhile, so the last look sees the head as it is.
            exclusive(session, "audit")
            _, last = audit_chain.seal_anew(session, last, BATCH)


def _drop_old_keys(context: Context) -> bool:
    """Keep the newest key alone if nothing needs another; ``False`` when something was stored with one meanwhile."""
    # A transaction that may write: on SQLite nobody stores a secret between the look and the drop.
    with context.database.begin() as session:
        is_needed = any(
            not context.encryption.is_current(token) and _is_readable(context, token)
            for token in _all_secrets(session)
        ) or audit_chain.older_seals(session)
        if not is_needed:
            path = key_file(context.settings)
            replace_key_file(path, read_key_file(path)[:1])
    return not is_needed


def _all_secrets(session: Session) -> Iterator[str]:
    for document in session.scalars(select(SettingsVersion.document).execution_options(yield_per=BATCH)):
        yield from store.secrets_in(document)
    yield from session.scalars(select(PhoneSystemToken.token))
    for column in (OwedSteps.taken, CommandRow.kept_settings):
        yield from filter(None, session.scalars(select(column).where(column.is_not(None))))
    yield from session.scalars(select(SecondFactor.secret).where(SecondFactor.kind == FactorKind.APP.value))


def _is_readable(context: Context, token: str) -> bool:
    try:
        context.encryption.decrypt(token)
    except SecretUnreadable:
        return False
    return True
