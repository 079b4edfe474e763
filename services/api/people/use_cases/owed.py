"""The steps still owed to extensions: what they are, and a person's word to try again or to give them up.

Called by the API and the CLI. Nothing is written to the phone system; the next run goes by what is owed then.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.database import events, owed
from shared.database.found import site_of
from shared.database.tables import OwedSteps, Run, RunState
from shared.domain.owed import LEAVING, Owes
from shared.errors import NotFound
from shared.language import declared, phrase
from shared.roll import effects
from shared.worker.context import Context


def list_owed(context: Context, site_id: str) -> Sequence[OwedSteps]:
    """Every extension of the site to which something is owed, by number; not what a run that goes on is at.

    :raises NotFound: there is no such site.
    """
    with context.database.read() as session:
        site_of(session, site_id)
        at_work = session.scalars(
            select(Run.id).where(Run.site_id == site_id, Run.state == RunState.EXECUTING.value)
        ).all()
        return [
            row
            for row in owed.rows(session, site_id)
            if not (row.owes in [*LEAVING] and row.run_id in at_work)
        ]


def give_up(context: Context, site_id: str, number: str, actor: str) -> OwedSteps:
    """Owe the extension nothing more: it stays as it is in 3CX, and so does the one that it was to replace.

    :raises NotFound: nothing is owed to an extension with this number.
    """
    with context.database.begin() as session:
        row = _row(session, site_id, number)
        former = (
            declared(" The extension that it was to replace is kept too.")
            if row.former_id is not None
            else ""
        )
        if row.taken and row.owes != Owes.FORMER_EXTENSION:
            former += declared(
                " Check the phones and public links of both extensions: they may currently belong to neither."
            )
        sentence = phrase(
            "The unfinished steps of extension {number} ({person_name}) were dropped. It stays as it is "
            "in 3CX.{former}",
            number=row.number,
            person_name=row.person_name,
            former=former,
        )
        _note(session, row, actor, "given_up", sentence)
        session.delete(row)
        session.flush()
        effects.decide(session, site_id, row.person_guid, datetime.now(UTC))
    return row


def try_again(context: Context, site_id: str, number: str, actor: str) -> OwedSteps:
    """Let the next run finish the extension, although 3CX refused a step.

    :raises NotFound: nothing is owed to an extension with this number.
    """
    with context.database.begin() as session:
        row = _row(session, site_id, number)
        if row.owes == Owes.REFUSED_STEPS:
            row.owes = Owes.STEPS.value
        sentence = phrase(
            "The next run tries again to finish extension {number} ({person_name}).",
            number=row.number,
            person_name=row.person_name,
        )
        _note(session, row, actor, "tried_again", sentence)
    return row


def _row(session: Session, site_id: str, number: str) -> OwedSteps:
    row = session.get(OwedSteps, (site_id, number.strip()[:20]))
    if row is None or row.extension_id is None:
        raise NotFound(
            phrase(
                "Extension {number} has no unfinished steps. List those that have: rollcall owed list",
                number=number.strip()[:20],
            )
        )
    return row


def _note(session: Session, row: OwedSteps, actor: str, what: str, sentence: str) -> None:
    entry = events.LogEntry(
        f"owed.{what}", sentence, actor=actor, number=row.number, person_guid=row.person_guid or None
    )
    details = {
        "number": row.number,
        "person": row.person_guid,
        "name": row.person_name,
        "owes": row.owes,
        "answer": row.answer,
    }
    events.record_audited(session, row.site_id, entry, details)
