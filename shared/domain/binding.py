"""The memory of a site: which person holds which extension."""

from dataclasses import dataclass
from enum import StrEnum


class BindingOrigin(StrEnum):
    """How the extension came to be the person's."""

    CREATED = "created"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class Binding:
    """Person ↔ extension in one site; at most one per person and one per extension.

    ``disabled_by_rollcall`` is whether the extension's present "disabled" is our doing; only then is it
    enabled again without being asked.
    """

    person_guid: str
    extension_id: int
    number: str
    origin: BindingOrigin = BindingOrigin.CREATED
    person_name: str = ""
    disabled_by_rollcall: bool = False


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """The former extension of somebody who was given another number; it goes as soon as it can.

    Usually it goes in the same run. When it did not (no archive, run cancelled or stopped in between) nothing else
    remembers it. ``first_name`` and ``last_name`` are what it had: one with other names serves somebody else now.
    """

    person_guid: str
    person_name: str
    extension_id: int
    first_name: str
    last_name: str
    new_number: str
