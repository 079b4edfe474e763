"""A notification as channels are given it, whole: what they make of it is their own affair. Pure."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.notifying import Level
from shared.language import phrase, shown
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
        """Site and title in one line, in the language that is spoken, without anything that could begin another."""
        title = shown(self.title)
        return clean(f"{self.site}: {title}" if self.site else title)

    @property
    def shown_lines(self) -> list[str]:
        """The lines that a reader is shown, each without anything that could begin another."""
        first = [clean(shown(line)) for line in self.lines[:_SHOWN_LINES]]
        more = len(self.lines) - len(first)
        return [*first, shown(phrase("and {more} more", more=more))] if more else first
