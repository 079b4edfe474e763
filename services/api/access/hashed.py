"""What is stored of a credential that is long and random: its hash alone, by which it is found."""

import hashlib


def token_hash(token: str) -> str:
    """SHA-256; passwords, which can be guessed, are hashed by ``passwords``."""
    return hashlib.sha256(token.encode()).hexdigest()
