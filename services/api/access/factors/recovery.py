"""Recovery codes: ten, each good once, for whoever has lost the app or passkey. Pure but for chance.

Each has 80 random bits, so that a plain SHA-256 keeps it as well as a slow hash would.
"""

import base64
import hashlib
import secrets

HOW_MANY = 10
_BYTES = 10
_GROUP = 4


def new_codes() -> list[str]:
    """Fresh codes as people read them: ``abcd-efgh-ijkl-mnop``."""
    return [_written(base64.b32encode(secrets.token_bytes(_BYTES)).decode().lower()) for _ in range(HOW_MANY)]


def digest(code: str) -> str | None:
    """What is kept of a code, however it is typed; ``None`` when it cannot be one."""
    bare = "".join(character for character in code.lower() if character.isalnum())
    if len(bare) != _BYTES * 8 // 5 or not bare.isascii():
        return None
    return hashlib.sha256(bare.encode()).hexdigest()


def _written(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))
