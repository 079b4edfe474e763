"""The relay's own key pair, made at the first start. The sync side pins its public half; the certificate around it
is only there because TLS wants one.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rollcall_relay.atomic import write_private

CERTIFICATE_NAME = "rollcall-relay"
# Nobody renews it: what is trusted is the key, and a new key means pairing anew.
_VALIDITY = timedelta(days=365 * 30)
# Clocks differ a little; a certificate must not be "not yet valid" on the other side.
_EARLIER = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """``file`` holds the private key and the certificate, ``public_key`` is what is pasted into the settings."""

    file: Path
    public_key: str


def own_key(folder: Path) -> OwnKey:
    """The key pair in the state folder; made where there is none.

    :raises RelayError: where the folder cannot be written.
    """
    file = folder / "key.pem"
    if not file.exists():
        write_private(file, _new_key())
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    return OwnKey(file, public_text(certificate))


def public_text(certificate: x509.Certificate) -> str:
    """The public key of a certificate in one line: Base64 of its SubjectPublicKeyInfo."""
    der = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def _new_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CERTIFICATE_NAME)])
    now = datetime.now(UTC)
    # An authority for itself, so that a client can make this one certificate its only trust anchor; with all that
    # strict verification asks of one (RFC 5280 section 4.2.1).
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _VALIDITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(CERTIFICATE_NAME)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
