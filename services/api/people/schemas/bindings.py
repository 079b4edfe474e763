"""Links between people and extensions on the wire."""

from typing import Annotated

from pydantic import StringConstraints

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
