"""A stage that cannot go on: phone system away, lease lost, run cancelled, task over its time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from services.api.runs.use_cases.decisions import apply_now, cancel
from services.api.settings.use_cases.sections import apply_settings
from services.api.sites.use_cases.holding import hold_site, release_site
from services.relay_client.archiving.archive import ArchiveReceipt, ArchiveRequest, NoRelay
from services.relay_client.archiving.relay import HandedOn
from services.relay_client.execution import stage
from services.relay_client.execution.attempts import Attempts
from services.relay_client.execution.execute import MOST_INTERRUPTIONS, execute_stage, executor_lease
from services.relay_client.xapi.errors import UnknownOutcome
from services.sandbox.phone_system import PhoneSystemOptions
from shared.database.tables import Lease, RunState
from shared.domain.command import CommandKind
from shared.errors import BadCredentials, Conflict, LeaseHeld, PhoneSystemUnavailable
from shared.runs.hold import is_held
from shared.work.runs import RunWork
from tests.integration.relay_client.conftest import Bench, change, creation
from tests.support.blackout import blackout_now
from tests.support.waiting import wait_until

AWAY = "http://127.0.0.1:9"


def _interrupt(bench: Bench, run_id: int, times: int) -> None:
    for _time in range(times):
        with pytest.raises(PhoneSystemUnavailable):
            execute_stage(bench.context, run_id, bench.archiver)


def test_a_phone_system_that_stays_away_stops_the_run_in_the_end_and_says_why(bench: Bench) -> None:
    run_id = bench.start([creation(1)])
    bench.configure(base_url=AWAY)
    _interrupt(bench, run_id, MOST_INTERRUPTIONS - 1)
    assert (bench.run(run_id).state, bench.run(run_id).attempts) == ("executing", MOST_INTERRUPTIONS - 1)
    assert [(row.state, row.attempts) for row in bench.rows(run_id)] == [("pending", 0)]
    assert bench.log()[-1].endswith("Check address, port and firewall. It continues automatically.")
    _interrupt(bench, run_id, 1)
    run = bench.run(run_id)
    assert (run.state, run.error_code) == ("failed", "phone_system_unavailable")
    assert f"interrupted {MOST_INTERRUPTIONS} times" in (run.error_message or "")
    assert "127.0.0.1:9 cannot be reached" in (run.error_message or "")
    assert "continues automatically" not in bench.log()[-1]
    assert [row.error_code for row in bench.rows(run_id)] == ["run_stopped"]


def test_a_phone_system_that_comes_back_finds_the_run_where_it_was_left(bench: Bench) -> None:
    run_id = bench.start([creation(index) for index in range(1, 9)])
    bench.configure(base_url=AWAY)
    _interrupt(bench, run_id, 3)
    bench.configure(base_url=bench.base_url)
    run = bench.drain(run_id)
    assert (run.state, run.attempts) == ("done", 0)
    assert all(len(done) == 1 for done in bench.calls("create_user").values())


class _WorkerEndsFirst(NoRelay):
    """An archiver whose first worker ends while the relay is at work."""

    def __init__(self) -> None:
        self.operations: list[str] = []

    def archive(self, request: ArchiveRequest) -> ArchiveReceipt:
        self.operations.append(request.operation)
        if len(self.operations) == 1:
            raise HandedOn("The relay is asked again.")
        return ArchiveReceipt(is_verified=True)


def test_an_archive_under_way_when_the_worker_ends_is_the_next_ones_not_a_failure(bench: Bench) -> None:
    bench.archiver = archiver = _WorkerEndsFirst()
    there = {"number": "103", "enabled": True}
    run_id = bench.start([change(bench, CommandKind.ARCHIVE_EXTENSION, "103", there, {"archive": "109"})])
    execute_stage(bench.context, run_id, archiver)
    assert [(row.state, row.attempts) for row in bench.rows(run_id)] == [("running", 0)]
    assert bench.drain(run_id).state == "done"
    first, second = archiver.operations
    assert first == second


def test_one_that_goes_away_in_mid_stage_leaves_every_command_either_done_or_to_be_done(bench: Bench) -> None:
    run_id = bench.start([creation(index, template="100") for index in range(1, 21)])
    # Dead to everything from the tenth write on, and back when the stage is tried again.
    bench.phone_system.faults.add({"kind": "drop_after", "method": "PATCH", "skip": 9, "times": 1})
    bench.phone_system.faults.add(
        {"kind": "drop_before", "method": "GET", "path": r"\$|Users$", "skip": 2, "times": 3}
    )
    for _try in range(5):
        try:
            execute_stage(bench.context, run_id, bench.archiver)
        except PhoneSystemUnavailable:
            states = {row.state for row in bench.rows(run_id)}
            assert states <= {"done", "pending", "running"}
    assert [row.state for row in bench.rows(run_id)] == ["done"] * 20
    assert all(len(done) == 1 for done in bench.calls("create_user").values())
    assert bench.run(run_id).state == "done"


def test_settings_that_no_longer_work_stop_the_run_at_once(bench: Bench) -> None:
    run_id = bench.start([creation(1)])
    bench.configure(client_secret="changed")
    with pytest.raises(BadCredentials):
        execute_stage(bench.context, run_id, bench.archiver)
    assert (bench.run(run_id).state, bench.run(run_id).error_code) == ("failed", "bad_credentials")
    assert bench.log()[-1].startswith(f"Run {run_id} was stopped: ")


@pytest.mark.parametrize("hold", ["hold_before", "hold_after"])
def test_a_worker_that_was_paused_past_its_lease_changes_nothing_of_what_its_successor_did(
    bench: Bench, hold: str
) -> None:
    bench.configure(concurrency=1, timeout_seconds=30)
    run_id = bench.start([creation(index) for index in range(1, 6)])
    faults = bench.phone_system.faults
    faults.add({"kind": hold, "method": "POST", "path": "^/Users", "skip": 1})
    with ThreadPoolExecutor(1) as paused:
        first = paused.submit(execute_stage, bench.context, run_id, bench.archiver)
        wait_until("the second creation is under way", lambda: faults.held)
        with bench.context.database.begin() as session:
            session.execute(
                update(Lease)
                .where(Lease.name == executor_lease(bench.settings()))
                .values(holder="somebody else", expires_at=datetime.now(UTC) - timedelta(seconds=1))
            )
        bench.drain(run_id)
        ended = [(row.state, row.finished_at) for row in bench.rows(run_id)]
        httpx.post(f"{bench.base_url}/sandbox/release", verify=False).raise_for_status()
        with pytest.raises(LeaseHeld):
            first.result()
    assert [state for state, _at in ended] == ["done"] * 5
    assert [(row.state, row.finished_at) for row in bench.rows(run_id)] == ended
    assert all(len(done) == 1 for done in bench.calls("create_user").values())
    assert {number for _id, number, _ours in bench.bindings().values()} == {"201", "202", "203", "204", "205"}
    assert (bench.run(run_id).state, bench.run(run_id).attempts) == ("done", 0)


@pytest.mark.parametrize("is_alive", [True, False], ids=["worker lives on", "worker is dead"])
def test_a_run_cancelled_with_a_command_in_hand_leaves_none_running(bench: Bench, is_alive: bool) -> None:
    bench.configure(concurrency=1, timeout_seconds=30)
    run_id = bench.start([creation(1), creation(2)])
    faults = bench.phone_system.faults
    with ThreadPoolExecutor(1) as worker:
        if is_alive:
            faults.add({"kind": "hold_after", "method": "POST", "path": "^/Users"})
            stage = worker.submit(execute_stage, bench.context, run_id, bench.archiver)
            wait_until("a creation is under way", lambda: faults.held)
        else:
            bench.leave_running(run_id)
        cancel(bench.context, run_id, "test")
        assert {(row.state, row.error_code) for row in bench.rows(run_id)} == {("failed", "outcome_unknown")}
        assert bench.log()[-1].startswith(f"Run {run_id} was cancelled. 2 commands were in progress")
        if is_alive:
            httpx.post(f"{bench.base_url}/sandbox/release").raise_for_status()
            stage.result()
    if is_alive:
        first, second = bench.rows(run_id)
        assert (first.state, first.error_code) == ("done", None)
        # A worker looks twice a second whether its run is still wanted.
        assert (second.state, second.error_code) in [("skipped", "cancelled"), ("done", None)]
        assert "Created extension 201 for Anna1 Berg." in bench.log()
        assert "201" in {number for _id, number, _ours in bench.bindings().values()}


def test_a_write_without_an_answer_is_not_repeated_once_the_site_is_held(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.configure(concurrency=1, timeout_seconds=30)
    number = min(bench.phone_system.state.user_by_number)
    before = {"number": number, "enabled": True}
    run_id = bench.start([change(bench, CommandKind.DISABLE_EXTENSION, number, before, {"enabled": False})])
    bench.phone_system.faults.add({"kind": "drop_before", "method": "PATCH"})
    noticed = threading.Event()
    pause_seconds = Attempts.unanswered_pause_seconds

    def _asked(session: Session, site_id: str, run_id: int) -> bool:
        found = is_held(session, site_id, run_id)
        if found:
            noticed.set()
        return found

    def _held_meanwhile(attempts: Attempts, error: UnknownOutcome) -> float:
        hold_site(bench.context, "default", "test")
        assert noticed.wait(60)
        return pause_seconds(attempts, error)

    monkeypatch.setattr(stage, "is_held", _asked)
    monkeypatch.setattr(Attempts, "unanswered_pause_seconds", _held_meanwhile)
    execute_stage(bench.context, run_id, bench.archiver)
    assert bench.user(number)["Enabled"] is True
    assert [row.state for row in bench.rows(run_id)] == ["running"]
    release_site(bench.context, "default", "test")
    assert bench.drain(run_id).state == "done"
    assert bench.user(number)["Enabled"] is False


def test_a_run_whose_executor_dies_again_and_again_is_ended_and_the_log_says_so(bench: Bench) -> None:
    run_id = bench.start([creation(1)])
    for attempt in range(1, MOST_INTERRUPTIONS + 1):
        work = RunWork(bench.context, bench.run(run_id), RunState.EXECUTING, "executor", MOST_INTERRUPTIONS)
        assert work.take()
        assert bench.run(run_id).attempts == attempt
        work.end(is_done=False)
    work = RunWork(bench.context, bench.run(run_id), RunState.EXECUTING, "executor", MOST_INTERRUPTIONS)
    assert not work.take()
    assert (bench.run(run_id).state, bench.run(run_id).error_code) == ("failed", "given_up")
    assert bench.log()[-1] == (
        f"Run {run_id} was stopped: The run could not be executed after {MOST_INTERRUPTIONS} attempts: each "
        "time the worker ended early or hung. See the workers' process log. The usual cause is memory."
    )
    assert [row.error_code for row in bench.rows(run_id)] == ["run_stopped"]


class TestSlow:
    """A phone system that takes its time."""

    @pytest.fixture
    def options(self, release: str) -> PhoneSystemOptions:
        return PhoneSystemOptions(extensions=10, latency_ms=50, release=release)

    def test_a_run_cancelled_in_mid_stage_begins_nothing_more_and_says_what_was_done(
        self, bench: Bench
    ) -> None:
        bench.configure(concurrency=2)
        run_id = bench.start([creation(index) for index in range(1, 151)])
        with ThreadPoolExecutor(1) as worker:
            stage = worker.submit(execute_stage, bench.context, run_id, bench.archiver)
            wait_until("something is created", lambda: bench.phone_system.state.calls)
            cancel(bench.context, run_id, "test")
            stage.result()
        rows = bench.rows(run_id)
        done = {row.number for row in rows if row.state == "done"}
        skipped = [row for row in rows if row.state == "skipped"]
        assert len(done) + len(skipped) == 150
        assert len(done) < 60
        assert {(row.error_code, row.error_message) for row in skipped} == {
            ("cancelled", f"Run {run_id} was cancelled.")
        }
        assert set(bench.calls("create_user")) == done
        assert {number for _id, number, _ours in bench.bindings().values()} == done
        assert bench.run(run_id).state == "cancelled"

    def test_a_site_held_in_mid_stage_begins_nothing_more_until_it_is_released(self, bench: Bench) -> None:
        bench.configure(concurrency=2)
        run_id = bench.start([creation(index) for index in range(1, 151)])
        with ThreadPoolExecutor(1) as worker:
            stage = worker.submit(execute_stage, bench.context, run_id, bench.archiver)
            wait_until("something is created", lambda: bench.phone_system.state.calls)
            hold_site(bench.context, bench.run(run_id).site_id, "test", "we move")
            stage.result()
        made = set(bench.calls("create_user"))
        assert 0 < len(made) < 150
        assert {row.state for row in bench.rows(run_id)} == {"done", "pending"}
        execute_stage(bench.context, run_id, bench.archiver)
        assert set(bench.calls("create_user")) == made
        assert bench.run(run_id).state == "executing"
        release_site(bench.context, bench.run(run_id).site_id, "test")
        assert bench.drain(run_id).state == "done"
        assert all(len(calls) == 1 for calls in bench.calls("create_user").values())

    def test_a_blackout_that_begins_in_mid_stage_lets_nothing_more_begin_until_a_person_says_so(
        self, bench: Bench
    ) -> None:
        bench.configure(concurrency=2)
        run_id = bench.start([creation(index) for index in range(1, 151)])
        with ThreadPoolExecutor(1) as worker:
            stage = worker.submit(execute_stage, bench.context, run_id, bench.archiver)
            wait_until("something is created", lambda: bench.phone_system.state.calls)
            rows = blackout_now(datetime.now(UTC))
            apply_settings(bench.context, "default", {"schedule": {"blackout": rows}}, "test")
            stage.result()
        made = set(bench.calls("create_user"))
        assert 0 < len(made) < 150
        execute_stage(bench.context, run_id, bench.archiver)
        assert set(bench.calls("create_user")) == made
        assert bench.run(run_id).state == "executing"
        apply_now(bench.context, run_id, "test")
        assert bench.drain(run_id).state == "done"
        assert all(len(calls) == 1 for calls in bench.calls("create_user").values())
        with pytest.raises(Conflict):
            apply_now(bench.context, run_id, "test")

    def test_what_is_done_shows_in_the_log_while_the_stage_goes_on(self, bench: Bench) -> None:
        bench.configure(concurrency=2)
        run_id = bench.start([creation(index) for index in range(1, 41)])
        with ThreadPoolExecutor(1) as worker:
            stage = worker.submit(execute_stage, bench.context, run_id, bench.archiver)
            wait_until(
                "something is in the Log", lambda: "Created extension 201 for Anna1 Berg." in bench.log()
            )
            assert not stage.done()
            assert 0 < sum(row.state == "done" for row in bench.rows(run_id)) < 40
            stage.result()


class TestLong:
    """A stage that outlasts half of a task's time."""

    @pytest.fixture
    def options(self, release: str) -> PhoneSystemOptions:
        return PhoneSystemOptions(extensions=10, latency_ms=20, release=release)

    def test_it_is_handed_on_with_its_commands_open_and_ends_in_further_tasks(self, bench: Bench) -> None:
        hurried = bench.context.settings.model_copy(update={"task_seconds": 0.2})
        bench.context = replace(bench.context, settings=hurried)
        run_id = bench.start([creation(index) for index in range(1, 261)])
        execute_stage(bench.context, run_id, bench.archiver)
        states = [row.state for row in bench.rows(run_id)]
        assert bench.run(run_id).state == "executing"
        assert {"done", "pending"} == set(states)
        assert bench.drain(run_id).state == "done"
        assert all(len(done) == 1 for done in bench.calls("create_user").values())


def test_a_busy_phone_system_is_left_alone_as_long_as_it_asks(bench: Bench) -> None:
    bench.phone_system.faults.add(
        {"kind": "status", "status": 429, "method": "PATCH", "times": 3, "retry_after": 0.3}
    )
    began = time.monotonic()
    rows = bench.execute(
        *(
            change(bench, CommandKind.DISABLE_EXTENSION, str(number), {"enabled": True}, {"enabled": False})
            for number in range(100, 110)
        )
    )
    assert [row.state for row in rows] == ["done"] * 10
    assert all(len(done) == 1 for done in bench.calls("update_user").values())
    assert time.monotonic() - began > 0.3
