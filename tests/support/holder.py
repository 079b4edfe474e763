"""A worker in a process of its own that takes a piece of work, says so, and writes when it is told to.

Started by tests that kill or freeze it: ``python -m tests.support.holder FOLDER URL part|run ID``.
"""

import sys
from pathlib import Path

from shared import encryption
from shared.database.engine import Database
from shared.database.tables import PartKind, Run, RunState, SnapshotPart
from shared.domain.person import AbsentPerson
from shared.errors import LeaseHeld
from shared.process_settings import load
from shared.work.claimed import claimed
from shared.work.moves import move_run
from shared.work.parts import PartWork
from shared.work.runs import RunWork
from shared.work.transitions import RunEvent
from shared.worker.app import create_app
from shared.worker.context import Context

LEASE_SECONDS = 1.5
LEASE = "executor of the test"


def context_on(folder: Path, url: str) -> Context:
    """The wiring of a process whose claims end soon."""
    settings = load({}, data=folder, database_url=url, lease_seconds=LEASE_SECONDS)
    return Context(create_app(settings), settings, Database(url), encryption.load(settings))


def part_work(context: Context, part_id: int) -> PartWork:
    """A unit to be read, or people to be looked up."""
    with context.database.read() as session:
        kind = PartKind(session.get_one(SnapshotPart, part_id).kind)
    return PartWork(context, part_id, kind)


def run_work(context: Context, run_id: int) -> RunWork:
    """A run to be executed."""
    with context.database.read() as session:
        run = session.get_one(Run, run_id)
    return RunWork(context, run, RunState.EXECUTING, LEASE, 2)


def finish(work: RunWork) -> None:
    """End the run, as its executor does."""
    with work.context.database.begin() as session:
        work.fence(session)
        move_run(session, work.run.id, RunEvent.FINISHED)


def _wait_for_word() -> None:
    print("taken", flush=True)
    sys.stdin.readline()


def main() -> None:
    """Take it, wait for a line, write; say how that went."""
    folder, url, what, number = sys.argv[1:]
    context = context_on(Path(folder), url)
    try:
        if what == "part":
            with claimed(context, part_work(context, int(number))) as part:
                _wait_for_word()
                if part is not None:
                    part.store([AbsentPerson("first owner", found=False)])
                    part.complete(source="first owner", proof={})
        else:
            with claimed(context, run_work(context, int(number))) as work:
                _wait_for_word()
                if work is not None:
                    finish(work)
    except LeaseHeld:
        print("refused", flush=True)
    else:
        print("written", flush=True)


if __name__ == "__main__":
    main()
