"""The MD4 hash (RFC 1320), for one purpose: NTLM derives its key from the MD4 of the password (MS-NLMP 3.3.1).

Own code, because OpenSSL 3 no longer offers the hash and ldap3 has none of its own. Not for anything new.
"""

import struct

_MASK = 0xFFFFFFFF
_BLOCK_BYTES = 64
# The three rounds of RFC 1320 section 3.4: additive constant, order of the words, rotations.
_ROUNDS = (
    (0, tuple(range(16)), (3, 7, 11, 19)),
    (0x5A827999, tuple(word + step for word in range(4) for step in (0, 4, 8, 12)), (3, 5, 9, 13)),
    (0x6ED9EBA1, tuple(a + b for a in (0, 2, 1, 3) for b in (0, 8, 4, 12)), (3, 9, 11, 15)),
)


def md4(message: bytes) -> bytes:
    """The digest of 16 bytes."""
    padding = b"\x80" + b"\0" * ((-len(message) - 9) % _BLOCK_BYTES)
    padded = message + padding + struct.pack("<Q", len(message) * 8)
    state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
    for start in range(0, len(padded), _BLOCK_BYTES):
        state = _mixed(state, struct.unpack("<16I", padded[start : start + _BLOCK_BYTES]))
    return struct.pack("<4I", *state)


def nt_hash(password: str) -> bytes:
    """The key that Windows keeps of a password."""
    return md4(password.encode("utf-16-le"))


def _mixed(state: tuple[int, int, int, int], words: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for number, (constant, order, rotations) in enumerate(_ROUNDS):
        for position, word in enumerate(order):
            if number == 0:
                mix = (b & c) | (~b & d)
            elif number == 1:
                mix = (b & c) | (b & d) | (c & d)
            else:
                mix = b ^ c ^ d
            total = (a + (mix & _MASK) + words[word] + constant) & _MASK
            turn = rotations[position % 4]
            a, b, c, d = d, ((total << turn) | (total >> (32 - turn))) & _MASK, b, c
    return (
        (state[0] + a) & _MASK,
        (state[1] + b) & _MASK,
        (state[2] + c) & _MASK,
        (state[3] + d) & _MASK,
    )
