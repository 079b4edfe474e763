"""What names an extension in the values of 3CX, and the same values naming another one. Pure.

A number stands in destinations, in the lists of queues and ring groups, in the keys of IVRs and in the XML of BLF keys.
Where it can stand is declared in ``shared.domain.carried``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.relay_client.xapi.odata import without_annotations
from shared.domain.carried import BELONGINGS, OTHER_USER, USER, FromTemplate, Shape
from shared.language import declared, phrase

Json = dict[str, Any]

# Where a number stands as a plain text of its own.
_NUMBERS = ("ForwardDN", "TimeoutForwardDN", "InvalidKeyForwardDN")
# In the XML of BLF keys a number is an element's text or an attribute's value.
_IN_KEYS = re.compile(r""">(\w+)<|"(\w+)"|'(\w+)'""", re.ASCII)
# What can be asked for only with $expand.
_EXPANDED = ("Agents", "Managers", "Members", "Forwards", "ForwardingProfiles", "ForwardingExceptions")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that names extensions: its entity and collection in the API, and what is read of it."""

    entity: str
    path: str
    label: str
    name: str = "Name"

    @property
    def _declared(self) -> str:
        return OTHER_USER if self.entity == USER else self.entity

    def fields_of(self, *shapes: Shape) -> tuple[str, ...]:
        """Its properties that name extensions in one of these ways; in any way when none is given."""
        return tuple(
            each.field
            for each in BELONGINGS
            if each.entity == self._declared
            and each.shape is not None
            and (not shapes or each.shape in shapes)
        )

    @property
    def selected(self) -> tuple[str, ...]:
        """What to ask for with ``$select``."""
        return ("Id", self.name, *(field for field in self.fields_of() if field not in _EXPANDED))

    @property
    def expanded(self) -> tuple[str, ...]:
        """What to ask for with ``$expand``."""
        return tuple(field for field in self.fields_of() if field in _EXPANDED)

    def named(self, row: Json) -> str:
        """What to call one of them in a sentence."""
        return phrase("{label} {row}", label=self.label, row=row.get(self.name) or row.get("Id"))


QUEUE = Kind("Queue", "/Queues", "queue")
RING_GROUP = Kind("RingGroup", "/RingGroups", declared("ring group"))
INBOUND_RULE = Kind("InboundRule", "/InboundRules", declared("inbound rule"), "RuleName")
EXTENSION = Kind(USER, "/Users", "extension", "Number")
# In the order in which a new number is told to them: callers from outside first.
KINDS = (
    INBOUND_RULE,
    QUEUE,
    RING_GROUP,
    Kind("Receptionist", "/Receptionists", "IVR"),
    Kind("Group", "/Groups", "department"),
    EXTENSION,
)
WITH_PEOPLE = (QUEUE, RING_GROUP)
_TEMPLATES_GIVE = frozenset(each.field for each in BELONGINGS if each.template is FromTemplate.BY_UNIT)


def numbers_in(kind: Kind, row: Json) -> set[str]:
    """Every number that it names."""
    found: set[str] = set()
    for field in kind.fields_of():
        value = row.get(field)
        if field in _NUMBERS:
            found.add(str(value or ""))
        elif field in kind.fields_of(Shape.PEOPLE):
            found.update(str(person.get("Number")) for person in value or [])
        else:
            found.update(_within(value, field))
    return found - {""}


def repointed_fields(kind: Kind, row: Json, old: str, new: str) -> Json:
    """The body that lets whatever leads to the old number lead to the new one; empty when nothing does."""
    fields = kind.fields_of(Shape.DESTINATION, Shape.DESTINATIONS, Shape.NUMBER, Shape.KEYS)
    values = {field: without_annotations(row[field]) for field in fields if row.get(field) is not None}
    changed = {field: repointed(value, old, new, field) for field, value in values.items()}
    # Ids are 3CX's own and left out where something is written, which alone is no change.
    same = {field: repointed(value, old, old, field) for field, value in values.items()}
    return {field: value for field, value in changed.items() if value != same[field]}


def beside(kind: Kind, row: Json, old: str, new: str, *, as_template: bool = False) -> Json:
    """The body that puts the new number into each list of people that has the old one, with the same skill group.

    ``as_template``: into those only that a template gives.
    """
    body: Json = {}
    for field in kind.fields_of(Shape.PEOPLE):
        people = _people(row, field)
        model = next((person for person in people if person["Number"] == old), None)
        if model is None or any(person["Number"] == new for person in people):
            continue
        if not as_template or field in _TEMPLATES_GIVE:
            body[field] = [*people, model | {"Number": new}]
    return body


def without(kind: Kind, row: Json, old: str) -> Json:
    """The body that takes the number out of every list of people that has it."""
    lists = {field: _people(row, field) for field in kind.fields_of(Shape.PEOPLE)}
    return {
        field: [person for person in people if person["Number"] != old]
        for field, people in lists.items()
        if any(person["Number"] == old for person in people)
    }


def repointed(value: Any, old: str, new: str, field: str) -> Any:
    """A value of a field with every destination of the old number leading to the new one, and without ids."""
    if field == "Blfs" and isinstance(value, str):
        for before, after in ("><", '""', "''"):
            value = value.replace(f"{before}{old}{after}", f"{before}{new}{after}")
        return value
    if field in _NUMBERS:
        return new if value == old else value
    if isinstance(value, list):
        return [repointed(item, old, new, field) for item in value]
    if isinstance(value, dict):
        is_destination = "To" in value and value.get("Number") == old
        return {
            name: new
            if is_destination and name == "Number"
            else repointed(item, old, new, name if name in _NUMBERS else field)
            for name, item in value.items()
            if name != "Id"
        }
    return value


def _people(row: Json, field: str) -> list[Json]:
    """A list of people as it is written: the number, and of agents the skill group."""
    return [
        {name: person[name] for name in ("Number", "SkillGroup") if person.get(name) is not None}
        for person in row.get(field) or []
        if person.get("Number")
    ]


def _within(value: Any, field: str) -> Iterator[str]:
    if field == "Blfs":
        for found in _IN_KEYS.finditer(str(value or "")):
            yield found[found.lastindex or 0]
    elif isinstance(value, list):
        for item in value:
            yield from _within(item, field)
    elif isinstance(value, Mapping):
        if "To" in value:
            yield str(value.get("Number") or "")
        for name, item in value.items():
            if name in _NUMBERS:
                yield str(item or "")
            else:
                yield from _within(item, field)
