"""People, extensions and whole phone systems for tests."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.domain.binding import Binding, Shown
from shared.domain.extension import Department, Extension, Membership, Peer, PhoneSystemSnapshot
from shared.domain.person import Person
from shared.domain.rules import Rules, UnitRule, UnitSnapshot

SALES = "OU=Sales,DC=corp,DC=example,DC=test"
SUPPORT = "OU=Support,DC=corp,DC=example,DC=test"
# When plans of tests are made, unless they say otherwise.
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DEFAULT = Department(1, "DEFAULT", "GRP0000", is_default=True)


def guid(index: int) -> str:
    """The objectGUID of the n-th person."""
    return str(UUID(int=index))


def make_person(index: int = 1, **changes: Any) -> Person:
    """The n-th person: Anna1 Berg1 with number 201 and so on."""
    values: dict[str, Any] = {
        "guid": guid(index),
        "distinguished_name": f"CN=Anna{index} Berg{index},{changes.get('unit', SALES)}",
        "unit": SALES,
        "first_name": f"Anna{index}",
        "last_name": f"Berg{index}",
        "email": f"anna{index}@corp.example.test",
        "number": str(200 + index),
    }
    return Person(**(values | changes))


def make_extension(index: int = 1, **changes: Any) -> Extension:
    """The extension that suits the n-th person; its id is the index + 1000."""
    values: dict[str, Any] = {
        "id": 1000 + index,
        "number": str(200 + index),
        "first_name": f"Anna{index}",
        "last_name": f"Berg{index}",
        "email": f"anna{index}@corp.example.test",
        "memberships": (Membership(1, "DEFAULT"),),
        "primary_department_id": 1,
    }
    return Extension(**(values | changes))


def make_binding(index: int = 1, **changes: Any) -> Binding:
    """The binding of the n-th person to the n-th extension, remembered as ``make_extension`` has it."""
    values: dict[str, Any] = {
        "person_guid": guid(index),
        "extension_id": 1000 + index,
        "number": str(200 + index),
        "shown": Shown(f"Anna{index}", f"Berg{index}", f"anna{index}@corp.example.test"),
    }
    return Binding(**(values | changes))


def make_phone_system(extensions: Iterable[Extension] = (), **changes: Any) -> PhoneSystemSnapshot:
    """A phone system with these extensions and the default department."""
    listed = tuple(extensions)
    values: dict[str, Any] = {"extensions": listed, "departments": (DEFAULT,), "used_extensions": len(listed)}
    return PhoneSystemSnapshot(**(values | changes))


def make_rules(**changes: Any) -> Rules:
    """The default rules with the two units, without templates."""
    values: dict[str, Any] = {"units": (UnitRule(SALES), UnitRule(SUPPORT))}
    return Rules(**(values | changes))


def make_units(people: int = 1, **changes: Any) -> tuple[UnitSnapshot, ...]:
    """Complete readings of both units; ``changes`` apply to the first."""
    values: dict[str, Any] = {
        "distinguished_name": SALES,
        "is_complete": True,
        "people": people,
        "source": "dc1",
    }
    return UnitSnapshot(**(values | changes)), UnitSnapshot(SUPPORT, is_complete=True, people=0)


QUEUE = Peer("800", "Queue", "Hotline")
