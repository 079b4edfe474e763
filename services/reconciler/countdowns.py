"""Stores the countdowns of a plan, and says in the Log which began and which stand for nothing any more."""

from datetime import datetime

from sqlalchemy.orm import Session

from shared.database import events, graces
from shared.database.tables import Run, RunKind
from shared.domain.command import CommandKind
from shared.domain.plan import Plan


def store_countdowns(
    session: Session, run: Run, plan: Plan, *, is_certain: bool, now: datetime
) -> list[events.LogEntry]:
    """Store the countdowns that begin, change or end with the plan; what the Log says of it.

    Those of extensions that the plan disables begin when that is done. A preview, or what speaks against the reading,
    begins nothing else.
    """
    is_preview = run.kind == RunKind.PREVIEW
    noted = [grace for grace in plan.graces if grace.began_at is None or (is_certain and not is_preview)]
    ended = [] if is_preview else plan.ended_graces
    graces.put(session, run.site_id, noted)
    graces.remove(session, run.site_id, [grace.holder for grace in ended])
    going = {
        command.extension_id for command in plan.commands if command.kind is CommandKind.DELETE_EXTENSION
    }
    return [
        *(graces.grace_begun(grace, run.id) for grace in noted if grace.began_at == now),
        *(graces.grace_ended(grace, run.id) for grace in ended if grace.extension_id not in going),
    ]
