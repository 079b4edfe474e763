"""The watch of one directory of a site: a thread with a connection of its own, so that no other waits for it.

Called by ``watcher``. Every few seconds it asks its controller what has changed and stores whom a run must read.
"""

import hashlib
import json
import threading
import time
from collections.abc import Iterable
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog
from kombu.exceptions import OperationalError

from services.collector.active_directory import ActiveDirectory
from services.collector.watching import storing
from services.collector.watching.asking import Controller, is_refusal
from services.collector.watching.noticing import MOST_CHANGES, Noticed, Seen, notice
from services.collector.watching.position import Key, Position, why_anew
from services.collector.watching.rounds import LookedFor
from shared.database.events import LogEntry
from shared.database.tables import EventLevel
from shared.domain.watching import Hint, WatchMethod, WatchState
from shared.errors import ConfigurationError, LeaseHeld, RollcallError
from shared.language import declared, phrase
from shared.messages import TakeChanges
from shared.settings.documents import DirectorySettings
from shared.worker.context import Context

log = structlog.get_logger(__name__)

# What was answered without anything of ours in it is stored now and then: it is only told again.
_STORE_POSITION = timedelta(seconds=30)
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0
_LONGEST_PAUSE_OF_THE_SLOW = 10.0
# What only the settings can mend is tried seldom: wrong passwords lock accounts.
_PAUSE_OF_SETTINGS = 600.0
# How many people are looked for at a time where deleted entries are not shown.
_LOOKED_FOR = 100
# Of how people are reached, and nothing of who they are.
_OF_CONNECTION = {
    "name", "servers", "security", "ca_certificate", "tls_name", "authentication", "allow_plain", "user", "password",
    "site", "name_servers", "page_size", "connect_timeout_seconds", "receive_timeout_seconds",
    "controller_agreement_hours",
}  # fmt: skip


def pause_after(seconds: float, interval: float) -> float:
    """How long to wait before the controller is asked again that took so long: it has as long for others."""
    return max(interval, min(seconds, _LONGEST_PAUSE_OF_THE_SLOW))


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be watched: a directory of a site. ``with_sids`` when the site has several."""

    key: Key
    settings: DirectorySettings
    with_sids: bool = False

    @property
    def scope(self) -> str:
        """A hash of everything that decides who is selected and what is read of them."""
        chosen = self.settings.model_dump(mode="json", exclude=_OF_CONNECTION)
        return hashlib.sha256(json.dumps([chosen, self.with_sids], sort_keys=True).encode()).hexdigest()


class Watch:
    """One directory, watched until ``end``. ``answered_at`` is when its controller answered last."""

    def __init__(self, context: Context, holder: str, order: Order, interval: float) -> None:
        self.order = order
        self.answered_at: datetime | None = None
        self.is_lost = False
        self._context = context
        self._holder = holder
        self._interval = interval
        self._ended = threading.Event()
        self._failures = 0
        self._is_failure_told = False
        self._stored_at: datetime | None = None
        self._looked_for = LookedFor()
        site, directory = order.key
        self._thread = threading.Thread(
            # In a copy of the context, so that its lines carry ids of its own.
            target=copy_context().run,
            args=(self._run,),
            name=f"watch of {site} {directory}".strip(),
            daemon=True,
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Ask it to end; what it waits for just now is not waited for."""
        self._ended.set()

    def join(self, seconds: float) -> None:
        """Wait until it has ended, at most so long."""
        self._thread.join(seconds)

    def _run(self) -> None:
        structlog.contextvars.bind_contextvars(site=self.order.key[0])
        while not self._ended.is_set():
            try:
                self._connected()
            except LeaseHeld:
                self.is_lost = True
                return
            except RollcallError as error:
                self._failed(error)
            except Exception as error:
                # A fault of ours ends no watch for good; its text may hold what no log should.
                log.exception("watch_failed_unexpectedly", error=type(error).__name__)
                self._failed(
                    RollcallError(phrase("The watch ended unexpectedly ({kind}).", kind=type(error).__name__))
                )

    def _failed(self, error: RollcallError) -> None:
        if self._ended.is_set():
            return
        log.warning("watch_failed", directory=self.order.key[1], code=error.code, error=error.message)
        try:
            storing.store_state(
                self._context,
                self._holder,
                self.order.key,
                WatchState.FAILING,
                error_code=error.code,
                error_message=error.message,
                entry=self._failure_entry(error),
            )
        except LeaseHeld:
            self.is_lost = True
            self._ended.set()
        except RollcallError as refused:
            log.warning("watch_state_not_stored", code=refused.code)
        pause = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures += 1
        self._ended.wait(_PAUSE_OF_SETTINGS if isinstance(error, ConfigurationError) else pause)

    def _failure_entry(self, error: RollcallError) -> LogEntry | None:
        # A connection that is made anew at once is nobody's concern.
        is_brief = self._failures == 0 and not isinstance(error, ConfigurationError)
        if self._is_failure_told or is_brief:
            return None
        self._is_failure_told = True
        message = phrase(
            "Live changes stopped: {reason} Full runs start on schedule until they work again.",
            reason=error.message,
        )
        return LogEntry("watch.failed", message, EventLevel.WARNING)

    def _works(self) -> None:
        """It answers: whoever was told that it does not is told."""
        self._failures = 0
        if self._is_failure_told:
            entry = LogEntry("watch.live", declared("Live changes work again."))
            storing.store_state(self._context, self._holder, self.order.key, WatchState.LIVE, entry=entry)
            self._is_failure_told = False

    def _connected(self) -> None:
        """Watch on one connection, until it breaks or the watch is to end."""
        context, key = self._context, self.order.key
        position, answered_at = storing.position_of(context, key)
        preferred, hosts = ((position.server,), (position.host,)) if position is not None else ((), ())
        with ActiveDirectory(self.order.settings, preferred=preferred, hosts=hosts) as directory:
            controller = Controller(directory, self.order.settings, with_sids=self.order.with_sids)
            storing.store_state(
                context, self._holder, key, WatchState.STARTING, connected_at=datetime.now(UTC)
            )
            reason = why_anew(position, controller.reading.invocation_id, controller.usn())
            if position is None or reason:
                position = self._begun(controller, reason)
            elif position.scope != self.order.scope:
                position = replace(position, scope=self.order.scope)
                self._store(
                    position, Noticed(full_reading=declared("The settings of the directory were changed."))
                )
            else:
                # What has changed while nobody watched is told now.
                self.answered_at = answered_at
                position = replace(position, server=controller.server, host=controller.host)
                position = self._look(controller, position, is_first=True)
            pause = self._interval
            while not self._ended.wait(pause):
                asked = time.monotonic()
                position = self._look(controller, position)
                pause = pause_after(time.monotonic() - asked, self._interval)
                self._works()

    def _begun(self, controller: Controller, reason: str) -> Position:
        """A beginning: from now on changes are told, and of what was before only a full reading can tell."""
        usn = controller.usn()
        method, cookie = controller.begin()
        position = Position(
            controller.server,
            controller.reading.invocation_id,
            method,
            cookie,
            usn,
            self.order.scope,
            controller.host,
            controller.usn(),
        )
        self._store(position, Noticed(full_reading=reason))
        log.info("watch_begins", directory=self.order.key[1], method=method.value, reason=reason)
        return position

    def _look(self, controller: Controller, position: Position, *, is_first: bool = False) -> Position:
        """Ask once; the position after the answer."""
        # Read before the changes are: what comes between is told again, never lost.
        usn = controller.usn()
        if usn < position.usn:
            return self._begun(controller, why_anew(position, position.invocation_id, usn))
        noticed = Noticed()
        after = position
        if usn != position.usn:
            try:
                seen, cookie = controller.changes(position.method, position.cookie, position.usn)
            except RollcallError as error:
                if not is_refusal(error):
                    raise
                return self._begun(
                    controller, declared("The domain controller no longer knows the last answer.")
                )
            noticed = self._noticed(controller, seen)
            after = replace(position, cookie=cookie, usn=usn, usn_after=controller.usn())
        gone = self._gone(controller, after)
        noticed = replace(noticed, elsewhere={**noticed.elsewhere, **dict.fromkeys(gone, Hint.DELETED)})
        now = datetime.now(UTC)
        is_old = self._stored_at is None or now - self._stored_at >= _STORE_POSITION
        if is_first or noticed != Noticed() or (after != position and is_old):
            self._store(after, noticed)
        if noticed.full_reading:
            # Units and groups may have other names or members by now.
            controller.look_again()
        self.answered_at = now
        return after

    def _noticed(self, controller: Controller, seen: Iterable[Seen]) -> Noticed:
        noticed = notice(seen, controller.watched, self.answered_at)
        if not noticed.members or noticed.full_reading:
            return noticed
        members = list(controller.who(noticed.members))
        if any("group" in member.classes for member in members):
            return replace(
                noticed, full_reading=declared("A group came into or left a group that selects people.")
            )
        # Those who came or left, whatever else has changed of them.
        of_groups = notice(members, controller.watched, None)
        return Noticed(
            {**of_groups.inside, **noticed.inside}, {**of_groups.elsewhere, **noticed.elsewhere}, (), ""
        )

    def _gone(self, controller: Controller, position: Position) -> set[str]:
        """Who of some people is not found any more, where the controller shows no deleted entries."""
        if controller.shows_deleted and position.method is WatchMethod.DIRSYNC:
            return set()
        after = self._looked_for.next_after(position.usn)
        if after is None:
            return set()
        guids = storing.bound_after(self._context, self.order.key, after, _LOOKED_FOR)
        gone = controller.gone(guids) if guids else set()
        return self._looked_for.record(guids, gone, is_end=len(guids) < _LOOKED_FOR)

    def _store(self, position: Position, noticed: Noticed) -> None:
        if self._ended.is_set():
            # Another watch of this directory may have begun: it is told the same again.
            return
        now = datetime.now(UTC)
        inside, elsewhere = noticed.inside, noticed.elsewhere
        if len(inside) + len(elsewhere) > 10 * MOST_CHANGES or (
            noticed.full_reading and len(inside) > MOST_CHANGES
        ):
            # The full reading reads them as well.
            noticed = replace(
                noticed, full_reading=noticed.full_reading or declared("Very many entries changed at once.")
            )
            inside, elsewhere = {}, {}
        began = time.monotonic()
        added = storing.store_answer(
            self._context,
            self._holder,
            self.order.key,
            position,
            now,
            inside=inside,
            elsewhere=elsewhere,
            full_reading=noticed.full_reading,
        )
        self._stored_at = self.answered_at = now
        if added:
            log.info("changes_noticed", count=added, seconds=round(time.monotonic() - began, 3))
            try:
                self._context.publish([TakeChanges(site_id=self.order.key[0])])
            except OperationalError as error:
                # ``sweep`` publishes again.
                log.warning("changes_not_published", error=type(error).__name__)
