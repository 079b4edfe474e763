"""Holding a site and releasing it, for the console and the API."""

from shared.database.found import site_of
from shared.database.tables import Site
from shared.runs import hold
from shared.worker.context import Context


def hold_site(context: Context, site_id: str, actor: str, reason: str = "") -> Site:
    """Execute nothing at the site until it is released; see ``shared.runs.hold``.

    :raises NotFound: there is no such site.
    """
    with context.database.begin() as session:
        hold.hold(session, site_id, actor, reason)
        return site_of(session, site_id)


def release_site(context: Context, site_id: str, actor: str) -> Site:
    """Execute changes at the site again; what waited goes on with the next sweep.

    :raises NotFound: there is no such site.
    """
    with context.database.begin() as session:
        hold.release(session, site_id, actor)
        return site_of(session, site_id)
