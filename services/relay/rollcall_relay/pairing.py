"""Who may speak to the relay: one peer, known by its Ed25519 public key, which it proves to own a pairing code for.

A code is shown on the host only, is good once and for an hour. It has 80 bits, so guessing needs no limit; a limit
would let anybody use up the code.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rollcall_relay.atomic import write_private

CODE_SECONDS = 3600
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Peer:
    """The sync side that was paired."""

    key: str
    name: str
    paired_at: int

    def public_key(self) -> Ed25519PublicKey:
        """What its signatures are checked with."""
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(self.key))


class Pairing:
    """The code and the peer in one state folder. Read anew each time: a command may change them meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._code_file, self._peer_file = folder / "pairing.json", folder / "peer.json"

    def new_code(self) -> str:
        """A code for the next pairing; an earlier one is void. The peer stays until the code is used.

        :raises RelayError: where the state folder cannot be written.
        """
        text = base64.b32encode(secrets.token_bytes(10)).decode()
        document = {"sha256": _digest(text), "expires_at": int(time.time()) + CODE_SECONDS}
        write_private(self._code_file, json.dumps(document).encode())
        return "-".join(text[start : start + 4] for start in range(0, 16, 4))

    def pair(self, document: object) -> bool:
        """Make whoever knows the code the peer, in place of an earlier one; False for anything else."""
        if not isinstance(document, dict):
            return False
        code, key, name = (document.get(field) for field in ("code", "public_key", "name"))
        if not isinstance(code, str) or not isinstance(key, str) or not isinstance(name, str):
            return False
        if (
            not self._is_code(code)
            or not _is_ed25519(key)
            or len(name) > _LONGEST_NAME
            or not name.isprintable()
        ):
            return False
        # Void before it counts: killed in between, the code is lost and not good twice.
        self._code_file.unlink()
        peer = {"key": key, "name": name, "paired_at": int(time.time())}
        write_private(self._peer_file, json.dumps(peer).encode())
        return True

    def peer(self) -> Peer | None:
        """Who is paired."""
        try:
            return Peer(**json.loads(self._peer_file.read_bytes()))
        except FileNotFoundError:
            return None

    def _is_code(self, code: str) -> bool:
        try:
            known = json.loads(self._code_file.read_bytes())
        except FileNotFoundError:
            return False
        given = _digest("".join(character for character in code.upper() if character.isalnum()))
        return hmac.compare_digest(known["sha256"], given) and time.time() < known["expires_at"]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _is_ed25519(text: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
    return True
