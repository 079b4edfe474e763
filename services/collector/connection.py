"""Opens one signed-in connection to one domain controller, or says exactly why it cannot.

Called by ``active_directory``. ldap3 opens, protects and binds; searching is ``reader``'s. The password is sent
only after the certificate was checked, except in the clear text mode that an administrator must choose twice.
"""

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import ldap3

from services.collector import kerberos, ntlm
from services.collector.address import Address, check_resolves
from services.collector.certificate import CheckedTls, rejected, trusting
from services.collector.errors import translate
from shared.distribution import install_with
from shared.errors import (
    ConfigurationError,
    DirectoryUnavailable,
    EncryptionRequired,
    RollcallError,
    SettingsInvalid,
)
from shared.language import declared, phrase
from shared.settings.documents import Authentication, DirectorySettings, Security
from shared.settings.sections.directory import domain_of

_METHODS: dict[Authentication, dict[str, Any]] = {
    Authentication.SIMPLE: {"authentication": ldap3.SIMPLE},
    # Signed in by ntlm.py once it is open.
    Authentication.NTLM: {"authentication": ldap3.ANONYMOUS},
    Authentication.KERBEROS: {"authentication": ldap3.SASL, "sasl_mechanism": ldap3.KERBEROS},
}
# Active Directory takes no login name for a simple bind that is not one of a domain.
_BARE_NAME = re.compile(r"[^@\\=\s]+")
_PLAIN_PORT = 389
_LOGON_NAME = re.compile(r"[^\\\s]+\\[^\\]+")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds: for each step until signed in, and then until something of an answer arrives."""

    connect: float
    receive: float


def open_connection(
    settings: DirectorySettings, address: Address, timeouts: Timeouts, host: str = ""
) -> ldap3.Connection:
    """A connection that is protected and signed in; ``host`` is one of the IP addresses of the name.

    :raises RollcallError: the exact reason why not; never with the password in it.
    """
    check_can_sign_in(settings)
    if not host:
        check_resolves(address)
    expected_name = settings.tls_name or address.host
    tls = CheckedTls(trusting(settings.ca_certificate), expected_name)
    connection = _connection(settings, address, tls, timeouts, host or address.host)
    try:
        connection.open(read_server_info=False)
        if settings.security is Security.STARTTLS:
            connection.start_tls(read_server_info=False)
        _bind(connection, settings, address, expected_name)
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
        raise _hinted(translate(error, str(address), settings.user), address, settings) from error
    except BaseException:
        close(connection)
        raise
    return connection


def _bind(connection: ldap3.Connection, settings: DirectorySettings, address: Address, name: str) -> None:
    if settings.authentication is Authentication.SIMPLE and _BARE_NAME.fullmatch(settings.user):
        connection.user = _with_domain(connection, settings.user)
    if settings.authentication is not Authentication.NTLM:
        try:
            connection.bind(read_server_info=False)
        # The errors of gssapi are no kind of ldap3's, nor known before it is installed.
        except Exception as error:
            failure = kerberos.failure_of(error, address, name)
            if failure is None:
                raise
            raise failure from error
        return
    password = settings.password.get_secret_value()
    is_encrypted = settings.security is not Security.PLAIN
    ntlm.bind(connection, settings.user, password, name, is_encrypted=is_encrypted)


def _with_domain(connection: ldap3.Connection, user: str) -> str:
    """The user with the controller's domain, which it tells before anybody signs in (MS-ADTS 3.1.1.3.2)."""
    connection.search("", "(objectClass=*)", ldap3.BASE, attributes=["defaultNamingContext"])
    for entry in connection.response or ():
        for value in entry.get("raw_attributes", {}).get("defaultNamingContext", ()):
            return f"{user}@{domain_of(value.decode())}"
    return user


def close(connection: ldap3.Connection) -> None:
    """End the connection; a connection that is gone already is not an error."""
    if connection.socket is not None:
        with suppress(OSError):
            connection.socket.close()


def check_can_sign_in(settings: DirectorySettings) -> None:
    """Check that signing in can be tried at all with these settings.

    :raises ConfigurationError: naming what is missing.
    """
    if settings.security is Security.PLAIN and not settings.allow_plain:
        raise EncryptionRequired(
            declared(
                "directory.security is 'plain': the password would be sent unencrypted. Use ldaps or "
                "starttls."
            )
        )
    if settings.authentication is Authentication.KERBEROS:
        if find_spec("gssapi") is None:
            raise ConfigurationError(
                phrase(
                    "Kerberos needs the package gssapi, which is not installed. Install Rollcall with the extra "
                    "'kerberos' ({install_with}), or choose another way to sign in under Active Directory.",
                    install_with=install_with("kerberos"),
                )
            )
        return
    if not settings.user or not settings.password.get_secret_value():
        raise SettingsInvalid(
            declared(
                "The account for reading the directory is missing. Enter its user name and password in the settings under "
                "Active Directory."
            )
        )
    if settings.authentication is Authentication.NTLM and not _LOGON_NAME.fullmatch(settings.user):
        raise SettingsInvalid(
            phrase(
                "NTLM needs the user as DOMAIN\\name, and '{user}' is not. Correct it in the settings under "
                "Active Directory, or choose another way to sign in.",
                user=settings.user,
            )
        )


def _hinted(failure: RollcallError, address: Address, settings: DirectorySettings) -> RollcallError:
    """What a refusal means for the way to sign in that was chosen, where that way makes the difference."""
    if (
        settings.security is Security.LDAPS
        and address.port == _PLAIN_PORT
        and isinstance(failure, DirectoryUnavailable)
    ):
        return ConfigurationError(
            phrase(
                "Domain controller {address}: port {plain_port} does not speak LDAPS. Set directory.security "
                "to 'starttls', or leave the port out of directory.servers, which means 636.",
                address=address,
                plain_port=_PLAIN_PORT,
            ),
            server=str(address),
        )
    if settings.authentication is Authentication.SIMPLE:
        return failure
    if isinstance(failure, EncryptionRequired) and settings.security is not Security.PLAIN:
        return ConfigurationError(
            phrase(
                (
                    "Domain controller {address}: it accepts neither NTLM nor Kerberos inside TLS, as Samba does "
                    "unless 'ldap server require strong auth' is 'allow_sasl_over_tls'. Choose "
                    "directory.authentication 'simple'."
                ),
                address=address,
            )
        )
    if settings.authentication is Authentication.NTLM and isinstance(failure, DirectoryUnavailable):
        failure.message += declared(
            " If it always fails like this, the controller does not accept NTLM: choose "
            "directory.authentication 'simple' (over ldaps or starttls) or 'kerberos'."
        )
        failure.args = (failure.message,)
    return failure


def _connection(
    settings: DirectorySettings, address: Address, tls: CheckedTls, timeouts: Timeouts, host: str
) -> ldap3.Connection:
    server = ldap3.Server(
        host,
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
    elif settings.authentication is Authentication.SIMPLE:
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
