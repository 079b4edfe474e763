"""What many commands of a stage read from the phone system: read once and shared by its threads."""

import threading
from dataclasses import dataclass, field

from services.relay_client.execution.references import References
from services.relay_client.xapi import template
from services.relay_client.xapi.client import Json, Xapi
from services.relay_client.xapi.errors import REFUSED
from shared.errors import CommandRejected
from shared.language import declared, phrase
from shared.values.text import folded


@dataclass
class StageCache:
    """What many commands of a stage need and nobody else changes meanwhile: templates, departments, references."""

    xapi: Xapi
    references: References = field(init=False)
    _templates: dict[str, Json] = field(default_factory=dict)
    _departments: dict[str, tuple[int, str]] | None = None
    _default: int | None = None
    _direct_numbers: dict[str, list[str]] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Begin to know what names which extension."""
        self.references = References(self.xapi)

    def template(self, number: str) -> Json:
        """The settings of the template extension, read once."""
        with self._lock:
            if number not in self._templates:
                self._templates[number] = read_settings(
                    self.xapi, number, declared("reading the template extension")
                )
            return self._templates[number]

    def drop_templates(self) -> None:
        """Read them again: a renumbering may have changed their keys."""
        with self._lock:
            self._templates.clear()

    def direct_numbers(self, number: str) -> list[str] | None:
        """The numbers from outside that lead to an extension, read once; ``None`` where they cannot be read."""
        with self._lock:
            if self._direct_numbers is None:
                try:
                    self._direct_numbers = self.xapi.direct_numbers()
                except REFUSED:
                    return None
            return self._direct_numbers.get(number, [])

    def department_id(self, name: str) -> int | None:
        """The id of a department by its name, regardless of case, blanks and invisible marks."""
        with self._lock:
            if self._departments is None:
                self._departments = {
                    folded(item.name): (item.id, item.name) for item in self.xapi.departments()
                }
            found = self._departments.get(folded(name))
            return found[0] if found else None

    def model_department(self, name: str) -> int | None:
        """The department that new ones are made like: the one of that name, or the default one.

        :raises CommandRejected: there is none of that name.
        """
        if name:
            found = self.department_id(name)
            if found is None:
                raise CommandRejected(
                    phrase(
                        "3CX has no department '{name}', which is the template for new departments. Correct “New "
                        "departments are like” in the rules.",
                        name=name,
                    )
                )
            return found
        with self._lock:
            if self._default is None:
                self._default = next((item.id for item in self.xapi.departments() if item.is_default), None)
            return self._default

    def drop_departments(self) -> None:
        """Read them again at the next question."""
        with self._lock:
            self._departments = None


def read_settings(xapi: Xapi, number: str, what: str = "reading extension") -> Json:
    """Everything of an extension that others are made from."""
    return xapi.user(
        number, template.READ_FIELDS, template.EXPANDED, phrase("{what} {number}", what=what, number=number)
    )


def read_own(xapi: Xapi, number: str) -> Json:
    """Everything of an extension that goes along to a new number; it holds the person's PIN."""
    return xapi.user(
        number,
        template.OWN_READ_FIELDS,
        template.OWN_EXPANDED,
        phrase("reading extension {number}", number=number),
    )
