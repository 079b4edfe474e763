"""The versions of a section: who saved what when, and a version's values without its secrets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from services.api.console.words import field_value
from shared.database.tables import Asset, SettingsVersion, Site
from shared.errors import Conflict, NotFound
from shared.language import declared, named, phrase
from shared.settings.candidate import secret_fields
from shared.settings.documents import SECTION_MODELS, Section
from shared.settings.fields import Field, fields_of, label_of
from shared.settings.store import dumped, open_secrets, unsaved, without_secrets
from shared.worker.context import Context

_SHOWN = 20
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Version:
    """One version and what it changed; of a secret only that it was changed."""

    version: int
    actor: str
    saved_at: datetime
    changes: list[tuple[str, str | None, str | None]]


def read_history(
    context: Context, site_id: str, section: Section, before: int | None = None
) -> list[Version]:
    """Versions, newest first; ``before`` is the last one of the page before."""
    query = select(SettingsVersion).where(
        SettingsVersion.site_id == site_id, SettingsVersion.section == section.value
    )
    if before is not None:
        query = query.where(SettingsVersion.version < before)
    with context.database.read() as session:
        rows = session.scalars(query.order_by(SettingsVersion.version.desc()).limit(_SHOWN + 1)).all()
        initial_values = session.get_one(Site, site_id).beginning
    # The first version changed what the site began with.
    documents = [open_secrets(row.document, context.encryption) for row in rows]
    documents.append(dumped(unsaved(section, initial_values), str))
    versions = [
        Version(row.version, row.actor, row.created_at, list(changes_between(section, older, newer)))
        for row, (newer, older) in zip(rows, pairwise(documents), strict=True)
    ]
    return versions[:_SHOWN]


def values_of(context: Context, site_id: str, section: Section, version: int) -> dict[str, Any]:
    """What a version said, without its secrets: saving it again keeps those of today.

    :raises NotFound: there is no such version.
    :raises Conflict: the logo that it names was deleted.
    """
    with context.database.read() as session:
        document = session.scalar(
            select(SettingsVersion.document).where(
                SettingsVersion.site_id == site_id,
                SettingsVersion.section == section.value,
                SettingsVersion.version == version,
            )
        )
        logo = (document or {}).get("logo") if section is Section.BRANDING else None
        if logo and session.get(Asset, (site_id, f"logo-{logo}")) is None:
            raise Conflict(
                phrase(
                    "Version {version} shows a logo that was deleted. Nothing was restored. Upload the logo again, or choose "
                    "another one, and save.",
                    version=version,
                )
            )
    if document is None:
        raise NotFound(
            phrase(
                "The {section} settings have no version {version}.",
                section=named(section.value),
                version=version,
            )
        )
    return without_secrets(SECTION_MODELS[section], document)


def changes_between(
    section: Section, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Setting by setting what it is in either document; of a secret only that it differs."""
    if section is Section.DIRECTORIES:
        yield from _changes_of_directories(before, after)
        return
    was, becomes = dict(_flat(before)), dict(_flat(after))
    known = fields_of(section)
    for name in dict.fromkeys([*was, *becomes]):
        old, new = was.get(name), becomes.get(name)
        if old == new or (name in known and known[name].kind == "secret"):
            continue
        if isinstance(old, list) and isinstance(new, list):
            rows = [[_shown(row, known.get(name)) for row in side] for side in (old, new)]
            yield from _changed_rows(name, *rows)
        else:
            yield name, _shown(old, known.get(name)), _shown(new, known.get(name))
    for name in secret_fields(section):
        if before.get(name, "") != after.get(name, ""):
            yield name, None, declared("changed") if after.get(name) else declared("removed")


def _changes_of_directories(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Directory by directory, each known by its name."""
    was, becomes = ({row["name"]: row for row in side.get("others", ())} for side in (before, after))
    for name in dict.fromkeys([*was, *becomes]):
        if name not in becomes:
            yield name, declared("removed"), None
        elif name not in was:
            yield name, None, declared("added")
        else:
            for place, old, new in changes_between(Section.DIRECTORY, was[name], becomes[name]):
                yield f"{name}: {label_of(Section.DIRECTORY, place)}", old, new


def _changed_rows(name: str, old: list[str], new: list[str]) -> Iterator[tuple[str, str | None, str | None]]:
    """Row by row what went and what came."""
    yield from ((name, row, None) for row in old if row not in new)
    yield from ((name, None, row) for row in new if row not in old)
    if set(old) == set(new):
        yield name, declared("another order"), "; ".join(new)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_left_out(column: Field, value: Any) -> bool:
    """Whether a row is shown without it: a secret, or a choice that is as ever."""
    return column.kind == "secret" or bool(column.choices and value == column.default)


def _shown(value: Any, field: Field | None) -> str:
    if isinstance(value, str) and value.startswith("-----BEGIN"):
        return declared("a certificate")
    if isinstance(value, Mapping):
        columns = {column.name: column for column in field.columns} if field else {}
        text = ": ".join(
            _shown(part, columns.get(name))
            for name, part in value.items()
            if part and not (name in columns and _is_left_out(columns[name], part))
        )
    else:
        text = field.choices.get(value, "") if field and isinstance(value, str) else ""
        text = text or field_value(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
