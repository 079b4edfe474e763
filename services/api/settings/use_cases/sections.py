"""Reading and changing a site's settings: whole sections, validated before anything is written.

Secrets go in and never come out. A secret that is absent, null or one of the masks that reading shows keeps its
stored value; an empty text clears it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.api.settings.queries.history import changes_between
from shared.database import events
from shared.database.tables import BindingRow, Site
from shared.encryption import Encryption
from shared.errors import Conflict, SettingsInvalid
from shared.language import declared, listed, named, phrase
from shared.roll.rules import take_rules
from shared.settings import store
from shared.settings.candidate import candidate, section_of
from shared.settings.documents import SECTION_MODELS, Document, PhoneSystemSettings, Section
from shared.settings.fields import label_of
from shared.settings.neighbours import phone_system_of, read_addresses
from shared.settings.sentences import called
from shared.settings.store import StoredSettings, dumped
from shared.worker.context import Context

# Of an entry of the audit; a list that was imported may have thousands of rows. The history of the section has them all.
_MOST_CHANGES = 50


def read_section(context: Context, site_id: str, section: Section) -> tuple[dict[str, Any], int]:
    """One section as anyone may see it (a secret is ``null`` or ``"set"``) and its version, 0 when never saved.

    :raises NotFound: there is no such site.
    """
    stored = context.site_settings(site_id)
    return store.public(section_of(stored, section)), stored.versions[section]


def replace_section(
    context: Context,
    site_id: str,
    section: Section,
    values: Mapping[str, Any],
    actor: str,
    expected_version: int | None = None,
    *,
    is_confirmed: bool = False,
) -> int:
    """Make ``values`` the whole section (what is absent gets its default) and return the section's version.

    Saving what is stored already makes no new version; ``is_confirmed`` says that somebody has looked at it, which makes
    the first one.

    :raises SettingsInvalid: a value is wrong; nothing was saved.
    :raises Conflict: ``expected_version`` is no longer the current one; nothing was saved.
    :raises NotFound: there is no such site.
    """
    with context.database.begin() as session:
        stored = store.read(session, site_id, context.encryption)
        current = stored.versions[section]
        if expected_version is not None and expected_version != current:
            raise Conflict(
                phrase(
                    "The {name} settings were changed in the meantime. Reload them, then save.",
                    name=_name(section),
                ),
                current_version=current,
            )
        document = candidate(stored, section, values)
        check_together(stored, {section: document})
        _check_own_phone_system(session, site_id, stored, document)
        return (
            _write(
                session,
                site_id,
                stored,
                document,
                section,
                actor,
                context.encryption,
                is_confirmed=is_confirmed and not current,
            )
            or current
        )


def export_settings(context: Context, site_id: str) -> dict[str, Any]:
    """Every section without its secrets; ``apply_settings`` takes it back and keeps the stored secrets.

    :raises NotFound: there is no such site.
    """
    stored = context.site_settings(site_id)
    exported: dict[str, Any] = {}
    for section in Section:
        values = store.public(section_of(stored, section))
        exported[section.value] = store.without_secrets(SECTION_MODELS[section], values)
    return exported


def apply_settings(context: Context, site_id: str, document: Mapping[str, Any], actor: str) -> dict[str, int]:
    """Make each section of ``document`` what it says, all in one transaction or none at all.

    Returns the new version of every section that changed; sections not named stay as they are.

    :raises SettingsInvalid: naming every wrong value of every section; nothing was saved.
    :raises NotFound: there is no such site.
    """
    with context.database.begin() as session:
        stored = store.read(session, site_id, context.encryption)
        changed: dict[str, int] = {}
        all_wanted = _validate_all(stored, document)
        check_together(stored, all_wanted)
        if Section.PHONE_SYSTEM in all_wanted:
            _check_own_phone_system(session, site_id, stored, all_wanted[Section.PHONE_SYSTEM])
        for section, wanted in all_wanted.items():
            version = _write(session, site_id, stored, wanted, section, actor, context.encryption)
            if version is not None:
                changed[section.value] = version
        return changed


def _validate_all(stored: StoredSettings, document: Mapping[str, Any]) -> dict[Section, Document]:
    wanted: dict[Section, Document] = {}
    problems: list[str] = []
    known = ", ".join(Section)
    for name, values in document.items():
        if name not in [*Section]:
            problems.append(
                phrase(
                    "There is no section '{name}'; the sections are {sections}.", name=name, sections=known
                )
            )
        elif not isinstance(values, Mapping):
            problems.append(
                phrase("The section '{name}' must hold settings by name, such as `name: value`.", name=name)
            )
        else:
            try:
                wanted[Section(name)] = candidate(stored, Section(name), values)
            except SettingsInvalid as error:
                problems.append(error.message)
    if problems:
        raise SettingsInvalid(" ".join([*problems, declared("Nothing was saved.")]))
    return wanted


def _check_own_phone_system(
    session: Session, site_id: str, stored: StoredSettings, document: Document
) -> None:
    """Refuse a phone system on which another site manages extensions: each would log the other out and undo its changes.

    What two sites share since before is saved as ever, so that everything else about them can be changed; the doctor says it.

    :raises SettingsInvalid: another site does.
    """
    if not isinstance(document, PhoneSystemSettings) or not document.base_url:
        return
    place = phone_system_of(document.base_url)
    if place == phone_system_of(stored.settings.phone_system.base_url):
        return
    manages = select(BindingRow.site_id).where(BindingRow.site_id == Site.id).exists()
    others = session.scalars(select(Site.id).where(Site.id != site_id, manages)).all()
    addresses = read_addresses(session)
    if any(place == phone_system_of(addresses.get(other, "")) for other in others):
        # Whoever saves may be of this site alone, and is told no other's name; the doctor names it.
        why = declared(
            "Another site manages this phone system already, and two sites would undo each other's "
            "changes. To read people of another domain, add the domain to that site (Active Directory, "
            "Add another domain)."
        )
        raise SettingsInvalid(
            phrase(
                "{called}: {why} Nothing was saved.", called=called(Section.PHONE_SYSTEM, "base_url"), why=why
            ),
            place=f"{Section.PHONE_SYSTEM}.base_url",
            why=why,
        )


def check_together(stored: StoredSettings, wanted: Mapping[Section, Document]) -> None:
    """Check that the sections can be used together once these are saved.

    :raises SettingsInvalid: they contradict each other.
    """
    together = stored.settings.model_copy(
        update={str(section): document for section, document in wanted.items()}
    )
    contradiction = together.contradiction()
    if contradiction is not None:
        section, name, why = contradiction
        raise SettingsInvalid(
            phrase(
                "The settings contradict each other. {called}: {why} Nothing was saved.",
                called=called(section, name),
                why=why,
            ),
            place=f"{section}.{name}",
            why=why,
        )


def _write(
    session: Session,
    site_id: str,
    stored: StoredSettings,
    document: Document,
    section: Section,
    actor: str,
    encryption: Encryption,
    *,
    is_confirmed: bool = False,
) -> int | None:
    before = section_of(stored, section)
    fields = [
        name for name in type(document).model_fields if getattr(before, name) != getattr(document, name)
    ]
    if not fields and not is_confirmed:
        return None
    changes = [*changes_between(section, dumped(before, str), dumped(document, str))]
    # Not as they were stored at first: of several sections another may have been written before this one.
    former = store.read(session, site_id, encryption).settings.to_rules()
    version = store.write(
        session,
        site_id,
        document,
        actor=actor,
        encryption=encryption,
        expected_version=stored.versions[section],
    )
    rules = store.read(session, site_id, encryption).settings.to_rules()
    take_rules(session, site_id, former, rules, datetime.now(UTC))
    events.record(
        session,
        site_id,
        events.LogEntry(
            "settings.changed",
            phrase(
                "The {section} settings were changed (version {version}): {fields}.",
                section=_name(section),
                version=version,
                fields=listed(
                    dict.fromkeys(label_of(section, place) for place, _was, _becomes in changes) or fields
                ),
            )
            if fields
            else phrase(
                "The {section} settings were confirmed (version {version}).",
                section=_name(section),
                version=version,
            ),
            actor=actor,
        ),
    )
    events.audit(
        session,
        site_id,
        actor=actor,
        action="settings.changed",
        details={
            "section": section.value,
            "version": version,
            "fields": fields,
            "changes": [
                [str(part) if part is not None else None for part in change]
                for change in changes[:_MOST_CHANGES]
            ],
            "changes_in_all": len(changes),
        },
    )
    return version


def _name(section: Section) -> str:
    return named(section.value)
