"""A site or a run by its id, or the one error that there is none."""

from sqlalchemy.orm import Session

from shared.database.tables import Run, Site
from shared.errors import NotFound
from shared.language import phrase

# The site that every installation begins with.
DEFAULT_SITE = "default"


def site_of(session: Session, site_id: str) -> Site:
    """The site.

    :raises NotFound: there is no such site.
    """
    site = session.get(Site, site_id)
    if site is None:
        raise no_site(site_id)
    return site


def run_of(session: Session, run_id: int) -> Run:
    """The run as it stands.

    :raises NotFound: there is no such run.
    """
    run = session.get(Run, run_id)
    if run is None:
        raise no_run(run_id)
    return run


def no_site(site_id: str) -> NotFound:
    """The error."""
    return NotFound(phrase("There is no site '{site_id}'.", site_id=site_id[:80]))


def no_run(run_id: int) -> NotFound:
    """The error."""
    return NotFound(phrase("There is no run {run_id}.", run_id=run_id), run_id=run_id)
