"""The Log on the wire."""

from datetime import datetime
from typing import Any

from pydantic import Field

from services.api.web.schemas import Answer, example
from shared.database.tables import EventLevel

EVENT_EXAMPLE: dict[str, Any] = {
    "id": 4711,
    "occurred_at": "2026-11-23T12:00:09Z",
    "level": "info",
    "code": "extension.created",
    "message": "Created extension 100 for Ada Lovelace.",
    "actor": "system",
    "run_id": 7,
    "number": "100",
    "person_guid": "0f8fad5b-d9cb-469f-a165-70867728950e",
}


class EventOut(Answer):
    """One entry of the Log."""

    model_config = example(**EVENT_EXAMPLE)
    id: int
    occurred_at: datetime
    level: EventLevel
    code: str
    message: str
    actor: str
    run_id: int | None
    number: str | None
    person_guid: str | None


class LogOut(Answer):
    """A page of the Log, newest first."""

    model_config = example(items=[EVENT_EXAMPLE], next_before=4710)
    items: list[EventOut]
    next_before: int | None = Field(description="The before of the next page; null on the last.")


class LogCleared(Answer):
    """How many entries were removed."""

    model_config = example(removed=1200)
    removed: int
