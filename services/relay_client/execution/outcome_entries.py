"""What the Log says of a command that has ended. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.relay_client.execution.welcome import SENTENCES
from shared.database import events
from shared.database.tables import EventLevel
from shared.domain.command import Command, CommandKind, CommandState, FieldValue
from shared.domain.owed import AGAIN
from shared.language import declared, listed, named, phrase, template

_DONE_SENTENCES = {
    CommandKind.CREATE_DEPARTMENT: ("department.created", template("Created the department {name}.")),
    CommandKind.RELEASE_BINDING: (
        "binding.released",
        template("Extension {number} is no longer linked to {person}."),
    ),
    CommandKind.REBIND_EXTENSION: (
        "extension.rebound",
        template("Extension {number} is now linked to {person}."),
    ),
    CommandKind.ADOPT_EXTENSION: (
        "extension.adopted",
        template("Extension {number} is now linked to {person}."),
    ),
    CommandKind.CREATE_EXTENSION: ("extension.created", template("Created extension {number} for {person}.")),
    CommandKind.RENUMBER_EXTENSION: (
        "extension.renumbered",
        template("{person} has extension {number} now, was {old}."),
    ),
    CommandKind.FINISH_EXTENSION: (
        "extension.finished",
        template("Finished extension {number} ({person}), which an earlier run had started."),
    ),
    CommandKind.UPDATE_EXTENSION: (
        "extension.updated",
        template("Updated extension {number} ({person}): {fields}."),
    ),
    CommandKind.ENABLE_EXTENSION: ("extension.enabled", template("Enabled extension {number} ({person}).")),
    CommandKind.DISABLE_EXTENSION: (
        "extension.disabled",
        template("Disabled extension {number} ({person})."),
    ),
    CommandKind.ARCHIVE_EXTENSION: (
        "extension.archived",
        template("Archived extension {number} ({person})."),
    ),
    CommandKind.DELETE_EXTENSION: ("extension.deleted", template("Deleted extension {number} ({person}).")),
}
FAILED = "command.failed"
_NOT_DONE_CODES = {
    CommandState.FAILED: (FAILED, EventLevel.ERROR),
    CommandState.OUTDATED: ("command.outdated", EventLevel.WARNING),
    CommandState.SKIPPED: ("command.skipped", EventLevel.WARNING),
}


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """How one command ended. ``extension_id`` is of a creation, also of one that is only partly done.

    ``was_so_already`` is that nothing had to be written and no earlier try of ours can be the reason. ``reached`` are the
    fields of an update that were written although it was not done as a whole.
    """

    row_id: int
    command: Command
    state: CommandState
    result: dict[str, Any] = field(default_factory=dict)
    error_code: str | None = None
    error_message: str | None = None
    extension_id: int | None = None
    was_so_already: bool = False
    reached: Mapping[str, FieldValue] = field(default_factory=dict)

    @property
    def took_effect(self) -> Command | None:
        """What of the command reached the phone system, if anything did."""
        if self.state is CommandState.DONE or self.extension_id is not None:
            return self.command
        return replace(self.command, after=self.reached) if self.reached else None


def entries_of(run_id: int, outcome: CommandOutcome, archived: str | None) -> Iterator[events.LogEntry]:
    """What reached the phone system, as what it was; and what of the command did not."""
    done = outcome.took_effect
    if done is not None:
        code, message = _done_sentence(done, outcome, archived)
        yield _entry(run_id, done, code, message, EventLevel.INFO)
    if outcome.state is not CommandState.DONE:
        command = outcome.command
        code, level = _NOT_DONE_CODES[outcome.state]
        what = named(command.kind.value)
        person = command.person_name or declared("nobody's")
        about = phrase(" {number} ({person})", number=command.number, person=person) if command.number else ""
        if done is None:
            message = phrase(
                "Not done: {what}{about}. {why}", what=what, about=about, why=outcome.error_message or ""
            )
        else:
            message = phrase(
                "Not finished: {what}{about}. {why}", what=what, about=about, why=outcome.error_message or ""
            )
        yield _entry(run_id, command, code, message, level)


def _done_sentence(command: Command, outcome: CommandOutcome, archived: str | None) -> tuple[str, str]:
    code, sentence = _DONE_SENTENCES[command.kind]
    if command.after.get(AGAIN):
        sentence = template("Re-applied template {template} to extension {number} ({person}).")
    sentences: list[str] = [
        phrase(
            sentence,
            template=command.after.get("template"),
            number=command.number,
            person=command.person_name or declared("nobody"),
            name=command.after.get("name", ""),
            old=command.before.get("number", ""),
            fields=listed(named(field_name) for field_name in command.after),
        )
    ]
    if command.kind is CommandKind.ARCHIVE_EXTENSION and outcome.result.get("said"):
        sentences.append(phrase("What was kept: {summary}.", summary=outcome.result["said"]))
    if outcome.result.get("not_taken"):
        refused = ", ".join(outcome.result["not_taken"])
        sentences.append(phrase("3CX refused {settings}. Set it manually.", settings=refused))
    if outcome.result.get("welcome"):
        sentences.append(declared(SENTENCES[outcome.result["welcome"]]))
    if lost := outcome.result.get("not_carried"):
        sentences.append(phrase("Not carried over: {settings}.", settings="; ".join(lost)))
    if archived:
        sentences.append(phrase("Before that {archived}.", archived=archived))
    message = sentences[0] if len(sentences) == 1 else listed(sentences, " ")
    if outcome.was_so_already:
        message = phrase("No change was needed. {message}", message=message)
    return code, message


def _entry(run_id: int, command: Command, code: str, message: str, level: EventLevel) -> events.LogEntry:
    return events.LogEntry(
        code,
        message,
        level=level,
        run_id=run_id,
        actor="rollcall",
        number=command.number or None,
        person_guid=command.person_guid,
    )
