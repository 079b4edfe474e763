"""How an administrator lets runs start, and when nothing is to be changed."""

from shared.domain.choice import Choice


class ScheduleMode(Choice):
    """How the moments of runs are chosen."""

    EVERY = "every", "Every N minutes"
    TIMES = "times", "At times of day"


class Weekday(Choice):
    """A day of the week; in their order."""

    MONDAY = "monday", "Monday"
    TUESDAY = "tuesday", "Tuesday"
    WEDNESDAY = "wednesday", "Wednesday"
    THURSDAY = "thursday", "Thursday"
    FRIDAY = "friday", "Friday"
    SATURDAY = "saturday", "Saturday"
    SUNDAY = "sunday", "Sunday"

    @property
    def position(self) -> int:
        """As ``date.weekday()`` counts."""
        return list(Weekday).index(self)


class BeginningDay(Choice):
    """On which days a blackout window begins."""

    DAILY = "daily", "Every day"
    WORKDAYS = "workdays", "Monday to Friday"
    WEEKEND = "weekend", "Saturday and Sunday"
    MONDAY = "monday", "Monday"
    TUESDAY = "tuesday", "Tuesday"
    WEDNESDAY = "wednesday", "Wednesday"
    THURSDAY = "thursday", "Thursday"
    FRIDAY = "friday", "Friday"
    SATURDAY = "saturday", "Saturday"
    SUNDAY = "sunday", "Sunday"

    @property
    def positions(self) -> tuple[int, ...]:
        """As ``date.weekday()`` counts."""
        several = {
            BeginningDay.DAILY: range(7),
            BeginningDay.WORKDAYS: range(5),
            BeginningDay.WEEKEND: (5, 6),
        }
        return tuple(several[self]) if self in several else (Weekday(self.value).position,)


class EndingDay(Choice):
    """On which day a blackout window ends."""

    WITHIN_A_DAY = "within_a_day", "Same or next day"
    MONDAY = "monday", "Monday"
    TUESDAY = "tuesday", "Tuesday"
    WEDNESDAY = "wednesday", "Wednesday"
    THURSDAY = "thursday", "Thursday"
    FRIDAY = "friday", "Friday"
    SATURDAY = "saturday", "Saturday"
    SUNDAY = "sunday", "Sunday"
