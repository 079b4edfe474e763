"""Following a run as server-sent events: from start to end, across reconnects, and without holding anything up."""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import AsyncGeneratorType

import httpx
from sqlalchemy import update

from services.api.use_cases import runs
from shared.database.tables import CommandRow, RunState
from shared.worker.context import Context
from tests.integration.api.builders import complete_units, make_person, make_plan, make_run, set_state
from tests.support.tables import rename_table
from tests.support.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Told:
    """One event as a listener sees it."""

    event: str
    id: str
    data: str


def _events(stream: httpx.Response) -> Iterator[Told]:
    fields: dict[str, str] = {}
    for line in stream.iter_lines():
        if line.startswith(":"):
            continue
        if not line:
            if fields:
                yield Told(fields["event"], fields.get("id", ""), fields["data"])
            fields = {}
            continue
        name, _, value = line.partition(": ")
        fields[name] = value


def _path(run_id: int) -> str:
    return f"/api/v1/runs/{run_id}/events"


def _streams_going(context: Context) -> int:
    """How many streams this deployment's API is telling somebody of."""
    return sum(
        isinstance(found, AsyncGeneratorType)
        and found.ag_frame is not None
        and found.ag_frame.f_locals.get("context") is context
        for found in gc.get_objects()
    )


def _finish_commands(context: Context, run_id: int) -> None:
    with context.database.begin() as session:
        session.execute(update(CommandRow).where(CommandRow.run_id == run_id).values(state="done"))


def test_a_run_is_followed_from_its_start_to_its_end(ready: Context, client: httpx.Client) -> None:
    run_id = make_run(ready)
    with client.stream("GET", _path(run_id)) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.headers["Cache-Control"] == "no-store"
        told = _events(stream)
        assert '"state":"collecting","parts_read":0' in next(told).data
        complete_units(ready, run_id, [make_person()])
        assert '"parts_read":2,"parts_total":4,"people":1' in next(told).data
        set_state(ready, run_id, RunState.EXECUTING, people=1)
        assert '"state":"executing"' in next(told).data
        set_state(ready, run_id, RunState.DONE)
        last, end = list(told)
        assert (last.event, end.event, end.id) == ("progress", "end", "end")
        assert last.data == end.data
        assert '"state":"done"' in end.data


def test_a_plan_that_waits_is_followed_on_after_its_approval(ready: Context, client: httpx.Client) -> None:
    run_id, plan_hash = make_plan(ready)
    with client.stream("GET", _path(run_id)) as stream:
        told = _events(stream)
        assert '"state":"held"' in next(told).data
        runs.approve(ready, run_id, plan_hash, "anna")
        assert '"state":"executing"' in next(told).data
        _finish_commands(ready, run_id)
        assert '"commands":{"done":4}' in next(told).data
        runs.cancel(ready, run_id, "anna")
        assert [one.event for one in told] == ["progress", "end"]


def test_a_listener_that_connects_again_is_told_only_what_is_new(
    ready: Context, client: httpx.Client
) -> None:
    run_id = make_run(ready)
    with client.stream("GET", _path(run_id)) as stream:
        seen = next(_events(stream))
    again = {"Last-Event-ID": seen.id}
    with client.stream("GET", _path(run_id), headers=again) as stream:
        set_state(ready, run_id, RunState.FAILED)
        told = list(_events(stream))
    assert [one.event for one in told] == ["progress", "end"]
    assert told[0].id != seen.id
    # What was missed while nobody listened is told at once.
    with client.stream("GET", _path(run_id), headers=again) as stream:
        assert list(_events(stream)) == told


def test_a_listener_that_was_told_the_end_is_told_to_stay_away(ready: Context, client: httpx.Client) -> None:
    run_id, _ = make_plan(ready, state=RunState.DONE)
    answer = client.get(_path(run_id), headers={"Last-Event-ID": "end"})
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_listener_that_goes_away_ends_its_stream(ready: Context, client: httpx.Client) -> None:
    run_id = make_run(ready)
    with client.stream("GET", _path(run_id)) as stream:
        # Kept, because a reader that is dropped closes the connection.
        told = _events(stream)
        next(told)
        assert _streams_going(ready) == 1
    wait_until("the end of the stream", lambda: not _streams_going(ready), 15)


def test_many_listeners_neither_hold_threads_nor_keep_others_waiting(
    ready: Context, client: httpx.Client
) -> None:
    run_id = make_run(ready)
    # More than the threads that handlers share (40).
    with ExitStack() as listeners:
        limits = httpx.Limits(max_connections=None)
        many = listeners.enter_context(
            httpx.Client(
                base_url=client.base_url, headers=client.headers, limits=limits, timeout=30, trust_env=False
            )
        )
        streams = [_events(listeners.enter_context(many.stream("GET", _path(run_id)))) for _ in range(60)]
        for told in streams:
            next(told)
        threads = threading.active_count()
        began = time.monotonic()
        assert client.get("/api/v1/sites").status_code == 200
        assert time.monotonic() - began < 5
        assert threads < 60
        runs.cancel(ready, run_id, "anna")
        assert all([one.event for one in told] == ["progress", "end"] for told in streams)


def test_a_database_that_is_away_for_a_moment_ends_no_stream(ready: Context, client: httpx.Client) -> None:
    run_id = make_run(ready)
    failed = threading.Event()
    with client.stream("GET", _path(run_id)) as stream:
        told = _events(stream)
        next(told)
        rename_table(ready.database, "runs", "gone")

        def _fails() -> bool:
            return client.get(f"/api/v1/runs/{run_id}/progress").status_code == 503

        wait_until("a failure", _fails, 10)
        failed.wait(0.6)  # longer than the pause between two looks of the stream
        rename_table(ready.database, "gone", "runs")
        set_state(ready, run_id, RunState.FAILED)
        assert [one.event for one in told] == ["progress", "end"]
