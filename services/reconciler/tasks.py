"""The Celery task of the reconciler: parse the message, call one function."""

from typing import Any

from celery import shared_task

from services.reconciler.plan_run import plan_run as plan
from shared.messages import PlanRun
from shared.worker.task import RollcallTask


@shared_task(name=PlanRun.task, base=RollcallTask, bind=True)
def plan_run(self: RollcallTask, message: dict[str, Any]) -> None:
    """Plan a run whose parts have all been read."""
    plan(self.context, PlanRun.read(message).run_id)
