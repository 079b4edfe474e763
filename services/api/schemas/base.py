"""The bases of all schemas of the API."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """What the API gives; made from rows and values by attribute."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Request(BaseModel):
    """What the API takes: unknown keys are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def example(**values: Any) -> ConfigDict:
    """The configuration of a schema with its example."""
    return ConfigDict(json_schema_extra={"examples": [values]})
