"""People and extensions, and the explanation of one, on the wire."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from services.api.log.schemas import EVENT_EXAMPLE, EventOut
from services.api.people.use_cases.roll import PeoplePage
from services.api.runs.schemas import CommandOut, FindingOut
from services.api.web.schemas import Answer, example
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

    model_config = example(
        field="last_name", shown="Byron", wanted="Lovelace", written="Lovelace",
        changed_by="Grace Hopper", changed_on="2026-11-30T09:14:02Z",
    )  # fmt: skip
    field: str
    shown: str = Field(description="What 3CX has.")
    wanted: str | None = Field(
        description="What the directory says; null where that is the same or not known."
    )
    written: str | None = Field(
        description="What Rollcall wrote or found last: another value was changed in 3CX; null where that is not known."
    )
    changed_by: str = Field(
        description="Who changed it in 3CX, by its audit log; empty where that is not told."
    )
    changed_on: datetime | None = Field(description="When, by the audit log of 3CX.")


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
