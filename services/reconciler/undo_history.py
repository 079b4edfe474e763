"""What a run did to each extension, as an undo goes by it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.domain.command import Command, CommandKind, FieldValue

CHANGES = (CommandKind.UPDATE_EXTENSION, CommandKind.ENABLE_EXTENSION, CommandKind.DISABLE_EXTENSION)
KNOWN_BY = ("number", "first_name", "last_name")


@dataclass(frozen=True, slots=True)
class Deed:
    """A command that took effect.

    ``made`` is the extension that it made. ``has_settings``: all settings of what it deleted are kept. ``backup`` is the
    relay's backup of its voicemails and recordings. ``is_partial``: 3CX refused further steps of what it made.
    """

    row_id: int
    command: Command
    made: int | None = None
    has_settings: bool = False
    backup: str = ""
    is_partial: bool = False


@dataclass
class History:
    """What a run did to one extension: fields before its first and after its last change."""

    before: dict[str, FieldValue] = field(default_factory=dict)
    after: dict[str, FieldValue] = field(default_factory=dict)
    known: dict[str, FieldValue] = field(default_factory=dict)
    made: Deed | None = None
    deleted: Deed | None = None
    archived: Deed | None = None
    renumbered: Deed | None = None
    changed: dict[CommandKind, Deed] = field(default_factory=dict)

    def take(self, deed: Deed) -> None:
        """One more command about the extension, in the order of execution."""
        command = deed.command
        self.known |= {name: command.before[name] for name in KNOWN_BY if name in command.before}
        match command.kind:
            case CommandKind.DELETE_EXTENSION:
                self.deleted = deed
            case CommandKind.ARCHIVE_EXTENSION:
                self.archived = deed
            case CommandKind.RENUMBER_EXTENSION:
                self.renumbered = deed
            case kind if kind in CHANGES:
                for name, value in command.after.items():
                    self.before.setdefault(name, command.before.get(name))
                    self.after[name] = value
                self.known |= {name: command.after[name] for name in KNOWN_BY if name in command.after}
                self.changed[kind] = deed


def histories_of(deeds: Iterable[Deed]) -> dict[int, History]:
    """By id of the extension, in the order of the ids; ``deeds`` are in the order of execution."""
    found: dict[int, History] = {}
    for deed in deeds:
        if deed.made is not None and deed.command.makes_extension:
            found.setdefault(deed.made, History()).made = deed
        if deed.command.extension_id is not None:
            found.setdefault(deed.command.extension_id, History()).take(deed)
    return dict(sorted(found.items()))
