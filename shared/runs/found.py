"""A run by its number, or the one error that there is none."""

from sqlalchemy.orm import Session

from shared.database.tables import Run
from shared.errors import NotFound


def run_of(session: Session, run_id: int) -> Run:
    """The run as it stands.

    :raises NotFound: there is no such run.
    """
    run = session.get(Run, run_id)
    if run is None:
        raise no_run(run_id)
    return run


def no_run(run_id: int) -> NotFound:
    """The error."""
    return NotFound(f"There is no run {run_id}.", run_id=run_id)
