"""Follows a run until it ends or waits for a person, with a progress bar on standard error.

Says every half minute what it waits for, and outlives a database that is away for a while. On an embedded database,
where perhaps no ``rollcall up`` runs, it also publishes again what the run waits for, as the sweep does.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from sqlalchemy import select

from services.api.runs.queries.progress import RunProgress, progress
from services.api.runs.use_cases import runs
from services.cli.output import notes
from shared.database.tables import Event, EventLevel, Run, RunState
from shared.domain.command import STAGE_ORDER, CommandState
from shared.errors import StorageUnavailable
from shared.work.publishing import publish_due
from shared.worker.context import Context

_WORKING = (RunState.COLLECTING, RunState.EXECUTING)
_LOOK_SECONDS = 0.1
_TELL_SECONDS = 30.0
# So long a database may be away (restarted, failed over) before nobody is kept waiting for it any longer.
_MOST_SECONDS_AWAY = 300.0
_OPEN = (CommandState.PENDING.value, CommandState.RUNNING.value)


def follow(context: Context, run_id: int) -> Run:
    """Wait until the run has ended or waits for a person, showing how far it is.

    :raises StorageUnavailable: the database has been away for too long.
    """
    with _bar() as bar:
        follower = _Follower(context, run_id, bar)
        while True:
            ended = follower.look()
            if ended is not None:
                return ended
            time.sleep(_LOOK_SECONDS)


class _Follower:
    """What somebody who waits for a run has seen and said so far."""

    def __init__(self, context: Context, run_id: int, bar: Progress) -> None:
        self._context = context
        self._run_id = run_id
        self._bar = bar
        self._task = bar.add_task("Reading", total=None)
        self._told_at = self._published_at = self._seen_at = time.monotonic()
        self._is_away = False

    def look(self) -> Run | None:
        """The run, once it neither collects nor executes.

        :raises StorageUnavailable: the database has been away for too long.
        """
        try:
            now = progress(self._context, self._run_id)
            ended = None if now.state in _WORKING else runs.get_run(self._context, self._run_id)
            self._seen_at = time.monotonic()
            if self._is_away:
                self._is_away = False
                self._tell("The database answers again.")
            self._bar.update(self._task, **_shown(now))
            if ended is None:
                self._publish_again()
                self._say_what_is_waited_for(now)
            return ended
        except StorageUnavailable as error:
            away = time.monotonic() - self._seen_at
            if away > _MOST_SECONDS_AWAY:
                raise StorageUnavailable(
                    f"{error.message} Run {self._run_id} is no longer followed, because the database has "
                    "been away for "
                    f"{away:.0f} s. Look at the run when it is back: rollcall plan {self._run_id}"
                ) from error
            if not self._is_away or self._is_time_to_tell():
                self._told_at = time.monotonic()
                self._tell(
                    f"{error.message} Run {self._run_id} goes on when the database is back; waiting for that."
                )
            self._is_away = True
            return None

    def _publish_again(self) -> None:
        settings = self._context.settings
        if settings.is_embedded and time.monotonic() - self._published_at > settings.sweep_seconds:
            self._published_at = time.monotonic()
            publish_due(self._context, self._run_id)

    def _is_time_to_tell(self) -> bool:
        return time.monotonic() - self._told_at > _TELL_SECONDS

    def _say_what_is_waited_for(self, now: RunProgress) -> None:
        if not self._is_time_to_tell():
            return
        self._told_at = time.monotonic()
        shown = _shown(now)
        what = "parts read" if now.state == RunState.COLLECTING else "commands ended"
        problem = self._last_problem()
        last = f" Last problem: {problem}" if problem else ""
        blackout = runs.blackout_in_the_way(self._context, runs.get_run(self._context, self._run_id))
        if blackout is not None:
            last += (
                f" Changes wait for the end of a blackout window at {blackout.end:%Y-%m-%d %H:%M} UTC; "
                f"`rollcall apply-now {self._run_id}` applies them now."
            )
        self._tell(
            f"Waiting for run {self._run_id}. {shown['description']}, {shown['completed']} of "
            f"{shown['total']} "
            f"{what}.{last}"
        )

    def _tell(self, sentence: str) -> None:
        # By the bar's own console, which keeps both apart.
        self._bar.console.print(sentence, markup=False, soft_wrap=True)

    def _last_problem(self) -> str | None:
        with self._context.database.read() as session:
            return session.scalars(
                select(Event.message)
                .where(
                    Event.run_id == self._run_id,
                    Event.level != EventLevel.INFO.value,
                    Event.code.in_(("snapshot.failed", "run.interrupted")),
                )
                .order_by(Event.id.desc())
                .limit(1)
            ).first()


@contextmanager
def _bar() -> Iterator[Progress]:
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=notes(),
        # Where nobody watches, a bar would only fill a log file.
        disable=not notes().is_terminal,
    ) as bar:
        yield bar


def _shown(now: RunProgress) -> dict[str, Any]:
    if now.state == RunState.COLLECTING:
        return {
            "description": f"Reading: {now.people} people",
            "completed": now.parts_read,
            "total": now.parts_total,
        }
    not_done = (*_OPEN, CommandState.HELD)
    done = sum(count for state, count in now.commands.items() if state not in not_done)
    stage = next(
        (stage for stage in STAGE_ORDER if any(now.stages.get(stage, {}).get(state) for state in _OPEN)), None
    )
    return {
        "description": f"Executing: {stage.value}" if stage else "Finished",
        "completed": done,
        "total": max(now.commands_total, 1) if now.commands_total else 1,
    }
