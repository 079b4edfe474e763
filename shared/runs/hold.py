"""Holding a site: nothing is executed there until a person releases it. Asked again just before every change."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.found import site_of
from shared.database.tables import EventLevel, Site
from shared.language import declared, phrase

MOST_REASON = 500


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds a site, since when, and why (empty when they did not say)."""

    by: str
    since: datetime
    reason: str


def read_hold(stored: dict[str, Any] | None) -> Hold | None:
    """The hold as it is stored with a site; ``None`` when changes are executed."""
    if stored is None:
        return None
    return Hold(stored["by"], datetime.fromisoformat(stored["since"]), stored["reason"])


def is_held(session: Session, site_id: str) -> bool:
    """Whether nothing is to be executed at the site."""
    return session.scalar(select(Site.hold).where(Site.id == site_id)) is not None


def hold(session: Session, site_id: str, actor: str, reason: str) -> None:
    """Execute nothing at the site from now on. A hold that stands keeps its beginning.

    :raises NotFound: there is no such site.
    """
    site = site_of(session, site_id)
    if site.hold is not None:
        return
    reason = reason.strip()[:MOST_REASON]
    site.hold = {"by": actor, "since": datetime.now(UTC).isoformat(), "reason": reason}
    why = phrase(" Reason given: {reason}", reason=reason) if reason else ""
    sentence = phrase("All changes are held until somebody releases them.{why}", why=why)
    entry = events.LogEntry("site.held", sentence, level=EventLevel.WARNING, actor=actor)
    events.record_audited(session, site_id, entry, {"reason": reason})


def release(session: Session, site_id: str, actor: str) -> None:
    """Execute changes at the site again.

    :raises NotFound: there is no such site.
    """
    site = site_of(session, site_id)
    if site.hold is None:
        return
    site.hold = None
    entry = events.LogEntry("site.released", declared("Changes are executed again."), actor=actor)
    events.record_audited(session, site_id, entry, {})
