"""What the phone system has, as observed: extensions, departments and whatever else holds a number."""

from dataclasses import dataclass

from shared.domain.further import Further
from shared.language import phrase

ROLE_USER = "users"
ROLE_SYSTEM_OWNER = "system_owners"


@dataclass(frozen=True, slots=True)
class Membership:
    """One department an extension belongs to, with its role there (3CX allows one role per department)."""

    department_id: int
    department: str
    role: str = ROLE_USER


@dataclass(frozen=True, slots=True)
class Extension:
    """One 3CX user with the fields that the plan may touch. ``id`` is 3CX's own and never reused.

    ``further`` are the fields of ``shared.domain.further`` that were read.
    """

    id: int
    number: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    mobile: str = ""
    enabled: bool = True
    memberships: tuple[Membership, ...] = ()
    primary_department_id: int | None = None
    further: Further = ()

    @property
    def name(self) -> str:
        """What to call the extension's holder in a sentence."""
        return phrase(
            "{first_name} {last_name}", first_name=self.first_name, last_name=self.last_name
        ).strip() or phrase("extension {number}", number=self.number)

    @property
    def primary_department(self) -> str | None:
        """The name of the primary department, when the extension is a member of it."""
        for membership in self.memberships:
            if membership.department_id == self.primary_department_id:
                return membership.department
        return None

    @property
    def is_system_owner(self) -> bool:
        """Whether removing it could lock every administrator out of the phone system."""
        return any(membership.role == ROLE_SYSTEM_OWNER for membership in self.memberships)


@dataclass(frozen=True, slots=True)
class Department:
    """A 3CX department (a "group" in the API)."""

    id: int
    name: str
    number: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that holds a number: an extension, a queue, a ring group, an IVR, a parking place, ..."""

    number: str
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Who changed an extension last, by the audit log of 3CX, and when (ISO 8601)."""

    number: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class PhoneSystemSnapshot:
    """Everything the planner needs to know of one phone system at one moment.

    ``peers`` holds only what is not a user. ``max_extensions`` is the licence's limit, ``None`` when unlimited.
    ``emergency_numbers`` are those it dials out for at once; ``number_lengths`` are the lengths its extension numbers
    may have; ``dial_codes`` are digits that it takes for something else. They are empty when that was not read.
    ``edits`` are the last changes by others than Rollcall, one of an extension, where it tells.
    ``department_name_limit`` is how many characters it takes for a department's name, as far as a refusal has told.
    """

    extensions: tuple[Extension, ...] = ()
    departments: tuple[Department, ...] = ()
    peers: tuple[Peer, ...] = ()
    used_extensions: int = 0
    max_extensions: int | None = None
    version: str = ""
    emergency_numbers: tuple[str, ...] = ()
    number_lengths: tuple[int, ...] = ()
    dial_codes: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    department_name_limit: int = 255
