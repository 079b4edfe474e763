"""The memory of a site: which person holds which extension."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class BindingOrigin(StrEnum):
    """How the extension came to be the person's."""

    CREATED = "created"
    ADOPTED = "adopted"


class Shown(NamedTuple):
    """The names and the e-mail address of an extension; an empty text is nothing to know it by."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """Person ↔ extension in one site; at most one per person and one per extension.

    It is a belief: 3CX's ids are others after a restore, and an administrator may give the extension to somebody
    else. ``number`` and ``shown`` are what 3CX showed when Rollcall last wrote, adopted or found it to be the person's;
    by them it is known again. ``shown`` is ``None`` when that was never noted.
    ``disabled_by_rollcall`` is whether the extension's present "disabled" is our doing; only then is it
    enabled again without being asked.
    """

    person_guid: str
    extension_id: int
    number: str
    origin: BindingOrigin = BindingOrigin.CREATED
    person_name: str = ""
    disabled_by_rollcall: bool = False
    shown: Shown | None = None
    # The key of the directory that the person was last read from; unknown until a plan has seen them.
    directory: str | None = None


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """The former extension of somebody who was given another number; it goes as soon as it can.

    Usually it goes in the same run. When it did not (no archive, run cancelled or stopped in between) nothing else
    remembers it. ``first_name``, ``last_name`` and ``number`` are what it had: one with others serves somebody else now.
    """

    person_guid: str
    person_name: str
    extension_id: int
    first_name: str
    last_name: str
    new_number: str
    number: str = ""
