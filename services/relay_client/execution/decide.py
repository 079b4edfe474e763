"""What to do with a command, given what the phone system has right now. Pure: the heart of "exactly once".

The same function serves the first try, the read-back after an unknown outcome and the recovery after a crash;
``was_interrupted`` says that an earlier try may have taken effect. What was approved is executed only while
its ``before`` still holds; if someone changed the extension meanwhile, the command is outdated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.domain.command import Command, CommandKind, CommandState, FieldValue
from shared.domain.extension import Extension
from shared.domain.further import FURTHER
from shared.domain.owed import AGAIN, BACKUP, MEMBERSHIPS, RESTORES, WELCOME
from shared.language import declared, listed, named, phrase
from shared.values.phone import dialled


class Action(StrEnum):
    """What follows for a command."""

    WRITE = "write"
    RESUME = "resume"
    ALREADY_DONE = "already_done"
    OUTDATED = "outdated"
    NUMBER_TAKEN = "number_taken"


@dataclass(frozen=True, slots=True)
class Live:
    """What was read just now: the extension of the command's id, the one that has its number, the one it replaces."""

    by_id: Extension | None = None
    by_number: Extension | None = None
    former: Extension | None = None
    department_exists: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and, unless it is to write, the sentence that says why."""

    action: Action
    message: str = ""


def decide(command: Command, live: Live, was_interrupted: bool) -> Decision:
    """The decision for one command."""
    match command.kind:
        case CommandKind.CREATE_DEPARTMENT:
            return Decision(Action.ALREADY_DONE if live.department_exists else Action.WRITE)
        case CommandKind.CREATE_EXTENSION:
            return _decide_creation(command, live, was_interrupted)
        case CommandKind.RENUMBER_EXTENSION:
            return _decide_renumbering(command, live, was_interrupted)
        case CommandKind.DELETE_EXTENSION:
            return _decide_deletion(command, live)
        case CommandKind.FINISH_EXTENSION:
            return _decide_finishing(command, live)
        case (
            CommandKind.ADOPT_EXTENSION
            | CommandKind.REBIND_EXTENSION
            | CommandKind.RELEASE_BINDING
            | CommandKind.ARCHIVE_EXTENSION
        ):
            return _decide_unchanged(command, live)
        case CommandKind.UPDATE_EXTENSION | CommandKind.ENABLE_EXTENSION | CommandKind.DISABLE_EXTENSION:
            return _decide_change(command, live)


@dataclass(frozen=True, slots=True)
class Settled:
    """What a command turned out to have done after its run had ended. ``extension_id`` is of an extension it made.

    ``reached`` are the fields of an update that took effect when not all of them did.
    """

    state: CommandState
    code: str | None = None
    message: str | None = None
    extension_id: int | None = None
    reached: Mapping[str, FieldValue] = field(default_factory=dict)


_NO_EFFECT = Settled(
    CommandState.SKIPPED,
    "no_effect",
    declared("Read back: it had not taken effect when the run ended. The next run compares again."),
)


def settle(command: Command, live: Live) -> Settled:
    """What became of a command that was in hand when its run ended. Nothing more is to be done by it."""
    match command.kind:
        case CommandKind.CREATE_DEPARTMENT:
            return Settled(CommandState.DONE) if live.department_exists else _NO_EFFECT
        case CommandKind.CREATE_EXTENSION | CommandKind.RENUMBER_EXTENSION:
            holder = live.by_number
            if holder is None or not _is_ours(command, holder):
                return _NO_EFFECT
            if not has_further_steps(command):
                return Settled(CommandState.DONE, extension_id=holder.id)
            reason = declared("The next run finishes the remaining steps.")
            return Settled(CommandState.FAILED, "unfinished", reason, holder.id)
        case CommandKind.DELETE_EXTENSION:
            return Settled(CommandState.DONE) if live.by_id is None else _NO_EFFECT
        case CommandKind.UPDATE_EXTENSION | CommandKind.ENABLE_EXTENSION | CommandKind.DISABLE_EXTENSION:
            if live.by_id is None:
                return _NO_EFFECT
            if not differences(command.after, live.by_id):
                return Settled(CommandState.DONE)
            reached = took_effect(command, live.by_id)
            if not reached:
                return _NO_EFFECT
            reason = declared("The run ended before all fields were written. The next run compares again.")
            return Settled(CommandState.FAILED, "unfinished", reason, reached=reached)
        case _:
            return _NO_EFFECT


def has_further_steps(command: Command) -> bool:
    """Whether a creation has more to write than the extension itself."""
    is_new = command.kind is CommandKind.CREATE_EXTENSION
    return not is_new or any(
        command.after.get(name)
        for name in ("template", RESTORES, "departments", "primary_department", *FURTHER, WELCOME)
    )


def took_effect(command: Command, extension: Extension) -> dict[str, FieldValue]:
    """Of an update, the fields that the extension has as it wanted them and had not before."""
    missing = differences(command.after, extension)
    unlike = differences(command.before, extension)
    return {name: value for name, value in command.after.items() if name in unlike and name not in missing}


def _decide_creation(command: Command, live: Live, was_interrupted: bool) -> Decision:
    holder = live.by_number
    if holder is None:
        return Decision(Action.WRITE)
    if was_interrupted and _is_ours(command, holder):
        return Decision(Action.RESUME)
    return Decision(
        Action.NUMBER_TAKEN,
        phrase(
            "Extension {number} now exists and belongs to {name}.", number=holder.number, name=holder.name
        ),
    )


def _decide_renumbering(command: Command, live: Live, was_interrupted: bool) -> Decision:
    if live.by_id is None:
        return Decision(Action.OUTDATED, declared("The old extension no longer exists."))
    if live.by_number is None:
        return _decide_unchanged(command, live)
    return _decide_creation(command, live, was_interrupted)


def _decide_deletion(command: Command, live: Live) -> Decision:
    if live.by_id is None:
        return Decision(Action.ALREADY_DONE)
    return _decide_unchanged(command, live)


def _decide_finishing(command: Command, live: Live) -> Decision:
    if live.by_id is not None and not differences({"email": command.after.get("email", "")}, live.by_id):
        # Moved by an earlier try.
        command = replace(command, before={**command.before, "email": live.by_id.email})
    return _decide_unchanged(command, live)


def _decide_unchanged(command: Command, live: Live) -> Decision:
    if live.by_id is None:
        return Decision(
            Action.OUTDATED, phrase("Extension {number} no longer exists.", number=command.number)
        )
    changed = differences(command.before, live.by_id)
    return _outdated(changed, live.by_id) if changed else Decision(Action.WRITE)


def _decide_change(command: Command, live: Live) -> Decision:
    extension = live.by_id
    if extension is None:
        return Decision(
            Action.OUTDATED, phrase("Extension {number} no longer exists.", number=command.number)
        )
    to_do = differences(command.after, extension)
    # A field may hold its old value or, after an interrupted try, already its new one; nothing else.
    strange = [
        name for name in differences(command.before, extension) if name in to_do or name not in command.after
    ]
    if strange:
        return _outdated(strange, extension)
    return Decision(Action.WRITE) if to_do else Decision(Action.ALREADY_DONE)


def _outdated(fields: list[str], extension: Extension) -> Decision:
    changes = listed(
        phrase("{name} is now '{value}'", name=named(name), value=_text(field_of(extension, name)))
        for name in fields
    )
    return Decision(
        Action.OUTDATED,
        phrase(
            "Extension {number} was changed after the plan was created: {changes}. The next run checks "
            "again.",
            number=extension.number,
            changes=changes,
        ),
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
_NOT_OF_THE_EXTENSION = ("template", MEMBERSHIPS, WELCOME, AGAIN, RESTORES, BACKUP)


def field_of(extension: Extension, name: str) -> FieldValue:
    """The value of a command's field on an extension."""
    if name == "departments":
        return tuple(sorted(membership.department for membership in extension.memberships))
    if name in FURTHER:
        return dict(extension.further).get(name)
    value: FieldValue = getattr(extension, name)
    return value


def _folded(name: str, value: FieldValue) -> FieldValue:
    if name in ("email", "language") and isinstance(value, str):
        return value.casefold()
    if name == "caller_id" and isinstance(value, str):
        return dialled(value) or value
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
