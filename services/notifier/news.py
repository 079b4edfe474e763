"""What there is to tell of a site: which conditions hold, and which of them have begun or ended. Pure.

A condition is told when it begins and, of some kinds, when it has ended; while it lasts nothing is told. What cannot be
known at the moment (a run is reading, say) is neither: it stays as it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.notifying import KINDS, Level, Notification
from shared.domain.plan import counts_in_words
from shared.domain.watching import WatchStatus
from shared.language import Plural, declared, phrase
from shared.settings.sections.notifications import NotificationsSettings

# A watch that reconnects is no interruption.
_INTERRUPTED_AFTER = timedelta(minutes=5)
_TIME_FOR_A_RUN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that holds. ``key`` tells it from others of its kind; ``path`` is the page of the console about it."""

    key: str
    line: str
    path: str = ""


Look = Mapping[Notification, Sequence[Condition]]
"""What holds now, by kind. A kind that is left out cannot be known at the moment."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell."""

    kind: Notification
    severity: Level
    title: str
    lines: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True)
class RunSeen:
    """What counts of a run. ``waiting`` is what an approval would do, by kind."""

    id: int
    is_failed: bool = False
    reason: str = ""
    waiting: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a site. ``held`` is the plan that waits for approval, ``ended`` the newest full run that came to an
    end; ``behind_since`` is when the last good run ended, or the first run began where none was good, and ``due_at`` when the
    next one after it was due; ``licence`` is how many extensions are used and allowed; ``ends`` says until when certificates and passwords are good. ``conflicts`` are by
    key, ``None`` when they have not been read anew.
    """

    held: RunSeen | None = None
    is_reading: bool = False
    ended: RunSeen | None = None
    is_scheduled: bool = False
    is_live: bool = False
    behind_since: datetime | None = None
    due_at: datetime | None = None
    watches: Sequence[WatchStatus] = ()
    licence: tuple[int, int] | None = None
    ends: Sequence[tuple[str, datetime]] = ()
    conflicts: Mapping[str, str] | None = None
    conflicts_path: str = ""


def look(facts: Facts, settings: NotificationsSettings, now: datetime) -> Look:
    """Which conditions hold at this moment."""
    found: dict[Notification, Sequence[Condition]] = {}
    if facts.held is not None:
        line = phrase(
            "Run {run} would {waiting}. Nothing is changed until it is approved.",
            run=facts.held.id,
            waiting=counts_in_words(facts.held.waiting),
        )
        found[Notification.PLAN_WAITS] = [Condition("plan", line, f"/runs/{facts.held.id}/plan")]
    elif not facts.is_reading:
        found[Notification.PLAN_WAITS] = []
    if facts.ended is not None:
        line = facts.ended.reason or declared("Some changes failed. The run shows which.")
        failed = [Condition("failed", line, f"/runs/{facts.ended.id}")]
        found[Notification.RUN_FAILED] = failed if facts.ended.is_failed else []
    found |= _overdue(facts, settings, now)
    found |= _live(facts, now)
    found |= _licence(facts, settings)
    if facts.ends:
        found[Notification.EXPIRY] = [
            Condition(what, _expires(what, ends, now))
            for what, ends in facts.ends
            if ends - now < timedelta(days=settings.expiry_days)
        ]
    if facts.conflicts is not None:
        found[Notification.CONFLICTS] = [
            Condition(key, line, facts.conflicts_path) for key, line in facts.conflicts.items()
        ]
    return found


def _overdue(facts: Facts, settings: NotificationsSettings, now: datetime) -> Look:
    since, hours = facts.behind_since, settings.sync_hours
    # Turned off is not over.
    if not facts.is_scheduled or not hours or since is None:
        return {}
    line = phrase("No full run has ended well since {since} UTC.", since=f"{since:%Y-%m-%d %H:%M}")
    is_overdue = now - since > timedelta(hours=hours)
    # On days without runs and in a blackout window nothing is late; a run that was due has an hour to end.
    if facts.due_at is not None and now - facts.due_at < _TIME_FOR_A_RUN:
        is_overdue = False
    return {Notification.SYNC_OVERDUE: [Condition("overdue", line, "/runs")] if is_overdue else []}


def _live(facts: Facts, now: datetime) -> Look:
    if not facts.is_live:
        return {}
    lost = [
        watch
        for watch in facts.watches
        if watch.last_answer_at is not None and now - watch.last_answer_at > _INTERRUPTED_AFTER
    ]
    if lost:
        line = lost[0].error_message or declared("No domain controller is being watched.")
        return {Notification.LIVE_INTERRUPTED: [Condition("interrupted", line, "/settings/schedule")]}
    is_known = facts.watches and all(watch.is_live(now) for watch in facts.watches)
    return {Notification.LIVE_INTERRUPTED: []} if is_known else {}


def _licence(facts: Facts, settings: NotificationsSettings) -> Look:
    if facts.licence is None:
        return {}
    used, most = facts.licence
    free, least = most - used, settings.free_extensions
    if free < least:
        line = phrase(
            "{used} of {most} licensed extensions are in use, {free} free.", used=used, most=most, free=max(0, free)
        )  # fmt: skip
        return {Notification.LICENCE: [Condition("licence", line, "/settings/phone-system")]}
    # Only clearly above it is over: one who comes and goes is told of once.
    return {Notification.LICENCE: []} if free >= least + max(2, least // 2) else {}


def _expires(what: str, ends: datetime, now: datetime) -> str:
    when = f"{ends:%Y-%m-%d %H:%M}"
    if ends <= now:
        return phrase("{what} expired on {when} UTC.", what=what, when=when)
    return phrase("{what} expires on {when} UTC.", what=what, when=when)


def news(before: Mapping[Notification, Sequence[str]], found: Look) -> Iterator[Notice]:
    """What has begun and what has ended since ``before``, the keys of what lasted then."""
    for kind, conditions in found.items():
        known = set(before.get(kind, ()))
        begun = [condition for condition in conditions if condition.key not in known]
        if begun:
            yield Notice(
                kind,
                KINDS[kind].severity,
                _title(kind, len(begun)),
                tuple(condition.line for condition in begun),
                begun[0].path,
            )
        elif known and not conditions and kind in _OVER:
            yield Notice(kind, Level.INFO, _OVER[kind], (), "/")


def _title(kind: Notification, count: int) -> str:
    if kind is Notification.CONFLICTS:
        return phrase("{count:,} new {what}", count=count, what=Plural("conflict", "conflicts", count))
    return _BEGUN[kind]


_BEGUN: Mapping[Notification, str] = {
    Notification.PLAN_WAITS: declared("A plan needs approval"),
    Notification.RUN_FAILED: declared("The last run failed"),
    Notification.SYNC_OVERDUE: declared("No successful sync for too long"),
    Notification.LIVE_INTERRUPTED: declared("Live changes are interrupted"),
    Notification.REMOVALS: declared("Extensions disabled or deleted"),
    Notification.LICENCE: declared("The 3CX licence is nearly full"),
    Notification.EXPIRY: declared("A certificate or password expires soon"),
}
_OVER: Mapping[Notification, str] = {
    Notification.RUN_FAILED: declared("Runs succeed again"),
    Notification.SYNC_OVERDUE: declared("A full run has ended well again"),
    Notification.LIVE_INTERRUPTED: declared("Live changes work again"),
}


def removals(lines: Sequence[str]) -> Notice:
    """That extensions were disabled or deleted, with what the Log says of each."""
    kind = Notification.REMOVALS
    return Notice(kind, KINDS[kind].severity, _BEGUN[kind], tuple(lines), "/log")
