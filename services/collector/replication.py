"""What one controller has of the changes made on others: the value of ``replUpToDateVector``. Pure."""

import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

_HEADER = struct.Struct("<IIII")
# Version 1 has no time (MS-DRSR 5.165 UPTODATE_VECTOR_V1_EXT); version 2 has (5.166).
_CURSOR_BYTES = {1: 24, 2: 32}
_WITH_TIMES = 2
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
# The year 9999, counted in seconds.
_MOST_SECONDS = 300_000_000_000


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
        source = _source(value, start)
        number = int.from_bytes(value[start + 16 : start + 24], "little")
        # The lower of two for one source: the other would be a claim that nothing supports.
        known[source] = min(number, known.get(source, number))
    return known


def read_times(value: bytes) -> dict[str, datetime]:
    """By invocationId, when the controller last heard of that one; nothing where the value holds no times."""
    if not read_vector(value) or _HEADER.unpack_from(value)[0] != _WITH_TIMES:
        return {}
    found: dict[str, datetime] = {}
    for start in range(_HEADER.size, len(value), _CURSOR_BYTES[_WITH_TIMES]):
        seconds = int.from_bytes(value[start + 24 : start + 32], "little")
        # Seconds since 1601 here (DSTIME, MS-DRSR 5.53), where Samba writes tenths of a microsecond.
        with suppress(OverflowError):
            ticks = seconds if seconds > _MOST_SECONDS else seconds * 10_000_000
            found[_source(value, start)] = _EPOCH + timedelta(microseconds=ticks // 10)
    return found


def _source(value: bytes, start: int) -> str:
    return str(UUID(bytes_le=value[start : start + 16]))


def read_invocation_id(value: bytes) -> str:
    """The identity of a controller as a source of changes; empty when the value is none."""
    return str(UUID(bytes_le=value)) if len(value) == 16 else ""
