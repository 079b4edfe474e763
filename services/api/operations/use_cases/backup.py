"""What a backup holds: the configuration of every site, who holds which extension, and who may sign in.

Not in it: runs, the Log and the audit (the database's own backup keeps those), access tokens of phone systems and
browsers that are signed in. A restored deployment finds both ends in step, because the bindings are the memory of what
was done; its first run is held, as any first run, if it has anything to do.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlalchemy.types import TypeEngine

from shared.database import audit_chain, events
from shared.database.tables import (
    Account,
    ApiToken,
    Asset,
    Base,
    BindingRow,
    GivenNumberRow,
    GraceRow,
    SettingsVersion,
    Site,
)
from shared.database.types import Line, UtcDateTime
from shared.encryption import Encryption
from shared.errors import BackupUnusable, SettingsInvalid
from shared.language import declared, phrase
from shared.settings import store
from shared.settings.documents import Document, Section
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

# By the name under which its rows stand in the backup; sites first, because the others refer to them.
TABLES: Mapping[str, type[Base]] = {
    "sites": Site,
    "bindings": BindingRow,
    "graces": GraceRow,
    "given_numbers": GivenNumberRow,
    "assets": Asset,
    "accounts": Account,
    "tokens": ApiToken,
}
_SETTINGS = "settings"
# The audit itself is not in a backup; its head proves later that nothing was removed up to then.
AUDIT_HEAD = "audit_head"
# What backups of earlier versions do not have; it is restored as nothing.
_ADDED_LATER = ("graces", "given_numbers", AUDIT_HEAD)
# Given anew by the database that is restored into.
_MADE_ANEW = ("id",)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SavedSettings:
    """A section of a site's settings as it was, with its secrets."""

    site_id: str
    section: Section
    version: int
    document: Document


@dataclass(frozen=True, slots=True)
class Backup:
    """The validated content of a backup: rows as they are stored, by the names of ``TABLES``, and the settings."""

    rows: Mapping[str, Sequence[Row]]
    settings: Sequence[SavedSettings]

    @property
    def site_ids(self) -> set[str]:
        """The sites it holds."""
        return {row["id"] for row in self.rows["sites"]}


def collect(context: Context, actor: str) -> dict[str, Any]:
    """Everything of one moment, as JSON values with the secrets readable; noted in the audit.

    :raises SecretUnreadable: a stored secret cannot be read with the deployment's key.
    """
    with context.database.read() as session:
        content: dict[str, Any] = {
            name: [_plain(row) for row in session.scalars(select(table)).all()]
            for name, table in TABLES.items()
        }
        content[_SETTINGS] = list(_settings(session, context.encryption))
        counts = {name: len(rows) for name, rows in content.items()}
        content[AUDIT_HEAD] = [audit_chain.head_of(session)]
    with context.database.begin() as session:
        events.audit(session, DEFAULT_SITE, actor=actor, action="backup.made", details=counts)
    return content


def parse(content: Any) -> Backup:
    """The content, proven to fit this Rollcall and itself.

    :raises BackupUnusable: naming the first thing that does not.
    """
    if isinstance(content, dict):
        content = {name: [] for name in _ADDED_LATER} | content
    if not isinstance(content, dict) or set(content) != {*TABLES, _SETTINGS, AUDIT_HEAD}:
        raise BackupUnusable(
            declared(
                "The backup contains data that this version of Rollcall does not know: it is from a newer "
                "version. Upgrade first, then restore. Nothing was changed."
            )
        )
    backup = Backup(
        {name: _rows(name, content[name]) for name in TABLES},
        [_saved(item) for item in _list(_SETTINGS, content[_SETTINGS])],
    )
    named = [
        row["site_id"]
        for name in ("bindings", "graces", "given_numbers", "assets", "tokens")
        for row in backup.rows[name]
    ]
    unknown = {site for site in named if site is not None} | {item.site_id for item in backup.settings}
    if missing := sorted(unknown - backup.site_ids):
        raise BackupUnusable(
            phrase(
                "The backup refers to the site '{missing}', which is not in it. Nothing was changed.",
                missing=missing[0],
            )
        )
    return backup


def columns_of(table: type[Base]) -> list[str]:
    """The columns of a table that a backup keeps."""
    is_numbered = table in (Account, ApiToken)
    return [
        column.name for column in table.__table__.columns if not (is_numbered and column.name in _MADE_ANEW)
    ]


def _settings(session: Session, encryption: Encryption) -> Iterator[Row]:
    newest = (
        select(func.max(SettingsVersion.id))
        .group_by(SettingsVersion.site_id, SettingsVersion.section)
        .scalar_subquery()
    )
    for row in session.scalars(select(SettingsVersion).where(SettingsVersion.id.in_(newest))):
        document = store.open_secrets(row.document, encryption)
        yield {
            "site_id": row.site_id, "section": row.section, "version": row.version, "document": document,
        }  # fmt: skip


def _saved(item: Any) -> SavedSettings:
    try:
        read = _SavedSettings.model_validate(item)
        section = Section(read.section)
        return SavedSettings(
            read.site_id, section, read.version, store.validate(section, read.document, is_stored=True)
        )
    except ValidationError as error:
        raise _unfit(_SETTINGS, error) from error
    except SettingsInvalid as error:
        raise BackupUnusable(phrase("{message} Nothing was changed.", message=error.message)) from error
    except ValueError as error:
        raise BackupUnusable(
            declared(
                "The backup contains a section of settings that this version of Rollcall does not know: it "
                "is from a newer version. Upgrade first, then restore. Nothing was changed."
            )
        ) from error


class _SavedSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    site_id: str
    section: str
    version: int = Field(ge=1)
    document: dict[str, Any]


def _rows(name: str, rows: Any) -> list[Row]:
    model = _model(TABLES[name])
    try:
        return [model.model_validate(row).model_dump() for row in _list(name, rows)]
    except ValidationError as error:
        raise _unfit(name, error) from error


def _list(name: str, rows: Any) -> list[Any]:
    if not isinstance(rows, list):
        raise BackupUnusable(
            phrase("The {name} of the backup are not a list. Nothing was changed.", name=name)
        )
    return rows


def _unfit(name: str, error: ValidationError) -> BackupUnusable:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return BackupUnusable(
        phrase(
            "The {name} of the backup do not match this Rollcall ({place}: {problem}): the backup is from "
            "another version. Restore it with that version. Nothing was changed.",
            name=name,
            place=place,
            problem=first["msg"],
        )
    )


@cache
def _model(table: type[Base]) -> type[BaseModel]:
    """A row of the table as the backup writes it. What a newer Rollcall has added is refused, not lost; what an older
    one did not have is what the column's default says.
    """
    fields: dict[str, Any] = {}
    for name in columns_of(table):
        column = table.__table__.columns[name]
        length = getattr(column.type, "length", None)
        kind: Any = _kind_of(column.type)
        if kind is str and length:
            kind = Annotated[str, Field(max_length=length)]
        default = column.default.arg if isinstance(column.default, ScalarElementColumnDefault) else ...
        fields[name] = (kind | None, None) if column.nullable else (kind, default)
    config = ConfigDict(extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")
    made: type[BaseModel] = create_model(table.__name__, __config__=config, **fields)
    return made


def _kind_of(column_type: TypeEngine[Any]) -> type:
    # A decorated type knows no Python type of its own.
    if isinstance(column_type, UtcDateTime):
        return datetime
    return str if isinstance(column_type, Line) else column_type.python_type


def _plain(row: Base) -> Row:
    values: Row = {}
    for name in columns_of(type(row)):
        value = getattr(row, name)
        if isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        values[name] = value
    return values
