"""Extensions that are disabled and wait for their deletion, on the wire."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from services.api.web.schemas import Answer, Request, example

_GRACE: dict[str, Any] = {
    "holder": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "name": "Ada Lovelace",
    "number": "205",
    "extension_id": 31,
    "departure": "deleted",
    "days": 30,
    "began_at": "2026-11-30T12:00:00Z",
    "ends_at": "2026-12-30T12:00:00Z",
    "until": None,
    "is_kept": False,
}


class Extend(Request):
    """Until when an extension is kept."""

    model_config = example(until="2027-03-01")
    until: date = Field(description="It is deleted by the first run on this day (UTC).")


class GraceOut(Answer):
    """An extension whose person left: disabled now, deleted later."""

    model_config = example(**_GRACE)
    holder: str = Field(description='The objectGUID, or "extension" and the id of one that is nobody\'s.')
    name: str
    number: str
    extension_id: int
    departure: str = Field(
        description="Which rule counts: deleted, moved_out, disabled or number_cleared. More may be added."
    )
    days: int
    began_at: datetime | None = Field(description="Since when the days count; null while it is not disabled.")
    ends_at: datetime | None = Field(description="When it may be deleted; null while nothing counts down.")
    until: datetime | None = Field(description="Set by hand in place of the days.")
    is_kept: bool = Field(description="Stopped by hand: not deleted.")


class GraceList(Answer):
    """The countdowns of a site, the next deletion first; those that were stopped come last."""

    model_config = example(items=[_GRACE])
    items: list[GraceOut]
