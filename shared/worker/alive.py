"""Shows a supervisor that a worker or beat goes on: a file whose time is that of its last sign of life."""

from pathlib import Path
from typing import Any

from celery.beat import Scheduler
from celery.signals import heartbeat_sent

BEAT_SCHEDULER = "celery.beat:Scheduler"


def show_of_worker(file: Path) -> None:
    """Touch the file whenever the worker of this process sends a heartbeat, every two seconds."""

    def _touch(**_signal: object) -> None:
        file.touch()

    heartbeat_sent.connect(_touch, weak=False)


def scheduler(file: Path | None) -> str | type[Scheduler]:
    """Beat's scheduler, which touches the file at every tick when there is one."""
    if file is None:
        return BEAT_SCHEDULER
    touch = file.touch

    class Watched(Scheduler):
        """Celery's own, in memory."""

        def tick(self, *arguments: Any, **options: Any) -> Any:
            """One look at what is due."""
            touch()
            return super().tick(*arguments, **options)

    return Watched
