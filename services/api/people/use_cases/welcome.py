"""Lets 3CX mail the welcome message of chosen people again. Called by the API, the console and the CLI.

Who asked for it stands in the audit before anything is sent, what became of it in the Log afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from shared.database import events
from shared.database.found import site_of
from shared.database.tables import BindingRow, EventLevel
from shared.errors import NotFound, RollcallError, SettingsInvalid
from shared.language import declared, phrase
from shared.worker.context import Context
from shared.worker.questions import ask

# As many as 3CX mails while somebody waits.
MOST = 50
_LEVELS = {"sent": EventLevel.INFO, "unknown": EventLevel.WARNING, "refused": EventLevel.WARNING}
_SENTENCES = {
    "sent": declared("The welcome message of extension {number} was sent again."),
    "unknown": declared("The welcome message of extension {number} may have been sent again."),
    "refused": declared("The welcome message of extension {number} was not sent."),
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message. ``result``: ``sent``, ``refused``, or ``unknown`` when no answer came."""

    number: str
    result: str
    message: str


def send(context: Context, site_id: str, numbers: Sequence[str], actor: str) -> list[Sent]:
    """Send it to everybody who is linked to one of these extensions, or to nobody.

    :raises SettingsInvalid: these are too many at once, or none.
    :raises NotFound: nobody is linked to one of them, or there is no such site.
    :raises RollcallError: 3CX cannot be asked; what is not known to be sent is in the Log.
    """
    if not 1 <= len(numbers) <= MOST:
        raise SettingsInvalid(
            phrase("Choose from 1 to {maximum} extensions: send the others afterwards.", maximum=MOST)
        )
    people = _linked(context, site_id, [number.strip()[:20] for number in numbers])
    with context.database.begin() as session:
        for number in people:
            details = {"number": number, "person": people[number].person_guid}
            events.audit(session, site_id, actor=actor, action="welcome.asked_for", details=details)
    extensions = {number: row.extension_id for number, row in people.items()}
    try:
        answer = ask(context, "relay_client.send_welcome", {"site_id": site_id, "extensions": extensions})
    except RollcallError as error:
        _log(context, site_id, people, [Sent(number, "unknown", error.message) for number in people], actor)
        raise
    sent = [Sent(**item) for item in answer]
    _log(context, site_id, people, sent, actor)
    return sent


def _linked(context: Context, site_id: str, numbers: Sequence[str]) -> dict[str, BindingRow]:
    with context.database.read() as session:
        site_of(session, site_id)
        rows = session.scalars(
            select(BindingRow).where(
                BindingRow.site_id == site_id, BindingRow.number.in_(numbers), BindingRow.extension_id > 0
            )
        )
        found = {row.number: row for row in rows}
    for number in numbers:
        if number not in found:
            raise NotFound(
                phrase("Nobody is linked to extension {number}. No message was sent.", number=number)
            )
    return found


def _log(
    context: Context, site_id: str, people: dict[str, BindingRow], sent: Sequence[Sent], actor: str
) -> None:
    entries = [
        events.LogEntry(
            f"welcome.{item.result}",
            phrase(
                "{sentence} {message}",
                sentence=_SENTENCES[item.result].format(number=item.number),
                message=item.message,
            ).strip(),
            level=_LEVELS[item.result],
            actor=actor,
            number=item.number,
            person_guid=people[item.number].person_guid,
        )
        for item in sent
    ]
    with context.database.begin() as session:
        events.record_many(session, site_id, entries)
