"""Follows a run until it ends or waits for a person, with a progress bar on standard error."""

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

from services.api.use_cases import runs
from services.api.use_cases.progress import RunProgress, progress
from services.cli.output import notes
from shared.database.tables import Run, RunState
from shared.domain.command import STAGE_ORDER, CommandState
from shared.worker.context import Context

_WORKING = (RunState.COLLECTING, RunState.EXECUTING)
_LOOK_SECONDS = 0.1
_OPEN = (CommandState.PENDING.value, CommandState.RUNNING.value)


def follow(context: Context, run_id: int) -> Run:
    """Wait until the run has ended or waits for a person, showing how far it is."""
    with _bar() as bar:
        task = bar.add_task("Reading", total=None)
        while True:
            now = progress(context, run_id)
            bar.update(task, **_shown(now))
            if now.state not in _WORKING:
                return runs.get_run(context, run_id)
            time.sleep(_LOOK_SECONDS)


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
            "description": f"Reading both ends: {now.people} people",
            "completed": now.parts_read,
            "total": now.parts_total,
        }
    done = sum(count for state, count in now.commands.items() if state not in _OPEN)
    stage = next(
        (stage for stage in STAGE_ORDER if any(now.stages.get(stage, {}).get(state) for state in _OPEN)), None
    )
    return {
        "description": f"Executing: {stage.value}" if stage else "Finished",
        "completed": done,
        "total": max(now.commands_total, 1) if now.commands_total else 1,
    }
