"""Carries out one stage: claims commands, looks at their extensions, decides, writes, records what became of them.

Threads: a pool writes to the phone system, one more uses the database for claims and outcomes, and the caller's
thread moves work between the two. Whatever happens, a command's row says what must be read back.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from services.relay_client.archiving.archive import Archiver
from services.relay_client.archiving.relay import HandedOn
from services.relay_client.execution import claims, outcomes
from services.relay_client.execution.adaptive_concurrency import AdaptiveConcurrency
from services.relay_client.execution.attempts import Attempts, TooManyAttempts
from services.relay_client.execution.claims import Claim, StageKey
from services.relay_client.execution.decide import Action, Decision, Live, decide, took_effect
from services.relay_client.execution.department import name_limit
from services.relay_client.execution.evidence import Evidence
from services.relay_client.execution.keeping import DeletedSettings, OwedKeeper
from services.relay_client.execution.looking import look_at
from services.relay_client.execution.outcome_entries import CommandOutcome
from services.relay_client.execution.perform import Performer
from services.relay_client.execution.stage_cache import StageCache
from services.relay_client.execution.steps import PartlyDone
from services.relay_client.xapi.client import Xapi
from services.relay_client.xapi.errors import REFUSED, UnknownOutcome
from shared.database import graces, owed, unfinished
from shared.database.tables import Run
from shared.domain.command import Command, CommandKind, CommandState, FieldValue, Stage
from shared.domain.exclusions import Exclusions
from shared.domain.extension import Extension
from shared.errors import PhoneSystemBusy, RollcallError
from shared.language import declared, listed, named, phrase
from shared.logging import ids_taken_along
from shared.runs.hold import is_held
from shared.settings import store
from shared.work.runs import RunWork

log = structlog.get_logger(__name__)

CHUNK = 100
_FLUSH = 50
# So often, at least, the Log shows what was done and a cancelled run is noticed.
_BEAT_SECONDS = 0.5
# What was read longer ago is read again before it is written to: there is no "only if unchanged" in this API.
_FRESH_SECONDS = 5.0
_ENDING = (Stage.ARCHIVE, Stage.DELETE)
_STAYS = declared("The extension stays disabled and is not deleted. The next run tries again.")
# 3CX itself refuses these when the number or the name has been taken since.
_CHECKED_BY_PHONE_SYSTEM = (CommandKind.CREATE_EXTENSION, CommandKind.CREATE_DEPARTMENT)


@dataclass(frozen=True, slots=True)
class _View:
    """What the phone system had for a command, and when it was asked (by the monotonic clock)."""

    live: Live
    read_at: float

    def is_good_for(self, command: Command) -> bool:
        """Whether it still may be decided upon."""
        return command.kind in _CHECKED_BY_PHONE_SYSTEM or time.monotonic() - self.read_at < _FRESH_SECONDS


_Work = tuple[Claim, _View]


@dataclass
class StageWork:
    """The work at one stage of a run, from the first claim to the last outcome."""

    work: RunWork
    key: StageKey
    xapi: Xapi
    archiver: Archiver
    evidence: Evidence = field(default_factory=Evidence)
    _behind: int = 0
    _fatal: list[RollcallError] = field(default_factory=list)
    _unsent: list[Claim] = field(default_factory=list)
    _unknown: list[Claim] = field(default_factory=list)
    # Number and step of what was counted as a try, and given back by a worker that lives.
    _uncounted: list[tuple[str, str]] = field(default_factory=list)
    _is_cancelled: bool = False
    _are_all_taken: bool = False
    _is_held: bool = False
    _is_abandoned: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Make the tools of the stage."""
        self.context, self.run = self.work.context, self.work.run
        # Departments are created one by one: two commands might name the same one.
        self._width = 1 if self.key.stage is Stage.DEPARTMENTS else self.xapi.settings.concurrency
        self._concurrency = AdaptiveConcurrency(self._width)
        name = phrase(
            "{site_id} run {id} of {created_at}",
            site_id=self.run.site_id,
            id=self.run.id,
            created_at=self.run.created_at.isoformat(),
        )
        context, site_id = self.context, self.run.site_id
        keeper = OwedKeeper(context.database, context.encryption, site_id)
        self._performer = Performer(
            self.xapi,
            StageCache(self.xapi),
            self.archiver,
            keeper,
            DeletedSettings(context.database, context.encryption, self.run.id),
            name,
            context.database,
            site_id,
        )
        # Handed on to a task of its own long before this one's time limit.
        self._claim_until = time.monotonic() + self.context.settings.task_seconds / 2

    def drain(self) -> None:
        """Carry out the commands of the stage, a window of them at once.

        Ends early, with commands left open, when the run was cancelled, the site is held, the task has lasted long or the worker ends.

        :raises RollcallError: what makes going on pointless; undone commands were given back.
        :raises LeaseHeld: another worker has taken over; nothing more was written.
        """
        with (
            ThreadPoolExecutor(self._width, "command", ids_taken_along()) as pool,
            ThreadPoolExecutor(1, "bookkeeper", ids_taken_along()) as bookkeeper,
        ):
            try:
                self._work_off(pool, bookkeeper)
            except BaseException:
                self._is_abandoned.set()
                raise
        if self._unsent or self._unknown or self._uncounted:
            with self.context.database.begin() as session:
                is_wanted = self.work.fence(session)
                claims.give_back(session, self.run.id, self._unsent, self._unknown, is_wanted=is_wanted)
                for number, step in self._uncounted:
                    owed.tried(session, self.run.site_id, number, step, times=-1)
        if self._fatal:
            raise self._fatal[0]

    def _work_off(self, pool: ThreadPoolExecutor, bookkeeper: ThreadPoolExecutor) -> None:
        waiting: deque[_Work] = deque()
        ended: queue.SimpleQueue[Future[CommandOutcome | None]] = queue.SimpleQueue()
        in_hand = 0
        unstored: list[CommandOutcome] = []
        coming: Future[list[_Work]] | None = bookkeeper.submit(self._take_chunk)
        storing: Future[None] | None = None
        stored_at = time.monotonic()
        while True:
            if coming is not None and (coming.done() or not (waiting or in_hand)):
                taken = coming.result()
                waiting.extend(taken)
                coming = bookkeeper.submit(self._take_chunk) if taken else None
            while waiting and in_hand < 2 * self._width:
                pool.submit(self._carry_out, *waiting.popleft()).add_done_callback(ended.put)
                in_hand += 1
            if not in_hand and not waiting and coming is None:
                break
            for future in _all_ended(ended, _BEAT_SECONDS) if in_hand else ():
                in_hand -= 1
                outcome = future.result()
                if outcome is not None:
                    unstored.append(outcome)
            is_beat = time.monotonic() - stored_at > _BEAT_SECONDS
            if (len(unstored) >= _FLUSH or is_beat) and (storing is None or storing.done()):
                if storing is not None:
                    storing.result()
                storing = bookkeeper.submit(self._store, unstored)
                unstored, stored_at = [], time.monotonic()
        if storing is not None:
            storing.result()
        self._store(unstored)

    def _take_chunk(self) -> list[_Work]:
        is_over = self.evidence.is_old or time.monotonic() > self._claim_until
        if self._are_all_taken or self._must_stop() or self._is_unwanted() or is_over:
            return []
        with self.context.database.begin() as session:
            self._is_held = is_held(session, self.run.site_id, self.run.id)
            if self._is_held or not self.work.fence(session):
                return []
            chunk = claims.claim(session, self.run.id, self.key, self._behind, CHUNK, self.evidence.up_to)
            site = store.read(session, self.run.site_id, self.context.encryption).settings
            self.evidence.outdated.update(_excluded(Exclusions(site.to_rules().exclusions), chunk))
            # What was interrupted is noted already.
            fresh = [claim.command for claim in chunk if not claim.was_interrupted]
            owed.begin(session, self.run.site_id, self.run.id, fresh)
            unfinished.begin(session, self.run.site_id, self.run.id, fresh)
            if self.key.stage in _ENDING:
                self.evidence.outdated.update(_kept_by_hand(session, self.run.site_id, chunk))
        self._are_all_taken = len(chunk) < CHUNK
        if not chunk:
            return []
        self._behind = chunk[-1].row_id
        try:
            return list(zip(chunk, self._look_at([claim.command for claim in chunk]), strict=True))
        except RollcallError as error:
            self._fatal.append(error)
            for claim in chunk:
                self._give_back(claim, is_unknown=claim.was_interrupted)
            return []

    def _store(self, ended: list[CommandOutcome]) -> None:
        """Write down what became of commands, and look whether the run is still wanted."""
        with self.context.database.begin() as session:
            self._is_cancelled = not self.work.fence(session)
            self._is_held = self._is_held or is_held(session, self.run.site_id, self.run.id)
            if ended:
                outcomes.store(session, self.run.site_id, self.run.id, ended)
            if any(outcome.state is CommandState.DONE for outcome in ended):
                # Only interruptions without any progress between them count.
                session.execute(update(Run).where(Run.id == self.run.id, Run.attempts > 0).values(attempts=0))

    def _look_at(self, commands: list[Command]) -> list[_View]:
        """What the phone system has for each command right now, in as few requests as possible."""
        read_at = time.monotonic()
        return [_View(live, read_at) for live in look_at(self.xapi, commands)]

    def _carry_out(self, claim: Claim, view: _View | None) -> CommandOutcome | None:
        """Look, decide and write until it is known what became of the command; ``None``: it was given back."""
        if claim.blocked_by:
            return _failed(claim, "requirement_not_done", claim.blocked_by, state=CommandState.SKIPPED)
        if claim.row_id in self.evidence.waiting:
            reason = self.evidence.waiting[claim.row_id]
            return _failed(claim, "directory_unavailable", reason, state=CommandState.SKIPPED)
        if self.evidence.is_old:
            self._give_back(claim, is_unknown=claim.was_interrupted)
            return None
        may_be_done = claim.was_interrupted
        attempts = Attempts(self.context.database, self.run.site_id, claim)
        while True:
            self._concurrency.enter()
            is_answered = False
            try:
                # What may have taken effect is a command in hand: it is finished even if the run was cancelled.
                if self._must_stop() or (self._is_unwanted() and not may_be_done):
                    self._give_back(claim, is_unknown=may_be_done, attempts=attempts)
                    return None
                if view is None or not view.is_good_for(claim.command):
                    (view,) = self._look_at([claim.command])
                decision = decide(claim.command, view.live, may_be_done)
                outdated = self.evidence.outdated.get(claim.row_id)
                if outdated is not None and (not may_be_done or decision.action is Action.WRITE):
                    return _failed(claim, "outdated", outdated, state=CommandState.OUTDATED)
                if self._is_held and decision.action is Action.WRITE:
                    # Nothing of it has taken effect, so nothing of it is to be finished.
                    self._give_back(claim, is_unknown=may_be_done, attempts=attempts)
                    return None
                if attempts.is_too_often and decision.action in (Action.WRITE, Action.RESUME):
                    return _left_undone(claim, view.live, decision, *attempts.why())
                outcome = self._act(claim, view.live, decision, attempts, may_be_done=may_be_done)
                is_answered = True
                return outcome
            except PhoneSystemBusy as error:
                self._concurrency.slow_down(error.retry_after)
                if attempts.is_busy_too_often():
                    self._interrupt(claim, error, attempts)
                    return None
            except UnknownOutcome as error:
                log.info("outcome_unknown", command=claim.row_id, reason=error.message)
                self._concurrency.slow_down(max(error.retry_after, attempts.unanswered_pause_seconds(error)))
            except TooManyAttempts:
                attempts.is_too_often = True
            except HandedOn:
                self._give_back(claim, is_unknown=True, attempts=attempts)
                return None
            except RollcallError as error:
                self._interrupt(claim, error, attempts)
                return None
            finally:
                self._concurrency.leave(succeeded=is_answered)
            # An earlier step of several may stand even when this one was put off.
            may_be_done, view = True, None

    def _act(
        self, claim: Claim, live: Live, decision: Decision, attempts: Attempts, *, may_be_done: bool
    ) -> CommandOutcome:
        match decision.action:
            case Action.ALREADY_DONE:
                return CommandOutcome(
                    claim.row_id, claim.command, CommandState.DONE, was_so_already=not may_be_done
                )
            case Action.OUTDATED:
                return _failed(claim, "outdated", decision.message, state=CommandState.OUTDATED)
            case Action.NUMBER_TAKEN:
                return _failed(claim, "number_in_use", decision.message)
        try:
            performer = replace(self._performer, enter=attempts.enter)
            result = performer.perform(claim.command, live, _holder(live, decision))
        except PartlyDone as partly:
            made = partly.extension_id if claim.command.makes_extension else None
            return _failed(claim, partly.code, partly.message, extension_id=made)
        except (PhoneSystemBusy, HandedOn):
            raise
        except RollcallError as error:
            is_archive = claim.command.kind is CommandKind.ARCHIVE_EXTENSION
            if not is_archive and not isinstance(error, REFUSED):
                raise
            # Of an update, what was written before the refusal.
            is_update = claim.command.kind is CommandKind.UPDATE_EXTENSION
            reached = _reached(claim, look_at(self.xapi, [claim.command])[0]) if is_update else {}
            reason = (
                phrase("{message} {stays}", message=error.message, stays=_STAYS)
                if is_archive
                else error.message
            )
            return replace(_failed(claim, error.code, reason, reached=reached), result=_learnt(claim, error))
        found = result.get("extension_id")
        extension_id = found if isinstance(found, int) else None
        return CommandOutcome(
            claim.row_id, claim.command, CommandState.DONE, result, extension_id=extension_id
        )

    def _must_stop(self) -> bool:
        return bool(self._fatal) or self.work.is_lost or self._is_abandoned.is_set()

    def _is_unwanted(self) -> bool:
        """Whether nothing more is to be begun: the run was cancelled, the site is held, or the worker ends and another one goes
        on.
        """
        return self._is_cancelled or self._is_held or self.context.is_stopping

    def _interrupt(self, claim: Claim, error: RollcallError, attempts: Attempts) -> None:
        self._fatal.append(error)
        # A step of several may have been done before the one that failed.
        self._give_back(claim, is_unknown=True, attempts=attempts)

    def _give_back(self, claim: Claim, *, is_unknown: bool, attempts: Attempts | None = None) -> None:
        if attempts is not None and attempts.is_counted:
            self._uncounted.append((claim.command.number, attempts.step))
        (self._unknown if is_unknown else self._unsent).append(claim)


def _learnt(claim: Claim, refused: RollcallError) -> dict[str, Any]:
    """What a refusal tells the next plans."""
    if claim.command.kind is not CommandKind.CREATE_DEPARTMENT:
        return {}
    limit = name_limit(refused, str(claim.command.after.get("name", "")))
    return {} if limit is None else {"name_limit": limit}


def _all_ended(
    ended: "queue.SimpleQueue[Future[CommandOutcome | None]]", seconds: float
) -> list[Future[CommandOutcome | None]]:
    """Whatever has ended, waiting so long for the first."""
    found = []
    try:
        found.append(ended.get(timeout=seconds))
        while True:
            found.append(ended.get_nowait())
    except queue.Empty:
        return found


def _kept_by_hand(session: Session, site_id: str, chunk: Sequence[Claim]) -> Mapping[int, str]:
    """Of what would be archived or deleted, what somebody has decided to keep since the plan was made."""
    ids = [claim.command.extension_id or 0 for claim in chunk]
    kept = graces.protected(session, site_id, ids, datetime.now(UTC))
    reason = declared("Its deletion was postponed or stopped after the plan was created.")
    return {claim.row_id: reason for claim in chunk if claim.command.extension_id in kept}


def _excluded(exclusions: Exclusions, chunk: Sequence[Claim]) -> Mapping[int, str]:
    """Whoever was excluded since the plan was made: they are left alone from that moment on."""
    reason = declared("Excluded by the rules after the plan was created.")
    commands = ((claim.row_id, claim.command) for claim in chunk if exclusions)
    return {
        row_id: reason
        for row_id, command in commands
        if exclusions.hold_command(command.number, command.person_name, command.before)
    }


def _holder(live: Live, decision: Decision) -> Extension | None:
    """The extension that an earlier try made, when the decision is to finish it."""
    return live.by_number if decision.action is Action.RESUME else None


def _left_undone(claim: Claim, live: Live, decision: Decision, code: str, why: str) -> CommandOutcome:
    """Not, or not wholly, done, as was just read; ``why`` ends the sentence."""
    holder = _holder(live, decision)
    if holder is not None:
        reason = phrase(
            "Extension {number} was created, but not all of its settings were written, {why}",
            number=holder.number,
            why=why,
        )
        return _failed(claim, code, reason, extension_id=holder.id)
    reached = _reached(claim, live)
    reason = (
        phrase("Only {fields} was written, {why}", fields=_listed(reached), why=why)
        if reached
        else phrase("Not done, {why}", why=why)
    )
    return _failed(claim, code, reason, reached=reached)


def _reached(claim: Claim, live: Live) -> dict[str, FieldValue]:
    if claim.command.kind is not CommandKind.UPDATE_EXTENSION or live.by_id is None:
        return {}
    return took_effect(claim.command, live.by_id)


def _listed(fields: Mapping[str, FieldValue]) -> str:
    return listed(map(named, fields))


def _failed(
    claim: Claim,
    code: str,
    message: str,
    *,
    state: CommandState = CommandState.FAILED,
    extension_id: int | None = None,
    reached: Mapping[str, FieldValue] | None = None,
) -> CommandOutcome:
    return CommandOutcome(
        claim.row_id, claim.command, state, {}, code, message, extension_id, reached=reached or {}
    )
