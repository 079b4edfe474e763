"""Executes one stage of a run: claim, re-read, decide, act, record; then hands on to the next stage.

Called by the task ``relay_client.execute_stage``. One executor per phone system works at a time (a lease with
heartbeat). It may be killed at any instruction: what it had claimed is read back by the next one.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from sqlalchemy import func, select, update

from services.relay_client import claims, outcomes
from services.relay_client.archive import Archiver
from services.relay_client.claims import Claim, StageKey
from services.relay_client.decide import Action, Live, decide
from services.relay_client.errors import UnknownOutcome
from services.relay_client.outcomes import Outcome
from services.relay_client.pace import Pace
from services.relay_client.perform import PartlyDone, Performer, StageCache
from services.relay_client.xapi import Xapi
from shared.database import events, leases
from shared.database.tables import CommandRow, EventLevel, Run, RunState
from shared.domain.command import Command, CommandKind, CommandState
from shared.domain.extension import Extension
from shared.errors import PermanentError, PhoneSystemBusy, RollcallError, TransientError
from shared.runs.parts import new_holder
from shared.settings import store
from shared.settings.documents import PhoneSystemSettings
from shared.worker.context import Context

log = structlog.get_logger(__name__)

CHUNK = 100
_FLUSH = 50
_READ_BACKS = 4
_BUSY_PATIENCE = 8
# At one try per sweep (30 s) an absence of the phone system of ten minutes is sat out.
MOST_INTERRUPTIONS = 20


def executor_lease(settings: PhoneSystemSettings) -> str:
    """The name of the lease that makes one executor per phone system."""
    return "executor:" + hashlib.sha256(settings.base_url.casefold().encode()).hexdigest()[:40]


def execute_stage(context: Context, run_id: int, archiver: Archiver) -> None:
    """Carry out the run's next stage, or finish the run when nothing is left.

    :raises LeaseHeld: another executor is at this phone system.
    """
    with context.database.read() as session:
        run = session.get(Run, run_id)
        if run is None or run.state != RunState.EXECUTING:
            return
        settings = store.read(session, run.site_id, context.encryption).settings.phone_system
    with leases.hold(
        context.database, executor_lease(settings), new_holder(), context.settings.lease_seconds
    ) as lease:
        with context.database.read() as session:
            key = claims.next_stage(session, run_id)
        if key is not None:
            try:
                with Xapi(settings, context.database, context.encryption) as xapi:
                    _Stage(context, run, key, xapi, archiver, lambda: lease.is_lost).drain()
            except TransientError as error:
                _note_interruption(context, run, error)
                raise
            except RollcallError as error:
                _stop_run(context, run, error)
                raise
            with context.database.read() as session:
                key = claims.next_stage(session, run_id)
        if key is None:
            _finish(context, run)
            return
    context.publish_due(run_id)


@dataclass
class _Stage:
    context: Context
    run: Run
    key: StageKey
    xapi: Xapi
    archiver: Archiver
    is_lease_lost: Callable[[], bool]
    _taken: set[int] = field(default_factory=set)
    _fatal: list[RollcallError] = field(default_factory=list)
    _unsent: list[Claim] = field(default_factory=list)
    _unknown: list[Claim] = field(default_factory=list)
    _departments: set[str] | None = None
    _departments_lock: threading.Lock = field(default_factory=threading.Lock)

    def drain(self) -> None:
        """Carry out every command of the stage, a window of them at once.

        :raises RollcallError: what makes going on pointless; undone commands were given back.
        """
        concurrency = self.xapi.settings.concurrency
        # Departments are created one by one: two commands might name the same one.
        width = 1 if self.key.stage.value == "groups" else concurrency
        self._pace = Pace(width)
        self._performer = Performer(self.xapi, StageCache(self.xapi), self.archiver)
        buffer: deque[tuple[Claim, Live]] = deque()
        running: set[Future[Outcome | None]] = set()
        ended: list[Outcome] = []
        with (
            ThreadPoolExecutor(concurrency, thread_name_prefix="command") as pool,
            ThreadPoolExecutor(1, thread_name_prefix="database") as clerk,
        ):
            coming: Future[list[tuple[Claim, Live]]] | None = clerk.submit(self._take_chunk)
            flushing: Future[None] | None = None
            while True:
                if coming is not None and (coming.done() or not (buffer or running)):
                    taken = coming.result()
                    buffer.extend(taken)
                    coming = clerk.submit(self._take_chunk) if taken and not self._must_stop() else None
                while buffer and len(running) < concurrency * 2:
                    claim, live = buffer.popleft()
                    if self._must_stop():
                        self._give_back(claim)
                        continue
                    running.add(pool.submit(self._carry_out, claim, live))
                if not running and not buffer and coming is None:
                    break
                waited: set[Future[Outcome | None]] = set()
                if running:
                    waited, running = wait(running, return_when=FIRST_COMPLETED)
                ended.extend(outcome for future in waited if (outcome := future.result()) is not None)
                if len(ended) >= _FLUSH and (flushing is None or flushing.done()):
                    if flushing is not None:
                        flushing.result()
                    flushing = clerk.submit(self._flush, ended)
                    ended = []
            if flushing is not None:
                flushing.result()
            self._flush(ended)
        with self.context.database.begin() as session:
            claims.release(session, self._unsent, self._unknown)
        if self._fatal:
            raise self._fatal[0]

    def _take_chunk(self) -> list[tuple[Claim, Live]]:
        if self._must_stop():
            return []
        with self.context.database.begin() as session:
            if not claims.is_executing(session, self.run.id):
                return []
            chunk = claims.claim(session, self.run.id, self.key, self._taken, CHUNK)
        self._taken.update(claim.row_id for claim in chunk)
        try:
            live = self._read_live([claim.command for claim in chunk])
        except RollcallError as error:
            self._fatal.append(error)
            for claim in chunk:
                self._give_back(claim)
            return []
        return list(zip(chunk, live, strict=True))

    def _read_live(self, commands: list[Command]) -> list[Live]:
        """What the phone system has for each command right now, in as few requests as possible."""
        creating = (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION)
        if any(command.kind is CommandKind.CREATE_GROUP for command in commands):
            departments = {department.name.casefold() for department in self.xapi.departments()}
            return [
                Live(department_exists=str(command.after["name"]).casefold() in departments)
                for command in commands
            ]
        by_number = self.xapi.find_by_numbers(
            command.number for command in commands if command.kind in creating
        )
        by_id = self.xapi.find_by_ids(
            command.extension_id for command in commands if command.extension_id is not None
        )
        return [
            Live(by_id=by_id.get(command.extension_id or 0), by_number=by_number.get(command.number))
            for command in commands
        ]

    def _carry_out(self, claim: Claim, live: Live) -> Outcome | None:
        if claim.blocked_by:
            return _ended(claim, CommandState.SKIPPED, "requirement_not_done", claim.blocked_by)
        if claim.attempts > claims.MAX_ATTEMPTS:
            said = f"Given up after {claims.MAX_ATTEMPTS} interrupted tries. The next run compares again."
            return _ended(claim, CommandState.FAILED, "given_up", said)
        was_interrupted = claim.was_interrupted
        for _try in range(_READ_BACKS):
            if self._must_stop():
                self._give_back(claim, is_unknown=was_interrupted)
                return None
            decision = decide(claim.command, live, was_interrupted)
            match decision.action:
                case Action.ALREADY_DONE:
                    return _ended(claim, CommandState.DONE, result={"was_so_already": True})
                case Action.OUTDATED:
                    return _ended(claim, CommandState.OUTDATED, "outdated", decision.message)
                case Action.NUMBER_TAKEN:
                    return _ended(claim, CommandState.FAILED, "number_in_use", decision.message)
            holder = live.by_number if decision.action is Action.RESUME else None
            try:
                return _ended(claim, CommandState.DONE, result=self._paced(claim.command, live.by_id, holder))
            except UnknownOutcome as unknown:
                log.info("outcome_unknown", command=claim.row_id, reason=unknown.message)
                was_interrupted = True
                try:
                    (live,) = self._read_live([claim.command])
                except RollcallError as error:
                    self._fatal.append(error)
                    self._give_back(claim, is_unknown=True)
                    return None
            except PartlyDone as partly:
                return _ended(
                    claim, CommandState.FAILED, partly.code, partly.message, extension_id=partly.extension_id
                )
            except PermanentError as refused:
                return _ended(claim, CommandState.FAILED, refused.code, refused.message)
            except RollcallError as error:
                if claim.command.kind is CommandKind.ARCHIVE_EXTENSION:
                    return _ended(claim, CommandState.FAILED, error.code, error.message)
                self._fatal.append(error)
                # A step of several may have been done before this one failed.
                self._give_back(claim, is_unknown=True)
                return None
        self._fatal.append(UnknownOutcome("The phone system keeps dropping connections. Tried again later."))
        self._give_back(claim, is_unknown=True)
        return None

    def _paced(self, command: Command, live: Extension | None, holder: Extension | None) -> dict[str, object]:
        for attempt in range(_BUSY_PATIENCE):
            self._pace.enter()
            succeeded = False
            try:
                result = self._performer.perform(command, live, holder)
                succeeded = True
                return result
            except PhoneSystemBusy as busy:
                self._pace.slow_down(busy.retry_after)
                if attempt == _BUSY_PATIENCE - 1:
                    raise
                if command.kind in (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION):
                    # An earlier step may stand; look before going on.
                    raise UnknownOutcome(busy.message, retry_after=busy.retry_after) from busy
            except UnknownOutcome as unknown:
                self._pace.slow_down(min(unknown.retry_after, 1.0))
                raise
            finally:
                self._pace.leave(succeeded=succeeded)
        raise AssertionError("unreachable")

    def _flush(self, ended: list[Outcome]) -> None:
        if ended:
            with self.context.database.begin() as session:
                outcomes.store(session, self.run.site_id, self.run.id, ended)

    def _must_stop(self) -> bool:
        return bool(self._fatal) or self.is_lease_lost()

    def _give_back(self, claim: Claim, *, is_unknown: bool = False) -> None:
        (self._unknown if is_unknown or claim.was_interrupted else self._unsent).append(claim)


def _ended(
    claim: Claim,
    state: CommandState,
    error_code: str | None = None,
    error_message: str | None = None,
    *,
    result: dict[str, object] | None = None,
    extension_id: int | None = None,
) -> Outcome:
    found = (result or {}).get("extension_id", extension_id)
    return Outcome(
        claim.row_id,
        claim.command,
        state,
        dict(result or {}),
        error_code,
        error_message,
        found if isinstance(found, int) else None,
    )


def _note_interruption(context: Context, run: Run, error: TransientError) -> None:
    """Count a stage that could not go on; after too many the run is stopped."""
    with context.database.begin() as session:
        session.execute(update(Run).where(Run.id == run.id).values(attempts=Run.attempts + 1))
        attempts = session.scalar(select(Run.attempts).where(Run.id == run.id)) or 0
        message = f"The phone system interrupted run {run.id}: {error.message} It goes on by itself."
        events.record(
            session,
            run.site_id,
            events.LogEntry("run.interrupted", message, level=EventLevel.WARNING, run_id=run.id),
        )
    if attempts >= MOST_INTERRUPTIONS:
        _stop_run(context, run, error)


def _stop_run(context: Context, run: Run, error: RollcallError) -> None:
    """End the run as failed; what was not done is skipped and will be planned anew."""
    now = datetime.now(UTC)
    with context.database.begin() as session:
        stopped = session.execute(
            update(Run)
            .where(Run.id == run.id, Run.state == RunState.EXECUTING)
            .values(
                state=RunState.FAILED.value,
                error_code=error.code,
                error_message=error.message,
                finished_at=now,
            )
        )
        if not stopped.rowcount:  # type: ignore[attr-defined]
            return
        session.execute(
            update(CommandRow)
            .where(
                CommandRow.run_id == run.id,
                CommandRow.state.in_([CommandState.PENDING.value, CommandState.RUNNING.value]),
            )
            .values(
                state=CommandState.SKIPPED.value,
                error_code="run_stopped",
                error_message="The run was stopped before. The next run compares again.",
                finished_at=now,
            )
        )
        events.record(
            session,
            run.site_id,
            events.LogEntry(
                "run.failed",
                f"Run {run.id} was stopped: {error.message}",
                level=EventLevel.ERROR,
                run_id=run.id,
            ),
        )


def _finish(context: Context, run: Run) -> None:
    """End the run when every command has ended: done, or failed when any command failed."""
    with context.database.begin() as session:
        rows = session.execute(
            select(CommandRow.state, func.count())
            .where(CommandRow.run_id == run.id)
            .group_by(CommandRow.state)
        )
        counts = {row[0]: row[1] for row in rows}
        failed = counts.get(CommandState.FAILED.value, 0)
        state = RunState.FAILED if failed else RunState.DONE
        finished = session.execute(
            update(Run)
            .where(Run.id == run.id, Run.state == RunState.EXECUTING)
            .values(
                state=state.value,
                error_code="commands_failed" if failed else None,
                error_message=f"{failed} commands failed; the rest stand. The plan says which and why."
                if failed
                else None,
                finished_at=datetime.now(UTC),
            )
        )
        if not finished.rowcount:  # type: ignore[attr-defined]
            return
        said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))
        events.record(
            session,
            run.site_id,
            events.LogEntry(
                f"run.{state.value}",
                f"Run {run.id} ended: {said or 'nothing to do'}.",
                level=EventLevel.ERROR if failed else EventLevel.INFO,
                run_id=run.id,
            ),
        )
