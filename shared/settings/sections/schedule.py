"""The schedule: when runs start automatically."""

from datetime import datetime
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import field_validator, model_validator

from shared.domain.schedule import ScheduleMode
from shared.domain.slots import Schedule, next_due
from shared.language import declared, phrase
from shared.settings.declaration import Document, Group, Input, setting, wrong
from shared.settings.sections.types import TimeOfDay

SCHEDULE = Group("")
_NIGHTLY = ("02:00",)


@cache
def _time_zones() -> frozenset[str]:
    # It goes through every file of the time zone database: 19 ms, which every reading of settings would pay.
    return frozenset(available_timezones())


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
    time_zone: Annotated[str, Input.TIME_ZONE] = setting(
        "UTC", "Time zone", "E.g. Europe/Berlin or America/Denver.", SCHEDULE
    )

    def to_schedule(self, *, is_watched: bool = False) -> Schedule:
        """The settings as plain values for the arithmetic; in place of an interval once a day while changes are noticed."""
        if is_watched and self.live and self.mode is ScheduleMode.EVERY:
            return Schedule(
                ScheduleMode.TIMES, self.every_minutes, self.times[:1] or _NIGHTLY, self.time_zone
            )
        return Schedule(self.mode, self.every_minutes, self.times, self.time_zone)

    @property
    def is_live(self) -> bool:
        """Whether the directory is watched."""
        return self.is_enabled and self.live

    def next_run_at(self, after: datetime, *, is_watched: bool = False) -> datetime | None:
        """When the next run is due; ``None`` when none starts by itself."""
        return next_due(self.to_schedule(is_watched=is_watched), after) if self.is_enabled else None

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
        return self
