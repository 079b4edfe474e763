"""Settings taken over from another site: what would differ, and saving the chosen sections. Secrets are not taken over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.api.settings.queries.history import changes_between
from services.api.settings.use_cases.sections import apply_settings
from shared.settings.candidate import secret_fields, section_of
from shared.settings.documents import SECTION_MODELS, Section
from shared.settings.store import StoredSettings, dumped, public, without_secrets
from shared.worker.context import Context

# Each site has a phone system of its own; what counts for all sites is the same everywhere.
TAKEN_SECTIONS = (Section.RULES, Section.LIMITS, Section.SCHEDULE, Section.ARCHIVE, Section.DIRECTORY)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a section would change: label or name of each setting, before and after. ``forgets`` a stored password."""

    section: Section
    changes: Sequence[tuple[str, str | None, str | None]]
    forgets: bool = False


def differences(context: Context, site_id: str, source_id: str) -> list[Difference]:
    """Section by section what taking over from the other site would change; sections that are the same are left out.

    :raises NotFound: one of the sites does not exist.
    """
    target, source = context.site_settings(site_id), context.site_settings(source_id)
    found = []
    for section in TAKEN_SECTIONS:
        before, after = (dumped(section_of(stored, section), str) for stored in (target, source))
        for name in secret_fields(section):
            after[name] = before[name]
        changes = [*changes_between(section, before, after)]
        if changes:
            found.append(Difference(section, changes, _forgets(target, source, section)))
    return found


def take_over(
    context: Context, site_id: str, source_id: str, sections: Sequence[Section], actor: str
) -> dict[str, int]:
    """Save the chosen sections as the other site has them; the new versions of those that changed.

    :raises NotFound: one of the sites does not exist.
    :raises SettingsInvalid: they do not fit to the rest of this site's settings; nothing was saved.
    """
    target, source = context.site_settings(site_id), context.site_settings(source_id)
    wanted: dict[str, dict[str, Any]] = {}
    for section in TAKEN_SECTIONS:
        if section not in sections:
            continue
        values = without_secrets(SECTION_MODELS[section], public(section_of(source, section)))
        if _forgets(target, source, section):
            # A stored secret never goes to an address that it was not given for.
            values |= dict.fromkeys(secret_fields(section), "")
        wanted[section.value] = values
    return apply_settings(context, site_id, wanted, actor) if wanted else {}


def _forgets(target: StoredSettings, source: StoredSettings, section: Section) -> bool:
    before, after = section_of(target, section), section_of(source, section)
    has_secret = any(getattr(before, name).get_secret_value() for name in secret_fields(section))
    return has_secret and not (after.destinations and after.destinations <= before.destinations)
