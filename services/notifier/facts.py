"""Reads what there may be to tell of a site. Every question is answered by an index, for it is asked twice a minute."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from services.notifier.news import Facts, RunSeen
from shared.database.tables import (
    WHOLE_RUNS,
    Event,
    FindingRow,
    PartKind,
    PartState,
    Run,
    RunKind,
    RunState,
    SnapshotPart,
)
from shared.database.watches import watch_statuses
from shared.domain.plan import Severity
from shared.language import declared, phrase, read_back
from shared.runs.history import ended_well
from shared.runs.start import ACTIVE_STATES, GOOD_ENDS
from shared.runs.verdict import waiting_counts
from shared.settings.documents import SingleSignOnSettings, SiteSettings

REMOVED = ("extension.disabled", "extension.deleted")
_MOST_REMOVALS = 500


def read_facts(session: Session, site_id: str, settings: SiteSettings, seen_run: int) -> tuple[Facts, int]:
    """The facts, and the newest run that was planned: its conflicts are read unless it is ``seen_run``."""
    of_site = Run.site_id == site_id
    whole = Run.kind.in_(WHOLE_RUNS)
    held = _newest(session, of_site, Run.state == RunState.HELD.value, Run.superseded_by.is_(None))
    ended = _newest(
        session, of_site, Run.kind == RunKind.FULL.value, Run.state.in_([RunState.FAILED.value, *GOOD_ENDS])
    )
    planned = _newest(session, of_site, whole, Run.planned_at.is_not(None))
    is_active = Run.state.in_(ACTIVE_STATES)
    first = session.scalar(select(func.min(Run.created_at)).where(of_site, Run.kind == RunKind.FULL.value))
    good = session.scalar(
        select(func.max(Run.finished_at)).where(
            of_site, whole, ended_well(), or_(Run.kind == RunKind.FULL.value, Run.approved_at.is_not(None))
        )
    )
    since = good or first
    read_anew = planned is not None and planned.id != seen_run
    licence, ends = _of_phone_system(session, of_site)
    facts = Facts(
        held=RunSeen(held.id, waiting=waiting_counts(held)) if held is not None else None,
        is_reading=_newest(session, of_site, whole, is_active) is not None,
        ended=RunSeen(ended.id, ended.state == RunState.FAILED.value, ended.error_message or "")
        if ended is not None
        else None,
        is_scheduled=settings.schedule.is_enabled,
        is_live=settings.schedule.is_live,
        behind_since=since,
        due_at=settings.schedule.next_run_at(since, is_watched=settings.schedule.is_live) if since else None,
        watches=watch_statuses(session, [site_id]).get(site_id, ()),
        licence=licence,
        ends=[*ends, *(_of_directories(session, planned.id) if planned is not None else ())],
        conflicts=_conflicts(session, planned.id) if planned is not None and read_anew else None,
        conflicts_path=f"/runs/{planned.id}/findings" if planned is not None else "",
    )
    return facts, planned.id if planned is not None else 0


def installation_ends(
    certificate: Path | None, single_sign_on: SingleSignOnSettings
) -> list[tuple[str, datetime]]:
    """Until when what no run reads is good: the certificate that the API serves HTTPS with, where this process knows its
    file, and the client secret, whose end only its provider knows and an administrator has entered."""
    secret = single_sign_on.client_secret_ends_on if single_sign_on.is_enabled else ""
    ends = _end(declared("The client secret of single sign-on"), f"{secret}T00:00+00:00" if secret else "")
    try:
        own = x509.load_pem_x509_certificate(certificate.read_bytes()) if certificate is not None else None
    except (OSError, ValueError):
        # Half written, perhaps: whoever serves with it says what is wrong with it.
        own = None
    if own is not None:
        ends.append((declared("The certificate of the console"), own.not_valid_after_utc))
    return ends


def removals_since(session: Session, site_id: str, cursor: int, until: datetime) -> tuple[list[str], int]:
    """What the Log says of extensions that were disabled or deleted after the entry ``cursor``, and the last entry read.

    An entry with a smaller id may be committed after one with a greater: only what is older than ``until`` is read.
    """
    rows = session.execute(
        select(Event.id, Event.message, Event.sentence)
        .where(
            Event.site_id == site_id, Event.code.in_(REMOVED), Event.id > cursor, Event.occurred_at < until
        )
        .order_by(Event.id)
        .limit(_MOST_REMOVALS)
    ).all()
    return [read_back(row.message, row.sentence) for row in rows], rows[-1].id if rows else cursor


def newest_entry(session: Session, site_id: str) -> int:
    """The newest entry of the Log about an extension that was disabled or deleted; 0 without one."""
    newest = select(func.max(Event.id)).where(Event.site_id == site_id, Event.code.in_(REMOVED))
    return session.scalar(newest) or 0


def _newest(session: Session, *conditions: ColumnElement[bool]) -> Run | None:
    return session.scalars(select(Run).where(*conditions).order_by(Run.id.desc()).limit(1)).first()


def _conflicts(session: Session, run_id: int) -> Mapping[str, str]:
    rows = session.scalars(
        select(FindingRow)
        .where(FindingRow.run_id == run_id, FindingRow.severity == Severity.CONFLICT.value)
        .order_by(FindingRow.id)
    )
    return {_key(row): row.message for row in rows}


def _key(row: FindingRow) -> str:
    what = "\0".join([row.code, row.number, *sorted(row.person_guids)])
    return hashlib.sha256(what.encode()).hexdigest()[:16]


def _of_phone_system(
    session: Session, of_site: ColumnElement[bool]
) -> tuple[tuple[int, int] | None, list[tuple[str, datetime]]]:
    """How many extensions are used and licensed, and until when the certificate is good, as of the newest reading."""
    proof = SnapshotPart.proof
    row = session.execute(
        select(
            SnapshotPart.source,
            proof["used_extensions"].as_integer().label("used"),
            proof["max_extensions"].as_integer().label("most"),
            proof["certificate_ends_at"].as_string().label("certificate"),
        )
        .join(Run, Run.id == SnapshotPart.run_id)
        .where(
            of_site,
            Run.kind.in_(WHOLE_RUNS),
            SnapshotPart.kind == PartKind.EXTENSIONS.value,
            SnapshotPart.state == PartState.COMPLETE.value,
        )
        .order_by(SnapshotPart.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None, []
    licence = None if row.most is None else (row.used or 0, row.most)
    return licence, _end(phrase("The certificate of {name}", name=row.source), row.certificate)


def _of_directories(session: Session, run_id: int) -> list[tuple[str, datetime]]:
    proof = SnapshotPart.proof
    rows = session.execute(
        select(
            SnapshotPart.source,
            proof["certificate_ends_at"].as_string().label("certificate"),
            proof["password_ends_at"].as_string().label("password"),
            proof["account"].as_string().label("account"),
        ).where(SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.UNIT.value)
    ).all()
    found: dict[str, datetime] = {}
    for row in rows:
        found |= _end(phrase("The certificate of {name}", name=row.source), row.certificate)
        found |= _end(phrase("The password of {name}", name=row.account), row.password)
    return list(found.items())


def _end(what: str, until: Any) -> list[tuple[str, datetime]]:
    return [(what, datetime.fromisoformat(until).astimezone(UTC))] if until else []
