"""Signs a connection in with NTLM, by pyspnego: bound to the TLS channel, or sealing every message where there is none.

SASL with the mechanism GSS-SPNEGO (MS-ADTS 5.1.1.1), which Windows and Samba take; ldap3's own NTLM is the older Sicily
bind, knows no channel binding, and needs the MD4 that OpenSSL no longer has. A controller that requires channel binding
or signing takes these sign-ins (MS-NLMP 2.2.2.1 MsvAvChannelBindings, 3.4).
"""

import io
import socket
import struct
from typing import Any

import ldap3
import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from ldap3.core.exceptions import LDAPSocketReceiveError
from ldap3.protocol.sasl.sasl import send_sasl_negotiation
from spnego.channel_bindings import GssChannelBindings

_MECHANISM = "GSS-SPNEGO"
_KEY_EXCHANGE = 0x40000000
"""NTLMSSP_NEGOTIATE_KEY_EXCH (MS-NLMP 2.2.2.5)."""
_LENGTH = struct.Struct(">I")
_MOST_SEALED_BYTES = 16 * 1024 * 1024
"""Of one message from the controller; its answers are pieces of a page."""

# Over TLS no layer of NTLM's own: a controller refuses two.
_SEALED = spnego.ContextReq.integrity | spnego.ContextReq.confidentiality | spnego.ContextReq.sequence_detect


def bind(connection: ldap3.Connection, user: str, password: str, host: str, *, is_encrypted: bool) -> None:
    """Sign in as ``user`` (``DOMAIN\\name``); ``host`` is the name of the controller.

    Where the connection is not encrypted, all that follows on it is sealed by NTLM.

    :raises LDAPException: the controller refuses, answers what is no NTLM, or ends the connection.
    """
    raw = connection.socket
    context = spnego.client(
        user,
        password,
        hostname=host,
        service="ldap",
        protocol="ntlm",
        channel_bindings=channel_bindings(raw) if is_encrypted else None,
        context_req=spnego.ContextReq.none if is_encrypted else _SEALED,
    )
    if is_encrypted:
        # Without signing pyspnego sends a session key of one byte where keys are exchanged, and Samba refuses that
        # ("invalid length"). Nothing is sealed with it: no key is offered. A test on a real controller holds this.
        context._context_req &= ~_KEY_EXCHANGE
    connection.sasl_mechanism = _MECHANISM
    asked = send_sasl_negotiation(connection, None, context.step())  # type: ignore[no-untyped-call]
    try:
        answer = context.step(asked["saslCreds"])
    # Whatever pyspnego makes of bytes that are no challenge: it unpacks them as they come.
    except Exception as error:
        raise LDAPSocketReceiveError(f"what it answered to NTLM is no challenge ({error})") from error
    send_sasl_negotiation(connection, None, answer)  # type: ignore[no-untyped-call]
    if not is_encrypted:
        connection.socket = SealedSocket(raw, context)
    connection.bound = True


def channel_bindings(raw: Any) -> GssChannelBindings:
    """What ties the sign-in to this TLS channel: the digest of the controller's certificate (RFC 5929 section 4.1)."""
    encoded = raw.getpeercert(binary_form=True)
    algorithm = x509.load_der_x509_certificate(encoded).signature_hash_algorithm
    if algorithm is None or isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(encoded)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())


class SealedSocket(io.RawIOBase):
    """A socket on which everything is sealed, as SASL has it: the length, then the sealed message (RFC 4422 section 3.7)."""

    def __init__(self, raw: socket.socket, context: spnego.ContextProxy) -> None:
        self._raw = raw
        self._context = context
        self._opened = b""

    def sendall(self, data: bytes) -> None:
        """Seal and send."""
        sealed = self._context.wrap(data, encrypt=True).data
        self._raw.sendall(_LENGTH.pack(len(sealed)) + sealed)

    def recv(self, most: int) -> bytes:
        """At most so many bytes of what was opened; empty when the controller closed the connection.

        :raises OSError: a message is too long, or was not sealed by the controller.
        """
        if not self._opened:
            head = self._exactly(_LENGTH.size)
            if not head:
                return b""
            (length,) = _LENGTH.unpack(head)
            if length > _MOST_SEALED_BYTES:
                raise OSError(f"a sealed message of {length} bytes")
            try:
                self._opened = self._context.unwrap(self._exactly(length)).data
            except spnego.exceptions.SpnegoError as error:
                raise OSError("a message that the controller has not sealed") from error
        part, self._opened = self._opened[:most], self._opened[most:]
        return part

    def makefile(self, mode: str, buffering: int) -> io.BufferedReader:
        """As of a socket, for reading alone."""
        return io.BufferedReader(self, buffering)

    def readable(self) -> bool:
        """It can be read as a file."""
        return True

    def readinto(self, buffer: Any) -> int:
        """What ``BufferedReader`` calls."""
        part = self.recv(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def settimeout(self, seconds: float | None) -> None:
        """As of a socket."""
        self._raw.settimeout(seconds)

    def shutdown(self, how: int) -> None:
        """As of a socket."""
        self._raw.shutdown(how)

    def close(self) -> None:
        """As of a socket."""
        self._raw.close()
        super().close()

    def _exactly(self, length: int) -> bytes:
        """So many bytes, or none when the connection ended before."""
        data = bytearray()
        while len(data) < length:
            part = self._raw.recv(length - len(data))
            if not part:
                return b""
            data += part
        return bytes(data)
