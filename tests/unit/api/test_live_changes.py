"""What is said of live changes: that they work, or why not and what happens instead."""

from datetime import UTC, datetime, timedelta

import pytest

from services.api.console.live import live_changes
from shared.domain.watching import WatchState, WatchStatus

NOW = datetime.now(UTC)
JUST = NOW - timedelta(seconds=5)


@pytest.mark.parametrize(
    ("watches", "is_well", "said"),
    [
        ([WatchStatus("", WatchState.LIVE, last_answer_at=JUST)], True, ["Live, no change yet."]),
        (
            [WatchStatus("", WatchState.LIVE, last_answer_at=JUST, last_change_at=NOW - timedelta(minutes=12))],
            True,
            ["Live, last change 12 minutes ago."],
        ),
        (
            [WatchStatus("", WatchState.LIVE, last_answer_at=JUST, needs_full_reading="An OU was moved.")],
            True,
            ["Live", "A full run is required: An OU was moved."],
        ),
        ([], False, ["no process watches", "`rollcall watch`", "on schedule"]),
        (
            [WatchStatus("", WatchState.LIVE, last_answer_at=NOW - timedelta(minutes=3))],
            False,
            ["no process watches"],
        ),
        ([WatchStatus("", WatchState.STARTING)], None, ["Connecting"]),
        (
            [WatchStatus("", WatchState.LIVE, last_answer_at=JUST),
             WatchStatus("emea", WatchState.FAILING, error_message="It does not answer.")],
            False,
            ["Not live. emea.example: It does not answer.", "on schedule"],
        ),
    ],
)  # fmt: skip
def test_live_changes_are_said_to(watches: list[WatchStatus], is_well: bool | None, said: list[str]) -> None:
    found = live_changes(watches, {"": "corp.example", "emea": "emea.example"}, NOW)
    assert found.is_well is is_well
    for words in said:
        assert words in str(found.message)
