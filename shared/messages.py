"""The messages between services: hints that carry ids, never state. The handler re-reads the database.

Additive changes only, so that processes of two versions may work side by side during an upgrade; every message has
a golden file under tests/contract/messages.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import MessageNotUnderstood
from shared.language import phrase


class Message(BaseModel):
    """What every message carries. ``correlation_id`` is the same for all messages of one run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    # The stable name of the Celery task that handles the message; its first part names the queue.
    task: ClassVar[str]

    schema_version: Literal[1] = 1
    message_id: str = Field(default_factory=lambda: uuid4().hex)
    correlation_id: str = ""
    occurred_at: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """The message as it came. Fields that a newer Rollcall has added are passed over.

        :raises MessageNotUnderstood: it means something else than this version knows.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            version = values.get("schema_version", 1) if isinstance(values, Mapping) else "unknown"
            raise MessageNotUnderstood(
                phrase(
                    "A message {task} of version {version!r} cannot be read: another version of Rollcall sent "
                    "it. Nothing is lost, because what it is about is published again; finish the upgrade of all "
                    "processes.",
                    task=cls.task,
                    version=str(version)[:20],
                )
            ) from error


class RunMessage(Message):
    """A message about one run."""

    run_id: int


class SnapshotUnit(RunMessage):
    """A unit of a run waits to be read."""

    task: ClassVar[str] = "collector.snapshot_unit"
    part_id: int


class LocateAbsent(RunMessage):
    """All units are read; bound people found in none of them must be looked for."""

    task: ClassVar[str] = "collector.locate_absent"
    part_id: int


class LookUpPeople(RunMessage):
    """A run that is executed waits for people to be looked up again."""

    task: ClassVar[str] = "collector.look_up_people"
    part_id: int


class SnapshotExtensions(RunMessage):
    """The phone system of a run waits to be read."""

    task: ClassVar[str] = "relay_client.snapshot_extensions"
    part_id: int


class ReadPeople(RunMessage):
    """The people whom a change run is about wait to be read."""

    task: ClassVar[str] = "collector.read_people"
    part_id: int


class ReadSomeExtensions(RunMessage):
    """The extensions that a change run is about wait to be read."""

    task: ClassVar[str] = "relay_client.read_some_extensions"
    part_id: int


class PlanRun(RunMessage):
    """All parts of a run have ended; it can be planned."""

    task: ClassVar[str] = "reconciler.plan_run"


class ExecuteStage(RunMessage):
    """A run has commands to execute; the handler finds out which stage is next."""

    task: ClassVar[str] = "relay_client.execute_stage"


class WriteNumbers(Message):
    """Given numbers of a site are to be written to the directory."""

    task: ClassVar[str] = "collector.write_numbers"
    site_id: str


class TakeChanges(Message):
    """Changes in the directory of a site were noticed, and wait to be taken up by a run."""

    task: ClassVar[str] = "reconciler.take_changes"
    site_id: str


class Notify(Message):
    """There may be something to tell of a site, or to send."""

    task: ClassVar[str] = "notifier.notify"
    site_id: str


RUN_MESSAGES: tuple[type[RunMessage], ...] = (
    SnapshotUnit,
    LocateAbsent,
    LookUpPeople,
    SnapshotExtensions,
    ReadPeople,
    ReadSomeExtensions,
    PlanRun,
    ExecuteStage,
)
MESSAGES: tuple[type[Message], ...] = (*RUN_MESSAGES, WriteNumbers, TakeChanges, Notify)
