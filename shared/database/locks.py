"""Exclusive work within one transaction, by name, on every database.

SQLite has one writer at a time anyway. Elsewhere two transactions read the same rows at once, so whoever decides
upon what it has read and then adds a row (where there is no row yet that could be locked) takes such a lock first.
"""

import hashlib

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import StorageRefused, StorageUnavailable
from shared.language import phrase

LOCK_SECONDS = 30
_MSSQL = text(
    "SET NOCOUNT ON; DECLARE @taken int; EXEC @taken = sp_getapplock @Resource = :name, @LockMode = 'Exclusive', "
    "@LockOwner = 'Transaction', @LockTimeout = :milliseconds; SET NOCOUNT OFF; SELECT @taken"
)


def exclusive(session: Session, name: str, seconds: float = LOCK_SECONDS) -> None:
    """Wait until nobody else is in a transaction under this name; the lock ends with the caller's transaction.

    Take it before reading what is decided upon. Of several names in one transaction, always in the same order.

    :raises StorageUnavailable: another transaction has kept it for so long.
    """
    match session.get_bind().dialect.name:
        case "postgresql":
            digest = hashlib.sha256(name.encode()).digest()[:8]
            # For the transaction; whoever needs another time-out afterwards sets it then.
            if seconds != LOCK_SECONDS:
                session.execute(
                    text("SELECT set_config('lock_timeout', :lock, true)"), {"lock": f"{seconds:.0f}s"}
                )
            session.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": int.from_bytes(digest, signed=True)}
            )
        case "mssql":
            taken = session.scalar(_MSSQL, {"name": f"rollcall {name}", "milliseconds": int(seconds * 1000)})
            if taken is None or taken < 0:
                raise _not_taken(name, taken, seconds)


def _not_taken(name: str, answer: int | None, seconds: float) -> StorageUnavailable | StorageRefused:
    """Why ``sp_getapplock`` gave no lock (its return values: Microsoft, "sp_getapplock")."""
    match answer:
        case -1:
            return StorageUnavailable(
                phrase(
                    "Other work on the database ('{name}') has not ended within {seconds:.0f} s. Try again in a "
                    "moment.",
                    name=name,
                    seconds=seconds,
                )
            )
        case -2 | -3:
            return StorageUnavailable(
                phrase(
                    (
                        "The database stopped this work ('{name}') in favour of other work. Nothing was changed; try "
                        "again in a moment."
                    ),
                    name=name,
                ),
                retry_after=2.0,
            )
        case _:
            return StorageRefused(
                phrase(
                    (
                        "The database refused the lock '{name}' ({answer}). Nothing was changed. This is a bug in "
                        "Rollcall. Report it with the lines of the process log."
                    ),
                    name=name,
                    answer=answer,
                )
            )
