"""Changes as a watch stores them, and the change runs that take them up."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import func, insert, select

from shared.database.tables import ChangeRow, Run, RunKind
from shared.domain.watching import Hint
from shared.messages import TakeChanges
from tests.support.site import ENDED, SITE, Site
from tests.support.waiting import wait_until


def notice(site: Site, guids: Iterable[str], hint: Hint = Hint.CHANGED, directory: str = "") -> None:
    """Store that these people of a directory have changed, and publish the hint."""
    rows = [
        {
            "site_id": SITE,
            "directory": directory,
            "guid": guid,
            "hint": hint.value,
            "noticed_at": datetime.now(UTC),
        }
        for guid in guids
    ]
    with site.context.database.begin() as session:
        session.execute(insert(ChangeRow), rows)
    site.context.publish([TakeChanges(site_id=SITE)])


def changes_left(site: Site) -> int:
    """How many changes no run has dealt with."""
    with site.context.database.read() as session:
        return session.scalar(select(func.count()).select_from(ChangeRow)) or 0


def taken_up(site: Site, guids: Iterable[str]) -> Run:
    """The change run that has dealt with these changes."""
    before = newest(site)
    notice(site, guids)
    wait_until("a change run", lambda: newest(site) > before, 60)
    run = site.wait_for(newest(site), ENDED)
    wait_until("no change is left", lambda: not changes_left(site), 60)
    return run


def newest(site: Site) -> int:
    """The newest change run; 0 before the first."""
    with site.context.database.read() as session:
        which = Run.kind == RunKind.CHANGES.value
        return session.scalar(select(func.max(Run.id)).where(which)) or 0
