"""One row of the roll as a plain value: a person with the extension bound to them, or an extension that is nobody's."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from shared.domain.extension import Extension
from shared.domain.grace import holder_of, is_nobodys
from shared.domain.person import Person, Presence


class RollState(StrEnum):
    """How somebody stands with their extension. One of them, the first that applies in ``states.state_of``."""

    IN_SYNC = "in_sync"
    WILL_CHANGE = "will_change"
    CONFLICT = "conflict"
    EXCLUDED = "excluded"
    NOT_SELECTED = "not_selected"
    NO_NUMBER = "no_number"
    LEAVING = "leaving"
    NOT_IN_DIRECTORY = "not_in_directory"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Drift:
    """A field that 3CX shows otherwise than it should be.

    ``shown`` is what 3CX has, ``wanted`` what the directory says instead, ``None`` where it says the same or nothing;
    ``written`` is what Rollcall last wrote or found there, ``None`` where that was never noted.
    """

    field: str
    shown: str
    wanted: str | None = None
    written: str | None = None
    # Who changed it in 3CX and when (ISO 8601), where that is told.
    changed_by: str = ""
    changed_at: str = ""

    @property
    def is_changed_in_3cx(self) -> bool:
        """Whether somebody else than Rollcall changed it there."""
        return self.written is not None and self.written != self.shown

    @property
    def changed_on(self) -> datetime | None:
        """``changed_at`` as a moment; ``None`` where it is none."""
        with suppress(ValueError):
            moment = datetime.fromisoformat(self.changed_at)
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one person, of one extension, or of both where they are bound.

    ``presence`` is where the directory has the person now, ``None`` of an extension that nobody stands for; ``person`` is
    how they were read last, also when they are gone since. ``until`` is when the extension of a leaver is deleted.
    ``directory`` is the key of the directory they are of, where a site has several.
    """

    holder: str
    state: RollState
    person: Person | None = None
    presence: Presence | None = None
    extension: Extension | None = None
    reason: str = ""
    until: datetime | None = None
    drift: tuple[Drift, ...] = ()
    directory: str | None = None
    # Known when nothing else is, such as of somebody whose binding alone is left.
    known_name: str = ""
    # How an extension that is gone was seen last: by it, somebody is still found.
    last_extension: Extension | None = None

    @property
    def guid(self) -> str | None:
        """The person's objectGUID; ``None`` of an extension that is nobody's."""
        return None if is_nobodys(self.holder) else self.holder

    @property
    def is_there(self) -> bool:
        """Whether the directory selects the person now."""
        return self.presence is Presence.SELECTED

    @property
    def is_past(self) -> bool:
        """Whether nothing of it is there any more: neither the person nor an extension."""
        return not self.is_there and self.extension is None

    @property
    def name(self) -> str:
        """What to call them: as the directory does, else as 3CX does."""
        if self.person is not None:
            return self.person.name
        if self.known_name:
            return self.known_name
        extension = self.extension or self.last_extension
        return extension.name if extension is not None else ""

    @property
    def number(self) -> str:
        """The extension's number; of somebody without one the number they have in the directory."""
        if self.extension is not None:
            return self.extension.number
        return (self.person.number or "") if self.is_there and self.person is not None else ""

    @property
    def facts(self) -> tuple[object, ...]:
        """What two readings of the same moment agree in: whatever else they show is not Rollcall's to know of."""
        person, extension = (self.person if self.is_there else None), self.extension
        return (
            self.state,
            self.presence,
            person
            and (person.number, person.first_name, person.last_name, person.email, person.account_state),
            extension
            and (
                extension.id,
                extension.number,
                extension.first_name,
                extension.last_name,
                extension.email,
                extension.mobile,
                extension.enabled,
            ),
        )

    def following(self, former: "Entry") -> "Entry":
        """The same with what was known of whoever, or whatever, is gone by now."""
        return replace(
            self,
            person=self.person or former.person,
            last_extension=None if self.extension else former.extension or former.last_extension,
            known_name=self.known_name or former.known_name,
        )

    @property
    def department(self) -> str:
        """The primary department in 3CX; of somebody without an extension the first that the directory names."""
        if self.extension is not None:
            memberships = self.extension.memberships
            first = memberships[0].department if memberships else ""
            return self.extension.primary_department or first
        return self.person.departments[0] if self.person is not None and self.person.departments else ""


@dataclass(frozen=True, slots=True)
class Row:
    """An entry with when it came to its state, and when it was last read where the newest reading lacks it."""

    entry: Entry
    since: datetime
    last_seen_at: datetime | None = None


def nobodys(extension: Extension) -> str:
    """The holder under which an extension stands that nobody is bound to."""
    return holder_of(None, extension.id)
