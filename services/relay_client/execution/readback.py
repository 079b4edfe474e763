"""Reads back what became of commands whose run ended while they were in hand, before anything new is planned.

A run that was cancelled, failed or ran out of tries leaves such commands with the code ``outcome_unknown``. What took
effect is noted as what it was, with the run that did it: its row, its binding, its entry in the Log.
"""

import time
from collections import defaultdict

from sqlalchemy import select

from services.relay_client.execution import outcomes
from services.relay_client.execution.decide import settle
from services.relay_client.execution.execute import executor_lease
from services.relay_client.execution.looking import look_at
from services.relay_client.execution.outcome_entries import CommandOutcome
from services.relay_client.xapi.client import Xapi
from shared.database import owed
from shared.database.commands import row_command
from shared.database.tables import CommandRow, Run, RunState
from shared.domain.command import Command, CommandKind, CommandState
from shared.errors import LeaseHeld, PhoneSystemBusy
from shared.language import declared
from shared.work import leases
from shared.work.transitions import OUTCOME_UNKNOWN
from shared.worker.context import Context

_ASK_AGAIN_SECONDS = 0.2
_BATCH = 100


def read_back(context: Context, site_id: str, xapi: Xapi) -> None:
    """Settle every command of the site whose outcome is unknown and whose run has ended.

    Only whoever may execute at this phone system may do it: a worker of the ended run may still be at one of them.

    :raises PhoneSystemBusy: another worker has been executing there for long.
    """
    if not _unknown(context, site_id):
        with context.database.begin() as session:
            owed.remove_not_started(session, site_id)
        return
    holder, seconds = leases.new_holder(), context.settings.lease_seconds
    name = executor_lease(xapi.settings)
    until = time.monotonic() + context.settings.task_seconds / 3
    while True:
        try:
            with leases.hold(context.database, name, holder, seconds):
                _settle_all(context, site_id, xapi, name, holder)
            return
        except LeaseHeld as held:
            if time.monotonic() > until or context.is_stopping:
                raise PhoneSystemBusy(
                    declared(
                        "Another run is still executing on this phone system. Unfinished changes of ended runs are "
                        "read back afterwards."
                    ),
                    retry_after=seconds,
                ) from held
        time.sleep(_ASK_AGAIN_SECONDS)


def _settle_all(context: Context, site_id: str, xapi: Xapi, lease: str, holder: str) -> None:
    while found := _unknown(context, site_id):
        commands = [command for _run_id, _row_id, command in found]
        settled = defaultdict[int, list[CommandOutcome]](list)
        for (run_id, row_id, command), live in zip(found, look_at(xapi, commands), strict=True):
            end = settle(command, live)
            settled[run_id].append(
                CommandOutcome(
                    row_id,
                    command,
                    end.state,
                    {},
                    end.code,
                    end.message,
                    end.extension_id,
                    reached=end.reached,
                )
            )
        with context.database.begin() as session:
            leases.fence(session, lease, holder)
            for run_id, ended in settled.items():
                outcomes.store(session, site_id, run_id, ended)
    with context.database.begin() as session:
        owed.remove_not_started(session, site_id)


def _unknown(context: Context, site_id: str) -> list[tuple[int, int, Command]]:
    with context.database.read() as session:
        rows = session.scalars(
            select(CommandRow)
            .join(Run, Run.id == CommandRow.run_id)
            .where(
                Run.site_id == site_id,
                Run.state.in_([RunState.CANCELLED.value, RunState.FAILED.value]),
                CommandRow.state == CommandState.FAILED.value,
                CommandRow.error_code == OUTCOME_UNKNOWN,
                # Of a newer version: left to it.
                CommandRow.kind.in_([*CommandKind]),
            )
            .order_by(CommandRow.id)
            .limit(_BATCH)
        )
        return [(row.run_id, row.id, row_command(row)) for row in rows]
