"""A session with a domain, and the questions Rollcall asks it. Called by whatever reads, looks up or writes.

``session`` opens it, ``checks`` tells whether what the settings name is there, ``searches`` finds people, ``entries`` reads and
writes one of them.
"""

from services.collector.entries import Entries
from services.collector.searches import Searches


class ActiveDirectory(Searches, Entries):
    """One signed-in session, to be used as a context."""
