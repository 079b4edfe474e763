"""What was done day by day, as a picture and as a table. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt
from zoneinfo import ZoneInfo

from shared.domain.command import CommandKind
from shared.language import declared

DAYS = 30
WIDTH, HEIGHT = 600, 120
_GAP = 0.28
_LEAST = 2.0
CREATED, CHANGED, REMOVED, HELD = "created", "changed", "removed", "held"
_GROUPS: Mapping[str, str] = {
    CommandKind.CREATE_EXTENSION: CREATED,
    CommandKind.DISABLE_EXTENSION: REMOVED,
    CommandKind.DELETE_EXTENSION: REMOVED,
}
# An archive belongs to the deletion after it.
_NOT_COUNTED = (CommandKind.ARCHIVE_EXTENSION,)
TONES: Mapping[str, str] = {CREATED: "good", CHANGED: "info", REMOVED: "bad", HELD: "warn"}


def names() -> dict[str, str]:
    """What each figure of a day is called."""
    return {
        CREATED: declared("Created"),
        CHANGED: declared("Changed"),
        REMOVED: declared("Disabled or deleted"),
        HELD: declared("Needed approval"),
    }


@dataclass(frozen=True, slots=True)
class Done:
    """How many commands of a kind a run applied, and when."""

    at: datetime
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the reader's time zone. ``HELD`` is the most that waited at once."""

    day: date
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All that there is to show of the day."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a day's bar, in units of the picture."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    day: date
    name: str
    count: int


def days_of(
    done: Iterable[Done], held: Iterable[tuple[datetime, int]], now: datetime, zone: ZoneInfo
) -> list[Day]:
    """The last days in order, those without anything too."""
    counts: dict[date, Counter[str]] = {}
    for item in done:
        if item.kind not in _NOT_COUNTED:
            day = item.at.astimezone(zone).date()
            counts.setdefault(day, Counter())[_GROUPS.get(item.kind, CHANGED)] += item.count
    for moment, count in held:
        of_day = counts.setdefault(moment.astimezone(zone).date(), Counter())
        of_day[HELD] = max(of_day[HELD], count)
    today = now.astimezone(zone).date()
    wanted = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    return [Day(day, dict(counts.get(day, {}))) for day in wanted]


def bars(days: Sequence[Day]) -> list[Bar]:
    """The parts of each day's bar. Heights grow with the square root, so that the first run does not dwarf the others."""
    most = max([*(day.total for day in days), 1])
    slot = WIDTH / max(len(days), 1)
    drawn: list[Bar] = []
    for position, day in enumerate(days):
        whole = HEIGHT * sqrt(day.total / most)
        bottom = float(HEIGHT)
        for name, tone in TONES.items():
            count = day.counts.get(name, 0)
            if not count:
                continue
            height = max(_LEAST, whole * count / day.total)
            bottom -= height
            drawn.append(
                Bar(
                    round(slot * (position + _GAP / 2), 1),
                    round(max(bottom, 0.0), 1),
                    round(slot * (1 - _GAP), 1),
                    round(height, 1),
                    tone,
                    day.day,
                    names()[name],
                    count,
                )
            )
    return drawn
