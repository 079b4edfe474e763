"""What if: the plan that changed settings would make, before they are saved."""

from collections.abc import Mapping
from typing import Any

from services.api.runs.use_cases import runs
from services.api.settings.use_cases.sections import check_together
from shared.database.tables import Run, RunKind
from shared.settings.candidate import candidate
from shared.settings.documents import Section
from shared.settings.store import public
from shared.settings.what_if import with_tried
from shared.worker.context import Context


def start_what_if(
    context: Context, site_id: str, section: Section, values: Mapping[str, Any], actor: str
) -> Run:
    """Start a run that reads and plans as if ``values`` were the section. Nothing is saved, and nothing can be approved.

    :raises SettingsInvalid: a value is wrong, or a password would have to be saved first.
    :raises Conflict: a run of the site is active.
    """
    stored = context.site_settings(site_id)
    document = candidate(stored, section, values)
    check_together(stored, {section: document})
    # What is kept with the run has no secrets: whoever types a new one saves it first.
    tried = {section.value: public(document)}
    with_tried(stored, tried)
    return runs.start(context, site_id, RunKind.WHAT_IF, actor, tried=tried)
