"""The Celery tasks that beat starts: call one function.

They are called as the last release calls them, and travel in the queue that it listens to: beat and workers of two
releases run side by side while one takes the other's place, and no deployment needs a worker more.
"""

from celery import shared_task

from services.scheduler import due_runs
from shared.worker.app import SWEEP, TICK
from shared.worker.task import RollcallTask


@shared_task(name=TICK, base=RollcallTask, bind=True)
def tick(self: RollcallTask) -> None:
    """Start the runs that schedules say are due."""
    due_runs.tick(self.context)


@shared_task(name=SWEEP, base=RollcallTask, bind=True)
def sweep(self: RollcallTask) -> None:
    """Publish again what waits for a worker."""
    due_runs.sweep(self.context)
