"""Reads and writes the settings documents of a site: versioned, validated whole, secrets encrypted inside."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from shared.database.found import DEFAULT_SITE as DEFAULT_SITE
from shared.database.found import no_site
from shared.database.locks import exclusive
from shared.database.tables import SettingsVersion, Site
from shared.encryption import Encryption
from shared.errors import Conflict, SettingsInvalid
from shared.language import named, phrase
from shared.mapping.mapping import compile_mapping
from shared.settings.documents import (
    SECTION_MODELS,
    ArchiveSettings,
    DirectorySettings,
    Document,
    RulesSettings,
    Section,
    SiteSettings,
)
from shared.settings.fields import beginning, fields_of
from shared.settings.sentences import problems_in_words

_ENCRYPTED = "$encrypted"
_OTHER = aliased(SettingsVersion)
# What every site began with, and the newest version of every section; made once, because that costs as much as to ask.
_NEWEST_OF_ALL = select(
    Site.id, Site.beginning, SettingsVersion.section, SettingsVersion.version, SettingsVersion.document
).outerjoin(
    SettingsVersion,
    (SettingsVersion.site_id == Site.id)
    & (
        SettingsVersion.version
        == select(func.max(_OTHER.version))
        .where(_OTHER.site_id == SettingsVersion.site_id, _OTHER.section == SettingsVersion.section)
        .scalar_subquery()
    ),
)
_NEWEST = _NEWEST_OF_ALL.where(Site.id == bindparam("site"))


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """A site's settings with the version of each section (0: never saved, the defaults)."""

    settings: SiteSettings
    versions: Mapping[str, int]


def ensure_site(session: Session, site_id: str = DEFAULT_SITE) -> None:
    """Make the site if it is not there."""
    if session.get(Site, site_id) is None:
        session.add(new_site(site_id))
        session.flush()


def new_site(site_id: str, name: str = "") -> Site:
    """A site as it begins, to be added to a session."""
    return Site(
        id=site_id,
        name=name or site_id,
        created_at=datetime.now(UTC),
        beginning={section: dict(values) for section, values in beginning().items()},
    )


def initial_values(beginning: Mapping[str, Any] | None, archive: Document | None) -> Mapping[str, Any]:
    """What a site began with, as far as it counts: some of it only while archiving is off."""
    if beginning is None or not (isinstance(archive, ArchiveSettings) and archive.is_enabled):
        return beginning or {}
    return {
        section: {name: value for name, value in values.items() if _counts_with_archiving(section, name)}
        for section, values in beginning.items()
    }


def _counts_with_archiving(section: str, name: str) -> bool:
    known = fields_of(Section(section)) if section in [*Section] else {}
    return name not in known or not known[name].unless_archiving


def unsaved(section: Section, initial_values: Mapping[str, Any] | None) -> Document:
    """What a section has that was never saved, in a site that began with these values."""
    return validate(section, (initial_values or {}).get(section.value, {}))


def validate(section: Section, values: Mapping[str, Any], *, is_stored: bool = False) -> Document:
    """The section's document; what ``is_stored`` already is not refused for a rule that came later.

    :raises SettingsInvalid: with one sentence per wrong value, none of which repeats a secret.
    """
    try:
        return SECTION_MODELS[section].model_validate(values, context={"is_stored": is_stored})
    except ValidationError as error:
        raise SettingsInvalid(
            phrase(
                "The {section} settings are invalid. {problems_in_words}",
                section=named(section.value),
                problems_in_words=problems_in_words(error, section),
            )
        ) from error


def read(session: Session, site_id: str, encryption: Encryption) -> StoredSettings:
    """The current settings of a site.

    :raises NotFound: there is no such site.
    :raises SecretUnreadable: the deployment's key has changed.
    :raises SettingsInvalid: another version of Rollcall saved what this one does not know.
    """
    rows = session.execute(_NEWEST, {"site": site_id}).all()
    if not rows:
        raise no_site(site_id)
    return _stored(rows, encryption)


def read_all(session: Session, encryption: Encryption) -> dict[str, StoredSettings | SettingsInvalid]:
    """The current settings of every site, or why they are invalid; in one statement.

    :raises SecretUnreadable: the deployment's key has changed.
    """
    found: dict[str, StoredSettings | SettingsInvalid] = {}
    of_all = session.execute(_NEWEST_OF_ALL.order_by(Site.id)).all()
    for site_id, rows in groupby(of_all, key=attrgetter("id")):
        try:
            found[site_id] = _stored([*rows], encryption)
        except SettingsInvalid as error:
            found[site_id] = error
    return found


def _stored(rows: Sequence[Row[Any]], encryption: Encryption) -> StoredSettings:
    documents: dict[str, Document] = {}
    versions = {section.value: 0 for section in Section}
    for row in rows:
        # None of a site that has saved nothing; another of a newer Rollcall, whose processes work beside this one
        # during an upgrade.
        if row.section in versions:
            documents[row.section] = _stored_document(row.section, row.version, row.document, encryption)
            versions[row.section] = row.version
    begun = initial_values(rows[0].beginning, documents.get(Section.ARCHIVE))
    for name in begun.keys() & versions.keys() - documents.keys():
        documents[name] = unsaved(Section(name), begun)
    return StoredSettings(SiteSettings.model_validate(documents), versions)


def _stored_document(
    section: str, version: int, values: Mapping[str, Any], encryption: Encryption
) -> Document:
    try:
        return _opened(Section(section), json.dumps(values), encryption)
    except SettingsInvalid as error:
        raise SettingsInvalid(
            phrase(
                "{message} They were saved by another version of Rollcall (version {version} of the "
                "section): upgrade this process, or save the section again.",
                message=error.message,
                version=version,
            )
        ) from error


# Settings are read at every step of every run, and seldom change. To decrypt and check them takes most of it.
@lru_cache(maxsize=1024)
def _opened(section: Section, text: str, encryption: Encryption) -> Document:
    return validate(section, open_secrets(json.loads(text), encryption), is_stored=True)


def write(
    session: Session,
    site_id: str,
    document: Document,
    *,
    actor: str,
    encryption: Encryption,
    expected_version: int | None = None,
) -> int:
    """Store the document as the section's next version and return that version.

    :raises Conflict: ``expected_version`` is no longer the current one; nothing was saved.
    """
    section = next(section for section, model in SECTION_MODELS.items() if isinstance(document, model))
    exclusive(session, f"settings of {site_id}")
    current = (
        session.scalar(
            select(func.max(SettingsVersion.version)).where(
                SettingsVersion.site_id == site_id, SettingsVersion.section == section
            )
        )
        or 0
    )
    stale = Conflict(
        phrase(
            "The {section} settings were changed in the meantime. Reload them, then save.",
            section=named(section.value),
        ),
        current_version=current,
    )
    if expected_version is not None and expected_version != current:
        raise stale
    session.add(
        SettingsVersion(
            site_id=site_id,
            section=section.value,
            version=current + 1,
            document=seal_secrets(document, encryption),
            actor=actor,
            created_at=datetime.now(UTC),
        )
    )
    try:
        session.flush()
    except IntegrityError as error:
        raise stale from error
    return current + 1


def public(document: Document) -> dict[str, Any]:
    """The document as anyone may see it: of a secret only whether it is set (``null`` or ``"set"``)."""
    return dumped(document, lambda secret: "set" if secret else None)


def dumped(document: Document, written: Callable[[str], Any]) -> dict[str, Any]:
    """The document as JSON, each secret in it, however deep, as ``written`` has it."""
    return _with_secrets(document.model_dump(mode="json"), document, written)


def _with_secrets(
    values: dict[str, Any], document: Document, written: Callable[[str], Any]
) -> dict[str, Any]:
    for name in type(document).model_fields:
        value = getattr(document, name)
        if isinstance(value, SecretStr):
            values[name] = written(value.get_secret_value())
        elif isinstance(value, Document):
            _with_secrets(values[name], value, written)
        elif isinstance(value, tuple):
            for item, inside in zip(values[name], value, strict=True):
                if isinstance(inside, Document):
                    _with_secrets(item, inside, written)
    return values


def without_secrets(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """A document of this model as JSON, without the secrets that are in it, however deep."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        item = model.model_fields[name].annotation if name in model.model_fields else None
        if item is SecretStr:
            continue
        inside = next(
            (
                kind
                for kind in (item, *get_args(item))
                if isinstance(kind, type) and issubclass(kind, BaseModel)
            ),
            None,
        )
        if inside is not None and isinstance(value, Mapping):
            kept[name] = without_secrets(inside, value)
        elif inside is not None and isinstance(value, list | tuple):
            kept[name] = [without_secrets(inside, row) for row in value]
        else:
            kept[name] = value
    return kept


def with_newest_key(values: Mapping[str, Any], encryption: Encryption) -> dict[str, Any]:
    """A stored document whose secrets are all encrypted with the newest key; equal to ``values`` when they are already.

    :raises SecretUnreadable: none of the keys can read one of them.
    """

    def renewed(sealed: str) -> dict[str, str]:
        is_current = encryption.is_current(sealed)
        return {_ENCRYPTED: sealed if is_current else encryption.encrypt(encryption.decrypt(sealed))}

    return {name: _with_opened(value, renewed) for name, value in values.items()}


def secrets_in(values: Mapping[str, Any]) -> list[str]:
    """The encrypted secrets of a stored document."""
    found: list[str] = []
    _with_opened(dict(values), found.append)
    return found


def _with_opened(value: Any, opened: Callable[[str], Any]) -> Any:
    """Part of a stored document with what ``opened`` makes of each encrypted secret in it."""
    if isinstance(value, Mapping):
        if _ENCRYPTED in value:
            return opened(value[_ENCRYPTED])
        return {name: _with_opened(inside, opened) for name, inside in value.items()}
    return [_with_opened(item, opened) for item in value] if isinstance(value, list) else value


def selection_hash(
    directory: DirectorySettings,
    rules: RulesSettings = RulesSettings(),
    others: Iterable[DirectorySettings] = (),
) -> str:
    """A hash of everything that decides who is selected and under which number.

    A run after a change of it is held, because most people may look gone.
    """
    chosen = _selection(directory)
    if rules.number_ranges:
        # Whoever had no extension for want of a number gets one; without ranges the hash stays what it was.
        chosen["ranges"] = [item.model_dump(mode="json", exclude={"order"}) for item in rules.number_ranges]
    further = [_selection(other) for other in others]
    if further:
        chosen["others"] = further
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def selection_of(settings: SiteSettings) -> str:
    """``selection_hash`` of all directories of a site."""
    return selection_hash(settings.directory, settings.rules, settings.directories.others)


def _selection(directory: DirectorySettings) -> dict[str, Any]:
    number = directory.attributes.number
    return {
        "units": [unit.dn.lower() for unit in directory.units],
        "filter": directory.filter,
        "required_group": directory.required_group.lower(),
        # In an expression capitals may make a difference.
        "number": number if compile_mapping(number).is_expression else number.lower(),
        "number_rule": directory.number_rule.model_dump(),
    }


def seal_secrets(document: Document, encryption: Encryption) -> dict[str, Any]:
    """The document as it is stored: its secrets encrypted."""
    return dumped(document, lambda secret: {_ENCRYPTED: encryption.encrypt(secret)} if secret else "")


def open_secrets(values: Mapping[str, Any], encryption: Encryption) -> dict[str, Any]:
    """A stored document with its secrets readable.

    :raises SecretUnreadable: none of the keys can read one of them.
    """
    return {name: _with_opened(value, encryption.decrypt) for name, value in values.items()}
