"""TLS of the API's own, where no proxy ends it: with a certificate that the administrator names, or with one that is made
here and signed by itself, whose fingerprint people compare.

Files that change are taken up for new connections; those that cannot be used leave the ones before in place.
"""

import asyncio
import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from shared.errors import SettingsInvalid
from shared.private_files import private_folder, write_private

log = structlog.get_logger(__name__)

# Before that nothing is known of who connects; those of a slow line have done by then.
HANDSHAKE_SECONDS = 10.0
# The longest that Apple's systems take of any certificate.
VALID_FOR = timedelta(days=825)
MADE_AGAIN_BEFORE = timedelta(days=30)
_LOOK_EVERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Certificate with its chain, and key, as PEM. They may be one file."""

    certificate: Path
    key: Path


class ServerTls:
    """The context of new connections, renewed from its files.

    :raises SettingsInvalid: the files cannot be read, or do not belong together.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._ended = threading.Event()
        self._seen = self._changed_at()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load(self.context)

    def __enter__(self) -> "ServerTls":
        threading.Thread(target=self._look, name="certificate", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()

    def renew(self) -> bool:
        """Take up files that have changed; whether they had."""
        changed_at = self._changed_at()
        if changed_at == self._seen:
            return False
        self._seen = changed_at
        try:
            # Tried apart: a context that has failed would be left with half of them.
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load(self.context)
        except SettingsInvalid as error:
            log.error("certificate_not_taken_up", error=error.message)
            return False
        log.info("certificate_taken_up", sha256=fingerprint(self._files.certificate))
        return True

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_SECONDS):
            self.renew()

    def _load(self, context: ssl.SSLContext) -> None:
        files = self._files
        try:
            context.load_cert_chain(files.certificate, files.key, password=_no_password)
        except (OSError, ValueError) as error:
            # ssl.SSLError is an OSError as well, and its reason stands in capitals.
            reason = (
                getattr(error, "reason", None) or getattr(error, "strerror", None) or "not a key in PEM form"
            )
            raise SettingsInvalid(
                f"The certificate {files.certificate} and the key {files.key} cannot be used "
                f"({str(reason).replace('_', ' ').lower()}). Name PEM files that this user may read: the certificate "
                "with its chain, and its key without a password (ROLLCALL_TLS_CERTIFICATE, ROLLCALL_TLS_KEY)."
            ) from error

    def _changed_at(self) -> tuple[int, ...]:
        try:
            return tuple(file.stat().st_mtime_ns for file in (self._files.certificate, self._files.key))
        except OSError:
            return ()


class TlsLoop(asyncio.SelectorEventLoop):
    """The event loop of a server that speaks TLS: nobody keeps a connection open for long without a word."""

    async def create_server(self, *given: Any, **named: Any) -> asyncio.Server:
        """As asyncio's, with a bound for the handshake, which uvicorn has no setting for."""
        if named.get("ssl") is not None:
            named.setdefault("ssl_handshake_timeout", HANDSHAKE_SECONDS)
        return await super().create_server(*given, **named)


def own_certificate(folder: Path, host: str, now: datetime) -> TlsFiles:
    """The certificate that Rollcall made for itself, in the folder; made when there is none or it ends soon.

    ``host`` is the address that is listened on. It is good for every name by which this host knows itself.
    """
    files = TlsFiles(folder / "certificate.pem", folder / "key.pem")
    try:
        made = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        if files.key.exists() and made.not_valid_after_utc > now + MADE_AGAIN_BEFORE:
            return files
    except (OSError, ValueError):
        pass
    private_folder(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(key, _names(host), now)
    write_private(
        files.key,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )
    write_private(files.certificate, certificate.public_bytes(serialization.Encoding.PEM).decode())
    return files


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate of the file, as browsers show it: pairs of capital letters and digits."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return found.fingerprint(hashes.SHA256()).hex(":").upper()


def reachable_name(host: str) -> str:
    """A name or address by which others reach what listens on ``host``: the host's own where it is every address."""
    address = ipaddress.ip_address(host) if _is_address(host) else None
    if address is not None and address.is_unspecified:
        return next(name for name in _own_names() if not name.startswith("localhost"))
    return f"[{host}]" if address is not None and address.version == 6 else host


def _self_signed(key: ec.EllipticCurvePrivateKey, names: list[str], now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])])
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(item)) if _is_address(item) else x509.DNSName(item)
        for item in names
    ]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _names(host: str) -> list[str]:
    known = [*_own_names(), host, "localhost", "127.0.0.1", "::1"]
    usable = [name for name in known if _is_address(name) or name.isascii()]
    return [
        name
        for name in dict.fromkeys(usable)
        if not (_is_address(name) and ipaddress.ip_address(name).is_unspecified)
    ]


def _own_names() -> list[str]:
    """What this host calls itself, the best name first: with its domain, the address by which it reaches others, alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent; the address is one for documentation (RFC 5737).
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            address = ""
    return [name for name in (socket.getfqdn(), address, socket.gethostname()) if name]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _no_password() -> str:
    # OpenSSL would ask at the terminal, which a service has none of.
    return ""
