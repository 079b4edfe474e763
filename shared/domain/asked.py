"""Whom and what a change run asks the two ends about: the few people concerned, and the few extensions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Asked:
    """People by objectGUID, extensions by id, by number, and by e-mail address as ``email_key`` folds it."""

    people: frozenset[str] = frozenset()
    extensions: frozenset[int] = frozenset()
    numbers: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()

    def __or__(self, other: "Asked") -> "Asked":
        """Both together."""
        return Asked(
            self.people | other.people,
            self.extensions | other.extensions,
            self.numbers | other.numbers,
            self.emails | other.emails,
        )

    def __sub__(self, other: "Asked") -> "Asked":
        """What the other does not ask."""
        return Asked(
            self.people - other.people,
            self.extensions - other.extensions,
            self.numbers - other.numbers,
            self.emails - other.emails,
        )

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return bool(self.people or self.asks_phone_system)

    @property
    def asks_phone_system(self) -> bool:
        """Whether anything is asked about extensions."""
        return bool(self.extensions or self.numbers or self.emails)

    def to_document(self) -> dict[str, Any]:
        """As it is stored with the part that asks it."""
        return {
            "people": sorted(self.people),
            "extensions": sorted(self.extensions),
            "numbers": sorted(self.numbers),
            "emails": sorted(self.emails),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """From what is stored."""
        return cls(
            frozenset(document.get("people", ())),
            frozenset(document.get("extensions", ())),
            frozenset(document.get("numbers", ())),
            frozenset(document.get("emails", ())),
        )
