"""The settings of signing in as they are stored, each section read alone: an own account must get in to mend whatever is
wrong with other settings.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import structlog
from sqlalchemy import select

from shared.database.tables import SettingsVersion
from shared.errors import SecretUnreadable, SettingsInvalid
from shared.settings import store
from shared.settings.documents import SECTION_MODELS, Document
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

log = structlog.get_logger(__name__)

D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class Rules(Generic[D]):
    """One section, and since when it is so (``None``: never saved)."""

    settings: D
    changed_at: datetime | None


def read_rules(context: Context, kind: type[D]) -> Rules[D]:
    """The section as stored; its defaults when another version of Rollcall saved what is not understood here."""
    section = next(section for section, model in SECTION_MODELS.items() if model is kind)
    with context.database.read() as session:
        row = session.scalar(
            select(SettingsVersion)
            .where(SettingsVersion.site_id == DEFAULT_SITE, SettingsVersion.section == section.value)
            .order_by(SettingsVersion.version.desc())
            .limit(1)
        )
    if row is None:
        return Rules(kind(), None)
    try:
        opened = store.open_secrets(row.document, context.encryption)
        document = store.validate(section, opened, is_stored=True)
    except (SettingsInvalid, SecretUnreadable):
        # Nobody comes in by rules that are not understood.
        log.warning("sign_in_settings_not_understood", section=section.value, version=row.version)
        return Rules(kind(), row.created_at)
    assert isinstance(document, kind)
    return Rules(document, row.created_at)
