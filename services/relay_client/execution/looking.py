"""What the phone system has right now for commands that are to be carried out, or whose outcome is unknown."""

from collections.abc import Sequence

from services.relay_client.execution.decide import Live
from services.relay_client.xapi.client import Xapi
from shared.domain.command import Command, CommandKind
from shared.values.text import folded


def look_at(xapi: Xapi, commands: Sequence[Command]) -> list[Live]:
    """The extensions and departments that the commands are about, in as few requests as possible."""
    departments: set[str] = set()
    if any(command.kind is CommandKind.CREATE_DEPARTMENT for command in commands):
        departments = {folded(department.name) for department in xapi.departments()}
    by_number = xapi.find_by_numbers(command.number for command in commands if command.makes_extension)
    ids = {command.extension_id for command in commands} | {_former_id(command) for command in commands}
    by_id = xapi.find_by_ids(item for item in ids if item is not None)
    return [
        Live(
            by_id=by_id.get(command.extension_id or 0),
            by_number=by_number.get(command.number),
            former=by_id.get(_former_id(command) or 0),
            department_exists=folded(str(command.after.get("name", ""))) in departments,
        )
        for command in commands
    ]


def _former_id(command: Command) -> int | None:
    former = command.after.get("former_id")
    return former if isinstance(former, int) else None
