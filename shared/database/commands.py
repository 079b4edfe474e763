"""Commands and findings between the domain and their tables."""

from typing import Any

from shared.database.sentences import with_sentences
from shared.database.tables import CommandRow, FindingRow
from shared.domain.command import Command, CommandKind, FieldValue
from shared.domain.plan import Finding


def command_values(run_id: int, command: Command) -> dict[str, Any]:
    """The column values of a new, pending command."""
    return {
        "run_id": run_id,
        "sequence": command.sequence,
        "wave": command.wave,
        "stage": command.stage.value,
        "kind": command.kind.value,
        "number": command.number,
        "person_guid": command.person_guid,
        "person_name": command.person_name[:300],
        "extension_id": command.extension_id,
        "before": dict(command.before),
        "after": dict(command.after),
        "requires": list(command.requires),
        "undoes": command.undoes,
        "unit": command.unit,
        **with_sentences(CommandRow, {"reason": command.reason, "evidence": command.evidence}),
        "attempts": 0,
        "result": {},
    }


def row_command(row: CommandRow) -> Command:
    """The command of a row, equal to the one that was stored."""
    return Command(
        sequence=row.sequence,
        kind=CommandKind(row.kind),
        reason=row.reason,
        number=row.number,
        person_guid=row.person_guid,
        person_name=row.person_name,
        extension_id=row.extension_id,
        before=read_fields(row.before),
        after=read_fields(row.after),
        requires=tuple(row.requires),
        wave=row.wave,
        unit=row.unit,
        evidence=row.evidence,
        undoes=row.undoes,
    )


def finding_values(run_id: int, finding: Finding) -> dict[str, Any]:
    """The column values of a finding."""
    return {
        "run_id": run_id,
        "code": finding.code.value,
        "severity": finding.severity.value,
        **with_sentences(FindingRow, {"message": finding.message}),
        "number": finding.number[:20],
        "person_guids": list(finding.person_guids),
        "person_names": list(finding.person_names),
    }


def read_fields(values: dict[str, Any]) -> dict[str, FieldValue]:
    """The fields of a command as they were stored."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
