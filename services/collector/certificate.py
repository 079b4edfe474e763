"""Checks domain controllers' certificates, always, and says what is wrong with one in full.

Called by ``connection``. OpenSSL itself compares the name (ldap3's own comparison knows no IP addresses since
Python 3.12), and the error it gives is kept, which ldap3 would flatten into text.
"""

import socket
import ssl
from datetime import UTC, datetime
from typing import Any

import ldap3
from cryptography import x509

from services.collector.address import Address
from shared.certificates import NAME_CODES, describe, presented_by
from shared.errors import CertificateRejected, SettingsInvalid
from shared.language import declared, phrase
from shared.tls import kept_for_a_while

# ExtendedRequest 1.3.6.1.4.1.1466.20037, message 1 (RFC 4511 section 4.14.1).
_START_TLS = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"


@kept_for_a_while
def trusting(ca_certificate: str) -> ssl.SSLContext:
    """A context that checks certificate and name, trusting the given CA (PEM), or the system's when empty.

    :raises SettingsInvalid: ``ca_certificate`` is not PEM.
    """
    try:
        context = ssl.create_default_context(cadata=ca_certificate or None)
    except (ssl.SSLError, ValueError, TypeError) as error:
        # TypeError is what Python makes of text that is not ASCII.
        raise SettingsInvalid(
            declared(
                "directory.ca_certificate is not a certificate in PEM format (-----BEGIN CERTIFICATE-----). "
                "Export the CA's certificate as Base-64."
            )
        ) from error
    # An issuing CA may be trusted without its root: administrators are asked for the one that signed.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Python 3.13 asks for extensions that older Active Directory CAs leave out; the signature counts.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class CheckedTls(ldap3.Tls):
    """ldap3's TLS with a context of ours. ``failure`` keeps why the certificate was refused."""

    def __init__(self, context: ssl.SSLContext, expected_name: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self.context = context
        self.expected_name = expected_name
        self.failure: ssl.SSLCertVerificationError | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """Wrap and shake hands at once, so that nothing is sent before the certificate is known to be right."""
        try:
            connection.socket = self.context.wrap_socket(
                connection.socket, server_hostname=self.expected_name
            )
        except ssl.SSLCertVerificationError as error:
            self.failure = error
            raise


def rejected(
    failure: ssl.SSLCertVerificationError,
    address: Address,
    expected_name: str,
    *,
    start_tls: bool,
    timeout: float,
) -> CertificateRejected:
    """The refusal as an error that says what the certificate is and what to do."""
    presented = _fetch(address, expected_name, start_tls=start_tls, timeout=timeout)
    certificate = x509.load_pem_x509_certificate(presented.encode()) if presented else None
    shown = phrase(" It is {describe}.", describe=describe(certificate)) if certificate else ""
    return CertificateRejected(
        phrase(
            "Domain controller {address}: its certificate was refused: {verify_message}.{certificate} {advice}",
            address=address,
            verify_message=failure.verify_message.rstrip("."),
            certificate=shown,
            advice=_advice(failure, certificate, expected_name),
        ),
        server=str(address),
        verify_code=failure.verify_code,
        presented=presented,
    )


def _advice(
    failure: ssl.SSLCertVerificationError, certificate: x509.Certificate | None, expected_name: str
) -> str:
    now = datetime.now(UTC)
    if (
        certificate is not None
        and not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    ):
        return declared("Renew the controller's certificate (or check the clock of Rollcall's host).")
    if failure.verify_code in NAME_CODES:
        return phrase(
            "It is not for '{expected_name}'. Write one of its names in directory.servers, or set "
            "directory.tls_name.",
            expected_name=expected_name,
        )
    return declared("Put the certificate of the CA that signed it into directory.ca_certificate.")


def _fetch(address: Address, expected_name: str, *, start_tls: bool, timeout: float) -> str:
    """The chain that the server shows, unchecked: only to be talked about. Empty when it shows none any more."""
    try:
        with socket.create_connection((address.host, address.port), timeout=timeout) as link:
            if start_tls:
                link.sendall(_START_TLS)
                link.recv(4096)
            return presented_by(link, expected_name)
    except (OSError, ValueError):
        return ""
