"""What the errors of Kerberos mean, whichever way they come."""

import pytest

from services.collector.address import Address
from services.collector.kerberos import failure_of
from shared.errors import (
    AccountNotUsable,
    BadCredentials,
    ConfigurationError,
    DirectoryUnavailable,
    RollcallError,
)

DC = Address("dc1.corp.example", 636)


class GSSError(Exception):
    """As gssapi has its own."""


GSSError.__module__ = "gssapi.raw.misc"

CASES: tuple[tuple[str, type[RollcallError], str], ...] = (
    ("Server not found in Kerberos database", ConfigurationError, "no service ldap/dc1.corp.example"),
    (
        "Client 'x@CORP' not found in Kerberos database",
        BadCredentials,
        "no account with the name in the keytab",
    ),
    ("Clock skew too great", ConfigurationError, "differ by more than five minutes"),
    ("Cannot contact any KDC for realm 'CORP'", DirectoryUnavailable, "could be reached"),
    ("Preauthentication failed", BadCredentials, "does not match the account's password"),
    ("Client's credentials have been revoked", AccountNotUsable, "disabled, locked or expired"),
    ("Password has expired", AccountNotUsable, "has expired"),
    ("KDC has no support for encryption type", ConfigurationError, "with AES keys"),
    ("No Kerberos credentials available (default cache: FILE:/x)", ConfigurationError, "KRB5_CLIENT_KTNAME"),
    ("Something new", ConfigurationError, "Kerberos failed: Major (851968): Something new"),
)


@pytest.mark.parametrize(("said", "kind", "sentence"), CASES, ids=[case[0][:20] for case in CASES])
@pytest.mark.parametrize("is_hidden", [False, True])
def test_each_error_says_why_also_where_another_hides_it(
    said: str, kind: type[RollcallError], sentence: str, is_hidden: bool
) -> None:
    error: BaseException = GSSError(f"Major (851968): {said}")
    if is_hidden:
        # ldap3 gives the sign-in up, and what the controller answers to that is raised instead.
        try:
            try:
                raise error
            except GSSError:
                raise OSError("operationsError") from None
        except OSError as raised:
            raised.__context__ = error
            error = raised
    failure = failure_of(error, DC, "dc1.corp.example")
    assert type(failure) is kind
    assert sentence in failure.message
    assert "dc1.corp.example:636" in failure.message


def test_what_is_no_error_of_kerberos_is_left_alone() -> None:
    assert failure_of(OSError("refused"), DC, "dc1") is None
