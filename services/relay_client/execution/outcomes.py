"""Writes what became of commands: their rows, the bindings and the Log, together in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session

from services.relay_client.execution.outcome_entries import FAILED, CommandOutcome, entries_of
from services.relay_client.execution.steps import PartlyDone
from shared.database import events, graces, owed, unfinished
from shared.database.graces import grace_begun
from shared.database.tables import BindingRow, CommandRow, RollRow
from shared.domain.binding import BindingOrigin, Shown
from shared.domain.command import Command, CommandKind, CommandState
from shared.domain.grace import Grace
from shared.domain.owed import REACHED, Owes
from shared.domain.refusal import refusal_key
from shared.language import read_back
from shared.roll.effects import Effect, take_effects
from shared.runs.history import refused_before
from shared.work.moves import CommandEnd, end_commands
from shared.work.transitions import CommandEvent

_EVENTS = {
    CommandState.DONE: CommandEvent.DONE,
    CommandState.FAILED: CommandEvent.FAILED,
    CommandState.OUTDATED: CommandEvent.OUTDATED,
    CommandState.SKIPPED: CommandEvent.NOT_BEGUN,
}


def store(session: Session, site_id: str, run_id: int, outcomes: Sequence[CommandOutcome]) -> None:
    """Write the outcomes.

    :raises TransitionRefused: a command was not in hand any more.
    """
    now = datetime.now(UTC)
    again = _refused_again(session, site_id, run_id, outcomes)
    end_commands(
        session,
        [
            CommandEnd(
                outcome.row_id,
                _EVENTS[outcome.state],
                _result(outcome)
                | ({"was_so_already": True} if outcome.was_so_already else {})
                | dict(again.get(outcome.row_id, {})),
                outcome.error_code,
                outcome.error_message,
            )
            for outcome in outcomes
        ],
    )
    archived = _archived(session, run_id, outcomes)
    for outcome in outcomes:
        _store_binding(session, site_id, outcome, now)
    _bind_all(session, site_id, [outcome for outcome in outcomes if outcome.extension_id is not None], now)
    _note_owed(session, site_id, outcomes)
    begun = _note_graces(session, site_id, outcomes, now)
    effects = [Effect(took, outcome.extension_id) for outcome in outcomes if (took := outcome.took_effect)]
    take_effects(session, site_id, run_id, effects, now)
    events.record_many(
        session,
        site_id,
        [
            entry
            for outcome in outcomes
            for entry in entries_of(run_id, outcome, archived.get(outcome.command.extension_id))
            # Told when it was refused first; the finding counts on.
            if outcome.row_id not in again or entry.code != FAILED
        ]
        + [grace_begun(grace, run_id) for grace in begun],
    )


def _result(outcome: CommandOutcome) -> dict[str, Any]:
    """What is kept of it; also of what was done in part, so that it can be undone."""
    made = {"extension_id": outcome.extension_id} if outcome.extension_id is not None else {}
    reached = {REACHED: sorted(outcome.reached)} if outcome.reached else {}
    return outcome.result | made | reached


def _refused_again(
    session: Session, site_id: str, run_id: int, outcomes: Sequence[CommandOutcome]
) -> Mapping[int, Mapping[str, int]]:
    """Of commands that failed just as they did in the run before, by row: since when, and how often by now."""
    failed = [outcome for outcome in outcomes if outcome.state is CommandState.FAILED]
    before = refused_before(session, site_id, run_id) if failed else {}
    found = {}
    for outcome in failed:
        refusal = before.get(refusal_key(outcome.command))
        if refusal is not None and refusal.code == outcome.error_code:
            found[outcome.row_id] = replace(refusal, times=refusal.times + 1).counted
    return found


def _note_graces(
    session: Session, site_id: str, outcomes: Sequence[CommandOutcome], now: datetime
) -> Sequence[Grace]:
    """The days of what was disabled begin; of what was deleted they are over. Returns those that begin."""
    done = [outcome.command for outcome in outcomes if outcome.state is CommandState.DONE]
    ids = {
        kind: [command.extension_id for command in done if command.kind is kind and command.extension_id]
        for kind in (CommandKind.DISABLE_EXTENSION, CommandKind.DELETE_EXTENSION)
    }
    graces.remove_extensions(session, site_id, ids[CommandKind.DELETE_EXTENSION])
    return graces.begin(session, site_id, ids[CommandKind.DISABLE_EXTENSION], now)


def _note_owed(session: Session, site_id: str, outcomes: Sequence[CommandOutcome]) -> None:
    """What is owed from now on: the further steps of what was made and not finished, and nothing of what was not."""
    settled: list[str] = []
    for outcome in outcomes:
        command, is_done = outcome.command, outcome.state is CommandState.DONE
        if command.begins_leaving and outcome.state is CommandState.FAILED:
            unfinished.answered(session, site_id, command.number, outcome.error_message)
        is_finishing = command.kind is CommandKind.FINISH_EXTENSION
        if not is_finishing and not command.makes_extension:
            continue
        is_there = is_finishing or outcome.extension_id is not None
        replaces = command.kind is CommandKind.RENUMBER_EXTENSION or "former_id" in command.after
        if not is_there or (is_done and not replaces):
            settled.append(command.number)
            continue
        owes = Owes.FORMER_EXTENSION if is_done else Owes.STEPS
        if outcome.error_code == PartlyDone.code:
            owes = Owes.REFUSED_STEPS
        extension_id = outcome.extension_id or command.extension_id
        owed.answered(session, site_id, command.number, owes, outcome.error_message, extension_id)
    deleted = [
        outcome.command
        for outcome in outcomes
        if outcome.command.kind is CommandKind.DELETE_EXTENSION and outcome.state is CommandState.DONE
    ]
    owed.remove(session, site_id, settled + [command.number for command in deleted])
    owed.remove_former(session, site_id, [command.extension_id or 0 for command in deleted])


def _bind_all(session: Session, site_id: str, created: Sequence[CommandOutcome], now: datetime) -> None:
    created = [outcome for outcome in created if outcome.command.person_guid]
    if not created:
        return
    guids = [outcome.command.person_guid for outcome in created]
    guids += [str(outcome.command.after.get("previous_person", "")) for outcome in created]
    ids = [outcome.extension_id for outcome in created]
    # Which directory they are in, as the plan's reading found it.
    found = select(RollRow.holder, RollRow.directory).where(
        RollRow.site_id == site_id, RollRow.holder.in_(guids)
    )
    homes = {row.holder: row.directory for row in session.execute(found)}
    _part_from_ids(session, site_id, created, guids, now)
    session.execute(
        delete(BindingRow)
        .where(
            BindingRow.site_id == site_id,
            or_(BindingRow.person_guid.in_(guids), BindingRow.extension_id.in_(ids)),
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(
        insert(BindingRow),
        [
            {
                "site_id": site_id,
                "person_guid": outcome.command.person_guid,
                "extension_id": outcome.extension_id,
                "number": outcome.command.after.get("number", outcome.command.number),
                "origin": outcome.command.after.get("origin", _origin(outcome.command).value),
                "person_name": outcome.command.person_name,
                "is_disabled_by_rollcall": outcome.command.after.get("disabled_by_rollcall", False),
                "directory": homes.get(outcome.command.person_guid or ""),
                "updated_at": now,
                **_shown(outcome.command),
            }
            for outcome in created
        ],
    )


def _part_from_ids(
    session: Session,
    site_id: str,
    created: Sequence[CommandOutcome],
    guids: Sequence[str | None],
    now: datetime,
) -> None:
    """Of people whose id in 3CX is somebody else's by now, keep what they are known again by until their own turn."""
    moved = [
        outcome.extension_id
        for outcome in created
        if outcome.command.kind is CommandKind.REBIND_EXTENSION and outcome.extension_id
    ]
    if not moved:
        return
    # 3CX has no ids below zero.
    parted = [-extension_id for extension_id in moved]
    mine = BindingRow.site_id == site_id
    session.execute(
        delete(BindingRow)
        .where(mine, BindingRow.extension_id.in_(parted))
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(BindingRow)
        .where(mine, BindingRow.extension_id.in_(moved), BindingRow.person_guid.not_in(guids))
        .values(extension_id=-BindingRow.extension_id, updated_at=now)
        .execution_options(synchronize_session=False)
    )


def _origin(command: Command) -> BindingOrigin:
    is_adopted = command.kind is CommandKind.ADOPT_EXTENSION
    return BindingOrigin.ADOPTED if is_adopted else BindingOrigin.CREATED


def _shown(command: Command) -> dict[str, Any]:
    """The binding's memory: what 3CX shows after the command."""
    is_new = command.kind in (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION)
    fields = {**({} if is_new else command.before), **command.after}
    return {f"shown_{name}": str(fields.get(name) or "") for name in Shown._fields}


def _store_binding(session: Session, site_id: str, outcome: CommandOutcome, now: datetime) -> None:
    command = outcome.took_effect
    if command is None:
        return
    mine = (BindingRow.site_id == site_id, BindingRow.extension_id == command.extension_id)
    if command.kind is CommandKind.DELETE_EXTENSION:
        session.execute(delete(BindingRow).where(*mine).execution_options(synchronize_session=False))
    elif command.kind is CommandKind.RELEASE_BINDING:
        theirs = BindingRow.person_guid == command.person_guid
        session.execute(delete(BindingRow).where(*mine, theirs).execution_options(synchronize_session=False))
    elif command.kind is CommandKind.DISABLE_EXTENSION and outcome.was_so_already:
        # Disabled by somebody else, so it is not ours to enable again.
        return
    elif command.kind in (CommandKind.DISABLE_EXTENSION, CommandKind.ENABLE_EXTENSION):
        session.execute(
            update(BindingRow)
            .where(*mine)
            .values(is_disabled_by_rollcall=command.kind is CommandKind.DISABLE_EXTENSION, updated_at=now)
            .execution_options(synchronize_session=False)
        )
    elif command.kind is CommandKind.UPDATE_EXTENSION and command.person_name:
        session.execute(
            update(BindingRow)
            .where(*mine)
            .values(person_name=command.person_name, updated_at=now, **_shown(command))
            .execution_options(synchronize_session=False)
        )


def _archived(session: Session, run_id: int, outcomes: Sequence[CommandOutcome]) -> dict[int | None, str]:
    """By extension that was deleted now: what of it was archived before, and where."""
    deleted = [
        outcome.command.extension_id
        for outcome in outcomes
        if outcome.command.kind is CommandKind.DELETE_EXTENSION and outcome.state is CommandState.DONE
    ]
    if not deleted:
        return {}
    rows = session.execute(
        select(CommandRow.extension_id, CommandRow.result).where(
            CommandRow.run_id == run_id,
            CommandRow.kind == CommandKind.ARCHIVE_EXTENSION.value,
            CommandRow.state == CommandState.DONE.value,
            CommandRow.extension_id.in_(deleted),
        )
    )
    return {
        extension_id: read_back(result["said"], result.get("said_sentence"))
        for extension_id, result in rows
        if result.get("said")
    }
