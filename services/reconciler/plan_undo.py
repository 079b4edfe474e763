"""Plans a run that takes another one back: reads what that one did and the phone system as it is now.

Called by ``plan_run``. The directory is not asked: what is undone is undone because a person wants it so.
"""

from collections import defaultdict
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from services.reconciler.guards import judge
from services.reconciler.licence import fit_into_licence
from services.reconciler.prepared import Prepared
from services.reconciler.redoing import keys_of, redoes
from services.reconciler.run_inputs import bindings_of, parts_of, phone_system_of
from services.reconciler.undo import plan_undo
from services.reconciler.undo_history import Deed
from shared.database.commands import row_command
from shared.database.tables import PartState
from shared.domain.command import Command
from shared.domain.rules import RunFacts
from shared.language import declared
from shared.runs.undo import done_commands, done_since, undone_commands
from shared.settings import store
from shared.work.runs import RunWork, fail_run


def prepare_undo(work: RunWork) -> Prepared | None:
    """The plan to be stored; ``None`` when the phone system could not be read, and the run has failed."""
    context, run = work.context, work.run
    with context.database.read() as session:
        part = parts_of(session, run.id).extensions
        stored = store.read(session, run.site_id, context.encryption)
        bindings = bindings_of(session, run.site_id)
        deeds = [
            Deed(done.row.id, done.command, done.made, done.has_settings, done.backup, done.is_partial)
            for done in done_commands(session, run.undoes or 0)
        ]
    if part.state == PartState.FAILED:
        with context.database.begin() as session:
            if work.fence(session):
                message = part.error_message or declared("It could not be read.")
                fail_run(session, run, part.error_code or "unknown", message)
        return None
    phone_system = phone_system_of(context.database, part)
    plan = plan_undo(run.undoes or 0, deeds, phone_system, bindings, stored.settings.to_rules())
    plan = fit_into_licence(plan, phone_system)
    facts = RunFacts()
    verdict = judge(plan, facts, stored.settings.to_limits())
    return Prepared(plan, verdict, stored.versions, {}, {}, (), "", None, facts, datetime.now(UTC))


def undone_of(session: Session, site_id: str) -> tuple[Command, ...]:
    """What a person had undone at the site and no later run has done again."""
    undone = undone_commands(session, site_id)
    if not undone:
        return ()
    again: dict[str, list[tuple[int, Command]]] = defaultdict(list)
    keys = {key for command, _ in undone for key in keys_of(command)}
    for row in done_since(session, site_id, undone[0][1], keys):
        command = row_command(row)
        for key in keys_of(command):
            again[key].append((row.id, command))
    return tuple(
        command
        for command, undone_by in undone
        if not any(
            id_ > undone_by and redoes(other, command)
            for key in keys_of(command)
            for id_, other in again.get(key, ())
        )
    )
