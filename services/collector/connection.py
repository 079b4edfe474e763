"""Opens one signed-in connection to one domain controller, or says exactly why it cannot.

Called by ``active_directory``. ldap3 opens, protects and binds; searching is ``reader``'s. The password is sent
only after the certificate was checked, except in the clear text mode that an administrator must choose twice.
"""

import hashlib
import math
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import ldap3

from services.collector.address import Address, check_resolves
from services.collector.certificate import CheckedTls, rejected, trusting
from services.collector.errors import translate
from shared.errors import ConfigurationError, EncryptionRequired, SettingsInvalid
from shared.settings.documents import Authentication, DirectorySettings, Security

_METHODS: dict[Authentication, dict[str, Any]] = {
    Authentication.SIMPLE: {"authentication": ldap3.SIMPLE},
    Authentication.NTLM: {"authentication": ldap3.NTLM},
    Authentication.KERBEROS: {"authentication": ldap3.SASL, "sasl_mechanism": ldap3.KERBEROS},
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds: for each step until signed in, and then until something of an answer arrives."""

    connect: float
    receive: float


def open_connection(settings: DirectorySettings, address: Address, timeouts: Timeouts) -> ldap3.Connection:
    """A connection that is protected and signed in.

    :raises RollcallError: the exact reason why not; never with the password in it.
    """
    check_can_sign_in(settings)
    check_resolves(address)
    expected_name = settings.tls_name or address.host
    tls = CheckedTls(trusting(settings.ca_certificate), expected_name)
    connection = _connection(settings, address, tls, timeouts)
    try:
        connection.open(read_server_info=False)
        if settings.security is Security.STARTTLS:
            connection.start_tls(read_server_info=False)
        connection.bind(read_server_info=False)
        connection.socket.settimeout(timeouts.receive)
    except (ldap3.core.exceptions.LDAPException, OSError) as error:
        close(connection)
        if tls.failure is not None:
            raise rejected(
                tls.failure,
                address,
                expected_name,
                start_tls=settings.security is Security.STARTTLS,
                timeout=timeouts.connect,
            ) from error
        raise translate(error, str(address), settings.user) from error
    except BaseException:
        close(connection)
        raise
    return connection


def close(connection: ldap3.Connection) -> None:
    """End the connection; a connection that is gone already is not an error."""
    if connection.socket is not None:
        with suppress(OSError):
            connection.socket.close()


def check_can_sign_in(settings: DirectorySettings) -> None:
    """Nothing, when signing in can be tried at all with these settings.

    :raises ConfigurationError: naming what is missing.
    """
    if settings.security is Security.PLAIN and not settings.allow_plain:
        raise EncryptionRequired(
            "directory.security is 'plain': the password would be sent readable. Use ldaps or starttls."
        )
    if settings.authentication is Authentication.KERBEROS:
        if find_spec("gssapi") is None:
            raise ConfigurationError(
                "Kerberos needs the package gssapi, which is not installed. Install Rollcall with the extra "
                "'kerberos' (pip install rollcall[kerberos]), or choose another directory.authentication."
            )
        return
    if not settings.user or not settings.password.get_secret_value():
        raise SettingsInvalid(
            "The account to read the directory with is missing. Set directory.user and directory.password."
        )
    if settings.authentication is Authentication.NTLM and not _has_md4():
        raise ConfigurationError(
            "NTLM needs the MD4 hash, which this host's OpenSSL does not offer. Choose directory.authentication "
            "'simple' (over ldaps or starttls) or 'kerberos'."
        )


def _has_md4() -> bool:
    try:
        hashlib.new("md4", usedforsecurity=False)
    except ValueError:
        return find_spec("Crypto") is not None
    return True


def _connection(
    settings: DirectorySettings, address: Address, tls: CheckedTls, timeouts: Timeouts
) -> ldap3.Connection:
    server = ldap3.Server(
        address.host,
        port=address.port,
        use_ssl=settings.security is Security.LDAPS,
        tls=None if settings.security is Security.PLAIN else tls,
        get_info=ldap3.NONE,
        connect_timeout=timeouts.connect,
    )
    options = dict(_METHODS[settings.authentication])
    if settings.authentication is Authentication.KERBEROS:
        # The ticket is for the name the controller is known by, which an address is not.
        options["sasl_credentials"] = (settings.tls_name or address.host,)
    else:
        options |= {"user": settings.user, "password": settings.password.get_secret_value()}
    return ldap3.Connection(
        server,
        client_strategy=ldap3.SYNC,
        auto_bind=ldap3.AUTO_BIND_NONE,
        auto_referrals=False,
        raise_exceptions=True,
        # Whole seconds, because ldap3 packs it into a C long.
        receive_timeout=math.ceil(timeouts.connect),
        **options,
    )
