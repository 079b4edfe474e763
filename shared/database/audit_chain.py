"""The chain of the audit: each entry carries the hash of the one before it and a seal, and the newest one is the head.

The hash is SHA-256 and can be made by anybody; the seal is an HMAC of it with a key derived from the secret key, which is
not in the database. So whoever can write the database can change the audit, but not so that it still verifies. The head
says how many entries there are: it is sealed too, and told outside of the database (log, backups, console), because
against somebody who brings back an older copy of the whole database only what lies elsewhere helps.

Entries of versions without seals are covered by the first seal after them, which stands on their hashes.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from shared.database.tables import AuditEntry, AuditHead
from shared.language import declared

FIRST_HASH = "0" * 64
# The revision of the tables that has the seals.
SEALED_SINCE = "0018"
# Where ``Database`` puts what gives the keys, the newest first.
KEYS = "audit_keys"
PURPOSE = "audit 1"
_BATCH = 500
Keys = Callable[[], Sequence[bytes]]
# What actions that concern all sites begin with. They are noted with the site ``default``, and are not for those of one site.
_OF_ALL_SITES = (
    "account.", "audit.", "backup.", "keys.", "logo.", "second_factor.", "setup_link.", "sign_in.", "token.",
)  # fmt: skip


class Problem(StrEnum):
    """What is wrong with the audit."""

    NONE = "none"
    CHANGED = "changed"
    NOT_SEALED = "not_sealed"
    NOTHING_SEALED = "nothing_sealed"
    END_MISSING = "end_missing"
    HEAD_NOT_OURS = "head_not_ours"


_SENTENCES = {
    Problem.NONE: declared("The audit is complete: no entry was changed, added or removed."),
    Problem.CHANGED: (
        declared(
            "Entry {id} was changed, or the one before it was removed or changed. Compare with a backup "
            "of the database."
        )
    ),
    Problem.NOT_SEALED: declared(
        "Entry {id} was not written by a Rollcall process with the key, but by an older version "
        "during an upgrade or by somebody else. Ask the people concerned whether it is right."
    ),
    Problem.NOTHING_SEALED: declared(
        "No entry is sealed. This is normal before the first change after an upgrade. Otherwise the "
        "audit was rewritten without the key. Compare with a backup of the database."
    ),
    Problem.END_MISSING: (
        declared(
            "The end of the audit is missing: it had {expected} entries and now has {entries} or a "
            "different last entry. Compare with a backup of the database."
        )
    ),
    Problem.HEAD_NOT_OURS: declared(
        "The given head matches no entry and is not signed with a current key. It is from another "
        "deployment, from before the key was replaced, or forged."
    ),
}


@dataclass(frozen=True, slots=True)
class AuditState:
    """What verification found. ``first_bad`` is the id of the first wrong entry, where it is one."""

    problem: Problem
    entries: int
    head: str
    first_bad: int | None = None
    expected: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all is well."""
        return self.problem is Problem.NONE

    @property
    def message(self) -> str:
        """What was found and what to do."""
        return _SENTENCES[self.problem].format(
            id=self.first_bad, expected=self.expected or "more", entries=self.entries
        )


def append(session: Session, entry: AuditEntry) -> None:
    """Put the entry at the end. The caller holds the lock ``audit``."""
    previous = session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1))
    entry.previous_hash = previous or FIRST_HASH
    entry.hash = audit_hash(entry)
    keys = _keys(session)
    if keys:
        entry.seal = _mac(keys[0], "entry", entry.hash)
        _move_head(session, keys, previous, entry.hash)
    session.add(entry)
    session.flush()


def audit_hash(entry: AuditEntry) -> str:
    """The hash an entry must carry: over its own content and the hash of the one before it."""
    content = [
        entry.previous_hash,
        entry.site_id,
        entry.occurred_at.isoformat(),
        entry.actor,
        entry.action,
        entry.details,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def concerns_one_site() -> ColumnElement[bool]:
    """That an entry is for whoever may see its site alone."""
    return and_(*(AuditEntry.action.not_like(f"{begins}%") for begins in _OF_ALL_SITES))


def head_of(session: Session) -> str:
    """The signed head, to be kept outside of the database; empty when nothing is sealed yet."""
    row = session.get(AuditHead, 1)
    return f"{row.entries}.{row.hash}.{row.seal}" if row is not None else ""


def verify(session: Session, head: str = "") -> AuditState:
    """Walk the chain from its beginning; ``head`` is one that was kept elsewhere, of now or of any earlier moment."""
    keys = _keys(session)
    row = session.get(AuditHead, 1)
    ours = head_of(session)
    given = _Head.read(head)
    count, previous, is_sealed, reached = 0, FIRST_HASH, False, set[str]()
    bad: tuple[Problem, int] | None = None
    for entry in session.scalars(
        select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=_BATCH)
    ):
        count += 1
        if bad is None and (problem := _wrong(entry, previous, keys, is_sealed=is_sealed)) is not None:
            bad = (problem, entry.id)
        is_sealed |= entry.seal is not None
        previous = entry.hash
        reached |= {entry.hash} & {row.hash if row else ""}
        if given is not None and given.entries == count and given.hash == entry.hash:
            reached.add("given")
    if bad is not None:
        return AuditState(bad[0], count, ours, bad[1])
    if keys and (is_sealed or row is not None):
        expected = row.entries if row is not None else 0
        if row is None or row.lost or row.hash not in reached or not _is_signed(keys, row):
            return AuditState(Problem.END_MISSING, count, ours, expected=max(expected, _entries_of(row)))
    elif keys and count:
        return AuditState(Problem.NOTHING_SEALED, count, ours)
    if head and "given" not in reached:
        is_ours = given is not None and any(
            hmac.compare_digest(given.seal, _mac(key, "head", given.entries, given.hash, "")) for key in keys
        )
        problem = Problem.END_MISSING if is_ours else Problem.HEAD_NOT_OURS
        return AuditState(problem, count, ours, expected=given.entries if given else 0)
    return AuditState(Problem.NONE, count, ours)


def seal_anew(session: Session, after: int, most: int) -> tuple[int, int | None]:
    """Seal with the newest key what an older one has sealed, at most so many entries behind the id ``after``; how many
    were, and the id to go on behind (``None``: that was all, the head too).

    What no key has sealed stays as it is: another key must not make it good.
    """
    keys = _keys(session)
    entries = session.scalars(
        select(AuditEntry).where(AuditEntry.id > after).order_by(AuditEntry.id).limit(most)
    ).all()
    changed = 0
    for entry in entries:
        if entry.seal is not None and _needs_older(keys, entry.seal, "entry", entry.hash):
            entry.seal = _mac(keys[0], "entry", entry.hash)
            changed += 1
    if entries:
        return changed, entries[-1].id
    row = session.get(AuditHead, 1)
    if row is not None and _needs_older(keys, row.seal, "head", row.entries, row.hash, row.lost):
        row.seal = _mac(keys[0], "head", row.entries, row.hash, row.lost)
        changed += 1
    return changed, None


def older_seals(session: Session) -> int:
    """How many seals need another key than the newest."""
    keys = _keys(session)
    if len(keys) < 2:
        return 0
    sealed = select(AuditEntry.seal, AuditEntry.hash).where(AuditEntry.seal.is_not(None))
    found = sum(
        _needs_older(keys, str(seal), "entry", entry_hash)
        for seal, entry_hash in session.execute(sealed.execution_options(yield_per=_BATCH))
    )
    row = session.get(AuditHead, 1)
    return found + int(
        row is not None and _needs_older(keys, row.seal, "head", row.entries, row.hash, row.lost)
    )


@dataclass(frozen=True, slots=True)
class _Head:
    entries: int
    hash: str
    seal: str

    @classmethod
    def read(cls, text: str) -> "_Head | None":
        parts = text.strip().split(".")
        if len(parts) != 3 or not parts[0].isascii() or not parts[0].isdecimal() or len(parts[0]) > 12:
            return None
        return cls(int(parts[0]), parts[1], parts[2]) if parts[2].isascii() else None


def _move_head(session: Session, keys: Sequence[bytes], previous: str | None, newest: str) -> None:
    row = session.get(AuditHead, 1)
    if row is None:
        is_sealed = select(AuditEntry.id).where(AuditEntry.seal.is_not(None)).limit(1)
        lost = "?" if session.scalar(is_sealed) is not None else ""
        row = AuditHead(id=1, entries=_count(session), hash=previous or "", lost=lost, seal="")
        session.add(row)
    elif not _is_signed(keys, row):
        row.lost = row.lost or "?"
        row.entries = _count(session)
    elif row.hash != previous:
        # An older version has written meanwhile; or the end was cut off, which must not be forgotten by going on.
        is_there = session.scalar(select(AuditEntry.id).where(AuditEntry.hash == row.hash))
        if is_there is None and not row.lost:
            row.lost = f"{row.entries}.{row.hash}.{row.seal}"
        row.entries = _count(session)
    row.entries += 1
    row.hash = newest
    row.seal = _mac(keys[0], "head", row.entries, row.hash, row.lost)


def _wrong(entry: AuditEntry, previous: str, keys: Sequence[bytes], *, is_sealed: bool) -> Problem | None:
    if entry.previous_hash != previous or entry.hash != audit_hash(entry):
        return Problem.CHANGED
    if not keys:
        return None
    if entry.seal is None:
        return Problem.NOT_SEALED if is_sealed else None
    is_good = any(hmac.compare_digest(entry.seal, _mac(key, "entry", entry.hash)) for key in keys)
    return None if is_good else Problem.CHANGED


def _is_signed(keys: Sequence[bytes], row: AuditHead) -> bool:
    return any(
        hmac.compare_digest(row.seal, _mac(key, "head", row.entries, row.hash, row.lost)) for key in keys
    )


def _entries_of(row: AuditHead | None) -> int:
    lost = _Head.read(row.lost) if row is not None else None
    return lost.entries if lost is not None else 0


def _needs_older(keys: Sequence[bytes], seal: str, *sealed: object) -> bool:
    first, *older = (hmac.compare_digest(seal, _mac(key, *sealed)) for key in keys)
    return not first and any(older)


def _count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def _keys(session: Session) -> Sequence[bytes]:
    keys: Keys | None = session.info.get(KEYS)
    return keys() if keys is not None else ()


def _mac(key: bytes, *sealed: object) -> str:
    return hmac.new(key, json.dumps(sealed).encode(), hashlib.sha256).hexdigest()
