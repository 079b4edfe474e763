"""The value of the DirSync control as it is on the wire (MS-ADTS 3.1.1.3.4.1.3)."""

import pytest

from services.collector.watching.asking import plain_dn
from services.collector.watching.dirsync import read_value, request_value
from shared import ber


def test_the_flags_are_a_number_of_four_bytes() -> None:
    # Object security and incremental values: 0x80000001, of which five bytes would be another number.
    flags, most, cookie = ber.element(request_value(b"abc")).children()
    assert flags.content == bytes.fromhex("80000001")
    assert most.integer() > 0
    assert cookie.content == b"abc"


@pytest.mark.parametrize("more", [0, 1])
def test_an_answer_says_whether_there_is_more_and_gives_the_next_cookie(more: int) -> None:
    value = ber.sequence(ber.integer(more), ber.integer(0), ber.octets(b"next"))
    assert read_value(value) == (bool(more), b"next")


@pytest.mark.parametrize(
    "value", [b"", b"junk", ber.sequence(ber.integer(0)), ber.sequence(ber.octets(b""), ber.octets(b""), b"")]
)
def test_what_is_no_answer_to_it_is_refused(value: bytes) -> None:
    with pytest.raises(ber.BerError):
        read_value(value)


@pytest.mark.parametrize(
    "dn", ["CN=Anna,DC=corp", "<GUID=1f>;CN=Anna,DC=corp", "<GUID=1f>;<SID=01>;CN=Anna,DC=corp"]
)
def test_a_name_is_told_without_the_identifiers_before_it(dn: str) -> None:
    assert plain_dn(dn) == "CN=Anna,DC=corp"
