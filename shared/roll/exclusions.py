"""Says in the roll who is excluded, when somebody changes the exclusions: in the transaction that saves them.

Called when the rules are saved. What follows for whoever is not excluded any more only a plan can tell.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.database.tables import RollRow
from shared.domain.exclusions import Exclusions, why_excluded
from shared.language import declared
from shared.roll.entry import Entry, RollState, Row
from shared.roll.reading import moved_on, write
from shared.roll.stored import COLUMNS, row_of

_PAGE = 1_000


def take_exclusions(session: Session, site_id: str, exclusions: Exclusions, now: datetime) -> None:
    """Look at everybody once more; a page in memory at a time."""
    for page in _pages(session, site_id):
        changed = [(row, entry) for row in page if (entry := _decided(row.entry, exclusions)) != row.entry]
        write(session, site_id, [moved_on(row, entry, now, now) for row, entry in changed])


def _decided(entry: Entry, exclusions: Exclusions) -> Entry:
    if entry.is_past:
        return entry
    is_excluded, was_excluded = _holds(exclusions, entry), entry.state is RollState.EXCLUDED
    if is_excluded and not was_excluded:
        reason = why_excluded(entry.person.name if entry.is_there and entry.person is not None else "")
        return replace(entry, state=RollState.EXCLUDED, reason=reason, until=None)
    if was_excluded and not is_excluded:
        reason = declared("No longer excluded. The next full run plans for them.")
        return replace(entry, state=RollState.WILL_CHANGE, reason=reason)
    return entry


def _holds(exclusions: Exclusions, entry: Entry) -> bool:
    if entry.extension is not None and exclusions.hold_extension(entry.extension):
        return True
    if entry.is_there and entry.person is not None:
        return exclusions.hold_person(entry.person)
    return entry.guid is not None and exclusions.hold_name(entry.name)


def _pages(session: Session, site_id: str) -> Iterator[list[Row]]:
    after = ""
    while True:
        mine = RollRow.site_id == site_id, RollRow.holder > after
        rows = session.execute(select(*COLUMNS).where(*mine).order_by(RollRow.holder).limit(_PAGE)).all()
        if not rows:
            return
        after = rows[-1].holder
        yield [row_of(row) for row in rows]
