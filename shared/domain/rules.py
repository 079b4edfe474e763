"""What an administrator has decided for a site, as plain values for the planner and the guards."""

from dataclasses import dataclass, field

from shared.domain.choice import Choice
from shared.domain.command import Command
from shared.domain.grace import Departure

GRACE_DAYS = 30


class Outcome(Choice):
    """What happens to the extension of someone who is not there any more.

    ``disable_then_delete``: disabled at once, deleted after the days of grace unless they return.
    """

    DELETE = "delete", "Delete"
    DISABLE_THEN_DELETE = "disable_then_delete", "Disable, delete after some days"
    DISABLE = "disable", "Disable"
    KEEP = "keep", "Keep"


class RemovalScope(Choice):
    """Which extensions may be removed: only those bound to a person once, or every one nobody claims."""

    MANAGED = "managed", "Only managed extensions"
    ALL = "all", "Every extension without a matching person"


class Adoption(Choice):
    """Whether an extension that exists already becomes that of the person with its number."""

    SAME_NAME = "same_name", "Adopt when the name or e-mail agrees"
    ALWAYS = "always", "Adopt when the number agrees"
    NEVER = "never", "Never adopt"


class PassedOn(Choice):
    """What happens when somebody leaves and the directory gives their number to somebody without an extension.

    ``replace``: the old extension is removed, then a new one is created. ``take_over``: it becomes the successor's, with
    its phones and settings. ``report``: only the leaver's own rule is done.
    """

    REPLACE = "replace", "Delete the old extension, then create a new one"
    TAKE_OVER = "take_over", "Rename the old extension; phones and settings stay"
    REPORT = "report", "Only report it"


class ChangedIn3cx(Choice):
    """What happens when an extension was given another number in 3CX by hand.

    ``report``: it keeps that number, with a warning. ``follow_directory``: it goes back to the directory's number.
    ``accept``: it keeps that number.
    """

    REPORT = "report", "Keep the number and report it"
    FOLLOW_DIRECTORY = "follow_directory", "Change it back to the directory's number"
    ACCEPT = "accept", "Keep the number"


class Reenabling(Choice):
    """Which disabled extensions are enabled again when their person's account is."""

    DISABLED_BY_ROLLCALL = "disabled_by_rollcall", "Only extensions that Rollcall disabled"
    ALWAYS = "always", "Also extensions disabled by hand"


class WelcomeEmail(Choice):
    """For which new extensions 3CX mails its welcome message."""

    NEVER = "never", "Never"
    WITH_CREATION = "with_creation", "For each new extension, but not in a first run"
    FIRST_RUN_TOO = "first_run_too", "For each new extension, in a first run too"


class DepartmentMode(Choice):
    """``add`` only ever adds memberships; ``follow`` also leaves the previous primary department."""

    ADD = "add", "Join the new one"
    FOLLOW = "follow", "Join the new one and leave the old one"


class NumberOrder(Choice):
    """Which of the free numbers of a range is given next. Never used before comes before used."""

    LOWEST = "lowest", "The lowest free number"
    LEAST_RECENTLY_USED = "least_recently_used", "The number unused for longest"


class ExclusionKind(Choice):
    """How an exclusion's value is compared: with the name (four ways, case ignored) or with the number."""

    EXACT = "exact", "The name is"
    CONTAINS = "contains", "The name contains"
    WILDCARD = "wildcard", "The name is like (* and ?)"
    REGEX = "regex", "The name matches the expression"
    NUMBERS = "numbers", "The number is, or is in the range"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """People and extensions that Rollcall leaves alone altogether.

    ``value`` is a name pattern, or for ``numbers`` one number or an inclusive range such as ``200-299``.
    """

    kind: ExclusionKind
    value: str


@dataclass(frozen=True, slots=True)
class UnitRule:
    """One organizational unit of the settings, in order; the first that holds a person wins."""

    distinguished_name: str
    template_number: str | None = None
    template_memberships: bool = False


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers for the people of a unit to whom the directory gives none; of all units when ``unit`` is empty.

    ``first`` and ``last`` have equally many digits; ``skip`` are numbers or ranges in between that are not given.
    """

    first: str
    last: str
    unit: str = ""
    skip: tuple[str, ...] = ()
    order: NumberOrder = NumberOrder.LOWEST


@dataclass(frozen=True, slots=True)
class ArchiveRule:
    """What is archived before an extension is deleted, and with whom. ``number`` is empty for a store outside 3CX."""

    number: str
    voicemails: bool = True
    recordings: bool = True


# On mobile phones everywhere 112 and 911 (3GPP TS 22.101, 10.1), in Australia 000, in the United Kingdom and others 999.
EMERGENCY_NUMBERS = ("000", "112", "911", "999")


@dataclass(frozen=True, slots=True)
class LeaverRule:
    """What one way of leaving leads to; ``grace_days`` count for ``disable_then_delete`` only."""

    outcome: Outcome
    grace_days: int


@dataclass(frozen=True, slots=True)
class Rules:
    """All decisions of a site that shape the plan. ``archive`` set means: archive before deleting.

    ``moves_with_number``: a person's voicemails and recordings can go along to a new number.
    ``protected_numbers`` are never removed: with archiving turned off, the archive still holds what it was given.
    ``reserved_numbers``, each a number or a range such as ``900-999``, are given to nobody.
    ``number_ranges``: several of one unit are used one after the other. A number that somebody had is given to nobody else for
    ``number_quarantine_days``. ``write_back_attribute`` is the attribute of the directory that given numbers are written to.
    """

    units: tuple[UnitRule, ...] = ()
    when_deleted: Outcome = Outcome.DELETE
    deleted_grace_days: int = GRACE_DAYS
    when_moved_out: Outcome = Outcome.DISABLE
    moved_out_grace_days: int = GRACE_DAYS
    when_disabled: Outcome = Outcome.DISABLE
    disabled_grace_days: int = GRACE_DAYS
    when_number_cleared: Outcome = Outcome.DISABLE
    number_cleared_grace_days: int = GRACE_DAYS
    add_missing: bool = True
    welcome_email: WelcomeEmail = WelcomeEmail.NEVER
    add_to_departments: bool = False
    create_missing_departments: bool = False
    department_template: str = ""
    department_mode: DepartmentMode = DepartmentMode.ADD
    removal_scope: RemovalScope = RemovalScope.MANAGED
    adoption: Adoption = Adoption.SAME_NAME
    when_number_passed_on: PassedOn = PassedOn.REPLACE
    number_changed_in_3cx: ChangedIn3cx = ChangedIn3cx.REPORT
    reenabling: Reenabling = Reenabling.DISABLED_BY_ROLLCALL
    exclusions: tuple[Exclusion, ...] = ()
    archive: ArchiveRule | None = None
    moves_with_number: bool = False
    protected_numbers: tuple[str, ...] = ()
    reserved_numbers: tuple[str, ...] = EMERGENCY_NUMBERS
    number_ranges: tuple[NumberRange, ...] = ()
    number_quarantine_days: int = 30
    write_back_attribute: str | None = None
    name_limit: int = 50
    text_limit: int = 255

    def when(self, departure: Departure) -> LeaverRule:
        """What is done with the extension of somebody who leaves in this way."""
        match departure:
            case Departure.DELETED:
                return LeaverRule(self.when_deleted, self.deleted_grace_days)
            case Departure.MOVED_OUT:
                return LeaverRule(self.when_moved_out, self.moved_out_grace_days)
            case Departure.DISABLED:
                return LeaverRule(self.when_disabled, self.disabled_grace_days)
            case Departure.NUMBER_CLEARED:
                return LeaverRule(self.when_number_cleared, self.number_cleared_grace_days)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a plan waits for a person. A change is held above BOTH the count and the percentage.

    Percentages are of the managed extensions (people for ``people_down``), for the site and for each unit.
    """

    removals: int = 5
    removals_percent: float = 5.0
    disables: int = 10
    disables_percent: float = 10.0
    updates: int = 10
    updates_percent: float = 30.0
    people_down_percent: float = 10.0
    # An approval of what was read longer ago counts for the same plan only, made anew.
    approval_valid_hours: int = 24


@dataclass(frozen=True, slots=True)
class UnitSnapshot:
    """What is known of the reading of one unit. ``people_before`` is from the last good run, ``None`` if none."""

    distinguished_name: str
    is_complete: bool
    people: int
    people_before: int | None = None
    source: str = ""
    completed_at: str = ""
    problem: str = ""
    # The key of its directory, and what that is called where the site has several.
    directory: str = ""
    directory_title: str = ""


@dataclass(frozen=True, slots=True)
class TakenLately:
    """An extension that was disabled or deleted in the last 24 hours and is not back in service."""

    extension_id: int
    unit: str
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the guards must know beyond the plan. ``lately`` is what runs took out of service by themselves within the last
    24 hours, without anybody's approval; ``changed_lately`` what change runs have changed in that time;
    ``undone`` what a person had undone and no run has done again since.
    """

    is_first_run: bool = False
    is_selection_changed: bool = False
    units: tuple[UnitSnapshot, ...] = field(default=())
    lately: tuple[TakenLately, ...] = ()
    changed_lately: tuple[TakenLately, ...] = ()
    undone: tuple[Command, ...] = ()
