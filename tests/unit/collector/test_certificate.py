"""What is said of a certificate, and which ones a context will trust."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from services.collector.certificate import trusting
from services.sandbox.directory.certificate import make_certificate
from shared.certificates import describe, names_of
from shared.errors import SettingsInvalid


def _bare(days: int) -> x509.Certificate:
    """Without alternative names, as old authorities made them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old-dc")])
    until = datetime.now(UTC) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(until - timedelta(days=30))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )


def test_a_certificate_is_described_by_names_issuer_and_expiry() -> None:
    made = make_certificate("dc1.corp.example", ("192.0.2.1",))
    shown = x509.load_pem_x509_certificate(made.certificate.encode())
    assert names_of(shown) == ["dc1.corp.example", "localhost", "192.0.2.1"]
    assert (
        "for dc1.corp.example, localhost, 192.0.2.1, issued by CN=Rollcall sandbox authority, valid until 20"
        in (describe(shown))
    )


def test_the_common_name_counts_only_where_there_is_no_other() -> None:
    assert names_of(_bare(10)) == ["old-dc"]


def test_an_expired_certificate_is_described_as_expired() -> None:
    assert ", expired 2" in describe(_bare(-1))
    assert ", valid until 2" in describe(_bare(1))


@pytest.mark.parametrize(
    "text", ["hello", "Zertifikät", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"directory\.ca_certificate is not a certificate in PEM"):
        trusting(text)


@pytest.mark.parametrize("ca", ["", make_certificate("dc").ca])
def test_a_context_always_checks_certificate_and_name(ca: str) -> None:
    context = trusting(ca)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
