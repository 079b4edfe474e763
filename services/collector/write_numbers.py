"""Writes given numbers to the directory: the only thing that Rollcall ever writes there. Called by the task.

A number is written when its extension exists, to an attribute that is empty, and is owed until the attribute holds it. The
attribute is read first, every time: so a write whose answer was lost, or whose worker was killed, is read back and not repeated.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.collector.active_directory import ActiveDirectory
from shared.database import events, given_numbers
from shared.database.given_numbers import NOT_TRIED
from shared.database.rows import rows_of
from shared.database.sentences import with_sentences
from shared.database.tables import BindingRow, EventLevel, GivenNumberRow
from shared.errors import (
    AttributeOccupied,
    DirectoryUnavailable,
    InsufficientRights,
    LeaseHeld,
    NotFound,
    RollcallError,
)
from shared.language import Plural, phrase
from shared.runs.hold import is_held
from shared.settings import store
from shared.settings.documents import DirectorySettings
from shared.work import leases
from shared.work.heartbeat import Heartbeat
from shared.worker.context import Context

AT_ONCE = 200
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)
_NAMES_IN_LOG = 5


def write_numbers(context: Context, site_id: str) -> None:
    """Write what can be written now.

    :raises LeaseHeld: another worker is at it.
    """
    name, holder = f"numbers of {site_id}", leases.new_holder()
    with leases.hold(context.database, name, holder, context.settings.lease_seconds) as heartbeat:
        _Writing(context, site_id, name, holder, heartbeat).run()


class _Writing:
    """One turn of one site."""

    def __init__(self, context: Context, site_id: str, name: str, holder: str, heartbeat: Heartbeat) -> None:
        self._context = context
        self._site_id = site_id
        self._name = name
        self._holder = holder
        self._heartbeat = heartbeat
        self._failed: list[tuple[GivenNumberRow, RollcallError]] = []

    def run(self) -> None:
        """Write number by number; what cannot be written is told at the end, once for all of them."""
        with self._context.database.read() as session:
            settings = store.read(session, self._site_id, self._context.encryption).settings
            rows = given_numbers.due(session, self._site_id, datetime.now(UTC), AT_ONCE)
            homes = {} if len(settings.directory_by_key) == 1 else _homes(session, self._site_id)
        attribute = settings.rules.write_back_attribute
        # The last plan went by other settings; the next one says where numbers go now.
        rows = [row for row in rows if row.write_to == attribute]
        if not rows or attribute is None or self._is_site_held():
            return
        for key, directory in settings.directory_by_key.items():
            # Whose directory is not known yet waits for the next plan, which notes it.
            mine = [row for row in rows if len(homes) == 0 or homes.get(row.person_guid) == key]
            if mine:
                self._write_to(directory, mine, attribute)
        if self._failed:
            self._note_failures(attribute)

    def _is_site_held(self) -> bool:
        with self._context.database.read() as session:
            return is_held(session, self._site_id)

    def _write_to(self, settings: DirectorySettings, rows: Sequence[GivenNumberRow], attribute: str) -> None:
        left = list(rows)
        try:
            with _writable(settings) as directory:
                while left and not self._is_site_held():
                    self._write(directory, left[0], attribute)
                    del left[0]
        except LeaseHeld:
            raise
        except RollcallError as error:
            self._failed += [(row, error) for row in left]

    def _write(self, directory: ActiveDirectory, row: GivenNumberRow, attribute: str) -> None:
        if self._heartbeat.is_lost:
            raise LeaseHeld(phrase("Another worker may have taken over the {name}.", name=self._name))
        try:
            dn, is_new = _put(directory, row, attribute)
        except DirectoryUnavailable:
            raise
        except RollcallError as error:
            self._failed.append((row, error))
        else:
            self._note_written(row, attribute, dn, directory.server, is_new=is_new)

    def _note_written(
        self, row: GivenNumberRow, attribute: str, dn: str, server: str, *, is_new: bool
    ) -> None:
        message = phrase(
            "{number} was written to {attribute} of {person_name} in the directory ({dn}).",
            number=row.number,
            attribute=attribute,
            person_name=row.person_name,
            dn=dn,
        )
        if not is_new:
            message = phrase(
                "{attribute} of {person_name} in the directory ({dn}) has {number}.",
                attribute=attribute,
                person_name=row.person_name,
                dn=dn,
                number=row.number,
            )
        with self._context.database.begin() as session:
            leases.fence(session, self._name, self._holder)
            if not _update(session, row, written_to=attribute, **NOT_TRIED):
                return
            entry = events.LogEntry("number.written", message, number=row.number, person_guid=row.person_guid)
            events.record(session, self._site_id, entry)
            if is_new:
                details = {
                    "number": row.number, "person": row.person_guid, "name": row.person_name,
                    "attribute": attribute, "dn": dn, "controller": server,
                }  # fmt: skip
                events.audit(
                    session, self._site_id, actor="system", action="directory.number_written", details=details
                )

    def _note_failures(self, attribute: str) -> None:
        now, news = datetime.now(UTC), dict[str, list[tuple[GivenNumberRow, RollcallError]]]()
        with self._context.database.begin() as session:
            leases.fence(session, self._name, self._holder)
            for row, error in self._failed:
                pause = min(_FIRST_PAUSE * 2 ** min(row.write_attempts, 10), _LONGEST_PAUSE)
                if isinstance(error, InsufficientRights | AttributeOccupied | NotFound):
                    # A person has to do something first.
                    pause = _LONGEST_PAUSE
                changes = {
                    "write_attempts": row.write_attempts + 1,
                    "write_again_at": now + pause,
                    "write_error_code": error.code,
                    "write_error_message": error.message,
                }
                if _update(session, row, **changes) and row.write_error_code != error.code:
                    news.setdefault(error.code, []).append((row, error))
            for failed in news.values():
                events.record(session, self._site_id, _failure(failed, attribute))


def _homes(session: Session, site_id: str) -> dict[str, str | None]:
    """By objectGUID, the directory that somebody with an extension was last read from."""
    rows = session.execute(
        select(BindingRow.person_guid, BindingRow.directory).where(BindingRow.site_id == site_id)
    )
    return {row.person_guid: row.directory for row in rows}


def _put(directory: ActiveDirectory, row: GivenNumberRow, attribute: str) -> tuple[str, bool]:
    """Name of the person's entry, and whether the number was written just now; else it was there."""
    found = directory.values_of(row.person_guid, attribute)
    if found is None:
        raise NotFound(
            phrase(
                "{person_name} is no longer in the directory, or the account may not see the entry (asked "
                "{server}).",
                person_name=row.person_name,
                server=directory.server,
            )
        )
    dn, values = found
    held = [value.strip() for value in values if value.strip()]
    if row.number in held:
        return dn, False
    if held:
        raise AttributeOccupied(
            phrase(
                "{attribute} of {dn} has '{held}', which Rollcall does not overwrite. Clear it, or enter "
                "{number} yourself.",
                attribute=attribute,
                dn=dn,
                held=held[0][:80],
                number=row.number,
            )
        )
    directory.add_value(row.person_guid, attribute, row.number)
    return dn, True


@contextmanager
def _writable(settings: DirectorySettings) -> Iterator[ActiveDirectory]:
    """A session with the first controller that can be written to.

    :raises RollcallError: there is none; the reason.
    """
    for start in range(max(1, len(settings.servers))):
        with ActiveDirectory(settings, start) as directory:
            if not directory.domain().is_read_only:
                yield directory
                return
    raise InsufficientRights(
        phrase(
            "{servers}: nothing can be written to a read-only domain controller. Add a writable one to "
            "directory.servers, or turn writing off.",
            servers=", ".join(settings.servers),
        ),
    )


def _update(session: Session, row: GivenNumberRow, **changes: Any) -> bool:
    """Change the row, while the number still is the same person's and wanted there."""
    changed = session.execute(
        update(GivenNumberRow)
        .where(
            GivenNumberRow.site_id == row.site_id,
            GivenNumberRow.number == row.number,
            GivenNumberRow.person_guid == row.person_guid,
            GivenNumberRow.write_to == row.write_to,
        )
        .values(**with_sentences(GivenNumberRow, changes))
        .execution_options(synchronize_session=False)
    )
    return bool(rows_of(changed))


def _failure(failed: Sequence[tuple[GivenNumberRow, RollcallError]], attribute: str) -> events.LogEntry:
    names = [f"{row.number} ({row.person_name})" for row, _error in failed]
    more = phrase(" and {count} more", count=len(names) - _NAMES_IN_LOG) if len(names) > _NAMES_IN_LOG else ""
    row, error = failed[0]
    many = len(failed) > 1
    return events.LogEntry(
        "number.not_written",
        phrase(
            "{numbers} {names}{more} could not be written to {attribute} in the directory. {message} Nothing is lost. Rollcall tries again.",
            numbers=Plural("Number", "Numbers", len(failed)),
            names=", ".join(names[:_NAMES_IN_LOG]),
            more=more,
            attribute=attribute,
            message=error.message,
        ),
        level=EventLevel.WARNING,
        number=None if many else row.number,
        person_guid=None if many else row.person_guid,
    )
