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

from shared.database.backends import parse
from shared.errors import SettingsInvalid

PREFIX = "ROLLCALL_"


class ProcessSettings(BaseModel):
    """The settings of one process. Embedded (everything in one process) is the default; see ``is_embedded``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(
        Path("data"), description="Folder of the embedded database, its key and the tokens' files."
    )
    database_url: str = Field(
        "",
        description="postgresql+psycopg://user@host/database or mssql+pyodbc://user@host/database; empty means the "
        "SQLite file rollcall.db in the data folder.",
    )
    database_password: SecretStr | None = Field(
        None, description="Password of the database's user, where the URL names none."
    )
    database_connections: int = Field(
        10,
        ge=1,
        le=200,
        description="Connections to the database that a process keeps; as many again when all are in use.",
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
    tls_certificate: Path | None = Field(
        None,
        description="Certificate with its chain (PEM) with which the API serves HTTPS; read again when it changes.",
    )
    tls_key: Path | None = Field(
        None, description="Key of the certificate, without a password; empty when it is in the same file."
    )
    tls: Literal["auto", "off"] = Field(
        "auto",
        description="auto: `rollcall up` on an address that others reach makes a certificate of its own where none is "
        "given and no proxy is trusted; off: plain HTTP, for a proxy that ends TLS.",
    )
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
        3600.0,
        gt=10,
        le=80_000,
        description="Hard time limit of a task; the broker's visibility timeout is longer.",
    )
    question_seconds: float = Field(30.0, gt=0, description="How long a Test button waits for its answer.")
    worker_threads: int = Field(4, ge=1, le=64, description="Tasks at once in one worker process.")
    alive_file: Path | None = Field(
        None, description="File that a worker or beat touches while it works, for a container's health check."
    )
    flower_host: str = Field("127.0.0.1", description="Address that Flower listens on.")
    flower_port: int = Field(5555, ge=1, le=65535, description="Port of Flower.")
    flower_path: str = Field(
        "flower", pattern=r"^[a-z0-9/_-]*$", description="Path of Flower behind the proxy, without slashes."
    )
    flower_sign_in: SecretStr | None = Field(
        None, description="NAME:PASSWORD that Flower asks for; `rollcall flower` needs it."
    )
    keep_runs_days: int = Field(365, ge=0, description="Days after which an ended run is deleted; 0: never.")
    keep_log_days: int = Field(
        365, ge=0, description="Days after which an entry of the Log is deleted; 0: never."
    )
    keep_snapshots: int = Field(
        20,
        ge=1,
        description="Newest runs of a site whose snapshots are kept, besides the last good one and evidence of removals.",
    )
    copies: Path | None = Field(
        None,
        description="Folder of the daily copies of the embedded database; `copies` in the data folder by default.",
    )
    keep_copies_days: int = Field(
        7, ge=0, description="Days after which a copy of the embedded database is deleted; 0: none is made."
    )
    newest_release: Path | None = Field(
        None,
        description="File that names the newest release of Rollcall, for a notice in the console; none by default.",
    )
    retention_hour: int = Field(
        3,
        ge=0,
        le=23,
        description="Hour (UTC) from which old runs and Log entries are deleted and the embedded database is copied.",
    )

    @model_validator(mode="after")
    def _key_belongs_to_a_certificate(self) -> "ProcessSettings":
        if self.tls_key is not None and self.tls_certificate is None:
            raise ValueError("ROLLCALL_TLS_KEY is given without ROLLCALL_TLS_CERTIFICATE; name both")
        return self

    @model_validator(mode="after")
    def _answers_travel_by_redis(self) -> "ProcessSettings":
        # Celery's answers by RabbitMQ share one connection between the threads of the API, which mixes them up.
        if not self.is_embedded and not self.result_backend_url.startswith(("redis:", "rediss:")):
            raise ValueError(
                "ROLLCALL_RESULT_BACKEND_URL must be a redis:// or rediss:// address that every process "
                "reaches, "
                "with RabbitMQ as the broker too"
            )
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether API, workers and beat share this one process (the in-memory broker)."""
        return self.broker_url.startswith("memory:")

    @property
    def effective_database_url(self) -> str:
        """The database's URL with its password; the embedded SQLite file when none is given.

        :raises SettingsInvalid: it is none of a database that Rollcall knows.
        """
        if not self.database_url:
            return f"sqlite:///{(self.data / 'rollcall.db').absolute()}"
        url = parse(self.database_url)
        password = self.database_password.get_secret_value() if self.database_password else ""
        if password and not url.password:
            url = url.set(password=password)
        return url.render_as_string(hide_password=False)


def load(environment: Mapping[str, str] | None = None, **overrides: object) -> ProcessSettings:
    """Read ``ROLLCALL_*``; ``overrides`` (command line options, lower-case names) win when not ``None``.

    :raises SettingsInvalid: naming every wrong or unknown setting, or a ``*_FILE`` that cannot be read.
    """
    values: dict[str, object] = {}
    for name, text in (os.environ if environment is None else environment).items():
        if name.startswith(PREFIX):
            field, value = _field_and_value(name, text)
            # "NAME=" leaves a setting out, as env files do.
            if value or ProcessSettings.model_fields[field].default is not None:
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
                f"{name} names the file {text}, which cannot be read ({error.strerror}). Correct the path "
                "or its permissions."
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
