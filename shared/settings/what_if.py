"""Settings that are tried and not saved: a run of kind ``what_if`` keeps the documents it tries, without their secrets,
and everything it does goes by them and by whatever else is stored.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.database.tables import Run
from shared.encryption import Encryption
from shared.settings import store
from shared.settings.candidate import candidate
from shared.settings.documents import Section, SiteSettings
from shared.settings.store import StoredSettings

# What a plan can be changed by without another system being asked.
TRIED_SECTIONS = (Section.DIRECTORY, Section.RULES, Section.LIMITS, Section.ARCHIVE)


def with_tried(stored: StoredSettings, tried: Mapping[str, Mapping[str, Any]]) -> StoredSettings:
    """The settings as they would be; a document without its secrets has those that are stored.

    :raises SettingsInvalid: a value is wrong, a secret would go to another address, or the sections do not fit together.
    """
    documents = {name: candidate(stored, Section(name), values) for name, values in tried.items()}
    together: SiteSettings = stored.settings.model_copy(update=documents)
    return StoredSettings(together, stored.versions)


def read_for_run(session: Session, run_id: int, site_id: str, encryption: Encryption) -> StoredSettings:
    """The settings that the run goes by: the current ones, and those it tries.

    :raises NotFound: there is no such site.
    :raises SettingsInvalid: what it tries does not fit to what was saved meanwhile.
    """
    stored = store.read(session, site_id, encryption)
    tried = session.scalar(select(Run.tried_settings).where(Run.id == run_id))
    return with_tried(stored, tried) if tried else stored
