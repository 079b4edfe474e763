"""What may be asked of the relay: the body of a request, checked word by word. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from rollcall_relay.changes import Kind
from rollcall_relay.errors import RelayError
from rollcall_relay.names import checked_identifier, checked_number

_LONGEST_TEXT = 300


class Work(StrEnum):
    """The kinds of operations."""

    INVENTORY = "inventory"
    ARCHIVE = "archive"
    BACKUP = "backup"
    VERIFY = "verify"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Request:
    """One operation as it was asked for; what its kind does not need is empty."""

    kind: Work
    number: str = ""
    # The extension that archived or restored items go to.
    to: str = ""
    # The operation that `verify` looks at, or the backup that `restore` takes.
    operation: str = ""
    person: str = ""
    voicemails: bool = True
    recordings: bool = True
    # Rows whose audio was gone before do not withhold `verified`, and go along without it.
    accept_missing: bool = False

    @property
    def kinds(self) -> frozenset[Kind]:
        """The ticked check boxes."""
        chosen = {Kind.VOICEMAIL: self.voicemails, Kind.RECORDING: self.recordings}
        return frozenset(kind for kind, is_chosen in chosen.items() if is_chosen)

    def as_json(self) -> dict[str, Any]:
        """For the journal, and to see whether an id is used for something else."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


_NEEDS: dict[Work, tuple[str, ...]] = {
    Work.INVENTORY: ("number",),
    Work.ARCHIVE: ("number", "to"),
    Work.BACKUP: ("number",),
    Work.VERIFY: ("operation",),
    Work.RESTORE: ("operation", "to"),
}
_CHOICES = ("voicemails", "recordings", "accept_missing")
_OPTIONAL: dict[Work, tuple[str, ...]] = {
    Work.INVENTORY: ("voicemails", "recordings"),
    Work.ARCHIVE: _CHOICES,
    Work.BACKUP: (*_CHOICES, "person"),
    Work.VERIFY: (),
    Work.RESTORE: ("voicemails", "recordings"),
}


def parse(document: object) -> Request:
    """The request in a decoded body.

    :raises RelayError: ``request_invalid``, naming the first thing that is wrong.
    """
    if not isinstance(document, dict) or document.get("kind") not in tuple(Work):
        raise _invalid(f"The body is an object whose 'kind' is one of {', '.join(Work)}.")
    kind = Work(document["kind"])
    allowed = {"kind", *_NEEDS[kind], *_OPTIONAL[kind]}
    if unknown := sorted(map(str, set(document) - allowed)):
        raise _invalid(f"{kind} does not know {unknown[0]!r}; it knows {', '.join(sorted(allowed))}.")
    if missing := [name for name in _NEEDS[kind] if name not in document]:
        raise _invalid(f"{kind} needs {missing[0]!r}.")
    request = Request(**{name: _CHECKS[name](name, value) for name, value in document.items()})
    if not request.kinds:
        raise _invalid("Choose voicemails, recordings or both.")
    if request.to and request.to == request.number:
        raise _invalid(f"Extension {request.to} cannot be its own archive.")
    return request


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _invalid(f"{name!r} is true or false.")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise _invalid(f"{name!r} is a text of at most {_LONGEST_TEXT} printable characters.")
    return value


def _invalid(message: str) -> RelayError:
    return RelayError("request_invalid", message)


_CHECKS: dict[str, Callable[[str, object], Any]] = {
    "kind": lambda _, value: Work(str(value)),
    "number": lambda _, value: checked_number(value),
    "to": lambda _, value: checked_number(value),
    "operation": lambda _, value: checked_identifier(value),
    "person": _text,
    "voicemails": _boolean,
    "recordings": _boolean,
    "accept_missing": _boolean,
}
