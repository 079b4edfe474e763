"""Notifications: which channels carry what is told, and when. What there is to tell is declared in ``shared.domain.notifying``."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, StringConstraints, field_validator, model_validator

from shared.domain import notifying
from shared.domain.choice import Choice
from shared.domain.notifying import ON, Channel, Notification
from shared.language import declared
from shared.settings.declaration import Destination, Document, ErrorWords, Group, sent_to, setting, wrong
from shared.settings.sections.types import Certificate, TimeOfDay
from shared.values.hosts import is_host, is_loopback

WHEN = Group("When")
EMAIL = Group("E-mail", is_folded=True)
TEAMS = Group("Microsoft Teams", is_folded=True)
SLACK = Group("Slack", is_folded=True)
WEBHOOK = Group("Webhook", is_folded=True)
SYSLOG = Group("Audit to syslog", is_folded=True)
ADVANCED = Group("Advanced", is_folded=True)
_MARK = "whsec_"
_SHORTEST_KEY = 24


class MessageLanguage(Choice):
    """The languages of messages: those of ``shared.language``, each as it calls itself."""

    ENGLISH = "en", "English"
    GERMAN = "de", "Deutsch"


class MailSecurity(Choice):
    """How the connection to the mail server is protected."""

    STARTTLS = "starttls", "STARTTLS"
    TLS = "tls", "TLS"
    NONE = "none", "None"


class SyslogProtocol(Choice):
    """How entries travel to the syslog server."""

    TLS = "tls", "TLS"
    TCP = "tcp", "TCP"
    UDP = "udp", "UDP"


def _checked_host(value: str) -> str:
    if value and not is_host(value):
        raise ValueError(declared("Enter a name or an address alone, e.g. mail.example.com."))
    return value


def _checked_address(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    try:
        parts = urlsplit(text)
        has_host = is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        has_host = False
    # Its end may be a secret, so it is never repeated.
    is_safe = has_host and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )
    if text and (not is_safe or re.search(r"[\s\x00-\x1f]", text) or parts.username):
        raise ValueError(declared("Enter the whole address, beginning with https://."))
    return SecretStr(text)


Host = Annotated[str, StringConstraints(strip_whitespace=True, max_length=253), AfterValidator(_checked_host)]
SecretAddress = Annotated[SecretStr, AfterValidator(_checked_address)]
MailAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,190}$", strip_whitespace=True
    ),
    ErrorWords("Enter an e-mail address, e.g. phones@example.com."),
]  # fmt: skip
Kinds = tuple[Notification, ...]


class NotificationsSettings(Document):
    """Sent when something needs attention: once when it begins, and once when it ends, never repeated meanwhile. Test sends
    a message with the values below."""

    # Two are addresses themselves, one signs and is never sent: none can go elsewhere than it was meant for.
    OWN_SECRETS: ClassVar = frozenset({"teams_url", "slack_url", "webhook_url", "webhook_secret"})

    language: MessageLanguage = setting(
        MessageLanguage.ENGLISH, "Language of messages", "The console has its own under Your account.", WHEN
    )
    sync_hours: int = setting(
        26, "No successful sync for", "Notify after this time. 0: never.", WHEN, unit="hours", ge=0, le=720
    )
    free_extensions: int = setting(
        5, "Licence nearly full", "Notify when fewer extensions are free.", WHEN, unit="free extensions", ge=0
    )
    expiry_days: int = setting(
        14, "Certificates and passwords", "Notify this long before they expire.", WHEN, unit="days", ge=1, le=90
    )  # fmt: skip
    digest_at: TimeOfDay = setting(
        "08:00", "Daily summary at", "In the time zone of the schedule. For disabled and deleted extensions.", WHEN
    )  # fmt: skip
    quiet_from: TimeOfDay | None = setting(
        None, "Quiet hours from", "Only failures are sent in quiet hours, the rest afterwards. Empty: none.", WHEN
    )  # fmt: skip
    quiet_until: TimeOfDay | None = setting(None, "Quiet hours until", "E.g. 07:00.", WHEN)

    smtp_host: Host = setting("", "Mail server", "Name or address. Empty: no e-mail.", EMAIL)
    smtp_port: int = setting(
        587, "Port", "Usually 587 with STARTTLS, 465 with TLS, 25 without.", EMAIL, ge=1, le=65535
    )
    smtp_security: MailSecurity = setting(
        MailSecurity.STARTTLS, "Security", "Passwords need STARTTLS or TLS.", EMAIL
    )
    smtp_user: str = setting("", "User", "Empty: without signing in.", EMAIL, max_length=200)
    smtp_password: SecretStr = setting(
        SecretStr(""), "Password", "Stored encrypted and never shown again.", EMAIL
    )
    sender: MailAddress | None = setting(None, "Sender", "E.g. rollcall@example.com.", EMAIL)
    recipients: tuple[MailAddress, ...] = setting((), "Recipients", "E-mail addresses.", EMAIL)
    email_kinds: Kinds = setting(ON, "Send by e-mail", "What is sent there.", EMAIL)

    teams_url: SecretAddress = setting(
        SecretStr(""), "Workflow address", "Of the workflow “Post to a channel when a webhook request is received”.", TEAMS
    )  # fmt: skip
    teams_kinds: Kinds = setting(ON, "Send to Teams", "What is sent there.", TEAMS)

    slack_url: SecretAddress = setting(SecretStr(""), "Webhook address", "Of an incoming webhook.", SLACK)
    slack_kinds: Kinds = setting(ON, "Send to Slack", "What is sent there.", SLACK)

    webhook_url: SecretAddress = setting(SecretStr(""), "Address", "Receives JSON by POST.", WEBHOOK)
    webhook_secret: SecretStr = setting(
        SecretStr(""), "Signing secret", "As of Standard Webhooks: whsec_ and at least 24 bytes in base64.", WEBHOOK
    )  # fmt: skip
    webhook_kinds: Kinds = setting(ON, "Send to the webhook", "What is sent there.", WEBHOOK)

    syslog_host: Host = setting(
        "", "Syslog server", "Receives every audit entry (RFC 5424). Empty: none.", SYSLOG
    )
    syslog_port: int = setting(
        6514, "Syslog port", "Usually 6514 with TLS, 514 without.", SYSLOG, ge=1, le=65535
    )
    syslog_protocol: SyslogProtocol = setting(
        SyslogProtocol.TLS, "Protocol", "With UDP entries can be lost.", SYSLOG
    )

    console_address: str = setting(
        "", "Address of the console", "For links, e.g. https://rollcall.example.com. Empty: no links.", ADVANCED
    )  # fmt: skip
    ca_certificate: Certificate = setting(
        "", "CA certificate", "In PEM format, for all channels. When empty, the system's CAs are trusted.", ADVANCED
    )  # fmt: skip

    @property
    def destinations(self) -> frozenset[Destination]:
        """The mail server, the only one that a password is sent to."""
        place = f"{self.smtp_security.value}://{self.smtp_host.lower()}:{self.smtp_port}"
        return frozenset([sent_to(place, self.ca_certificate)] if self.smtp_host else [])

    def channels(self) -> Iterator[Channel]:
        """The channels that are set up."""
        for channel, is_set in (
            (Channel.EMAIL, bool(self.smtp_host)),
            (Channel.TEAMS, bool(self.teams_url.get_secret_value())),
            (Channel.SLACK, bool(self.slack_url.get_secret_value())),
            (Channel.WEBHOOK, bool(self.webhook_url.get_secret_value())),
        ):
            if is_set:
                yield channel

    def place_of(self, channel: str) -> str:
        """Host and port that a channel, or the audit, is sent to; the rest of an address may be a secret. Empty: none."""
        match channel:
            case Channel.EMAIL:
                return f"{self.smtp_host}:{self.smtp_port}" if self.smtp_host else ""
            case Channel.TEAMS | Channel.SLACK | Channel.WEBHOOK:
                address: SecretStr = getattr(self, f"{channel}_url")
                return urlsplit(address.get_secret_value()).netloc.rpartition("@")[2]
            case notifying.SYSLOG if self.syslog_host:
                return f"{self.syslog_host}:{self.syslog_port}"
        return ""

    def kinds(self, channel: Channel) -> Kinds:
        """What the channel carries."""
        found: Kinds = getattr(self, f"{channel.value}_kinds")
        return found

    @field_validator("smtp_user")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        return " ".join(value.split())

    @field_validator("webhook_secret")
    @classmethod
    def _can_sign(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value().strip()
        if text and len(webhook_key(text)) < _SHORTEST_KEY:
            raise ValueError(
                declared("Enter whsec_ and at least 24 bytes in base64, e.g. what openssl rand -base64 32 prints.")
            )  # fmt: skip
        return SecretStr(text)

    @field_validator("console_address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        value = value.strip().rstrip("/").removesuffix("/console")
        if value and not re.fullmatch(r"https?://[^\s/?#@\"<>]+", value):
            raise ValueError(
                declared("Enter the address as in the browser, e.g. https://rollcall.example.com.")
            )
        return value

    @model_validator(mode="after")
    def _is_complete(self) -> "NotificationsSettings":
        if self.smtp_host:
            if not self.sender:
                raise wrong("sender", declared("Enter the address that e-mails come from."))
            if not self.recipients:
                raise wrong("recipients", declared("Enter at least one recipient."))
        if self.smtp_security is MailSecurity.NONE and self.smtp_password.get_secret_value():
            raise wrong("smtp_security", declared("A password is sent only with STARTTLS or TLS."))
        if self.webhook_url.get_secret_value() and not self.webhook_secret.get_secret_value():
            raise wrong("webhook_secret", declared("Enter the secret that requests are signed with."))
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise wrong("quiet_until", declared("Enter begin and end of the quiet hours, or neither."))
        return self


def webhook_key(secret: str) -> bytes:
    """The key that a secret of Standard Webhooks stands for; nothing when it is none."""
    try:
        return base64.b64decode(secret.removeprefix(_MARK), validate=True)
    except (ValueError, binascii.Error):
        return b""
