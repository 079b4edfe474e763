"""One step of a plan: what is done to one extension or department, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

FieldValue = str | bool | int | None | tuple[str, ...]


class CommandKind(StrEnum):
    """What a command does.

    ``finish_extension`` does the steps that an interrupted creation or renumbering still owes. Three change only who is
    bound to what: ``release_binding`` ends a binding, ``rebind_extension`` gives a bound extension to another account or an
    account its extension under another id, ``adopt_extension`` binds a person to an extension that nobody is bound to.
    """

    CREATE_DEPARTMENT = "create_group"
    RELEASE_BINDING = "release_binding"
    REBIND_EXTENSION = "rebind_extension"
    ADOPT_EXTENSION = "adopt_extension"
    CREATE_EXTENSION = "create_extension"
    RENUMBER_EXTENSION = "renumber_extension"
    FINISH_EXTENSION = "finish_extension"
    UPDATE_EXTENSION = "update_extension"
    ENABLE_EXTENSION = "enable_extension"
    DISABLE_EXTENSION = "disable_extension"
    ARCHIVE_EXTENSION = "archive_extension"
    DELETE_EXTENSION = "delete_extension"


class Stage(StrEnum):
    """The order of execution within a wave; each stage ends before the next begins."""

    DEPARTMENTS = "groups"
    CREATE = "create"
    UPDATE = "update"
    ENABLE = "enable"
    DISABLE = "disable"
    ARCHIVE = "archive"
    DELETE = "delete"


STAGE_ORDER: tuple[Stage, ...] = tuple(Stage)

STAGE_OF: Mapping[CommandKind, Stage] = {
    CommandKind.CREATE_DEPARTMENT: Stage.DEPARTMENTS,
    CommandKind.RELEASE_BINDING: Stage.CREATE,
    CommandKind.REBIND_EXTENSION: Stage.CREATE,
    CommandKind.ADOPT_EXTENSION: Stage.CREATE,
    CommandKind.CREATE_EXTENSION: Stage.CREATE,
    CommandKind.RENUMBER_EXTENSION: Stage.CREATE,
    CommandKind.FINISH_EXTENSION: Stage.CREATE,
    CommandKind.UPDATE_EXTENSION: Stage.UPDATE,
    CommandKind.ENABLE_EXTENSION: Stage.ENABLE,
    CommandKind.DISABLE_EXTENSION: Stage.DISABLE,
    CommandKind.ARCHIVE_EXTENSION: Stage.ARCHIVE,
    CommandKind.DELETE_EXTENSION: Stage.DELETE,
}


@dataclass(frozen=True, slots=True)
class Command:
    """One command, with what must be true before it and what is true after it.

    ``sequence`` is its place in the plan, from 1. ``wave`` is 0 unless the command needs a number or an e-mail
    address that an earlier wave of the same plan sets free. ``requires`` are the sequences of commands that
    must be done first; if one is not, this one is skipped and says so.

    ``before`` and ``after`` hold only the fields concerned, by these names: ``number``, ``first_name``,
    ``last_name``, ``email``, ``mobile``, ``enabled`` (bool), ``departments`` (sorted tuple of names),
    ``primary_department``, those of ``shared.domain.further``, ``template`` (number of the template extension), ``welcome_email`` (true: 3CX mails its welcome
    message; ``tried``: it may have), ``name`` (of a department), ``like`` (the department it is made
    like). For
    CREATE_EXTENSION and CREATE_DEPARTMENT ``before`` is empty: nothing may hold the number or the name; of every other
    ``before`` holds what the extension is known by (number, names, e-mail; whether it is enabled, where it is disabled,
    removed or renumbered), so that one that has changed meanwhile is left alone.
    ``extension_id`` is the extension that exists already: ``None`` for a creation, the old one for a
    renumbering. A rebinding's ``after`` is the binding: ``number`` by which it is remembered, ``origin``,
    ``disabled_by_rollcall``, and ``previous_person`` (a GUID) when another account had the extension. A finishing's
    ``after`` is what the creation wanted, with ``former_id``, the extension whose settings move, after a renumbering.

    ``rests_on_absence``: what is taken away is taken because somebody, or a value, was not found; it is not stored.
    ``undoes`` is the id of the stored command that this one takes back.
    """

    sequence: int
    kind: CommandKind
    reason: str
    number: str = ""
    person_guid: str | None = None
    person_name: str = ""
    extension_id: int | None = None
    before: Mapping[str, FieldValue] = field(default_factory=dict)
    after: Mapping[str, FieldValue] = field(default_factory=dict)
    requires: tuple[int, ...] = ()
    wave: int = 0
    unit: str = ""
    evidence: str = ""
    rests_on_absence: bool = False
    undoes: int | None = None

    @property
    def stage(self) -> Stage:
        """The stage that executes the command."""
        return STAGE_OF[self.kind]

    @property
    def makes_extension(self) -> bool:
        """Whether a new extension is made; it may take several steps."""
        return self.kind in (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION)

    @property
    def begins_leaving(self) -> bool:
        """Whether it may be the first of several by which an extension goes, or goes to somebody else."""
        is_passed_on = self.kind is CommandKind.REBIND_EXTENSION and bool(self.after.get("previous_person"))
        return is_passed_on or self.kind in (
            CommandKind.DISABLE_EXTENSION,
            CommandKind.ARCHIVE_EXTENSION,
            CommandKind.DELETE_EXTENSION,
        )


class CommandState(StrEnum):
    """Where a stored command stands. ``running`` after a crash means: outcome unknown, read back first; ``held``: a
    guard wants a person to approve it first.
    """

    PENDING = "pending"
    HELD = "held"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    OUTDATED = "outdated"
    LEFT_OUT = "left_out"
