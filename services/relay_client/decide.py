"""What to do with a command, given what the phone system has right now. Pure: the heart of "exactly once".

The same function serves the first try, the read-back after an unknown outcome and the recovery after a crash;
``was_interrupted`` says that an earlier try may have taken effect. What was approved is executed only while
its ``before`` still holds; if someone changed the extension meanwhile, the command is outdated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.command import Command, CommandKind, FieldValue
from shared.domain.extension import Extension


class Action(StrEnum):
    """What follows for a command."""

    WRITE = "write"
    RESUME = "resume"
    ALREADY_DONE = "already_done"
    OUTDATED = "outdated"
    NUMBER_TAKEN = "number_taken"


@dataclass(frozen=True, slots=True)
class Live:
    """What was read just now: the extension of the command's id, and the one that has its number."""

    by_id: Extension | None = None
    by_number: Extension | None = None
    department_exists: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and, unless it is to write, the sentence that says why."""

    action: Action
    message: str = ""


def decide(command: Command, live: Live, was_interrupted: bool) -> Decision:
    """The decision for one command."""
    match command.kind:
        case CommandKind.CREATE_GROUP:
            return Decision(Action.ALREADY_DONE if live.department_exists else Action.WRITE)
        case CommandKind.CREATE_EXTENSION:
            return _decide_creation(command, live, was_interrupted)
        case CommandKind.RENUMBER_EXTENSION:
            return _decide_renumbering(command, live, was_interrupted)
        case CommandKind.DELETE_EXTENSION:
            return _decide_deletion(command, live)
        case (
            CommandKind.ADOPT_EXTENSION
            | CommandKind.REBIND_EXTENSION
            | CommandKind.RELEASE_BINDING
            | CommandKind.ARCHIVE_EXTENSION
        ):
            return _decide_unchanged(command, live)
        case CommandKind.UPDATE_EXTENSION | CommandKind.ENABLE_EXTENSION | CommandKind.DISABLE_EXTENSION:
            return _decide_change(command, live)


def _decide_creation(command: Command, live: Live, was_interrupted: bool) -> Decision:
    holder = live.by_number
    if holder is None:
        return Decision(Action.WRITE)
    if was_interrupted and _is_ours(command, holder):
        return Decision(Action.RESUME)
    return Decision(
        Action.NUMBER_TAKEN, f"Extension {holder.number} exists meanwhile and belongs to {holder.name}."
    )


def _decide_renumbering(command: Command, live: Live, was_interrupted: bool) -> Decision:
    if live.by_id is None:
        return Decision(Action.OUTDATED, "The old extension is gone.")
    if live.by_number is None:
        return _decide_unchanged(command, live)
    return _decide_creation(command, live, was_interrupted)


def _decide_deletion(command: Command, live: Live) -> Decision:
    if live.by_id is None:
        return Decision(Action.ALREADY_DONE)
    return _decide_unchanged(command, live)


def _decide_unchanged(command: Command, live: Live) -> Decision:
    if live.by_id is None:
        return Decision(Action.OUTDATED, f"Extension {command.number} is gone.")
    changed = differences(command.before, live.by_id)
    return _outdated(changed, live.by_id) if changed else Decision(Action.WRITE)


def _decide_change(command: Command, live: Live) -> Decision:
    extension = live.by_id
    if extension is None:
        return Decision(Action.OUTDATED, f"Extension {command.number} is gone.")
    to_do = differences(command.after, extension)
    # A field may hold its old value or, after an interrupted try, already its new one; nothing else.
    strange = [
        field
        for field in differences(command.before, extension)
        if field in to_do or field not in command.after
    ]
    if strange:
        return _outdated(strange, extension)
    return Decision(Action.WRITE) if to_do else Decision(Action.ALREADY_DONE)


def _outdated(fields: list[str], extension: Extension) -> Decision:
    said = ", ".join(
        f"{field.replace('_', ' ')} is now '{_text(field_of(extension, field))}'" for field in fields
    )
    return Decision(
        Action.OUTDATED,
        f"Extension {extension.number} was changed after the plan was made: {said}. The next run looks again.",
    )


def differences(fields: Mapping[str, FieldValue], extension: Extension) -> list[str]:
    """The names of the fields in which the extension differs; e-mail and departments regardless of case."""
    return [
        name
        for name, value in fields.items()
        if name not in _NOT_OF_THE_EXTENSION
        and _folded(name, value) != _folded(name, field_of(extension, name))
    ]


# Given with a creation: the extension that is copied, not a field of the new one.
_NOT_OF_THE_EXTENSION = ("template",)


def field_of(extension: Extension, name: str) -> FieldValue:
    """The value of a command's field on an extension."""
    if name == "departments":
        return tuple(sorted(membership.department for membership in extension.memberships))
    value: FieldValue = getattr(extension, name)
    return value


def _folded(name: str, value: FieldValue) -> FieldValue:
    if name == "email" and isinstance(value, str):
        return value.casefold()
    if name == "departments" and isinstance(value, tuple):
        return tuple(sorted(item.casefold() for item in value))
    if name == "primary_department" and isinstance(value, str):
        return value.casefold()
    return value


def _is_ours(command: Command, holder: Extension) -> bool:
    return not differences(
        {name: command.after.get(name, "") for name in ("first_name", "last_name")}, holder
    )


def _text(value: FieldValue) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
