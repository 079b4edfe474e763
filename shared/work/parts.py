"""A part of a snapshot as a piece of work. Every step is a conditional UPDATE that names the attempt and its holder.

A reader that was paused past its claim finds its attempt superseded at the next step and stops (``LeaseHeld``): it can
neither complete the part nor mix its pages with those of the attempt that took over.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.pages import Item, delete_other_attempts, delete_pages, write_page
from shared.database.rows import rows_of
from shared.database.sentences import with_sentences
from shared.database.tables import EventLevel, PartKind, PartState, Run, RunState, SnapshotPart
from shared.errors import (
    LeaseHeld,
    RollcallError,
    SettingsInvalid,
    TookTooLong,
    TransientError,
    TransitionRefused,
)
from shared.language import declared, phrase, restored, sentences_in
from shared.settings.documents import DirectorySettings, SiteSettings
from shared.settings.what_if import read_for_run
from shared.work import bulkhead, leases
from shared.work.claimed import Work, claimed
from shared.work.due import part_message
from shared.work.moves import move_part
from shared.work.publishing import publish_after_part
from shared.work.transitions import PartEvent
from shared.worker.context import Context

# Of attempts that failed for a passing reason, and of those that just ended (their worker was killed).
MAX_ATTEMPTS = 3
# What twice takes longer than a task may will take as long the third time.
_MOST_TOO_LONG = 2
_LONGEST_PAUSE_SECONDS = 60.0
_EXPIRED = phrase(
    "It was started {max_attempts} times, and each time the worker ended early or hung. See the "
    "workers' process log. The usual cause is memory.",
    max_attempts=MAX_ATTEMPTS,
)


class PartWork(Work):
    """An attempt at reading one part. What is read is stored page by page, and counts once it is complete."""

    run_id: int
    site_id: str
    unit: str
    attempt: int

    def __init__(self, context: Context, part_id: int, kind: PartKind) -> None:
        super().__init__(context, f"part {part_id}")
        self.id = part_id
        self.kind = kind
        self.pages = self.items = 0
        # The state of a run that wants this kind read.
        wanted = RunState.EXECUTING if kind is PartKind.LOOKUP else RunState.COLLECTING
        self._is_wanted = (
            select(Run.id).where(Run.id == SnapshotPart.run_id, Run.state == wanted.value).exists()
        )

    def settings(self) -> SiteSettings:
        """The site's settings as they are now, and what the run tries in their place."""
        with self.context.database.read() as session:
            found = read_for_run(session, self.run_id, self.site_id, self.context.encryption)
            return found.settings

    def directory(self, settings: SiteSettings) -> tuple[str, DirectorySettings]:
        """The key and the settings of the directory that the part is to be read from.

        :raises SettingsInvalid: it was removed from the settings meanwhile.
        """
        # A unit that was taken out of the settings meanwhile is read as ever: the plan goes by the settings.
        key = (settings.key_of_unit(self.unit) or "") if self.kind is PartKind.UNIT else self.unit
        found = settings.directory_by_key.get(key)
        if found is None:
            raise SettingsInvalid(
                phrase(
                    "The directory {directory} was removed from the settings while the run was reading.",
                    directory=key,
                )
            )
        return key, found

    def store(self, items: Sequence[Item]) -> None:
        """Store the next page and renew the claim.

        :raises LeaseHeld: another attempt has taken over, or the run was cancelled; stop reading.
        :raises TookTooLong: the reading has gone on for too long.
        """
        self.deadline.check()
        with self.context.database.begin() as session:
            self._keep(session)
            write_page(session, self.id, self.attempt, self.pages, items)
        self.pages += 1
        self.items += len(items)

    def start_over(self) -> None:
        """Forget what was stored, to read again within this attempt.

        :raises LeaseHeld: as for ``store``.
        """
        with self.context.database.begin() as session:
            self._keep(session)
            delete_pages(session, self.id, self.attempt)
        self.pages = self.items = 0

    def note(self, proof: Mapping[str, Any]) -> None:
        """Keep what is known before the part is complete, for whoever reads the run's other parts.

        :raises LeaseHeld: as for ``store``.
        """
        with self.context.database.begin() as session:
            self._keep(session, proof=_kept(proof))

    def complete(self, *, source: str, proof: Mapping[str, Any]) -> None:
        """Declare the part complete with what was stored, on the evidence of ``proof``; it took so many ``seconds``.

        :raises LeaseHeld: as for ``store``.
        """
        with self.context.database.begin() as session:
            # Before the part: parts of a run that complete at once would wait for each other on SQL Server.
            session.scalar(
                select(Run.id)
                .where(Run.id == self.run_id)
                .with_for_update(key_share=True)
                .with_hint(Run, "WITH (UPDLOCK)", "mssql")
            )
            self._move(
                session,
                PartEvent.COMPLETED,
                page_count=self.pages,
                item_count=self.items,
                source=source,
                proof=_kept({**proof, "seconds": round(self.deadline.spent_seconds, 3)}),
                error_code=None,
                error_message=None,
            )
            delete_other_attempts(session, self.id, self.attempt)

    def is_suspect(self) -> bool:
        """Whether it waits to be taken, and the end it reads did not answer last time."""
        with self.context.database.read() as session:
            waits = session.execute(
                select(Run.site_id, SnapshotPart.kind, SnapshotPart.unit)
                .join(Run, Run.id == SnapshotPart.run_id)
                .where(SnapshotPart.id == self.id, SnapshotPart.state == PartState.PENDING.value)
            ).first()
            return waits is not None and bulkhead.did_not_answer(session, *waits)

    def postpone(self) -> None:
        """Let it wait a little, if it waited to be taken: else it is being read or has asked already."""
        now = datetime.now(UTC)
        again_at = now + timedelta(seconds=bulkhead.ASK_AGAIN_SECONDS)
        with self.context.database.begin() as session:
            waits = self._update(
                session,
                *_is_due(now, self.context.settings.lease_seconds),
                self._is_wanted,
                next_attempt_at=again_at,
            )
            part = session.get_one(SnapshotPart, self.id)
        if waits:
            self.context.publish([part_message(part)], countdown=bulkhead.ASK_AGAIN_SECONDS)

    def take(self) -> bool:
        """Claim the part; ``False`` when there is nothing to do (taken, ended, not due, or the run moved on).

        A message is a hint that may have outlived its database (one restored, one made anew beside the same broker):
        the number in it may by now belong to a part of another kind, which is left to those who can read it.
        """
        with self.context.database.begin() as session:
            part = session.get(SnapshotPart, self.id)
            run = session.get(Run, part.run_id) if part else None
            if part is None or run is None or part.kind != self.kind:
                return False
            if self.kind is PartKind.ABSENT and _has_pending_units(session, run.id):
                return False
            is_expired = part.attempt >= MAX_ATTEMPTS
            self.attempt = part.attempt if is_expired else part.attempt + 1
            self.run_id, self.site_id, self.unit = run.id, run.site_id, part.unit
            if not self._update(
                session,
                *_is_due(datetime.now(UTC), self.context.settings.lease_seconds),
                self._is_wanted,
                SnapshotPart.attempt == part.attempt,
                attempt=self.attempt,
                lease_holder=self.holder,
                lease_expires_at=self._expiry(),
            ):
                return False
            if is_expired:
                self._give_up(session, "given_up", _EXPIRED)
        if is_expired:
            self.hand_on(0)
        return not is_expired

    def renew(self) -> bool:
        """Keep the claim where nothing can be stored yet; ``False`` when it is not ours any more."""
        with self.context.database.begin() as session:
            return self._update(session, *self._is_ours(), lease_expires_at=self._expiry())

    def fail(self, error: RollcallError) -> float:
        """Note a failed attempt. Transient failures are tried ``MAX_ATTEMPTS`` times; all others are final.

        :raises LeaseHeld: another attempt has taken over.
        """
        with self.context.database.begin() as session:
            most = _MOST_TOO_LONG if isinstance(error, TookTooLong) else MAX_ATTEMPTS
            if not isinstance(error, TransientError) or self.attempt >= most:
                self._give_up(session, error.code, error.message)
                return 0
            seconds = min(error.retry_after, _LONGEST_PAUSE_SECONDS)
            self._keep(
                session,
                error_code=error.code,
                error_message=error.message,
                next_attempt_at=datetime.now(UTC) + timedelta(seconds=seconds),
                lease_holder=None,
                lease_expires_at=None,
            )
            self._log(
                session,
                EventLevel.WARNING,
                phrase("{message} Next try in {seconds:.0f} s.", message=error.message, seconds=seconds),
            )
            return seconds

    def end(self, *, is_done: bool) -> None:
        """Do nothing: the claim ended with the part, or when its failure was stored."""

    def hand_on(self, seconds: float) -> None:
        """Publish what the end of this attempt makes due."""
        publish_after_part(self.context, self.run_id, self.id, seconds)

    def _give_up(self, session: Session, code: str, message: str) -> None:
        self._move(session, PartEvent.FAILED, error_code=code, error_message=message)
        self._log(
            session, EventLevel.ERROR, phrase("{message} Not tried again in this run.", message=message)
        )

    def _log(self, session: Session, level: EventLevel, why: str) -> None:
        name = self._name_of_directory(session)
        directory = phrase("The directory {name}", name=name) if name else declared("The directory")
        what = {
            PartKind.UNIT: phrase("The organizational unit {unit}", unit=self.unit),
            PartKind.ABSENT: directory,
            PartKind.LOOKUP: directory,
            PartKind.PEOPLE: directory,
            PartKind.EXTENSIONS: declared("The phone system"),
            PartKind.SOME_EXTENSIONS: declared("The phone system"),
        }[self.kind]
        message = phrase(
            "{what} could not be read (attempt {attempt}): {why}",
            what=what,
            attempt=self.attempt,
            why=why,
        )
        entry = events.LogEntry("snapshot.failed", message, level=level, run_id=self.run_id)
        events.record(session, self.site_id, entry)

    def _name_of_directory(self, session: Session) -> str:
        """Of a part that has the key of one as its unit; nothing in a site with one directory."""
        with suppress(RollcallError):
            site = read_for_run(session, self.run_id, self.site_id, self.context.encryption).settings
            return "" if self.kind is PartKind.LOOKUP else site.directory_titles.get(self.unit, "")
        return ""

    def _keep(self, session: Session, **changes: Any) -> None:
        if not self._update(session, *self._is_ours(), **({"lease_expires_at": self._expiry()} | changes)):
            raise _taken_over()

    def _move(self, session: Session, event: PartEvent, **changes: Any) -> None:
        ended = {"completed_at": datetime.now(UTC), "lease_holder": None, "lease_expires_at": None}
        try:
            move_part(session, self.id, event, *self._is_ours(), **ended, **changes)
        except TransitionRefused as refused:
            raise _taken_over() from refused

    def _update(self, session: Session, *which: ColumnElement[bool], **changes: Any) -> bool:
        changed = session.execute(
            update(SnapshotPart)
            .where(SnapshotPart.id == self.id, *which)
            .values(**with_sentences(SnapshotPart, changes))
            .execution_options(synchronize_session=False)
        )
        return bool(rows_of(changed))

    def _is_ours(self) -> list[ColumnElement[bool]]:
        return [
            SnapshotPart.state == PartState.PENDING.value,
            SnapshotPart.attempt == self.attempt,
            SnapshotPart.lease_holder == self.holder,
            self._is_wanted,
        ]

    def _expiry(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.context.settings.lease_seconds)


def read_part(context: Context, part_id: int, kind: PartKind, read: Callable[[PartWork], None]) -> None:
    """Read and store the part, if it waits to be read.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    with claimed(context, PartWork(context, part_id, kind)) as part:
        if part is not None:
            read(part)


def advice_of(parts: Iterable[SnapshotPart]) -> tuple[str, ...]:
    """What whoever read the parts says should be mended in time, each sentence once."""
    return tuple(
        dict.fromkeys(
            sentence
            for part in parts
            for sentence in restored(part.proof.get("advice", ()), part.proof.get("sentences", {}))
        )
    )


def _kept(proof: Mapping[str, Any]) -> dict[str, Any]:
    """The proof with what its sentences are made of, to be read in another language."""
    known = sentences_in(proof)
    return {**proof, **({"sentences": known} if known else {})}


def are_all_ended(session: Session, run_id: int) -> bool:
    """Whether every part of the run is complete or failed."""
    return not _pending(session, SnapshotPart.run_id == run_id)


def _has_pending_units(session: Session, run_id: int) -> bool:
    return _pending(session, SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.UNIT.value)


def _pending(session: Session, *which: ColumnElement[bool]) -> bool:
    pending = select(func.count()).select_from(SnapshotPart)
    return bool(session.scalar(pending.where(SnapshotPart.state == PartState.PENDING.value, *which)))


def _is_due(now: datetime, lease_seconds: float) -> list[ColumnElement[bool]]:
    """That it waits to be taken: nobody has it, and it is time."""
    claim, pause = SnapshotPart.lease_expires_at, SnapshotPart.next_attempt_at
    return [
        SnapshotPart.state == PartState.PENDING.value,
        or_(claim.is_(None), leases.has_ended(claim, now, lease_seconds)),
        or_(pause.is_(None), pause <= now, leases.has_ended(pause, now, _LONGEST_PAUSE_SECONDS)),
    ]


def _taken_over() -> LeaseHeld:
    return LeaseHeld(
        declared("Another worker has taken over this part of the snapshot, or the run has ended.")
    )
