"""What a server shows of itself before anybody trusts it: its certificates, in words and as PEM. Nothing here trusts."""

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from shared.language import declared, phrase

# Longer chains are nobody's; each is some 2 kB of an answer.
_LONGEST_CHAIN = 6


@dataclass(frozen=True, slots=True)
class Presented:
    """One certificate of a chain. Fingerprints are pairs of capitals: ``sha256`` as browsers show it, ``sha1`` without
    colons as Windows does (*thumbprint*). Times are UTC.
    """

    names: tuple[str, ...]
    subject: str
    issuer: str
    valid_from: datetime
    valid_until: datetime
    sha256: str
    sha1: str
    is_authority: bool
    pem: str


def presented_by(link: socket.socket, expected_name: str) -> str:
    """The chain that the server at the other end of the connection shows, its own first, as PEM; unchecked.

    :raises OSError: there is no TLS at the other end.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(link, server_hostname=expected_name) as wrapped:
        # Python 3.13 has a method for it; before, only the object within does.
        inner = wrapped if hasattr(wrapped, "get_unverified_chain") else wrapped._sslobj  # type: ignore[attr-defined]
        chain = inner.get_unverified_chain() or []
    shown = [item if isinstance(item, bytes) else item.public_bytes(_DER) for item in chain[:_LONGEST_CHAIN]]
    return "".join(ssl.DER_cert_to_PEM_cert(der) for der in shown)


def verification_failure(error: BaseException | None) -> int | None:
    """OpenSSL's code (X509_V_ERR_*) of the refused certificate behind an error; ``None`` when there is none."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_code
        error = error.__cause__ or error.__context__
    return None


def can_be_trusted(verify_code: object) -> bool:
    """Whether to trust the certificate would help: it is not out of date, and not for another name."""
    return verify_code not in (*NAME_CODES, *_DATE_CODES)


# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL's x509_vfy.h.
NAME_CODES = (62, 64)
# X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED.
_DATE_CODES = (9, 10)
# ``_ssl.ENCODING_DER``.
_DER = 2


def chain_of(pem: str) -> list[Presented]:
    """The certificates of a text in PEM, in its order; none when it is no such text."""
    try:
        return [_presented(certificate) for certificate in x509.load_pem_x509_certificates(pem.encode())]
    except ValueError:
        return []


def with_trust(trusted: str, sha256: str, shown: Sequence[Presented]) -> str | None:
    """What is trusted (PEM) and the one of these that has the fingerprint; ``None`` when none of them has it."""
    wanted = "".join(sha256.split()).replace(":", "").upper()
    for item in shown:
        if item.sha256.replace(":", "") == wanted:
            return f"{trusted.strip()}\n{item.pem}".lstrip()
    return None


def describe(certificate: x509.Certificate) -> str:
    """Names, issuer and expiry in words."""
    names = ", ".join(names_of(certificate)) or declared("no name")
    until = certificate.not_valid_after_utc
    ends = declared("expired") if until < datetime.now(UTC) else declared("valid until")
    issuer = certificate.issuer.rfc4514_string() or declared("nobody")
    return phrase(
        "for {names}, issued by {issuer}, {ends} {until} UTC",
        names=names,
        issuer=issuer,
        ends=ends,
        until=f"{until:%Y-%m-%d %H:%M}",
    )


def names_of(certificate: x509.Certificate) -> list[str]:
    """The host names and addresses a certificate is for; its common name when it lists none."""
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return [
            str(item.value) for item in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        ]
    addresses = [str(item) for item in listed.get_values_for_type(x509.IPAddress)]
    return [*listed.get_values_for_type(x509.DNSName), *addresses]


def _presented(certificate: x509.Certificate) -> Presented:
    return Presented(
        names=tuple(names_of(certificate)),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
        sha256=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        # Only beside the other, to find the certificate on Windows; what is trusted goes by SHA-256.
        sha1=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303
        is_authority=_is_authority(certificate),
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
    )


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
