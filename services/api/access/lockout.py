"""Slows down whoever guesses passwords: each failure beyond a few locks the name and the address for longer.

An attempt is counted before the password is looked at and forgiven after a success, so that many at once gain
nothing. Names that do not exist are locked like those that do. What was typed is kept only as a hash: people type
passwords into the wrong field.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, delete, or_
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
# How long an address is one that a name has signed in from.
_KNOWN_FOR = timedelta(days=30)
_KNOWN = "known:"


@dataclass(frozen=True, slots=True)
class LockoutPolicy:
    """How many failures of a name are free, and how long it is locked after the last of them and at most."""

    free: int = FREE_FOR_A_NAME
    first_lock: timedelta = FIRST_LOCK
    longest_lock: timedelta = LONGEST_LOCK


def count_attempt(
    context: Context,
    name: str,
    address: str | None,
    now: datetime | None = None,
    policy: LockoutPolicy = LockoutPolicy(),
) -> timedelta | None:
    """Count one attempt. How long to wait when name or address is locked (it is not counted then), else ``None``.

    Without an ``address`` for the name alone.
    """
    moment = now or datetime.now(UTC)
    with context.database.begin() as session:
        # Else many at once would all find the same count, and be counted as one.
        for subject in sorted({_name(name)} | ({_address(address)} if address is not None else set())):
            exclusive(session, subject)
        _delete(session, moment)
        subjects = [(_of_name(session, name, address), policy.free)]
        if address is not None:
            subjects.append((_address(address), FREE_FOR_AN_ADDRESS))
        rows = [(session.get(SignInAttempt, subject), subject, free) for subject, free in subjects]
        locks = [row.locked_until for row, _, _ in rows if row is not None and row.locked_until is not None]
        last = max(locks, default=moment)
        if last > moment:
            return last - moment
        for row, subject, free in rows:
            _count(session, row, subject, free, moment, policy)
    return None


def take_back(context: Context, name: str, address: str | None) -> None:
    """Take back what ``count_attempt`` counted: nobody could say whether the password was right.

    Failures before it stay, or an outage of the phone system would be a time to guess in.
    """
    with context.database.begin() as session:
        subjects = [(_of_name(session, name, address), FREE_FOR_A_NAME)]
        if address is not None:
            subjects.append((_address(address), FREE_FOR_AN_ADDRESS))
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
            "name": session.get(SignInAttempt, _of_name(session, name, address)),
            "address": session.get(SignInAttempt, _address(address)),
        }
        now = datetime.now(UTC)
        return [
            kind
            for kind, row in rows.items()
            if row is not None and row.locked_until is not None and row.locked_until > now
        ]


def forgive(
    context: Context, names: Collection[str], address: str | None, *, remember_address: bool = False
) -> None:
    """Take back what ``count_attempt`` counted: the password was right.

    With ``remember_address`` failures elsewhere lock these names there, and here no more: nobody is shut out by others
    where they have signed in before. Here they are counted by themselves.

    The failures of these names are forgotten; the address keeps those that others had there, or anyone with an account of
    their own could go on guessing.
    """
    with context.database.begin() as session:
        subjects = [_of_name(session, name, address) for name in sorted(names)]
        if remember_address and address is not None:
            for name in sorted(names):
                _remember(session, name, address, datetime.now(UTC))
        subjects = [subject for subject in subjects if not subject.startswith(_KNOWN)]
        session.execute(delete(SignInAttempt).where(SignInAttempt.subject.in_(subjects)))
        row = session.get(SignInAttempt, _address(address)) if address is not None else None
        if row is not None:
            row.failures = max(0, row.failures - 1)
            row.locked_until = None


def _count(
    session: Session, row: SignInAttempt | None, subject: str, free: int, now: datetime, policy: LockoutPolicy
) -> None:
    if row is None:
        row = SignInAttempt(subject=subject, failures=0, last_failed_at=now)
        session.add(row)
    if row.last_failed_at < now - _FORGOTTEN_AFTER:
        row.failures = 0
    row.failures += 1
    row.last_failed_at = now
    if row.failures >= free:
        row.locked_until = now + min(
            policy.longest_lock, policy.first_lock * 2 ** min(row.failures - free, 10)
        )


def _of_name(session: Session, name: str, address: str | None) -> str:
    """What is counted for a name: everywhere together, but where it is known by itself."""
    if address is not None and session.get(SignInAttempt, _known(name, address)) is not None:
        return _known(name, address)
    return _name(name)


def _remember(session: Session, name: str, address: str, now: datetime) -> None:
    subject = _known(name, address)
    exclusive(session, subject)
    row = session.get(SignInAttempt, subject)
    if row is None:
        row = SignInAttempt(subject=subject)
        session.add(row)
    row.failures, row.last_failed_at, row.locked_until = 0, now, None


def _delete(session: Session, now: datetime) -> None:
    is_known = SignInAttempt.subject.startswith(_KNOWN)
    session.execute(
        delete(SignInAttempt).where(
            or_(
                and_(~is_known, SignInAttempt.last_failed_at < now - _FORGOTTEN_AFTER),
                and_(is_known, SignInAttempt.last_failed_at < now - _KNOWN_FOR),
            )
        ),
        # Nothing of it was read; else every row would come back.
        execution_options={"synchronize_session": False},
    )


def _known(name: str, address: str) -> str:
    return _KNOWN + hashlib.sha256(f"{name}\n{_address(address)}".encode()).hexdigest()


def _name(name: str) -> str:
    return "name:" + hashlib.sha256(name.encode()).hexdigest()


def _address(address: str) -> str:
    return f"address:{subject_of(address)}"
