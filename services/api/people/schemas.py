"""People and their extensions on the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from services.api.log.schemas import EVENT_EXAMPLE, EventOut
from services.api.people.use_cases import templates, welcome
from services.api.people.use_cases.roll import PeoplePage
from services.api.runs.schemas import CommandOut, FindingOut
from services.api.web.schemas import Answer, Request, example
from shared.roll.entry import RollState, Row


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


_ENTRY: dict[str, Any] = {
    "holder": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "guid": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "name": "Ada Lovelace",
    "number": "205",
    "state": "in_sync",
    "reason": "",
    "since": "2026-11-23T12:00:09Z",
    "until": None,
    "last_seen_at": "2026-11-24T01:00:00Z",
    "department": "Sales",
    "person": {
        "distinguished_name": "CN=Ada Lovelace,OU=Sales,DC=corp,DC=example",
        "unit": "OU=Sales,DC=corp,DC=example",
        "directory": None,
        "presence": "selected",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "login": "ada",
        "number": "205",
        "account_state": "enabled",
    },
    "extension": {
        "id": 31,
        "number": "205",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "mobile": "",
        "enabled": True,
    },
    "drift": [],
}


class DriftOut(Answer):
    """A field that 3CX shows otherwise than the directory, or than Rollcall wrote or found it last."""

    model_config = example(field="last_name", shown="Byron", wanted="Lovelace", written="Lovelace")
    field: str
    shown: str = Field(description="What 3CX has.")
    wanted: str | None = Field(
        description="What the directory says; null where that is the same or not known."
    )
    written: str | None = Field(
        description="What Rollcall wrote or found last: another value was changed in 3CX; null where that is not known."
    )


class RollPersonOut(Answer):
    """How the directory showed a person when they were read last."""

    model_config = example(**_ENTRY["person"])
    distinguished_name: str
    unit: str
    directory: str | None = Field(description="Key of the directory, where the site has several.")
    presence: str | None = Field(description="selected, elsewhere or gone: where the directory has them now.")
    first_name: str
    last_name: str
    email: str
    login: str
    number: str | None
    account_state: str


class RollExtensionOut(Answer):
    """An extension as 3CX shows it."""

    model_config = example(**_ENTRY["extension"])
    id: int
    number: str
    first_name: str
    last_name: str
    email: str
    mobile: str
    enabled: bool


class RollEntryOut(Answer):
    """A person with the extension bound to them, or an extension that nobody is bound to."""

    model_config = example(**_ENTRY)
    holder: str = Field(description="The objectGUID, or “extension” and the id of one that is nobody's.")
    guid: str | None
    name: str
    number: str
    state: RollState
    reason: str
    since: datetime = Field(description="When it came to this state.")
    until: datetime | None = Field(description="When the extension of a leaver is deleted.")
    last_seen_at: datetime | None
    department: str
    person: RollPersonOut | None
    extension: RollExtensionOut | None
    drift: list[DriftOut]

    @classmethod
    def of(cls, row: Row, read_at: datetime | None) -> Self:
        """From a row of the roll and the moment of the last full reading."""
        entry = row.entry
        person = entry.person
        return cls(
            holder=entry.holder,
            guid=entry.guid,
            name=entry.name,
            number=entry.number,
            state=entry.state,
            reason=str(entry.reason),
            since=row.since,
            until=entry.until,
            last_seen_at=row.last_seen_at or read_at,
            department=entry.department,
            person=None
            if person is None
            else RollPersonOut(
                distinguished_name=person.distinguished_name,
                unit=person.unit,
                directory=entry.directory,
                presence=entry.presence,
                first_name=person.first_name,
                last_name=person.last_name,
                email=person.email,
                login=person.login,
                number=person.number,
                account_state=person.account_state,
            ),
            extension=None if entry.extension is None else RollExtensionOut.model_validate(entry.extension),
            drift=[DriftOut.model_validate(item) for item in entry.drift],
        )


class PeopleOut(Answer):
    """A page of people and extensions, and how many there are for each value of a filter under all the others."""

    model_config = example(
        items=[_ENTRY],
        next_after=None,
        read_at="2026-11-24T01:00:00Z",
        total=1,
        states={"in_sync": 1},
        units={"OU=Sales,DC=corp,DC=example": 1},
        departments={"Sales": 1},
        drift=0,
    )
    items: list[RollEntryOut]
    next_after: str | None = Field(description="The after of the next page; null on the last.")
    read_at: datetime | None = Field(
        description="The last full run; null: nothing is known until the next one."
    )
    total: int
    states: dict[str, int]
    units: dict[str, int]
    departments: dict[str, int]
    drift: int

    @classmethod
    def of(cls, page: PeoplePage) -> Self:
        """From what was found."""
        return cls(
            items=[RollEntryOut.of(row, page.read_at) for row in page.rows],
            next_after=page.next_after,
            read_at=page.read_at,
            total=page.counts.total,
            states=dict(page.counts.states),
            units=dict(page.counts.units),
            departments=dict(page.counts.departments),
            drift=page.counts.drift,
        )


class PersonOut(Answer):
    """One row with its history, newest first."""

    model_config = example(entry=_ENTRY, events=[EVENT_EXAMPLE], commands=[])
    entry: RollEntryOut
    events: list[EventOut]
    commands: list[CommandOut]


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
