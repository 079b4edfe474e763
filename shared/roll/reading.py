"""Takes up what a run has read: the roll is rebuilt by a whole reading, and brought up to date by one of few people.

Both write in the caller's transaction, page by page, and only rows that say something else than before.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from shared.database.engine import Database
from shared.database.tables import RollReading, RollRow
from shared.domain.person import Presence
from shared.language import declared
from shared.roll import queries
from shared.roll.entry import Entry, RollState, Row, nobodys
from shared.roll.stored import digests_of, values_of

_PAGE = 1_000
_INSERTION = insert(RollRow.__table__)  # type: ignore[arg-type]


def take_reading(
    session: Session,
    site_id: str,
    run_id: int,
    entries: Iterable[Entry],
    proves_absence: Callable[[Entry], bool],
    now: datetime,
) -> int:
    """Rebuild the site's roll from a whole reading; returns how many rows it did not know (0 for the first reading).

    ``entries`` hold everybody and every extension that was read, each holder once. Whoever is not among them is taken
    to be gone only if ``proves_absence`` says of their entry that the reading proves it; else the row stays as it is.
    """
    before = queries.reading_of(session, site_id)
    taking = _Taking(session, site_id, before.read_at if before else now, now)
    taking.take(entries)
    taking.leave_unseen(proves_absence)
    differences = taking.differences if before is not None else 0
    if before is None:
        session.add(RollReading(site_id=site_id, run_id=run_id, read_at=now, differences=0))
    else:
        before.run_id, before.read_at, before.differences = run_id, now, differences
    session.flush()
    return differences


def take_part(session: Session, site_id: str, entries: Iterable[Entry], now: datetime) -> int:
    """Take up these entries and leave all others; returns how many of them said something else before.

    Of somebody who is gone or elsewhere the entry has that ``presence`` and no person.
    """
    listed = list(entries)
    taking = _Taking(session, site_id, now, now)
    taking.take(listed)
    joined = [nobodys(entry.extension) for entry in listed if entry.extension is not None and entry.guid]
    remove(session, site_id, joined)
    session.flush()
    return taking.differences


def _digests(session: Session, site_id: str, holders: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(holders), queries.AT_ONCE):
        mine = RollRow.site_id == site_id, RollRow.holder.in_(holders[start : start + queries.AT_ONCE])
        rows = session.execute(select(RollRow.holder, RollRow.digest).where(*mine))
        found |= {row.holder: row.digest for row in rows}
    return found


@dataclass
class _Taking:
    """What is kept of everybody who was read is a few bytes: a site may have 100,000 of them."""

    session: Session
    site_id: str
    last_read_at: datetime
    now: datetime
    differences: int = 0
    # Hashes of the holders that were read: a row whose hash is that of another by chance is taken for read, and stays.
    _seen: "array[int]" = field(default_factory=lambda: array("q"))
    # Extensions that somebody has.
    _held: "array[int]" = field(default_factory=lambda: array("q"))

    def take(self, entries: Iterable[Entry]) -> None:
        for page in _pages(entries):
            self._seen.extend(hash(entry.holder) for entry in page)
            self._held.extend(
                entry.extension.id for entry in page if entry.extension is not None and entry.guid
            )
            known = _digests(self.session, self.site_id, [entry.holder for entry in page])
            new, changed = [], []
            for entry, digest in zip(page, digests_of(page), strict=True):
                if entry.holder not in known:
                    new.append(Row(entry, self.now, None if is_seen(entry) else self.now))
                elif known[entry.holder] != digest:
                    changed.append(entry)
            add(self.session, self.site_id, new)
            self.differences += len(new)
            self._change(changed)

    def leave_unseen(self, proves_absence: Callable[[Entry], bool]) -> None:
        """What the reading did not show."""
        held = array("q", sorted(self._held))
        for unseen in self._unseen():
            rows = queries.rows_of(self.session, self.site_id, unseen)
            joined = [
                holder
                for holder, row in rows.items()
                if row.entry.extension is not None
                and row.entry.guid is None
                and _is_in(held, row.entry.extension.id)
            ]
            remove(self.session, self.site_id, joined)
            self.differences += len(joined)
            others = [row for holder, row in rows.items() if holder not in set(joined)]
            gone = (gone_since(row, proves_absence) for row in others)
            self._change([entry for entry in gone if entry is not None], rows)

    def _unseen(self) -> Iterator[list[str]]:
        """The holders of whom nothing was read, page by page."""
        seen, last = array("q", sorted(self._seen)), ""
        holder = RollRow.holder
        mine = select(holder).where(RollRow.site_id == self.site_id).order_by(holder).limit(_PAGE)
        while page := self.session.scalars(mine.where(holder > last)).all():
            last = page[-1]
            if unseen := [guid for guid in page if not _is_in(seen, hash(guid))]:
                yield unseen

    def _change(self, entries: Sequence[Entry], known: Mapping[str, Row] | None = None) -> None:
        if not entries:
            return
        rows = known or queries.rows_of(self.session, self.site_id, [entry.holder for entry in entries])
        following = [entry.following(rows[entry.holder].entry) for entry in entries]
        self.differences += sum(
            entry.facts != rows[entry.holder].entry.facts for entry in following if entry.holder in rows
        )
        write(
            self.session,
            self.site_id,
            [moved_on(rows[entry.holder], entry, self.now, self.last_read_at) for entry in following],
        )


def _is_in(ordered: "array[int]", key: int) -> bool:
    place = bisect_left(ordered, key)
    return place < len(ordered) and ordered[place] == key


def moved_on(before: Row, entry: Entry, now: datetime, last_read_at: datetime) -> Row:
    """The row after the entry took the place of what it said before."""
    since = before.since if before.entry.state is entry.state else now
    return Row(entry, since, None if is_seen(entry) else before.last_seen_at or last_read_at)


def is_seen(entry: Entry) -> bool:
    """Whether a reading of now shows the person, or of an extension that is nobody's the extension."""
    return entry.is_there if entry.guid else entry.extension is not None


def gone_since(row: Row, proves_absence: Callable[[Entry], bool]) -> Entry | None:
    """What a row is that a whole reading does not show; ``None`` when it stays as it is."""
    entry = row.entry
    if entry.is_past:
        return None
    if entry.guid is None:
        reason = declared("Deleted from 3CX.")
    elif not proves_absence(entry):
        return None
    else:
        reason = declared("No longer found in the selected OUs.")
    return replace(
        entry,
        state=RollState.NOT_IN_DIRECTORY,
        presence=None,
        extension=None,
        last_extension=entry.extension or entry.last_extension,
        reason=reason,
        until=None,
        drift=(),
    )


def write(session: Session, site_id: str, rows: Sequence[Row]) -> None:
    """Write these rows, each of which is there already."""
    if not rows:
        return
    entries = [row.entry for row in rows]
    values = [
        {f"new_{name}": value for name, value in made.items()}
        | {"new_since": row.since, "new_last_seen_at": row.last_seen_at}
        for row, made in zip(rows, values_of(entries), strict=True)
    ]
    columns = [name.removeprefix("new_") for name in values[0] if name != "new_holder"]
    changing = (
        update(RollRow)
        .where(RollRow.site_id == site_id, RollRow.holder == bindparam("new_holder"))
        .values({name: bindparam(f"new_{name}") for name in columns})
        .execution_options(synchronize_session=False)
    )
    session.connection().execute(changing, values)


def add(session: Session, site_id: str, rows: Sequence[Row]) -> None:
    """Write these rows, of holders that have none yet."""
    made = values_of([row.entry for row in rows])
    values = [
        {"site_id": site_id, **each, "since": row.since, "last_seen_at": row.last_seen_at}
        for row, each in zip(rows, made, strict=True)
    ]
    if values:
        session.connection().execute(_INSERTION, values)


def remove(session: Session, site_id: str, holders: Sequence[str]) -> None:
    """Remove these rows."""
    for start in range(0, len(holders), queries.AT_ONCE):
        chosen = RollRow.holder.in_(holders[start : start + queries.AT_ONCE])
        session.execute(
            delete(RollRow)
            .where(RollRow.site_id == site_id, chosen)
            .execution_options(synchronize_session=False)
        )


def _pages(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while page := list(islice(rest, _PAGE)):
        yield page


def forget_past(database: Database, site_id: str, before: datetime, goes_on: Callable[[], bool]) -> int:
    """Delete the rows of whoever was seen last before then and of whom nothing is there any more; how many are gone."""
    gone = 0
    while goes_on():
        with database.begin() as session:
            past = session.scalars(
                select(RollRow.holder)
                .where(
                    RollRow.site_id == site_id,
                    RollRow.last_seen_at < before,
                    RollRow.extension_id.is_(None),
                    RollRow.presence != Presence.SELECTED.value,
                )
                .limit(queries.AT_ONCE)
            ).all()
            remove(session, site_id, past)
        gone += len(past)
        if len(past) < queries.AT_ONCE:
            break
    return gone
