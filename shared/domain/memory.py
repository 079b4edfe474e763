"""What a site remembers of its readings: which controllers must have caught up before older values count. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.domain.reading import Freshness, Reading, all_cover

Readings = tuple[Reading, ...]
# A controller for each source that showed the same; more would be none that still answers.
_MOST_ALTERNATIVES = 16


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is remembered of one person, or of an extension that is nobody's.

    ``digest`` is what the readings since ``since`` would have changed, empty when nothing waits. ``needs`` are readings
    that were behind and yet acted on for this person alone: what does not hold them goes back to older values.
    """

    digest: str
    since: datetime
    needs: Readings = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """``content`` is a digest of what the last reading that counted showed, ``alternatives`` who has shown just that.

    A run's reading is as fresh as what is known when it covers any one of the alternatives (several controllers in one
    if the run was read from several). ``latest`` and ``behind_since`` are of readings that did not count since.
    """

    content: str = ""
    alternatives: tuple[Readings, ...] = ()
    latest: Readings = ()
    behind_since: datetime | None = None
    doubts: Mapping[str, Doubt] = field(default_factory=dict)

    @property
    def last(self) -> Readings:
        """The newest reading that counted; none before the first."""
        return self.alternatives[-1] if self.alternatives else ()

    @property
    def servers(self) -> frozenset[str]:
        """The addresses that a whole reading which counted came from, each as good as the others."""
        return frozenset(item[0].server for item in self.alternatives if len(item) == 1)

    @property
    def hosts(self) -> frozenset[str]:
        """The IP addresses behind these, where one name leads to several controllers."""
        return frozenset(item[0].host for item in self.alternatives if len(item) == 1 and item[0].host)

    def freshness_of(self, readings: Readings, content: str) -> Freshness:
        """Whether the readings of a run may go back to older values: they hold all that is known, or show just the same.

        Where nothing is known yet, a writable controller is believed, a read-only one is not.
        """
        if not self.alternatives:
            is_writable = not any(reading.is_read_only for reading in readings)
            return Freshness.PROVEN if is_writable else Freshness.UNKNOWN
        if content and content == self.content:
            return Freshness.PROVEN
        found = [all_cover(readings, alternative) for alternative in self.alternatives]
        return Freshness.PROVEN if Freshness.PROVEN in found else found[-1]

    def accepting(self, readings: Readings, content: str) -> "Memory":
        """The memory after readings that count."""
        kept: list[Readings] = []
        if content and content == self.content:
            kept = [item for item in self.alternatives if _sources(item) != _sources(readings)]
        alternatives = (*kept, readings)[-_MOST_ALTERNATIVES:]
        return replace(self, content=content, alternatives=alternatives, latest=(), behind_since=None)

    def doubting(self, readings: Readings, now: datetime) -> "Memory":
        """The memory after readings that do not count; a controller that counts lower than before is marked."""
        lower = {
            other.source
            for other in (other for item in self.alternatives for other in item)
            if all_cover([reading for reading in readings if reading.source == other.source], [other])
            is Freshness.ROLLED_BACK
        }
        marked = tuple(
            tuple(replace(other, is_suspect=other.is_suspect or other.source in lower) for other in item)
            for item in self.alternatives
        )
        return replace(self, alternatives=marked, latest=readings, behind_since=self.behind_since or now)

    def without(self, name: str) -> "Memory | None":
        """The memory when a controller is gone for good; ``None`` when none of that name is remembered."""
        if not any(reading.is_called(name) for reading in self.readings()):
            return None
        alternatives = tuple(kept for item in self.alternatives if (kept := _but(item, name)))
        doubts = {key: replace(doubt, needs=_but(doubt.needs, name)) for key, doubt in self.doubts.items()}
        return replace(
            self, alternatives=alternatives, content=self.content if alternatives else "", doubts=doubts
        )

    def readings(self) -> Sequence[Reading]:
        """Every reading that something is measured by."""
        needed = [reading for doubt in self.doubts.values() for reading in doubt.needs]
        return [*(reading for item in self.alternatives for reading in item), *needed]


def _sources(readings: Readings) -> set[str]:
    return {reading.source for reading in readings}


def _but(readings: Readings, name: str) -> Readings:
    return tuple(reading for reading in readings if not reading.is_called(name))
