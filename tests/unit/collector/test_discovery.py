"""The site in a controller's answer to a ping (MS-ADTS 6.3.1.9), whatever the answer is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.collector.discovery import site_of

# Of a Samba controller; the last two names are that of its own site and a pointer to it.
ANSWER = bytes.fromhex(
    "170000009d1100001f8874b962cfd243942af9d59c8ae53e04636f727007657861" "6d706c65047465737400c01803646331c01804434f52500003444331"
    "00001744656661756c742d46697273742d536974652d4e616d6500c03f05000000ffffffff"
)  # fmt: skip


def test_our_site_is_the_last_name() -> None:
    assert site_of(ANSWER) == "Default-First-Site-Name"


@pytest.mark.parametrize("length", [0, 10, 24, 40, 60, 85])
def test_a_cut_off_answer_tells_no_site(length: int) -> None:
    assert site_of(ANSWER[:length]) == ""


def test_another_kind_of_answer_tells_no_site() -> None:
    assert site_of(b"\x13" + ANSWER[1:]) == ""


@given(st.binary(max_size=200))
def test_nothing_that_is_answered_breaks_it(answer: bytes) -> None:
    assert isinstance(site_of(b"\x17\x00" + answer), str)


def test_names_that_point_to_each_other_end() -> None:
    assert site_of(ANSWER[:24] + b"\xc0\x18" * 8) == ""
