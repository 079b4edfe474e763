"""Whether a command would do again what a person had undone. Pure."""

from shared.domain.command import Command, CommandKind

GOING = (CommandKind.DISABLE_EXTENSION, CommandKind.ARCHIVE_EXTENSION, CommandKind.DELETE_EXTENSION)


def keys_of(command: Command) -> set[str]:
    """What it is known by: two commands without one in common are never about the same."""
    return {command.person_guid or "", command.number} - {""}


def redoes(command: Command, undone: Command) -> bool:
    """Whether the command would do again what was undone: the same kind of thing to the same person, or to the same
    extension where one of the two names nobody.
    """
    if command.person_guid and undone.person_guid:
        if command.person_guid != undone.person_guid:
            return False
    elif command.number != undone.number:
        return False
    match undone.kind:
        case CommandKind.UPDATE_EXTENSION:
            return command.kind is undone.kind and any(
                command.after.get(name) == value for name, value in undone.after.items()
            )
        case kind if kind in GOING:
            return command.kind in GOING
        case CommandKind.CREATE_EXTENSION | CommandKind.ADOPT_EXTENSION:
            return command.kind in (CommandKind.CREATE_EXTENSION, CommandKind.ADOPT_EXTENSION)
        case _:
            return command.kind is undone.kind
