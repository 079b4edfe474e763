"""Checks that a request comes from the peer, is what the peer sent, is fresh and was not seen before.

The signature covers this relay's key, the method, the target, the time, the nonce and the body, so that nothing of a
request can be used for another, or for another relay. Nonces are kept on the disk: a restart forgets none.
"""

import base64
import binascii
import hashlib
import re
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature

from rollcall_relay.errors import RelayError
from rollcall_relay.pairing import Pairing

FRESH_SECONDS = 60
"""How far the peer's clock and the relay's may differ, and how long a request is good."""

TIME, NONCE, SIGNATURE = "rollcall-time", "rollcall-nonce", "rollcall-signature"
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)


class Refused(Exception):
    """The reason is for the relay's own log, never for the answer."""


def signed_text(relay_key: str, method: str, target: str, at: str, nonce: str, body: bytes) -> bytes:
    """What is signed: six lines and the SHA-256 of the body."""
    lines = ("rollcall-relay-1", relay_key, method, target, at, nonce, hashlib.sha256(body).hexdigest())
    return "\n".join(lines).encode()


class Signatures:
    """The check, with its memory of nonces. Used by one thread.

    :raises RelayError: where the memory cannot be opened; without it nothing is served.
    """

    def __init__(self, folder: Path, relay_key: str) -> None:
        self._pairing = Pairing(folder)
        self._relay_key = relay_key
        try:
            self._seen = sqlite3.connect(folder / "nonces.sqlite3", isolation_level=None)
            self._seen.execute("PRAGMA synchronous = FULL")
            self._seen.execute(
                "CREATE TABLE IF NOT EXISTS nonces (nonce TEXT PRIMARY KEY, forget_at INTEGER) WITHOUT ROWID"
            )
        except sqlite3.Error as error:
            raise RelayError(
                "state_not_writable", f"The memory of requests in {folder} cannot be used: {error}."
            ) from error

    def check_head(self, headers: Mapping[str, str]) -> None:
        """What can be refused before the body is read.

        :raises Refused: for a request that is not signed, or not fresh.
        """
        at, nonce = headers.get(TIME, ""), headers.get(NONCE, "")
        if not _TIME.fullmatch(at) or not _NONCE.fullmatch(nonce) or SIGNATURE not in headers:
            raise Refused("not signed")
        if abs(time.time() - int(at)) > FRESH_SECONDS:
            raise Refused(f"its time {at} is not within {FRESH_SECONDS} s of the clock here")
        if self._pairing.peer() is None:
            raise Refused("nobody is paired")

    def check(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """The whole check; the request counts as seen when it returns.

        :raises Refused: for anything but a new request of the peer.
        """
        self.check_head(headers)
        peer = self._pairing.peer()
        if peer is None:
            raise Refused("nobody is paired")
        at, nonce = headers[TIME], headers[NONCE]
        try:
            signature = base64.b64decode(headers[SIGNATURE], validate=True)
            peer.public_key().verify(signature, signed_text(self._relay_key, method, target, at, nonce, body))
        except (binascii.Error, InvalidSignature, ValueError) as error:
            raise Refused("its signature is not the peer's") from error
        self._remember(nonce, int(at))

    def close(self) -> None:
        """Close the memory."""
        self._seen.close()

    def _remember(self, nonce: str, at: int) -> None:
        try:
            self._seen.execute("DELETE FROM nonces WHERE forget_at < ?", (int(time.time()),))
            # Kept until its time can no longer be fresh.
            self._seen.execute("INSERT INTO nonces VALUES (?, ?)", (nonce, at + FRESH_SECONDS + 1))
        except sqlite3.IntegrityError as error:
            raise Refused("it was seen before") from error
        except sqlite3.Error as error:
            raise Refused(f"it cannot be remembered: {error}") from error
