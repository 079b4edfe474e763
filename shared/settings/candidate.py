"""What a section would be with values that somebody filled in, and the stored secrets where none is given. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from shared.errors import SettingsInvalid
from shared.language import phrase
from shared.settings import store
from shared.settings.documents import (
    SECTION_MODELS,
    DirectoriesSettings,
    DirectorySettings,
    Document,
    Section,
)
from shared.settings.fields import fields_of
from shared.settings.sentences import called
from shared.settings.store import StoredSettings

# What store.public and pydantic show in place of a secret: somebody who saves what they read changes nothing.
_MASKS = (None, "set", "**********")


def candidate(stored: StoredSettings, section: Section, values: Mapping[str, Any]) -> Document:
    """The document that ``values`` would make, with the stored secrets where none is given.

    A stored secret stays with the address it was given for. It is forgotten when there is no address any more, and
    when it is one that nobody types (a pairing).

    :raises SettingsInvalid: a value is wrong, or a stored secret would go to another address.
    """
    current = section_of(stored, section)
    if section is Section.DIRECTORIES:
        return _candidate_directories(stored, values)
    return keeping_secrets(section, current, values)


def keeping_secrets(
    section: Section, current: Document, values: Mapping[str, Any], place: str = ""
) -> Document:
    """A document in place of ``current`` (a section, or one directory of the list at ``place``), as ``candidate``.

    :raises SettingsInvalid: as ``candidate``.
    """
    merged = dict(values)
    kept = [name for name in secret_fields(section) if merged.get(name) in _MASKS]
    for name in kept:
        merged[name] = getattr(current, name)
    document = store.validate(section, merged)
    if not current.destinations or (document.destinations and document.destinations <= current.destinations):
        return document
    kept = [
        name
        for name in kept
        if getattr(current, name).get_secret_value() and name not in document.OWN_SECRETS
    ]
    # What is in no form is typed by nobody.
    typed = [name for name in kept if fields_of(section)[name].group is not None]
    if typed and document.destinations:
        raise _stays(section, typed[0], current, place)
    return document.model_copy(update=dict.fromkeys(kept, SecretStr("")))


def _candidate_directories(stored: StoredSettings, values: Mapping[str, Any]) -> Document:
    """Each of the other directories with the stored secret of the one of its name, under the rule of its own addresses."""
    known = {directory.name.casefold(): directory for directory in stored.settings.directories.others}
    rows = values.get("others", ())
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        return store.validate(Section.DIRECTORIES, values)
    kept: list[Any] = []
    for row in rows:
        secret = row.get("password")
        before = known.get(str(row.get("name", "")).strip().casefold())
        kept.append(
            {**row, "password": secret if secret not in _MASKS else before.password if before else ""}
        )
    # Said with its place in the list; the rule of the addresses comes after what each value must be.
    document = store.validate(Section.DIRECTORIES, {**values, "others": kept})
    assert isinstance(document, DirectoriesSettings)
    others = [
        keeping_secrets(
            Section.DIRECTORY, known.get(item.name.casefold(), DirectorySettings()), row, f"others.{index}."
        )
        for index, (item, row) in enumerate(zip(document.others, rows, strict=True))
    ]
    return document.model_copy(update={"others": tuple(others)})


def _stays(section: Section, name: str, current: Document, place: str = "") -> SettingsInvalid:
    where = ", ".join(sorted(destination.address for destination in current.destinations))
    why = phrase(
        "It was stored for {where}. Enter it again to use it with another address, security or CA "
        "certificate.",
        where=where,
    )
    section = Section.DIRECTORIES if place else section
    name = f"{place}{name}"
    return SettingsInvalid(
        phrase("{called}: {why} Nothing was sent or saved.", called=called(section, name), why=why),
        place=f"{section}.{name}",
        why=why,
    )


def section_of(stored: StoredSettings, section: Section) -> Document:
    """The document of a section."""
    document: Document = getattr(stored.settings, section.value)
    return document


def secret_fields(section: Section) -> tuple[str, ...]:
    """The names of the section's own secrets; those of its lists are not among them."""
    return tuple(
        name for name, field in SECTION_MODELS[section].model_fields.items() if field.annotation is SecretStr
    )
