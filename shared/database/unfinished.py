"""Extensions whose disabling, removal or take-over has begun: kept among the owed steps until it is done.

The plans derive from the two ends what is to be done to them. The row is the intent: written before the first write,
shown to people, and what keeps a site from being called in sync while its end is missing.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session

from shared.database.sentences import with_sentences
from shared.database.tables import CommandRow, OwedSteps
from shared.domain.command import Command, CommandKind, CommandState
from shared.domain.owed import LEAVING, Owes, Unfinished

_BY_KIND = {
    CommandKind.ARCHIVE_EXTENSION.value: Owes.REMOVAL,
    CommandKind.DELETE_EXTENSION.value: Owes.REMOVAL,
    CommandKind.REBIND_EXTENSION.value: Owes.TAKE_OVER,
}
_LEAVING = [owes.value for owes in LEAVING]


def begin(session: Session, site_id: str, run_id: int, commands: Iterable[Command]) -> None:
    """Note what these commands begin, with what the run has planned behind them."""
    first = {
        command.extension_id: command
        for command in commands
        if command.begins_leaving and command.extension_id
    }
    if not first:
        return
    # One that is to be finished, or to go because another takes its place, is owed that already.
    known = session.execute(
        select(OwedSteps.number, OwedSteps.extension_id, OwedSteps.former_id, OwedSteps.owes).where(
            OwedSteps.site_id == site_id,
            or_(
                OwedSteps.number.in_([command.number for command in first.values()]),
                OwedSteps.former_id.in_(first),
            ),
        )
    ).all()
    numbers, former = {row.number for row in known}, {row.former_id for row in known}
    owes, successors = _planned(session, run_id, first)
    new = [
        (extension_id, command)
        for extension_id, command in first.items()
        if command.number not in numbers and extension_id not in former
    ]
    for row in known:
        if row.extension_id in owes and row.owes in _LEAVING and row.owes != owes[row.extension_id]:
            session.execute(
                update(OwedSteps)
                .where(OwedSteps.site_id == site_id, OwedSteps.number == row.number)
                .values(owes=owes[row.extension_id].value)
                .execution_options(synchronize_session=False)
            )
    if new:
        session.execute(
            insert(OwedSteps),
            [
                {
                    "site_id": site_id,
                    "number": command.number,
                    "run_id": run_id,
                    "extension_id": extension_id,
                    "person_guid": (successors.get(extension_id) or (command.person_guid, ""))[0] or "",
                    "person_name": (successors.get(extension_id) or ("", command.person_name))[1],
                    "before": {},
                    "after": {},
                    "owes": owes[extension_id].value,
                    "begun_at": datetime.now(UTC),
                }
                for extension_id, command in new
            ],
        )


def _planned(
    session: Session, run_id: int, extension_ids: Iterable[int]
) -> tuple[dict[int, Owes], dict[int, tuple[str | None, str]]]:
    """By extension what the run means to do in the end; and who gets those that are taken over."""
    owes = dict.fromkeys(extension_ids, Owes.DISABLING)
    successors: dict[int, tuple[str | None, str]] = {}
    rows = session.execute(
        select(
            CommandRow.extension_id, CommandRow.kind, CommandRow.person_guid, CommandRow.person_name
        ).where(
            CommandRow.run_id == run_id,
            CommandRow.kind.in_([*_BY_KIND]),
            CommandRow.extension_id.in_(owes),
        )
    )
    for extension_id, kind, person_guid, person_name in rows:
        if extension_id is None:
            continue
        if owes[extension_id] is not Owes.TAKE_OVER:
            owes[extension_id] = _BY_KIND[kind]
        if kind == CommandKind.REBIND_EXTENSION:
            successors[extension_id] = (person_guid, person_name)
    return owes, successors


def answered(session: Session, site_id: str, number: str, answer: str | None) -> None:
    """Note how the last try ended."""
    session.execute(
        update(OwedSteps)
        .where(OwedSteps.site_id == site_id, OwedSteps.number == number, OwedSteps.owes.in_(_LEAVING))
        .values(**with_sentences(OwedSteps, {"answer": answer}))
        .execution_options(synchronize_session=False)
    )


def settle(session: Session, site_id: str, run_id: int) -> None:
    """At the end of a run: forget what it did to its end, and what it noted and then did not begin."""
    of_run = CommandRow.run_id == run_id, CommandRow.extension_id.is_not(None)
    is_done = CommandRow.state == CommandState.DONE.value
    touched = select(CommandRow.extension_id).where(*of_run, is_done)
    unfinished = select(CommandRow.extension_id).where(*of_run, ~is_done)
    session.execute(
        delete(OwedSteps)
        .where(
            OwedSteps.site_id == site_id,
            OwedSteps.owes.in_(_LEAVING),
            or_(
                OwedSteps.extension_id.in_(touched) & OwedSteps.extension_id.not_in(unfinished),
                (OwedSteps.run_id == run_id) & OwedSteps.extension_id.not_in(touched),
            ),
        )
        .execution_options(synchronize_session=False)
    )


def remove(session: Session, site_id: str, numbers: Collection[str]) -> None:
    """A plan found that nothing of it is left to do."""
    for number in numbers:
        session.execute(
            delete(OwedSteps)
            .where(OwedSteps.site_id == site_id, OwedSteps.number == number, OwedSteps.owes.in_(_LEAVING))
            .execution_options(synchronize_session=False)
        )


def unfinished_of(found: Sequence[OwedSteps]) -> list[Unfinished]:
    """The rows as the planner takes them."""
    return [
        Unfinished(row.number, row.extension_id, Owes(row.owes), row.person_guid, row.person_name)
        for row in found
        if row.owes in _LEAVING and row.extension_id is not None
    ]
