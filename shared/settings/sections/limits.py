"""The limits: which plans need approval."""

from shared.domain.rules import Limits
from shared.language import declared
from shared.settings.declaration import Document, Group, setting
from shared.settings.sections.types import Percent

DELETIONS = Group("Deletions")
DEACTIVATIONS = Group("Deactivations")
CHANGES = Group("Changes")
PEOPLE = Group("Drop in number of people")
APPROVAL = Group("Approval")
MANAGED = declared("% of managed extensions")
# Type and default of a limit are those of the guards' field of the same name.
LIMIT = Limits()


class LimitsSettings(Document):
    """A plan needs approval when both limits in a row are exceeded, for the site or for one unit."""

    removals: int = setting(
        LIMIT.removals, "Deletions", "Deleted by one plan.", DELETIONS, unit="extensions", ge=0
    )
    removals_percent: Percent = setting(
        LIMIT.removals_percent, "Share of deletions", "Deleted by one plan.", DELETIONS, unit=MANAGED
    )
    disables: int = setting(
        LIMIT.disables, "Deactivations", "Disabled by one plan.", DEACTIVATIONS, unit="extensions", ge=0
    )
    disables_percent: Percent = setting(
        LIMIT.disables_percent, "Share of deactivations", "Disabled by one plan.", DEACTIVATIONS, unit=MANAGED
    )
    updates: int = setting(LIMIT.updates, "Changes", "Changed by one plan.", CHANGES, unit="extensions", ge=0)
    updates_percent: Percent = setting(
        LIMIT.updates_percent, "Share of changes", "Changed by one plan.", CHANGES, unit=MANAGED
    )
    people_down_percent: Percent = setting(
        LIMIT.people_down_percent, "Fewer people", "Compared with the last successful run.", PEOPLE, unit="%"
    )
    approval_valid_hours: int = setting(
        LIMIT.approval_valid_hours,
        "Approval valid for",
        "If the directory was read longer ago, approving reads it again; the same plan is then applied.",
        APPROVAL,
        unit="hours",
        ge=1,
        le=8760,
    )
