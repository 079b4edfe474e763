"""Seals short texts that travel over something others can write to: unreadable, and good for one place alone.

AES-256-GCM with a key derived from the secret key. What a text is good for (direction, kind, id, ...) is part of the
seal and does not travel: who opens it must know it. A text that is old, or that was sealed for something else, is as
worthless as one that was made up.
"""

import base64
import binascii
import json
import os
import time
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.encryption import Encryption
from shared.language import declared, phrase

_PURPOSE = declared("questions and answers 1")
_NONCE_BYTES = 12
# How long a text is must not tell what it says: whether a PIN was right, for example.
_BLOCK_CHARACTERS = 512
# Clocks of two hosts differ; more than this is said by `rollcall doctor`.
CLOCKS_DIFFER_SECONDS = 60.0
# Far more than the longest list of attributes.
_LONGEST = 16 * 2**20


class NotGenuine(Exception):
    """Nobody who has the key sealed this for this place. ``reason`` says what is wrong with it, for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def seal(encryption: Encryption, value: Any, good_for: Sequence[str]) -> str:
    """The JSON value, readable only with the key and only where ``good_for`` is known."""
    text = json.dumps({"at": time.time(), "value": value}, default=str)
    padded = text + " " * (-len(text) % _BLOCK_CHARACTERS)
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(encryption.derived(_PURPOSE)[0]).encrypt(nonce, padded.encode(), _place(good_for))
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(encryption: Encryption, sealed: object, good_for: Sequence[str], seconds: float) -> Any:
    """The value back, when it was sealed for the same place within the last ``seconds`` (and what clocks may differ).

    :raises NotGenuine: it was not.
    """
    if not isinstance(sealed, str | bytes) or len(sealed) > _LONGEST:
        raise NotGenuine(declared("is no sealed text"))
    try:
        raw = base64.b64decode(sealed, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise NotGenuine(declared("is no sealed text")) from None
    text = _opened(encryption, raw, _place(good_for))
    content = json.loads(text)
    age = time.time() - content["at"]
    if not -CLOCKS_DIFFER_SECONDS <= age <= seconds + CLOCKS_DIFFER_SECONDS:
        raise NotGenuine(phrase("was sealed {age:.0f} s ago; check the clocks of both hosts", age=age))
    return content["value"]


def _opened(encryption: Encryption, raw: bytes, place: bytes) -> bytes:
    for key in encryption.derived(_PURPOSE):
        try:
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place)
        except (InvalidTag, ValueError):
            continue
    raise NotGenuine(declared("was sealed for something else, with another key, or changed"))


def _place(good_for: Sequence[str]) -> bytes:
    return json.dumps(list(good_for)).encode()
