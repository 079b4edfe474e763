"""The welcome message that 3CX mails for an extension: sent at most once by a creation, however often that is resumed.

The owed steps say that it is being sent before it is. When no answer comes, nobody can tell whether 3CX mailed it; a
second message to somebody who has begun to work is worse than one that a person sends again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.relay_client.xapi.client import Xapi
from services.relay_client.xapi.errors import REFUSED, UnknownOutcome
from shared.database import owed
from shared.database.engine import Database
from shared.domain.extension import Extension
from shared.domain.owed import WELCOME, WELCOME_TRIED
from shared.errors import RollcallError
from shared.language import declared, phrase

SENT, UNKNOWN = "sent", "unknown"
SENTENCES: Mapping[str, str] = {
    SENT: declared("The welcome message was sent."),
    UNKNOWN: declared(
        "It is unknown whether the welcome message was sent, because 3CX did not respond. It is not "
        "sent twice. Send it again if it did not arrive."
    ),
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


def send_again(
    database: Database, site_id: str, xapi: Xapi, extensions: Mapping[str, int]
) -> list[dict[str, str]]:
    """Let 3CX mail the message of each extension (id by number) that is as it was; what became of each.

    What a creation still owes of it is done with that.

    :raises RollcallError: the phone system cannot be asked.
    """
    found = xapi.find_by_ids(extensions.values())
    return [
        {"number": number, **_sent_again(database, site_id, xapi, number, found.get(extension_id))}
        for number, extension_id in sorted(extensions.items())
    ]


def _sent_again(
    database: Database, site_id: str, xapi: Xapi, number: str, extension: Extension | None
) -> dict[str, str]:
    if extension is None or extension.number != number:
        return _refused(declared("This extension no longer exists in 3CX. Start a run first."))
    if not extension.email:
        return _refused(declared("The extension has no e-mail address in 3CX."))
    if not extension.enabled:
        return _refused(declared("The extension is disabled."))
    with database.begin() as session:
        owed.change_wanted(session, site_id, number, WELCOME, WELCOME_TRIED, only_if=True)
    try:
        xapi.send_welcome(extension.id, number)
    except UnknownOutcome as error:
        return {
            "result": UNKNOWN,
            "message": phrase("Whether it was sent is unknown: {message}", message=error.message),
        }
    except REFUSED as refused:
        return _refused(refused.message)
    return {"result": SENT, "message": phrase("3CX sends it to {email}.", email=extension.email)}


def _refused(message: str) -> dict[str, str]:
    return {"result": "refused", "message": message}
