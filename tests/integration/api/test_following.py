"""Following a run as server-sent events: from start to end, across reconnects, and without holding anything up."""

import asyncio
import gc
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import AsyncGeneratorType

import httpx
import pytest
from sqlalchemy import event, update

from services.api.access import tokens
from services.api.runs import following
from services.api.runs.use_cases import runs
from shared.database.tables import CommandRow, RunState
from shared.worker.context import Context
from tests.integration.api.builders import complete_units, make_person, make_plan, make_run, set_state
from tests.support.crowd import ask, request
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
        streams = []
        for name in ("anna", "bert", "cleo", "dora", "emil", "frida"):
            many = listeners.enter_context(_client(client, tokens.create_token(ready, name)))
            streams += [
                _events(listeners.enter_context(many.stream("GET", _path(run_id)))) for _ in range(10)
            ]
        for told in streams:
            next(told)
        threads = threading.active_count()
        began = time.monotonic()
        assert client.get("/api/v1/sites").status_code == 200
        assert time.monotonic() - began < 5
        assert threads < 60
        # One look for all of them.
        with _statements(ready) as asked:
            threading.Event().wait(2.0)
        assert 1 <= asked["FROM runs"] <= 6
        runs.cancel(ready, run_id, "anna")
        assert all([one.event for one in told] == ["progress", "end"] for told in streams)


def test_an_eleventh_stream_of_a_caller_is_refused_and_a_place_that_is_free_is_given(
    ready: Context, client: httpx.Client
) -> None:
    run_id = make_run(ready)
    address = str(client.base_url)
    sent = request("GET", _path(run_id), {"Authorization": client.headers["Authorization"]})

    async def _a_hundred() -> list[int]:
        pending = [asyncio.create_task(ask(address, sent, "127.0.0.1")) for _ in range(100)]
        done, open_still = await asyncio.wait(pending, timeout=20, return_when=asyncio.ALL_COMPLETED)
        for task in open_still:
            task.cancel()
        await asyncio.gather(*open_still, return_exceptions=True)
        return [task.result() for task in done]

    # Those that are refused are answered at once, the ten wait for the run.
    runs_end = threading.Timer(3.0, lambda: runs.cancel(ready, run_id, "anna"))
    runs_end.start()
    statuses = asyncio.run(_a_hundred())
    runs_end.join()
    assert statuses.count(429) == 90
    assert statuses.count(200) == 10
    other = make_run(ready)
    with ExitStack() as ten:
        streams = [_events(ten.enter_context(client.stream("GET", _path(other)))) for _ in range(10)]
        assert all('"state":"collecting"' in next(told).data for told in streams)
        refused = client.get(_path(other), timeout=60)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert refused.headers["Retry-After"] == "5"


def test_a_stream_ends_when_its_token_does(
    ready: Context, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "CHECK_SECONDS", 0.2)
    run_id = make_run(ready)
    token = tokens.create_token(ready, "anna")
    with _client(client, token) as anna, anna.stream("GET", _path(run_id)) as stream:
        told = _events(stream)
        next(told)
        (row,) = [row for row in tokens.list_tokens(ready) if row.name == "anna"]
        tokens.revoke_token(ready, row.id, "test")
        # It ends without being told the end of the run, and does not come back in.
        assert list(told) == []
        assert anna.get(_path(run_id)).status_code == 401


def _client(client: httpx.Client, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=client.base_url, headers={"Authorization": f"Bearer {token}"},
        limits=httpx.Limits(max_connections=None), timeout=30, trust_env=False, verify=False,
    )  # fmt: skip


@contextmanager
def _statements(context: Context) -> Iterator[Counter[str]]:
    """Counts the statements that begin at a table while the block lasts."""
    seen: Counter[str] = Counter()

    def _note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen["FROM runs"] += " ".join(statement.split()).count("FROM runs WHERE runs.id =")

    event.listen(context.database.engine, "before_cursor_execute", _note)
    try:
        yield seen
    finally:
        event.remove(context.database.engine, "before_cursor_execute", _note)


def test_a_database_that_is_away_for_a_moment_ends_no_stream(ready: Context, client: httpx.Client) -> None:
    run_id = make_run(ready)
    failed = threading.Event()
    with client.stream("GET", _path(run_id)) as stream:
        told = _events(stream)
        next(told)
        rename_table(ready.database, "runs", "gone")

        def _fails() -> bool:
            return client.get(f"/api/v1/runs/{run_id}/progress").status_code == 503

        wait_until("a failure", _fails)
        failed.wait(0.6)  # longer than the pause between two looks of the stream
        rename_table(ready.database, "gone", "runs")
        set_state(ready, run_id, RunState.FAILED)
        assert [one.event for one in told] == ["progress", "end"]
