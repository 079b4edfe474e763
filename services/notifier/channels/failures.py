"""Turns what sockets, TLS, mail servers and web servers say into our errors: the one table of these adapters.

Addresses of webhooks may hold secrets: only the host is ever named.
"""

import smtplib
import socket
import ssl

import httpx

from shared.certificates import verification_failure
from shared.errors import (
    BadCredentials,
    CertificateRejected,
    ReceiverRefused,
    ReceiverUnavailable,
    RollcallError,
)
from shared.language import declared, phrase
from shared.tls import kept_for_a_while

# What any of the channels can raise.
RAISED: tuple[type[Exception], ...] = (
    OSError,
    smtplib.SMTPException,
    httpx.HTTPError,
    httpx.InvalidURL,
    ValueError,
)
TIMEOUT_SECONDS = 10.0
# Of what a server said.
_LONGEST_ANSWER = 200
_ASKS_TO_WAIT = (408, 425, 429)


@kept_for_a_while
def trusting(ca_certificate: str) -> ssl.SSLContext:
    """What is trusted: the system's authorities, and this one where it is given.

    :raises CertificateRejected: it is no certificate.
    """
    context = ssl.create_default_context()
    try:
        if ca_certificate.strip():
            context.load_verify_locations(cadata=ca_certificate)
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    except ssl.SSLError as error:
        raise CertificateRejected(
            declared("The CA certificate of the notifications is not in PEM format (it begins with -----BEGIN CERTIFICATE-----).")
        ) from error  # fmt: skip
    return context


def from_exception(error: Exception, host: str) -> RollcallError:
    """Our error for what sending to this host has raised."""
    if verification_failure(error) is not None:
        return CertificateRejected(
            phrase(
                "The certificate of {host} is not trusted, expired or for another name. Enter the CA that signed it under "
                "“CA certificate”, or correct the address.",
                host=host,
            )
        )
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return BadCredentials(
            phrase(
                "{host} refused user or password ({answer}). Enter both again.",
                host=host,
                answer=_answer(error),
            )
        )
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return _by_code(max(codes, default=550), host, ", ".join(error.recipients))
    if isinstance(error, smtplib.SMTPResponseException):
        return _by_code(error.smtp_code, host, _answer(error))
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return refused(host, str(error))
    if isinstance(error, ValueError | httpx.InvalidURL | httpx.UnsupportedProtocol):
        return refused(host, type(error).__name__)
    reason = declared("the name is not known") if _is_unknown(error) else type(error).__name__
    return ReceiverUnavailable(
        phrase(
            "{host} cannot be reached ({reason}). Check address, port and firewall.", host=host, reason=reason
        )
    )


def from_status(status: int, host: str) -> RollcallError:
    """Our error for an answer by HTTP that is not a success. Nobody is followed elsewhere with a secret address."""
    if status in _ASKS_TO_WAIT or status >= 500:
        return ReceiverUnavailable(phrase("{host} answered {status}.", host=host, status=status))
    return refused(host, phrase("status {status}", status=status))


def refused(host: str, answer: str) -> ReceiverRefused:
    """The receiver understood and said no: the same again would be refused again."""
    return ReceiverRefused(
        phrase(
            "{host} refused the message ({answer}). Correct the settings of the channel, then send it again.",
            host=host,
            answer=answer,
        )
    )


def _by_code(code: int, host: str, answer: str) -> RollcallError:
    if code >= 500:
        return refused(host, answer)
    return ReceiverUnavailable(phrase("{host} put the message off ({answer}).", host=host, answer=answer))


def _answer(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    answer = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return " ".join(f"{error.smtp_code} {answer}".split())[:_LONGEST_ANSWER]


def _is_unknown(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False
