"""The table from ldap3's exceptions to Rollcall's: complete, and clear to an administrator."""

import inspect

import pytest
from ldap3.core import exceptions as ldap

from services.collector.errors import RULES, failure_of, translate, translated
from shared.errors import (
    AccountNotUsable,
    BadCredentials,
    ConfigurationError,
    DirectoryUnavailable,
    EncryptionRequired,
    IncompleteSnapshot,
    InsufficientRights,
    RollcallError,
    SettingsInvalid,
    TransientError,
    UnknownAttribute,
    UnknownBaseDn,
)

SERVER, USER = "dc1.corp.example:636", "rollcall@corp.example"
# Roots that say nothing of what happened; ldap3 raises only classes below them.
ROOTS = {ldap.LDAPException, ldap.LDAPExceptionError, ldap.LDAPOperationResult}


def _classes() -> list[type[Exception]]:
    found = [
        kind for _, kind in inspect.getmembers(ldap, inspect.isclass) if issubclass(kind, ldap.LDAPException)
    ]
    return [kind for kind in found if kind not in ROOTS]


def test_ldap3_has_the_classes_that_this_test_goes_through() -> None:
    assert len(_classes()) > 100


@pytest.mark.parametrize("kind", _classes(), ids=lambda kind: kind.__name__)
def test_every_exception_of_ldap3_has_a_line_of_its_own_or_of_a_nearer_base(kind: type[Exception]) -> None:
    assert any(base in RULES for base in kind.__mro__ if base not in ROOTS)


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_every_sentence_names_the_controller_and_is_whole(kind: type[BaseException]) -> None:
    error = kind.__new__(kind)
    Exception.__init__(error, "the reason")
    for name in ("message", "description", "result"):
        setattr(error, name, None)
    message = translate(error, SERVER, USER).message
    assert SERVER in message
    assert message.endswith((".", ")"))
    assert "{" not in message


def _refusal(code: str) -> RollcallError:
    text = f"80090308: LdapErr: DSID-0C09050F, comment: AcceptSecurityContext error, data {code}, v4563\0"
    return translate(failure_of(49, "", text), SERVER, USER)


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("525", BadCredentials, "there is no user"),
        ("52e", BadCredentials, "password"),
        ("52E", BadCredentials, "password"),
        ("418", ConfigurationError, "NTLM is disabled"),
        ("52f", AccountNotUsable, "Protected Users"),
        ("530", AccountNotUsable, "hour"),
        ("569", AccountNotUsable, "over the network"),
        ("531", AccountNotUsable, "computer"),
        ("532", AccountNotUsable, "has expired"),
        ("533", AccountNotUsable, "disabled"),
        ("701", AccountNotUsable, "account rollcall@corp.example has expired"),
        ("773", AccountNotUsable, "must change the password"),
        ("775", AccountNotUsable, "locked"),
        ("80090346", ConfigurationError, "channel binding"),
        ("abc", BadCredentials, "refused"),
    ],
)
def test_each_sub_code_of_a_refused_sign_in_has_its_sentence(
    code: str, kind: type[RollcallError], said: str
) -> None:
    error = _refusal(code)
    assert type(error) is kind
    assert said in error.message
    assert SERVER in error.message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1, DirectoryUnavailable), (3, DirectoryUnavailable), (4, IncompleteSnapshot), (7, ConfigurationError),
        (8, EncryptionRequired), (10, UnknownBaseDn), (11, IncompleteSnapshot), (12, DirectoryUnavailable),
        (13, EncryptionRequired), (16, UnknownAttribute), (18, SettingsInvalid), (32, UnknownBaseDn),
        (34, UnknownBaseDn), (49, BadCredentials), (50, InsufficientRights), (51, DirectoryUnavailable),
        (52, DirectoryUnavailable), (53, DirectoryUnavailable), (80, DirectoryUnavailable), (9999, DirectoryUnavailable),
    ],
)  # fmt: skip
def test_a_result_code_gives_the_class_that_says_what_to_do(code: int, kind: type[RollcallError]) -> None:
    assert type(translate(failure_of(code, "", "why"), SERVER, USER)) is kind


def test_an_anonymous_session_is_a_matter_of_credentials() -> None:
    failure = failure_of(1, "", "00002020: Operation unavailable without authentication")
    assert isinstance(translate(failure, SERVER, USER), BadCredentials)


def test_a_dead_connection_is_worth_another_try() -> None:
    assert isinstance(translate(ConnectionResetError(104, "reset"), SERVER, USER), TransientError)
    assert isinstance(translate(TimeoutError("timed out"), SERVER, USER), TransientError)


def test_what_a_server_says_is_cut_and_made_one_line() -> None:
    message = translate(failure_of(80, "", "a\nb\0c " + "x" * 10_000), SERVER, USER).message
    assert "a b c x" in message
    assert len(message) < 400
    assert message.isprintable()


def test_braces_in_what_a_server_says_are_only_text() -> None:
    assert "{user}{0}" in translate(failure_of(80, "", "{user}{0}"), SERVER, USER).message


def test_the_original_stays_attached() -> None:
    with pytest.raises(DirectoryUnavailable) as caught, translated(SERVER, USER):
        raise ldap.LDAPSocketReceiveError("gone")
    assert isinstance(caught.value.__cause__, ldap.LDAPSocketReceiveError)


@pytest.mark.parametrize("kind", [ldap.LDAPSocketOpenError, ldap.LDAPStartTLSError])
@pytest.mark.parametrize(
    "said", ["[SSL: UNSUPPORTED_PROTOCOL] unsupported protocol", "tlsv1 alert protocol version"]
)
def test_a_controller_with_old_tls_alone_is_called_that(kind: type[Exception], said: str) -> None:
    error = translate(kind(f"wrap socket error: {said} (_ssl.c:1006)"), "dc1:636", "reader")
    assert type(error) is ConfigurationError
    assert "it offers no TLS 1.2 or newer" in error.message


def test_a_referral_names_the_domain() -> None:
    said = "0000202B: RefErr: DSID-0310084A, data 0, 1 access points\n\tref 1: 'EMEA.corp.example'\n"
    error = translate(failure_of(10, "", said), "dc1", "reader")
    assert isinstance(error, UnknownBaseDn)
    assert error.details["domain"] == "emea.corp.example"
    assert "Add the domain emea.corp.example in Settings" in error.message
