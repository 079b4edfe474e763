"""How dates are written for whom."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.api.access.date_format import DateFormat, format_of
from services.api.console import words
from services.api.console.clock import Clock
from shared.language import phrase, spoken

EVENING = datetime(2026, 3, 4, 22, 5, 9, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("chosen", "written"),
    [
        (None, "04/03/2026 11:05:09 PM"),
        ("dd/mm/yyyy", "04/03/2026 11:05:09 PM"),
        ("mm/dd/yyyy", "03/04/2026 11:05:09 PM"),
        ("dd.mm.yyyy", "04.03.2026 23:05:09"),
        ("yyyy-mm-dd", "2026-03-04 23:05:09"),
        ("%s", "04/03/2026 11:05:09 PM"),
    ],
)
def test_a_moment_is_written_as_chosen_in_the_readers_zone(chosen: str | None, written: str) -> None:
    assert words.stamp(EVENING, Clock(BERLIN, format_of(chosen))) == written


def test_a_reader_of_german_who_has_chosen_no_format_reads_german_dates() -> None:
    with spoken("de"):
        assert words.stamp(EVENING, Clock(BERLIN, format_of(None))) == "04.03.2026 23:05:09"
        assert words.stamp(EVENING, Clock(BERLIN, format_of("yyyy-mm-dd"))) == "2026-03-04 23:05:09"


def test_a_check_of_a_site_is_named_in_the_readers_language_and_keeps_the_sites_letters() -> None:
    check = phrase("settings of {site_id}", site_id="Oslo")
    assert words.CHECKS[check] == "Settings of Oslo"
    with spoken("de"):
        assert words.CHECKS[check] == "Einstellungen von Oslo"


def test_every_format_can_be_told_from_the_others() -> None:
    assert len({Clock(BERLIN, item).stamp(EVENING) for item in DateFormat}) == len(DateFormat)


def test_no_moment_is_nothing() -> None:
    assert words.stamp(None, Clock(BERLIN)) == ""


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("Read at 2026-03-04 22:05 UTC from dc1.", "Read at 04.03.2026 23:05:00 from dc1."),
        ("2026-03-04T22:05:09+00:00: done.", "04.03.2026 23:05:09: done."),
        ("Order 2026-03-04 22:05 stays, and so does 12026-03-04 22:05 UTC.",) * 2,
    ],
)
def test_moments_in_a_sentence_are_those_of_the_reader(text: str, local: str) -> None:
    assert words.local(text, Clock(BERLIN, DateFormat.GERMAN)) == local
