"""How an administrator lets runs start."""

from shared.domain.choice import Choice


class ScheduleMode(Choice):
    """How the moments of runs are chosen."""

    EVERY = "every", "Every N minutes"
    TIMES = "times", "At times of day"
