"""The one piece of work here: look what there is to tell of a site, and send what is due. Asked for by ``sweep``.

One worker at a time does so for a site, by a lease: whoever takes over from one that died finds what was told and what
was sent in the database.
"""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from services.notifier.audit_trail import send_audit
from services.notifier.channels import syslog
from services.notifier.delivery import SENDERS, deliver, is_suspect
from services.notifier.message import Message
from services.notifier.outbox import take_notice
from shared.domain.notifying import SYSLOG, Channel, Level
from shared.errors import SettingsInvalid
from shared.language import declared, phrase, spoken
from shared.settings.documents import NotificationsSettings, Section
from shared.settings.store import DEFAULT_SITE
from shared.work import leases
from shared.work.bulkhead import turn
from shared.worker.context import Context
from shared.worker.questions import unseal


def notify(context: Context, site_id: str) -> None:
    """Tell what is new, and send what is due.

    :raises LeaseHeld: another worker is at it, or has taken over.
    """
    lease = (f"notifications of {site_id}", leases.new_holder())
    with leases.hold(context.database, *lease, context.settings.lease_seconds) as heartbeat:
        settings = context.site_settings(site_id).settings
        if any(settings.notifications.channels()):
            take_notice(context, site_id, settings, lease, datetime.now(UTC))
        # A receiver that hangs must not keep the worker from the others.
        with turn(context, is_suspect=is_suspect(context, site_id)) as has_turn:
            if has_turn:
                base = _base(context, site_id, settings.notifications)
                deliver(context, site_id, settings.notifications, base, heartbeat)
        while send_audit(context, site_id, settings, lease) and not (
            heartbeat.is_lost or context.is_stopping
        ):
            pass


def _base(context: Context, site_id: str, settings: NotificationsSettings) -> str:
    """What links to pages of the site begin with; empty when nobody has said where the console is."""
    address = settings.console_address
    if not address:
        address = context.site_settings(DEFAULT_SITE).settings.single_sign_on.console_address.rstrip("/")
    of_site = "" if site_id == DEFAULT_SITE else f"/sites/{site_id}"
    return f"{address}/console{of_site}" if address else ""


def try_channel(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Send a test message by one channel, with the stored settings or with those given: where it went.

    :raises SettingsInvalid: the channel is not set up.
    :raises RollcallError: why it was not taken.
    """
    began = time.monotonic()
    site_id, name = str(arguments["site_id"]), str(arguments["channel"])
    if sealed := arguments.get("settings"):
        settings = unseal(Section.NOTIFICATIONS, sealed, context.encryption)
        assert isinstance(settings, NotificationsSettings)
    else:
        settings = context.site_settings(site_id).settings.notifications
    now = datetime.now(UTC)
    if name == SYSLOG and settings.syslog_host:
        to = syslog.send(settings, [syslog.Entry(0, site_id, now, "test", "test", {}, "")])
    elif name in [*settings.channels()]:
        message = Message(
            uuid4().hex, "test", Level.INFO, declared("Test message"),
            (declared("Notifications reach this channel."),), now, site_id, site_id if site_id != DEFAULT_SITE else "",
            _base(context, site_id, settings),
        )  # fmt: skip
        with spoken(settings.language):
            to = SENDERS[Channel(name)](settings, message)
    else:
        raise SettingsInvalid(
            phrase(
                "The channel {name} is not set up. Enter its settings under Settings, Notifications.",
                name=Channel(name).label if name in [*Channel] else name[:40],
            )
        )
    return {"channel": name, "sent_to": to, "seconds": round(time.monotonic() - began, 3)}
