"""The days begin when the extension is disabled, end with its deletion, and a decision by hand stops what is planned."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.database import graces
from shared.domain.command import Command, CommandKind
from shared.domain.grace import Departure, Grace
from tests.integration.relay_client.conftest import Bench, change


def _count_down(bench: Bench, **decided: Any) -> None:
    grace = Grace("guid-103", bench.id_of("103"), "103", "Somebody", Departure.DELETED, 30, **decided)
    with bench.context.database.begin() as session:
        graces.put(session, "default", [grace])


def _known(bench: Bench) -> list[Grace]:
    with bench.context.database.read() as session:
        return graces.of_site(session, "default")


def _disable(bench: Bench) -> Command:
    return change(bench, CommandKind.DISABLE_EXTENSION, "103", {"enabled": True}, {"enabled": False})


def _delete(bench: Bench) -> Command:
    return change(bench, CommandKind.DELETE_EXTENSION, "103", {"number": "103", "enabled": False}, {})


def test_the_days_begin_when_the_extension_is_disabled_and_end_when_it_is_deleted(bench: Bench) -> None:
    _count_down(bench)
    before = datetime.now(UTC)
    bench.execute(_disable(bench))
    (grace,) = _known(bench)
    assert grace.began_at is not None
    assert before <= grace.began_at <= datetime.now(UTC)
    assert any(f"is deleted on {grace.ends_at:%Y-%m-%d}" in message for message in bench.log())
    bench.execute(_delete(bench))
    assert _known(bench) == []


@pytest.mark.parametrize("is_kept", [True, False])
def test_what_somebody_keeps_after_the_plan_was_made_is_not_deleted(bench: Bench, is_kept: bool) -> None:
    bench.execute(_disable(bench))
    run_id = bench.start([_delete(bench)])
    if is_kept:
        _count_down(bench, is_kept=True)
    else:
        _count_down(bench, until=datetime.now(UTC) + timedelta(days=1))
    bench.drain(run_id)
    (row,) = bench.rows(run_id)
    assert (row.state, row.error_message) == (
        "outdated",
        "Its deletion was postponed or stopped after the plan was created.",
    )
    assert "103" in bench.phone_system.state.user_by_number
