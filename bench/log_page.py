"""A page of 50 entries of the Log out of 1,000,000."""

import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import insert

from bench.report import Figure, best_of
from services.api.log.use_cases.log import LogFilter, read_log
from shared import encryption
from shared.database.engine import Database
from shared.database.tables import Event, EventLevel
from shared.migrate import migrate
from shared.process_settings import load
from shared.worker.app import create_app
from shared.worker.context import Context

EVENTS = 1_000_000
GOAL_SECONDS = 0.050


def measure() -> list[Figure]:
    """The newest page, a page in the middle, and one per filter; the goal is 50 ms, so the ratio's is 1."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load({}, data=Path(folder))
        database = Database(settings.effective_database_url)
        migrate(database)
        fill(database)
        context = Context(create_app(settings), settings, database, encryption.load(settings))
        now = datetime.now(UTC)
        pages = {
            "newest": (LogFilter(), None),
            "from the middle": (LogFilter(), EVENTS // 2),
            "errors only (1 in 1,000)": (LogFilter(level=EventLevel.ERROR), None),
            "one run": (LogFilter(run_id=7), None),
            "one number": (LogFilter(number="1234"), None),
            "one day": (LogFilter(since=now - timedelta(days=20), until=now - timedelta(days=19)), None),
        }
        figures = []
        for name, (wanted, before) in pages.items():
            page = read_log(context, "default", wanted, limit=50, before=before)
            seconds = best_of(5, partial(read_log, context, "default", wanted, limit=50, before=before))
            figures.append(
                Figure(
                    f"log page, {name}",
                    seconds,
                    GOAL_SECONDS,
                    1.0,
                    f"{len(page.entries)} of {EVENTS:,} entries",
                )
            )
        database.close()
        return figures


def fill(database: Database, events: int = EVENTS) -> None:
    """So many entries of the Log, a multiple of 50,000, three seconds apart."""
    began = datetime.now(UTC) - timedelta(seconds=events * 3)
    for start in range(0, events, 50_000):
        with database.begin() as session:
            session.execute(
                insert(Event),
                [
                    {
                        "site_id": "default",
                        "run_id": index // 1_000,
                        "occurred_at": began + timedelta(seconds=index * 3),
                        "level": "error" if index % 1_000 == 0 else "info",
                        "code": "extension.updated",
                        "message": f"Updated extension {index % 10_000}: the last name changed.",
                        "actor": "rollcall",
                        "number": str(index % 10_000),
                        "person_guid": None,
                    }
                    for index in range(start, start + 50_000)
                ],
            )
