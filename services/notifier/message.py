"""A notification as channels are given it, whole: what they make of it is their own affair. Pure."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.notifying import Level
from shared.language import phrase
from shared.values.text import clean

# What is shown of a long list; the console has the rest.
_SHOWN_LINES = 50


@dataclass(frozen=True, slots=True)
class Message:
    """``id`` is the same in every copy. ``site`` is empty where there is one only; ``link`` where no address is known."""

    id: str
    kind: str
    severity: Level
    title: str
    lines: tuple[str, ...]
    created_at: datetime
    site_id: str
    site: str = ""
    link: str = ""

    @property
    def heading(self) -> str:
        """Site and title in one line, without anything that could begin another."""
        return clean(f"{self.site}: {self.title}" if self.site else self.title)

    @property
    def shown_lines(self) -> list[str]:
        """The lines that a reader is shown, each without anything that could begin another."""
        shown = [clean(line) for line in self.lines[:_SHOWN_LINES]]
        more = len(self.lines) - len(shown)
        return [*shown, phrase("and {more} more", more=more)] if more else shown
