"""Turns what httpx raises and what 3CX answers into our errors: the one table of this adapter.

What matters after a failed write is whether it may have taken effect. ``UnknownOutcome`` says "perhaps": the
caller reads back and never repeats blindly. Bodies are cut to 256 characters; secrets are never in them,
because only our own field names and 3CX's warnings are quoted.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx

from shared.errors import (
    AddressUnknown,
    BadCredentials,
    CertificateRejected,
    CommandRejected,
    EmailInUse,
    ExtensionNotFound,
    InsufficientRights,
    LicenceLimitReached,
    NumberInUse,
    PhoneSystemBusy,
    PhoneSystemUnavailable,
    RollcallError,
)

BODY_LIMIT = 256
_DEFAULT_RETRY_SECONDS = 5.0
_LONGEST_RETRY_SECONDS = 60.0


class UnknownOutcome(PhoneSystemUnavailable):
    """The request was sent and no usable answer came: it may have taken effect or not."""

    code = "unknown_outcome"


@dataclass(frozen=True, slots=True)
class Call:
    """What was being done, for the sentence, and whether it changes the phone system."""

    what: str
    host: str
    is_write: bool


# Nothing was sent: the call can be repeated without reading back.
NOT_SENT: tuple[type[httpx.HTTPError], ...] = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)
# Sent at least in part, or answered in a way that tells nothing.
PERHAPS_DONE: tuple[type[httpx.HTTPError], ...] = (
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
    httpx.LocalProtocolError,
    httpx.DecodingError,
)
# The address itself is at fault.
WRONG_ADDRESS: tuple[type[Exception], ...] = (
    httpx.UnsupportedProtocol,
    httpx.TooManyRedirects,
    httpx.InvalidURL,
)


def from_exception(error: Exception, call: Call) -> RollcallError:
    """Our error for an exception of httpx."""
    if isinstance(error, WRONG_ADDRESS):
        return AddressUnknown(
            f"{call.host} is not the address of a phone system. Check the phone system's base_url."
        )
    if isinstance(error, NOT_SENT):
        return _not_connected(str(error), call)
    said = f"{call.host} did not answer while {call.what} ({type(error).__name__})."
    if call.is_write:
        return UnknownOutcome(said + " Whether it took effect is read back.", retry_after=1.0)
    return PhoneSystemUnavailable(said + " Tried again later.", retry_after=5.0)


def _not_connected(text: str, call: Call) -> RollcallError:
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        reason = text.split("certificate verify failed:", 1)[-1].split("(_ssl", 1)[0].strip(" .")
        return CertificateRejected(
            f"The certificate of {call.host} is not accepted: {reason}. Give the CA that signed it as "
            "ca_certificate, or use the name that is in the certificate."
        )
    if "Name or service not known" in text or "getaddrinfo" in text or "No address associated" in text:
        return AddressUnknown(
            f"The name {call.host} is not known. Check the phone system's base_url and DNS."
        )
    return PhoneSystemUnavailable(
        f"{call.host} cannot be reached ({text[:BODY_LIMIT] or 'no connection'}). "
        "Check address, port and firewall.",
        retry_after=10.0,
    )


def from_response(response: httpx.Response, call: Call) -> RollcallError:
    """Our error for an answer that is not a success."""
    status = response.status_code
    retry_after = _retry_after(response)
    if status == 429:
        return PhoneSystemBusy(f"{call.host} asked to slow down while {call.what}.", retry_after=retry_after)
    if status >= 500:
        said = f"{call.host} answered {status} while {call.what}."
        if call.is_write:
            return UnknownOutcome(said + " Whether it took effect is read back.", retry_after=retry_after)
        if status == 503:
            return PhoneSystemBusy(said, retry_after=retry_after)
        return PhoneSystemUnavailable(said + " Tried again later.", retry_after=retry_after)
    if status == 403:
        return InsufficientRights(
            f"The API client may not do this ({call.what}). In 3CX under Integrations > API give it the "
            "department DEFAULT and the role System Owner."
        )
    if status == 404:
        return ExtensionNotFound(f"3CX no longer has what was asked for while {call.what}.")
    return _refusal(response, call)


def bad_credentials(host: str) -> BadCredentials:
    """The token endpoint refused client id or secret. Never repeated: 3CX blacklists addresses that insist."""
    return BadCredentials(
        f"{host} refused the client ID or its key. Enter both again as 3CX shows them under Integrations > API; "
        "the key is shown only once, so make a new one if it is lost."
    )


def _refusal(response: httpx.Response, call: Call) -> RollcallError:
    target, warning = warning_of(response.text)
    if "ALREADY_IN_USE" in warning and target == "Number":
        return NumberInUse(f"3CX says that the number is in use already ({call.what}).", target=target)
    if "ALREADY_IN_USE" in warning and target == "EmailAddress":
        return EmailInUse(
            f"3CX says that another extension has this e-mail address ({call.what}).", target=target
        )
    if "LIMIT_REACHED" in warning or "NO_MORE_NUMBERS" in warning:
        return LicenceLimitReached(
            f"The phone system has no extension left ({call.what}). Free some, or enlarge the 3CX licence."
        )
    return CommandRejected(
        f"3CX refused ({call.what}): {f'{target}: ' if target else ''}{warning or f'status {response.status_code}'}.",
        target=target or None,
        status=response.status_code,
        warning=warning,
    )


def warning_of(body: str) -> tuple[str, str]:
    """Field and warning of an error body, in any of the shapes seen on real systems; texts cut short."""
    try:
        error: Any = json.loads(body).get("error")
    except (ValueError, AttributeError):
        return "", re.sub(r"<[^>]*>|\s+", " ", body).strip()[:BODY_LIMIT]
    if isinstance(error, dict):
        details = error.get("details")
        if isinstance(details, list) and details and isinstance(details[0], dict):
            return str(details[0].get("target") or ""), str(details[0].get("message") or "")[:BODY_LIMIT]
        return "", re.sub(r"\s+", " ", str(error.get("message") or "")).strip()[:BODY_LIMIT]
    return "", str(error or "")[:BODY_LIMIT]


def _retry_after(response: httpx.Response) -> float:
    try:
        return min(max(float(response.headers.get("Retry-After", "")), 0.05), _LONGEST_RETRY_SECONDS)
    except ValueError:
        return _DEFAULT_RETRY_SECONDS
