"""The schedule: when runs start automatically."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import field_validator, model_validator

from shared.domain.blackout import Blackout, Window, blackout_at, leaves_time
from shared.domain.schedule import BeginningDay, EndingDay, ScheduleMode, Weekday
from shared.domain.slots import Schedule, latest_due, next_due
from shared.language import declared, phrase
from shared.settings.declaration import REQUIRED, Document, Group, Input, setting, wrong
from shared.settings.sections.types import TimeOfDay

SCHEDULE = Group("")
BLACKOUT = Group("Blackout windows")
_NIGHTLY = ("02:00",)


@cache
def _time_zones() -> frozenset[str]:
    # It goes through every file of the time zone database: 19 ms, which every reading of settings would pay.
    return frozenset(available_timezones())


class BlackoutWindow(Document):
    """A time of the week in which nothing is changed."""

    days: BeginningDay = setting(BeginningDay.DAILY, "From day", "On which days it begins.")
    begin: TimeOfDay = setting(REQUIRED, "From", "E.g. 18:00.")
    end_day: EndingDay = setting(EndingDay.WITHIN_A_DAY, "Until day", "The first such day after it began.")
    end: TimeOfDay = setting(REQUIRED, "Until", "E.g. 07:00.")


class ScheduleSettings(Document):
    """When runs start automatically. Times in the console are shown in the same time zone."""

    is_enabled: bool = setting(False, "Run automatically", "If off, use Run now.", SCHEDULE)
    live: bool = setting(
        False,
        "Live changes",
        "Changes in Active Directory take effect within seconds. While that works, an interval starts one full run a night.",
        SCHEDULE,
        begins=True,
    )
    mode: ScheduleMode = setting(
        ScheduleMode.EVERY, "How often", "At an interval, or at times of day.", SCHEDULE
    )
    every_minutes: int = setting(
        15, "Interval", "From 1 to 1440, counted from midnight.", SCHEDULE, unit="minutes", ge=1, le=1440
    )
    times: tuple[TimeOfDay, ...] = setting(
        ("02:00",), "Times of day", "In the time zone below, e.g. 07:30.", SCHEDULE
    )
    weekdays: tuple[Weekday, ...] = setting(
        tuple(Weekday),
        "Weekdays",
        "On other days no run starts by schedule. Live changes continue.",
        SCHEDULE,
    )
    time_zone: Annotated[str, Input.TIME_ZONE] = setting(
        "UTC", "Time zone", "E.g. Europe/Berlin or America/Denver.", SCHEDULE
    )
    blackout: tuple[BlackoutWindow, ...] = setting(
        (),
        "Blackout windows",
        "In these times nothing is changed in 3CX or Active Directory. Changes wait until the window ends.",
        BLACKOUT,
    )

    def to_schedule(self, *, is_watched: bool = False) -> Schedule:
        """The settings as plain values for the arithmetic; in place of an interval once a day while changes are noticed."""
        if is_watched and self.live and self.mode is ScheduleMode.EVERY:
            mode, times = ScheduleMode.TIMES, self.times[:1] or _NIGHTLY
        else:
            mode, times = self.mode, self.times
        weekdays = frozenset(day.position for day in self.weekdays)
        return Schedule(mode, self.every_minutes, times, self.time_zone, weekdays)

    @property
    def is_live(self) -> bool:
        """Whether the directory is watched."""
        return self.is_enabled and self.live

    def next_run_at(self, after: datetime, *, is_watched: bool = False) -> datetime | None:
        """When the next run is due; ``None`` when none starts by itself. One that is due in a blackout waits for its end."""
        if not self.is_enabled:
            return None
        schedule = self.to_schedule(is_watched=is_watched)
        blackout = self.blackout_at(after)
        if blackout is not None:
            missed = latest_due(schedule, blackout.end)
            if missed is not None and missed >= blackout.begin:
                return blackout.end
        due = next_due(schedule, after)
        blackout = self.blackout_at(due) if due is not None else None
        return blackout.end if blackout is not None else due

    def blackout_at(self, now: datetime) -> Blackout | None:
        """The blackout that holds at the moment, ``None`` when changes may be made. It does not need the schedule to be on."""
        if not self.blackout:
            return None
        return blackout_at(_windows(self.blackout), self.time_zone, now)

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in _time_zones():
            raise ValueError(
                phrase("'{value}' is not a time zone, e.g. Europe/Berlin or America/Denver.", value=value)
            )
        ZoneInfo(value)
        return value

    @model_validator(mode="after")
    def _can_ever_be_due(self) -> "ScheduleSettings":
        if self.is_enabled and self.mode is ScheduleMode.TIMES and not self.times:
            raise wrong("times", declared("Enter at least one time of day, e.g. 07:30."))
        if self.is_enabled and not self.weekdays:
            raise wrong("weekdays", declared("Choose at least one day."))
        return self

    @field_validator("blackout")
    @classmethod
    def _leaves_time(cls, value: tuple[BlackoutWindow, ...]) -> tuple[BlackoutWindow, ...]:
        if value and not leaves_time(_windows(value)):
            raise ValueError(
                declared("These windows cover the whole week. Leave some time in which changes are made.")
            )
        return value


def _windows(rows: Iterable[BlackoutWindow]) -> tuple[Window, ...]:
    return tuple(Window(row.days, row.begin, row.end_day, row.end) for row in rows)
