"""What a change run cannot decide, because it takes everybody to tell: then a full run is asked for instead. Pure.

A change run never waits for a person. Whatever a guard would hold is left to a full run, which holds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from shared.language import declared


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What stands in the way of a change run. All false: it decides by itself."""

    is_first_run: bool = False
    is_selection_changed: bool = False
    is_roll_missing: bool = False
    are_too_many: bool = False
    is_controller_behind: bool = False
    is_doubted: bool = False
    needs_new_number: bool = False
    is_link_uncertain: bool = False
    is_account_migrated: bool = False
    may_be_template: bool = False
    is_nobodys: bool = False
    is_above_limit: bool = False
    is_in_waiting_plan: bool = False
    is_never_settled: bool = False


_WHY: Mapping[str, str] = {
    "is_first_run": declared("There has been no full run of this site yet."),
    "is_selection_changed": declared(
        "The units, the filter, the group, the number rule or the number ranges were changed since "
        "the last successful run."
    ),
    "is_roll_missing": declared("No full run has been planned since the upgrade."),
    "are_too_many": declared("Too many people are concerned at once."),
    "is_controller_behind": declared(
        "The domain controller may not have every change that an earlier reading had."
    ),
    "is_doubted": declared("Changes of somebody concerned wait for another domain controller."),
    "needs_new_number": declared("Somebody needs a new number from a range."),
    "is_link_uncertain": declared("An extension concerned was changed, moved or deleted in 3CX."),
    "is_account_migrated": declared("An account was migrated from another domain."),
    "may_be_template": declared(
        "An extension would be removed that may be the template of somebody in the directory."
    ),
    "is_nobodys": declared("An extension would be removed because nobody in the directory has its number."),
    "is_above_limit": declared("The changes exceed a limit and need approval."),
    "is_in_waiting_plan": declared("They concern a plan that waits for approval."),
    "is_never_settled": declared("The people or extensions concerned kept changing while they were read."),
}


def why_left_to_a_full_run(found: Circumstances) -> str | None:
    """The sentence for the first of the reasons; ``None`` when a change run may decide."""
    return next((_WHY[item.name] for item in fields(found) if getattr(found, item.name)), None)
