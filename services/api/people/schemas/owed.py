"""The steps owed to extensions on the wire."""

from datetime import datetime
from typing import Any

from pydantic import Field

from services.api.web.schemas import Answer, example

_OWED: dict[str, Any] = {
    "number": "205",
    "person_guid": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "person_name": "Ada Lovelace",
    "owes": "refused_steps",
    "answer": "Extension 205 was created, but its settings (RecordCalls) could not be written: 3CX refused.",
    "run_id": 17,
    "begun_at": "2026-11-30T12:00:00Z",
}


class OwedOut(Answer):
    """An extension to which something is still to be done."""

    model_config = example(**_OWED)
    number: str
    person_guid: str
    person_name: str
    owes: str = Field(
        description="steps (the next run does them), refused_steps (3CX refused one; a person decides), "
        "former_extension (only the extension that it replaces is still to go); or the rest of what was begun: disabling, "
        "removal, take_over; or template (its settings were asked for again)."
    )
    answer: str | None = Field(description="What the phone system said last.")
    run_id: int = Field(description="The run that began it.")
    begun_at: datetime


class OwedList(Answer):
    """The extensions of a site that are not finished, by number."""

    model_config = example(items=[_OWED])
    items: list[OwedOut]
