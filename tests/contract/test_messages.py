"""Messages: what is on the wire never changes its meaning. Each has a golden file; changes are additive only."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.messages import (
    MESSAGES,
    ExecuteStage,
    LocateAbsent,
    LookUpPeople,
    Message,
    ReadPeople,
    ReadSomeExtensions,
    RunMessage,
    SnapshotExtensions,
    SnapshotUnit,
)
from shared.worker.queues import Queue, queue_of

GOLDEN = Path(__file__).parent / "messages"


def _example(kind: type[Message]) -> Message:
    values: dict[str, object] = {
        "message_id": "0123456789abcdef0123456789abcdef",
        "correlation_id": "run-7",
        "occurred_at": datetime(2026, 11, 23, 12, 4, tzinfo=UTC),
    }
    values |= {"run_id": 7} if issubclass(kind, RunMessage) else {"site_id": "oslo"}
    if issubclass(
        kind,
        SnapshotUnit | LocateAbsent | LookUpPeople | SnapshotExtensions | ReadPeople | ReadSomeExtensions,
    ):
        values["part_id"] = 42
    return kind.model_validate(values)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_a_message_is_on_the_wire_what_its_golden_file_says(kind: type[Message]) -> None:
    golden = json.loads((GOLDEN / f"{kind.task}.json").read_text())
    assert _example(kind).model_dump(mode="json") == golden
    assert kind.model_validate(golden) == _example(kind)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_a_message_of_a_newer_version_with_more_fields_is_still_understood(kind: type[Message]) -> None:
    golden = json.loads((GOLDEN / f"{kind.task}.json").read_text())
    assert kind.model_validate(golden | {"added_later": 1}) == _example(kind)


def test_every_message_goes_to_the_queue_of_the_service_that_handles_it() -> None:
    # The scheduler is called by beat alone, without a message.
    assert {queue_of(kind.task) for kind in MESSAGES} == set(Queue) - {Queue.SCHEDULER}
    assert queue_of(ExecuteStage.task) is Queue.RELAY_CLIENT


def test_a_task_of_no_service_has_no_queue() -> None:
    with pytest.raises(ValueError, match="nobody"):
        queue_of("nobody.does_this")
