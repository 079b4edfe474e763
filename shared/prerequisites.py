"""What the hosts that Rollcall works with should be like: names, clocks, certificates. Pure: judges what a worker saw
of them, and gives advice in sentences, nothing when all is well.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from ssl import cert_time_to_seconds
from typing import Any

from shared.language import declared, phrase
from shared.values.hosts import is_loopback

# Signatures of the relay are good for a minute, Kerberos tickets for five.
CLOCK_TOLERANCE = timedelta(seconds=60)
RENEW_WITHIN = timedelta(days=30)


def address_advice(setting: str, host: str) -> list[str]:
    """Of the host that a setting names: will it still be found, and can its certificate be checked by name?"""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        if "." in host or host == "localhost":
            return []
        return [
            phrase(
                "{setting} has the short name '{host}': only some computers can resolve it, and certificates "
                "use full names. Enter the full name, e.g. pbx.example.com.",
                setting=setting,
                host=host,
            )
        ]
    if is_loopback(host):
        return []
    if address.is_link_local:
        return [
            phrase(
                "{setting} has {host}, a self-assigned address. Give the host a fixed address and a name.",
                setting=setting,
                host=host,
            )
        ]
    return [
        phrase(
            "{setting} has the address {host}: it must never change, and certificates rarely contain it. "
            "Enter the host's full name.",
            setting=setting,
            host=host,
        )
    ]


def certificate_advice(whose: str, ends_at: datetime | None, now: datetime) -> list[str]:
    """Of a certificate that is still good: how long? ``None`` where there is none."""
    if ends_at is None or ends_at - now > RENEW_WITHIN:
        return []
    return [
        phrase(
            "The certificate of {whose} ends on {ends_at}. Renew it before that day, or runs will fail.",
            whose=whose,
            ends_at=f"{ends_at:%Y-%m-%d}",
        )
    ]


def clock_advice(whose: str, theirs: datetime | None, ours: datetime) -> list[str]:
    """Of a host's clock beside our own; ``None`` where it does not say."""
    if theirs is None or abs(theirs - ours) <= CLOCK_TOLERANCE:
        return []
    seconds = abs(theirs - ours).total_seconds()
    apart = (
        phrase("{seconds:.0f} seconds", seconds=seconds)
        if seconds < 600
        else phrase("{seconds:.0f} minutes", seconds=seconds / 60)
    )
    return [
        phrase(
            "The clock of {whose} is {apart} {direction} that of Rollcall's host. Synchronise both clocks "
            "(NTP).",
            whose=whose,
            apart=apart,
            direction=declared("ahead of") if theirs > ours else declared("behind"),
        )
    ]


def version_advice(product: str, found: str, oldest: str) -> list[str]:
    """Of a server's version, beside the oldest one that Rollcall is made for."""
    if _numbers(found) >= _numbers(oldest):
        return []
    return [
        phrase(
            "Rollcall requires {product} {oldest} or newer; this is {version}. Upgrade it.",
            product=product,
            oldest=oldest,
            version=found or declared("one without a version"),
        )
    ]


def certificate_end(certificate: Mapping[str, Any] | None) -> datetime | None:
    """Until when a certificate is good, as ``ssl.SSLSocket.getpeercert`` gives it; ``None`` when it does not say."""
    text = (certificate or {}).get("notAfter")
    return datetime.fromtimestamp(cert_time_to_seconds(text), UTC) if text else None


def http_time(text: str | None) -> datetime | None:
    """The moment of a ``Date`` header (RFC 9110, section 6.6.1); ``None`` when it is none."""
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"[0-9]+", version)[:3]]
