"""Which departments an extension should be in, from the person's group attribute. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.domain.extension import Department, Extension
from shared.domain.person import Person
from shared.domain.rules import DepartmentMode, Rules

# Longer names are cut: 3CX refuses them, and a cut name is the same in every run.
NAME_LIMIT = 255


@dataclass
class Departments:
    """The departments of the phone system, and those that the plan will create or finds missing (by folded name)."""

    rules: Rules
    existing: Iterable[Department]
    to_create: dict[str, str] = field(default_factory=dict)
    missing: dict[str, list[Person]] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _missing_names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index by name, regardless of case."""
        for department in self.existing:
            self._names[department.name.casefold()] = department.name

    def wanted(self, name: str, person: Person) -> str | None:
        """The department to use for this attribute value, as the phone system spells it.

        ``None`` when it does not exist and must not be created; the person is then noted under ``missing``.
        """
        name = " ".join(name.split())[:NAME_LIMIT]
        folded = name.casefold()
        if not folded:
            return None
        if folded in self._names:
            return self._names[folded]
        if self.rules.create_missing_departments:
            # Of several spellings the first in order is taken, so that the order of the input never matters.
            self.to_create[folded] = min(name, self.to_create.get(folded, name))
            return name
        self._missing_names[folded] = min(name, self._missing_names.get(folded, name))
        self.missing.setdefault(folded, []).append(person)
        return None

    def spelled(self, name: str) -> str:
        """The one spelling used when several differ only in case."""
        folded = name.casefold()
        return self.to_create.get(folded) or self._missing_names.get(folded, name)


def memberships_with(extension: Extension | None, department: str, mode: DepartmentMode) -> tuple[str, ...]:
    """The names of all departments the extension should be in, sorted.

    ``extension`` is the one as it is, or the template of a new one. ``follow`` leaves the primary department
    that it has now; ``add`` leaves none.
    """
    names = {membership.department for membership in extension.memberships} if extension else set()
    if extension and mode is DepartmentMode.FOLLOW:
        names.discard(extension.primary_department or "")
    kept = {name for name in names if name.casefold() != department.casefold()}
    return tuple(sorted(kept | {department}))
