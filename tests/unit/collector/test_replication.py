"""The up-to-dateness vector of a controller, as Samba and Windows store it."""

import struct
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.collector.replication import read_invocation_id, read_times, read_vector

A, B = UUID(int=1), UUID("7aa9dc3b-0a4b-4d6b-a0d1-6a2f5d1d8a21")
_USN = st.integers(0, 2**64 - 1)


def _vector(known: dict[UUID, int], version: int = 2) -> bytes:
    head = struct.pack("<IIII", version, 0, len(known), 0)
    time = b"\1" * 8 if version == 2 else b""
    return head + b"".join(
        source.bytes_le + struct.pack("<Q", number) + time for source, number in known.items()
    )


@pytest.mark.parametrize("unit", [1, 10_000_000])
def test_when_another_was_last_heard_of_is_read_in_seconds_and_in_tenths_of_microseconds(unit: int) -> None:
    moment = datetime(2026, 11, 30, 8, tzinfo=UTC)
    ticks = int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * unit
    value = _vector({B: 1})[:-8] + struct.pack("<Q", ticks)
    assert read_times(value) == {str(B): moment}


@given(st.binary(max_size=16))
def test_no_time_breaks_it(time: bytes) -> None:
    whole = _vector({B: 1})
    assert len(read_times(whole[:-8] + time.ljust(8, b"\xff")[:8])) <= 1
    assert read_times(_vector({B: 1}, 1)) == read_times(time) == {}


def test_a_vector_is_read_by_invocation_id() -> None:
    value = bytes.fromhex(
        "02000000 00000000 01000000 00000000 3bdca97a4b0a6b4da0d16a2f5d1d8a21 e60e000000000000 0080ff1f6b61dc01"
    )
    assert read_vector(value) == {str(B): 3814}


@given(st.dictionaries(st.uuids(), _USN, max_size=5), st.sampled_from([1, 2]))
def test_what_a_controller_stores_is_read_back(known: dict[UUID, int], version: int) -> None:
    assert read_vector(_vector(known, version)) == {str(source): number for source, number in known.items()}


@given(st.dictionaries(st.uuids(), _USN, min_size=1, max_size=3), st.data())
def test_a_value_that_is_cut_off_proves_nothing(known: dict[UUID, int], data: st.DataObject) -> None:
    whole = _vector(known)
    length = data.draw(st.integers(0, len(whole) - 1))
    assert read_vector(whole[:length]) == {}


@given(st.binary(max_size=200))
def test_malformed_bytes_never_crash_and_never_claim_more_than_they_hold(value: bytes) -> None:
    found = read_vector(value)
    assert len(found) <= max(0, len(value) - 16) // 24
    assert all(0 <= number < 2**64 for number in found.values())


def test_a_version_nobody_knows_proves_nothing() -> None:
    assert read_vector(struct.pack("<IIII", 3, 0, 1, 0) + b"\0" * 32) == {}


def test_of_two_numbers_of_one_source_the_lower_counts() -> None:
    one, other = (A.bytes_le + struct.pack("<QQ", number, 0) for number in (9, 5))
    assert read_vector(struct.pack("<IIII", 2, 0, 2, 0) + one + other) == {str(A): 5}


def test_an_invocation_id_is_sixteen_bytes_or_none() -> None:
    assert read_invocation_id(B.bytes_le) == str(B)
    assert read_invocation_id(b"") == read_invocation_id(b"x" * 15) == ""
