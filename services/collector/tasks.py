"""The Celery tasks of the collector: parse the message, call one function."""

from typing import Any

from celery import shared_task

from services.collector import questions
from services.collector.absent import locate_absent as look_for_absent
from services.collector.lookup import look_up_people as look_up
from services.collector.snapshot import snapshot_unit as read_unit
from services.collector.some_people import read_some_people
from services.collector.write_numbers import write_numbers as write
from shared.messages import LocateAbsent, LookUpPeople, ReadPeople, SnapshotUnit, WriteNumbers
from shared.worker.task import QuestionTask, RollcallTask, question


@shared_task(name=SnapshotUnit.task, base=RollcallTask, bind=True)
def snapshot_unit(self: RollcallTask, message: dict[str, Any]) -> None:
    """Read a unit for a run."""
    read_unit(self.context, SnapshotUnit.read(message).part_id)


@shared_task(name=LocateAbsent.task, base=RollcallTask, bind=True)
def locate_absent(self: RollcallTask, message: dict[str, Any]) -> None:
    """Look for the people whom no unit of a run holds."""
    look_for_absent(self.context, LocateAbsent.read(message).part_id)


@shared_task(name=LookUpPeople.task, base=RollcallTask, bind=True)
def look_up_people(self: RollcallTask, message: dict[str, Any]) -> None:
    """Look up again whom the next commands of a run concern."""
    look_up(self.context, LookUpPeople.read(message).part_id)


@shared_task(name=ReadPeople.task, base=RollcallTask, bind=True)
def read_people(self: RollcallTask, message: dict[str, Any]) -> None:
    """Read the people whom a change run is about."""
    read_some_people(self.context, ReadPeople.read(message).part_id)


@shared_task(name=WriteNumbers.task, base=RollcallTask, bind=True)
def write_numbers(self: RollcallTask, message: dict[str, Any]) -> None:
    """Write given numbers of a site to the directory."""
    write(self.context, WriteNumbers.read(message).site_id)


@question("collector.test_directory")
def test_directory(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer whether the directory can be worked with."""
    return questions.test_directory(self.context, arguments)


@question("collector.browse_units")
def browse_units(self: QuestionTask, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer which organizational units there are."""
    return questions.browse_units(self.context, arguments)


@question("collector.list_attributes")
def list_attributes(self: QuestionTask, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer which attributes people have."""
    return questions.list_attributes(self.context, arguments)


@question("collector.unknown_attributes")
def unknown_attributes(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, str]:
    """Answer which attributes the schema does not have."""
    return questions.unknown_attributes(self.context, arguments)


@question("collector.propose_numbers")
def propose_numbers(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer what may give people their extension numbers."""
    return questions.propose_numbers(self.context, arguments)


@question("collector.try_mapping")
def try_mapping(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer what a field would be for real people."""
    return questions.try_mapping(self.context, arguments)


@question("collector.check_password")
def check_password(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer whether somebody and a password belong together."""
    return questions.check_password(self.context, arguments)


@question("collector.look_up_person")
def look_up_person(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer whether somebody with an extension may still work."""
    return questions.look_up_person(self.context, arguments)


@question("collector.find_account")
def find_account(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer who has an Active Directory account, and in which groups they are."""
    return questions.find_account(self.context, arguments)


@question("collector.prove_account")
def prove_account(self: QuestionTask, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer whether an Active Directory account and a password belong together."""
    return questions.prove_account(self.context, arguments)
