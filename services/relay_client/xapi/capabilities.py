"""Which properties one phone system has, learnt from its own description and from what it refuses.

3CX refuses a whole read for one property that its release does not have, so whatever Rollcall could do without is asked
for and written only where it is there. What decisions rest on (``NEEDED``) is always asked for: its absence must be
an error and never a blank. Nothing here talks to the phone system; ``connection`` does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from defusedxml import DefusedXmlException, ElementTree

Json = dict[str, Any]

NEEDED: Mapping[str, frozenset[str]] = {
    "User": frozenset(
        ("Id", "Number", "FirstName", "LastName", "EmailAddress", "Mobile", "Enabled", "PrimaryGroupId", "Groups", "VMPIN")
    ),
    "SystemStatus": frozenset(("Id",)),
    **dict.fromkeys(("Queue", "RingGroup", "InboundRule", "Receptionist", "Group"), frozenset(("Id",))),
}  # fmt: skip
_TYPES = ("EntityType", "ComplexType")
_MEMBERS = ("Property", "NavigationProperty")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is known of a phone system's entities; of one that is not described, everything counts as there."""

    described: Mapping[str, frozenset[str]] = field(default_factory=dict)
    refused: frozenset[tuple[str, str]] = frozenset()
    # Whether departments are taken together with a creation; not known before it was tried.
    takes_departments: bool | None = None

    def has(self, entity: str, name: str) -> bool:
        """Whether a property may be asked for and written."""
        if name in NEEDED.get(entity, ()):
            return True
        return (entity, name) not in self.refused and name in self.described.get(entity, (name,))

    @staticmethod
    def are_needed(entity: str, names: Iterable[str]) -> bool:
        """Whether all of the names are asked for and written whatever is known."""
        return NEEDED.get(entity, frozenset()).issuperset(names)

    def can_lack(self, entity: str, name: str) -> bool:
        """Whether a property that counts as there may be left out."""
        return self.has(entity, name) and name not in NEEDED.get(entity, ())

    def missing(self, entity: str, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that the phone system does not have, sorted."""
        return tuple(sorted(name for name in names if not self.has(entity, name)))

    def is_refused(self, entity: str, name: str) -> bool:
        """Whether a property was refused, which its description says nothing of."""
        return (entity, name) in self.refused

    def query(self, entity: str, fields: Sequence[str], expand: Sequence[str] = ()) -> dict[str, str]:
        """``$select`` and ``$expand`` of those that are there; an item of ``expand`` may say more in brackets."""
        query = {"$select": ",".join(name for name in fields if self.has(entity, name))}
        expanded = ",".join(item for item in expand if self.has(entity, item.partition("(")[0]))
        return query | ({"$expand": expanded} if expanded else {})

    def body(self, entity: str, body: Json) -> Json:
        """What of a body can be written."""
        return {name: value for name, value in body.items() if self.has(entity, name)}

    def without(self, entity: str, name: str) -> Self:
        """The same, less a property that was refused."""
        return replace(self, refused=self.refused | {(entity, name)})


def described(document: bytes) -> dict[str, frozenset[str]]:
    """The properties of each type in a description of OData (``$metadata``, CSDL XML), those it inherits included.

    :raises ValueError: it is something else.
    """
    try:
        root = ElementTree.fromstring(document)
    except (ElementTree.ParseError, DefusedXmlException) as error:
        raise ValueError("no description of an API") from error
    own: dict[str, set[str]] = {}
    base: dict[str, str] = {}
    for element in root.iter():
        if _local(element.tag) in _TYPES:
            name = element.get("Name", "")
            own[name] = {part.get("Name", "") for part in element if _local(part.tag) in _MEMBERS}
            base[name] = element.get("BaseType", "").rpartition(".")[2]
    if not own.get("User"):
        raise ValueError("no description of a phone system")
    return {name: frozenset(part for each in _line(name, base) for part in own.get(each, ())) for name in own}


def _line(name: str, base: Mapping[str, str]) -> Iterator[str]:
    """A type and those it is derived from."""
    seen: set[str] = set()
    while name and name not in seen:
        seen.add(name)
        yield name
        name = base.get(name, "")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
