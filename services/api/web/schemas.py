"""The bases of all schemas of the API."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """What the API gives; made from rows and values by attribute."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Request(BaseModel):
    """What the API takes: unknown keys are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# Beside an enumeration: what this version does not know yet. Programs pass over what they do not know.
Added = Annotated[str, Field(description="Newer versions add values.")]


def example(**values: Any) -> ConfigDict:
    """The configuration of a schema with its example."""
    return ConfigDict(json_schema_extra={"examples": [values]})
