"""The one token: shared by threads and workers, renewed once, and given up when somebody else keeps taking it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from services.relay_client.execution.execute import execute_stage
from services.relay_client.xapi.token import Grant, SharedToken
from services.sandbox.phone_system import PhoneSystemOptions
from shared.database.engine import Database
from shared.database.tables import PhoneSystemToken
from shared.errors import BadCredentials, TokenTakenOver
from tests.integration.relay_client.conftest import Bench, creation


def _requests(bench: Bench) -> int:
    return bench.phone_system._sandbox.token_requests


def test_a_refused_secret_is_not_tried_again_by_any_thread(bench: Bench) -> None:
    with bench.xapi(client_secret="wrong") as xapi, ThreadPoolExecutor(8) as pool:
        results = [pool.submit(xapi.about) for _thread in range(8)]
        for result in results:
            with pytest.raises(BadCredentials, match="Integrations > API"):
                result.result()
    assert _requests(bench) == 1


def test_a_secret_that_is_not_stored_is_said_to_be_missing(bench: Bench) -> None:
    with (
        bench.xapi(client_secret="") as xapi,
        pytest.raises(BadCredentials, match="No client secret"),
    ):
        xapi.about()


def test_a_token_lost_in_mid_run_is_asked_for_once_by_all_threads_together(bench: Bench) -> None:
    bench.phone_system.faults.add({"kind": "steal_token", "method": "POST", "path": "/Users", "skip": 3})
    rows = bench.execute(*(creation(index) for index in range(1, 17)))
    assert [row.state for row in rows] == ["done"] * 16
    assert all(len(done) == 1 for done in bench.calls("create_user").values())
    assert _requests(bench) == 2


def test_a_token_that_is_lost_again_and_again_stops_the_run_and_says_why(bench: Bench) -> None:
    bench.phone_system.faults.add({"kind": "steal_token", "times": 1000})
    run_id = bench.start([creation(1)])
    with pytest.raises(TokenTakenOver, match="another program"):
        execute_stage(bench.context, run_id, bench.archiver)
    run = bench.run(run_id)
    assert (run.state, run.error_code) == ("failed", "token_taken_over")
    assert "separate API client" in (run.error_message or "")
    assert [row.state for row in bench.rows(run_id)] == ["skipped"]
    assert _requests(bench) == 2
    assert not bench.phone_system.state.calls


def test_two_thefts_a_while_apart_are_both_survived(bench: Bench) -> None:
    for skip in (2, 9):
        bench.phone_system.faults.add(
            {"kind": "steal_token", "method": "POST", "path": "/Users", "skip": skip}
        )
    bench.configure(concurrency=1)
    rows = bench.execute(*(creation(index) for index in range(1, 17)))
    assert [row.state for row in rows] == ["done"] * 16
    assert _requests(bench) == 3


class TestShortLife:
    """A phone system whose tokens live for a second."""

    @pytest.fixture
    def options(self, release: str) -> PhoneSystemOptions:
        return PhoneSystemOptions(extensions=10, expires_in=1, latency_ms=20, release=release)

    def test_tokens_that_expire_in_mid_run_are_renewed_and_nothing_fails(self, bench: Bench) -> None:
        bench.configure(concurrency=2)
        rows = bench.execute(*(creation(index) for index in range(1, 101)))
        assert [row.state for row in rows] == ["done"] * 100
        assert _requests(bench) >= 2


class TestNoLife:
    """A phone system that rejects even the token it has just given."""

    @pytest.fixture
    def options(self) -> PhoneSystemOptions:
        return PhoneSystemOptions(extensions=10, expires_in=0)

    def test_a_token_rejected_at_once_is_not_asked_for_in_a_loop(self, bench: Bench) -> None:
        with bench.xapi() as xapi, pytest.raises(TokenTakenOver):
            xapi.about()
        assert _requests(bench) <= 3


def test_two_workers_share_a_token_and_renew_it_once(bench: Bench) -> None:
    other_worker = Database(bench.context.settings.effective_database_url)
    asked: list[float] = []
    barrier = threading.Barrier(8)

    def _ask() -> Grant:
        asked.append(1)
        return Grant(f"token {len(asked)}", 3600)

    def _current(token: SharedToken) -> str:
        barrier.wait()
        return token.current()

    def _replace(token: SharedToken) -> str:
        barrier.wait()
        return token.replace("token 1")

    shared = [
        SharedToken(database, bench.context.encryption, "one phone system", _ask)
        for database in (bench.context.database, other_worker) * 4
    ]
    try:
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(_current, shared)) == {"token 1"}
            assert len(asked) == 1
            # 3CX rejects it for all of them at the same moment.
            assert set(pool.map(_replace, shared)) == {"token 2"}
            assert len(asked) == 2
    finally:
        other_worker.close()


def test_a_token_is_kept_encrypted_and_forgotten_a_day_after_its_time(bench: Bench) -> None:
    token = SharedToken(
        bench.context.database, bench.context.encryption, "mine", lambda: Grant("very secret", 3600)
    )
    with bench.context.database.begin() as session:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        session.add(PhoneSystemToken(name="old", token="x", obtained_at=long_ago, renew_at=long_ago))
    assert token.current() == "very secret"
    with bench.context.database.read() as session:
        (row,) = session.scalars(select(PhoneSystemToken))
    assert "very secret" not in row.token
    assert "mine" not in row.name


def test_a_token_that_this_deployment_s_key_cannot_read_is_replaced(bench: Bench) -> None:
    made = SharedToken(bench.context.database, bench.context.encryption, "mine", lambda: Grant("one", 3600))
    made.current()
    with bench.context.database.begin() as session:
        session.scalars(select(PhoneSystemToken)).one().token = "written with another key"
    again = SharedToken(bench.context.database, bench.context.encryption, "mine", lambda: Grant("two", 3600))
    assert again.current() == "two"
