"""What a process must know before it can read the database: ``ROLLCALL_*`` from the environment.

Built once in the entrypoint by ``load`` and passed down; importing this module reads nothing. Any setting may
be given as ``ROLLCALL_<NAME>_FILE``, the path of a file that holds the value. An unknown ``ROLLCALL_*`` name
is refused, with the nearest known one.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from shared.errors import SettingsInvalid

PREFIX = "ROLLCALL_"


class ProcessSettings(BaseModel):
    """The settings of one process. Embedded (everything in one process) is the default; see ``is_embedded``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(
        Path("data"), description="Folder of the embedded database, its key and the tokens' files."
    )
    database_url: str = Field(
        "", description="SQLAlchemy URL; empty means the SQLite file rollcall.db in the data folder."
    )
    broker_url: str = Field(
        "memory://", description="Celery broker: memory:// (embedded), redis://, amqp://."
    )
    result_backend_url: str = Field(
        "cache+memory://", description="Where answers to questions travel: cache+memory:// or redis://."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Key that encrypts stored secrets (44 characters, url-safe base64). Embedded: made on first "
        "start in the data folder.",
    )
    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(8800, ge=0, le=65535, description="Port of the API; 0 takes a free one.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe line logged."
    )
    log_format: Literal["console", "json"] = Field("console", description="For people or for programs.")
    tick_seconds: float = Field(15.0, gt=0, le=60, description="How often due schedules are looked for.")
    sweep_seconds: float = Field(
        30.0, gt=0, description="How often lost or stranded work is published again."
    )
    lease_seconds: float = Field(
        60.0, gt=0.5, description="How long work belongs to a worker that gives no sign of life."
    )
    task_seconds: float = Field(
        3600.0, gt=10, description="Hard time limit of a task; the broker's visibility timeout is longer."
    )
    question_seconds: float = Field(30.0, gt=0, description="How long a Test button waits for its answer.")
    worker_threads: int = Field(4, ge=1, le=64, description="Tasks at once in one worker process.")

    @model_validator(mode="after")
    def _production_needs_a_key(self) -> "ProcessSettings":
        if not self.is_embedded and self.secret_key is None:
            raise ValueError(
                "ROLLCALL_SECRET_KEY is required with a real broker, because every process must share it; "
                "make one with `rollcall token --new-key`"
            )
        if not self.is_embedded and self.result_backend_url.startswith("cache+memory"):
            raise ValueError(
                "ROLLCALL_RESULT_BACKEND_URL must be reachable by every process with a real broker, "
                "for example the same redis:// address"
            )
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether API, workers and beat share this one process (the in-memory broker)."""
        return self.broker_url.startswith("memory:")

    @property
    def effective_database_url(self) -> str:
        """The database's URL, the embedded SQLite file when none is given."""
        return self.database_url or f"sqlite:///{(self.data / 'rollcall.db').absolute()}"


def load(environment: Mapping[str, str] | None = None, **overrides: object) -> ProcessSettings:
    """Read ``ROLLCALL_*``; ``overrides`` (command line options, lower-case names) win when not ``None``.

    :raises SettingsInvalid: naming every wrong or unknown setting, or a ``*_FILE`` that cannot be read.
    """
    values: dict[str, object] = {}
    for name, text in (os.environ if environment is None else environment).items():
        if name.startswith(PREFIX):
            field, value = _field_and_value(name, text)
            values[field] = value
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return ProcessSettings.model_validate(values)
    except ValidationError as error:
        raise SettingsInvalid(
            "The environment settings cannot be used: " + "; ".join(_sentences(error)) + "."
        ) from error


def _field_and_value(name: str, text: str) -> tuple[str, str]:
    field = name.removeprefix(PREFIX).lower()
    known = ProcessSettings.model_fields
    if field in known:
        return field, text
    base = field.removesuffix("_file")
    if base != field and base in known:
        try:
            return base, Path(text).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsInvalid(
                f"{name} names the file {text}, which cannot be read ({error.strerror}). Mend the path or its rights."
            ) from error
    near = difflib.get_close_matches(field, known, n=1)
    hint = f" Did you mean {PREFIX}{near[0].upper()}?" if near else " The README lists the settings."
    raise SettingsInvalid(f"There is no setting {name}.{hint}")


def _sentences(error: ValidationError) -> list[str]:
    return [
        (f"{PREFIX}{str(item['loc'][0]).upper()}: " if item["loc"] else "")
        + item["msg"].removeprefix("Value error, ")
        for item in error.errors(include_input=False, include_url=False)
    ]
