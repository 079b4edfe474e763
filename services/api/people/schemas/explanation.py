"""What is known of a person, on the wire."""

from services.api.log.schemas import EVENT_EXAMPLE, EventOut
from services.api.runs.schemas import CommandOut, FindingOut
from services.api.web.schemas import Answer, example


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
