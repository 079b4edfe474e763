"""What the console calls things: states, kinds and fields in words, moments in the reader's time zone. Pure but for the clock."""

import re
from collections.abc import ItemsView, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.api.console.clock import Clock
from shared.database.tables import EventLevel, PartKind, RunKind, RunState
from shared.domain.actor import by as by
from shared.domain.command import CommandKind, CommandState, Stage
from shared.domain.grace import Departure
from shared.domain.owed import RESTORES, Owes
from shared.domain.plan import Severity
from shared.domain.schedule import Weekday
from shared.language import Sentence, declared, phrase, shown
from shared.language import counted as counted
from shared.language import named as named
from shared.roll.entry import RollState
from shared.values.amounts import size as size

_MOMENT = re.compile(r"\b(?P<moment>\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?: UTC|Z|\+00:00)")


class Words(dict[str, str]):
    """What is said for each value, in the reader's language. One that only a newer Rollcall knows is said in its own words."""

    def __getitem__(self, value: str) -> str:
        return declared(super().__getitem__(value))

    def items(self) -> ItemsView[str, str]:  # type: ignore[override]
        """The values with what is said for them."""
        return {value: self[value] for value in self}.items()

    def __missing__(self, value: str) -> str:
        text: str = shown(value) if isinstance(value, Sentence) else value.replace("_", " ")
        return text[:1].upper() + text[1:]

    def of(self, values: Iterable[str]) -> list[tuple[str, str]]:
        """The values with what is said for them, in the order of these words; unknown ones last."""
        order = list(self)
        ranked = sorted(values, key=lambda value: order.index(value) if value in self else len(order))
        return [(value, self[value]) for value in ranked]


RUN_STATES = Words(
    {
        RunState.COLLECTING: "Reading",
        RunState.IN_STEP: "In sync",
        RunState.PLANNED: "Previewed",
        RunState.HELD: "Needs approval",
        RunState.EXECUTING: "Making changes",
        RunState.DONE: "Done",
        RunState.FAILED: "Failed",
        RunState.CANCELLED: "Cancelled",
    }
)
# Which colour a state has; the word always stands beside it.
TONES: Mapping[str, str] = {
    RunState.IN_STEP: "good",
    RunState.DONE: "good",
    RunState.HELD: "warn",
    RunState.PLANNED: "info",
    RunState.COLLECTING: "info",
    RunState.EXECUTING: "info",
    RunState.FAILED: "bad",
    RunState.CANCELLED: "dim",
    CommandState.PENDING: "dim",
    CommandState.HELD: "warn",
    CommandState.RUNNING: "info",
    CommandState.SKIPPED: "warn",
    CommandState.OUTDATED: "warn",
    CommandState.LEFT_OUT: "dim",
    Severity.CONFLICT: "bad",
    Severity.WARNING: "warn",
    Severity.INFO: "info",
    EventLevel.ERROR: "bad",
    RollState.IN_SYNC: "good",
    RollState.WILL_CHANGE: "info",
    RollState.CONFLICT: "bad",
    RollState.LEAVING: "warn",
}
RUN_KINDS = Words(
    {
        RunKind.FULL: "Full run",
        RunKind.PREVIEW: "Preview",
        RunKind.PERSON: "One person",
        RunKind.CHANGES: "Live changes",
        RunKind.WHAT_IF: "What if",
        RunKind.UNDO: "Undo",
    }
)
ROLL_STATES = Words(
    {
        RollState.IN_SYNC: "In sync",
        RollState.WILL_CHANGE: "Will change",
        RollState.CONFLICT: "Conflict",
        RollState.LEAVING: "Leaving",
        RollState.NO_NUMBER: "No number",
        RollState.NOT_SELECTED: "Not selected",
        RollState.NOT_IN_DIRECTORY: "Not in the directory",
        RollState.EXCLUDED: "Excluded",
        RollState.PROTECTED: "Protected",
    }
)
ROLES = Words({"viewer": "viewer", "operator": "operator", "manager": "manager"})
# What the doctor looks at; the names of sites are in the others.
CHECKS = Words(
    {
        "beat": "Beat",
        "broker": "Broker",
        "clock": "Clock",
        "database": "Database",
        "disk": "Disk",
        "key": "Key",
        "versions": "Versions",
        "workers": "Workers",
    }
)
DEPARTURES = Words(
    {
        Departure.DELETED: "Deleted from the directory",
        Departure.MOVED_OUT: "Moved out of the selected OUs",
        Departure.DISABLED: "Account disabled or expired",
        Departure.NUMBER_CLEARED: "Extension number removed",
    }
)
OWED = Words(
    {
        Owes.STEPS: "Remaining settings of a new extension",
        Owes.REFUSED_STEPS: "Settings that 3CX refused",
        Owes.FORMER_EXTENSION: "Remove the former extension",
        Owes.DISABLING: "To be disabled",
        Owes.REMOVAL: "To be removed",
        Owes.TAKE_OVER: "To be reassigned",
        Owes.TEMPLATE: "Re-apply template",
    }
)
# 3CX's own word for a group is department.
COMMAND_KINDS = Words(
    {
        CommandKind.CREATE_DEPARTMENT: "Create department",
        CommandKind.RELEASE_BINDING: "Unlink",
        CommandKind.REBIND_EXTENSION: "Relink",
        CommandKind.ADOPT_EXTENSION: "Adopt",
        CommandKind.CREATE_EXTENSION: "Create",
        CommandKind.RENUMBER_EXTENSION: "Renumber",
        CommandKind.FINISH_EXTENSION: "Finish",
        CommandKind.UPDATE_EXTENSION: "Update",
        CommandKind.ENABLE_EXTENSION: "Enable",
        CommandKind.DISABLE_EXTENSION: "Disable",
        CommandKind.ARCHIVE_EXTENSION: "Archive",
        CommandKind.DELETE_EXTENSION: "Delete",
    }
)
STAGES = Words(
    {
        stage.value: "Departments" if stage is Stage.DEPARTMENTS else stage.value.capitalize()
        for stage in Stage
    }
)
PARTS = Words(
    {
        PartKind.EXTENSIONS: "Extensions of the phone system",
        PartKind.ABSENT: "People outside the selected OUs",
        PartKind.LOOKUP: "People looked up again",
        PartKind.PEOPLE: "People concerned",
        PartKind.SOME_EXTENSIONS: "Extensions concerned",
    }
)
COMMAND_STATES = Words(
    {
        CommandState.PENDING: "Waiting",
        CommandState.HELD: "Needs approval",
        CommandState.RUNNING: "Running",
        CommandState.DONE: "Done",
        CommandState.FAILED: "Failed",
        CommandState.SKIPPED: "Skipped",
        CommandState.OUTDATED: "Outdated",
        CommandState.LEFT_OUT: "Left out",
    }
)
# What the page calls the levels, in the column Type.
LEVELS = Words(
    {
        EventLevel.INFO: "Information",
        EventLevel.WARNING: "Warning",
        EventLevel.ERROR: "Error",
    }
)
FIELDS = Words(
    {
        "number": "Number",
        "first_name": "First name",
        "last_name": "Last name",
        "email": "E-mail",
        "mobile": "Mobile",
        "enabled": "Enabled",
        "caller_id": "Outbound caller ID",
        "language": "Language",
        "emergency_info": "Emergency information",
        "departments": "Departments",
        "primary_department": "Primary department",
        "template": "Template extension",
        "welcome_email": "Welcome message",
        "like": "Template department",
        "former_id": "Former extension ID",
        "name": "Name",
        "restores": "Settings as before",
        "backup": "Backup of voicemails and recordings",
    }
)


# What a command writes to Rollcall's own link, and not to 3CX.
_OF_THE_BINDING = ("origin", "disabled_by_rollcall", "previous_person")


def run_state(kind: str, state: str) -> tuple[str, str]:
    """A run's state in words, and its colour. A run that changes nothing is never "in sync" nor "done"."""
    if kind == RunKind.WHAT_IF and state == RunState.DONE:
        return declared("What if"), "info"
    if kind == RunKind.PREVIEW and state == RunState.IN_STEP:
        return declared("No changes"), "info"
    return RUN_STATES[state], TONES.get(state, "dim")


def field_name(name: str) -> str:
    """The name of an extension's field."""
    return FIELDS[name]


def field_value(value: Any) -> str:
    """A field's value as it reads in a sentence; nothing is said to be nothing."""
    if isinstance(value, bool):
        return declared("yes") if value else declared("no")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or declared("(none)")
    return str(value) if value not in (None, "") else declared("(empty)")


# What the line of a new extension says beside its fields.
_SAID_OF_NEW = ("number", "first_name", "last_name")


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any], *, is_brief: bool = False
) -> list[tuple[str, str | None, str | None]]:
    """Field by field what it was and what it will be; ``None`` where there is no such side.

    Of a command that writes no field, what the extension is known by. ``is_brief``: without number and names of a new one.
    """
    changes: list[tuple[str, str | None, str | None]] = []
    for name in after:
        if is_brief and not before and name in _SAID_OF_NEW:
            continue
        was = field_value(before[name]) if name in before else None
        # Which command deleted it says nothing to a person.
        becomes = field_value(name == RESTORES or after[name])
        if was != becomes and name not in _OF_THE_BINDING:
            changes.append((field_name(name), was, becomes))
    return changes or [(field_name(name), field_value(value), None) for name, value in before.items()]


def stamp(moment: datetime | None, clock: Clock) -> str:
    """Date and time as the reader likes them; DD/MM/YYYY HH:MM:SS AM/PM for somebody who has not chosen."""
    return "" if moment is None else clock.stamp(moment)


def day_and_time(moment: datetime, clock: Clock) -> str:
    """Day of the week and time of day: “Monday 07:00”."""
    day = list(Weekday)[moment.astimezone(clock.zone).weekday()]
    return phrase("{day} {time}", day=declared(day.label), time=clock.time(moment))


def moment_at(text: str, zone: ZoneInfo) -> datetime | None:
    """The moment that a field for date and time names, in the reader's zone; ``None`` where it names none."""
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def local(text: str, clock: Clock) -> str:
    """A sentence with the moments in it as the reader likes them; they are stored as UTC."""

    def _local(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found["moment"])
        return clock.stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))

    return _MOMENT.sub(_local, str(shown(text)))


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago something was, or how soon it will be."""
    if moment is None:
        return declared("never")
    distance = (now or datetime.now(UTC)) - moment
    is_past = distance >= timedelta(0)
    span = _span(abs(distance))
    if span == "":
        return declared("just now") if is_past else declared("at any moment")
    return phrase("{time} ago", time=span) if is_past else phrase("in {time}", time=span)


def took(began: datetime, ended: datetime | None) -> str:
    """How long something took."""
    if ended is None:
        return ""
    seconds = (ended - began).total_seconds()
    return phrase("{seconds:.1f} s", seconds=seconds) if seconds < 60 else _span(ended - began)


def _span(distance: timedelta) -> str:
    minutes = int(distance.total_seconds() // 60)
    if minutes >= 60 * 24:
        return counted(minutes // (60 * 24), "day", "days")
    if minutes >= 60:
        return counted(minutes // 60, "hour", "hours")
    if minutes >= 1:
        return counted(minutes, "minute", "minutes")
    return ""
