"""Templates on the wire."""

from typing import Annotated

from pydantic import Field, StringConstraints

from services.api.people.use_cases.templates import MOST
from services.api.web.schemas import Answer, Request, example

_Number = Annotated[str, StringConstraints(min_length=1, max_length=20, strip_whitespace=True)]
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
    numbers: Annotated[list[_Number], Field(min_length=1, max_length=MOST)]


class WriteAgainOut(Answer):
    """The extensions to which the next run writes them."""

    model_config = example(numbers=["205"])
    numbers: list[str]
