"""The days between an extension being disabled and being deleted, and what a person has decided about them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.language import phrase


class Departure(StrEnum):
    """The ways of not being there any more; each has a rule of its own."""

    DELETED = "deleted"
    MOVED_OUT = "moved_out"
    DISABLED = "disabled"
    NUMBER_CLEARED = "number_cleared"


@dataclass(frozen=True, slots=True)
class Grace:
    """The countdown of one extension whose person left.

    ``holder`` is the person's objectGUID, or stands for an extension that is nobody's. ``began_at`` is since when the
    extension is known to be disabled for it, ``None`` while it is not. The days begin anew when the person leaves in
    another way or the extension was enabled in between. ``until`` and ``is_kept`` are decided by a person, for this
    extension and whatever the rule: deleted only then, or not at all.
    """

    holder: str
    extension_id: int
    number: str
    name: str
    departure: Departure
    days: int
    began_at: datetime | None = None
    until: datetime | None = None
    is_kept: bool = False

    @property
    def ends_at(self) -> datetime | None:
        """When the extension may be deleted; ``None`` while nothing counts down."""
        if self.is_kept or self.began_at is None:
            return None
        return self.until or self.began_at + timedelta(days=self.days)

    @property
    def days_in_words(self) -> str:
        """The days in words."""
        return "1 day" if self.days == 1 else phrase("{days} days", days=self.days)

    def is_over(self, now: datetime) -> bool:
        """Whether the days are over."""
        return self.ends_at is not None and self.ends_at <= now

    def is_protected(self, now: datetime) -> bool:
        """Whether a person has decided that it is not deleted yet."""
        return self.is_kept or (self.until is not None and self.until > now)


_NOBODYS = "extension "


def holder_of(person_guid: str | None, extension_id: int) -> str:
    """What a countdown is remembered by."""
    return person_guid or f"{_NOBODYS}{extension_id}"


def is_nobodys(holder: str) -> bool:
    """Whether it is of an extension that nobody in the directory stands for."""
    return holder.startswith(_NOBODYS)
