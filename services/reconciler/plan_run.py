"""Plans a run whose parts have all been read: brings the values to the planner, stores what comes back.

Called by the task ``reconciler.plan_run``. Commands, findings and the run's new state are written in one
transaction; a second caller finds the run planned already and does nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, bindparam, delete, false, insert, select, update
from sqlalchemy.orm import Session

from services.reconciler.countdowns import store_countdowns
from services.reconciler.plan_changes import prepare_changes
from services.reconciler.plan_undo import prepare_undo
from services.reconciler.plan_whole import prepare_whole
from services.reconciler.prepared import Prepared
from services.reconciler.roll import take_up
from services.reconciler.run_inputs import (
    ADVICE,
    advice_told_since,
    parts_of,
    told_before,
)
from shared import language
from shared.database import events, given_numbers, unfinished
from shared.database.commands import command_values, finding_values
from shared.database.tables import (
    BindingRow,
    CommandRow,
    EventLevel,
    FindingRow,
    PartKind,
    Run,
    RunKind,
    RunState,
    SnapshotPart,
)
from shared.domain.binding import Binding, Shown
from shared.domain.command import Command
from shared.domain.numbers import GivenNumber
from shared.domain.plan import (
    FindingCode,
    HoldReason,
    Plan,
    Severity,
    Verdict,
    as_it_stands,
    counts_in_words,
    counts_of,
    hash_of,
    reservation_of,
)
from shared.errors import LeaseHeld, NewerVersionNeeded
from shared.language import counted, declared, listed, named, phrase
from shared.runs.approvals import approval_of, obey
from shared.runs.controllers import remember
from shared.runs.start import WAITING_STATES
from shared.work.claimed import claimed
from shared.work.moves import move_commands, move_run
from shared.work.parts import are_all_ended
from shared.work.runs import RunWork
from shared.work.transitions import RUNS, CommandEvent, RunEvent
from shared.worker.context import Context

log = structlog.get_logger(__name__)

# Planning asks nobody else: a run that ends its worker twice would end every other one too.
MAX_ATTEMPTS = 2
_MOST_TIMES_ANEW = 5
_MOST_FINDINGS_IN_LOG = 50
_INSERT_BATCH = 5_000
# SQL Server takes at most 2,100 parameters in a statement.
_PARAMETERS_AT_ONCE = 500
# What should be mended in time is said again when nobody has for a week.
_ADVISED_EVERY = timedelta(days=7)


def plan_run(context: Context, run_id: int) -> None:
    """Plan the run if it waits to be planned.

    :raises LeaseHeld: another worker is planning it.
    :raises NewerVersionNeeded: the run is left to a worker of a newer version.
    """
    with context.database.read() as session:
        run = session.get(Run, run_id)
        if run is None or run.state != RunState.COLLECTING or not are_all_ended(session, run_id):
            return
        kinds = session.scalars(select(SnapshotPart.kind).where(SnapshotPart.run_id == run_id)).all()
    if run.kind not in [*RunKind] or not {*PartKind}.issuperset(kinds):
        # Planned as another kind, those whom it did not look at would be taken to be gone.
        raise NewerVersionNeeded(
            phrase(
                "Run {run_id} ({kind}) is of a kind this version of Rollcall does not know. A newer worker "
                "will plan it. Finish upgrading all processes.",
                run_id=run_id,
                kind=named(run.kind),
            )
        )
    with claimed(context, RunWork(context, run, RunState.COLLECTING, f"plan:{run_id}", MAX_ATTEMPTS)) as work:
        if work is not None:
            _plan(work)


def _plan(work: RunWork) -> None:
    """Plan it; anew where a number was given to somebody else meanwhile."""
    for attempt in range(1, _MOST_TIMES_ANEW + 1):
        try:
            _plan_once(work)
            return
        except given_numbers.GivenMeanwhile as taken:
            log.info("number_given_meanwhile", run_id=work.run.id, number=str(taken), attempt=attempt)
    raise LeaseHeld(
        declared("Another run kept assigning numbers while this run was planned. Start the run again.")
    )


def _plan_once(work: RunWork) -> None:
    prepare = {RunKind.CHANGES.value: prepare_changes, RunKind.UNDO.value: prepare_undo}
    prepared = prepare.get(work.run.kind, prepare_whole)(work)
    if prepared is not None:
        _store(work, prepared)


def _store(work: RunWork, prepared: Prepared) -> None:
    run, plan, verdict = work.run, prepared.plan, prepared.verdict
    memories, now = prepared.memories, prepared.now
    reservation = reservation_of(plan.findings)
    event, approval = _event(run, plan, verdict), approval_of(run)
    waiting = (
        []
        if event in (RunEvent.PREVIEWED, RunEvent.SHOWN)
        else [row for row in plan.commands if row.sequence in verdict.held]
    )
    with work.context.database.begin() as session:
        if not work.fence(session):
            return
        move_run(
            session,
            run.id,
            event,
            error_code=reservation.code if reservation else None,
            error_message=reservation.message if reservation else None,
            # Those the plan was made by; they may have changed since the run was started.
            settings_versions=dict(prepared.settings_versions),
            # Of what an approval is asked for; nothing is left out of a preview.
            plan_hash=hash_of(waiting) if waiting else plan.content_hash,
            counts=dict(plan.counts),
            people=plan.people,
            hold_reasons={
                "reasons": [
                    {
                        "code": reason.code,
                        "message": reason.message,
                        "sentence": language.stored(reason.message),
                        "unit": reason.unit,
                    }
                    for reason in verdict.reasons
                ],
                **({"waiting": dict(counts_of(waiting))} if waiting else {}),
            },
            is_measure=verdict.is_measure
            and event not in (RunEvent.PREVIEWED, RunEvent.SHOWN)
            and run.kind not in (RunKind.CHANGES, RunKind.UNDO),
            attempts=0,
            planned_at=now,
        )
        _insert(session, CommandRow, [command_values(run.id, command) for command in plan.commands])
        _hold(session, run.id, waiting, verdict)
        _insert(session, FindingRow, [finding_values(run.id, finding) for finding in plan.findings])
        if event is RunEvent.SHOWN:
            _show(session, run, plan)
            return
        if run.kind == RunKind.UNDO:
            # Nothing was read of the directory, so nothing is learnt of it.
            _replace_older(session, run)
            events.record_many(session, run.site_id, [*_entries(run, plan, verdict, event, 0, ())])
            if approval is not None:
                obey(session, run.id, approval)
            return
        if plan.stale_binding_guids:
            _forget(session, run.site_id, plan.stale_binding_guids)
        unfinished.remove(session, run.site_id, plan.settled)
        _remember(session, run.site_id, plan.remembered)
        _remember_numbers(session, run.site_id, plan, prepared.numbers)
        given_numbers.write_to(session, run.site_id, prepared.write_back)
        remember(session, run.site_id, memories[""], {key: memory for key, memory in memories.items() if key})
        _remember_homes(session, run.site_id, prepared.homes)
        counting = store_countdowns(session, run, plan, is_certain=verdict.is_measure, now=now)
        if prepared.seen is not None:
            take_up(session, run, plan, prepared.seen, prepared.facts, prepared.homes, now)
        if reservation is not None and reservation.code == FindingCode.CONTROLLER_BEHIND:
            _advise(session, run.id, reservation.message)
        _replace_older(session, run)
        known = told_before(session, run)
        advised = advice_told_since(session, run.site_id, now - _ADVISED_EVERY)
        # A change run that has nothing to do has nothing to say: it knows of a few people only.
        is_quiet = _is_of_changes(run) and not plan.commands
        entries = [
            *(() if is_quiet else _entries(run, plan, verdict, event, len(waiting), known)),
            *counting,
            *_advising(run, prepared.advice, advised),
        ]
        events.record_many(session, run.site_id, entries)
        if approval is not None:
            obey(session, run.id, approval)


def _show(session: Session, run: Run, plan: Plan) -> None:
    """Leave nothing but the plan: what was read by other settings says nothing of the site."""
    sentence = declared("Only shown: the settings were not saved.")
    move_commands(session, run.id, CommandEvent.NOT_BEGUN, error_code=run.kind, error_message=sentence)
    sentence = phrase(
        "Run {run} shows what the changed settings would do: {changes}. Nothing was saved or changed.",
        run=run.id,
        changes=counts_in_words(plan.counts),
    )
    events.record_many(
        session, run.site_id, [events.LogEntry("run.what_if", sentence, run_id=run.id, actor=run.actor)]
    )


def _replace_older(session: Session, run: Run) -> None:
    sentence = phrase("Run {id} replaced this plan.", id=run.id)
    for replaced in session.scalars(select(Run.id).where(*_superseded_by(run))).all():
        move_run(session, replaced, RunEvent.REPLACED, sentence=sentence, superseded_by=run.id)


def _superseded_by(run: Run) -> list[ColumnElement[bool]]:
    """The waiting runs whose plan is replaced by this run's: for one person, only others for the same person; of an undo,
    only others of the same run.
    """
    older = [Run.site_id == run.site_id, Run.id < run.id, Run.state.in_(WAITING_STATES)]
    if _is_of_changes(run):
        # It is about others than the plan that waits.
        return [false()]
    if run.kind == RunKind.PERSON:
        older += [Run.kind == RunKind.PERSON.value, Run.person_guid == run.person_guid]
    elif run.kind == RunKind.UNDO:
        older += [Run.undoes == run.undoes]
    else:
        # An undo was asked for by a person, and says nothing of what the directory wants.
        older += [Run.kind != RunKind.UNDO.value]
    return older


def _event(run: Run, plan: Plan, verdict: Verdict) -> RunEvent:
    if run.kind == RunKind.WHAT_IF:
        return RunEvent.SHOWN
    if not plan.commands:
        if run.kind in (RunKind.CHANGES, RunKind.UNDO):
            return RunEvent.NOTHING_DONE
        return RunEvent.NOTHING_TO_DO if reservation_of(plan.findings) is None else RunEvent.NOTHING_DONE
    if run.kind in (RunKind.PREVIEW, RunKind.UNDO):
        return RunEvent.PREVIEWED
    return RunEvent.HELD if len(verdict.held) == len(plan.commands) else RunEvent.RELEASED


def _is_of_changes(run: Run) -> bool:
    return run.kind == RunKind.CHANGES


def _hold(session: Session, run_id: int, waiting: Sequence[Command], verdict: Verdict) -> None:
    """Let these wait for an approval, each with the reason."""
    of_reason: dict[HoldReason, list[int]] = {}
    for command in waiting:
        of_reason.setdefault(verdict.held[command.sequence], []).append(command.sequence)
    for reason, sequences in of_reason.items():
        for start in range(0, len(sequences), _PARAMETERS_AT_ONCE):
            chosen = CommandRow.sequence.in_(sequences[start : start + _PARAMETERS_AT_ONCE])
            move_commands(
                session,
                run_id,
                CommandEvent.HELD,
                chosen,
                error_code=reason.code,
                error_message=reason.message,
            )


def _advise(session: Session, run_id: int, sentence: str) -> None:
    """Say it where the state of the directory is looked at."""
    for part in parts_of(session, run_id).units:
        part.proof = {**part.proof, "advice": [*part.proof.get("advice", ()), sentence]}


def _insert(session: Session, table: type[CommandRow] | type[FindingRow], rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _INSERT_BATCH):
        session.execute(insert(table), rows[start : start + _INSERT_BATCH])


def _forget(session: Session, site_id: str, guids: Iterable[str]) -> None:
    """Drop bindings of people who are gone, whose extensions are gone too."""
    listed = list(guids)
    for start in range(0, len(listed), 500):
        session.execute(
            delete(BindingRow)
            .where(BindingRow.site_id == site_id, BindingRow.person_guid.in_(listed[start : start + 500]))
            .execution_options(synchronize_session=False)
        )


def _remember(session: Session, site_id: str, bindings: Sequence[Binding]) -> None:
    """Note what 3CX shows of these people's extensions, unless the binding has changed meanwhile."""
    noting = (
        update(BindingRow)
        .where(
            BindingRow.site_id == site_id,
            BindingRow.person_guid == bindparam("guid"),
            BindingRow.extension_id == bindparam("extension"),
        )
        .values(
            number=bindparam("noted_number"),
            shown_first_name=bindparam("first"),
            shown_last_name=bindparam("last"),
            shown_email=bindparam("address"),
        )
        .execution_options(synchronize_session=False)
    )
    values = [
        {
            "guid": binding.person_guid,
            "extension": binding.extension_id,
            "noted_number": binding.number,
            "first": (binding.shown or Shown()).first_name,
            "last": (binding.shown or Shown()).last_name,
            "address": (binding.shown or Shown()).email,
        }
        for binding in bindings
    ]
    for start in range(0, len(values), _INSERT_BATCH):
        session.connection().execute(noting, values[start : start + _INSERT_BATCH])


def _remember_homes(session: Session, site_id: str, homes: Mapping[str, str | None]) -> None:
    """Note which directory people are in; nothing where there is only one."""
    if not homes:
        return
    of_all = select(BindingRow.person_guid, BindingRow.directory).where(BindingRow.site_id == site_id)
    is_few = len(homes) <= _PARAMETERS_AT_ONCE
    rows = session.execute(of_all.where(BindingRow.person_guid.in_(homes)) if is_few else of_all).all()
    moved = [
        {"guid": guid, "home": homes[guid]}
        for guid, before in rows
        if homes.get(guid) is not None and homes[guid] != before
    ]
    noting = (
        update(BindingRow)
        .where(BindingRow.site_id == site_id, BindingRow.person_guid == bindparam("guid"))
        .values(directory=bindparam("home"))
        .execution_options(synchronize_session=False)
    )
    for start in range(0, len(moved), _INSERT_BATCH):
        session.connection().execute(noting, moved[start : start + _INSERT_BATCH])


def _remember_numbers(session: Session, site_id: str, plan: Plan, known: Iterable[GivenNumber]) -> None:
    """Keep the numbers that this plan gives, so that every later one gives them to the same people.

    :raises GivenMeanwhile: one of them is somebody else's by now.
    """
    acting = {command.person_guid for command in plan.commands}
    reserved = [item for item in plan.numbers_reserved if item.person_guid in acting]
    before = {item.number: item for item in known}
    given_numbers.remember(
        session, site_id, [*reserved, *plan.numbers_changed], plan.numbers_forgotten, before
    )


def _entries(
    run: Run,
    plan: Plan,
    verdict: Verdict,
    event: RunEvent,
    waiting: int,
    known: Collection[tuple[str, str]],
) -> Iterator[events.LogEntry]:
    changes = [counts_in_words(plan.counts)]
    if plan.findings:
        changes.append(counted(len(plan.findings), "finding", "findings"))
    state = RUNS.target(event)
    result = {
        # A preview changes nothing, so it is not what made them match.
        RunState.IN_STEP: declared("There is nothing to change")
        if run.kind == RunKind.PREVIEW
        else declared("The directory and the phone system are in sync"),
        RunState.DONE: declared("There is nothing to undo")
        if run.kind == RunKind.UNDO
        else declared("There was nothing to change, but not everything is in sync"),
        RunState.PLANNED: declared("The plan is ready for review"),
        RunState.HELD: declared("The plan needs approval"),
        RunState.EXECUTING: phrase(
            "The plan is being applied, without {waiting} of {total} commands, which need approval",
            waiting=waiting,
            total=len(plan.commands),
        )
        if waiting
        else declared("The plan is being applied"),
    }[state]
    beginning = events.LogEntry(
        f"run.{state.value}",
        phrase(
            "{result} (run {run}): {people}, {changes}.",
            result=result,
            run=run.id,
            people=counted(plan.people, "person", "people"),
            changes=listed(changes),
        ),
        level=EventLevel.WARNING if waiting or state is RunState.DONE else EventLevel.INFO,
        run_id=run.id,
    )
    # Of live changes, of which there are many, what was done is enough.
    if not _is_of_changes(run):
        yield beginning
    for reason in verdict.reasons:
        if waiting:
            yield events.LogEntry("run.hold_reason", reason.message, level=EventLevel.WARNING, run_id=run.id)
    # What stood with the last plan stands in the Log once; a site in step would else fill it every quarter of an hour.
    newly_found = [
        finding
        for finding in plan.findings
        if finding.severity is not Severity.INFO
        and (finding.code.value, as_it_stands(finding.message)) not in known
    ]
    for finding in newly_found[:_MOST_FINDINGS_IN_LOG]:
        yield events.LogEntry(
            f"finding.{finding.code.value}",
            finding.message,
            level=EventLevel.WARNING,
            run_id=run.id,
            number=finding.number or None,
            person_guid=finding.person_guids[0] if finding.person_guids else None,
        )
    if len(newly_found) > _MOST_FINDINGS_IN_LOG:
        more = len(newly_found) - _MOST_FINDINGS_IN_LOG
        yield events.LogEntry(
            "finding.more",
            phrase("Run {run} has {more} more findings.", run=run.id, more=more),
            level=EventLevel.WARNING,
            run_id=run.id,
        )


def _advising(run: Run, advice: Iterable[str], known: Collection[str]) -> Iterator[events.LogEntry]:
    for advised in advice:
        if advised not in known:
            yield events.LogEntry(ADVICE, advised, level=EventLevel.WARNING, run_id=run.id)
