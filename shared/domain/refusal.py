"""What the phone system refused, so that the next run knows the command again."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.command import Command, CommandKind
from shared.language import phrase


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the phone system did not do something: the first run that it refused it in, and how often in a row since."""

    run_id: int
    code: str
    message: str
    times: int = 1

    @property
    def counted(self) -> Mapping[str, int]:
        """How it is kept with the command that was refused."""
        return {"refused_since": self.run_id, "refused_times": self.times}


def refusal_key(command: Command) -> str:
    """The same for commands that want the same of the same extension, person or department."""
    name = command.after.get("name", "") if command.kind is CommandKind.CREATE_DEPARTMENT else ""
    return phrase(
        "{kind} {number} {extension_id} {person_guid} {name}",
        kind=command.kind,
        number=command.number,
        extension_id=command.extension_id or "",
        person_guid=command.person_guid or "",
        name=name,
    )
