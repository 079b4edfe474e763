"""Domain controllers on the wire."""

from datetime import datetime

from pydantic import Field

from services.api.web.schemas import Answer, Request, example

_CONTROLLER = {
    "name": "dc1.corp.example (dc1.corp.example:636)",
    "controller": "dc1.corp.example",
    "server": "dc1.corp.example:636",
    "invocation_id": "7aa9dc3b-0a4b-4d6b-a0d1-6a2f5d1d8a21",
    "read_at": "2026-11-30T08:00:00Z",
    "counts": True,
    "behind_since": None,
    "directory": "",
}


class ControllerOut(Answer):
    """A controller that was read, and whether its readings count in full."""

    model_config = example(**_CONTROLLER)
    name: str
    controller: str = Field(description="Its host name, as it gives it.")
    server: str = Field(description="The address it was asked at.")
    invocation_id: str = Field(description="What it is known by to the others; another one after a restore.")
    read_at: datetime | None
    counts: bool = Field(description="False for one that is behind: what differs there waits.")
    behind_since: datetime | None
    directory: str = Field(
        description="The name of one of directories.others; empty for the first directory."
    )


class ControllerList(Answer):
    """The controllers that the last readings came from."""

    model_config = example(items=[_CONTROLLER])
    items: list[ControllerOut]


class ForgottenController(Request):
    """The controller that is gone for good."""

    model_config = example(name="dc1.corp.example")
    name: str = Field(min_length=1, max_length=300, description="Host name, address or invocationId.")
