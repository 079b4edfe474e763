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
