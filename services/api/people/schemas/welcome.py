"""Welcome messages on the wire."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from services.api.people.use_cases.welcome import MOST
from services.api.web.schemas import Answer, Request, example

_Number = Annotated[str, StringConstraints(max_length=20, pattern=r"[0-9]", strip_whitespace=True)]


class WelcomeRequest(Request):
    """Whose welcome message is sent again."""

    model_config = example(numbers=["205"])
    numbers: Annotated[list[_Number], Field(min_length=1, max_length=MOST)]


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
