"""The rules: what happens to the extensions of leavers, joiners and returners, and who is left alone."""

import re
from typing import Annotated

from pydantic import ValidationInfo, field_validator, model_validator

from shared.domain.rules import (
    Adoption,
    ChangedIn3cx,
    DepartmentMode,
    ExclusionKind,
    NumberOrder,
    Outcome,
    PassedOn,
    Reenabling,
    RemovalScope,
    Rules,
    WelcomeEmail,
)
from shared.language import declared, phrase
from shared.settings.declaration import REQUIRED, Document, Group, Input, setting, wrong
from shared.settings.sections.types import (
    AttributeName,
    NumberOrRange,
    NumbersInText,
    RangeEnd,
    Text,
    UnitName,
)
from shared.values.expression import Expression, UnsupportedExpression

LEAVERS = Group("Leavers")
JOINERS = Group("Joiners and returners")
DEPARTMENTS = Group("Departments (groups)")
EXCLUSIONS = Group("")
RESERVED = Group("Reserved numbers")
_GRACE_HELP = declared("Deleted after this many days disabled, unless the person returns.")
_LONGEST_GRACE = 3650
RANGES = Group("Number ranges")
GIVING = Group("Numbers given from a range")
# Far more than any phone system has, and little for a worker to look through.
MOST_NUMBERS = 100_000
# Type and default of a rule are those of the planner's field of the same name.
RULE = Rules()


class ExclusionSettings(Document):
    """People or extensions that are left alone."""

    kind: ExclusionKind = setting(REQUIRED, "Compare", "What is compared with the text, and how.")
    value: Text = setting(
        REQUIRED, "Filter text", "A name, part of one, a pattern such as Test*, or numbers such as 200-299."
    )

    @model_validator(mode="after")
    def _value_fits_the_kind(self, info: ValidationInfo) -> "ExclusionSettings":
        # What an earlier release has stored stays readable, so that it can be corrected; a run says what is wrong.
        if self.kind is ExclusionKind.REGEX and not (info.context or {}).get("is_stored"):
            try:
                Expression(self.value)
            except UnsupportedExpression as error:
                raise wrong(
                    "value",
                    phrase(
                        "The expression '{value}' cannot be used: {error}.", value=self.value, error=error
                    ),
                ) from error
        if self.kind is ExclusionKind.NUMBERS:
            match = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", self.value)
            if match is None or (match[2] is not None and int(match[1]) > int(match[2])):
                raise wrong(
                    "value",
                    phrase("'{value}' is not a number or a range, e.g. 204 or 200-299.", value=self.value),
                )
        return self


class NumberRangeSettings(Document):
    """Numbers for people without a number in the directory."""

    unit: UnitName = setting(
        "", "Organizational unit", "One of the OUs that are read; empty for all of them."
    )
    first: RangeEnd = setting(REQUIRED, "From", "The first number, e.g. 200.")
    last: RangeEnd = setting(REQUIRED, "To", "The last number, with as many digits, e.g. 299.")
    skip: NumbersInText = setting(
        "", "Skip", "Numbers and ranges in between that are not given, e.g. 205, 210-219."
    )
    order: NumberOrder = setting(
        NumberOrder.LOWEST, "Next number", "Which of the free numbers is given next."
    )

    @model_validator(mode="after")
    def _goes_up(self) -> "NumberRangeSettings":
        if len(self.first) != len(self.last) or self.first > self.last:
            raise wrong(
                "last",
                phrase(
                    "'{first}-{last}' is not a range of numbers with equally many digits, e.g. 200-299.",
                    first=self.first,
                    last=self.last,
                ),
            )
        return self

    @property
    def numbers(self) -> int:
        """How many numbers it spans."""
        return int(self.last) - int(self.first) + 1


class RulesSettings(Document):
    """What happens to the extensions of leavers, joiners and returners."""

    when_deleted: Outcome = setting(
        RULE.when_deleted,
        "Deleted from the directory",
        "The person was deleted from Active Directory.",
        LEAVERS,
        begins=Outcome.DISABLE_THEN_DELETE,
        unless_archiving=True,
    )
    deleted_grace_days: int = setting(
        RULE.deleted_grace_days,
        "Days until deletion, deleted from the directory",
        _GRACE_HELP,
        LEAVERS,
        unit="days",
        ge=1,
        le=_LONGEST_GRACE,
    )
    when_moved_out: Outcome = setting(
        RULE.when_moved_out,
        "Moved out of the selected OUs",
        "No longer in the units, the filter or the group.",
        LEAVERS,
    )
    moved_out_grace_days: int = setting(
        RULE.moved_out_grace_days,
        "Days until deletion, moved out",
        _GRACE_HELP,
        LEAVERS,
        unit="days",
        ge=1,
        le=_LONGEST_GRACE,
    )
    when_disabled: Outcome = setting(
        RULE.when_disabled,
        "Account disabled or expired",
        "The account is disabled or expired in AD.",
        LEAVERS,
    )
    disabled_grace_days: int = setting(
        RULE.disabled_grace_days,
        "Days until deletion, account disabled",
        _GRACE_HELP,
        LEAVERS,
        unit="days",
        ge=1,
        le=_LONGEST_GRACE,
    )
    when_number_cleared: Outcome = setting(
        RULE.when_number_cleared, "Extension number removed", "The number attribute is now empty.", LEAVERS
    )
    number_cleared_grace_days: int = setting(
        RULE.number_cleared_grace_days,
        "Days until deletion, number removed",
        _GRACE_HELP,
        LEAVERS,
        unit="days",
        ge=1,
        le=_LONGEST_GRACE,
    )
    add_missing: bool = setting(
        RULE.add_missing, "Add missing extensions", "Creates extensions for people who have none.", JOINERS
    )
    welcome_email: WelcomeEmail = setting(
        RULE.welcome_email,
        "Welcome message",
        "3CX mails people how to use their new extension.",
        JOINERS,
        begins=WelcomeEmail.WITH_CREATION,
    )
    add_to_departments: bool = setting(
        RULE.add_to_departments,
        "Add extensions to departments",
        "The department comes from the AD department attribute.",
        DEPARTMENTS,
    )
    create_missing_departments: bool = setting(
        RULE.create_missing_departments,
        "Create missing departments",
        "Creates departments that are missing in 3CX.",
        DEPARTMENTS,
    )
    department_template: Annotated[str, Input.DEPARTMENT] = setting(
        RULE.department_template,
        "New departments are like",
        "Language, prompts, time zone and hours come from this department; empty: from the default one.",
        DEPARTMENTS,
        max_length=255,
    )
    department_mode: DepartmentMode = setting(
        RULE.department_mode,
        "When the department changes",
        "When a person's department changes in AD.",
        DEPARTMENTS,
    )
    removal_scope: RemovalScope = setting(
        RULE.removal_scope,
        "Extensions that may be removed",
        "Managed extensions are those linked to a person.",
        LEAVERS,
    )
    adoption: Adoption = setting(
        RULE.adoption,
        "Extensions that exist already",
        "When an existing extension is linked to the person with its number.",
        JOINERS,
    )
    when_number_passed_on: PassedOn = setting(
        RULE.when_number_passed_on,
        "Number of a leaver given to somebody new",
        "The directory gives a joiner the number of somebody who leaves.",
        JOINERS,
    )
    number_changed_in_3cx: ChangedIn3cx = setting(
        RULE.number_changed_in_3cx,
        "Number changed in 3CX",
        "An extension was given another number in 3CX than in the directory.",
        JOINERS,
    )
    reenabling: Reenabling = setting(
        RULE.reenabling, "Enable again", "When an account is re-enabled in AD.", JOINERS
    )
    exclusions: tuple[ExclusionSettings, ...] = setting(
        (), "Exclusions", "People and extensions that Rollcall leaves alone.", EXCLUSIONS
    )
    reserved_numbers: tuple[NumberOrRange, ...] = setting(
        RULE.reserved_numbers,
        "Numbers given to nobody",
        "Emergency numbers and others, each a number or a range such as 900-999. Existing extensions stay.",
        RESERVED,
    )
    number_ranges: tuple[NumberRangeSettings, ...] = setting(
        (),
        "Number ranges",
        "People without a number in the directory are given one of their OU's range.",
        RANGES,
    )
    number_quarantine_days: int = setting(
        RULE.number_quarantine_days,
        "Keep a number free after somebody leaves",
        "Nobody else is given the number during this time.",
        GIVING,
        unit="days",
        ge=0,
        le=3650,
    )
    write_back_attribute: AttributeName | None = setting(
        None,
        "Write given numbers to this attribute",
        "Off when empty. The account needs the right to write it. It is the only thing Rollcall writes to "
        "Active Directory.",
        GIVING,
    )

    @field_validator("number_ranges")
    @classmethod
    def _not_too_many(cls, ranges: tuple[NumberRangeSettings, ...]) -> tuple[NumberRangeSettings, ...]:
        numbers = sum(item.numbers for item in ranges)
        if numbers > MOST_NUMBERS:
            raise ValueError(
                phrase(
                    "The ranges have {numbers:,} numbers; {most_numbers:,} are the most.",
                    numbers=numbers,
                    most_numbers=MOST_NUMBERS,
                )
            )
        return ranges

    @field_validator("reserved_numbers")
    @classmethod
    def _ranges_go_up(cls, numbers: tuple[str, ...]) -> tuple[str, ...]:
        for item in numbers:
            first, _dash, last = item.partition("-")
            if last and (len(first) != len(last) or first > last):
                raise ValueError(
                    phrase(
                        "'{item}' is not a range of numbers with equally many digits, e.g. 900-999.",
                        item=item,
                    )
                )
        return numbers
