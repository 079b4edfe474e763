"""The one process of a deployment that watches: for every site with live changes, each of its directories.

Called by ``rollcall watch``, and by ``rollcall up``. It holds a lease; another one waits beside it and takes over
when that ends. Whoever lost it stores nothing any more: every write looks at the lease in its own transaction.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from sqlalchemy import func, select

from services.collector.watching import storing
from services.collector.watching.full_readings import see_to_full_readings
from services.collector.watching.position import Key
from services.collector.watching.storing import LEASE
from services.collector.watching.watch import Order, Watch
from shared.database.tables import SettingsVersion
from shared.errors import LeaseHeld, RollcallError, TransientError
from shared.runs.start import check_ready
from shared.settings.documents import SiteSettings
from shared.work import leases
from shared.work.heartbeat import Heartbeat
from shared.worker.context import Context

log = structlog.get_logger(__name__)

# How often a controller is asked.
INTERVAL_SECONDS = 1.0
# A second watcher takes over within this and one of its looks.
LEASE_SECONDS = 10.0
_LOOK_SECONDS = 2.0
# A watch that answers counts as live for longer than this (``shared.database.watches``).
_NOTE_ANSWERS_SECONDS = 15.0
_END_SECONDS = 3.0


class Watcher:
    """Watches until ``ended`` is set."""

    def __init__(
        self,
        context: Context,
        ended: threading.Event,
        *,
        interval: float = INTERVAL_SECONDS,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._context = context
        self._ended = ended
        self._interval = interval
        self._lease_seconds = min(LEASE_SECONDS, context.settings.lease_seconds)
        self._alive = alive
        self._watches: dict[Key, Watch] = {}
        # By site: the newest version of its settings, and what it is to be watched for.
        self._known: dict[str, tuple[int, dict[Key, Order]]] = {}

    def run(self) -> None:
        """Watch, or wait until the process that does has ended."""
        pause = min(_LOOK_SECONDS, self._lease_seconds / 3)
        while not self._ended.is_set():
            self._alive()
            holder = leases.new_holder()
            try:
                with leases.hold(self._context.database, LEASE, holder, self._lease_seconds) as heartbeat:
                    log.info("watcher_begins", holder=holder)
                    self._serve(holder, heartbeat)
            except LeaseHeld:
                pass
            except RollcallError as error:
                log.warning("watcher_interrupted", code=error.code, error=error.message)
            except Exception:
                # A fault of ours must not end the watching of every site for good.
                log.exception("watcher_failed")
            self._ended.wait(pause)

    def _serve(self, holder: str, heartbeat: Heartbeat) -> None:
        noted_at = time.monotonic()
        try:
            while not self._ended.is_set():
                self._alive()
                if heartbeat.is_lost or any(watch.is_lost for watch in self._watches.values()):
                    log.warning("watcher_lost_its_lease", holder=holder)
                    return
                try:
                    self._see_to_watches(holder)
                    see_to_full_readings(self._context)
                    if time.monotonic() - noted_at >= _NOTE_ANSWERS_SECONDS:
                        noted_at = time.monotonic()
                        self._note_answers(holder)
                except LeaseHeld:
                    return
                except RollcallError as error:
                    # The database is away for a moment: whoever lost the lease meanwhile sees it above.
                    log.warning("watcher_waits", code=error.code, error=error.message)
                self._ended.wait(min(_LOOK_SECONDS, self._lease_seconds / 3))
        finally:
            self._end_all()

    def _see_to_watches(self, holder: str) -> None:
        """Begin and end watches as the settings are now."""
        wanted = {key: order for orders in self._orders(holder).values() for key, order in orders.items()}
        for key, watch in list(self._watches.items()):
            if wanted.get(key) != watch.order:
                watch.end()
                del self._watches[key]
        for key, order in wanted.items():
            if key not in self._watches:
                self._watches[key] = Watch(self._context, holder, order, self._interval)
                self._watches[key].start()

    def _orders(self, holder: str) -> Mapping[str, dict[Key, Order]]:
        with self._context.database.glance() as session:
            rows = session.execute(
                select(SettingsVersion.site_id, func.max(SettingsVersion.id).label("newest")).group_by(
                    SettingsVersion.site_id
                )
            )
            newest: dict[str, int] = {row.site_id: row.newest for row in rows}
        self._known = {site: known for site, known in self._known.items() if site in newest}
        for site, version in newest.items():
            if site not in self._known or self._known[site][0] != version:
                self._known[site] = (version, self._orders_of(site, holder))
        return {site: orders for site, (_, orders) in self._known.items()}

    def _orders_of(self, site: str, holder: str) -> dict[Key, Order]:
        try:
            orders = orders_of(site, self._context.site_settings(site).settings)
            for key in [key for key in self._watches if key[0] == site and key not in orders]:
                self._watches.pop(key).end()
            storing.forget_others(self._context, holder, site, [directory for _, directory in orders])
            return orders
        except TransientError:
            raise
        except RollcallError as error:
            log.warning("site_not_watched", site=site, code=error.code, error=error.message)
            return {}

    def _note_answers(self, holder: str) -> None:
        answered: dict[Key, datetime] = {
            key: watch.answered_at for key, watch in self._watches.items() if watch.answered_at is not None
        }
        if answered:
            storing.store_answers(self._context, holder, answered)

    def _end_all(self) -> None:
        for watch in self._watches.values():
            watch.end()
        until = time.monotonic() + _END_SECONDS
        for watch in self._watches.values():
            # One that hangs stores nothing any more: the lease is given back, or another's.
            watch.join(max(0.0, until - time.monotonic()))
        self._watches = {}


def orders_of(site: str, settings: SiteSettings) -> dict[Key, Order]:
    """What is to be watched for a site: its directories, if live changes are on and a run could be started."""
    if not settings.schedule.is_live:
        return {}
    try:
        check_ready(settings)
    except RollcallError:
        return {}
    directories = settings.directory_by_key
    return {
        (site, key): Order((site, key), directory, with_sids=len(directories) > 1)
        for key, directory in directories.items()
    }
