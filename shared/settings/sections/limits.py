"""The limits: which plans need approval."""

from shared.domain.rules import Limits
from shared.settings.declaration import Document, Group, setting

DELETIONS = Group("Deletions")
DEACTIVATIONS = Group("Deactivations")
CHANGES = Group("Changes")
PEOPLE = Group("Drop in number of people")
MANAGED = "% of managed extensions"
# Type and default of a limit are those of the guards' field of the same name.
DEFAULTS = Limits()


class LimitsSettings(Document):
    """A plan needs approval when both limits in a row are exceeded, for the site or for one unit."""

    removals: int = setting(
        DEFAULTS.removals, "Deletions", "Extensions deleted by one plan.", DELETIONS, unit="extensions", ge=0
    )
    removals_percent: float = setting(
        DEFAULTS.removals_percent,
        "Share of deletions",
        "Extensions deleted by one plan.",
        DELETIONS,
        unit=MANAGED,
        ge=0,
        le=100,
    )
    disables: int = setting(
        DEFAULTS.disables,
        "Deactivations",
        "Extensions disabled by one plan.",
        DEACTIVATIONS,
        unit="extensions",
        ge=0,
    )
    disables_percent: float = setting(
        DEFAULTS.disables_percent,
        "Share of deactivations",
        "Extensions disabled by one plan.",
        DEACTIVATIONS,
        unit=MANAGED,
        ge=0,
        le=100,
    )
    updates: int = setting(
        DEFAULTS.updates, "Changes", "Extensions changed by one plan.", CHANGES, unit="extensions", ge=0
    )
    updates_percent: float = setting(
        DEFAULTS.updates_percent,
        "Share of changes",
        "Extensions changed by one plan.",
        CHANGES,
        unit=MANAGED,
        ge=0,
        le=100,
    )
    people_down_percent: float = setting(
        DEFAULTS.people_down_percent,
        "Fewer people",
        "Compared with the last successful run, in a unit or in all.",
        PEOPLE,
        unit="%",
        ge=0,
        le=100,
    )
