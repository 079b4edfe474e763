"""Reading 10,000 extensions of a phone system that takes 20 ms to answer, beside bare loops that read the same pages.

Ours is the reading of a run: counted before and after, every extension once, as values. The reference is as many threads
as Rollcall may use, each with one page after the other: the same addresses, the JSON parsed, nothing looked at.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench.execute import LATENCY_MS, running_phone_system, signed_in
from bench.report import Figure, best_of
from services.relay_client.xapi.client import PAGE, USER_QUERY, Xapi
from shared import encryption
from shared.database.engine import Database
from shared.migrate import migrate
from shared.process_settings import load
from shared.settings.documents import PhoneSystemSettings

EXTENSIONS = 10_000
REPEATS = 3
GOAL = 1.2


def measure() -> list[Figure]:
    """The best of three for each, taken in turns; signing in is not counted, and ends the token of the other."""
    ours = reference = float("inf")
    with (
        running_phone_system("--extensions", str(EXTENSIONS)) as given,
        tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder,
    ):
        process = load({}, data=Path(folder))
        database = Database(process.effective_database_url)
        migrate(database)
        settings = PhoneSystemSettings.model_validate(given)
        for _repeat in range(REPEATS):
            reference = min(reference, _bare(settings))
            with Xapi(settings, database, encryption.load(process)) as xapi:
                xapi.sign_in()
                ours = min(ours, best_of(1, partial(_read, xapi)))
        database.close()
    note = f"against {settings.concurrency} bare loops; {LATENCY_MS} ms an answer"
    return [Figure(f"read {EXTENSIONS:,} extensions", ours, reference, GOAL, note)]


def _read(xapi: Xapi) -> None:
    found = sum(len(page) for page in xapi.extension_pages())
    if found != EXTENSIONS:
        raise AssertionError(f"{found} extensions were read, not {EXTENSIONS}")


def _bare(settings: PhoneSystemSettings) -> float:
    with signed_in(settings) as client, ThreadPoolExecutor(settings.concurrency) as pool:

        def _page(skip: int) -> None:
            place = {"$orderby": "Id", "$top": str(PAGE), "$skip": str(skip)}
            client.get("/xapi/v1/Users", params=USER_QUERY | place).raise_for_status().json()

        return best_of(1, lambda: list(pool.map(_page, range(0, EXTENSIONS, PAGE))))
