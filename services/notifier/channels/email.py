"""E-mail by SMTP (RFC 5321), as plain text with the same as simple HTML beside it."""

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from services.notifier.channels.failures import RAISED, TIMEOUT_SECONDS, from_exception, refused, trusting
from services.notifier.message import Message
from shared.language import declared, phrase, shown
from shared.settings.sections.notifications import MailSecurity, NotificationsSettings


def send(settings: NotificationsSettings, message: Message) -> str:
    """Hand it to the mail server; its name.

    :raises RollcallError: it did not take the message, or perhaps not.
    """
    host = settings.smtp_host
    try:
        mail = mail_of(settings, message)
        with _connected(settings) as smtp:
            missed = smtp.send_message(mail)
    except RAISED as error:
        raise from_exception(error, host) from error
    if missed:
        raise refused(host, phrase("it does not know {missed}; the others have it", missed=", ".join(missed)))
    return host


@contextmanager
def _connected(settings: NotificationsSettings) -> Iterator[smtplib.SMTP]:
    where = (settings.smtp_host, settings.smtp_port)
    name = socket.gethostname()
    if settings.smtp_security is MailSecurity.TLS:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            *where, local_hostname=name, timeout=TIMEOUT_SECONDS, context=trusting(settings.ca_certificate)
        )
    else:
        smtp = smtplib.SMTP(*where, local_hostname=name, timeout=TIMEOUT_SECONDS)
    with smtp:
        if settings.smtp_security is MailSecurity.STARTTLS:
            smtp.starttls(context=trusting(settings.ca_certificate))
        if settings.smtp_user:
            smtp.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        yield smtp


def mail_of(settings: NotificationsSettings, message: Message) -> EmailMessage:
    """The message as an e-mail."""
    sender = settings.sender or ""
    mail = EmailMessage(SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(settings.recipients)
    mail["Subject"] = f"[Rollcall] {message.heading}"
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
    # No machine answers it (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join([message.heading, "", *message.shown_lines, "", message.link]).strip() + "\n")
    mail.add_alternative(_html(message), subtype="html")
    return mail


def _html(message: Message) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in message.shown_lines)
    link = ""
    if message.link:
        link = f'<p><a href="{escape(message.link)}">{escape(shown(declared("Open in Rollcall")))}</a></p>'
    return f"<html><body><h3>{escape(message.heading)}</h3>{lines}{link}</body></html>"
