"""Makes a database ready for this Rollcall: its tables, and the default site in them."""

from shared.database.engine import Database
from shared.database.migrate import bring_tables
from shared.settings.store import ensure_site


def migrate(database: Database, to: str | None = None) -> tuple[str | None, str | None]:
    """Bring the tables to the newest revision and make the default site, or bring them ``to`` an older or newer one.

    Returns and raises what ``bring_tables`` does.
    """
    return bring_tables(database, to, ensure_site)
