"""Opens the deployment that the settings describe, and brings workers and beat into this process when asked.

In a process of its own (``rollcall worker``) Celery's own programs are used; here only what the embedded mode and
short commands need.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import structlog

from shared import encryption
from shared.database.engine import Database
from shared.database.migrate import schema_status
from shared.errors import Conflict, LeaseHeld, StorageUnavailable, WorkerUnavailable
from shared.process_settings import ProcessSettings
from shared.work import leases
from shared.worker.context import Context, share

if TYPE_CHECKING:
    from celery import Celery

log = structlog.get_logger(__name__)

_READY_SECONDS = 30.0
# Who holds this is the one process that serves an embedded deployment.
_EMBEDDED_LEASE = "embedded"
# Soon noticed when a second process does the work of a crashed first one.
_EMBEDDED_LEASE_SECONDS = 15.0


def open_deployment(settings: ProcessSettings) -> Context:
    """The wiring of this process. An embedded database is brought to the newest revision first.

    :raises StorageUnavailable: the database cannot be reached or written, or its tables are not up to date.
    :raises SettingsInvalid: the key or the database address is malformed.
    """
    database = Database(settings.effective_database_url, settings.database_connections)
    try:
        secrets = encryption.load(settings)
        context = Context(_app_when_used(settings, database, secrets), settings, database, secrets)
        _check_tables(context)
    except BaseException:
        database.close()
        raise
    return context


def _app_when_used(settings: ProcessSettings, database: Database, secrets: encryption.Encryption) -> "Celery":
    """The app, imported and made when it is first used: most commands only read the database."""
    from celery.local import Proxy

    made: list[Context] = []
    lock = threading.Lock()

    def app() -> "Celery":
        with lock:
            if not made:
                from shared.worker.app import create_app

                made.append(Context(create_app(settings), settings, database, secrets))
                share(made[0])
            return made[0].app

    return cast("Celery", Proxy(app))


def _check_tables(context: Context) -> None:
    database = context.database
    found = schema_status(database)
    if found.is_usable:
        return
    if not database.is_sqlite:
        raise StorageUnavailable(found.message)
    # Only after a migration, which takes its time anyway.
    from services.api.accounts.queries import begin_sealing
    from services.scheduler.copies import copy_before_upgrade
    from shared.migrate import migrate

    copy_before_upgrade(context.settings, database, found.now)
    before, _ = migrate(database)
    begin_sealing(context, "upgrade", before)


def is_served(context: Context) -> bool:
    """Whether some process works on what is published: always with a real broker, else while ``up`` runs."""
    if not context.settings.is_embedded:
        return True
    holder = "is-anybody-there"
    if not leases.take(context.database, _EMBEDDED_LEASE, holder, 1):
        return True
    leases.give_back(context.database, _EMBEDDED_LEASE, holder)
    return False


@contextmanager
def embedded(context: Context) -> Iterator[Callable[[], bool]]:
    """Workers and beat in this process for the time of the block; one process per database. Tells whether they live.

    :raises Conflict: another process works with this database already.
    """
    try:
        with (
            leases.hold(
                context.database, _EMBEDDED_LEASE, leases.new_holder(), _EMBEDDED_LEASE_SECONDS
            ) as heartbeat,
            workers(context) as are_working,
            _beat(context),
            _watching(context),
        ):
            yield lambda: are_working() and not heartbeat.is_lost
    except LeaseHeld as held:
        raise Conflict(
            f"Another `rollcall up` works with the database {context.database.place}. Stop it first, or "
            "give this "
            "one another: --data FOLDER, or ROLLCALL_DATABASE_URL for a server. "
            f"(After a crash, wait {_EMBEDDED_LEASE_SECONDS:.0f} s.)"
        ) from held


@contextmanager
def workers_where_embedded(context: Context) -> Iterator[None]:
    """Workers in this process when the broker does not reach beyond it; else those that run elsewhere serve.

    Whoever waits for a run also publishes again what it waits for (``following``): perhaps no beat runs here.
    """
    if not context.settings.is_embedded:
        yield
        return
    with workers(context):
        yield


@contextmanager
def workers(context: Context) -> Iterator[Callable[[], bool]]:
    """Worker threads for all queues, ended (after the task in hand) with the block. Tells whether they live.

    :raises WorkerUnavailable: they did not get ready.
    """
    from services.cli.in_process_worker import InProcessWorker

    import_tasks()
    # The threads of Celery's pool look their app up as the default one of the process.
    context.app.set_default()
    context.app.rollcall_stopping.reset()
    worker = InProcessWorker(context)
    thread = threading.Thread(target=worker.start, name="workers", daemon=True)
    thread.start()
    try:
        if not worker.is_ready.wait(_READY_SECONDS):
            raise WorkerUnavailable("The workers of this process did not start. See the process log.")
        yield thread.is_alive
    finally:
        context.app.rollcall_stopping.ask()
        worker.stop()
        thread.join(timeout=_READY_SECONDS)


@contextmanager
def _beat(context: Context) -> Iterator[None]:
    from shared.worker.beat import BeatThread

    beat = BeatThread(context.app)
    beat.start()
    try:
        yield
    finally:
        beat.stop(_READY_SECONDS)


@contextmanager
def _watching(context: Context) -> Iterator[None]:
    from services.collector.watching.watcher import Watcher

    ended = threading.Event()
    thread = threading.Thread(target=Watcher(context, ended).run, name="watcher", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_READY_SECONDS)


def import_tasks() -> None:
    """Make the tasks of every service known to the app."""
    from services.collector import tasks as collector
    from services.notifier import tasks as notifier
    from services.reconciler import tasks as reconciler
    from services.relay_client import tasks as relay_client
    from services.scheduler import tasks as scheduler

    modules = (collector, notifier, reconciler, relay_client, scheduler)
    log.debug("tasks_known", modules=[module.__name__ for module in modules])
