"""What is said of names, certificates and clocks, and when nothing is."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.prerequisites import (
    address_advice,
    certificate_advice,
    certificate_end,
    clock_advice,
    http_time,
    version_advice,
)

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "host", ["pbx.example.com", "corp.example", "localhost", "127.0.0.1", "::1", "[::1]", "127.1.2.3"]
)
def test_a_full_name_and_this_very_host_need_no_advice(host: str) -> None:
    assert address_advice("relay.host", host) == []


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("pbx", "the short name 'pbx'"),
        ("192.0.2.7", "must never change"),
        ("[2001:db8::7]", "must never change"),
        ("169.254.3.4", "a self-assigned address"),
        ("fe80::1", "a self-assigned address"),
    ],
)
def test_other_ways_to_name_a_host_are_advised_against(host: str, said: str) -> None:
    (advice,) = address_advice("relay.host", host)
    assert advice.startswith("relay.host has ")
    assert said in advice


def test_a_certificate_is_to_be_renewed_in_its_last_month() -> None:
    def _said(days: float, later: float = 0) -> list[str]:
        looked_at = NOW + timedelta(days=later)
        return certificate_advice("the phone system", NOW + timedelta(days=days), looked_at)

    assert _said(31) == []
    (advice,) = _said(30)
    assert advice.startswith("The certificate of the phone system ends on 2026-12-28. Renew it")
    # The same every day, so that it is told once and not daily.
    assert _said(30, later=29.9) == [advice]


def test_without_a_certificate_or_a_clock_there_is_nothing_to_say() -> None:
    assert certificate_advice("it", None, NOW) == clock_advice("it", None, NOW) == []
    assert certificate_end(None) is certificate_end({}) is None


@given(st.timedeltas(min_value=timedelta(days=-300), max_value=timedelta(days=300)))
def test_a_clock_is_spoken_of_beyond_a_minute_and_in_the_right_direction(apart: timedelta) -> None:
    advice = clock_advice("dc1", NOW + apart, NOW)
    assert bool(advice) is (abs(apart) > timedelta(seconds=60))
    if advice:
        assert ("ahead of" in advice[0]) is (apart > timedelta(0))
        assert ("behind" in advice[0]) is (apart < timedelta(0))


@pytest.mark.parametrize(
    ("apart", "said"), [(61, "61 seconds ahead"), (599, "599 seconds"), (600, "10 minutes"), (-3600, "60 minutes behind")]
)  # fmt: skip
def test_how_far_a_clock_is_off_is_said_in_words_of_use(apart: int, said: str) -> None:
    assert said in clock_advice("dc1", NOW + timedelta(seconds=apart), NOW)[0]


@pytest.mark.parametrize(
    ("found", "oldest", "is_old"),
    [
        ("5.0.14", "6", True), ("6.0.0", "6", False), ("7.0.15", "6", False),
        ("3.9.27", "3.10", True), ("3.10.8", "3.10", False), ("4.1.0-rc.1", "3.10", False), ("", "6", True),
    ],
)  # fmt: skip
def test_a_version_is_compared_by_its_numbers(found: str, oldest: str, is_old: bool) -> None:
    advice = version_advice("Redis", found, oldest)
    assert bool(advice) is is_old
    assert all(f"Redis {oldest} or newer; this is" in sentence for sentence in advice)


def test_the_end_of_a_certificate_is_read_as_openssl_writes_it() -> None:
    assert certificate_end({"notAfter": "Mar  2 08:05:09 2029 GMT"}) == datetime(
        2029, 3, 2, 8, 5, 9, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Sat, 28 Nov 2026 09:00:00 GMT", NOW),
        ("Sat, 28 Nov 2026 10:00:00 +0100", NOW.astimezone(timezone(timedelta(hours=1)))),
        ("Sat, 28 Nov 2026 09:00:00 -0000", NOW),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_the_date_of_an_answer_is_read_or_is_none(text: str | None, moment: datetime | None) -> None:
    assert http_time(text) == moment


@given(st.text(max_size=60))
def test_no_text_of_a_server_breaks_the_reading_of_its_date(text: str) -> None:
    moment = http_time(text)
    assert moment is None or moment.tzinfo is not None
