"""Work at a run as a whole, under a lease: planning it, or a stage of its execution."""

from contextlib import suppress

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.tables import EventLevel, Run, RunState
from shared.errors import LeaseHeld, NewerVersionNeeded, RollcallError, StorageUnavailable, TransientError
from shared.language import declared, phrase, template
from shared.work import leases
from shared.work.claimed import Work
from shared.work.moves import move_run
from shared.work.publishing import publish_due
from shared.work.transitions import RunEvent
from shared.worker.context import Context


class RunWork(Work):
    """One attempt at a run that is in ``state``, by whoever holds ``lease``.

    A run is attempted ``most`` times without getting any further, then it is failed: every attempt is counted before
    it begins, so that one that kills its worker counts too.
    """

    def __init__(self, context: Context, run: Run, state: RunState, lease: str, most: int) -> None:
        super().__init__(context, lease)
        self.run = run
        self._state = state
        self._most = most

    @property
    def is_lost(self) -> bool:
        """Whether another worker may have it by now: begin nothing more."""
        return self.heartbeat.is_lost

    def fence(self, session: Session) -> bool:
        """Whether the run still wants this work. Neither that nor who holds the lease changes before this transaction
        has ended.

        :raises LeaseHeld: another worker may have taken over; nothing must be written any more.
        """
        try:
            leases.fence(session, self.name, self.holder)
        except LeaseHeld:
            self.heartbeat.mark_lost()
            raise
        return self._lock_run(session) is not None

    def is_suspect(self) -> bool:
        """Whether its execution was interrupted last time."""
        return self._state is RunState.EXECUTING and self.run.attempts > 0

    def postpone(self) -> None:
        """The sweep asks again.

        :raises LeaseHeld: always.
        """
        raise LeaseHeld(declared("Another site that did not respond is tried first."))

    def take(self) -> bool:
        """Take the lease, if the run is still in the state, and count the attempt.

        :raises LeaseHeld: another worker has the lease.
        """
        seconds = self.context.settings.lease_seconds
        if not leases.take(self.context.database, self.name, self.holder, seconds, is_renewed=True):
            raise LeaseHeld(
                phrase("The work '{name}' is being done by another process.", name=self.name),
                retry_after=seconds,
            )
        try:
            is_ours = self._count()
        except BaseException:
            self.end(is_done=False)
            raise
        if not is_ours:
            self.end(is_done=False)
        return is_ours

    def renew(self) -> bool:
        """Keep the lease for longer; ``False`` when it is not ours any more."""
        return leases.renew(
            self.context.database, self.name, self.holder, self.context.settings.lease_seconds
        )

    def fail(self, error: RollcallError) -> float:
        """Note why the work could not go on: a passing reason lets the run wait for the sweep, any other ends it.

        :raises RollcallError: the error itself, always. That the database is away, or the worker too old, is not the
            run's fault: such an attempt does not count.
        """
        if isinstance(error, StorageUnavailable | NewerVersionNeeded):
            with suppress(StorageUnavailable):
                self._uncount()
        else:
            with self.context.database.begin() as session:
                if self.fence(session):
                    self._note(session, error)
        raise error

    def end(self, *, is_done: bool) -> None:
        """Give the lease back; an attempt that came to its end does not count."""
        if is_done:
            self._uncount()
        leases.give_back(self.context.database, self.name, self.holder)

    def hand_on(self, seconds: float) -> None:
        """Publish what the run waits for now."""
        publish_due(self.context, self.run.id)

    def _count(self) -> bool:
        with self.context.database.begin() as session:
            run = self._lock_run(session)
            if run is None:
                return False
            if run.attempts < self._most:
                run.attempts += 1
                return True
            doing = "planned" if self._state is RunState.COLLECTING else "executed"
            message = phrase(
                "The run could not be {doing} after {maximum} attempts: each time the worker ended early or "
                "hung. See the workers' process log. The usual cause is memory.",
                doing=doing,
                maximum=self._most,
            )
            fail_run(session, run, "given_up", message)
            return False

    def _uncount(self) -> None:
        with self.context.database.begin() as session:
            session.execute(
                update(Run)
                .where(Run.id == self.run.id, Run.state == self._state.value, Run.attempts > 0)
                .values(attempts=Run.attempts - 1)
            )

    def _note(self, session: Session, error: RollcallError) -> None:
        run = session.get_one(Run, self.run.id)
        # Progress resets the count in the middle of an attempt; this one failed all the same.
        run.attempts = max(run.attempts, 1)
        if not isinstance(error, TransientError):
            fail_run(session, run, error.code, error.message)
        elif run.attempts >= self._most:
            sentence = phrase(
                "It was interrupted {attempts} times without progress, the last time: ", attempts=run.attempts
            )
            fail_run(session, run, error.code, sentence + error.message)
        else:
            message = phrase(
                "Run {run} was interrupted: {message} It continues automatically.",
                run=run.id,
                message=error.message,
            )
            entry = events.LogEntry("run.interrupted", message, level=EventLevel.WARNING, run_id=run.id)
            events.record(session, run.site_id, entry)

    def _lock_run(self, session: Session) -> Run | None:
        """The run if it still is in the state; whoever would change that waits for this transaction."""
        return session.scalar(
            select(Run)
            .where(Run.id == self.run.id, Run.state == self._state.value)
            .with_for_update()
            .with_hint(Run, "WITH (UPDLOCK, HOLDLOCK)", "mssql")
        )


def fail_run(session: Session, run: Run, code: str, message: str, sentence: str = "") -> None:
    """End the run as failed, with a sentence in the Log (``sentence`` instead of the one about the error); what was not
    done is planned anew by the next run.

    :raises TransitionRefused: it neither collects nor executes any more.
    """
    left = move_run(session, run.id, RunEvent.FAILED, error_code=code, error_message=message)
    told = (
        template("Run {run} was stopped: {message}")
        if run.state == RunState.EXECUTING
        else template("Run {run} failed: {message}")
    )
    text = (sentence or phrase(told, run=run.id, message=message)) + left.sentence()
    entry = events.LogEntry("run.failed", text, level=EventLevel.ERROR, run_id=run.id)
    events.record(session, run.site_id, entry)
