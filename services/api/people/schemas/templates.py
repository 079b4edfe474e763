"""Settings of templates and welcome messages on the wire."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from services.api.people.use_cases import templates, welcome
from services.api.web.schemas import Answer, Request, example

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
