"""What is still to be done to an extension that Rollcall has begun to make, to remove or to pass on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.command import FieldValue

# Of what a creation wants: the welcome message; and what stands there from just before it is sent.
WELCOME, WELCOME_TRIED = "welcome_email", "tried"
# The places of the template in queues and ring groups too.
MEMBERSHIPS = "template_memberships"
# The template's settings are written again because a person asked for it; the extension itself was finished long ago.
AGAIN = "again"
# Of an undone deletion: the id of the stored command whose kept settings the extension gets, and the relay's backup.
RESTORES, BACKUP = "restores", "backup"


# The code of a command that made an extension of which 3CX refused further steps.
PARTLY_DONE = "partly_done"
# In the result of an update that was not done as a whole: the names of the fields that were written.
REACHED = "reached"


class Owes(StrEnum):
    """What is still to come.

    To an extension that was made: steps; steps that 3CX refused; or only the end of the extension that was replaced. To one
    that was there before: the rest of its disabling, of its removal, or of its take-over by somebody else; or the settings of
    its template, once more.
    """

    STEPS = "steps"
    REFUSED_STEPS = "refused_steps"
    FORMER_EXTENSION = "former_extension"
    DISABLING = "disabling"
    REMOVAL = "removal"
    TAKE_OVER = "take_over"
    TEMPLATE = "template"


# What the plans derive from the two ends; these rows keep it from being called in sync before it is done.
LEAVING: tuple[Owes, ...] = (Owes.DISABLING, Owes.REMOVAL, Owes.TAKE_OVER)


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


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An extension whose disabling, removal or take-over has begun. The person is the one it is done for."""

    number: str
    extension_id: int
    owes: Owes
    person_guid: str = ""
    person_name: str = ""
