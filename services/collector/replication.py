"""What one controller has of the changes made on others: the value of ``replUpToDateVector``. Pure."""

import struct
from uuid import UUID

_HEADER = struct.Struct("<IIII")
# Version 1 has no time (MS-DRSR 5.165 UPTODATE_VECTOR_V1_EXT); version 2 has (5.166).
_CURSOR_BYTES = {1: 24, 2: 32}


def read_vector(value: bytes) -> dict[str, int]:
    """By invocationId, the highest originating update sequence number known; nothing when the value cannot be read.

    A value that is cut off or of an unknown version proves nothing, so none of it is used.
    """
    if len(value) < _HEADER.size:
        return {}
    version, _, count, _ = _HEADER.unpack_from(value)
    size = _CURSOR_BYTES.get(version)
    if size is None or len(value) != _HEADER.size + count * size:
        return {}
    known: dict[str, int] = {}
    for start in range(_HEADER.size, len(value), size):
        source = str(UUID(bytes_le=value[start : start + 16]))
        number = int.from_bytes(value[start + 16 : start + 24], "little")
        # The lower of two for one source: the other would be a claim that nothing supports.
        known[source] = min(number, known.get(source, number))
    return known


def read_invocation_id(value: bytes) -> str:
    """The identity of a controller as a source of changes; empty when the value is none."""
    return str(UUID(bytes_le=value)) if len(value) == 16 else ""
