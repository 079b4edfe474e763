"""Reading the audit and proving that nobody has changed it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select

from services.api.log.use_cases.formats import csv_lines, guard_formula
from shared.audit_words import ACTIONS, AuditKind, audit_changes, audit_sentence, change_in_words
from shared.database import audit_chain, events
from shared.database.audit_chain import AuditState
from shared.database.found import DEFAULT_SITE
from shared.database.migrate import is_before
from shared.database.search import holds
from shared.database.tables import AuditEntry, Site
from shared.language import listed, shown
from shared.values.text import visible
from shared.worker.context import Context

COLUMNS = ("id", "occurred_at", "site_id", "actor", "action", "message", "changes", "details", "hash")
FILE_NAME = "rollcall-audit.csv"
_EXPORTED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; what is ``None`` or empty does not limit. ``actor`` is a part of the name, ``since`` is inclusive,
    ``until`` exclusive. ``with_all_sites`` when what concerns all sites is among them.
    """

    site_id: str | None = None
    actor: str = ""
    kind: AuditKind | None = None
    since: datetime | None = None
    until: datetime | None = None
    with_all_sites: bool = True


def read_audit(
    context: Context,
    chosen: AuditFilter = AuditFilter(),
    limit: int = 50,
    before: int | None = None,
) -> list[AuditEntry]:
    """The entries that fit, newest first; ``before`` is the last id of the page before."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if not chosen.with_all_sites:
        query = query.where(audit_chain.concerns_one_site())
    if chosen.site_id is not None:
        query = query.where(AuditEntry.site_id == chosen.site_id)
    if chosen.actor:
        query = query.where(holds(AuditEntry.actor, chosen.actor))
    if chosen.kind is not None:
        query = query.where(or_(*(AuditEntry.action.like(f"{name}.%") for name in ACTIONS[chosen.kind])))
    if chosen.since is not None:
        query = query.where(AuditEntry.occurred_at >= chosen.since)
    if chosen.until is not None:
        query = query.where(AuditEntry.occurred_at < chosen.until)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    with context.database.read() as session:
        return list(session.scalars(query))


def audit_csv(context: Context, chosen: AuditFilter) -> Iterator[bytes]:
    """The entries that fit as CSV in UTF-8, newest first: moments in UTC, sentences in the reader's language, and what was
    sealed as it is. No cell is taken for a formula.
    """
    yield csv_lines([COLUMNS]).encode()
    before: int | None = None
    while entries := read_audit(context, chosen, _EXPORTED_AT_ONCE, before):
        yield csv_lines(map(_cells, entries)).encode()
        before = entries[-1].id


def message_of(entry: AuditEntry) -> str:
    """What the entry says, in a sentence."""
    return audit_sentence(entry.site_id, entry.actor, entry.action, entry.details)


def _cells(entry: AuditEntry) -> Iterator[str | int]:
    yield entry.id
    yield entry.occurred_at.isoformat()
    changes = listed(map(change_in_words, audit_changes(entry.details)), "; ")
    details = json.dumps(entry.details, ensure_ascii=False)
    for text in (entry.site_id, entry.actor, entry.action, message_of(entry), changes, details, entry.hash):
        yield guard_formula(visible(shown(text), "\n\t"))


def site_names(context: Context) -> dict[str, str]:
    """What each site is called, by id."""
    with context.database.read() as session:
        return {site_id: name for site_id, name in session.execute(select(Site.id, Site.name))}  # noqa: C416  (mypy)


def verify_audit(context: Context) -> int | None:
    """The id of the first entry that is not as it was written, ``None`` when there is none. ``audit_state`` says more."""
    return audit_state(context).first_bad


def audit_state(context: Context, head: str = "") -> AuditState:
    """Whether the audit is whole; ``head`` is one that was kept elsewhere (log, backup, a note), of any earlier moment."""
    with context.database.read() as session:
        return audit_chain.verify(session, head)


def audit_head(context: Context) -> str:
    """The signed head, to be kept outside of the database; empty when nothing is sealed yet."""
    with context.database.read() as session:
        return audit_chain.head_of(session)


def begin_sealing(context: Context, actor: str, before: str | None) -> bool:
    """Seal what a version without seals has written, once: when the tables came to have them (``before`` is the
    revision they stood at).
    """
    if before is None or not is_before(before, audit_chain.SEALED_SINCE):
        return False
    with context.database.begin() as session:
        count = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
        events.audit(session, DEFAULT_SITE, actor=actor, action="audit.sealed", details={"entries": count})
    return True
