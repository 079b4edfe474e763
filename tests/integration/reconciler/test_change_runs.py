"""Change runs from the noticed change to the stored plan: taken up, read, planned, or left to a full run."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.orm import Session

from services.reconciler.change_lookups import KnownOfSite
from services.reconciler.plan_run import plan_run
from services.reconciler.take_changes import take_changes
from shared.database.columns import DEPARTMENT, PEER, written_beside
from shared.database.tables import (
    ChangeRow,
    CommandRow,
    Event,
    PartKind,
    PartState,
    Run,
    RunKind,
    RunState,
    SnapshotPart,
    WatchRow,
)
from shared.domain.asked import Asked
from shared.domain.command import CommandKind, CommandState
from shared.domain.extension import Extension
from shared.domain.person import AbsentPerson, Person, Presence
from shared.domain.reading import Reading
from shared.domain.watching import WatchState
from shared.errors import BadCredentials
from shared.roll import queries
from shared.runs.changes import LEFT_TO_FULL_RUN
from shared.settings.documents import LimitsSettings, ScheduleSettings
from shared.values.keys import email_key
from shared.work.parts import PartWork
from shared.worker.context import Context
from tests.builders.domain import (
    DEFAULT,
    QUEUE,
    SALES,
    guid,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
)
from tests.integration.reconciler.collected import (
    DIRECTORY,
    SITE,
    bind,
    collect,
    commands_of,
    configure,
    end,
    run_of,
    start,
)
from tests.support.blackout import blackout_now

CONTROLLER = Reading(controller="dc1.corp.example", server="dc1", invocation_id="a" * 8, usn=100)


class World:
    """Both ends as a change run finds them: whoever asks is answered from here."""

    def __init__(self, context: Context, people: int) -> None:
        self.context = context
        self.people = {guid(index): make_person(index) for index in range(1, people + 1)}
        self.extensions = {index: make_extension(index) for index in range(1, people + 1)}
        self.reading = CONTROLLER
        configure(context, ScheduleSettings(is_enabled=True, live=True))
        bind(context, *(make_binding(index) for index in self.extensions))
        with context.database.begin() as session:
            session.add(
                WatchRow(
                    site_id=SITE, directory="", server="dc1", invocation_id="a" * 8, usn=100, state=WatchState.LIVE.value
                )
            )  # fmt: skip

    def whole(
        self,
        kind: RunKind = RunKind.FULL,
        gone: Sequence[str] = (),
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Run:
        """A run that read everybody, and is planned; these are in no OU any more."""
        run_id = start(self.context, kind)
        meanwhile()
        collect(
            self.context,
            run_id,
            [person for key, person in self.people.items() if key not in gone],
            make_phone_system(self.extensions.values(), peers=(QUEUE,)),
            [AbsentPerson(item, found=False) for item in gone],
        )
        with self.context.database.begin() as session:
            kinds = (PartKind.UNIT.value, PartKind.ABSENT.value)
            mine = SnapshotPart.run_id == run_id, SnapshotPart.kind.in_(kinds)
            for part in session.scalars(select(SnapshotPart).where(*mine)):
                part.proof = {**part.proof, "controller": self.reading.to_document()}
        plan_run(self.context, run_id)
        return run_of(self.context, run_id)

    def full_run(self, meanwhile: Callable[[], None] = lambda: None) -> Run:
        """A full run that was done."""
        run = self.whole(meanwhile=meanwhile)
        if run.state not in (RunState.IN_STEP, RunState.DONE):
            end(self.context, run)
        return run_of(self.context, run.id)

    def notice(self, *guids: str) -> None:
        with self.context.database.begin() as session:
            rows = [
                {
                    "site_id": SITE,
                    "directory": "",
                    "guid": item,
                    "hint": "changed",
                    "noticed_at": datetime.now(UTC),
                }
                for item in guids
            ]
            session.execute(insert(ChangeRow), rows)

    def take(self) -> Run | None:
        """Take changes up; the run that was started."""
        before = set(self.runs())
        take_changes(self.context, SITE)
        started = set(self.runs()) - before
        return run_of(self.context, started.pop()) if started else None

    def live(self, *guids: str) -> Run:
        """A change run for these, read and planned."""
        self.notice(*guids)
        run = self.take()
        assert run is not None
        assert run.kind == RunKind.CHANGES
        return self.read(run)

    def read(self, run: Run, *, unreadable: Sequence[str] = ()) -> Run:
        """Answer whatever the run asks until it is planned."""
        while parts := self.pending(run.id):
            for part in parts:
                self.answer(part, is_refused=part.kind in unreadable)
            plan_run(self.context, run.id)
        return run_of(self.context, run.id)

    def pending(self, run_id: int) -> list[SnapshotPart]:
        with self.context.database.read() as session:
            mine = SnapshotPart.run_id == run_id, SnapshotPart.state == PartState.PENDING.value
            return list(session.scalars(select(SnapshotPart).where(*mine).order_by(SnapshotPart.id)))

    def runs(self) -> list[int]:
        with self.context.database.read() as session:
            return list(session.scalars(select(Run.id).order_by(Run.id)))

    def changes(self) -> list[tuple[str, int | None]]:
        with self.context.database.read() as session:
            rows = session.execute(select(ChangeRow.guid, ChangeRow.run_id).order_by(ChangeRow.id))
            return [(row.guid, row.run_id) for row in rows]

    def carry_out(self, run: Run) -> None:
        """Let the run end as if everything had been done."""
        with self.context.database.begin() as session:
            session.execute(
                update(CommandRow)
                .where(CommandRow.run_id == run.id)
                .values(state=CommandState.DONE.value, finished_at=datetime.now(UTC))
            )
            session.execute(
                update(Run)
                .where(Run.id == run.id)
                .values(state=RunState.DONE.value, finished_at=datetime.now(UTC))
            )

    def answer(self, part: SnapshotPart, *, is_refused: bool = False) -> None:
        work = PartWork(self.context, part.id, PartKind(part.kind))
        assert work.take()
        if is_refused:
            work.fail(BadCredentials("The directory refused the password."))
            return
        asked = Asked.from_document(part.proof["asked"])
        proof: dict[str, Any] = dict(part.proof)
        items: list[Person] | list[Extension]
        if part.kind == PartKind.PEOPLE:
            items = [self.people[item] for item in sorted(asked.people) if item in self.people]
            absent = [AbsentPerson(item, found=False) for item in sorted(asked.people - self.people.keys())]
            proof |= {"absent": [asdict(item) for item in absent], "controller": self.reading.to_document()}
        else:
            items = [item for item in self.extensions.values() if _is_asked(item, asked)]
            proof |= written_beside("peers", PEER, [QUEUE] if QUEUE.number in asked.numbers else [])
            proof |= written_beside("departments", DEPARTMENT, [DEFAULT])
            proof |= {
                "used_extensions": len(self.extensions), "max_extensions": None, "version": "20.0.6.0",
                "number_lengths": [], "emergency_numbers": [], "dial_codes": [],
            }  # fmt: skip
        if items:
            work.store(items)
        work.complete(source="dc1", proof=proof)


def _is_asked(item: Extension, asked: Asked) -> bool:
    return (
        item.id in asked.extensions or item.number in asked.numbers or email_key(item.email) in asked.emails
    )


@pytest.fixture
def world(context: Context) -> World:
    """Twenty people in sync, and a full run that says so."""
    made = World(context, 20)
    assert made.full_run().state in (RunState.IN_STEP, RunState.DONE)
    return made


def _done(context: Context, run: Run) -> list[tuple[str, str]]:
    return [(row.kind, row.number) for row in commands_of(context, run)]


def test_a_change_is_planned_for_that_person_alone(context: Context, world: World) -> None:
    world.people[guid(3)] = make_person(3, last_name="Other")
    world.people[guid(4)] = make_person(4, last_name="Not noticed yet")
    run = world.live(guid(3))
    assert (run.state, run.trigger, run.people) == (RunState.EXECUTING, "changes", 1)
    assert _done(context, run) == [(CommandKind.UPDATE_EXTENSION, "203")]
    with context.database.read() as session:
        row = queries.rows_of(session, SITE, [guid(3)])[guid(3)]
    assert row.entry.person is not None
    assert row.entry.person.last_name == "Other"
    world.carry_out(run)
    assert world.take() is None
    assert world.changes() == []


def test_who_has_the_number_that_somebody_wants_is_asked_too(context: Context, world: World) -> None:
    joiner = make_person(30, number="203")
    world.people[guid(30)] = joiner
    del world.people[guid(3)]
    run = world.live(guid(30))
    asked = {guid(30), guid(3)}
    assert {command.person_guid for command in commands_of(context, run)} == asked
    assert (CommandKind.CREATE_EXTENSION, "203") in _done(context, run)
    evidence = {row.person_guid: row.evidence for row in commands_of(context, run)}
    assert evidence[guid(3)].startswith("Not found in the selected OUs, looked up by objectGUID at ")


def test_what_holds_a_number_and_is_no_user_is_known(context: Context, world: World) -> None:
    world.people[guid(30)] = make_person(30, number=QUEUE.number)
    run = world.live(guid(30))
    assert run.state == RunState.DONE
    assert _done(context, run) == []


def test_a_change_of_nothing_leaves_no_entry_and_says_nothing_of_the_site(
    context: Context, world: World
) -> None:
    with context.database.read() as session:
        before = session.scalars(select(Event.id)).all()
    run = world.live(guid(5))
    assert (run.state, run.error_code, run.is_measure) == (RunState.DONE, None, False)
    with context.database.read() as session:
        assert session.scalars(select(Event.id)).all() == before


def test_changes_wait_while_a_run_is_active(context: Context, world: World) -> None:
    world.people[guid(3)] = make_person(3, last_name="Other")
    first = world.live(guid(3))
    world.notice(guid(4))
    assert world.take() is None
    world.carry_out(first)
    second = world.take()
    assert second is not None
    assert world.changes() == [(guid(4), second.id)]


def test_a_full_run_does_not_wait_for_a_change_run_that_only_reads(context: Context, world: World) -> None:
    world.notice(guid(3))
    reading = world.take()
    assert reading is not None
    full = world.full_run()
    assert full.id > reading.id
    assert run_of(context, reading.id).state == RunState.CANCELLED
    world.take()
    assert world.changes() == [], "the full run has read them"


def test_whoever_is_gone_is_gone_from_the_roll(context: Context, world: World) -> None:
    del world.people[guid(6)]
    run = world.live(guid(6))
    assert _done(context, run)[-1] == (CommandKind.DELETE_EXTENSION, "206")
    with context.database.read() as session:
        assert queries.rows_of(session, SITE, [guid(6)])[guid(6)].entry.presence is Presence.GONE


def test_before_the_first_full_run_changes_ask_for_one_and_are_in_its_plan(context: Context) -> None:
    made = World(context, 3)
    made.notice(guid(1))
    run = made.take()
    assert run is not None
    assert (run.kind, run.trigger) == (RunKind.FULL, "watch")
    with context.database.begin() as session:
        session.execute(update(Run).values(state=RunState.CANCELLED.value))
    assert made.take() is None, "one full run in five minutes"
    made.full_run()
    made.take()
    assert made.changes() == []


def test_a_change_that_another_controller_may_not_have_had_is_not_in_its_plan(context: Context) -> None:
    made = World(context, 3)
    made.notice(guid(1))
    made.reading = Reading(controller="dc2", server="dc2", invocation_id="b" * 8, usn=7)
    made.full_run()
    made.take()
    assert [who for who, _run in made.changes()] == [guid(1)]


def test_changes_are_kept_when_the_full_run_that_read_them_failed(context: Context) -> None:
    made = World(context, 3)
    made.notice(guid(1))
    made.full_run()
    with context.database.begin() as session:
        session.execute(update(Run).values(state=RunState.FAILED.value))
    run = made.take()
    assert run is not None
    assert made.changes() == [(guid(1), run.id)]


def test_what_changes_again_while_a_full_run_reads_waits_whatever_the_hosts_clocks_say(
    context: Context,
) -> None:
    made = World(context, 3)
    made.notice(guid(1))
    made.full_run(lambda: made.notice(guid(2)))
    with context.database.begin() as session:
        session.execute(
            update(ChangeRow)
            .where(ChangeRow.guid == guid(2))
            .values(noticed_at=datetime.now(UTC) - timedelta(hours=1))
        )
    made.take()
    assert [who for who, _run in made.changes()] == [guid(2)]


def test_while_live_changes_are_off_no_run_is_started_for_what_was_noticed(
    context: Context, world: World
) -> None:
    configure(context, ScheduleSettings(is_enabled=True, live=False))
    world.notice(guid(3))
    assert world.take() is None
    configure(context, ScheduleSettings(is_enabled=True, live=True))
    assert world.take() is not None


def test_in_a_blackout_changes_wait(context: Context, world: World) -> None:
    window = ScheduleSettings.model_validate({"blackout": blackout_now(datetime.now(UTC))}).blackout
    configure(context, ScheduleSettings(is_enabled=True, live=True, blackout=window))
    world.notice(guid(3))
    assert world.take() is None
    configure(context, ScheduleSettings(is_enabled=True, live=True))
    assert world.take() is not None


def _plan_waits(world: World, *leaving: str) -> Run:
    """A plan to take these out, which waits for an approval."""
    _last_full_run_was_long_ago(world)
    run = world.whole(RunKind.PREVIEW, leaving)
    assert run.state == RunState.PLANNED
    return run


def _last_full_run_was_long_ago(world: World) -> None:
    with world.context.database.begin() as session:
        session.execute(update(Run).values(created_at=datetime.now(UTC) - timedelta(hours=1)))


def test_while_a_plan_waits_live_changes_go_on_for_everybody_it_has_nothing_to_do_for(world: World) -> None:
    waiting = _plan_waits(world, guid(1))
    world.people[guid(2)] = make_person(2, last_name="Other")
    world.notice(guid(1))
    run = world.live(guid(2))
    assert _done(world.context, run) == [(CommandKind.UPDATE_EXTENSION, "202")]
    world.carry_out(run)
    assert world.take() is None
    assert world.changes() == [(guid(1), None)]
    assert run_of(world.context, waiting.id).state == RunState.PLANNED
    end(world.context, waiting)
    assert world.take() is not None


def test_a_change_that_meets_a_plan_that_waits_does_not_take_it_from_whoever_reads_it(world: World) -> None:
    waiting = _plan_waits(world, guid(1))
    del world.people[guid(1)]
    world.people[guid(30)] = make_person(30, number="201")
    run = world.live(guid(30))
    assert (run.state, run.error_code) == (RunState.DONE, LEFT_TO_FULL_RUN)
    assert "plan that waits for approval" in (run.error_message or "")
    assert world.take() is None
    assert world.changes() == [(guid(30), None)]
    assert run_of(world.context, waiting.id).state == RunState.PLANNED
    end(world.context, waiting)
    full = world.take()
    assert full is not None
    assert full.kind == RunKind.FULL


def test_what_a_change_run_cannot_decide_starts_a_full_run_at_once(world: World) -> None:
    _last_full_run_was_long_ago(world)
    with world.context.database.begin() as session:
        session.execute(update(Run).values(selection_hash="other"))
    world.notice(guid(1))
    run = world.take()
    assert run is not None
    assert (run.kind, run.trigger) == (RunKind.FULL, "watch")
    assert world.changes() == [(guid(1), None)]


def _more_leave_than_may(world: World) -> list[str]:
    leavers = [guid(index) for index in range(1, 8)]
    for item in leavers:
        del world.people[item]
    return leavers


def _is_renamed_in_3cx(world: World) -> list[str]:
    world.extensions[2] = make_extension(2, first_name="Some", last_name="Stranger", email="")
    return [guid(2)]


def _controller_is_behind(world: World) -> list[str]:
    with world.context.database.begin() as session:
        session.execute(text("update reading_memories set readings = :it"), {"it": _remembered(usn=200)})
    return [guid(2)]


def _remembered(usn: int) -> str:
    document = {**CONTROLLER.to_document(), "usn": usn, "usn_after": usn}
    return json.dumps({"alternatives": [[document]], "latest": []})


@pytest.mark.parametrize("happen", [_more_leave_than_may, _is_renamed_in_3cx, _controller_is_behind])
def test_what_only_reading_shows_is_left_to_a_full_run(
    context: Context, world: World, happen: Callable[[World], list[str]]
) -> None:
    with context.database.begin() as session:
        session.execute(update(Run).values(created_at=datetime.now(UTC) - timedelta(hours=1)))
    run = world.live(*happen(world))
    assert (run.state, run.error_code) == (RunState.DONE, LEFT_TO_FULL_RUN)
    assert _done(context, run) == []
    full = run_of(context, world.runs()[-1])
    assert (full.kind, full.trigger) == (RunKind.FULL, "watch")
    assert world.changes(), "they wait for it"


@pytest.mark.parametrize(
    ("limits", "alone"),
    [
        # Of 20 people 10 % may be fewer than in the last full run; of 20 extensions 5 may be deleted in a day.
        (LimitsSettings(), 2),
        (LimitsSettings(people_down_percent=100), 5),
    ],
)
def test_many_change_runs_remove_no_more_than_one_full_run_may(
    context: Context, world: World, limits: LimitsSettings, alone: int
) -> None:
    configure(context, limits)
    left: list[str | None] = []
    for index in range(1, 8):
        del world.people[guid(index)]
        run = world.live(guid(index))
        left.append(run.error_code)
        if run.error_code is not None:
            break
        world.carry_out(run)
        del world.extensions[index]
    assert left == [None] * alone + [LEFT_TO_FULL_RUN]


def test_a_run_that_could_not_read_gives_its_changes_back_for_later(context: Context, world: World) -> None:
    world.notice(guid(3))
    run = world.take()
    assert run is not None
    failed = world.read(run, unreadable=[PartKind.PEOPLE.value])
    assert (failed.state, failed.error_code) == (RunState.FAILED, "bad_credentials")
    assert world.take() is None, "not at once"
    _wait_six_minutes(context)
    again = world.take()
    assert again is not None
    assert world.changes() == [(guid(3), again.id)]
    failed = world.read(again, unreadable=[PartKind.SOME_EXTENSIONS.value])
    assert failed.state == RunState.FAILED
    assert world.take() is None, "nor when the phone system is away"
    _wait_six_minutes(context)
    assert world.take() is not None


def test_who_was_read_while_an_ou_was_left_out_by_mistake_keeps_the_extension(
    context: Context, world: World
) -> None:
    world.notice(guid(3))
    run = world.take()
    assert run is not None
    configure(context, DIRECTORY.model_copy(update={"units": ()}))
    del world.people[guid(3)]
    (people,) = [part for part in world.pending(run.id) if part.kind == PartKind.PEOPLE]
    world.answer(people)
    configure(context, DIRECTORY)
    left = world.read(run)
    assert (left.error_code, _done(context, left)) == (LEFT_TO_FULL_RUN, [])


def test_changes_whose_run_made_way_for_another_are_taken_up_right_after_it(
    context: Context, world: World
) -> None:
    world.notice(guid(3))
    run = world.take()
    assert run is not None
    preview = start(context, RunKind.PREVIEW)
    assert run_of(context, run.id).state == RunState.CANCELLED
    with context.database.begin() as session:
        session.execute(
            update(Run)
            .where(Run.id == preview)
            .values(state=RunState.DONE.value, finished_at=datetime.now(UTC))
        )
    assert world.take() is not None


@pytest.mark.parametrize(
    "undone",
    [
        {"state": CommandState.OUTDATED.value, "error_code": "outdated"},
        {"state": CommandState.SKIPPED.value, "error_code": "directory_unavailable"},
    ],
)
def test_what_was_not_done_because_the_plan_was_no_longer_proven_is_taken_up_once_more(
    context: Context, world: World, undone: dict[str, str]
) -> None:
    def _end_undone(run: Run) -> None:
        assert run.state == RunState.EXECUTING
        world.carry_out(run)
        with context.database.begin() as session:
            session.execute(update(CommandRow).where(CommandRow.run_id == run.id).values(**undone))

    world.people[guid(3)] = replace(world.people[guid(3)], last_name="Newly")
    _end_undone(world.live(guid(3)))
    again = world.take()
    assert again is not None
    assert world.changes() == [(guid(3), again.id)]
    with context.database.begin() as session:
        session.execute(update(ChangeRow).values(noticed_at=datetime.now(UTC) - timedelta(minutes=2)))
    _end_undone(world.read(again))
    assert world.take() is None
    assert world.changes() == []


def test_whoever_joins_a_unit_with_a_template_is_made_like_it_at_once(context: Context) -> None:
    templated = tuple(
        unit.model_copy(update={"template_extension": "300"} if unit.dn == SALES else {})
        for unit in DIRECTORY.units
    )
    configure(context, DIRECTORY.model_copy(update={"units": templated}))
    world = World(context, 3)
    world.extensions[300] = make_extension(300, number="300", email="")
    assert world.full_run().state in (RunState.IN_STEP, RunState.DONE)
    world.people[guid(9)] = make_person(9)
    run = world.live(guid(9))
    (made,) = commands_of(context, run)
    assert (made.kind, made.number) == (CommandKind.CREATE_EXTENSION, "209")
    assert made.after["template"] == "300"


def test_what_3cx_refused_is_left_to_one_full_run_and_holds_up_no_other_change(
    context: Context, world: World
) -> None:
    world.people[guid(3)] = replace(world.people[guid(3)], last_name="Refused")
    run = world.live(guid(3))
    refused = {"state": RunState.FAILED.value, "error_code": "commands_failed", "error_message": "1 failed."}
    with context.database.begin() as session:
        session.execute(update(Run).values(created_at=datetime.now(UTC) - timedelta(hours=1)))
        session.execute(update(Run).where(Run.id == run.id).values(finished_at=datetime.now(UTC), **refused))
    full = world.take()
    assert full is not None
    assert full.kind == RunKind.FULL
    planned_at = datetime.now(UTC)
    with context.database.begin() as session:
        mine = SnapshotPart.run_id == full.id
        proof = {"controller": CONTROLLER.to_document()}
        session.execute(update(SnapshotPart).where(mine).values(state=PartState.COMPLETE.value, proof=proof))
        session.execute(update(Run).where(Run.id == full.id).values(planned_at=planned_at, **refused))
    world.notice(guid(4))
    again = world.take()
    assert again is not None
    assert world.changes() == [(guid(4), again.id)]


def _wait_six_minutes(context: Context) -> None:
    with context.database.begin() as session:
        session.execute(update(Run).values(finished_at=datetime.now(UTC) - timedelta(minutes=6)))


def test_no_question_to_what_is_remembered_reads_a_whole_table(context: Context, world: World) -> None:
    asked = Asked(frozenset({guid(3)}), frozenset({1003}), frozenset({"203"}), frozenset({"a@x.test"}))
    plans = _plans_of(context, lambda session: _ask_everything(KnownOfSite(session, SITE), asked))
    tables = ("roll", "bindings", "commands", "given_numbers")
    found = {sql: plan for sql, plan in plans.items() if any(f"FROM {table}" in sql for table in tables)}
    assert len(found) >= 6
    for sql, plan in found.items():
        assert not any(step.startswith("SCAN") or step.endswith("(site_id=?)") for step in plan), (sql, plan)


def _ask_everything(known: KnownOfSite, asked: Asked) -> None:
    list(known.last_read(asked.people, asked.numbers, asked.emails))
    list(known.bindings(asked.people, asked.extensions))
    known.left_behind(asked, ())
    known.given(asked)


def _plans_of(context: Context, ask: Callable[[Session], None]) -> Mapping[str, list[str]]:
    """Each statement with how SQLite would find its rows."""
    seen: list[tuple[str, Any]] = []

    def _note(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_rest: Any) -> None:
        seen.append((sql, parameters))

    engine = context.database.engine
    event.listen(engine, "before_cursor_execute", _note)
    try:
        with context.database.read() as session:
            ask(session)
    finally:
        event.remove(engine, "before_cursor_execute", _note)
    with engine.connect() as connection:
        return {
            sql: _steps(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", it))
            for sql, it in seen
            if sql.startswith("SELECT")
        }


def _steps(rows: Iterable[Any]) -> list[str]:
    return [str(row[3]) for row in rows]
