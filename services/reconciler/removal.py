"""How an extension is taken out of service: disabled at once; to delete, archived in between. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.reconciler.drafts import Draft
from services.reconciler.worktable import Worktable
from shared.domain.command import CommandKind, FieldValue
from shared.domain.extension import Extension
from shared.domain.person import Person
from shared.domain.rules import ArchiveRule, Outcome


@dataclass(frozen=True, slots=True)
class Leaving:
    """Whose extension goes and why. Of somebody absent only ``guid``, ``name`` and the last ``unit`` are known.

    ``new_number`` is the extension they have instead, which their voicemails and recordings go to.
    """

    reason: str
    evidence: str
    person: Person | None = None
    guid: str | None = None
    name: str = ""
    unit: str = ""
    new_number: str = ""


def removal(
    table: Worktable, extension: Extension, outcome: Outcome, leaving: Leaving, after: Sequence[Draft] = ()
) -> list[Draft]:
    """The steps, each requiring the one before it; the first requires ``after``.

    None for ``keep``, and for what is protected (a finding). Without proof of absence deleting becomes disabling:
    an account's state is positive evidence for that, but what is deleted does not come back.
    """
    if outcome is Outcome.KEEP:
        return []
    what = table.protection(extension)
    if what is not None:
        table.findings.not_removed(extension, what, leaving.reason, leaving.person)
        return []
    if outcome is Outcome.DELETE and not table.evidence.proves_absence:
        table.held_back += 1
        outcome = Outcome.DISABLE
    steps: list[Draft] = []

    def _add(kind: CommandKind, before: dict[str, FieldValue], then: dict[str, FieldValue]) -> Draft:
        step = Draft(
            kind,
            extension.number,
            leaving.reason,
            person=leaving.person,
            extension=extension,
            before=before,
            after=then,
            evidence=leaving.evidence,
            requires=list(steps[-1:] or after),
            guid=leaving.guid,
            person_name=leaving.name,
            unit=leaving.unit,
        )
        steps.append(step)
        return step

    if extension.enabled:
        _add(CommandKind.DISABLE_EXTENSION, {"enabled": True}, {"enabled": False})
    if outcome is Outcome.DELETE:
        unchanged: dict[str, FieldValue] = {"number": extension.number, "enabled": False}
        archive = _archive(table, leaving)
        if archive is not None:
            _add(
                CommandKind.ARCHIVE_EXTENSION,
                unchanged,
                {
                    "archive": archive.number,
                    "voicemails": archive.voicemails,
                    "recordings": archive.recordings,
                },
            )
        deletion = _add(CommandKind.DELETE_EXTENSION, unchanged, {})
        deletion.frees.add(("number", extension.number))
        if extension.email:
            deletion.frees.add(("email", extension.email.casefold()))
    return steps


def _archive(table: Worktable, leaving: Leaving) -> ArchiveRule | None:
    """Where what the extension has goes: with the person to their new number, else to the archive."""
    if leaving.new_number and table.rules.moves_with_number:
        return ArchiveRule(leaving.new_number)
    return table.rules.archive
