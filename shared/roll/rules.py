"""Says in the roll who is excluded and which extensions are never changed, when somebody changes what decides it: in the
transaction that saves the settings.

What follows for whoever is neither any more only a plan can tell.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.database.tables import RollRow
from shared.domain.exclusions import Exclusions, why_excluded
from shared.domain.protection import protection_of, reserved_by, why_never_changed, why_number_reserved
from shared.domain.rules import Rules
from shared.language import declared
from shared.roll import queries
from shared.roll.entry import Entry, RollState, Row
from shared.roll.reading import moved_on, write
from shared.roll.states import StateFacts, state_of
from shared.roll.stored import COLUMNS, row_of

_PAGE = 1_000
# What is said of people for whom there is, or would be, something to do.
_TO_CHANGE = (RollState.WILL_CHANGE, RollState.LEAVING, RollState.PROTECTED, RollState.EXCLUDED)


def take_rules(session: Session, site_id: str, before: Rules, after: Rules, now: datetime) -> None:
    """Look once more at whomever the difference between these rules concerns."""
    reserved = reserved_by(after)
    changed = reserved ^ reserved_by(before)
    if changed:
        rows = queries.rows_of_numbers(session, site_id, changed)
        _take(session, site_id, [rows], lambda entry: _by_protection(entry, reserved, changed), now)
    if before.exclusions != after.exclusions:
        exclusions, pages = Exclusions(after.exclusions), _pages(session, site_id)
        _take(session, site_id, pages, lambda entry: _by_exclusion(entry, exclusions, reserved), now)


def _take(
    session: Session,
    site_id: str,
    pages: Iterable[list[Row]],
    decide: Callable[[Entry], Entry],
    now: datetime,
) -> None:
    for page in pages:
        changed = [(row, entry) for row in page if (entry := decide(row.entry)) != row.entry]
        write(session, site_id, [moved_on(row, entry, now, now) for row, entry in changed])


def _by_exclusion(entry: Entry, exclusions: Exclusions, reserved: Collection[str]) -> Entry:
    if entry.is_past:
        return entry
    is_excluded, was_excluded = _holds(exclusions, entry), entry.state is RollState.EXCLUDED
    if is_excluded and not was_excluded:
        reason = why_excluded(entry.person.name if entry.is_there and entry.person is not None else "")
        return replace(entry, state=RollState.EXCLUDED, reason=reason, until=None)
    if was_excluded and not is_excluded:
        why = _protection(entry, reserved)
        if why:
            return replace(entry, state=RollState.PROTECTED, reason=why)
        reason = declared("No longer excluded. The next full run plans for them.")
        return replace(entry, state=RollState.WILL_CHANGE, reason=reason)
    return entry


def _by_protection(entry: Entry, reserved: Collection[str], changed: Collection[str]) -> Entry:
    """``changed`` are the numbers that were reserved and are not, or the other way round."""
    if entry.is_past or entry.state in (RollState.EXCLUDED, RollState.CONFLICT):
        return entry
    why = _protection(entry, reserved)
    if why:
        return replace(entry, state=RollState.PROTECTED, reason=why, until=None)
    if entry.state is not RollState.PROTECTED or not _protection(entry, changed):
        return entry
    if entry.guid is None:
        state, reason = state_of(StateFacts(None, has_extension=True))
        return replace(entry, state=state, reason=reason)
    reason = declared("No longer protected. The next full run plans for them.")
    return replace(entry, state=RollState.WILL_CHANGE, reason=reason)


def _protection(entry: Entry, reserved: Collection[str]) -> str:
    """Why nothing is ever changed for them while these numbers are reserved; empty where it may be, or where nothing is to."""
    if entry.guid is not None and entry.state not in _TO_CHANGE:
        return ""
    extension = entry.extension
    if extension is not None and (entry.guid is None or extension.number in reserved):
        what = protection_of(extension, reserved)
        if what is not None:
            return why_never_changed(what)
    wanted = entry.person.number if entry.person is not None and entry.is_there else None
    if wanted in reserved:
        return why_number_reserved(wanted, entry.name)
    return ""


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
