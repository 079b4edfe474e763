"""Every failure of httpx and every answer of 3CX has its place in our tree, and a sentence that helps."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay_client.xapi import warnings
from services.relay_client.xapi.errors import (
    BODY_LIMIT,
    NOT_SENT,
    PERHAPS_DONE,
    WRONG_ADDRESS,
    Call,
    ReadInterrupted,
    UnknownOutcome,
    from_exception,
    from_response,
    from_token_response,
    unreadable,
    warning_of,
)
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

READ = Call("reading extensions", "pbx.example.test:5001", is_write=False)
WRITE = Call("creating extension 201", "pbx.example.test:5001", is_write=True)
# Raised only by calls that the client never makes: reading a stream, raise_for_status, cookies of two domains.
OUT_OF_REACH = (httpx.StreamError, httpx.HTTPStatusError, httpx.CookieConflict)


def _leaves() -> list[type[Exception]]:
    classes = [
        item for item in vars(httpx).values() if isinstance(item, type) and issubclass(item, Exception)
    ]
    return [kind for kind in classes if not kind.__subclasses__() and not issubclass(kind, OUT_OF_REACH)]


def _answer(status: int, body: Any = None, headers: dict[str, str] | None = None) -> httpx.Response:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return httpx.Response(status, content=content, headers=headers)


def _warning(target: str, name: str) -> dict[str, Any]:
    text = f"WARNINGS.{name}"
    details = [{"code": "", "message": text, "target": target}]
    return {"error": {"code": "", "message": f"{target}:\n{text}", "details": details}}


@pytest.mark.parametrize("kind", _leaves(), ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_is_in_exactly_one_table(kind: type[Exception]) -> None:
    assert sum(kind in table for table in (NOT_SENT, PERHAPS_DONE, WRONG_ADDRESS)) == 1


@pytest.mark.parametrize("kind", PERHAPS_DONE, ids=lambda kind: kind.__name__)
def test_a_write_that_got_no_answer_may_have_taken_effect_and_a_read_changed_nothing(
    kind: type[httpx.HTTPError],
) -> None:
    assert isinstance(from_exception(kind("x"), WRITE), UnknownOutcome)
    read = from_exception(kind("x"), READ)
    assert isinstance(read, PhoneSystemUnavailable)
    assert not isinstance(read, UnknownOutcome)
    # Waiting out a time-out twice over helps nobody.
    assert isinstance(read, ReadInterrupted) == (not issubclass(kind, httpx.TimeoutException))


@pytest.mark.parametrize("kind", NOT_SENT, ids=lambda kind: kind.__name__)
def test_what_was_never_sent_is_known_not_to_have_taken_effect(kind: type[httpx.HTTPError]) -> None:
    assert not isinstance(from_exception(kind("x"), WRITE), UnknownOutcome)


@pytest.mark.parametrize(
    ("text", "expected", "said"),
    [
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired "
            "(_ssl.c:1006)",
            CertificateRejected,
            "not accepted: certificate has expired. Enter the CA",
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is "
            "not valid "
            "for 'pbx'. (_ssl.c:1006)",
            CertificateRejected,
            "Hostname mismatch",
        ),
        (
            "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)",
            PhoneSystemUnavailable,
            "443 or 5001",
        ),
        ("[Errno -2] Name or service not known", AddressUnknown, "DNS"),
        ("[Errno -3] Temporary failure in name resolution", PhoneSystemUnavailable, "cannot be reached"),
        ("[Errno 111] Connection refused", PhoneSystemUnavailable, "port and firewall"),
    ],
)
def test_a_connection_that_cannot_be_made_says_why(
    text: str, expected: type[RollcallError], said: str
) -> None:
    error = from_exception(httpx.ConnectError(text), READ)
    assert type(error) is expected
    assert said in error.message
    assert "pbx.example.test" in error.message


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (_answer(400, _warning("Number", "XAPI.ALREADY_IN_USE")), NumberInUse),
        (_answer(400, _warning("EmailAddress", "XAPI.ALREADY_IN_USE")), EmailInUse),
        (_answer(400, _warning("Number", "LIMIT_REACHED")), LicenceLimitReached),
        (_answer(400, _warning("Number", "NO_MORE_NUMBERS_AVAILABLE")), LicenceLimitReached),
        (_answer(400, _warning("FirstName", "LENGTH_NOT_MORE_50_CHARS")), CommandRejected),
        (_answer(400, _warning("Groups", "XAPI.NOT_FOUND")), CommandRejected),
        (_answer(405), CommandRejected),
        (_answer(403), InsufficientRights),
        (_answer(404), ExtensionNotFound),
        (_answer(404, {"error": "Department not found"}), ExtensionNotFound),
        (_answer(302, headers={"Location": "https://pbx.example.test/login"}), AddressUnknown),
        (_answer(429), PhoneSystemBusy),
        (_answer(500), UnknownOutcome),
        (_answer(502, b"<html><body>Bad gateway</body></html>"), UnknownOutcome),
        # A proxy may say so after 3CX has done the work.
        (_answer(503), UnknownOutcome),
    ],
)
def test_an_answer_that_is_no_success_becomes_the_error_that_says_what_to_do(
    answer: httpx.Response, expected: type[RollcallError]
) -> None:
    assert type(from_response(answer, WRITE)) is expected


def test_a_refused_field_is_named_with_plain_words_and_3cx_s_own_for_the_reason() -> None:
    error = from_response(_answer(400, _warning("Groups", "XAPI.NOT_FOUND")), WRITE)
    assert error.message == (
        "3CX refused (creating extension 201). The list of departments refers to something that does not "
        "exist in 3CX. The next "
        "run checks again. (3CX says: Groups: WARNINGS.XAPI.NOT_FOUND.)"
    )
    assert error.details["target"] == "Groups"


def test_a_reason_that_nobody_knows_is_told_as_it_came() -> None:
    error = from_response(_answer(400, _warning("Groups", "XAPI.QUITE_NEW")), WRITE)
    assert error.message == "3CX refused (creating extension 201): Groups: WARNINGS.XAPI.QUITE_NEW."


@pytest.mark.parametrize("name", sorted(warnings.IN_REACH))
@pytest.mark.parametrize("target", ["Number", "SRTPMode", ""])
def test_every_warning_within_reach_is_a_whole_sentence_about_its_field(name: str, target: str) -> None:
    words = warnings.in_words(target, f"WARNINGS.XAPI.{name}")
    assert words.endswith(".")
    assert words[0] != words[0].lower() or words.startswith("3CX")
    assert "{" not in words


def test_field_and_reason_are_found_in_the_message_where_no_details_are_given() -> None:
    body = {"error": {"code": "", "message": "EmailAddress:\nWARNINGS.XAPI.ALREADY_IN_USE"}}
    assert type(from_response(_answer(400, body), WRITE)) is EmailInUse


@pytest.mark.parametrize(
    "text",
    [
        "The query specified in the URI is not valid. Could not find a property named 'SRTPMode' on type "
        "'Pbx.User'.",
        "The query specified in the URI is not valid. Could not find a property named 'SRTPMode'.",
        "The query specified in the URI is not valid. The property 'SRTPMode' cannot be used in the $select "
        "query option.",
        "The query specified in the URI is not valid. Property 'SRTPMode' on type 'Pbx.User' is not a "
        "navigation property or"
        " complex property. Only navigation properties can be expanded.",
        "The input was not valid. The property 'SRTPMode' does not exist on type 'Pbx.User'.",
    ],
)
def test_a_property_that_a_release_does_not_have_is_named_in_the_error(text: str) -> None:
    error = from_response(_answer(400, {"error": {"code": "", "message": text}}), READ)
    assert type(error) is CommandRejected
    assert error.details["unknown_property"] == "SRTPMode"
    assert "no property 'SRTPMode' (reading extensions)" in error.message


@pytest.mark.parametrize(("status", "expected"), [(500, ReadInterrupted), (503, PhoneSystemBusy)])
def test_a_read_that_met_a_server_error_can_be_tried_again(
    status: int, expected: type[RollcallError]
) -> None:
    assert type(from_response(_answer(status), READ)) is expected


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, 5),
        ("7", 7),
        ("0", 0.05),
        ("-3", 0.05),
        ("86400", 60),
        ("inf", 60),
        ("nan", 5),
        ("soon", 5),
        ("", 5),
        (format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True), 60),
        (format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True), 0.05),
    ],
    # Named, because a moment would be another one in each process that collects the tests.
    ids=[
        "none",
        "seconds",
        "zero",
        "negative",
        "a day",
        "inf",
        "nan",
        "a word",
        "empty",
        "in an hour",
        "an hour ago",
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_is_the_one_that_was_asked_for_within_reason(
    status: int, given: str | None, seconds: float
) -> None:
    error = from_response(
        _answer(status, headers={"Retry-After": given} if given is not None else None), WRITE
    )
    assert isinstance(error, PhoneSystemBusy | UnknownOutcome)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, BadCredentials),
        (401, BadCredentials),
        (403, InsufficientRights),
        (404, AddressUnknown),
        (405, AddressUnknown),
        (502, ReadInterrupted),
    ],
)
def test_a_refused_token_tells_wrong_credentials_from_a_wrong_address(
    status: int, expected: type[RollcallError]
) -> None:
    assert type(from_token_response(_answer(status), READ)) is expected


def test_an_unreadable_success_of_a_write_may_have_taken_effect() -> None:
    assert isinstance(unreadable(WRITE), UnknownOutcome)
    assert not isinstance(unreadable(READ), UnknownOutcome)


@given(st.text() | st.from_regex(r"\{\"error\": .{0,40}\}"))
def test_any_body_at_all_is_taken_and_what_is_quoted_of_it_is_short(body: str) -> None:
    target, warning = warning_of(body)
    assert len(warning) <= BODY_LIMIT
    assert isinstance(target, str)


def test_a_page_of_html_is_quoted_without_its_tags() -> None:
    assert warning_of("<html><h1>Bad\n request</h1></html>") == ("", "Bad request")
