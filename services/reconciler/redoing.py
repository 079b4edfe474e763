"""Whether a command would do again what a person had undone. Pure."""

from shared.domain.command import Command, CommandKind

GOING = (CommandKind.DISABLE_EXTENSION, CommandKind.ARCHIVE_EXTENSION, CommandKind.DELETE_EXTENSION)


def redoes(command: Command, undone: Command) -> bool:
    """Whether the command would do again what was undone: for the same person the same kind of thing."""
    if command.person_guid != undone.person_guid:
        return False
    if undone.person_guid is None and command.number != undone.number:
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
