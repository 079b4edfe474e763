"""The Celery tasks of the notifier: parse the message, call one function."""

from typing import Any

from celery import shared_task

from services.notifier import notifying
from shared.messages import Notify
from shared.worker.task import QuestionTask, RollcallTask, question


@shared_task(name=Notify.task, base=RollcallTask, bind=True)
def notify(self: RollcallTask, message: dict[str, Any]) -> None:
    """Tell what is new at a site, and send what is due."""
    notifying.notify(self.context, Notify.read(message).site_id)


@question("notifier.test_channel")
def test_channel(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer whether a channel takes messages."""
    return notifying.try_channel(self.context, arguments)
