"""Sites: each is one directory, one phone system and one schedule."""

import re

from sqlalchemy import select

from shared.database import events
from shared.database.tables import Site
from shared.errors import Conflict, RowRefused, SettingsInvalid
from shared.language import phrase
from shared.settings import store
from shared.worker.context import Context


def list_sites(context: Context) -> list[Site]:
    """All sites, by id."""
    with context.database.read() as session:
        return list(session.scalars(select(Site).order_by(Site.id)))


def create_site(context: Context, site_id: str, actor: str, name: str = "") -> Site:
    """Make a site with default settings.

    :raises SettingsInvalid: the id is not one.
    :raises Conflict: the site exists already.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", site_id):
        raise SettingsInvalid(
            phrase(
                "'{site_id}' cannot be a site's id. Use 1 to 60 lower-case letters, digits and hyphens, "
                "beginning with a letter or digit.",
                site_id=site_id[:80],
            )
        )
    exists = Conflict(phrase("There is a site '{site_id}' already. Choose another id.", site_id=site_id))
    site = store.new_site(site_id, (name.strip() or site_id)[:200])
    try:
        with context.database.begin() as session:
            if session.get(Site, site_id) is not None:
                raise exists
            session.add(site)
            session.flush()
            message = phrase("The site '{site_id}' was created.", site_id=site_id)
            entry = events.LogEntry("site.created", message, actor=actor)
            events.record_audited(session, site_id, entry, {"name": site.name})
    except RowRefused as error:
        raise exists from error
    return site
