"""Turns what httpx raises and what 3CX answers into our errors: the one table of this adapter.

What matters after a failed write is whether it may have taken effect. ``UnknownOutcome`` says "perhaps": the
caller reads back and never repeats blindly. Bodies are cut to 256 characters; secrets are never in them,
because only our own field names and 3CX's warnings are quoted.
"""

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from services.relay_client.xapi.warnings import in_words, name_of
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
    PermanentError,
    PhoneSystemBusy,
    PhoneSystemUnavailable,
    RollcallError,
)
from shared.language import declared, phrase

BODY_LIMIT = 256
_DEFAULT_RETRY_SECONDS = 5.0
_SHORTEST_RETRY_SECONDS = 0.05
_LONGEST_RETRY_SECONDS = 60.0
_UNKNOWN_RETRY_SECONDS = 0.25
_FIELD_AND_WARNING = re.compile(r"(\w+):\s*(WARNINGS\.[\w.]+)\s*")
# How OData and 3CX say that a release has no such property (or does not give it).
_NO_SUCH_PROPERTY = re.compile(
    r"Could not find a property named '(\w+)'"
    r"|The property '(\w+)' (?:does not exist on type|cannot be used in the \$(?:select|expand) query option)"
    r"|Property '(\w+)' on type '[\w.]+' is not a navigation property"
)
# 3CX understood and said no to this one thing; a right may be missing for one extension only (a system owner's extension).
REFUSED: tuple[type[RollcallError], ...] = (PermanentError, InsufficientRights)


class UnknownOutcome(PhoneSystemUnavailable):
    """The request was sent and no usable answer came: it may have taken effect or not."""

    code = "unknown_outcome"


class ReadInterrupted(PhoneSystemUnavailable):
    """A read broke off or was answered with a server error: trying again at once makes sense."""


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
            phrase(
                "{host} is not the address of a phone system. Check “Address” in the phone system settings.",
                host=call.host,
            )
        )
    if isinstance(error, NOT_SENT):
        return _not_connected(str(error), call)
    sentence = phrase(
        "{host} did not answer while {what} ({name__}).",
        host=call.host,
        what=call.what,
        name__=type(error).__name__,
    )
    if call.is_write:
        return UnknownOutcome(
            sentence + declared(" Whether it took effect is read back."), retry_after=_UNKNOWN_RETRY_SECONDS
        )
    # Who let a time-out pass would only wait as long again.
    kind = PhoneSystemUnavailable if isinstance(error, httpx.TimeoutException) else ReadInterrupted
    return kind(sentence + declared(" Tried again later."), retry_after=_DEFAULT_RETRY_SECONDS)


def _not_connected(text: str, call: Call) -> RollcallError:
    if "certificate verify failed" in text.casefold().replace("_", " "):
        reason = text.split("certificate verify failed:", 1)[-1].split("(_ssl", 1)[0].strip(" .")
        return CertificateRejected(
            phrase(
                "The certificate of {host} is not accepted: {reason}. Enter the CA that signed it under “CA "
                "certificate”, or use the name in the certificate as the address.",
                host=call.host,
                reason=reason,
            )
        )
    if "Name or service not known" in text or "getaddrinfo" in text or "No address associated" in text:
        return AddressUnknown(
            phrase(
                "The name {host} cannot be resolved. Check “Address” in the phone system settings and DNS.",
                host=call.host,
            )
        )
    if "SSL" in text:
        return PhoneSystemUnavailable(
            phrase(
                "No secure connection to {host} can be made ({reason}). Check that the port in “Address” is "
                "the https port of 3CX (443 or 5001).",
                host=call.host,
                reason=text[:BODY_LIMIT],
            ),
            retry_after=10.0,
        )
    return PhoneSystemUnavailable(
        phrase(
            "{host} cannot be reached ({reason}). Check address, port and firewall.",
            host=call.host,
            reason=text[:BODY_LIMIT] or declared("no connection"),
        ),
        retry_after=10.0,
    )


def from_response(response: httpx.Response, call: Call) -> RollcallError:
    """Our error for an answer that is not a success."""
    status = response.status_code
    if status == 429:
        return PhoneSystemBusy(
            phrase("{host} asked to slow down while {what}.", host=call.host, what=call.what),
            retry_after=_retry_after(response),
        )
    if status >= 500:
        sentence = phrase(
            "{host} answered {status} while {what}.", host=call.host, status=status, what=call.what
        )
        asks_for_time = status == 503 or "Retry-After" in response.headers
        if call.is_write:
            return UnknownOutcome(
                sentence + declared(" Whether it took effect is read back."),
                retry_after=_retry_after(response) if asks_for_time else _UNKNOWN_RETRY_SECONDS,
            )
        if status == 503:
            return PhoneSystemBusy(sentence, retry_after=_retry_after(response))
        return ReadInterrupted(sentence + declared(" Tried again later."), retry_after=_retry_after(response))
    if response.has_redirect_location:
        return AddressUnknown(
            phrase(
                "{host} redirected the request while {what}. Check “Address” in the phone system settings: "
                "https, the port, no path.",
                host=call.host,
                what=call.what,
            )
        )
    if status == 403:
        return InsufficientRights(
            phrase(
                "The API client may not do this ({what}). In 3CX under Integrations > API give it the "
                "department DEFAULT and the role System Owner.",
                what=call.what,
            )
        )
    if status == 404:
        return ExtensionNotFound(phrase("3CX does not have what was asked for ({what}).", what=call.what))
    return _refusal(response, call)


def from_token_response(response: httpx.Response, call: Call) -> RollcallError:
    """Our error for an answer of the token endpoint that is not a success."""
    if response.status_code in (400, 401):
        return bad_credentials(call.host)
    if response.status_code in (404, 405):
        return not_a_phone_system(call.host)
    if response.status_code == 403:
        return InsufficientRights(
            phrase(
                "{host} blocks this computer. Remove its address from the 3CX blacklist, and allow it if "
                "access to the console is restricted.",
                host=call.host,
            )
        )
    return from_response(response, call)


def not_a_phone_system(host: str) -> AddressUnknown:
    """Something answers there that has no such API."""
    return AddressUnknown(
        phrase(
            "{host} responds, but not as a 3CX V20 phone system with the Configuration API. Check "
            "“Address” in the phone system settings and that the licence includes the API.",
            host=host,
        )
    )


def unreadable(call: Call) -> RollcallError:
    """A success whose content makes no sense: a proxy's page, or another program's answer."""
    sentence = phrase("{host} returned an unexpected answer while {what}.", host=call.host, what=call.what)
    if call.is_write:
        return UnknownOutcome(
            sentence + declared(" Whether it took effect is read back."), retry_after=_UNKNOWN_RETRY_SECONDS
        )
    return PhoneSystemUnavailable(
        sentence
        + declared(" Check that “Address” is that of the phone system and that no proxy answers instead.")
    )


def bad_credentials(host: str) -> BadCredentials:
    """The token endpoint refused client id or secret. Never repeated: 3CX blacklists addresses that insist."""
    return BadCredentials(
        phrase(
            "{host} refused the client ID or its key. Enter both again as 3CX shows them under "
            "Integrations > API; the key is shown only once, so create a new one if it is lost.",
            host=host,
        )
    )


def no_secret(host: str) -> BadCredentials:
    """It was refused because none is stored."""
    return BadCredentials(
        phrase(
            "No client secret (API key) is stored for {host}. Enter the key that 3CX showed under Integrations > API; "
            "on the command line: `rollcall settings secret phone_system.client_secret`.",
            host=host,
        )
    )


def _refusal(response: httpx.Response, call: Call) -> RollcallError:
    target, warning = warning_of(response.text)
    name = name_of(warning)
    if name == "ALREADY_IN_USE" and target == "Number":
        return NumberInUse(
            phrase("3CX says that the number is in use already ({what}).", what=call.what), target=target
        )
    if name == "ALREADY_IN_USE" and target == "EmailAddress":
        return EmailInUse(
            phrase("3CX says that another extension has this e-mail address ({what}).", what=call.what),
            target=target,
        )
    if name == "LIMIT_REACHED":
        return LicenceLimitReached(
            phrase(
                "The 3CX licence has no free extensions ({what}). Delete unused extensions or upgrade the "
                "licence.",
                what=call.what,
            )
        )
    if name == "NO_MORE_NUMBERS_AVAILABLE":
        return LicenceLimitReached(
            phrase("3CX refused ({what}). {problem}", what=call.what, problem=in_words(target, warning))
        )
    if found := _NO_SUCH_PROPERTY.search(warning):
        unknown = next(filter(None, found.groups()))
        sentence = phrase(
            "This 3CX has no property '{unknown}' ({what}), which Rollcall needs. Rollcall works with "
            "3CX V20 from 20.0.8 on; update 3CX, or Rollcall.",
            unknown=unknown,
            what=call.what,
        )
    else:
        unknown = target if name == "NOT_SUPPORTED" else ""
        raw = f"{f'{target}: ' if target else ''}{warning or f'status {response.status_code}'}"
        sentence = phrase("3CX refused ({what}): {answer}.", what=call.what, answer=raw)
        if words := in_words(target, warning):
            sentence = phrase(
                "3CX refused ({what}). {words} (3CX says: {answer}.)", what=call.what, words=words, answer=raw
            )
    return CommandRejected(
        sentence,
        target=target or None,
        status=response.status_code,
        warning=warning,
        unknown_property=unknown or None,
    )


def warning_of(body: str) -> tuple[str, str]:
    """Field and warning of an error body, in any of the shapes seen on real systems; texts cut short."""
    try:
        error: Any = json.loads(body).get("error")
    except (ValueError, AttributeError, RecursionError):
        return "", re.sub(r"<[^>]*>|\s+", " ", body).strip()[:BODY_LIMIT]
    if isinstance(error, dict):
        details = error.get("details")
        if isinstance(details, list) and details and isinstance(details[0], dict):
            return str(details[0].get("target") or "")[:BODY_LIMIT], str(details[0].get("message") or "")[
                :BODY_LIMIT
            ]
        message = str(error.get("message") or "")
        if named := _FIELD_AND_WARNING.fullmatch(message):
            return named[1][:BODY_LIMIT], named[2][:BODY_LIMIT]
        return "", re.sub(r"\s+", " ", message).strip()[:BODY_LIMIT]
    return "", str(error or "")[:BODY_LIMIT]


def _retry_after(response: httpx.Response) -> float:
    """Seconds or a date (RFC 9110, 10.2.3); what is neither counts as not given."""
    given = response.headers.get("Retry-After", "")
    try:
        seconds = float(given)
    except ValueError:
        try:
            at = parsedate_to_datetime(given)
        except ValueError:
            return _DEFAULT_RETRY_SECONDS
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    if math.isnan(seconds):
        return _DEFAULT_RETRY_SECONDS
    return min(max(seconds, _SHORTEST_RETRY_SECONDS), _LONGEST_RETRY_SECONDS)
