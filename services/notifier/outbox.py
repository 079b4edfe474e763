"""Writes to the outbox what there is to tell of a site: the state that was told and the messages, in one transaction.

What a run did stands in its own rows, written when it was done; so nothing is lost when nobody looks for a while, and
what began and ended meanwhile was no change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.notifier.facts import installation_ends, newest_entry, read_facts, removals_since
from services.notifier.news import Notice, look, news, removals
from services.notifier.timing import due_at
from shared.database.sentences import with_sentences
from shared.database.tables import NotifiedState, OutboxRow
from shared.domain.notifying import KINDS, MessageState, Notification
from shared.language import shown, spoken
from shared.settings.documents import SiteSettings
from shared.settings.store import DEFAULT_SITE
from shared.work import leases
from shared.worker.context import Context

# Transactions of the Log are over by then.
_SETTLED = timedelta(minutes=2)
_MOST_LINES = 1000


@dataclass(frozen=True, slots=True)
class _Told:
    """What was told of one kind and lasts, and how far what only grows was read."""

    lasting: tuple[str, ...] = ()
    cursor: int = 0


def take_notice(
    context: Context, site_id: str, settings: SiteSettings, lease: tuple[str, str], now: datetime
) -> None:
    """Compare what holds at the site with what was told, and write what is new for every channel that carries it.

    ``lease`` is its name and holder: two at once would tell everything twice.

    :raises LeaseHeld: another worker has taken over; nothing was written.
    """
    with context.database.read() as session:
        before = _read(session, site_id)
        # What belongs to no site is told by the first one.
        ends = (
            installation_ends(context.settings.tls_certificate, settings.single_sign_on)
            if site_id == DEFAULT_SITE
            else []
        )
        after, notices = _compare(session, site_id, settings, before, ends, now)
    changed = {kind: told for kind, told in after.items() if before.get(kind) != told}
    if not changed and not notices:
        return
    with context.database.begin() as session:
        leases.fence(session, *lease)
        for kind, told in changed.items():
            row = session.get(NotifiedState, (site_id, kind.value))
            if row is None:
                row = NotifiedState(site_id=site_id, kind=kind.value)
                session.add(row)
            row.lasting, row.cursor = list(told.lasting), told.cursor
        _write(session, site_id, notices, settings, now)


def _read(session: Session, site_id: str) -> dict[Notification, _Told]:
    rows = session.scalars(select(NotifiedState).where(NotifiedState.site_id == site_id))
    return {
        Notification(row.kind): _Told(tuple(row.lasting), row.cursor)
        for row in rows
        if row.kind in [*Notification]
    }


def _compare(
    session: Session,
    site_id: str,
    settings: SiteSettings,
    before: Mapping[Notification, _Told],
    ends: Sequence[tuple[str, datetime]],
    now: datetime,
) -> tuple[dict[Notification, _Told], list[Notice]]:
    seen_run = before.get(Notification.CONFLICTS, _Told()).cursor
    facts, planned = read_facts(session, site_id, settings, seen_run)
    found = look(replace(facts, ends=[*facts.ends, *ends]), settings.notifications, now)
    notices = [*news({kind: told.lasting for kind, told in before.items()}, found)]
    after = {
        kind: replace(
            before.get(kind, _Told()), lasting=tuple(sorted(condition.key for condition in conditions))
        )
        for kind, conditions in found.items()
    }
    if Notification.CONFLICTS in after:
        after[Notification.CONFLICTS] = replace(after[Notification.CONFLICTS], cursor=planned)
    told = before.get(Notification.REMOVALS) or _Told(cursor=newest_entry(session, site_id))
    lines, cursor = removals_since(session, site_id, told.cursor, now - _SETTLED)
    after[Notification.REMOVALS] = replace(told, cursor=cursor)
    return after, notices + ([removals(lines)] if lines else [])


def _write(
    session: Session, site_id: str, notices: Iterable[Notice], settings: SiteSettings, now: datetime
) -> None:
    section = settings.notifications
    for notice in notices:
        due = due_at(notice, section, settings.schedule.time_zone, now)
        with spoken(section.language):
            lines = [str(shown(line)) for line in notice.lines[:_MOST_LINES]]
        for channel in section.channels():
            if notice.kind not in section.kinds(channel):
                continue
            collected = _collecting(session, site_id, channel.value, notice, now)
            if collected is not None:
                collected.lines = [*collected.lines, *lines][:_MOST_LINES]
                continue
            values = {"title": notice.title, "lines": lines}
            session.add(
                OutboxRow(
                    site_id=site_id,
                    channel=channel.value,
                    kind=notice.kind.value,
                    severity=notice.severity.value,
                    message_id=uuid4().hex,
                    path=notice.path,
                    created_at=now,
                    due_at=due,
                    **with_sentences(OutboxRow, values),
                )
            )


def _collecting(
    session: Session, site_id: str, channel: str, notice: Notice, now: datetime
) -> OutboxRow | None:
    """The daily summary that what is told of this kind is added to; none for what is told at once."""
    if not KINDS[notice.kind].is_digest:
        return None
    return session.scalars(
        select(OutboxRow).where(
            OutboxRow.site_id == site_id,
            OutboxRow.channel == channel,
            OutboxRow.kind == notice.kind.value,
            OutboxRow.state == MessageState.PENDING.value,
            OutboxRow.due_at > now,
            OutboxRow.attempts == 0,
        )
    ).first()
