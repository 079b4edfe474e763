"""The welcome message that 3CX mails for an extension: sent at most once by a creation, however often that is resumed.

The owed steps say that it is being sent before it is. When no answer comes, nobody can tell whether 3CX mailed it; a
second message to somebody who has begun to work is worse than one that a person sends again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.relay_client.errors import UnknownOutcome
from services.relay_client.xapi import Xapi
from shared.database import owed
from shared.database.engine import Database
from shared.domain.owed import WELCOME, WELCOME_TRIED
from shared.errors import RollcallError

SENT, UNKNOWN = "sent", "unknown"
SENTENCES: Mapping[str, str] = {
    SENT: "The welcome message was sent.",
    UNKNOWN: "Whether the welcome message was sent is unknown, because no answer came; it is not sent a second time. Send "
    "it again if it did not arrive.",
}


@dataclass(frozen=True, slots=True)
class Welcome:
    """The welcome message of one extension."""

    database: Database
    site_id: str
    number: str

    def send(self, xapi: Xapi, extension_id: int, after: Mapping[str, Any]) -> str:
        """What became of it: ``SENT``, ``UNKNOWN``, or empty when the command wants none.

        :raises RollcallError: it was certainly not sent.
        """
        if not after.get(WELCOME):
            return ""
        if after.get(WELCOME) == WELCOME_TRIED or not self._mark(WELCOME_TRIED):
            return UNKNOWN
        try:
            xapi.send_welcome(extension_id, self.number)
        except UnknownOutcome:
            return UNKNOWN
        except RollcallError:
            self._mark(True)
            raise
        return SENT

    def _mark(self, value: str | bool) -> bool:
        with self.database.begin() as session:
            return owed.change_wanted(session, self.site_id, self.number, WELCOME, value)
