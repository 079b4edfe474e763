"""People and their extensions on the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from services.api.log.schemas import EVENT_EXAMPLE, EventOut
from services.api.people.use_cases import templates, welcome
from services.api.runs.schemas import CommandOut, FindingOut
from services.api.web.schemas import Answer, Request, example


class ExplanationOut(Answer):
    """Everything Rollcall knows of a person, in sentences, with the rows behind them."""

    model_config = example(
        guid="0f8fad5b-d9cb-469f-a165-70867728950e",
        name="Ada Lovelace",
        number="100",
        sentences=["Extension 100 (id 12) is linked to them; it was created for them."],
        commands=[],
        findings=[],
        events=[EVENT_EXAMPLE],
    )
    guid: str
    name: str
    number: str | None
    sentences: list[str]
    commands: list[CommandOut]
    findings: list[FindingOut]
    events: list[EventOut]


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


_ShortNumber = Annotated[str, StringConstraints(min_length=1, max_length=20, strip_whitespace=True)]
_DIFFERENCE = {"field": "RecordCalls", "label": "recording of calls", "template": "yes", "extension": "no"}
_COMPARED = {
    "number": "205",
    "name": "Ada Lovelace",
    "unit": "OU=Sales,DC=corp,DC=example",
    "template": "100",
    "differences": [_DIFFERENCE],
}


class DifferenceOut(Answer):
    """One setting that differs from the template."""

    model_config = example(**_DIFFERENCE)
    field: str = Field(description="The property in 3CX.")
    label: str
    template: str = Field(description="What the template gives.")
    extension: str = Field(description="What the extension has instead; empty when nothing.")


class ComparedOut(Answer):
    """An extension beside its template."""

    model_config = example(**_COMPARED)
    number: str
    name: str
    unit: str
    template: str
    differences: list[DifferenceOut] = Field(description="Empty: it is as the template.")


class TemplateComparison(Answer):
    """Some of the extensions, by number."""

    model_config = example(items=[_COMPARED], total=1)
    items: list[ComparedOut]
    total: int = Field(description="How many extensions have a template, in the unit or in all.")


class WriteAgainRequest(Request):
    """To which extensions the settings of their template are written again."""

    model_config = example(numbers=["205"])
    numbers: Annotated[list[_ShortNumber], Field(min_length=1, max_length=templates.MOST)]


class WriteAgainOut(Answer):
    """The extensions to which the next run writes them."""

    model_config = example(numbers=["205"])
    numbers: list[str]


_Number = Annotated[str, StringConstraints(max_length=20, pattern=r"[0-9]", strip_whitespace=True)]


class WelcomeRequest(Request):
    """Whose welcome message is sent again."""

    model_config = example(numbers=["205"])
    numbers: Annotated[list[_Number], Field(min_length=1, max_length=welcome.MOST)]


class WelcomeSent(Answer):
    """What became of one message."""

    model_config = example(number="205", result="sent", message="3CX sends it to ada@example.com.")
    number: str
    result: Literal["sent", "unknown", "refused"] = Field(
        description="unknown: no answer came, it may have been sent."
    )
    message: str


class WelcomeList(Answer):
    """What became of the messages, by number."""

    model_config = example(
        items=[{"number": "205", "result": "sent", "message": "3CX sends it to ada@example.com."}]
    )
    items: list[WelcomeSent]
