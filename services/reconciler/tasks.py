"""The Celery tasks of the reconciler: parse the message, call one function."""

from typing import Any

from celery import shared_task

from services.reconciler.plan_run import plan_run as plan
from services.reconciler.take_changes import take_changes as take
from shared.messages import PlanRun, TakeChanges
from shared.worker.task import RollcallTask


@shared_task(name=PlanRun.task, base=RollcallTask, bind=True)
def plan_run(self: RollcallTask, message: dict[str, Any]) -> None:
    """Plan a run whose parts have all been read."""
    plan(self.context, PlanRun.read(message).run_id)


@shared_task(name=TakeChanges.task, base=RollcallTask, bind=True)
def take_changes(self: RollcallTask, message: dict[str, Any]) -> None:
    """Take up the changes of a site that wait."""
    take(self.context, TakeChanges.read(message).site_id)
