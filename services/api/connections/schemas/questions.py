"""Questions to the directory and the phone system on the wire."""

from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict, Field

from services.api.web.schemas import Answer, Request, example
from shared.settings.documents import Security

_DIRECTORY = {"servers": ["dc1.corp.example"], "user": "rollcall@corp.example", "password": "(not shown)"}
_COUNT = {"dn": "OU=Sales,DC=corp,DC=example", "people": 128}
_CONTROLLER = {
    "server": "dc1.corp.example:636",
    "controller": "dc1.corp.example",
    "is_used": True,
    "is_read_only": False,
    "seconds": 0.03,
    "missing": 0,
    "heard_at": "2026-11-30T08:00:00Z",
    "problem": "",
}
_UNIT = {"dn": "OU=Sales,DC=corp,DC=example", "name": "Sales", "people": 128, "units": 2}
_ATTRIBUTE = {
    "name": "telephoneNumber",
    "people": 200,
    "filled": 190,
    "numbers": 188,
    "samples": ["204", "x205"],
}
_TRIED = {"field": "number", "expression": "first(ipPhone, telephoneNumber)"}
_TRIED_ROW = {
    "name": "Ada Lovelace",
    "read": {"ipPhone": "204", "telephoneNumber": ""},
    "before": "",
    "after": "204",
    "problem": "",
    "collides": False,
}
_COLLISION = {"value": "204", "people": 2, "names": ["Ada Lovelace", "Alan Turing"]}


class Question(Request):
    """Which settings to ask with."""

    model_config = example(values=None)
    values: dict[str, Any] | None = Field(
        None,
        description="Settings of the section that are not saved yet; a secret that is absent is taken from the "
        "stored ones. Without values the stored settings are used.",
    )


class DirectoryQuestion(Question):
    """A question to the directory, with the stored settings or those given."""

    model_config = example(values=_DIRECTORY, directory="")
    directory: str = Field(
        "", max_length=80, description="The name of one of directories.others; empty for the first directory."
    )


class PhoneSystemQuestion(Question):
    """A question to the phone system, with the stored settings or those given."""

    model_config = example(values={"base_url": "https://pbx.example.com:5001", "client_id": "rollcall"})


class RelayQuestion(Question):
    """A question to the relay, with the stored settings or those given."""

    model_config = example(values={"host": "pbx.example.com", "port": 8801, "public_key": "MCowBQYDK2Vw..."})


class ChannelQuestion(Question):
    """A test message by a channel of notifications, with the stored settings or those given."""

    model_config = example(channel="email")
    channel: str = Field(max_length=20, description="email, teams, slack, webhook or syslog.")


class PairingRequest(Question):
    """Pair with the relay; the settings given are saved first."""

    model_config = example(code="ABCD-EFGH-IJKL-MNOP")
    code: str = Field(
        min_length=4, max_length=100, description="As shown by `rollcall-relay pair`. Valid once."
    )


class UnitsQuestion(DirectoryQuestion):
    """Which organizational units lie below one."""

    model_config = example(base="DC=corp,DC=example")
    base: str = Field("", max_length=2048, description="Distinguished name; empty for the domain.")


class Findings(Answer):
    """What a worker answered, field by field; a newer worker may say more."""

    model_config = ConfigDict(extra="allow")


class UnitCount(Findings):
    """How many people a unit of the settings holds."""

    model_config = example(**_COUNT)
    dn: str
    people: int


class ControllerHealthOut(Answer):
    """A domain controller, in the order in which they are asked."""

    model_config = example(**_CONTROLLER)
    server: str = Field(description="The address it is asked at.")
    controller: str = Field(description="Its host name, as it gives it.")
    is_used: bool = Field(description="Whether it is the one that answered this question.")
    is_read_only: bool
    seconds: float | None = Field(description="Until it had answered.")
    missing: int | None = Field(
        description="Changes of another one that it has not received; null when unknown."
    )
    heard_at: datetime | None = Field(description="When it last heard of that one.")
    problem: str = Field(description="Why it cannot be used; empty when it can.")


class DirectoryAnswer(Findings):
    """What was found in the directory."""

    model_config = example(
        server="dc1.corp.example:636",
        controller="dc1.corp.example",
        base_dn="DC=corp,DC=example",
        security="ldaps",
        certificate_until="2027-09-30",
        units=[_COUNT],
        controllers=[_CONTROLLER],
        seconds=0.14,
        warnings=[],
    )
    server: str
    controller: str
    base_dn: str
    security: Security
    certificate_until: date | None = Field(None, description="The last day of its certificate.")
    units: list[UnitCount]
    controllers: list[ControllerHealthOut] = Field(default_factory=list)
    seconds: float
    warnings: list[str]


class PhoneSystemAnswer(Findings):
    """What was found at the phone system."""

    model_config = example(
        address="https://pbx.example.com:5001",
        version="20.0.6",
        certificate_until="2027-09-30",
        used_extensions=212,
        max_extensions=300,
        is_limit_known=True,
        departments=9,
        seconds=0.41,
        warnings=[],
    )
    address: str
    version: str
    certificate_until: date | None = Field(None, description="The last day of its certificate.")
    used_extensions: int
    max_extensions: int | None = Field(
        description="Of the licence; null when it is unlimited, or when 3CX does not say it."
    )
    is_limit_known: bool = Field(True, description="Whether 3CX says what the licence allows.")
    departments: int
    seconds: float
    warnings: list[str]


class RelayAnswer(Findings):
    """What the relay found on the phone system's host."""

    model_config = example(
        address="pbx.example.com:8801",
        relay="0.1.0",
        protocol=1,
        system="Linux-6.1.0-amd64",
        database="database_single 15.8",
        voicemail_folder="/var/lib/3cxpbx/Instance1/Data/Ivr/Voicemail/Data",
        recordings_folder="/var/lib/3cxpbx/Instance1/Data/Recordings",
        saw=[],
        free_bytes=120_000_000_000,
        store_bytes=0,
        is_usable=True,
        problems=[],
        seconds=0.09,
        warnings=[],
    )
    address: str
    relay: str = Field(description="Version of the relay.")
    protocol: int | None
    system: str
    database: str = Field(
        description="Name and version of the phone system's database; empty when not found."
    )
    voicemail_folder: str | None
    recordings_folder: str | None
    saw: list[str] = Field(description="What the folders were recognised by.")
    free_bytes: int = Field(description="Of the fullest of the disks concerned.")
    store_bytes: int = Field(description="What all backups have.")
    is_usable: bool = Field(description="Whether archiving can work.")
    problems: list[str] = Field(description="What prevents it.")
    seconds: float
    warnings: list[str]


class ChannelAnswer(Findings):
    """Where the test message went."""

    model_config = example(channel="email", sent_to="mail.example.com", seconds=0.2)
    channel: str
    sent_to: str
    seconds: float


class PairingAnswer(Answer):
    """The relay obeys Rollcall from now on."""

    model_config = example(address="pbx.example.com:8801")
    address: str


class UnitChoice(Findings):
    """An organizational unit (or a container that holds people) to choose."""

    model_config = example(**_UNIT)
    dn: str
    name: str
    people: int = Field(description="People in and below it.")
    units: int = Field(description="Organizational units below it.")


class UnitList(Answer):
    """What lies one level below, by name."""

    model_config = example(items=[_UNIT])
    items: list[UnitChoice]


class AttributeChoice(Findings):
    """An attribute to choose, with what a sample of people has in it."""

    model_config = example(**_ATTRIBUTE)
    name: str
    people: int = Field(description="Size of the sample.")
    filled: int = Field(description="How many of the sample have a value.")
    numbers: int = Field(description="How many have a value that gives an extension number.")
    samples: list[str]


class AttributeList(Answer):
    """Attributes of people; those that give most extension numbers first."""

    model_config = example(items=[_ATTRIBUTE])
    items: list[AttributeChoice]


class MappingQuestion(DirectoryQuestion):
    """What to try, with the stored settings or those given."""

    model_config = example(**_TRIED)
    field: str = Field(max_length=64, description="A setting of `directory.attributes`, such as `number`.")
    expression: str | None = Field(
        None,
        max_length=2000,
        description="An attribute's name or an expression; without it, what the settings have for the field.",
    )


class TriedRow(Findings):
    """What becomes of one person."""

    model_config = example(**_TRIED_ROW)
    name: str
    read: dict[str, str] = Field(description="What the person has in the attributes of the expression.")
    before: str = Field(description="The field with the stored settings.")
    after: str = Field(description="The field with what is tried.")
    problem: str = Field(description="Why there is no value; empty when nothing is the matter.")
    collides: bool = Field(description="Whether somebody else would have the same.")


class Collision(Findings):
    """Several people with one number or address."""

    model_config = example(**_COLLISION)
    value: str
    people: int
    names: list[str]


class MappingAnswer(Findings):
    """What an expression gives real people: figures of all that were read, and up to fifty of them."""

    model_config = example(
        field="number",
        people=412,
        is_all=True,
        changed=380,
        empty=12,
        problems=3,
        colliding=2,
        collisions=[_COLLISION],
        rows=[_TRIED_ROW],
    )
    field: str
    people: int = Field(description="How many were read.")
    is_all: bool = Field(description="Whether these are all people of the units.")
    changed: int
    empty: int = Field(description="How many get nothing.")
    problems: int = Field(description="For how many there is a value that cannot be used.")
    colliding: int = Field(description="How many share a number or an address with somebody else.")
    collisions: list[Collision]
    rows: list[TriedRow]


class ExtensionChoice(Answer):
    """An extension to choose."""

    model_config = example(number="100", name="Ada Lovelace")
    number: str
    name: str


class ExtensionList(Answer):
    """The phone system's extensions, by number."""

    model_config = example(items=[{"number": "100", "name": "Ada Lovelace"}])
    items: list[ExtensionChoice]
