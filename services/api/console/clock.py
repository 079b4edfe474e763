"""Dates and times as the reader likes them written. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from services.api.access.date_format import DateFormat

_PATTERNS: Mapping[DateFormat, str] = {
    DateFormat.BRITISH: "%d/%m/%Y %I:%M:%S %p",
    DateFormat.AMERICAN: "%m/%d/%Y %I:%M:%S %p",
    DateFormat.GERMAN: "%d.%m.%Y %H:%M:%S",
    DateFormat.ISO: "%Y-%m-%d %H:%M:%S",
}


@dataclass(frozen=True, slots=True)
class Clock:
    """The time zone and the way of writing of whoever reads the page."""

    zone: ZoneInfo
    format: DateFormat = DateFormat.BRITISH

    @property
    def key(self) -> str:
        """The name of the time zone."""
        return self.zone.key

    @property
    def pattern(self) -> str:
        """The way of writing, as ``strftime`` says it."""
        return _PATTERNS[self.format]

    def day(self, day: date) -> str:
        """A day of this time zone."""
        return day.strftime(self.pattern.partition(" ")[0])

    def time(self, moment: datetime) -> str:
        """Hours and minutes."""
        return moment.astimezone(self.zone).strftime(self.pattern.partition(" ")[2].replace(":%S", ""))

    def stamp(self, moment: datetime) -> str:
        """Date and time of day."""
        return moment.astimezone(self.zone).strftime(self.pattern)
