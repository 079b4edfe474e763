"""The Celery tasks that beat starts: call one function.

Beat of the last release sends them to the collector's queue, where they are taken as well: one release takes the
other's place process by process.
"""

from celery import shared_task

from services.scheduler import due_runs
from shared.worker.app import SWEEP, TICK
from shared.worker.task import RollcallTask


def _tick(self: RollcallTask) -> None:
    """Start the runs that schedules say are due."""
    due_runs.tick(self.context)


def _sweep(self: RollcallTask) -> None:
    """Publish again what waits for a worker."""
    due_runs.sweep(self.context)


for _names, _task in (((TICK, "collector.tick"), _tick), ((SWEEP, "collector.sweep"), _sweep)):
    for _name in _names:
        shared_task(name=_name, base=RollcallTask, bind=True)(_task)
