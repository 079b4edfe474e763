"""Sections of the settings on the wire."""

from typing import Any

from pydantic import Field

from services.api.web.schemas import Answer, example
from shared.settings.documents import Section

_LIMITS = {"removals": 5, "removals_percent": 5.0, "disables": 10, "disables_percent": 10.0}


class SectionOut(Answer):
    """One section of a site's settings. Of a secret it says only ``null`` or ``"set"``."""

    model_config = example(section="limits", version=3, values=_LIMITS)
    section: Section
    version: int = Field(description="0 when the section was never saved and has its defaults.")
    values: dict[str, Any]


class SettingsOut(Answer):
    """All sections of a site's settings."""

    model_config = example(sections=[{"section": "limits", "version": 3, "values": _LIMITS}])
    sections: list[SectionOut]


class SettingsApplied(Answer):
    """The new version of each section that changed; empty when everything was as wanted already."""

    model_config = example(changed={"limits": 4})
    changed: dict[str, int]
