"""Whom the next commands of a run concern, how old what is known of them may be, and asking for them to be looked up.

What the directory said is evidence of a moment. The relay client asks (it executes), the collector answers (it speaks
LDAP), and a part of kind ``lookup`` is what both agree on: whom it is about stands in its ``proof``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from shared.database.tables import CommandRow, PartKind, PartState, Run, RunKind, SnapshotPart
from shared.domain.command import CommandKind, CommandState, Stage
from shared.domain.reading import Reading
from shared.language import declared, phrase

# Older evidence is not begun with. A stage that lasts longer than this is begun anew, on evidence of its own.
MAX_AGE = timedelta(minutes=5)
# So many commands are looked up for at once: what is known of the last one must not be old when its turn comes.
AT_ONCE = 2_000
# Until the directory is asked again when it could not be asked.
ASK_AGAIN = timedelta(seconds=30)

# Updates rest on nothing but what they write; whoever is gone by then is dealt with by the next run.
_NOT_CONCERNED = (CommandKind.UPDATE_EXTENSION.value, CommandKind.CREATE_DEPARTMENT.value)
# An extension that is nobody's is removed because nobody in the directory has its number: that is looked up instead.
_NUMBER = "number:"
_OPEN = (CommandState.PENDING.value, CommandState.RUNNING.value)


@dataclass(frozen=True, slots=True)
class Concern:
    """That a command goes by the state of a person: its own, or (``as_kind`` differs from what it does) that of
    somebody who gets what it sets free.

    ``guid`` is an objectGUID, or stands for whoever has the number of an extension that is nobody's.
    """

    row_id: int
    guid: str
    name: str
    as_kind: CommandKind


def concerns(
    session: Session, run_id: int, wave: int, stage: Stage, up_to: int | None = None
) -> list[Concern]:
    """Whom the open commands of a stage concern, in the order of the commands: the first ``AT_ONCE`` of them, or
    those up to a row. Nobody of a run that undoes another: it does not go by what the directory says.
    """
    if session.scalar(select(Run.kind).where(Run.id == run_id)) == RunKind.UNDO:
        return []
    table = CommandRow
    rows = session.execute(
        select(table.id, table.kind, table.sequence, table.number, table.person_guid, table.person_name)
        .where(
            CommandRow.run_id == run_id,
            CommandRow.wave == wave,
            CommandRow.stage == stage.value,
            CommandRow.state.in_(_OPEN),
            CommandRow.kind.not_in(_NOT_CONCERNED),
            *([] if up_to is None else [CommandRow.id <= up_to]),
        )
        .order_by(CommandRow.id)
        .limit(AT_ONCE)
    ).all()
    successors = _successors(session, run_id, wave) if stage is Stage.DELETE else {}
    found: list[Concern] = []
    for row in rows:
        kind = CommandKind(row.kind)
        if row.person_guid is not None:
            found.append(Concern(row.id, row.person_guid, row.person_name or declared("The person"), kind))
        else:
            somebody = phrase("somebody with number {number}", number=row.number)
            found.append(Concern(row.id, holder_of(row.number), somebody, kind))
        found += [
            Concern(row.id, guid, name, CommandKind.CREATE_EXTENSION)
            for guid, name in successors.get(row.sequence, ())
            if guid != row.person_guid
        ]
    return found


def _successors(session: Session, run_id: int, wave: int) -> Mapping[int, list[tuple[str, str]]]:
    """By sequence of a deletion: who gets the number that it sets free. Nothing is deleted for somebody who is gone."""
    rows = session.execute(
        select(CommandRow.requires, CommandRow.person_guid, CommandRow.person_name).where(
            CommandRow.run_id == run_id,
            CommandRow.wave > wave,
            CommandRow.kind == CommandKind.CREATE_EXTENSION.value,
            CommandRow.state.in_(_OPEN),
        )
    )
    found: dict[int, list[tuple[str, str]]] = {}
    for row in rows:
        for sequence in row.requires:
            if row.person_guid is not None:
                found.setdefault(sequence, []).append((row.person_guid, row.person_name))
    return found


def ask(
    session: Session, run_id: int, wave: int, stage: Stage, up_to: int, not_before: datetime | None = None
) -> None:
    """Let the people whom the open commands of the stage up to this row concern be looked up."""
    last = session.scalar(
        select(func.max(SnapshotPart.position)).where(
            SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.LOOKUP.value
        )
    )
    session.execute(
        insert(SnapshotPart).values(
            run_id=run_id,
            kind=PartKind.LOOKUP.value,
            position=0 if last is None else last + 1,
            next_attempt_at=not_before,
            proof={"wave": wave, "stage": stage.value, "up_to": up_to},
        )
    )


def holder_of(number: str) -> str:
    """What stands for whoever has the number, where an objectGUID would."""
    return f"{_NUMBER}{number}"


def number_of(guid: str) -> str | None:
    """The number, if this stands for whoever has it; ``None`` of an objectGUID."""
    return guid.removeprefix(_NUMBER) if guid.startswith(_NUMBER) else None


def asked_for(session: Session, run_id: int, proof: Mapping[str, Any]) -> list[str]:
    """Whom a part of kind ``lookup`` is about (see ``Concern.guid``), each once."""
    found = concerns(session, run_id, proof["wave"], Stage(proof["stage"]), proof["up_to"])
    return list(dict.fromkeys(concern.guid for concern in found))


def began_at(part: SnapshotPart) -> datetime:
    """When a part that is complete began to be read: what it says may be as old as that."""
    if part.completed_at is None:
        raise ValueError(phrase("part {id} is not complete", id=part.id))
    return part.completed_at - timedelta(seconds=part.proof.get("seconds", 0))


def oldest(parts: Sequence[SnapshotPart]) -> datetime | None:
    """When the first of these complete parts began to be read; ``None`` without any."""
    return min((began_at(part) for part in parts), default=None)


def readings_of(session: Session, run_id: int) -> list[Reading]:
    """Which controllers gave what the run's plan goes by; none for parts of a release that did not note it."""
    proofs = session.scalars(
        select(SnapshotPart.proof).where(
            SnapshotPart.run_id == run_id,
            SnapshotPart.kind.in_([PartKind.UNIT.value, PartKind.ABSENT.value, PartKind.PEOPLE.value]),
            SnapshotPart.state == PartState.COMPLETE.value,
        )
    )
    return [Reading.from_document(proof["controller"]) for proof in proofs if proof.get("controller")]
