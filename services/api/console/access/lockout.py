"""Slows down whoever guesses passwords: each failure beyond a few locks the name and the address for longer.

An attempt is counted before the password is looked at and forgiven after a success, so that many at once gain
nothing. Names that do not exist are locked like those that do. What was typed is kept only as a hash: people type
passwords into the wrong field.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from services.api.web.addresses import subject_of
from shared.database.locks import exclusive
from shared.database.tables import SignInAttempt
from shared.worker.context import Context

FREE_FOR_A_NAME = 5
# Whole offices may share one address.
FREE_FOR_AN_ADDRESS = 30
FIRST_LOCK = timedelta(seconds=15)
LONGEST_LOCK = timedelta(minutes=15)
# A PIN has few digits: at this pace every fourth one of four digits is found in a hundred days, by one who never rests.
LONGEST_LOCK_OF_PIN = timedelta(hours=1)
_FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """How many failures of a name are free, and how long it is locked after the last of them and at most."""

    free: int = FREE_FOR_A_NAME
    first_lock: timedelta = FIRST_LOCK
    longest_lock: timedelta = LONGEST_LOCK


def count_attempt(
    context: Context,
    name: str,
    address: str | None,
    now: datetime | None = None,
    pace: Pace = Pace(),
) -> timedelta | None:
    """Count one attempt. How long to wait when name or address is locked (it is not counted then), else ``None``.

    Without an ``address`` for the name alone.
    """
    moment = now or datetime.now(UTC)
    subjects = [(_name(name), pace.free)]
    if address is not None:
        subjects.append((_address(address), FREE_FOR_AN_ADDRESS))
    with context.database.begin() as session:
        # Else many at once would all find the same count, and be counted as one.
        for subject, _ in sorted(subjects):
            exclusive(session, subject)
        session.execute(delete(SignInAttempt).where(SignInAttempt.last_failed_at < moment - _FORGOTTEN_AFTER))
        rows = [(session.get(SignInAttempt, subject), subject, free) for subject, free in subjects]
        locks = [row.locked_until for row, _, _ in rows if row is not None and row.locked_until is not None]
        last = max(locks, default=moment)
        if last > moment:
            return last - moment
        for row, subject, free in rows:
            _count(session, row, subject, free, moment, pace)
    return None


def take_back(context: Context, name: str, address: str | None) -> None:
    """Take back what ``count_attempt`` counted: nobody could say whether the password was right.

    Failures before it stay, or an outage of the phone system would be a time to guess in.
    """
    subjects = [(_name(name), FREE_FOR_A_NAME)]
    if address is not None:
        subjects.append((_address(address), FREE_FOR_AN_ADDRESS))
    with context.database.begin() as session:
        for subject, free in subjects:
            row = session.get(SignInAttempt, subject)
            if row is not None:
                row.failures = max(0, row.failures - 1)
                if row.failures < free:
                    row.locked_until = None


def locked(context: Context, name: str, address: str) -> list[str]:
    """Which of the two is locked now: ``name``, ``address``, both, or none."""
    with context.database.read() as session:
        rows = {
            "name": session.get(SignInAttempt, _name(name)),
            "address": session.get(SignInAttempt, _address(address)),
        }
        now = datetime.now(UTC)
        return [
            kind
            for kind, row in rows.items()
            if row is not None and row.locked_until is not None and row.locked_until > now
        ]


def forgive(context: Context, names: Collection[str], address: str | None) -> None:
    """Take back what ``count_attempt`` counted: the password was right.

    The failures of these names are forgotten; the address keeps those that others had there, or anyone with an account of
    their own could go on guessing.
    """
    with context.database.begin() as session:
        subjects = [_name(name) for name in names]
        session.execute(delete(SignInAttempt).where(SignInAttempt.subject.in_(subjects)))
        row = session.get(SignInAttempt, _address(address)) if address is not None else None
        if row is not None:
            row.failures = max(0, row.failures - 1)
            row.locked_until = None


def _count(
    session: Session, row: SignInAttempt | None, subject: str, free: int, now: datetime, pace: Pace
) -> None:
    if row is None:
        row = SignInAttempt(subject=subject, failures=0, last_failed_at=now)
        session.add(row)
    row.failures += 1
    row.last_failed_at = now
    if row.failures >= free:
        row.locked_until = now + min(pace.longest_lock, pace.first_lock * 2 ** min(row.failures - free, 10))


def _name(name: str) -> str:
    return "name:" + hashlib.sha256(name.encode()).hexdigest()


def _address(address: str) -> str:
    return f"address:{subject_of(address)}"
