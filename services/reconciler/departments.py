"""Which departments an extension should be in, from the person's group attribute. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.domain.extension import Department, Extension
from shared.domain.person import Person
from shared.domain.rules import DepartmentMode, Rules
from shared.values.text import clean, folded


@dataclass
class Departments:
    """The departments of the phone system, and those that the plan will create or finds missing (by folded name)."""

    rules: Rules
    existing: Iterable[Department]
    # Longer names are cut: 3CX refuses them, and a cut name is the same in every run.
    name_limit: int = 255
    to_create: dict[str, str] = field(default_factory=dict)
    missing: dict[str, list[Person]] = field(default_factory=dict)
    shortened: dict[str, tuple[str, list[Person]]] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _missing_names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index by name, regardless of case, blanks and invisible marks."""
        for department in self.existing:
            self._names.setdefault(folded(department.name), department.name)

    def wanted(self, name: str, person: Person) -> str | None:
        """The department to use for this attribute value, as the phone system spells it.

        ``None`` when it does not exist and must not be created; the person is then noted under ``missing``.
        """
        whole = clean(name)
        if folded(whole) in self._names:
            return self._names[folded(whole)]
        name = clean(whole, self.name_limit)
        key = folded(name)
        if not key:
            return None
        if name != whole:
            self.shortened.setdefault(whole, (name, []))[1].append(person)
        if key in self._names:
            return self._names[key]
        if self.rules.create_missing_departments:
            # Of several spellings the first in order is taken, so that the order of the input never matters.
            self.to_create[key] = min(name, self.to_create.get(key, name))
            return name
        self._missing_names[key] = min(name, self._missing_names.get(key, name))
        self.missing.setdefault(key, []).append(person)
        return None

    @property
    def are_lacking(self) -> bool:
        """Whether one that somebody belongs to is not there under its whole name."""
        return bool(self.to_create or self.missing or self.shortened)

    def spelled(self, name: str) -> str:
        """The one spelling used when several differ only in case, blanks or invisible marks."""
        key = folded(name)
        return self.to_create.get(key) or self._missing_names.get(key, name)


def memberships_with(extension: Extension | None, department: str, mode: DepartmentMode) -> tuple[str, ...]:
    """The names of all departments the extension should be in, sorted.

    ``extension`` is the one as it is, or the template of a new one. ``follow`` leaves the primary department
    that it has now; ``add`` leaves none.
    """
    names = {membership.department for membership in extension.memberships} if extension else set()
    if extension and mode is DepartmentMode.FOLLOW:
        names.discard(extension.primary_department or "")
    kept = {name for name in names if folded(name) != folded(department)}
    return tuple(sorted(kept | {department}))
