"""Who is about to lose their extension: the countdowns of leavers, and a person's word to put one off, stop or resume it.

Called by the API, the console and the CLI. Nothing is written to the phone system; the next run goes by what is decided.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.database import events, graces
from shared.database.found import site_of
from shared.database.tables import GraceRow
from shared.domain.grace import is_nobodys
from shared.errors import Conflict, NotFound
from shared.language import declared, phrase
from shared.roll.effects import decide
from shared.worker.context import Context

_LONGEST = timedelta(days=3650)


def list_graces(context: Context, site_id: str) -> Sequence[GraceRow]:
    """Everybody whose extension is disabled and counted down, the next one first; those that are kept come last.

    :raises NotFound: there is no such site.
    """
    with context.database.read() as session:
        site_of(session, site_id)
        rows = session.scalars(select(GraceRow).where(GraceRow.site_id == site_id)).all()
    listed = [row for row in rows if row.began_at is not None or row.is_kept]
    return sorted(listed, key=lambda row: (row.ends_at is None, row.ends_at or row.began_at, row.number))


def of_person(context: Context, site_id: str, guid: str) -> GraceRow | None:
    """The countdown of one person's extension, if there is one."""
    with context.database.read() as session:
        return session.get(GraceRow, (site_id, guid))


def extend(context: Context, site_id: str, person: str, until: date, actor: str) -> GraceRow:
    """Keep an extension until the beginning of a day (UTC), whatever the rules say; it goes then.

    ``person`` is the number of the extension, the objectGUID or the name.

    :raises NotFound: nothing is counted down for them.
    :raises Conflict: several fit, or the day is not later than the present end, or more than ten years away.
    """
    moment, now = datetime.combine(until, time(), UTC), datetime.now(UTC)
    with context.database.begin() as session:
        row = _row(session, site_id, person)
        if moment <= max(row.ends_at or now, now):
            end = (
                phrase(" than {ends_at}, when it is deleted now", ends_at=f"{row.ends_at:%Y-%m-%d}")
                if row.ends_at
                else declared(" than today")
            )
            raise Conflict(
                phrase("{until} is not later{end}. Give a later day.", until=f"{until:%Y-%m-%d}", end=end)
            )
        if moment > now + _LONGEST:
            raise Conflict(
                phrase(
                    "{until} is more than ten years away. To keep it permanently, stop the countdown.",
                    until=f"{until:%Y-%m-%d}",
                )
            )
        row.until, row.is_kept = moment, False
        _decided(session, row, actor, "extended", phrase("is kept until {until}", until=f"{until:%Y-%m-%d}"))
    return row


def keep(context: Context, site_id: str, person: str, actor: str) -> GraceRow:
    """Stop the countdown: the extension stays disabled and is not deleted until it is resumed or the person returns.

    :raises NotFound: nothing is counted down for them.
    :raises Conflict: several fit.
    """
    with context.database.begin() as session:
        row = _row(session, site_id, person)
        row.until, row.is_kept = None, True
        _decided(
            session, row, actor, "kept", declared("is not going to be deleted: the countdown is stopped")
        )
    return row


def resume(context: Context, site_id: str, person: str, actor: str) -> GraceRow:
    """Go by the rules again: the days count from when the extension was disabled.

    :raises NotFound: nothing is counted down for them.
    :raises Conflict: several fit.
    """
    with context.database.begin() as session:
        row = _row(session, site_id, person)
        row.until, row.is_kept = None, False
        ends_at = graces.grace_of(row).ends_at
        when = (
            declared("after its days of grace")
            if ends_at is None
            else phrase("on {ends_at}", ends_at=f"{ends_at:%Y-%m-%d}")
        )
        if ends_at is not None and ends_at <= datetime.now(UTC):
            when = declared("by the next run, because its days of grace are over")
        _decided(session, row, actor, "resumed", phrase("is going to be deleted {when}", when=when))
    return row


def _row(session: Session, site_id: str, person: str) -> GraceRow:
    wanted = person.strip()[:300]
    for column in (GraceRow.number, GraceRow.holder, func.lower(GraceRow.name)):
        found = session.scalars(
            select(GraceRow).where(GraceRow.site_id == site_id, column == wanted.lower())
        ).all()
        if len(found) > 1:
            listed = ", ".join(f"{row.number} ({row.name})" for row in found[:10])
            raise Conflict(
                phrase(
                    "'{wanted}' fits {count} extensions: {numbers}. Name one by its number.",
                    wanted=wanted,
                    count=len(found),
                    numbers=listed,
                )
            )
        if found:
            return found[0]
    raise NotFound(
        phrase(
            "No extension of '{wanted}' is waiting to be deleted. See which are: rollcall grace list",
            wanted=wanted,
        )
    )


def _decided(session: Session, row: GraceRow, actor: str, what: str, sentence: str) -> None:
    row.ends_at = graces.grace_of(row).ends_at
    session.flush()
    decide(session, row.site_id, row.holder, datetime.now(UTC))
    guid = None if is_nobodys(row.holder) else row.holder
    message = phrase(
        "Extension {number} ({name}) {change}.", number=row.number, name=row.name, change=sentence
    )
    entry = events.LogEntry(f"grace.{what}", message, actor=actor, number=row.number, person_guid=guid)
    details = {
        "number": row.number,
        "person": guid,
        "name": row.name,
        "until": row.until.isoformat() if row.until else None,
    }
    events.record_audited(session, row.site_id, entry, details)
