"""What people are told of without looking: the kinds of notifications, and the channels that carry them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.choice import Choice


class Level(StrEnum):
    """How much a notification asks of a person."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Channel(Choice):
    """Where a notification goes."""

    EMAIL = "email", "E-mail"
    TEAMS = "teams", "Microsoft Teams"
    SLACK = "slack", "Slack"
    WEBHOOK = "webhook", "Webhook"


# Not a channel of notifications: every entry of the audit goes there, and nothing else.
SYSLOG = "syslog"


class Notification(Choice):
    """What a notification is about."""

    PLAN_WAITS = "plan_waits", "A plan needs approval"
    RUN_FAILED = "run_failed", "A run failed; runs succeed again"
    SYNC_OVERDUE = "sync_overdue", "No successful sync for too long; a full run has ended well again"
    LIVE_INTERRUPTED = "live_interrupted", "Live changes are interrupted; they work again"
    CONFLICTS = "conflicts", "New conflicts"
    REMOVALS = "removals", "Extensions disabled or deleted"
    LICENCE = "licence", "The licence is nearly full"
    EXPIRY = "expiry", "A certificate or password expires soon"


@dataclass(frozen=True, slots=True)
class About:
    """How a kind is meant. ``is_on``: sent unless somebody turns it off; ``is_digest``: collected and sent once a day.

    What is urgent is sent in quiet hours too.
    """

    severity: Level
    is_on: bool = True
    is_digest: bool = False

    @property
    def is_urgent(self) -> bool:
        """Whether it cannot wait for the morning."""
        return self.severity is Level.ERROR


KINDS: Mapping[Notification, About] = {
    Notification.PLAN_WAITS: About(Level.WARNING),
    Notification.RUN_FAILED: About(Level.ERROR),
    Notification.SYNC_OVERDUE: About(Level.ERROR),
    Notification.LIVE_INTERRUPTED: About(Level.WARNING),
    Notification.CONFLICTS: About(Level.WARNING),
    Notification.REMOVALS: About(Level.INFO, is_on=False, is_digest=True),
    Notification.LICENCE: About(Level.WARNING),
    Notification.EXPIRY: About(Level.WARNING),
}


class MessageState(StrEnum):
    """Of a notification on its way. ``failed`` waits for a person to send it again."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


ON: tuple[Notification, ...] = tuple(kind for kind, about in KINDS.items() if about.is_on)
