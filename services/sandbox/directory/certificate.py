"""A certificate authority and a server certificate for one run of the sandbox, made on the spot."""

import ipaddress
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALIDITY = timedelta(days=825)
# Clocks of containers differ a little; a certificate should not be "not yet valid" on one of them.
_EARLIER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """What a server needs, and the certificate of the authority for its clients."""

    ca: str
    certificate: str
    key: str = field(repr=False)

    def context(self) -> ssl.SSLContext:
        """The settings of a TLS server with this certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # The ssl module reads a certificate from files only.
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
            certificate.write_text(self.certificate)
            key.touch(0o600)
            key.write_text(self.key)
            context.load_cert_chain(certificate, key)
        return context


def make_certificate(
    host_name: str, addresses: tuple[str, ...] = ("127.0.0.1",), validity: timedelta = _VALIDITY
) -> ServerCertificate:
    """A certificate for the host name, ``localhost`` and the addresses (or further names), from an authority that
    signs nothing else.
    """
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rollcall sandbox authority")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host_name)])
    alternatives: list[x509.GeneralName] = [x509.DNSName(host_name), x509.DNSName("localhost")]
    alternatives += [_alternative(address) for address in addresses]
    authority = (
        _builder(ca_name, ca_name, ca_key.public_key(), validity)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        _builder(name, ca_name, key.public_key(), validity)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    return ServerCertificate(_pem(authority), _pem(server), _key_pem(key))


def _alternative(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, validity: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + validity)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    # Python 3.13 verifies strictly: an authority without keyCertSign is refused (RFC 5280 section 4.2.1.3).
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
