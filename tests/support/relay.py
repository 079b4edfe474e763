"""Settings for a relay, as an administrator would have them."""

import base64
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def some_public_key() -> str:
    """A public key whose owner is nowhere."""
    key = Ed25519PrivateKey.generate().public_key()
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    return base64.b64encode(der).decode()


def absent_relay() -> dict[str, Any]:
    """The section of a relay that nobody serves, paired before: port 9 of this machine refuses."""
    return {
        "host": "127.0.0.1",
        "port": 9,
        "public_key": some_public_key(),
        "signing_key": base64.b64encode(bytes(32)).decode(),
        "timeout_seconds": 1,
    }
