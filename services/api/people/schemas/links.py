"""Links, days of grace and unfinished steps on the wire: what a person decides about one extension."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from services.api.web.schemas import Answer, Request, example


class NewLink(Request):
    """Which extension a person is linked to."""

    model_config = example(number="205")
    number: Annotated[str, StringConstraints(min_length=1, max_length=20, strip_whitespace=True)]


class LinkOut(Answer):
    """A person and the extension linked to them."""

    model_config = example(
        person_guid="0f8fad5b-d9cb-469f-a165-70867728950e",
        person_name="Ada Lovelace",
        number="205",
        extension_id=31,
    )
    person_guid: str
    person_name: str
    number: str
    extension_id: int


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
