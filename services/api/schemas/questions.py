"""Questions to the directory and the phone system on the wire."""

from typing import Any

from pydantic import ConfigDict, Field

from services.api.schemas.base import Answer, Request, example

_DIRECTORY = {"servers": ["dc1.corp.example"], "user": "rollcall@corp.example", "password": "(not shown)"}


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

    model_config = example(values=_DIRECTORY)


class PhoneSystemQuestion(Question):
    """A question to the phone system, with the stored settings or those given."""

    model_config = example(values={"base_url": "https://pbx.example.com:5001", "client_id": "rollcall"})


class UnitsQuestion(Question):
    """Which organizational units lie below one."""

    model_config = example(base="DC=corp,DC=example")
    base: str = Field("", max_length=2048, description="Distinguished name; empty for the domain.")


class Findings(Answer):
    """What a worker answered, field by field."""

    model_config = ConfigDict(extra="allow")


class DirectoryAnswer(Findings):
    """What was found in the directory."""

    model_config = example(server="dc1.corp.example", units=[], warnings=[])


class PhoneSystemAnswer(Findings):
    """What was found at the phone system."""

    model_config = example(
        address="https://pbx.example.com:5001",
        version="20.0.6",
        used_extensions=212,
        max_extensions=300,
        departments=9,
        seconds=0.41,
        warnings=[],
    )


class UnitList(Answer):
    """Organizational units."""

    model_config = example(items=[{"dn": "OU=Sales,DC=corp,DC=example", "name": "Sales"}])
    items: list[Any]


class AttributeList(Answer):
    """Attributes that people in the directory can have."""

    model_config = example(items=["telephoneNumber", "ipPhone", "mobile"])
    items: list[Any]


class ExtensionChoice(Answer):
    """An extension to choose."""

    model_config = example(number="100", name="Ada Lovelace")
    number: str
    name: str


class ExtensionList(Answer):
    """The phone system's extensions, by number."""

    model_config = example(items=[{"number": "100", "name": "Ada Lovelace"}])
    items: list[ExtensionChoice]
