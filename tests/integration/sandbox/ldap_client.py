"""An ordinary LDAP client, set up as the tests of a directory need it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPExceptionError


@contextmanager
def connect(
    url: str,
    user: str = "",
    password: str = "",
    *,
    ca: str | None = None,
    start_tls: bool = False,
    bind: bool = True,
    receive_timeout: int = 20,
) -> Iterator[ldap3.Connection]:
    """A bound connection, or an anonymous one without ``bind``; with ``ca`` it trusts only that authority."""
    address = urlsplit(url)
    # By its address a server is not recognised from Python 3.12 on (ldap3 knows no addresses in certificates).
    tls = ca and ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_data=ca, valid_names=["localhost"])
    server = ldap3.Server(
        str(address.hostname),
        port=address.port or 389,
        use_ssl=address.scheme == "ldaps",
        tls=tls or None,
        get_info=ldap3.NONE,
        connect_timeout=10,
    )
    connection = ldap3.Connection(
        server,
        user or None,
        password or None,
        receive_timeout=receive_timeout,
        raise_exceptions=True,
        # With empty ones ldap3 2.9.1 trips over attributes in ranges.
        return_empty_attributes=False,
    )
    try:
        connection.open()
        if start_tls:
            connection.start_tls()
        if bind:
            connection.bind()
        yield connection
    finally:
        # The server may have gone.
        with suppress(LDAPExceptionError):
            connection.unbind()
