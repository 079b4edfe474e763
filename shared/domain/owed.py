"""What is still to be done to an extension that Rollcall has begun to make."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.command import FieldValue


class Owes(StrEnum):
    """What is still to come: steps; steps that 3CX refused; or only the end of the extension that was replaced."""

    STEPS = "steps"
    REFUSED_STEPS = "refused_steps"
    FORMER_EXTENSION = "former_extension"


@dataclass(frozen=True, slots=True)
class Owed:
    """The further steps of a creation or a renumbering that did not come to its end; kept with the extension.

    ``after`` is what the command wanted (see ``Command``), ``former_id`` the extension that a renumbering replaces.
    ``refusal`` is what 3CX said when it refused a step: then nothing is tried again until a person decides.
    """

    number: str
    person_guid: str
    person_name: str
    after: Mapping[str, FieldValue] = field(default_factory=dict)
    former_id: int | None = None
    refusal: str = ""
