"""Numbers that Rollcall gave to people to whom the directory gives none."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class GivenNumber:
    """One number of a site and whose it is, or was last.

    ``is_used`` is whether there ever was an extension with it: else it is only kept for the person, and nobody minds when it
    goes to somebody else. ``released_at`` is when it was seen to be nobody's any more; its quarantine begins then. Of a number
    that was not given from a range, ``person_guid`` is empty: it is here for its quarantine only.
    """

    number: str
    person_guid: str
    person_name: str
    given_at: datetime
    is_used: bool = False
    released_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnwrittenNumber:
    """A given number that is in use and is not in the directory yet. ``code`` and ``message`` say how the last try ended."""

    number: str
    person_guid: str
    person_name: str
    code: str = ""
    message: str = ""
