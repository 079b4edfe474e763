"""Executes one stage of a run, then hands on to the next, or ends the run when nothing is left.

Called by the task ``relay_client.execute_stage``. One executor per phone system works at a time (a lease with
heartbeat). It may be killed at any instruction: what it had claimed is read back by the next one.
"""

import hashlib

from services.relay_client import claims, ending
from services.relay_client.archive import Archiver, archiver_of
from services.relay_client.claims import Tenure
from services.relay_client.stage import StageWork
from services.relay_client.xapi import Xapi
from shared.database import leases
from shared.database.tables import Run, RunState
from shared.errors import LeaseHeld, NewerVersionNeeded, RollcallError, StorageUnavailable, TransientError
from shared.runs.doubtful import turn_of_stage
from shared.runs.parts import new_holder
from shared.settings import store
from shared.settings.documents import PhoneSystemSettings
from shared.worker.context import Context

# In the data folder of the worker.
RECORDINGS_FOLDER = "recordings"


def executor_lease(settings: PhoneSystemSettings) -> str:
    """The name of the lease that makes one executor per phone system."""
    return "executor:" + hashlib.sha256(settings.base_url.casefold().encode()).hexdigest()[:40]


def execute_stage(context: Context, run_id: int, archiver: Archiver | None = None) -> None:
    """Carry out the run's next stage, or finish the run when nothing is left; with the site's own archiver by default.

    :raises LeaseHeld: another executor is at this phone system, or has taken over.
    :raises NewerVersionNeeded: the run is left to a worker of a newer version.
    :raises RollcallError: why the stage could not be ended; noted with the run, which goes on or was stopped.
    """
    with context.database.read() as session:
        run = session.get(Run, run_id)
    if run is None or run.state != RunState.EXECUTING:
        return
    try:
        with turn_of_stage(context, run):
            _execute(context, run, archiver)
    except (LeaseHeld, NewerVersionNeeded, StorageUnavailable):
        # Nobody's fault that the run should count, or nowhere to write it down.
        raise
    except TransientError as error:
        ending.note_interruption(context, run, error)
        raise
    except RollcallError as error:
        ending.stop(context, run, error)
        raise
    context.publish_due(run_id)


def _execute(context: Context, run: Run, archiver: Archiver | None) -> None:
    with context.database.read() as session:
        site = store.read(session, run.site_id, context.encryption).settings
    settings = site.phone_system
    name, holder = executor_lease(settings), new_holder()
    with leases.hold(context.database, name, holder, context.settings.lease_seconds) as held:
        with context.database.read() as session:
            key = claims.next_stage(session, run.id)
        if key is not None:
            with Xapi(settings, context.database, context.encryption) as xapi:
                used = archiver or archiver_of(
                    site,
                    xapi,
                    context.settings.data / RECORDINGS_FOLDER,
                    context.settings.task_seconds / 3,
                    lambda: not context.is_stopping,
                )
                StageWork(context, run, key, xapi, used, Tenure(name, holder, held)).drain()
            with context.database.read() as session:
                key = claims.next_stage(session, run.id)
        if key is None:
            ending.finish(context, run)
