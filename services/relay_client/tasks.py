"""The Celery tasks of the relay client: parse the message, call one function."""

from typing import Any

from celery import shared_task

from services.relay_client import questions
from services.relay_client.execution.execute import execute_stage as carry_out_stage
from services.relay_client.snapshot import read_some_extensions as read_some
from services.relay_client.snapshot import snapshot_extensions as read_extensions
from shared.messages import ExecuteStage, ReadSomeExtensions, SnapshotExtensions
from shared.worker.task import QuestionTask, RollcallTask, question


@shared_task(name=SnapshotExtensions.task, base=RollcallTask, bind=True)
def snapshot_extensions(self: RollcallTask, message: dict[str, Any]) -> None:
    """Read the phone system for a run."""
    read_extensions(self.context, SnapshotExtensions.read(message).part_id)


@shared_task(name=ReadSomeExtensions.task, base=RollcallTask, bind=True)
def read_some_extensions(self: RollcallTask, message: dict[str, Any]) -> None:
    """Read the extensions that a change run is about."""
    read_some(self.context, ReadSomeExtensions.read(message).part_id)


@shared_task(name=ExecuteStage.task, base=RollcallTask, bind=True)
def execute_stage(self: RollcallTask, message: dict[str, Any]) -> None:
    """Carry out the next stage of a run."""
    carry_out_stage(self.context, ExecuteStage.read(message).run_id)


@question("relay_client.test_phone_system")
def test_phone_system(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer whether the phone system can be worked with."""
    return questions.test_phone_system(self.context, arguments)


@question("relay_client.list_extensions")
def list_extensions(self: QuestionTask, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer which extensions there are."""
    return questions.list_extensions(self.context, arguments)


@question("relay_client.list_departments")
def list_departments(self: QuestionTask, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer which departments there are."""
    return questions.list_departments(self.context, arguments)


@question("relay_client.test_relay")
def test_relay(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer whether the relay can be worked with."""
    return questions.test_relay(self.context, arguments)


@question("relay_client.pair_relay")
def pair_relay(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make Rollcall the relay's peer."""
    return questions.pair_relay(self.context, arguments)


@question("relay_client.send_welcome")
def send_welcome(self: QuestionTask, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Send welcome messages again."""
    return questions.send_welcome(self.context, arguments)


@question("relay_client.compare_with_template")
def compare_with_template(self: QuestionTask, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer how extensions differ from their templates."""
    return questions.compare_with_template(self.context, arguments)


@question("relay_client.check_pin")
def check_pin(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer whether an extension and a PIN belong together."""
    return questions.check_pin(self.context, arguments)


@question("relay_client.look_up_extension")
def look_up_extension(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer whose an extension is and which roles it has."""
    return questions.look_up_extension(self.context, arguments)
